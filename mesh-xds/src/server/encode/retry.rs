//! `RetryPolicy`.

use mesh_core::policy::{RateLimitedBackOff, ResetHeader, ResetHeaderFormat, RetryPolicy};

use super::{
    Encoder,
    value::{any, duration},
};
use crate::pb::{
    previous_hosts::PreviousHostsPredicate,
    route::{
        self,
        retry_policy::{
            RateLimitedRetryBackOff, ResetHeader as PbHeader, ResetHeaderFormat as PbFormat,
            RetryBackOff, RetryHostPredicate, retry_host_predicate::ConfigType,
        },
    },
};

impl Encoder<'_> {
    pub(super) fn retry_policy(&mut self, policy: &RetryPolicy) -> Option<route::RetryPolicy> {
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
            self.lost(
                "retry_policy.retry_back_off",
                "has a minimum, which xDS has not: a retry waits from 0 on",
            );
        }
        if self.is_grpc() {
            self.grpc_retry(policy);
        }
        let predicate = previous_hosts.then(|| RetryHostPredicate {
            name: "envoy.retry_host_predicates.previous_hosts".to_owned(),
            config_type: Some(ConfigType::TypedConfig(any(&PreviousHostsPredicate {}))),
        });
        Some(route::RetryPolicy {
            retry_on: retry_on.to_string(),
            num_retries: Some(*num_retries),
            per_try_timeout: per_try_timeout.map(duration),
            retry_host_predicate: predicate.into_iter().collect(),
            host_selection_retry_max_attempts: (*host_selection_retry_max_attempts).into(),
            retriable_status_codes: retriable_status_codes
                .iter()
                .map(|code| code.as_u16().into())
                .collect(),
            retry_back_off: Some(RetryBackOff {
                base_interval: Some(duration(back_off.base())),
                max_interval: Some(duration(back_off.max())),
            }),
            rate_limited_retry_back_off: rate_limited_back_off.as_ref().map(rate_limited),
            retriable_headers: self.header_matchers(retriable_headers)?,
            retriable_request_headers: self.header_matchers(retriable_request_headers)?,
        })
    }
}

fn rate_limited(back_off: &RateLimitedBackOff) -> RateLimitedRetryBackOff {
    let RateLimitedBackOff {
        reset_headers,
        max_interval,
    } = back_off;
    let header = |header: &ResetHeader| PbHeader {
        name: header.name.to_string(),
        format: match header.format {
            ResetHeaderFormat::Seconds => PbFormat::Seconds,
            ResetHeaderFormat::UnixTimestamp => PbFormat::UnixTimestamp,
        }
        .into(),
    };
    RateLimitedRetryBackOff {
        reset_headers: reset_headers.iter().map(header).collect(),
        max_interval: Some(duration(*max_interval)),
    }
}
