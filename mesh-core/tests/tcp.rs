//! Connections: the choice of listener, filter chain and cluster, and what is refused.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use mesh_core::{
    Config, ConfigError, Failure, Mesh, Outcome, Seeded,
    cluster::PickArgs,
    explain_tcp,
    policy::{
        CidrRange, Cluster, Endpoint, FilterChain, FilterChainMatch, HttpConnectionManager,
        Listener, Name, NetworkFilter, OutlierDetection, Percent, Route, RouteConfiguration,
        RouteMatch, ServerName, TcpProxy, TransportProtocol, VirtualHost,
    },
    routing::{
        ChainOutcome, Connection, Dialled, ListenerError, NoTcpRoute, explain_filter_chains,
        find_filter_chain,
    },
};
use proptest::{collection::vec, prelude::*, sample::subsequence};

fn to(cluster: &str) -> FilterChain {
    FilterChain::new(TcpProxy::to_cluster(cluster).into())
}

fn chain(cluster: &str, change: impl FnOnce(&mut FilterChainMatch)) -> FilterChain {
    let mut chain = to(cluster);
    change(&mut chain.matches);
    chain
}

fn range(text: &str) -> CidrRange {
    text.parse().expect("a range")
}

fn names(names: &[&str]) -> Vec<ServerName> {
    names
        .iter()
        .map(|n| ServerName::try_new(n).expect("a name"))
        .collect()
}

fn listener(chains: Vec<FilterChain>) -> Listener {
    let mut listener = Listener::outbound_tcp::<Name>([], Some(443), TcpProxy::to_cluster(""));
    listener.filter_chains = chains;
    listener
}

fn config(listeners: impl IntoIterator<Item = Listener>) -> Config {
    listeners
        .into_iter()
        .fold(Config::default(), Config::listener)
}

fn connection<'a>(host: &'a str, port: u16) -> Connection<'a> {
    Connection {
        host,
        port,
        ..Connection::default()
    }
}

#[expect(clippy::disallowed_methods, reason = "tests have no other clock here")]
fn now() -> Instant {
    Instant::now()
}

fn cluster_of(listener: &Listener, connection: &Connection<'_>) -> Option<String> {
    let (_, chain) = find_filter_chain(listener, connection)?;
    match &chain.filter {
        NetworkFilter::Tcp(proxy) => Some(proxy.clusters.pick(0).name.to_string()),
        _ => None,
    }
}

#[test]
fn criteria_count_in_envoys_order_and_nothing_goes_back() {
    let listener = listener(vec![
        to("any"),
        chain("port", |m| m.destination_port = Some(443)),
        chain("port and net", |m| {
            m.destination_port = Some(443);
            m.prefix_ranges = vec![range("10.0.0.0/8")];
        }),
        chain("port, subnet and name", |m| {
            m.destination_port = Some(443);
            m.prefix_ranges = vec![range("10.1.0.0/16")];
            m.server_names = names(&["a.com"]);
        }),
        chain("name", |m| m.server_names = names(&["a.com"])),
    ]);
    let dial = |address: &str, port, server_name| {
        let connection = Connection {
            address: address.parse().ok(),
            server_name,
            ..connection("", port)
        };
        cluster_of(&listener, &connection)
    };
    assert_eq!(dial("10.2.0.1", 443, None).unwrap(), "port and net");
    assert_eq!(dial("11.0.0.1", 443, None).unwrap(), "port");
    assert_eq!(dial("", 443, None).unwrap(), "port", "an unknown address");
    assert_eq!(
        dial("10.1.0.1", 443, Some("A.com")).unwrap(),
        "port, subnet and name"
    );
    // The longer prefix won; that its chain wants another name does not bring the shorter back.
    assert_eq!(dial("10.1.0.1", 443, Some("b.com")), None);
    assert_eq!(dial("10.1.0.1", 443, None), None);
    // No chain of the port wants the name, but the port decides first.
    assert_eq!(dial("11.0.0.1", 443, Some("a.com")).unwrap(), "port");
    assert_eq!(dial("11.0.0.1", 80, Some("a.com")).unwrap(), "name");
    assert_eq!(dial("11.0.0.1", 80, Some("b.com")).unwrap(), "any");
}

