//! `HTTPRouteTimeouts`, `HTTPRouteRetry`, and the API's durations (GEP-2257).

use std::time::Duration;

use http::StatusCode;
use mesh_core::policy::{RetryBackOff, RetryOn, RetryPolicy};

use super::schema;
use crate::file::{
    kinds::retry::default_policy,
    reader::{Obj, Val},
    schema::{Schema, enforced},
};

pub(super) const SCHEMAS: &[&Schema] = &[&TIMEOUTS, &RETRY];

static TIMEOUTS: Schema = schema(
    "HTTPRouteTimeouts",
    &[enforced("request"), enforced("backendRequest")],
);

static RETRY: Schema = schema(
    "HTTPRouteRetry",
    &[enforced("codes"), enforced("attempts"), enforced("backoff")],
);

/// `request` and `backendRequest`; `0s` switches either off.
pub(super) fn timeouts(rule: &Obj<'_>) -> (Option<Duration>, Option<Duration>) {
    let Some(obj) = rule.object("timeouts", &TIMEOUTS) else {
        return (None, None);
    };
    let read = |field| {
        let duration = duration(&obj.get(field)?)?;
        (!duration.is_zero()).then_some(duration)
    };
    let (request, backend) = (read("request"), read("backendRequest"));
    if let (Some(request), Some(backend)) = (request, backend)
        && backend > request
    {
        obj.fail("backendRequest", "must not be longer than `request`");
    }
    (request, backend)
}

/// The stanza retries what was not processed, as without it, and also connection errors that
/// happen later, and the codes. `attempts` counts retries; the default is Istio's.
pub(super) fn read(value: &Val<'_>) -> Option<RetryPolicy> {
    let obj = value.object(&RETRY)?;
    let mut policy = default_policy();
    policy.retry_on = policy.retry_on.or(RetryOn::RESET);
    if let Some(attempts) = obj.get("attempts") {
        policy.num_retries = u32::try_from(attempts.integer(1, i64::from(i32::MAX))?).ok()?;
    }
    for value in obj.list("codes") {
        let code = value.integer(400, 599)?;
        let code = StatusCode::from_u16(u16::try_from(code).ok()?).ok()?;
        policy.retriable_status_codes.push(code);
    }
    if let Some(value) = obj.get("backoff") {
        let minimum = duration(&value)?;
        if !minimum.is_zero() {
            match RetryBackOff::try_new(minimum, None) {
                Ok(back_off) => policy.back_off = back_off.with_minimum(minimum),
                Err(e) => value.fail(e.to_string()),
            }
        }
    }
    Some(policy)
}

/// `^([0-9]{1,5}(h|m|s|ms)){1,4}$`: fewer forms than Go's.
fn duration(value: &Val<'_>) -> Option<Duration> {
    let text = value.text()?;
    let units = text.bytes().filter(u8::is_ascii_alphabetic).count();
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_digit() || b"hms".contains(&b));
    if !plain || units == 0 || text.len() > 4 * 7 {
        value.fail("must be a duration such as 10s, 500ms or 1h30m");
        return None;
    }
    value.duration()
}
