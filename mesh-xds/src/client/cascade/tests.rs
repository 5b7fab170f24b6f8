//! What comes into force, and when.

use std::time::Instant;

use mesh_core::Seeded;
use prost::Message;

use super::*;
use crate::{
    bootstrap::Bootstrap,
    client::ads::{Protocol, Raw, Response},
    pb::{self, protobuf::Any},
};

fn any<M: Message + prost::Name>(message: &M) -> Any {
    Any {
        type_url: format!("type.googleapis.com/{}", M::full_name()),
        value: message.encode_to_vec(),
    }
}

fn ads_source() -> Option<pb::core::ConfigSource> {
    Some(pb::core::ConfigSource {
        config_source_specifier: Some(pb::core::config_source::ConfigSourceSpecifier::Ads(
            pb::core::AggregatedConfigSource {},
        )),
        ..Default::default()
    })
}

fn listener(name: &str, routes: &str) -> Any {
    use pb::http_connection_manager::{http_connection_manager, http_filter};
    any(&pb::listener::Listener {
        name: name.to_owned(),
        api_listener: Some(pb::listener::ApiListener {
            api_listener: Some(any(&pb::http_connection_manager::HttpConnectionManager {
                route_specifier: Some(http_connection_manager::RouteSpecifier::Rds(
                    pb::http_connection_manager::Rds {
                        config_source: ads_source(),
                        route_config_name: routes.to_owned(),
                    },
                )),
                http_filters: vec![pb::http_connection_manager::HttpFilter {
                    name: "router".to_owned(),
                    config_type: Some(http_filter::ConfigType::TypedConfig(any(
                        &pb::router::Router::default(),
                    ))),
                    ..Default::default()
                }],
                ..Default::default()
            })),
        }),
        ..Default::default()
    })
}

/// A virtual host for each of `domains`, to `cluster`.
fn routes(name: &str, domains: &[&str], cluster: &str) -> Any {
    use pb::route::{route::Action, route_action::ClusterSpecifier, route_match::PathSpecifier};
    let host = |domain: &&str| pb::route::VirtualHost {
        name: format!("host-{domain}"),
        domains: vec![(*domain).to_owned()],
        routes: vec![pb::route::Route {
            r#match: Some(pb::route::RouteMatch {
                path_specifier: Some(PathSpecifier::Prefix("/".to_owned())),
                ..Default::default()
            }),
            action: Some(Action::Route(pb::route::RouteAction {
                cluster_specifier: Some(ClusterSpecifier::Cluster(cluster.to_owned())),
                ..Default::default()
            })),
            ..Default::default()
        }],
        ..Default::default()
    };
    any(&pb::route::RouteConfiguration {
        name: name.to_owned(),
        virtual_hosts: domains.iter().map(host).collect(),
        ..Default::default()
    })
}

fn eds_cluster(name: &str, eds: &str) -> Any {
    use pb::cluster::cluster::{ClusterDiscoveryType, DiscoveryType, EdsClusterConfig};
    any(&pb::cluster::Cluster {
        name: name.to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())),
        eds_cluster_config: Some(EdsClusterConfig {
            eds_config: ads_source(),
            service_name: eds.to_owned(),
        }),
        ..Default::default()
    })
}

fn endpoints(name: &str) -> Any {
    any(&pb::endpoint::ClusterLoadAssignment {
        cluster_name: name.to_owned(),
        ..Default::default()
    })
}

/// A cascade and what it sees, driven by hand.
struct Hand {
    ads: Authorities,
    cascade: Cascade,
    now: Instant,
    versions: u32,
}

