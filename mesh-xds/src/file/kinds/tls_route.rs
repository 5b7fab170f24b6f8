//! `TLSRoute`: where TLS connections go, by the name they ask for.

use std::{net::IpAddr, sync::Arc};

use super::{
    destination::check_host,
    tcp_route::{L4Match, L4Route, SOURCE_SUBNET, conditions, route},
};
use crate::file::{
    host,
    problem::At,
    reader::Val,
    schema::{Schema, enforced, ignored},
};

pub(super) const SCHEMAS: &[&Schema] = &[&TLS_ROUTE, &TLS_MATCH];

static TLS_ROUTE: Schema = Schema::new("TLSRoute", &[enforced("match"), enforced("route")]);

static TLS_MATCH: Schema = Schema::new(
    "TLSMatchAttributes",
    &[
        enforced("sniHosts"),
        enforced("destinationSubnets"),
        enforced("port"),
        enforced("sourceLabels"),
        enforced("sourceNamespace"),
        enforced("gateways"),
        ignored("sourceSubnet", SOURCE_SUBNET),
    ],
);

/// Reads a route of a rule in `namespace` with these hosts.
pub(super) fn read(value: &Val<'_>, namespace: &str, hosts: &[(Arc<str>, At)]) -> Option<L4Route> {
    let obj = value.object(&TLS_ROUTE)?;
    let matches = obj.list("match");
    if matches.is_empty() {
        obj.fail("match", "is required, with at least one entry");
    }
    Some(L4Route {
        at: obj.at(),
        matches: matches.iter().filter_map(|m| entry(m, hosts)).collect(),
        destinations: route(&obj, namespace)?,
    })
}

fn entry(value: &Val<'_>, hosts: &[(Arc<str>, At)]) -> Option<L4Match> {
    let obj = value.object(&TLS_MATCH)?;
    let names = obj.list("sniHosts");
    if names.is_empty() {
        obj.fail("sniHosts", "is required");
    }
    let names = names.iter().filter_map(|name| sni_host(name, hosts));
    Some(conditions(&obj, names.collect()))
}

fn sni_host(value: &Val<'_>, hosts: &[(Arc<str>, At)]) -> Option<Arc<str>> {
    let name: Arc<str> = check_host(value)?.to_ascii_lowercase().into();
    if name.parse::<IpAddr>().is_ok() {
        value.fail("an SNI is a name, never an IP address (RFC 6066 §3)");
        return None;
    }
    let within = |(host, _): &(Arc<str>, At)| host::covers(&host.to_ascii_lowercase(), &name);
    if !hosts.iter().any(within) {
        value.fail("is not one of the rule's hosts, nor covered by one");
        return None;
    }
    Some(name)
}
