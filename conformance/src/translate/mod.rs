//! The policy model in Envoy's words: what a test publishes to the mesh, as Envoy's JSON.
//!
//! Strict: a policy with a part that has no translation here is an error, never a part left out.

mod filters;
mod forward;
mod matching;
mod resilience;
mod route;
mod tcp;

use mesh_core::policy::{
    Address, Cluster, ClusterLoadAssignment, Discovery, HealthStatus, HttpConnectionManager,
    HttpProtocol, LbPolicy, RouteConfiguration, Thresholds,
};
use serde_json::{Value, json};

pub use self::{route::route_configuration, tcp::tcp_resources};
use crate::{Result, envoy::ACCESS_LOG};

/// The line of one request: its case, its flags, and why.
pub const ACCESS_LOG_FORMAT: &str = "%REQ(x-case)% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n";

/// `static_resources` with one listener for each route configuration, of the same name and on a port
/// of its own, with the filters that a connection manager has by default; and these clusters.
///
/// # Errors
/// When a part has no translation.
pub fn static_resources<'a>(
    routes: impl IntoIterator<Item = (&'a str, &'a RouteConfiguration)>,
    clusters: impl IntoIterator<Item = (&'a Cluster, &'a ClusterLoadAssignment)>,
) -> Result<Value> {
    let managed = routes.into_iter().map(|(name, routes)| {
        let manager = HttpConnectionManager::new(routes.name.clone());
        (name, routes, manager)
    });
    managed_resources(managed, clusters)
}

/// The same with a connection manager for each listener.
///
/// # Errors
/// When a part has no translation.
pub fn managed_resources<'a>(
    routes: impl IntoIterator<Item = (&'a str, &'a RouteConfiguration, HttpConnectionManager)>,
    clusters: impl IntoIterator<Item = (&'a Cluster, &'a ClusterLoadAssignment)>,
) -> Result<Value> {
    let listeners: Result<Vec<_>> = routes
        .into_iter()
        .map(|(name, routes, manager)| listener(name, &route_configuration(routes)?, &manager))
        .collect();
    let clusters: Result<Vec<_>> = clusters
        .into_iter()
        .map(|(cluster, endpoints)| self::cluster(cluster, endpoints))
        .collect();
    Ok(json!({"listeners": listeners?, "clusters": clusters?}))
}

/// A listener on a port that the system chooses.
fn listener(name: &str, route_config: &Value, manager: &HttpConnectionManager) -> Result<Value> {
    let filters: Result<Vec<_>> = manager.http_filters.iter().map(filters::filter).collect();
    let mut filters = filters?;
    filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
    }));
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "codec_type": "HTTP1",
        "generate_request_id": false,
        "route_config": route_config,
        "http_filters": filters,
        "upgrade_configs": forward::upgrades(&manager.upgrades),
    });
    Ok(json!({
        "name": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": manager,
        }]}],
    }))
}

/// Makes every listener of `static_resources` take its callers for internal ones, whose control headers
/// it honours.
pub fn trust_callers(static_resources: &mut Value) {
    let listeners = static_resources["listeners"].as_array_mut();
    for listener in listeners.into_iter().flatten() {
        let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
        manager["use_remote_address"] = json!(true);
        manager["skip_xff_append"] = json!(true);
        manager["internal_address_config"] =
            json!({"cidr_ranges": [{"address_prefix": "127.0.0.0", "prefix_len": 8}]});
    }
}

/// Makes every listener of `static_resources` write [`ACCESS_LOG_FORMAT`] to [`ACCESS_LOG`].
pub fn access_log(static_resources: &mut Value) {
    for listener in static_resources["listeners"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        listener["filter_chains"][0]["filters"][0]["typed_config"]["access_log"] = json!([{
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": ACCESS_LOG,
                "log_format": {"text_format_source": {"inline_string": ACCESS_LOG_FORMAT}},
            },
        }]);
    }
}