#[test]
fn the_default_chain_takes_what_no_other_wants() {
    let mut listener = listener(vec![chain("tls", |m| {
        m.transport_protocol = Some(TransportProtocol::Tls);
    })]);
    let raw = connection("", 443);
    assert_eq!(cluster_of(&listener, &raw), None);
    listener.default_filter_chain = Some(to("default"));
    assert_eq!(cluster_of(&listener, &raw).unwrap(), "default");
    let tls = Connection {
        transport_protocol: TransportProtocol::Tls,
        ..raw
    };
    assert_eq!(cluster_of(&listener, &tls).unwrap(), "tls");
    assert_eq!(
        explain_filter_chains(&listener, &tls),
        [ChainOutcome::Chosen, ChainOutcome::NotNeeded]
    );
}

#[test]
fn the_callers_favourite_protocol_chooses() {
    let alpn =
        |protocols: &[&str]| -> Vec<Name> { protocols.iter().map(|p| (*p).into()).collect() };
    let listener = listener(vec![
        chain("h2", |m| m.application_protocols = alpn(&["h2", "h2c"])),
        chain("h1", |m| m.application_protocols = alpn(&["http/1.1"])),
        to("other"),
    ]);
    for (offered, cluster) in [
        (&["http/1.1", "h2"][..], "h1"),
        (&["spdy", "h2", "http/1.1"], "h2"),
        (&["h2c"], "h2"),
        (&["spdy"], "other"),
        (&[], "other"),
    ] {
        let connection = Connection {
            application_protocols: offered,
            ..connection("", 443)
        };
        assert_eq!(cluster_of(&listener, &connection).unwrap(), cluster);
    }
}

#[test]
fn a_listener_is_found_by_its_most_specific_host() {
    let tcp = |hosts: &[&'static str], port, cluster: &str| {
        Listener::outbound_tcp(hosts.iter().copied(), port, TcpProxy::to_cluster(cluster))
    };
    let mesh = Mesh::new();
    mesh.publish(config([
        tcp(&["mongo", "mongo.prod", "10.0.0.7"], Some(27017), "mongo"),
        tcp(&["*.prod"], Some(27017), "prod"),
        tcp(&[], Some(27017), "port"),
        tcp(&["mongo"], None, "mongo, other ports"),
        tcp(&[], None, "rest"),
    ]))
    .unwrap();
    let snapshot = mesh.load();
    let found = |host, port| {
        let route = snapshot.tcp_route(&connection(host, port)).unwrap();
        route.proxy.clusters.pick(0).name.to_string()
    };
    assert_eq!(found("Mongo", 27017), "mongo");
    assert_eq!(found("10.0.0.7", 27017), "mongo");
    assert_eq!(found("mysql.prod", 27017), "prod");
    assert_eq!(found("prod", 27017), "port");
    assert_eq!(found("mongo", 1), "mongo, other ports");
    assert_eq!(found("mysql", 1), "rest");
}

#[test]
fn a_name_stands_for_the_address_among_its_listeners_hosts() {
    let mut service = listener(vec![
        chain("vip", |m| m.prefix_ranges = vec![range("10.0.0.7")]),
        chain("net", |m| m.prefix_ranges = vec![range("10.0.0.0/8")]),
    ]);
    service.hosts = vec!["mongo".into(), "10.0.0.7".into()];
    let mesh = Mesh::new();
    mesh.publish(config([service])).unwrap();
    let snapshot = mesh.load();
    let by_name = snapshot.tcp_route(&connection("mongo", 443)).unwrap();
    assert_eq!(&*by_name.proxy.clusters.pick(0).name, "vip");
    // What the caller says of the address wins.
    let asked = Connection {
        address: "10.9.9.9".parse().ok(),
        ..connection("mongo", 443)
    };
    let by_address = snapshot.tcp_route(&asked).unwrap();
    assert_eq!(&*by_address.proxy.clusters.pick(0).name, "net");
}

