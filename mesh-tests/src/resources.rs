//! xDS resources for tests, as a control plane would send them.

use std::net::SocketAddr;

use mesh_xds::pb::{
    aggregate::ClusterConfig,
    cluster::{
        Cluster, OutlierDetection,
        cluster::{
            ClusterDiscoveryType, CustomClusterType, DiscoveryType, EdsClusterConfig, LbPolicy,
        },
    },
    core::{
        Address, AggregatedConfigSource, ConfigSource, SocketAddress,
        address::Address as AddressKind, config_source::ConfigSourceSpecifier,
        socket_address::PortSpecifier,
    },
    endpoint::{
        ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints,
        lb_endpoint::HostIdentifier,
    },
    fault::{FaultAbort, HttpFault, fault_abort::ErrorType},
    http_connection_manager::{
        HttpConnectionManager, HttpFilter, Rds, http_connection_manager::RouteSpecifier,
        http_filter::ConfigType,
    },
    listener::{ApiListener, Filter, FilterChain, Listener, filter},
    protobuf::{Any, Duration},
    route::{
        Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost, WeightedCluster,
        route::Action, route_action::ClusterSpecifier, route_match::PathSpecifier,
        weighted_cluster::ClusterWeight,
    },
    router::Router,
    types::FractionalPercent,
};
use prost::{Message, Name};

/// A message in an `Any`.
pub fn any<M: Message + Name>(message: &M) -> Any {
    Any {
        type_url: format!("type.googleapis.com/{}", M::full_name()),
        value: message.encode_to_vec(),
    }
}

fn ads() -> Option<ConfigSource> {
    Some(ConfigSource {
        config_source_specifier: Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
        ..Default::default()
    })
}

fn manager(routes: &str, filters: &[HttpFilter]) -> Any {
    let router = http_filter("router", &Router::default());
    any(&HttpConnectionManager {
        route_specifier: Some(RouteSpecifier::Rds(Rds {
            config_source: ads(),
            route_config_name: routes.to_owned(),
        })),
        http_filters: filters.iter().cloned().chain([router]).collect(),
        ..HttpConnectionManager::default()
    })
}

/// An HTTP filter.
pub fn http_filter<M: Message + Name>(name: &str, config: &M) -> HttpFilter {
    HttpFilter {
        name: name.to_owned(),
        config_type: Some(ConfigType::TypedConfig(any(config))),
        ..HttpFilter::default()
    }
}

/// A filter that answers every request with `status`.
pub fn fault_filter(status: u32) -> HttpFilter {
    let abort = FaultAbort {
        percentage: Some(FractionalPercent {
            numerator: 100,
            ..FractionalPercent::default()
        }),
        error_type: Some(ErrorType::HttpStatus(status)),
    };
    let fault = HttpFault {
        abort: Some(abort),
        ..HttpFault::default()
    };
    http_filter("fault", &fault)
}

/// A listener as gRPC asks for it.
pub fn api_listener(name: &str, routes: &str) -> Any {
    api_listener_with(name, routes, &[])
}

/// The same, with filters before the router.
pub fn api_listener_with(name: &str, routes: &str, filters: &[HttpFilter]) -> Any {
    any(&Listener {
        name: name.to_owned(),
        api_listener: Some(ApiListener {
            api_listener: Some(manager(routes, filters)),
        }),
        ..Listener::default()
    })
}

/// A listener as Envoy has it, on a port that callers dial.
pub fn socket_listener(name: &str, port: u16, routes: &str) -> Any {
    any(&Listener {
        name: name.to_owned(),
        address: Some(address(SocketAddr::from(([0, 0, 0, 0], port)))),
        filter_chains: vec![FilterChain {
            filters: vec![Filter {
                name: "hcm".to_owned(),
                config_type: Some(filter::ConfigType::TypedConfig(manager(routes, &[]))),
            }],
            ..FilterChain::default()
        }],
        ..Listener::default()
    })
}

/// Everything for `domain` to `clusters`, by weight.
pub fn routes(name: &str, domain: &str, clusters: &[(&str, u32)]) -> Any {
    let weight = |&(name, weight): &(&str, u32)| ClusterWeight {
        name: name.to_owned(),
        weight: Some(weight),
        ..ClusterWeight::default()
    };
    let specifier = ClusterSpecifier::WeightedClusters(WeightedCluster {
        clusters: clusters.iter().map(weight).collect(),
        ..WeightedCluster::default()
    });
    any(&RouteConfiguration {
        name: name.to_owned(),
        virtual_hosts: vec![VirtualHost {
            name: domain.to_owned(),
            domains: match domain {
                "*" => vec!["*".to_owned()],
                domain => vec![domain.to_owned(), format!("{domain}:*")],
            },
            routes: vec![Route {
                r#match: Some(RouteMatch {
                    path_specifier: Some(PathSpecifier::Prefix("/".to_owned())),
                    ..RouteMatch::default()
                }),
                action: Some(Action::Route(RouteAction {
                    cluster_specifier: Some(specifier),
                    ..RouteAction::default()
                })),
                ..Route::default()
            }],
            ..VirtualHost::default()
        }],
        ..RouteConfiguration::default()
    })
}

