//! `HTTPFaultInjection`.

use http::StatusCode;
use mesh_core::policy::{Abort, Delay, Fault, FractionalPercent};

use super::common::percent;
use crate::file::{
    problem::NoteKind,
    reader::{Obj, Val, unknown},
    schema::{Schema, enforced, nearest, not_yet},
};

pub(super) const SCHEMAS: &[&Schema] = &[&FAULT, &DELAY, &ABORT];

static FAULT: Schema = Schema::new(
    "HTTPFaultInjection",
    &[enforced("delay"), enforced("abort")],
);

static DELAY: Schema = Schema::new(
    "HTTPFaultInjection.Delay",
    &[
        enforced("fixedDelay"),
        enforced("percentage"),
        enforced("percent"),
        not_yet("exponentialDelay"),
    ],
);

static ABORT: Schema = Schema::new(
    "HTTPFaultInjection.Abort",
    &[
        enforced("httpStatus"),
        enforced("percentage"),
        not_yet("grpcStatus"),
        not_yet("http2Error"),
    ],
);

pub(super) fn read(value: &Val<'_>) -> Option<Fault> {
    let obj = value.object(&FAULT)?;
    if obj.is_empty() {
        obj.fail("", "must have a delay or an abort");
    }
    let delay = obj.get("delay").and_then(|v| {
        let obj = v.object(&DELAY)?;
        if let Some(v) = obj.unenforced("exponentialDelay") {
            let _ = v.positive_duration();
        }
        Some(Delay {
            fixed_delay: obj.required("fixedDelay")?.positive_duration()?,
            percentage: percentage(&v, &obj, true)?,
        })
    });
    let abort = obj.get("abort").and_then(|v| {
        let obj = v.object(&ABORT)?;
        if let Some(v) = obj.unenforced("grpcStatus") {
            grpc_status(&v);
            return None;
        }
        Some(Abort {
            http_status: status(&obj.required("httpStatus")?)?,
            percentage: percentage(&v, &obj, false)?,
        })
    });
    Some(Fault { delay, abort })
}

fn status(value: &Val<'_>) -> Option<StatusCode> {
    let code = value.integer(200, 599)?;
    StatusCode::from_u16(u16::try_from(code).ok()?).ok()
}

/// The names of gRPC's status codes, which Istio takes for `grpcStatus`.
const GRPC_CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

fn grpc_status(value: &Val<'_>) {
    if let Some(text) = value.text()
        && !GRPC_CODES.contains(&&*text)
    {
        value.fail(unknown("status", &text, nearest(&text, GRPC_CODES)));
    }
}

/// Without a percentage a fault happens to nobody, as in Istio.
fn percentage(value: &Val<'_>, obj: &Obj<'_>, deprecated: bool) -> Option<FractionalPercent> {
    if let Some(percentage) = obj.get("percentage") {
        if deprecated && let Some(percent) = obj.get("percent") {
            percent.note(NoteKind::Ignored, "`percentage` takes its place");
        }
        return percent(&percentage);
    }
    if deprecated && let Some(percent) = obj.get("percent") {
        let number = u32::try_from(percent.integer(0, 100)?).ok()?;
        return Some(FractionalPercent::per_hundred(number));
    }
    value.note(
        NoteKind::Warning,
        "without a percentage this fault happens to 0 % of requests",
    );
    Some(FractionalPercent::per_million(0))
}
