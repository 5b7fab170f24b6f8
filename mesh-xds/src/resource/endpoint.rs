//! `ClusterLoadAssignment`: endpoints.

use std::{collections::HashSet, net::IpAddr};

use mesh_core::policy::{
    Address, ClusterLoadAssignment, Endpoint, HealthStatus, Locality, LocalityEndpoints,
};

use super::{
    report::At,
    value::{endpoint_metadata, required_text},
};
use crate::pb::{
    core::{
        self,
        address::Address as PbAddress,
        socket_address::{PortSpecifier, Protocol},
    },
    endpoint::{self, lb_endpoint::HostIdentifier},
};

/// What a `ClusterLoadAssignment` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// The endpoints.
    pub endpoints: ClusterLoadAssignment,
    /// `policy.overprovisioning_factor`, which is the cluster's in policy.
    pub overprovisioning_factor: Option<u32>,
}

pub(super) fn assignment(at: &At<'_>, pb: &endpoint::ClusterLoadAssignment) -> Assignment {
    let mut seen = HashSet::new();
    let mut address = |at: &At<'_>, pb: &endpoint::Endpoint, priority| {
        let address = ip_address(&at.field("address"), pb.address.as_ref())?;
        // As in Envoy: the first of a priority counts.
        if !seen.insert((priority, address.clone())) {
            at.ignored(format!("{address} is already an endpoint of this priority"));
            return None;
        }
        Some(address)
    };
    let mut localities = Vec::new();
    for (i, pb) in pb.endpoints.iter().enumerate() {
        let endpoints = at.field("endpoints");
        let at = endpoints.index(i);
        let priority = priority(&at, pb);
        let endpoints = lb_endpoints(&at, pb, |at, lb, pb| {
            Some(Endpoint {
                address: address(&at.field("endpoint"), pb, priority)?,
                hostname: pb.hostname.as_str().into(),
                metadata: endpoint_metadata(&at.field("metadata"), lb.metadata.as_ref()),
                weight: weight(at, lb)?,
                health_status: health(lb.health_status()),
                origin: at.origin(),
            })
        });
        localities.push(LocalityEndpoints {
            locality: locality(pb.locality.as_ref()),
            priority,
            weight: pb.load_balancing_weight,
            endpoints,
        });
    }
    let factor = pb.policy.as_ref().and_then(|p| p.overprovisioning_factor);
    if factor == Some(0) {
        at.field("policy")
            .field("overprovisioning_factor")
            .fail("must be above 0");
    }
    Assignment {
        endpoints: ClusterLoadAssignment { localities },
        overprovisioning_factor: factor,
    }
}

/// Reads the endpoints of a locality, whatever becomes of one.
pub(super) fn lb_endpoints<T>(
    at: &At<'_>,
    pb: &endpoint::LocalityLbEndpoints,
    mut read: impl FnMut(&At<'_>, &endpoint::LbEndpoint, &endpoint::Endpoint) -> Option<T>,
) -> Vec<T> {
    let at = at.field("lb_endpoints");
    let mut sum = 0_u64;
    let mut found = Vec::with_capacity(pb.lb_endpoints.len());
    for (i, pb) in pb.lb_endpoints.iter().enumerate() {
        let at = at.index(i);
        sum += u64::from(pb.load_balancing_weight.unwrap_or(1));
        match &pb.host_identifier {
            Some(HostIdentifier::Endpoint(endpoint)) => found.extend(read(&at, pb, endpoint)),
            None => at.field("endpoint").fail("is required"),
        }
    }
    if sum > u64::from(u32::MAX) {
        at.fail("the weights sum to more than 4294967295");
    }
    found
}

pub(super) fn priority(at: &At<'_>, pb: &endpoint::LocalityLbEndpoints) -> u32 {
    if pb.priority > 128 {
        at.field("priority").fail("must be from 0 to 128");
    }
    if pb.load_balancing_weight == Some(0) {
        at.field("load_balancing_weight").fail("must be above 0");
    }
    pb.priority
}

pub(super) fn weight(at: &At<'_>, pb: &endpoint::LbEndpoint) -> Option<u32> {
    match pb.load_balancing_weight {
        Some(0) => {
            at.field("load_balancing_weight").fail("must be above 0");
            None
        }
        weight => Some(weight.unwrap_or(1)),
    }
}

const fn health(pb: core::HealthStatus) -> HealthStatus {
    match pb {
        core::HealthStatus::Unknown | core::HealthStatus::Healthy => HealthStatus::Healthy,
        core::HealthStatus::Degraded => HealthStatus::Degraded,
        core::HealthStatus::Unhealthy
        | core::HealthStatus::Draining
        | core::HealthStatus::Timeout => HealthStatus::Unhealthy,
    }
}

pub(super) fn locality(pb: Option<&core::Locality>) -> Locality {
    pb.map_or_else(Locality::default, |pb| Locality {
        region: pb.region.as_str().into(),
        zone: pb.zone.as_str().into(),
        sub_zone: pb.sub_zone.as_str().into(),
    })
}

/// An address that can be connected to as it is.
fn ip_address(at: &At<'_>, pb: Option<&core::Address>) -> Option<Address> {
    match at.required(pb.and_then(|pb| pb.address.as_ref()))? {
        PbAddress::Pipe(pb) => {
            let path = at
                .field("pipe")
                .field("path")
                .required(super::value::text(&pb.path))?;
            Some(Address::Unix((&*path).into()))
        }
        PbAddress::SocketAddress(pb) => {
            let at = at.field("socket_address");
            let (host, port) = host_and_port(&at, pb)?;
            let ip: Result<IpAddr, _> = host.parse();
            let ip = ip.map_err(|_| format!("`{host}` is no IP address"));
            Some(Address::Socket((at.field("address").ok(ip)?, port).into()))
        }
    }
}

/// A name or address with a port.
pub(super) fn host_and_port<'a>(
    at: &At<'_>,
    pb: &'a core::SocketAddress,
) -> Option<(&'a str, u16)> {
    if pb.protocol() == Protocol::Udp {
        at.field("protocol").fail("UDP is not supported");
    }
    required_text(&at.field("address"), &pb.address)?;
    let at = at.field("port_value");
    let PortSpecifier::PortValue(port) = at.required(pb.port_specifier.as_ref())?;
    let port = u16::try_from(*port).map_err(|_| format!("{port} is no port"));
    Some((&pb.address, at.ok(port)?))
}

/// The name that an endpoint of a DNS cluster is looked up by.
pub(super) fn dns_name<'a>(at: &At<'_>, pb: &'a endpoint::Endpoint) -> Option<(&'a str, u16)> {
    let at = at.field("address");
    match at.required(pb.address.as_ref().and_then(|pb| pb.address.as_ref()))? {
        PbAddress::SocketAddress(pb) => host_and_port(&at.field("socket_address"), pb),
        PbAddress::Pipe(_) => {
            at.field("pipe").fail("is no name to look up");
            None
        }
    }
}