impl Hand {
    fn new(targets: &[&str]) -> Self {
        let bootstrap = Bootstrap::new("cp:1".parse().unwrap(), "test");
        let everything = targets.is_empty();
        let wildcard: &[Kind] = match everything {
            true => &[Kind::Listener, Kind::Cluster],
            false => &[],
        };
        let random: Arc<dyn mesh_core::Random> = Arc::new(Seeded::new(1));
        #[allow(clippy::disallowed_methods)] // Where the simulated time starts does not matter.
        let now = Instant::now();
        let ads = Authorities::new(&bootstrap, Protocol::Sotw, wildcard, &random, now);
        let scope = match everything {
            true => Scope::All,
            false => {
                let mut all = Targets::default();
                for target in targets {
                    all.add((*target).into(), (*target).into());
                }
                Scope::Targets(all)
            }
        };
        let mut hand = Self {
            ads,
            cascade: Cascade::new(scope),
            now,
            versions: 0,
        };
        hand.look();
        let ads = &mut hand.ads.all[0].ads;
        while ads.poll_command(now).is_some() {}
        ads.opened(0, now);
        hand.look();
        hand
    }

    /// What is waited for.
    fn look(&mut self) -> Vec<String> {
        let look = self.cascade.update(&mut self.ads, self.now);
        self.ads.take_changes();
        // What is said does not matter here, but that it was.
        while self.ads.all[0].ads.poll_request(0, self.now).is_some() {}
        look.waiting.into_iter().collect()
    }

    /// A response with all there is of a type.
    fn send(&mut self, kind: Kind, resources: &[Any]) -> Vec<String> {
        self.versions += 1;
        let raw = |body: &Any| Raw {
            name: None,
            version: None,
            body: body.clone(),
        };
        let response = Response {
            type_url: kind.type_url(),
            version: self.versions.to_string().into(),
            nonce: self.versions.to_string().into(),
            resources: resources.iter().map(raw).collect(),
            removed: Vec::new(),
            errors: Vec::new(),
        };
        let ads = &mut self.ads.all[0].ads;
        ads.received(0, response, self.now).unwrap();
        self.look()
    }

    fn advance(&mut self, seconds: u64) -> Vec<String> {
        self.now += Duration::from_secs(seconds);
        self.ads.all[0].ads.tick(self.now);
        self.look()
    }

    fn clusters(&self) -> Vec<String> {
        let (config, _) = self.cascade.config(&self.ads);
        config.clusters.iter().map(|c| c.name.to_string()).collect()
    }

    /// Where each domain of the published routes leads.
    fn leads(&self) -> Vec<(String, String)> {
        let (config, _) = self.cascade.config(&self.ads);
        let hosts = config.routes.iter().flat_map(|r| r.virtual_hosts.clone());
        let mut leads = Vec::new();
        for host in hosts {
            let routes = RouteConfiguration::new("one", vec![host.clone()]);
            clusters_of(&routes, |cluster| {
                leads.push((host.domains[0].to_string(), cluster.to_string()));
            });
        }
        leads
    }
}

fn lead(domain: &str, cluster: &str) -> (String, String) {
    (domain.to_owned(), cluster.to_owned())
}

/// gRFC A74.
#[test]
fn routes_wait_for_their_clusters_and_endpoints() {
    let mut hand = Hand::new(&["a:80"]);
    assert_eq!(hand.look(), ["Listener `a:80`"]);
    let waiting = hand.send(Kind::Listener, &[listener("a:80", "r")]);
    assert_eq!(waiting, ["RouteConfiguration `r`"]);
    let waiting = hand.send(Kind::RouteConfiguration, &[routes("r", &["*"], "one")]);
    assert_eq!(waiting, ["Cluster `one`"]);
    let waiting = hand.send(Kind::Cluster, &[eds_cluster("one", "eds-1")]);
    assert_eq!(waiting, ["ClusterLoadAssignment `eds-1`"]);
    assert!(hand.leads().is_empty());
    assert!(
        hand.send(Kind::ClusterLoadAssignment, &[endpoints("eds-1")])
            .is_empty()
    );
    assert_eq!(hand.leads(), [lead("*", "one")]);

    // New routes to a new cluster: the old ones stay until all of it is there.
    hand.send(Kind::RouteConfiguration, &[routes("r", &["*"], "two")]);
    assert_eq!(
        (hand.leads(), hand.clusters()),
        (vec![lead("*", "one")], vec!["one".to_owned()])
    );
    hand.send(
        Kind::Cluster,
        &[eds_cluster("one", "eds-1"), eds_cluster("two", "eds-2")],
    );
    assert_eq!(hand.leads(), [lead("*", "one")]);
    let both = [endpoints("eds-1"), endpoints("eds-2")];
    assert!(hand.send(Kind::ClusterLoadAssignment, &both).is_empty());
    // And then what nothing leads to is left.
    assert_eq!(
        (hand.leads(), hand.clusters()),
        (vec![lead("*", "two")], vec!["two".to_owned()])
    );
}