#[test]
fn where_nothing_listens_the_error_says_what_was_dialled() {
    let mesh = Mesh::new();
    let error = |host, port| mesh.load().tcp_route(&connection(host, port)).unwrap_err();
    assert_eq!(
        error("mongo", 27017).to_string(),
        "no listener for `mongo` on port 27017"
    );
    let web = RouteConfiguration::new("web", vec![]);
    let mut picky = listener(vec![chain("c", |m| m.server_names = names(&["a.com"]))]);
    picky.port = Some(1);
    mesh.publish(Config::default().routing(web).listener(picky))
        .unwrap();
    assert!(matches!(error("web", 80), NoTcpRoute::Http { .. }));
    assert!(matches!(
        error("x", 1),
        NoTcpRoute::NoFilterChain { chains: 1, .. }
    ));
}

#[test]
fn requests_and_bytes_share_a_port_by_alpn() {
    // As for a port whose protocol nobody declared.
    let mut http = FilterChain::new(HttpConnectionManager::new("80").into());
    http.matches.application_protocols = ["http/1.1", "h2c"].map(Name::from).to_vec();
    let mut listener = listener(vec![http, to("bytes")]);
    listener.port = Some(80);
    let route = Route::to_cluster(RouteMatch::any(), "requests");
    let routes = RouteConfiguration::new("80", vec![VirtualHost::new(["*"], vec![route])]);
    let mut config = config([listener]);
    config.routes.push(routes.into());
    let mesh = Mesh::new();
    let report = mesh.publish(config).unwrap();
    assert_eq!(report.dangling.len(), 2, "{:?}", report.dangling);
    assert!(
        mesh.load()
            .outbound(Dialled {
                host: "any",
                port: 80
            })
            .is_some()
    );
    let snapshot = mesh.load();
    let route = snapshot.tcp_route(&connection("any", 80)).unwrap();
    assert_eq!(&*route.proxy.clusters.pick(0).name, "bytes");
}

