//! `DestinationRule`.

use std::sync::Arc;

use mesh_core::policy::Metadata;

use super::{
    common::ExportTo,
    traffic_policy::{self, TrafficPolicy},
};
use crate::file::{
    host,
    problem::At,
    reader::Val,
    schema::{Schema, enforced, not_yet},
};

/// A `DestinationRule`'s spec.
#[derive(Debug)]
pub(crate) struct DestinationRule {
    /// As written.
    pub(crate) host: Arc<str>,
    pub(crate) policy: Option<Arc<TrafficPolicy>>,
    pub(crate) subsets: Vec<Arc<Subset>>,
    pub(crate) export_to: ExportTo,
}

/// A named part of a service's endpoints.
#[derive(Debug)]
pub(crate) struct Subset {
    pub(crate) at: At,
    pub(crate) name: Arc<str>,
    /// Empty selects every endpoint.
    pub(crate) labels: Metadata,
    pub(crate) policy: Option<TrafficPolicy>,
}

pub(super) const SCHEMAS: &[&Schema] = &[&DESTINATION_RULE, &SUBSET];

static DESTINATION_RULE: Schema = Schema::new(
    "DestinationRule",
    &[
        enforced("host"),
        enforced("trafficPolicy"),
        enforced("subsets"),
        enforced("exportTo"),
        not_yet("workloadSelector"),
    ],
);

static SUBSET: Schema = Schema::new(
    "Subset",
    &[
        enforced("name"),
        enforced("labels"),
        enforced("trafficPolicy"),
    ],
);

pub(super) fn read(value: &Val<'_>) -> Option<DestinationRule> {
    let obj = value.object(&DESTINATION_RULE)?;
    let host_value = obj.required("host")?;
    let host = host_value.text()?;
    if let Err(e) = host::check(&host) {
        host_value.fail(e);
    }
    let mut subsets: Vec<Arc<Subset>> = Vec::new();
    for value in obj.list("subsets") {
        let Some(subset) = subset(&value) else {
            continue;
        };
        if let Some(first) = subsets.iter().find(|s| s.name == subset.name) {
            let message = format!(
                "subset `{}` is defined already, at {}",
                subset.name, first.at
            );
            value.fail(message);
        }
        subsets.push(Arc::new(subset));
    }
    Some(DestinationRule {
        host,
        policy: obj
            .get("trafficPolicy")
            .and_then(|v| traffic_policy::read(&v))
            .map(Arc::new),
        subsets,
        export_to: ExportTo::read(&obj),
    })
}

fn subset(value: &Val<'_>) -> Option<Subset> {
    let obj = value.object(&SUBSET)?;
    let name = obj.required("name")?.text()?;
    // The name is a part of the cluster's name, `outbound|port|subset|host`.
    if name.is_empty() || name.contains('|') {
        obj.fail("name", "must not be empty or contain `|`");
    }
    Some(Subset {
        at: obj.at(),
        name,
        labels: obj.string_map("labels").into_iter().collect(),
        policy: obj
            .get("trafficPolicy")
            .and_then(|v| traffic_policy::read(&v)),
    })
}
