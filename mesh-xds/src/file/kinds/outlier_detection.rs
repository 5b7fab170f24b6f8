//! `OutlierDetection`.

use mesh_core::policy::{OutlierDetection, Percent};

use super::common::whole_percent;
use crate::file::{
    reader::Val,
    schema::{Schema, enforced, ignored, not_yet},
};

/// `OutlierDetection`, and the panic threshold that comes with it.
#[derive(Clone, Debug)]
pub(crate) struct OutlierSettings {
    pub(crate) detection: OutlierDetection,
    pub(crate) min_health_percent: Percent,
}

pub(super) const SCHEMAS: &[&Schema] = &[&OUTLIER_DETECTION];

static OUTLIER_DETECTION: Schema = Schema::new(
    "OutlierDetection",
    &[
        enforced("consecutive5xxErrors"),
        enforced("consecutiveGatewayErrors"),
        enforced("splitExternalLocalOriginErrors"),
        enforced("consecutiveLocalOriginFailures"),
        enforced("interval"),
        enforced("baseEjectionTime"),
        enforced("maxEjectionPercent"),
        enforced("minHealthPercent"),
        ignored(
            "consecutiveErrors",
            "is deprecated, and Istio ignores it; use consecutive5xxErrors",
        ),
        not_yet("outlierDetectionHttpErrorCodes"),
    ],
);

/// As istiod's `applyOutlierDetection`: a count that is set and not 0 is enforced fully, one that
/// is 0 not at all, and the panic threshold becomes `minHealthPercent`, so 0 unless it is set.
pub(super) fn read(value: &Val<'_>) -> Option<OutlierSettings> {
    let obj = value.object(&OUTLIER_DETECTION)?;
    if let Some(codes) = obj.unenforced("outlierDetectionHttpErrorCodes") {
        for code in codes.list() {
            let _ = code.integer(100, 599);
        }
    }
    let enforcing = |n: u32| {
        if n > 0 {
            Percent::HUNDRED
        } else {
            Percent::ZERO
        }
    };
    let mut detection = OutlierDetection {
        always_eject_one_host: true,
        origin: obj.at().origin(),
        ..OutlierDetection::default()
    };
    if let Some(n) = obj.uint32("consecutive5xxErrors") {
        detection.consecutive_5xx = n;
        detection.enforcing_consecutive_5xx = enforcing(n);
    }
    if let Some(n) = obj.uint32("consecutiveGatewayErrors") {
        detection.consecutive_gateway_failure = n;
        detection.enforcing_consecutive_gateway_failure = enforcing(n);
    }
    detection.split_external_local_origin_errors = obj.boolean("splitExternalLocalOriginErrors");
    if let Some(n) = obj
        .uint32("consecutiveLocalOriginFailures")
        .filter(|n| *n > 0)
    {
        detection.consecutive_local_origin_failure = n;
    }
    if let Some(interval) = obj.duration("interval") {
        detection.interval = interval;
    }
    if let Some(base) = obj.duration("baseEjectionTime") {
        detection.base_ejection_time = base;
        detection.max_ejection_time = detection.max_ejection_time.max(base);
    }
    if let Some(max) = obj
        .get("maxEjectionPercent")
        .and_then(|v| whole_percent(&v))
        && max > Percent::ZERO
    {
        detection.max_ejection_percent = max;
    }
    Some(OutlierSettings {
        detection,
        min_health_percent: obj
            .get("minHealthPercent")
            .and_then(|v| whole_percent(&v))
            .unwrap_or(Percent::ZERO),
    })
}
