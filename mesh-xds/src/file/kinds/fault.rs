//! `HTTPFaultInjection`.

use http::StatusCode;
use mesh_core::policy::{Abort, Delay, Fault, FractionalPercent};

use crate::file::{
    problem::NoteKind,
    reader::{Obj, Val},
    schema::{Schema, enforced, not_yet},
};

pub(super) const SCHEMAS: &[&Schema] = &[&FAULT, &DELAY, &ABORT, &PERCENT];

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

static PERCENT: Schema = Schema::new("Percent", &[enforced("value")]);

pub(super) fn read(value: &Val<'_>) -> Option<Fault> {
    let obj = value.object(&FAULT)?;
    if obj.is_empty() {
        obj.fail("", "must have a delay or an abort");
    }
    let delay = obj.get("delay").and_then(|v| {
        let obj = v.object(&DELAY)?;
        Some(Delay {
            fixed_delay: obj.required("fixedDelay")?.positive_duration()?,
            percentage: percentage(&v, &obj, true)?,
        })
    });
    let abort = obj.get("abort").and_then(|v| {
        let obj = v.object(&ABORT)?;
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

/// Without a percentage a fault happens to nobody, as in Istio.
fn percentage(value: &Val<'_>, obj: &Obj<'_>, deprecated: bool) -> Option<FractionalPercent> {
    if let Some(percentage) = obj.object("percentage", &PERCENT) {
        let Some(value) = percentage.get("value") else {
            return Some(FractionalPercent::per_million(0));
        };
        let number = value.number()?;
        return FractionalPercent::try_from_f64(number)
            .map_err(|e| value.fail(e.to_string()))
            .ok();
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