fn cluster(cluster: &Cluster, assignment: &ClusterLoadAssignment) -> Result<Value> {
    let Cluster {
        name,
        discovery,
        lb_policy,
        subsets,
        healthy_panic_threshold,
        overprovisioning_factor,
        connect_timeout,
        protocol,
        connection_pool,
        circuit_breakers,
        outlier_detection,
        origin: _,
    } = cluster;
    let reject = |what: &str| Err(format!("cluster {name}: {what} has no translation").into());
    if *discovery != Discovery::Assigned {
        return reject("discovery by DNS");
    }
    if subsets.is_some() {
        return reject("lb_subset_config");
    }
    if *protocol != HttpProtocol::Http1 {
        return reject("HTTP/2");
    }
    if *connection_pool != Default::default() {
        return reject("connection_pool");
    }
    if outlier_detection.is_some() {
        return reject("outlier_detection");
    }
    let mut value = json!({
        "name": &**name,
        "type": "STATIC",
        "connect_timeout": seconds(*connect_timeout),
        "common_lb_config": {"healthy_panic_threshold": {"value": healthy_panic_threshold.get()}},
        "circuit_breakers": {"thresholds": [
            thresholds("DEFAULT", &circuit_breakers.default),
            thresholds("HIGH", &circuit_breakers.high),
        ]},
        "load_assignment": load_assignment(name, assignment, *overprovisioning_factor)?,
    });
    match lb_policy {
        LbPolicy::RoundRobin => value["lb_policy"] = json!("ROUND_ROBIN"),
        LbPolicy::Random => value["lb_policy"] = json!("RANDOM"),
        LbPolicy::LeastRequest { choice_count } => {
            value["lb_policy"] = json!("LEAST_REQUEST");
            value["least_request_lb_config"] = json!({"choice_count": choice_count});
        }
        _ => return reject("lb_policy"),
    }
    Ok(value)
}

fn thresholds(priority: &str, thresholds: &Thresholds) -> Value {
    let Thresholds {
        max_connections,
        max_pending_requests,
        max_requests,
        max_retries,
        retry_budget,
    } = thresholds;
    let mut value = json!({
        "priority": priority,
        "max_connections": max_connections,
        "max_pending_requests": max_pending_requests,
        "max_requests": max_requests,
        "max_retries": max_retries,
    });
    if let Some(budget) = retry_budget {
        value["retry_budget"] = json!({
            "budget_percent": {"value": budget.budget_percent.get()},
            "min_retry_concurrency": budget.min_retry_concurrency,
        });
    }
    value
}

fn load_assignment(
    name: &str,
    assignment: &ClusterLoadAssignment,
    overprovisioning_factor: u32,
) -> Result<Value> {
    let mut localities = Vec::new();
    for locality in &assignment.localities {
        let mut endpoints = Vec::new();
        for endpoint in &locality.endpoints {
            let Address::Socket(address) = &endpoint.address else {
                return Err(format!("{}: no translation", endpoint.address).into());
            };
            if !endpoint.metadata.is_empty() {
                return Err(format!("{address}: metadata has no translation").into());
            }
            endpoints.push(json!({
                "endpoint": {
                    "address": {"socket_address": {
                        "address": address.ip().to_string(),
                        "port_value": address.port(),
                    }},
                    "hostname": &*endpoint.hostname,
                },
                "load_balancing_weight": endpoint.weight,
                "health_status": match endpoint.health_status {
                    HealthStatus::Healthy => "HEALTHY",
                    HealthStatus::Degraded => "DEGRADED",
                    HealthStatus::Unhealthy => "UNHEALTHY",
                },
            }));
        }
        let mut value = json!({
            "locality": {
                "region": &*locality.locality.region,
                "zone": &*locality.locality.zone,
                "sub_zone": &*locality.locality.sub_zone,
            },
            "priority": locality.priority,
            "lb_endpoints": endpoints,
        });
        if let Some(weight) = locality.weight {
            value["load_balancing_weight"] = json!(weight);
        }
        localities.push(value);
    }
    Ok(json!({
        "cluster_name": name,
        "endpoints": localities,
        "policy": {"overprovisioning_factor": overprovisioning_factor},
    }))
}

/// A protobuf `Duration` in JSON.
fn seconds(duration: std::time::Duration) -> String {
    format!("{}.{:09}s", duration.as_secs(), duration.subsec_nanos())
}
