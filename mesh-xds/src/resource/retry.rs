//! `RetryPolicy`.

use http::StatusCode;
use mesh_core::policy::{
    RateLimitedBackOff, ResetHeader, ResetHeaderFormat, RetryBackOff, RetryOn, RetryPolicy,
};

use super::{
    matcher::{header_matchers, list},
    report::At,
    value::{header_name, is, optional_duration, positive},
};
use crate::pb::{
    previous_hosts::PreviousHostsPredicate,
    route::{
        self,
        retry_policy::{
            RateLimitedRetryBackOff, ResetHeaderFormat as PbFormat, RetryHostPredicate,
            retry_host_predicate::ConfigType,
        },
    },
};

pub(super) fn retry_policy(at: &At<'_>, pb: &route::RetryPolicy) -> Option<RetryPolicy> {
    let limited = pb.rate_limited_retry_back_off.as_ref();
    let mut policy = RetryPolicy::new(
        retry_on(&at.field("retry_on"), &pb.retry_on),
        pb.num_retries.unwrap_or(1),
    );
    let timeout = at.field("per_try_timeout");
    policy.per_try_timeout = optional_duration(&timeout, pb.per_try_timeout.as_ref())
        .filter(|timeout| !timeout.is_zero());
    let codes = at.field("retriable_status_codes");
    policy.retriable_status_codes = list(&codes, &pb.retriable_status_codes, status);
    policy.retriable_headers =
        header_matchers(&at.field("retriable_headers"), &pb.retriable_headers);
    policy.retriable_request_headers = header_matchers(
        &at.field("retriable_request_headers"),
        &pb.retriable_request_headers,
    );
    if let Some(pb) = &pb.retry_back_off {
        let at = at.field("retry_back_off");
        let base = at.field("base_interval");
        let base = positive(&base, base.required(pb.base_interval.as_ref()));
        let max = positive(&at.field("max_interval"), pb.max_interval.as_ref());
        policy.back_off = at.ok(RetryBackOff::try_new(base?, max))?;
    }
    policy.rate_limited_back_off =
        limited.and_then(|pb| rate_limited(&at.field("rate_limited_retry_back_off"), pb));
    let predicates = at.field("retry_host_predicate");
    for (i, pb) in pb.retry_host_predicate.iter().enumerate() {
        policy.previous_hosts |= is_previous_hosts(&predicates.index(i), pb);
    }
    let attempts = at.field("host_selection_retry_max_attempts");
    policy.host_selection_retry_max_attempts = match pb.host_selection_retry_max_attempts {
        0 => 1,
        n => attempts.ok(u32::try_from(n).map_err(|_| format!("{n} is out of range")))?,
    };
    Some(policy)
}

/// The known tokens. Envoy passes over unknown ones, and so do we, but not in silence.
fn retry_on(at: &At<'_>, text: &str) -> RetryOn {
    let mut on = RetryOn::NONE;
    for token in text.split(',').map(str::trim).filter(|t| !t.is_empty()) {
        match RetryOn::from_token(token) {
            Some(bit) => on = on.or(bit),
            None => at.ignored(format!("`{token}` is no retry condition that is known")),
        }
    }
    on
}

fn status(at: &At<'_>, code: &u32) -> Option<StatusCode> {
    let code = u16::try_from(*code)
        .ok()
        .and_then(|c| StatusCode::from_u16(c).ok());
    if code.is_none() {
        at.fail("is no HTTP status");
    }
    code
}

fn rate_limited(at: &At<'_>, pb: &RateLimitedRetryBackOff) -> Option<RateLimitedBackOff> {
    let headers = at.field("reset_headers");
    if pb.reset_headers.is_empty() {
        headers.fail("is required");
    }
    let max = positive(&at.field("max_interval"), pb.max_interval.as_ref());
    Some(RateLimitedBackOff {
        reset_headers: list(&headers, &pb.reset_headers, |at, pb| {
            Some(ResetHeader {
                name: header_name(&at.field("name"), &pb.name)?,
                format: match pb.format() {
                    PbFormat::Seconds => ResetHeaderFormat::Seconds,
                    PbFormat::UnixTimestamp => ResetHeaderFormat::UnixTimestamp,
                },
            })
        }),
        max_interval: max.unwrap_or(std::time::Duration::from_secs(300)),
    })
}

fn is_previous_hosts(at: &At<'_>, pb: &RetryHostPredicate) -> bool {
    match &pb.config_type {
        Some(ConfigType::TypedConfig(any)) if is::<PreviousHostsPredicate>(any) => true,
        // Before typed_config there was the name alone, and Envoy still takes it.
        None if pb.name == "envoy.retry_host_predicates.previous_hosts" => true,
        Some(_) | None => {
            at.unsupported(&pb.name);
            false
        }
    }
}
