//! `DestinationRule`.

use std::{collections::HashMap, sync::Arc};

use mesh_core::policy::Metadata;

use super::{
    common::ExportTo,
    traffic_policy::{self, TrafficPolicy},
};
use crate::file::{
    host,
    problem::{At, NoteKind},
    reader::Val,
    schema::{Schema, enforced},
};

/// A `DestinationRule`'s spec.
#[derive(Debug)]
pub(crate) struct DestinationRule {
    /// As written.
    pub(crate) host: Arc<str>,
    pub(crate) policy: Option<Arc<TrafficPolicy>>,
    pub(crate) subsets: Vec<Arc<Subset>>,
    pub(crate) export_to: ExportTo,
    /// The clients it is for, by their labels.
    pub(crate) selector: Option<Metadata>,
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

pub(super) const SCHEMAS: &[&Schema] = &[&DESTINATION_RULE, &SUBSET, &WORKLOAD_SELECTOR];

static DESTINATION_RULE: Schema = Schema::new(
    "DestinationRule",
    &[
        enforced("host"),
        enforced("trafficPolicy"),
        enforced("subsets"),
        enforced("exportTo"),
        enforced("workloadSelector"),
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

pub(super) static WORKLOAD_SELECTOR: Schema =
    Schema::new("type.WorkloadSelector", &[enforced("matchLabels")]);

pub(super) fn read(value: &Val<'_>) -> Option<DestinationRule> {
    let obj = value.object(&DESTINATION_RULE)?;
    let host_value = obj.required("host")?;
    let host = host_value.text()?;
    if let Err(e) = host::check(&host) {
        host_value.fail(e);
    }
    let mut subsets: Vec<Arc<Subset>> = Vec::new();
    let mut names: HashMap<Arc<str>, At> = HashMap::new();
    for value in obj.list("subsets") {
        let Some(subset) = subset(&value) else {
            continue;
        };
        if let Some(first) = names.insert(subset.name.clone(), subset.at.clone()) {
            let message = format!("subset `{}` is defined already, at {first}", subset.name);
            value.fail(message);
        }
        subsets.push(Arc::new(subset));
    }
    let selector = obj.object("workloadSelector", &WORKLOAD_SELECTOR);
    let mut export_to = ExportTo::read(&obj);
    if selector.is_some() {
        if !export_to.is_empty()
            && export_to != ExportTo::private()
            && let Some(v) = obj.get("exportTo")
        {
            v.note(
                NoteKind::Ignored,
                "a rule with a workloadSelector stays in its namespace",
            );
        }
        export_to = ExportTo::private();
    }
    Some(DestinationRule {
        host,
        policy: obj
            .get("trafficPolicy")
            .and_then(|v| traffic_policy::read(&v))
            .map(Arc::new),
        subsets,
        export_to,
        selector: selector.map(|s| s.string_map("matchLabels").into_iter().collect()),
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
