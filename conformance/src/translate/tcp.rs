//! Listeners and their filter chains.

use std::sync::Arc;

use mesh_core::policy::{
    Cluster, ClusterLoadAssignment, FilterChain, FilterChainMatch, Listener, NetworkFilter,
    RouteConfiguration, TcpProxy,
};
use serde_json::{Value, json};

use super::{cluster, lb_metadata, manager_filter, route_configuration, seconds};
use crate::{Result, envoy::ACCESS_LOG};

/// The line of one connection: its listener, its flags and the endpoints tried.
const FORMAT: &str = "%RESPONSE_FLAGS% %UPSTREAM_REQUEST_ATTEMPT_COUNT%\n";

/// `static_resources` with these listeners, on all addresses and their own ports (0: any), and these
/// clusters. Connections wait for their first bytes, by which Envoy tells TLS, when a chain asks for
/// it. Each writes a line to the access log.
///
/// # Errors
/// When a part has no translation.
pub fn tcp_resources<'a>(
    listeners: impl IntoIterator<Item = &'a Listener>,
    clusters: impl IntoIterator<Item = (&'a Cluster, &'a ClusterLoadAssignment)>,
) -> Result<Value> {
    let one = |listener: &Listener| match &listener.hosts[..] {
        [] => self::listener(listener, &[]),
        _ => Err(format!("listener {}: hosts have no translation", listener.name).into()),
    };
    let listeners: Result<Vec<_>> = listeners.into_iter().map(one).collect();
    let clusters: Result<Vec<_>> = clusters.into_iter().map(|(c, e)| cluster(c, e)).collect();
    Ok(json!({"listeners": listeners?, "clusters": clusters?}))
}

/// But for its hosts, which Envoy has no place for.
pub(super) fn listener(listener: &Listener, routes: &[Arc<RouteConfiguration>]) -> Result<Value> {
    let Listener {
        name,
        direction: _,
        port,
        hosts: _,
        filter_chains,
        default_filter_chain,
        origin: _,
    } = listener;
    let chain = |c: &FilterChain| chain(name, c, routes);
    let chains: Result<Vec<_>> = filter_chains.iter().map(chain).collect();
    let mut value = json!({
        "name": &**name,
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": port.unwrap_or(0)}},
        "filter_chains": chains?,
    });
    if let Some(default) = default_filter_chain {
        value["default_filter_chain"] = chain(default)?;
    }
    let inspected = |chain: &FilterChain| {
        let matches = &chain.matches;
        matches.transport_protocol.is_some()
            || !matches.server_names.is_empty()
            || !matches.application_protocols.is_empty()
    };
    if listener.chains().any(inspected) {
        value["listener_filters"] = json!([{
            "name": "envoy.filters.listener.tls_inspector",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
            },
        }]);
    }
    Ok(value)
}

fn chain(listener: &str, chain: &FilterChain, routes: &[Arc<RouteConfiguration>]) -> Result<Value> {
    let FilterChain {
        name,
        matches: conditions,
        filter,
    } = chain;
    let filter = match filter {
        NetworkFilter::Tcp(proxy) => json!({
            "name": "envoy.filters.network.tcp_proxy",
            "typed_config": tcp_proxy(listener, proxy)?,
        }),
        NetworkFilter::Http(manager) => {
            let found = routes.iter().find(|r| r.name == manager.route_config);
            let found = found.ok_or_else(|| format!("no routes {}", manager.route_config))?;
            manager_filter(&route_configuration(found)?, manager)?
        }
        other => return Err(format!("{other:?} has no translation").into()),
    };
    Ok(json!({
        "name": &**name,
        "filter_chain_match": matches(conditions),
        "filters": [filter],
    }))
}

fn matches(matches: &FilterChainMatch) -> Value {
    let ranges = matches.prefix_ranges.iter().map(|range| {
        let text = range.to_string();
        let address = text.split('/').next().unwrap_or_default();
        json!({"address_prefix": address, "prefix_len": range.prefix_len()})
    });
    let names = matches.server_names.iter().map(|name| name.as_str());
    let mut value = json!({
        "prefix_ranges": ranges.collect::<Vec<_>>(),
        "server_names": names.collect::<Vec<_>>(),
        "application_protocols": matches.application_protocols.iter().map(|p| &**p).collect::<Vec<_>>(),
    });
    if let Some(port) = matches.destination_port {
        value["destination_port"] = json!(port);
    }
    if let Some(protocol) = matches.transport_protocol {
        value["transport_protocol"] = json!(protocol.as_str());
    }
    value
}

fn tcp_proxy(listener: &str, proxy: &TcpProxy) -> Result<Value> {
    let TcpProxy {
        clusters,
        metadata_match,
        idle_timeout,
        max_connection_duration,
        max_connect_attempts,
        origin: _,
    } = proxy;
    let mut value = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "in",
        "max_connect_attempts": max_connect_attempts.get(),
        // Zero is for ever.
        "idle_timeout": seconds(idle_timeout.unwrap_or_default()),
        "access_log": [{
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": ACCESS_LOG,
                "log_format": {"text_format_source": {"inline_string": format!("{listener} {FORMAT}")}},
            },
        }],
    });
    match clusters.entries() {
        [one] if one.metadata_match.is_empty() => value["cluster"] = json!(&*one.name),
        several => {
            let entries = several.iter().map(|e| {
                let mut value = json!({"name": &*e.name, "weight": e.weight});
                if !e.metadata_match.is_empty() {
                    value["metadata_match"] = lb_metadata(&e.metadata_match);
                }
                value
            });
            value["weighted_clusters"] = json!({"clusters": entries.collect::<Vec<_>>()});
        }
    }
    if !metadata_match.is_empty() {
        value["metadata_match"] = lb_metadata(metadata_match);
    }
    if let Some(limit) = max_connection_duration {
        value["max_downstream_connection_duration"] = json!(seconds(*limit));
    }
    Ok(value)
}