#[test]
fn what_envoy_rejects_is_rejected() {
    let error = |listeners: Vec<Listener>| {
        let error = Mesh::new().publish(config(listeners)).unwrap_err();
        match error.problems() {
            [ConfigError::Listener { source, .. }] => source.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(error(vec![listener(vec![])]), ListenerError::NoChain);
    let two = vec![
        chain("a", |m| m.server_names = names(&["a.com", "*.b.com"])),
        to("b"),
        chain("c", |m| m.server_names = names(&["*.B.com"])),
    ];
    assert_eq!(
        error(vec![listener(two)]),
        ListenerError::OverlappingChains(0, 2)
    );
    assert!(matches!(
        error(vec![listener(vec![to("a")]), listener(vec![to("b")])]),
        ListenerError::DuplicateHost { .. }
    ));
    let partial = chain("a", |m| m.prefix_ranges = vec![range("10.0.0.0/8")]);
    let partial = FilterChain {
        filter: HttpConnectionManager::new("x").into(),
        ..partial
    };
    let mut config = config([listener(vec![partial])]);
    config
        .routes
        .push(RouteConfiguration::new("x", vec![]).into());
    let refused = Mesh::new().publish(config).unwrap_err();
    assert!(
        refused.to_string().contains("not supported yet"),
        "{refused}"
    );
}

#[test]
fn the_report_shows_chains_roll_and_endpoints() {
    let proxy = TcpProxy::split([("v1", 9), ("v2", 1)]).unwrap();
    let mut service = listener(vec![
        FilterChain::new(proxy.into()),
        chain("sub", |m| m.prefix_ranges = vec![range("10.0.0.0/8")]),
    ]);
    service.hosts = vec!["mongo".into()];
    let endpoint = Endpoint::new(SocketAddr::from(([127, 0, 0, 1], 7)));
    let mesh = Mesh::new();
    mesh.publish(config([service]).cluster(Cluster::new("v2"), [endpoint]))
        .unwrap();
    let random = Seeded::new(1);
    let explained = explain_tcp(&mesh.load(), &connection("mongo", 443), 19, now(), &random);
    assert_eq!(explained.cluster_name(), Some("v2"));
    let text = explained.to_string();
    for part in [
        "mongo:443",
        "chain 0 (code): chosen",
        "chain 1 (code): no: prefix_ranges does not match",
        "weights: roll 9 of 10",
        "9..10 weight 1 `v2`",
        "endpoint 127.0.0.1:7",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let nowhere = explain_tcp(&mesh.load(), &connection("mysql", 1), 0, now(), &random);
    assert!(
        nowhere
            .to_string()
            .contains("no listener for `mysql` on port 1 (NR)")
    );
}

#[test]
fn failed_connects_eject_and_a_connection_clears_the_count() {
    for split_external_local_origin_errors in [false, true] {
        let policy = Cluster::new("c").with_outlier_detection(OutlierDetection {
            consecutive_5xx: 3,
            consecutive_local_origin_failure: 3,
            max_ejection_percent: Percent::HUNDRED,
            split_external_local_origin_errors,
            ..OutlierDetection::default()
        });
        let mesh = Mesh::new();
        let endpoint = Endpoint::new(SocketAddr::from(([127, 0, 0, 1], 7)));
        mesh.publish(Config::default().cluster(policy, [endpoint]))
            .unwrap();
        let cluster = mesh.load().cluster("c").unwrap().clone();
        let (now, random) = (now(), Seeded::new(1));
        let pick = cluster.pick(&PickArgs::new(now, &random)).unwrap();
        let tell = |outcome| {
            cluster.record(pick.endpoint(), outcome, || now, &random);
            pick.endpoint().is_ejected()
        };
        let refused = Outcome::Failure(Failure::Connect);
        let timed_out = Outcome::Failure(Failure::ConnectTimeout);
        for outcome in [refused, timed_out, Outcome::Connected, refused, timed_out] {
            assert!(!tell(outcome));
        }
        assert!(tell(refused), "three in a row");
    }
}

/// Envoy's own structure: a map per criterion inside the map of the one before, asked from the most
/// specific key to the empty one.
mod model {
    use super::*;

    type Alpn = HashMap<String, usize>;
    type Transport = HashMap<String, Alpn>;
    type Names = HashMap<String, Transport>;
    type Ranges = HashMap<Option<CidrRange>, Names>;

    pub(super) struct Model(HashMap<u16, Ranges>);

    /// The keys of a criterion; the empty one when it says nothing.
    fn keys<T: ToString>(values: &[T]) -> Vec<String> {
        match values {
            [] => vec![String::new()],
            values => values.iter().map(ToString::to_string).collect(),
        }
    }

    impl Model {
        /// `None` when two chains have a key in common throughout.
        pub(super) fn new(chains: &[FilterChain]) -> Option<Self> {
            let mut ports: HashMap<u16, Ranges> = HashMap::new();
            for (index, FilterChain { matches, .. }) in chains.iter().enumerate() {
                let ranges = ports
                    .entry(matches.destination_port.unwrap_or(0))
                    .or_default();
                let prefixes: Vec<_> = match &matches.prefix_ranges[..] {
                    [] => vec![None],
                    ranges => ranges.iter().copied().map(Some).collect(),
                };
                for prefix in prefixes {
                    let names = ranges.entry(prefix).or_default();
                    for name in keys(&matches.server_names) {
                        let transports = names.entry(name).or_default();
                        let transport = matches.transport_protocol.map_or("", |t| t.as_str());
                        let protocols = transports.entry(transport.to_owned()).or_default();
                        for protocol in keys(&matches.application_protocols) {
                            if protocols.insert(protocol, index).is_some() {
                                return None;
                            }
                        }
                    }
                }
            }
            Some(Self(ports))
        }

        pub(super) fn find(&self, asked: &Connection<'_>) -> Option<usize> {
            let ranges = self.0.get(&asked.port).or_else(|| self.0.get(&0))?;
            let holding = |range: &&Option<CidrRange>| {
                range.is_none_or(|r| asked.address.is_some_and(|ip| r.contains(ip)))
            };
            let longest = ranges
                .keys()
                .filter(holding)
                .max_by_key(|r| r.map_or(-1, |r| i32::from(r.prefix_len())))?;
            let names = &ranges[longest];
            let name = asked.server_name.unwrap_or_default().to_ascii_lowercase();
            let mut candidates = vec![name.clone()];
            let dots = name
                .char_indices()
                .filter(|(place, c)| *place > 0 && *c == '.');
            candidates.extend(dots.map(|(place, _)| format!("*{}", &name[place..])));
            candidates.push(String::new());
            let transports = candidates.iter().find_map(|name| names.get(name))?;
            let protocols = transports
                .get(asked.transport_protocol.as_str())
                .or_else(|| transports.get(""))?;
            let mut offered = asked.application_protocols.iter();
            offered
                .find_map(|protocol| protocols.get(*protocol))
                .or_else(|| protocols.get(""))
                .copied()
        }
    }
}

const RANGES: [&str; 5] = [
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.1.0/24",
    "10.1.1.1/32",
    "fd00::/8",
];
const ADDRESSES: [&str; 6] = [
    "10.1.1.1", "10.1.1.2", "10.1.2.1", "10.2.0.1", "11.0.0.1", "fd00::1",
];
const NAMES: [&str; 5] = ["a.com", "b.a.com", "*.a.com", "*.com", "*.b.a.com"];
const PROTOCOLS: [&str; 3] = ["h2", "http/1.1", "istio"];

fn any_chain() -> impl Strategy<Value = FilterChain> {
    let transport = prop_oneof![
        3 => Just(None),
        1 => Just(Some(TransportProtocol::Tls)),
        1 => Just(Some(TransportProtocol::RawBuffer)),
    ];
    (
        prop_oneof![3 => Just(None), 1 => Just(Some(1_u16)), 1 => Just(Some(2))],
        prop_oneof![1 => Just(vec![]), 1 => subsequence(&RANGES[..], 0..3)],
        prop_oneof![1 => Just(vec![]), 1 => subsequence(&NAMES[..], 0..3)],
        transport,
        prop_oneof![1 => Just(vec![]), 1 => subsequence(&PROTOCOLS[..], 0..3)],
    )
        .prop_map(|(port, ranges, names, transport, protocols)| {
            chain("c", |m| {
                m.destination_port = port;
                m.prefix_ranges = ranges.into_iter().map(range).collect();
                m.server_names = self::names(&names);
                m.transport_protocol = transport;
                m.application_protocols = protocols.into_iter().map(Name::from).collect();
            })
        })
}

fn any_address() -> impl Strategy<Value = Option<IpAddr>> {
    prop_oneof![
        1 => Just(None),
        4 => proptest::sample::select(&ADDRESSES[..]).prop_map(|ip| ip.parse().ok()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_choice_agrees_with_envoys_nested_maps(
        chains in vec(any_chain(), 1..8),
        port in 1_u16..4,
        address in any_address(),
        server_name in proptest::option::of(proptest::sample::select(
            &["a.com", "B.a.com", "c.b.a.com", "x.com", "com", ".com", ""][..]
        )),
        tls: bool,
        offered in subsequence(&PROTOCOLS[..], 0..4).prop_shuffle(),
    ) {
        let model = model::Model::new(&chains);
        let listener = listener(chains);
        let published = Mesh::new().publish(config([listener.clone()]));
        prop_assert_eq!(model.is_some(), published.is_ok(), "{:?}", published);
        let Some(model) = model else { return Ok(()) };
        let asked = Connection {
            host: "",
            port,
            address,
            server_name,
            transport_protocol: match tls {
                true => TransportProtocol::Tls,
                false => TransportProtocol::RawBuffer,
            },
            application_protocols: &offered,
        };
        let found = find_filter_chain(&listener, &asked).map(|(index, _)| index);
        prop_assert_eq!(found, model.find(&asked));
        let chosen = explain_filter_chains(&listener, &asked)
            .iter()
            .position(|outcome| *outcome == ChainOutcome::Chosen);
        prop_assert_eq!(chosen, found, "explain tells another story");
    }
}