#[test]
fn a_cluster_that_does_not_come_holds_routes_up_for_15_s_only() {
    let mut hand = Hand::new(&["a:80"]);
    hand.send(Kind::Listener, &[listener("a:80", "r")]);
    hand.send(Kind::RouteConfiguration, &[routes("r", &["*"], "one")]);
    hand.send(Kind::Cluster, &[eds_cluster("one", "one")]);
    hand.send(Kind::ClusterLoadAssignment, &[endpoints("one")]);
    let waiting = hand.send(Kind::RouteConfiguration, &[routes("r", &["*"], "never")]);
    assert_eq!(waiting, ["Cluster `never`"]);
    assert_eq!(hand.leads(), [lead("*", "one")]);
    // The request is held back a little, and the time counts from then on.
    hand.advance(1);
    assert!(hand.advance(15).is_empty());
    assert_eq!(
        (hand.leads(), hand.clusters()),
        (vec![lead("*", "never")], vec![])
    );
}

#[test]
fn losing_the_control_plane_brings_nothing_half_into_force() {
    let mut hand = Hand::new(&["a:80"]);
    hand.send(Kind::Listener, &[listener("a:80", "r")]);
    hand.send(Kind::RouteConfiguration, &[routes("r", &["*"], "one")]);
    hand.send(Kind::Cluster, &[eds_cluster("one", "one")]);
    hand.send(Kind::ClusterLoadAssignment, &[endpoints("one")]);
    hand.send(Kind::RouteConfiguration, &[routes("r", &["*"], "two")]);
    for _ in 0..2 {
        hand.ads.all[0].ads.closed(0, "gone", hand.now);
        hand.advance(3);
        while hand.ads.all[0].ads.poll_command(hand.now).is_some() {}
    }
    hand.ads.all[0].ads.closed(0, "gone", hand.now);
    assert!(hand.ads.unreachable().is_some());
    assert_eq!(hand.advance(60), ["Cluster `two`"]);
    assert_eq!(hand.leads(), [lead("*", "one")]);
}

/// With everything followed, clusters and routes may come in any order.
#[test]
fn a_deleted_cluster_stays_while_routes_lead_to_it() {
    let web = |cluster: &str| {
        let mut listener = listener("web", "r");
        // Any port.
        listener.type_url = Kind::Listener.type_url();
        (listener, routes("r", &["*"], cluster))
    };
    let mut hand = Hand::new(&[]);
    let (listener, to_one) = web("one");
    hand.send(Kind::Cluster, &[eds_cluster("one", "one")]);
    hand.send(Kind::ClusterLoadAssignment, &[endpoints("one")]);
    hand.send(Kind::Listener, &[listener]);
    assert!(hand.send(Kind::RouteConfiguration, &[to_one]).is_empty());
    assert_eq!(
        (hand.leads(), hand.clusters()),
        (vec![lead("*", "one")], vec!["one".to_owned()])
    );
    // Clusters first: the old one stays.
    hand.send(Kind::Cluster, &[eds_cluster("two", "two")]);
    hand.send(Kind::ClusterLoadAssignment, &[endpoints("two")]);
    assert_eq!(hand.clusters(), ["one", "two"]);
    hand.send(Kind::RouteConfiguration, &[web("two").1]);
    assert_eq!(
        (hand.leads(), hand.clusters()),
        (vec![lead("*", "two")], vec!["two".to_owned()])
    );
    // Routes first: the old ones stay.
    let waiting = hand.send(Kind::RouteConfiguration, &[web("three").1]);
    assert_eq!(waiting, ["Cluster `three`"]);
    assert_eq!(hand.leads(), [lead("*", "two")]);
    hand.send(Kind::Cluster, &[eds_cluster("three", "three")]);
    hand.send(Kind::ClusterLoadAssignment, &[endpoints("three")]);
    assert_eq!(
        (hand.leads(), hand.clusters()),
        (vec![lead("*", "three")], vec!["three".to_owned()])
    );
    // What never comes is not waited for without end.
    hand.send(Kind::RouteConfiguration, &[web("never").1]);
    assert_eq!(hand.leads(), [lead("*", "three")]);
    assert!(hand.advance(15).is_empty());
    assert_eq!(hand.leads(), [lead("*", "never")]);
}

