//! `Listener`, its filter chains and what they end in.

use std::net::SocketAddr;

use mesh_core::policy::{
    Direction, FilterChain, FilterChainMatch, HttpConnectionManager, Listener, NetworkFilter,
    TcpClusterWeight, TcpProxy,
};

use super::{
    Encoder, ads,
    endpoint::socket,
    filter::upgrade,
    value::{any, duration, lb_metadata},
};
use crate::pb::{
    core::{self, TrafficDirection},
    http_connection_manager::{
        self as pb_http, Rds,
        http_connection_manager::{RouteSpecifier, UpgradeConfig},
    },
    listener::{
        self, ApiListener, Filter, ListenerFilter, filter::ConfigType,
        listener_filter::ConfigType as ListenerConfigType,
    },
    protobuf::Any,
    tcp_proxy::{
        self,
        tcp_proxy::{ClusterSpecifier, WeightedCluster, weighted_cluster::ClusterWeight},
    },
};

impl Encoder<'_> {
    /// A listener on a socket, as Envoy has them. Its hosts are not said: whoever listens at an address of
    /// theirs has said them by that.
    pub(super) fn socket_listener(
        &mut self,
        listener: &Listener,
        address: SocketAddr,
    ) -> Option<listener::Listener> {
        let Listener {
            name,
            direction,
            port: _,
            hosts: _,
            filter_chains,
            default_filter_chain,
            origin,
        } = listener;
        self.enter(origin);
        if *direction == Direction::Inbound {
            return self.unknown("traffic_direction");
        }
        let chains = self.all(filter_chains, |this, chain| this.chain(chain))?;
        let default = match default_filter_chain {
            Some(chain) => Some(self.chain(chain)?),
            None => None,
        };
        let inspects = |chain: &FilterChain| {
            let matches = &chain.matches;
            matches.transport_protocol.is_some()
                || !matches.server_names.is_empty()
                || !matches.application_protocols.is_empty()
        };
        let inspector = listener.chains().any(inspects).then(tls_inspector);
        Some(listener::Listener {
            name: name.to_string(),
            address: Some(socket(address.ip().to_string(), address.port())),
            filter_chains: chains,
            default_filter_chain: default,
            listener_filters: inspector.into_iter().collect(),
            traffic_direction: TrafficDirection::Outbound.into(),
            api_listener: None,
        })
    }

    /// A listener that is asked for by name, as gRPC has them.
    pub(super) fn api_listener(
        &mut self,
        name: &str,
        manager: &HttpConnectionManager,
    ) -> Option<listener::Listener> {
        Some(listener::Listener {
            name: name.to_owned(),
            api_listener: Some(ApiListener {
                api_listener: Some(any(&self.manager(manager)?)),
            }),
            ..listener::Listener::default()
        })
    }

    fn chain(&mut self, chain: &FilterChain) -> Option<listener::FilterChain> {
        let FilterChain {
            name,
            matches,
            filter,
        } = chain;
        let (filter, config) = match filter {
            NetworkFilter::Http(manager) => (
                "envoy.filters.network.http_connection_manager",
                any(&self.manager(manager)?),
            ),
            NetworkFilter::Tcp(proxy) => {
                ("envoy.filters.network.tcp_proxy", any(&tcp_proxy(proxy)))
            }
            _ => return self.unknown("filter_chains.filters"),
        };
        Some(listener::FilterChain {
            filter_chain_match: (*matches != FilterChainMatch::default())
                .then(|| chain_match(matches)),
            filters: vec![Filter {
                name: filter.to_owned(),
                config_type: Some(ConfigType::TypedConfig(config)),
            }],
            transport_socket: None,
            name: name.to_string(),
        })
    }

    fn manager(
        &mut self,
        manager: &HttpConnectionManager,
    ) -> Option<pb_http::HttpConnectionManager> {
        let HttpConnectionManager {
            route_config,
            http_filters,
            upgrades,
            ..
        } = manager;
        let upgrades = upgrades.iter().map(upgrade);
        Some(pb_http::HttpConnectionManager {
            stat_prefix: format!("outbound_{route_config}"),
            http_filters: self.http_filters(http_filters)?,
            upgrade_configs: upgrades
                .map(|(upgrade_type, enabled)| UpgradeConfig {
                    upgrade_type,
                    enabled,
                })
                .collect(),
            route_specifier: Some(RouteSpecifier::Rds(Rds {
                config_source: Some(ads()),
                route_config_name: route_config.to_string(),
            })),
        })
    }
}

/// Tells TLS by a connection's first bytes, which its chains ask for.
fn tls_inspector() -> ListenerFilter {
    let type_url =
        "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector";
    ListenerFilter {
        name: "envoy.filters.listener.tls_inspector".to_owned(),
        config_type: Some(ListenerConfigType::TypedConfig(Any {
            type_url: type_url.to_owned(),
            value: Vec::new(),
        })),
    }
}

fn chain_match(matches: &FilterChainMatch) -> listener::FilterChainMatch {
    let ranges = matches.prefix_ranges.iter().map(|range| {
        let text = range.to_string();
        core::CidrRange {
            address_prefix: text.split('/').next().unwrap_or_default().to_owned(),
            prefix_len: Some(range.prefix_len().into()),
        }
    });
    let protocols = matches.application_protocols.iter();
    listener::FilterChainMatch {
        destination_port: matches.destination_port.map(u32::from),
        prefix_ranges: ranges.collect(),
        server_names: matches
            .server_names
            .iter()
            .map(ToString::to_string)
            .collect(),
        transport_protocol: matches
            .transport_protocol
            .map(|protocol| protocol.as_str().to_owned())
            .unwrap_or_default(),
        application_protocols: protocols.map(ToString::to_string).collect(),
    }
}

fn tcp_proxy(proxy: &TcpProxy) -> tcp_proxy::TcpProxy {
    let TcpProxy {
        clusters,
        metadata_match,
        idle_timeout,
        max_connection_duration,
        max_connect_attempts,
        origin: _,
    } = proxy;
    let specifier = match clusters.entries() {
        [one] if one.metadata_match.is_empty() => ClusterSpecifier::Cluster(one.name.to_string()),
        several => {
            // One of weight 0 is never drawn, and Envoy refuses it.
            let several = several.iter().filter(|entry| entry.weight > 0);
            let entry = |entry: &TcpClusterWeight| ClusterWeight {
                name: entry.name.to_string(),
                weight: entry.weight,
                metadata_match: lb_metadata(&entry.metadata_match),
            };
            ClusterSpecifier::WeightedClusters(WeightedCluster {
                clusters: several.map(entry).collect(),
            })
        }
    };
    tcp_proxy::TcpProxy {
        stat_prefix: "outbound".to_owned(),
        metadata_match: lb_metadata(metadata_match),
        // Zero is for ever.
        idle_timeout: Some(duration(idle_timeout.unwrap_or_default())),
        max_connect_attempts: Some(max_connect_attempts.get()),
        max_downstream_connection_duration: max_connection_duration.map(duration),
        cluster_specifier: Some(specifier),
    }
}
