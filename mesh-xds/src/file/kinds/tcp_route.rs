//! `TCPRoute`, and what it shares with `TLSRoute`: conditions on connections, and where they go.

use std::sync::Arc;

use mesh_core::policy::{CidrRange, Metadata};

use super::virtual_service::{WeightedDestination, destinations};
use crate::file::{
    problem::At,
    reader::{Obj, Val},
    schema::{Schema, enforced, ignored},
};

/// `TCPRoute` or `TLSRoute`.
#[derive(Debug)]
pub(crate) struct L4Route {
    pub(crate) at: At,
    /// Any of them; none, which only a `TCPRoute` may have, matches everything.
    pub(crate) matches: Vec<L4Match>,
    pub(crate) destinations: Arc<[WeightedDestination]>,
}

/// `L4MatchAttributes` or `TLSMatchAttributes`.
#[derive(Debug)]
pub(crate) struct L4Match {
    pub(crate) at: At,
    /// Of a `TLSRoute`; as written, in lower case.
    pub(crate) sni_hosts: Vec<Arc<str>>,
    pub(crate) destination_subnets: Vec<CidrRange>,
    /// The port dialled.
    pub(crate) port: Option<u16>,
    pub(crate) source_labels: Metadata,
    pub(crate) source_namespace: Option<Arc<str>>,
    pub(crate) gateways: Vec<Arc<str>>,
}

pub(super) const SCHEMAS: &[&Schema] = &[&TCP_ROUTE, &L4_MATCH, &ROUTE_DESTINATION];

static TCP_ROUTE: Schema = Schema::new("TCPRoute", &[enforced("match"), enforced("route")]);

static L4_MATCH: Schema = Schema::new(
    "L4MatchAttributes",
    &[
        enforced("destinationSubnets"),
        enforced("port"),
        enforced("sourceLabels"),
        enforced("sourceNamespace"),
        enforced("gateways"),
        ignored("sourceSubnet", SOURCE_SUBNET),
    ],
);

pub(super) const SOURCE_SUBNET: &str = "Istio declares it and does not honour it";

static ROUTE_DESTINATION: Schema = Schema::new(
    "RouteDestination",
    &[enforced("destination"), enforced("weight")],
);

/// Reads a route of a rule in `namespace`.
pub(super) fn read(value: &Val<'_>, namespace: &str) -> Option<L4Route> {
    let obj = value.object(&TCP_ROUTE)?;
    let entry = |value: &Val<'_>| {
        let obj = value.object(&L4_MATCH)?;
        Some(conditions(&obj, Vec::new()))
    };
    Some(L4Route {
        at: obj.at(),
        matches: obj.list("match").iter().filter_map(entry).collect(),
        destinations: route(&obj, namespace)?,
    })
}

/// What both kinds of match have.
pub(super) fn conditions(obj: &Obj<'_>, sni_hosts: Vec<Arc<str>>) -> L4Match {
    let subnet = |value: &Val<'_>| {
        let parsed = value.text()?.parse();
        parsed
            .map_err(|_| value.fail("must be an IP address or address/length"))
            .ok()
    };
    let subnets = obj.list("destinationSubnets");
    L4Match {
        at: obj.at(),
        sni_hosts,
        destination_subnets: subnets.iter().filter_map(subnet).collect(),
        port: obj.get("port").and_then(|v| v.port()),
        source_labels: obj.string_map("sourceLabels").into_iter().collect(),
        source_namespace: obj.text("sourceNamespace").filter(|ns| !ns.is_empty()),
        gateways: obj.list("gateways").iter().filter_map(Val::text).collect(),
    }
}

/// Where the connections go.
pub(super) fn route(obj: &Obj<'_>, namespace: &str) -> Option<Arc<[WeightedDestination]>> {
    destinations(&obj.required("route")?, namespace, &ROUTE_DESTINATION)
}