/// A27: one virtual host, the best for the target with its port.
#[test]
fn each_target_has_a_listener_for_its_host_with_its_own_virtual_host() {
    let mut hand = Hand::new(&["a:80", "b:80", "c:81", "d:80"]);
    let listeners = ["a:80", "b:80", "c:81", "d:80"].map(|name| listener(name, &name[..1]));
    hand.send(Kind::Listener, &listeners);
    let all = [
        routes("a", &["a:80", "*", "a"], "exact"),
        routes("b", &["b:*", "*", "*:80"], "suffix"),
        routes("c", &["*"], "other"),
        routes("d", &["x"], "none"),
    ];
    hand.send(Kind::RouteConfiguration, &all);
    let clusters = ["exact", "suffix", "other", "none"];
    let eds = clusters.map(|name| eds_cluster(name, name));
    hand.send(Kind::Cluster, &eds);
    assert!(
        hand.send(Kind::ClusterLoadAssignment, &clusters.map(endpoints))
            .is_empty()
    );
    let (config, problems) = hand.cascade.config(&hand.ads);
    let listeners = config.listeners.iter().zip(&config.routes);
    let listeners = listeners.map(|(listener, routes)| {
        let hosts = routes.virtual_hosts.iter();
        let hosts: Vec<_> = hosts
            .map(|h| (h.domains[0].to_string(), h.name.to_string()))
            .collect();
        (listener.hosts[0].to_string(), listener.port, hosts)
    });
    let one = |name| vec![lead("*", name)];
    assert_eq!(
        listeners.collect::<Vec<_>>(),
        [
            ("a".to_owned(), Some(80), one("host-a:80")),
            ("b".to_owned(), Some(80), one("host-*:80")),
            ("c".to_owned(), Some(81), one("host-*")),
            ("d".to_owned(), Some(80), vec![]),
        ]
    );
    assert_eq!(
        problems,
        ["RouteConfiguration `d` has no virtual host for `d:80`"]
    );
}

/// A listener for connections, to `cluster`.
fn tcp_listener(name: &str, cluster: &str) -> Any {
    use pb::{core, listener, tcp_proxy};
    let proxy = tcp_proxy::TcpProxy {
        cluster_specifier: Some(tcp_proxy::tcp_proxy::ClusterSpecifier::Cluster(
            cluster.to_owned(),
        )),
        ..Default::default()
    };
    let address = core::SocketAddress {
        address: "127.0.0.1".to_owned(),
        port_specifier: Some(core::socket_address::PortSpecifier::PortValue(9)),
        ..Default::default()
    };
    any(&listener::Listener {
        name: name.to_owned(),
        address: Some(core::Address {
            address: Some(core::address::Address::SocketAddress(address)),
        }),
        filter_chains: vec![listener::FilterChain {
            filters: vec![listener::Filter {
                name: "tcp".to_owned(),
                config_type: Some(listener::filter::ConfigType::TypedConfig(any(&proxy))),
            }],
            ..Default::default()
        }],
        ..Default::default()
    })
}