/// A cluster whose endpoints come by EDS.
pub fn cluster(name: &str) -> Any {
    any(&Cluster {
        name: name.to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())),
        eds_cluster_config: Some(EdsClusterConfig {
            eds_config: ads(),
            service_name: String::new(),
        }),
        ..Cluster::default()
    })
}

/// A cluster that cannot be used: its balancer does not exist.
pub fn broken_cluster(name: &str) -> Any {
    let Any { type_url, value } = cluster(name);
    let mut broken = Cluster::decode(&*value).unwrap_or_default();
    broken.lb_policy = 77;
    Any {
        type_url,
        value: broken.encode_to_vec(),
    }
}

/// A cluster of others, the preferred first.
pub fn aggregate_cluster(name: &str, clusters: &[&str]) -> Any {
    let config = ClusterConfig {
        clusters: clusters.iter().map(|c| (*c).to_owned()).collect(),
    };
    any(&Cluster {
        name: name.to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::ClusterType(CustomClusterType {
            name: "envoy.clusters.aggregate".to_owned(),
            typed_config: Some(any(&config)),
        })),
        lb_policy: LbPolicy::ClusterProvided.into(),
        ..Cluster::default()
    })
}

/// A cluster whose endpoints are looked up by DNS.
pub fn dns_cluster(name: &str, logical: bool, hostname: &str, port: u16) -> Any {
    let discovery = match logical {
        true => DiscoveryType::LogicalDns,
        false => DiscoveryType::StrictDns,
    };
    any(&Cluster {
        name: name.to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(discovery.into())),
        load_assignment: Some(assignment(name, [host(hostname.to_owned(), port)])),
        ..Cluster::default()
    })
}

/// The same cluster, ejecting an endpoint for any failure.
pub fn with_outlier_detection(cluster: &Any) -> Any {
    let mut changed = Cluster::decode(&*cluster.value).unwrap_or_default();
    changed.outlier_detection = Some(OutlierDetection {
        consecutive_5xx: Some(1),
        max_ejection_percent: Some(100),
        base_ejection_time: Some(Duration {
            seconds: 300,
            nanos: 0,
        }),
        ..OutlierDetection::default()
    });
    any(&changed)
}

/// Endpoints, all in one locality.
pub fn endpoints(cluster: &str, addresses: &[SocketAddr]) -> Any {
    any(&assignment(cluster, addresses.iter().map(|a| address(*a))))
}

/// Endpoints by priority, each in a locality of its own.
pub fn endpoints_by_priority(cluster: &str, priorities: &[SocketAddr]) -> Any {
    let mut all = assignment(cluster, []);
    all.endpoints.clear();
    for (priority, at) in (0..).zip(priorities) {
        let mut one = assignment(cluster, [address(*at)]).endpoints.remove(0);
        one.priority = priority;
        all.endpoints.push(one);
    }
    any(&all)
}

fn assignment(
    cluster: &str,
    addresses: impl IntoIterator<Item = Address>,
) -> ClusterLoadAssignment {
    let endpoint = |address| LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(Endpoint {
            address: Some(address),
            ..Endpoint::default()
        })),
        ..LbEndpoint::default()
    };
    ClusterLoadAssignment {
        cluster_name: cluster.to_owned(),
        endpoints: vec![LocalityLbEndpoints {
            lb_endpoints: addresses.into_iter().map(endpoint).collect(),
            load_balancing_weight: Some(1),
            ..LocalityLbEndpoints::default()
        }],
        ..ClusterLoadAssignment::default()
    }
}

fn address(address: SocketAddr) -> Address {
    host(address.ip().to_string(), address.port())
}

fn host(host: String, port: u16) -> Address {
    Address {
        address: Some(AddressKind::SocketAddress(SocketAddress {
            address: host,
            port_specifier: Some(PortSpecifier::PortValue(port.into())),
            ..SocketAddress::default()
        })),
    }
}

/// All that `xds:///NAME:80` needs: listener, routes, cluster and endpoints, each of that name.
pub fn service(name: &str, addresses: &[SocketAddr]) -> Vec<Any> {
    vec![
        api_listener(&format!("{name}:80"), name),
        routes(name, name, &[(name, 1)]),
        cluster(name),
        endpoints(name, addresses),
    ]
}
