//! Timeouts and retries of a route.

use mesh_core::policy::{ResetHeaderFormat, RetryPolicy, Timeouts};
use serde_json::{Value, json};

use super::{NotEnvoys, matching::header_matchers, seconds};
use crate::Result;

/// Sets what `timeouts` says on a `RouteAction`. Without a timeout Envoy's own would be 15 s.
pub(super) fn set_timeouts(action: &mut Value, timeouts: &Timeouts) {
    let Timeouts {
        timeout,
        idle_timeout,
        max_stream_duration,
        max_grpc_timeout,
        grpc_timeout_header_max,
        grpc_timeout_offset,
    } = timeouts;
    action["timeout"] = json!(seconds(timeout.unwrap_or_default()));
    if let Some(idle) = idle_timeout {
        action["idle_timeout"] = json!(seconds(*idle));
    }
    if let Some(max) = max_grpc_timeout {
        action["max_grpc_timeout"] = json!(seconds(*max));
        action["grpc_timeout_offset"] = json!(seconds(*grpc_timeout_offset));
    }
    if max_stream_duration.is_some() || grpc_timeout_header_max.is_some() {
        let max = max_stream_duration.unwrap_or_default();
        action["max_stream_duration"] = json!({"max_stream_duration": seconds(max)});
    }
    if let Some(max) = grpc_timeout_header_max {
        let stream = &mut action["max_stream_duration"];
        stream["grpc_timeout_header_max"] = json!(seconds(*max));
        stream["grpc_timeout_header_offset"] = json!(seconds(*grpc_timeout_offset));
    }
}

pub(super) fn retry_policy(policy: &RetryPolicy) -> Result<Value> {
    let RetryPolicy {
        retry_on,
        num_retries,
        per_try_timeout,
        retriable_status_codes,
        retriable_headers,
        retriable_request_headers,
        back_off,
        rate_limited_back_off,
        previous_hosts,
        host_selection_retry_max_attempts,
    } = policy;
    if !back_off.minimum().is_zero() {
        return Err(NotEnvoys("back-off minimum").into());
    }
    let codes: Vec<u16> = retriable_status_codes.iter().map(|c| c.as_u16()).collect();
    let mut value = json!({
        "retry_on": retry_on.to_string(),
        "num_retries": num_retries,
        "retriable_status_codes": codes,
        "retriable_headers": header_matchers(retriable_headers)?,
        "retriable_request_headers": header_matchers(retriable_request_headers)?,
        "retry_back_off": {
            "base_interval": seconds(back_off.base()),
            "max_interval": seconds(back_off.max()),
        },
        "host_selection_retry_max_attempts": host_selection_retry_max_attempts,
    });
    if let Some(timeout) = per_try_timeout {
        value["per_try_timeout"] = json!(seconds(*timeout));
    }
    if *previous_hosts {
        value["retry_host_predicate"] = json!([{
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"},
        }]);
    }
    if let Some(limited) = rate_limited_back_off {
        let headers: Vec<_> = limited
            .reset_headers
            .iter()
            .map(|header| {
                json!({
                    "name": header.name.as_str(),
                    "format": match header.format {
                        ResetHeaderFormat::Seconds => "SECONDS",
                        ResetHeaderFormat::UnixTimestamp => "UNIX_TIMESTAMP",
                    },
                })
            })
            .collect();
        value["rate_limited_retry_back_off"] = json!({
            "reset_headers": headers,
            "max_interval": seconds(limited.max_interval),
        });
    }
    Ok(value)
}