#[test]
fn listeners_for_connections_wait_for_their_clusters_and_keep_them() {
    let mut hand = Hand::new(&[]);
    let listeners = |hand: &Hand| hand.cascade.config(&hand.ads).0.listeners.len();
    let waiting = hand.send(Kind::Listener, &[tcp_listener("bytes", "c")]);
    assert!(waiting.contains(&"Cluster `c`".to_owned()), "{waiting:?}");
    assert_eq!(listeners(&hand), 0);
    let waiting = hand.send(Kind::Cluster, &[eds_cluster("c", "c")]);
    assert_eq!(waiting, ["ClusterLoadAssignment `c`"]);
    assert_eq!(listeners(&hand), 0);
    assert!(
        hand.send(Kind::ClusterLoadAssignment, &[endpoints("c")])
            .is_empty()
    );
    assert_eq!(
        (listeners(&hand), hand.clusters()),
        (1, vec!["c".to_owned()])
    );
    // A cluster that was deleted stays for as long as the listener leads to it.
    hand.send(Kind::Cluster, &[]);
    assert_eq!(hand.clusters(), ["c"]);
    hand.send(Kind::Listener, &[]);
    assert_eq!((listeners(&hand), hand.clusters()), (0, vec![]));
}

#[test]
fn a_target_without_requests_is_a_problem() {
    let mut hand = Hand::new(&["a:9"]);
    hand.send(Kind::Listener, &[tcp_listener("a:9", "c")]);
    hand.send(Kind::Cluster, &[eds_cluster("c", "c")]);
    hand.send(Kind::ClusterLoadAssignment, &[endpoints("c")]);
    let (config, problems) = hand.cascade.config(&hand.ads);
    assert!(config.listeners.is_empty());
    assert_eq!(
        problems,
        ["Listener `a:9` is not used: it has no HTTP connection manager"]
    );
}

fn aggregate(name: &str, clusters: &[&str]) -> Any {
    use pb::cluster::cluster::{ClusterDiscoveryType, CustomClusterType};
    let config = pb::aggregate::ClusterConfig {
        clusters: clusters.iter().map(|c| (*c).to_owned()).collect(),
    };
    any(&pb::cluster::Cluster {
        name: name.to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::ClusterType(CustomClusterType {
            name: String::new(),
            typed_config: Some(any(&config)),
        })),
        ..Default::default()
    })
}

#[test]
fn a37_an_aggregate_waits_for_its_clusters_and_the_one_in_force_keeps_its_own() {
    let mut hand = Hand::new(&["a:80"]);
    hand.send(Kind::Listener, &[listener("a:80", "a")]);
    hand.send(Kind::RouteConfiguration, &[routes("a", &["*"], "all")]);
    // It leads to itself, too.
    let waiting = hand.send(Kind::Cluster, &[aggregate("all", &["inner", "all"])]);
    assert_eq!(waiting, ["Cluster `inner`"]);
    let both = [
        aggregate("all", &["inner", "all"]),
        aggregate("inner", &["one", "all"]),
    ];
    assert_eq!(hand.send(Kind::Cluster, &both), ["Cluster `one`"]);
    assert!(hand.clusters().is_empty());
    let three = [both[0].clone(), both[1].clone(), eds_cluster("one", "one")];
    assert_eq!(
        hand.send(Kind::Cluster, &three),
        ["ClusterLoadAssignment `one`"]
    );
    let eds = [endpoints("one")];
    assert!(hand.send(Kind::ClusterLoadAssignment, &eds).is_empty());
    assert_eq!(hand.clusters(), ["all", "inner", "one"]);
    assert_eq!(hand.leads(), [lead("*", "all")]);
    // A new version whose cluster is not there yet.
    let mut next = three;
    next[1] = aggregate("inner", &["two"]);
    assert_eq!(hand.send(Kind::Cluster, &next), ["Cluster `two`"]);
    assert_eq!(hand.clusters(), ["all", "inner", "one"]);
    let next = [next[0].clone(), next[1].clone(), eds_cluster("two", "two")];
    hand.send(Kind::Cluster, &next);
    let eds = [endpoints("two")];
    assert!(hand.send(Kind::ClusterLoadAssignment, &eds).is_empty());
    assert_eq!(hand.clusters(), ["all", "inner", "two"]);
}
