//! `OutlierDetection`.

use mesh_core::policy::{OutlierDetection, Percent};

use super::{
    report::At,
    value::{optional_duration, positive, whole_percent},
};
use crate::pb::cluster;

pub(super) fn outlier_detection(
    at: &At<'_>,
    pb: &cluster::OutlierDetection,
) -> Option<OutlierDetection> {
    let percent = |name, value: Option<u32>, default| match value {
        Some(_) => whole_percent(&at.field(name), value),
        None => Some(default),
    };
    let default = OutlierDetection::default();
    // Ejection by rates has no engine yet; a share of 0 asks for none.
    for (name, value) in [
        ("enforcing_success_rate", pb.enforcing_success_rate),
        (
            "enforcing_failure_percentage",
            pb.enforcing_failure_percentage,
        ),
    ] {
        if value.is_some_and(|share| share > 0) {
            at.field(name).unsupported("other than 0");
        }
    }
    let base_ejection_time = positive(
        &at.field("base_ejection_time"),
        pb.base_ejection_time.as_ref(),
    );
    let base_ejection_time = base_ejection_time.unwrap_or(default.base_ejection_time);
    let max = positive(
        &at.field("max_ejection_time"),
        pb.max_ejection_time.as_ref(),
    );
    let interval = positive(&at.field("interval"), pb.interval.as_ref());
    let jitter = at.field("max_ejection_time_jitter");
    let jitter = optional_duration(&jitter, pb.max_ejection_time_jitter.as_ref());
    Some(OutlierDetection {
        consecutive_5xx: pb.consecutive_5xx.unwrap_or(default.consecutive_5xx),
        enforcing_consecutive_5xx: percent(
            "enforcing_consecutive_5xx",
            pb.enforcing_consecutive_5xx,
            Percent::HUNDRED,
        )?,
        consecutive_gateway_failure: pb
            .consecutive_gateway_failure
            .unwrap_or(default.consecutive_gateway_failure),
        enforcing_consecutive_gateway_failure: percent(
            "enforcing_consecutive_gateway_failure",
            pb.enforcing_consecutive_gateway_failure,
            Percent::ZERO,
        )?,
        consecutive_local_origin_failure: pb
            .consecutive_local_origin_failure
            .unwrap_or(default.consecutive_local_origin_failure),
        enforcing_consecutive_local_origin_failure: percent(
            "enforcing_consecutive_local_origin_failure",
            pb.enforcing_consecutive_local_origin_failure,
            Percent::HUNDRED,
        )?,
        split_external_local_origin_errors: pb.split_external_local_origin_errors,
        interval: interval.unwrap_or(default.interval),
        base_ejection_time,
        max_ejection_time: max.unwrap_or(default.max_ejection_time.max(base_ejection_time)),
        max_ejection_time_jitter: jitter.unwrap_or_default(),
        max_ejection_percent: percent(
            "max_ejection_percent",
            pb.max_ejection_percent,
            default.max_ejection_percent,
        )?,
        always_eject_one_host: pb.always_eject_one_host.unwrap_or(false),
        origin: at.origin(),
    })
}
