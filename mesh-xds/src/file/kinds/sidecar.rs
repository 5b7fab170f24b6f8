//! `Sidecar`: which services and rules a workload sees.

use std::sync::Arc;

use mesh_core::policy::Metadata;

use super::{
    connection_pool,
    outbound_traffic_policy::{self, OutboundMode},
    service_entry::SELECTOR,
};
use crate::file::{
    host,
    reader::{Obj, Val},
    schema::{Schema, enforced, ignored, not_yet},
};

/// A `Sidecar`'s spec.
#[derive(Debug)]
pub(crate) struct Sidecar {
    /// `None` applies to every workload of the namespace.
    pub(crate) selector: Option<Metadata>,
    /// `None` lets everything be seen.
    pub(crate) egress: Option<Vec<EgressHost>>,
    pub(crate) outbound: Option<OutboundMode>,
}

/// An entry of `egress.hosts`.
#[derive(Debug)]
pub(crate) struct EgressHost {
    pub(crate) namespace: EgressNamespace,
    /// Exact, a wildcard, or `*`; in lower case.
    pub(crate) host: Arc<str>,
    /// What it covers is not seen, whatever the other entries say.
    pub(crate) excluded: bool,
}

/// The namespaces of an [`EgressHost`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EgressNamespace {
    Any,
    /// The client's own.
    Own,
    Named(Arc<str>),
}

pub(super) const SCHEMAS: &[&Schema] = &[&SIDECAR, &EGRESS];

static SIDECAR: Schema = Schema::new(
    "Sidecar",
    &[
        enforced("workloadSelector"),
        enforced("egress"),
        enforced("outboundTrafficPolicy"),
        ignored("ingress", "a server here listens where its code says"),
        ignored("inboundConnectionPool", "is about servers, not clients"),
    ],
);

static EGRESS: Schema = Schema::new(
    "IstioEgressListener",
    &[
        enforced("hosts"),
        not_yet("port"),
        ignored(
            "bind",
            "nothing is intercepted: requests name their service",
        ),
        ignored(
            "captureMode",
            "nothing is intercepted: requests name their service",
        ),
    ],
);

pub(super) fn read(value: &Val<'_>) -> Option<Sidecar> {
    let obj = value.object(&SIDECAR)?;
    if let Some(v) = obj.unenforced("inboundConnectionPool") {
        connection_pool::read(&v);
    }
    let selector = obj.object("workloadSelector", &SELECTOR);
    let listeners = obj.get("egress").map(|v| v.list());
    let hosts = |listener: &Val<'_>| Some(egress_hosts(&listener.object(&EGRESS)?));
    Some(Sidecar {
        selector: selector.map(|s| s.string_map("labels").into_iter().collect()),
        egress: listeners
            .filter(|l| !l.is_empty())
            .map(|listeners| listeners.iter().filter_map(hosts).flatten().collect()),
        outbound: obj
            .get("outboundTrafficPolicy")
            .and_then(|v| outbound_traffic_policy::read_sidecar(&v)),
    })
}

fn egress_hosts(listener: &Obj<'_>) -> Vec<EgressHost> {
    let hosts = listener.list("hosts");
    if hosts.is_empty() {
        listener.fail("hosts", "is required");
    }
    hosts.iter().filter_map(egress_host).collect()
}

/// `namespace/host`, where neither is completed in any way. A `~` before the namespace excludes;
/// alone it does so in all namespaces.
fn egress_host(value: &Val<'_>) -> Option<EgressHost> {
    let text = value.text()?;
    let Some((namespace, host)) = text.split_once('/') else {
        value.fail("must be of the form namespace/host");
        return None;
    };
    let (namespace, excluded) = match namespace.strip_prefix('~') {
        Some("") => ("*", true),
        Some(namespace) => (namespace, true),
        None => (namespace, false),
    };
    if host.starts_with('~') {
        value.fail("the `~` that excludes hosts stands before the namespace, as in `~*/a.com`");
    } else if let Err(e) = host::check(host) {
        value.fail(e);
    }
    Some(EgressHost {
        namespace: match namespace {
            "*" => EgressNamespace::Any,
            "." => EgressNamespace::Own,
            "" => {
                value.fail("names no namespace before the `/`");
                return None;
            }
            named => EgressNamespace::Named(named.into()),
        },
        host: host.to_ascii_lowercase().into(),
        excluded,
    })
}

impl EgressHost {
    /// Whether it speaks of a resource in `namespace`, seen by a client in `client`.
    pub(crate) fn is_in(&self, namespace: Option<&str>, client: &str) -> bool {
        match &self.namespace {
            EgressNamespace::Any => true,
            EgressNamespace::Own => namespace == Some(client),
            EgressNamespace::Named(named) => namespace == Some(&**named),
        }
    }
}
