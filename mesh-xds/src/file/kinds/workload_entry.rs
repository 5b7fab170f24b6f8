//! `WorkloadEntry`: an endpoint, alone or inside a `ServiceEntry`.

use std::{net::IpAddr, sync::Arc};

use mesh_core::policy::{Locality, Metadata};

use crate::file::{
    host,
    problem::At,
    reader::Val,
    schema::{Schema, enforced, ignored},
};

/// A `WorkloadEntry`'s spec.
#[derive(Debug)]
pub(crate) struct WorkloadEntry {
    pub(crate) at: At,
    pub(crate) address: WorkloadAddress,
    /// By the name of the service's port.
    pub(crate) ports: Vec<(Arc<str>, u16)>,
    pub(crate) labels: Metadata,
    pub(crate) locality: Locality,
    pub(crate) weight: u32,
}

/// Where a workload listens, but for the port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WorkloadAddress {
    Ip(IpAddr),
    /// `unix:///path`; has no port.
    Unix(Arc<str>),
    /// Only with DNS resolution.
    Name(Arc<str>),
}

pub(super) const SCHEMAS: &[&Schema] = &[&WORKLOAD_ENTRY];

static WORKLOAD_ENTRY: Schema = Schema::new(
    "WorkloadEntry",
    &[
        enforced("address"),
        enforced("ports"),
        enforced("labels"),
        enforced("locality"),
        enforced("weight"),
        ignored(
            "network",
            "all endpoints are taken to be reachable directly",
        ),
        ignored(
            "serviceAccount",
            "identities are not verified yet, so nothing is encrypted for it",
        ),
    ],
);

pub(super) fn read(value: &Val<'_>) -> Option<WorkloadEntry> {
    let obj = value.object(&WORKLOAD_ENTRY)?;
    let address = address(&obj.required("address")?)?;
    Some(WorkloadEntry {
        at: obj.at(),
        address,
        ports: obj
            .map("ports")
            .into_iter()
            .filter_map(|(name, port)| Some((name, port.port()?)))
            .collect(),
        labels: obj.string_map("labels").into_iter().collect(),
        locality: obj
            .text("locality")
            .map_or_else(Locality::default, |text| locality(&text)),
        weight: obj.uint32("weight").unwrap_or(0).max(1),
    })
}

/// Validates the template of a `WorkloadGroup`, which has no address.
pub(super) fn check_template(value: &Val<'_>) {
    let Some(obj) = value.object(&WORKLOAD_ENTRY) else {
        return;
    };
    for (_, port) in obj.map("ports") {
        let _ = port.port();
    }
    obj.string_map("labels");
    let _ = obj.text("locality");
    let _ = obj.uint32("weight");
}

fn address(value: &Val<'_>) -> Option<WorkloadAddress> {
    let text = value.text()?;
    if let Ok(ip) = text.parse() {
        Some(WorkloadAddress::Ip(ip))
    } else if let Some(path) = text.strip_prefix("unix://") {
        if path.is_empty() {
            value.fail("needs a path after `unix://`");
        }
        Some(WorkloadAddress::Unix(text))
    } else if host::check(&text).is_ok() && !host::is_wildcard(&text) {
        Some(WorkloadAddress::Name(text))
    } else {
        value.fail("must be an IP address, a host name or unix:///path");
        None
    }
}

/// `region/zone/subzone`, of which the last two may be missing.
fn locality(text: &str) -> Locality {
    let mut parts = text.splitn(3, '/').map(Arc::<str>::from);
    let mut next = || parts.next().unwrap_or_else(|| Arc::from(""));
    Locality {
        region: next(),
        zone: next(),
        sub_zone: next(),
    }
}
