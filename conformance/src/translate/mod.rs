//! The policy model in Envoy's words: what a test publishes to the mesh, as Envoy's JSON.
//!
//! Strict: a policy with a part that has no translation here is an error, never a part left out.

mod cluster;
mod endpoint;
mod filters;
mod forward;
mod matching;
mod resilience;
mod route;
mod tcp;

use std::{fmt, sync::Arc};

use mesh_core::{
    Config,
    policy::{
        Cluster, ClusterLoadAssignment, HttpConnectionManager, Listener, Metadata,
        RouteConfiguration,
    },
};
use serde_json::{Value, json};

use self::cluster::cluster;
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
        .map(|(c, endpoints)| cluster(c, endpoints))
        .collect();
    Ok(json!({"listeners": listeners?, "clusters": clusters?}))
}

/// A listener on a port that the system chooses.
fn listener(name: &str, route_config: &Value, manager: &HttpConnectionManager) -> Result<Value> {
    Ok(json!({
        "name": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        "filter_chains": [{"filters": [manager_filter(route_config, manager)?]}],
    }))
}

/// The network filter that is a connection manager.
fn manager_filter(route_config: &Value, manager: &HttpConnectionManager) -> Result<Value> {
    let HttpConnectionManager {
        route_config: _,
        http_filters,
        upgrades,
        ..
    } = manager;
    let filters: Result<Vec<_>> = http_filters.iter().map(filters::filter).collect();
    let mut filters = filters?;
    filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
    }));
    Ok(json!({
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "in",
            "codec_type": "HTTP1",
            "generate_request_id": false,
            "route_config": route_config,
            "http_filters": filters,
            "upgrade_configs": forward::upgrades(upgrades),
        },
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

/// `static_resources` of a whole configuration. Its listeners are on ports that the system chooses,
/// and lose the hosts by which the mesh tells them apart.
///
/// # Errors
/// [`NotEnvoys`] when a part cannot be said in Envoy's words, another when it has no translation.
pub fn config_resources(config: &Config) -> Result<Value> {
    let Config {
        listeners,
        routes,
        clusters,
        assignments,
    } = config;
    let listener = |listener: &Listener| {
        let any = Listener {
            port: None,
            hosts: Vec::new(),
            ..listener.clone()
        };
        tcp::listener(&any, routes)
    };
    let listeners: Result<Vec<_>> = listeners.iter().map(listener).collect();
    let none = ClusterLoadAssignment::default();
    let cluster = |c: &Arc<Cluster>| cluster(c, assignments.get(&c.name).map_or(&none, |a| a));
    let clusters: Result<Vec<_>> = clusters.iter().map(cluster).collect();
    Ok(json!({"listeners": listeners?, "clusters": clusters?}))
}

/// What policy can say and Envoy's configuration cannot, by its name in
/// [`NOT_ENVOYS`](crate::differences::NOT_ENVOYS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotEnvoys(pub &'static str);

impl fmt::Display for NotEnvoys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not Envoy's", self.0)
    }
}

impl std::error::Error for NotEnvoys {}

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

/// A protobuf `Duration` in JSON.
fn seconds(duration: std::time::Duration) -> String {
    format!("{}.{:09}s", duration.as_secs(), duration.subsec_nanos())
}

/// Labels as `envoy.config.core.v3.Metadata`.
fn lb_metadata(labels: &Metadata) -> Value {
    let pairs: serde_json::Map<_, _> = labels
        .iter()
        .map(|(key, value)| (key.to_owned(), json!(value)))
        .collect();
    json!({"filter_metadata": {"envoy.lb": pairs}})
}
