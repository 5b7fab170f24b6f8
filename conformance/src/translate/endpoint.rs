//! `ClusterLoadAssignment`: endpoints, and names to look up.

use mesh_core::policy::{
    Address, ClusterLoadAssignment, DnsTarget, Endpoint, HealthStatus, Locality, LocalityEndpoints,
    Metadata,
};
use serde_json::{Value, json};

use super::lb_metadata;
use crate::Result;

/// The `endpoints` of an assignment.
pub(super) fn load_assignment(assignment: &ClusterLoadAssignment) -> Result<Value> {
    let ClusterLoadAssignment { localities } = assignment;
    let localities: Result<Vec<_>> = localities
        .iter()
        .map(|of_locality| {
            let LocalityEndpoints {
                locality,
                priority,
                weight,
                endpoints,
            } = of_locality;
            let endpoints: Result<Vec<_>> = endpoints.iter().map(endpoint).collect();
            let mut value = self::locality(locality, *priority, endpoints?);
            if let Some(weight) = weight {
                value["load_balancing_weight"] = json!(weight);
            }
            Ok(value)
        })
        .collect();
    Ok(json!(localities?))
}

/// The same of a cluster by DNS, a locality for each name.
pub(super) fn dns_assignment(targets: &[DnsTarget]) -> Value {
    let target = |target: &DnsTarget| {
        let DnsTarget {
            hostname,
            port,
            metadata,
            weight,
            locality: place,
            priority,
        } = target;
        let address = json!({"socket_address": {"address": &**hostname, "port_value": port}});
        let endpoint = lb_endpoint(json!({"address": address}), metadata, *weight);
        locality(place, *priority, vec![endpoint])
    };
    targets.iter().map(target).collect()
}

fn locality(locality: &Locality, priority: u32, endpoints: Vec<Value>) -> Value {
    json!({
        "locality": {
            "region": &*locality.region,
            "zone": &*locality.zone,
            "sub_zone": &*locality.sub_zone,
        },
        "priority": priority,
        "lb_endpoints": endpoints,
    })
}

fn endpoint(endpoint: &Endpoint) -> Result<Value> {
    let Endpoint {
        address,
        hostname,
        metadata,
        weight,
        health_status,
        origin: _,
    } = endpoint;
    let address = match address {
        Address::Socket(address) => json!({"socket_address": {
            "address": address.ip().to_string(),
            "port_value": address.port(),
        }}),
        Address::Unix(path) => json!({"pipe": {"path": path}}),
        other => return Err(format!("{other}: no translation").into()),
    };
    let endpoint = json!({"address": address, "hostname": &**hostname});
    let mut value = lb_endpoint(endpoint, metadata, *weight);
    value["health_status"] = json!(match health_status {
        HealthStatus::Healthy => "HEALTHY",
        HealthStatus::Degraded => "DEGRADED",
        HealthStatus::Unhealthy => "UNHEALTHY",
    });
    Ok(value)
}

fn lb_endpoint(endpoint: Value, metadata: &Metadata, weight: u32) -> Value {
    let mut value = json!({"endpoint": endpoint, "load_balancing_weight": weight});
    if !metadata.is_empty() {
        value["metadata"] = lb_metadata(metadata);
    }
    value
}
