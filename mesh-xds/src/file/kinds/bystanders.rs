//! `WorkloadGroup` and `ProxyConfig`: kinds without effect on a client inside a process. Their
//! fields are declared all the same, so that a misspelt one is found.

use super::{destination_rule::WORKLOAD_SELECTOR, workload_entry};
use crate::file::{
    reader::Val,
    schema::{Schema, ignored},
};

pub(super) const SCHEMAS: &[&Schema] = &[&WORKLOAD_GROUP, &PROXY_CONFIG];

const TEMPLATE: &str = "is a template for WorkloadEntry and selects nothing itself";
const PROCESS: &str = "configures sidecar processes";

static WORKLOAD_GROUP: Schema = Schema::new(
    "WorkloadGroup",
    &[
        ignored("metadata", TEMPLATE),
        ignored("template", TEMPLATE),
        ignored("probe", TEMPLATE),
    ],
);

static PROXY_CONFIG: Schema = Schema::new(
    "ProxyConfig",
    &[
        ignored("selector", PROCESS),
        ignored("concurrency", PROCESS),
        ignored("environmentVariables", PROCESS),
        ignored("image", PROCESS),
    ],
);

/// Checks a `WorkloadGroup`.
pub(super) fn workload_group(value: &Val<'_>) {
    let Some(obj) = value.object(&WORKLOAD_GROUP) else {
        return;
    };
    if let Some(v) = obj.unenforced("template") {
        workload_entry::check_template(&v);
    }
}

/// Checks a `ProxyConfig`.
pub(super) fn proxy_config(value: &Val<'_>) {
    let Some(obj) = value.object(&PROXY_CONFIG) else {
        return;
    };
    if let Some(selector) = obj
        .unenforced("selector")
        .and_then(|v| v.object(&WORKLOAD_SELECTOR))
    {
        selector.string_map("matchLabels");
    }
    if let Some(v) = obj.unenforced("concurrency") {
        let _ = v.uint32();
    }
    if let Some(v) = obj.unenforced("environmentVariables") {
        v.string_map();
    }
}
