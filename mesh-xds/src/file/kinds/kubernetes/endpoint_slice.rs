//! `discovery.k8s.io EndpointSlice`: the endpoints of a `Service`.

use std::{net::IpAddr, sync::Arc};

use mesh_core::policy::{Locality, Metadata};

use super::schema;
use crate::file::{
    kinds::{WorkloadAddress, WorkloadEntry},
    reader::{Obj, Val},
    schema::{Schema, enforced, irrelevant},
};

/// An `EndpointSlice`, but for its metadata.
#[derive(Debug)]
pub(crate) struct EndpointSlice {
    /// The names of its ports.
    pub(crate) ports: Vec<Arc<str>>,
    pub(crate) endpoints: Vec<Arc<WorkloadEntry>>,
}

pub(super) const SCHEMAS: &[&Schema] = &[&ENDPOINT_SLICE, &PORT, &ENDPOINT, &CONDITIONS];

static ENDPOINT_SLICE: Schema = schema(
    "EndpointSlice",
    &[
        enforced("apiVersion"),
        enforced("kind"),
        enforced("metadata"),
        enforced("addressType"),
        enforced("endpoints"),
        enforced("ports"),
    ],
);

static PORT: Schema = schema(
    "EndpointPort",
    &[
        enforced("name"),
        enforced("port"),
        irrelevant("protocol"),
        irrelevant("appProtocol"),
    ],
);

static ENDPOINT: Schema = schema(
    "Endpoint",
    &[
        enforced("addresses"),
        enforced("conditions"),
        enforced("zone"),
        irrelevant("hostname"),
        irrelevant("nodeName"),
        irrelevant("targetRef"),
        irrelevant("deprecatedTopology"),
        irrelevant("hints"),
    ],
);

static CONDITIONS: Schema = schema(
    "EndpointConditions",
    &[
        enforced("ready"),
        irrelevant("serving"),
        irrelevant("terminating"),
    ],
);

/// Reads a whole document: it has no `spec`.
pub(in crate::file::kinds) fn read<'a>(value: &Val<'a>) -> Option<(Obj<'a>, EndpointSlice)> {
    let obj = value.object(&ENDPOINT_SLICE)?;
    let _ = (obj.text("apiVersion"), obj.text("kind"));
    let kind = obj.required("addressType")?;
    if !kind.keyword(&[("IPv4", true), ("IPv6", true), ("FQDN", false)])? {
        kind.fail("FQDN is not supported yet; a ServiceEntry with resolution DNS does the same");
    }
    let ports: Vec<(Arc<str>, u16)> = obj.list("ports").iter().filter_map(port).collect();
    let mut endpoints = Vec::new();
    for value in obj.list("endpoints") {
        endpoint(&value, &ports, &mut endpoints);
    }
    let ports = ports.into_iter().map(|(name, _)| name).collect();
    Some((obj, EndpointSlice { ports, endpoints }))
}

fn port(value: &Val<'_>) -> Option<(Arc<str>, u16)> {
    let obj = value.object(&PORT)?;
    let name = obj.text("name").unwrap_or_else(|| Arc::from(""));
    Some((name, obj.required("port")?.port()?))
}

/// One that is not ready is none. The addresses of one endpoint are the same endpoint: the first
/// counts (discovery.k8s.io: consumers must handle several, and may take the first).
fn endpoint(value: &Val<'_>, ports: &[(Arc<str>, u16)], out: &mut Vec<Arc<WorkloadEntry>>) {
    let Some(obj) = value.object(&ENDPOINT) else {
        return;
    };
    let conditions = obj.object("conditions", &CONDITIONS);
    let ready = conditions.and_then(|c| c.get("ready")?.boolean());
    let addresses = obj.list("addresses");
    let Some(first) = addresses.first() else {
        obj.fail("addresses", "is required");
        return;
    };
    let zone = obj.text("zone").unwrap_or_else(|| Arc::from(""));
    let Some(text) = first.text() else { return };
    let Ok(ip) = text.parse::<IpAddr>() else {
        first.fail("must be an IP address");
        return;
    };
    if ready == Some(false) {
        return;
    }
    out.push(Arc::new(WorkloadEntry {
        at: obj.at(),
        address: WorkloadAddress::Ip(ip),
        ports: ports.to_vec(),
        labels: Metadata::default(),
        locality: Locality {
            zone,
            ..Locality::default()
        },
        weight: 1,
    }));
}
