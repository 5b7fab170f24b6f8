//! `tcp` and `tls` routes, and the listeners of ports that carry bytes.

use std::time::Duration;

use mesh_core::{
    Mesh,
    policy::{Listener, NetworkFilter, TcpProxy},
    routing::{Connection, find_filter_chain},
};

use super::*;

const MONGO: &str = "outbound|27017||mongo.prod.svc.cluster.local";

/// A static service of one port with an endpoint.
fn bytes(host: &str, port: u16, protocol: &str, more: &str) -> String {
    document(
        "ServiceEntry",
        "prod",
        &format!("se-{host}-{port}"),
        &format!(
            "hosts: [\"{host}\"]\nports: [{{number: {port}, name: p, protocol: {protocol}}}]\n\
             resolution: STATIC\nendpoints: [{{address: 10.0.0.1}}]\n{more}"
        ),
    )
}

fn mongo(more: &str) -> String {
    bytes("mongo.prod.svc.cluster.local", 27017, "MONGO", more)
}

/// A rule of the service's namespace.
fn rule(name: &str, spec: &str) -> String {
    document("VirtualService", "prod", name, spec)
}

impl Loaded {
    #[track_caller]
    fn listener(&self, name: &str) -> &Listener {
        let found = self.config.listeners.iter().find(|l| *l.name == *name);
        found.unwrap_or_else(|| panic!("no `{name}` in {:#?}", self.config.listeners))
    }

    fn tcp_chains(&self, listener: &str) -> Vec<(String, String, &TcpProxy)> {
        let chains = self.listener(listener).filter_chains.iter();
        chains
            .map(|chain| {
                let matches = &chain.matches;
                let ranges: Vec<_> = matches
                    .prefix_ranges
                    .iter()
                    .map(|r| r.to_string())
                    .collect();
                let names: Vec<_> = matches.server_names.iter().map(|n| n.to_string()).collect();
                match &chain.filter {
                    NetworkFilter::Tcp(proxy) => (ranges.join(" "), names.join(" "), proxy),
                    other => panic!("{other:?}"),
                }
            })
            .collect()
    }
}

fn shares(proxy: &TcpProxy) -> Vec<(&str, u32)> {
    let entries = proxy.clusters.entries().iter();
    entries.map(|e| (&*e.name, e.weight)).collect()
}

#[test]
fn a_service_without_rules_gets_a_listener_by_every_name() {
    let loaded = load(&mongo("addresses: [10.9.0.1, \"fd00::9\"]"));
    let listener = loaded.listener("mongo.prod.svc.cluster.local_27017");
    let hosts: Vec<_> = listener.hosts.iter().map(|h| &**h).collect();
    assert_eq!(
        hosts,
        [
            "mongo.prod.svc.cluster.local",
            "mongo.prod.svc.cluster.local.",
            "mongo.prod",
            "mongo.prod.svc",
            "10.9.0.1",
            "fd00::9"
        ]
    );
    let chains = loaded.tcp_chains(&listener.name);
    assert_eq!(chains.len(), 1);
    assert_eq!(shares(chains[0].2), [(MONGO, 1)]);
    assert_eq!(chains[0].2.idle_timeout, Some(Duration::from_secs(3600)));
    assert_eq!(
        chains[0].2.max_connect_attempts.get(),
        1,
        "as istiod leaves it"
    );
    assert_eq!(loaded.endpoints(MONGO), ["10.0.0.1:27017"]);
    assert!(loaded.config.routes.is_empty(), "requests find no route");
    assert_eq!(notes(&loaded), [""; 0]);
}

#[test]
fn every_protocol_that_is_no_http_carries_bytes() {
    for protocol in ["TCP", "tcp", "MONGO", "MYSQL", "REDIS", "TLS", "HTTPS"] {
        let loaded = load(&bytes("db.example.com", 1, protocol, ""));
        assert_eq!(loaded.tcp_chains("db.example.com_1").len(), 1, "{protocol}");
    }
    for protocol in ["HTTP", "HTTP2", "GRPC", "GRPC-Web"] {
        let loaded = load(&bytes("db.example.com", 1, protocol, ""));
        let names: Vec<_> = loaded.config.listeners.iter().map(|l| &*l.name).collect();
        assert_eq!(names, ["outbound_1"], "{protocol}");
    }
    // Of an undeclared protocol: both, told apart by what the caller does.
    let undeclared = "hosts: [db.example.com]\nports: [{number: 1}]\nresolution: DNS";
    let loaded = load(&document("ServiceEntry", "prod", "x", undeclared));
    assert_eq!(loaded.tcp_chains("db.example.com_1").len(), 1);
    loaded.listener("outbound_1");
}

#[test]
fn weights_subsets_and_ports_of_destinations() {
    let text = mongo("")
        + &bytes("other.example.com", 9, "TCP", "")
        + &rule(
            "split",
            "hosts: [mongo]\ntcp:\n- route:\n  - destination: {host: mongo, subset: v1}\n    \
             weight: 90\n  - destination: {host: other.example.com}\n    weight: 10\n  - \
             destination: {host: mongo}\n    weight: 0",
        )
        + &document(
            "DestinationRule",
            "prod",
            "mongo",
            "host: mongo\nsubsets: [{name: v1, labels: {version: v1}}]\ntrafficPolicy:\n  \
             connectionPool: {tcp: {maxConnections: 7, connectTimeout: 3s, idleTimeout: 5s, \
             maxConnectionDuration: 9s}}\n  outlierDetection: {consecutive5xxErrors: 2}",
        );
    let loaded = load(&text);
    let chains = loaded.tcp_chains("mongo.prod.svc.cluster.local_27017");
    let (_, _, proxy) = chains[0];
    let v1 = "outbound|27017|v1|mongo.prod.svc.cluster.local";
    assert_eq!(
        shares(proxy),
        [(v1, 90), ("outbound|9||other.example.com", 10)]
    );
    // Those of the first destination's host.
    assert_eq!(proxy.idle_timeout, Some(Duration::from_secs(5)));
    assert_eq!(proxy.max_connection_duration, Some(Duration::from_secs(9)));
    assert_eq!(proxy.origin.to_string(), "f.yaml:31");
    let cluster = loaded.cluster(v1);
    assert_eq!(cluster.circuit_breakers.default.max_connections, 7);
    assert_eq!(cluster.connect_timeout, Duration::from_secs(3));
    let outlier = cluster.outlier_detection.as_ref().unwrap();
    assert_eq!(outlier.consecutive_5xx, 2);
    // Another host has no such limits.
    let chains = loaded.tcp_chains("other.example.com_9");
    assert_eq!(chains[0].2.max_connection_duration, None);
    assert_eq!(notes(&loaded), [""; 0]);
}

#[test]
fn http_idle_timeout_does_not_touch_streams() {
    let pool = "connectionPool: {tcp: {idleTimeout: 5s}, http: {idleTimeout: 7s}}";
    let spec = format!("host: mongo\ntrafficPolicy: {{{pool}}}");
    let loaded = load(&(mongo("") + &document("DestinationRule", "prod", "mongo", &spec)));
    let chains = loaded.tcp_chains("mongo.prod.svc.cluster.local_27017");
    assert_eq!(chains[0].2.idle_timeout, Some(Duration::from_secs(5)));
}

#[test]
fn limits_of_streams_at_a_port_or_subset_are_noted() {
    let pool = |limit: &str| format!("connectionPool: {{tcp: {{{limit}}}}}");
    let note = "idleTimeout and maxConnectionDuration of a port or subset do not limit TCP streams";
    let said = |policy: &str| {
        let spec = format!("host: mongo\n{policy}");
        let loaded = load(&(mongo("") + &document("DestinationRule", "prod", "mongo", &spec)));
        let chains = loaded.tcp_chains("mongo.prod.svc.cluster.local_27017");
        let limits = (
            chains[0].2.idle_timeout,
            chains[0].2.max_connection_duration,
        );
        let notes = notes(&loaded);
        let said = notes.iter().filter(|n| n.contains(note)).count();
        assert_eq!(said, notes.len(), "{notes:?}");
        (limits, said)
    };
    let hour = (Some(Duration::from_secs(3600)), None);
    for limit in ["idleTimeout: 5s", "maxConnectionDuration: 5s"] {
        let pool = pool(limit);
        for policy in [
            format!("trafficPolicy: {{portLevelSettings: [{{port: {{number: 27017}}, {pool}}}]}}"),
            format!("subsets: [{{name: v1, trafficPolicy: {{{pool}}}}}]"),
            format!(
                "subsets: [{{name: v1, trafficPolicy: {{portLevelSettings: [{{port: {{number: \
                 27017}}, {pool}}}]}}}}]"
            ),
        ] {
            assert_eq!(said(&policy), (hour, 1), "{policy}");
        }
    }
    let counted = pool("maxConnections: 5");
    assert_eq!(
        said(&format!(
            "subsets: [{{name: v1, trafficPolicy: {{{counted}}}}}]"
        )),
        (hour, 0)
    );
    let own = pool("idleTimeout: 5s");
    let five = (Some(Duration::from_secs(5)), None);
    assert_eq!(said(&format!("trafficPolicy: {{{own}}}")), (five, 0));
}

#[test]
fn conditions_about_the_client_are_decided_here() {
    let to = |condition: &str, host: &str| {
        format!("- match: [{{{condition}}}]\n  route: [{{destination: {{host: {host}}}}}]\n")
    };
    for (condition, applies) in [
        ("port: 27017", true),
        ("port: 1", false),
        ("gateways: [mesh]", true),
        ("gateways: [edge]", false),
        ("sourceLabels: {app: web}", true),
        ("sourceLabels: {app: batch}", false),
        ("sourceNamespace: default", true),
        ("sourceNamespace: prod", false),
        // All of them count, other than for HTTP.
        ("gateways: [mesh], sourceLabels: {app: batch}", false),
    ] {
        let mut client = client();
        client.labels = [("app", "web")].into_iter().collect();
        let routes = to(condition, "other.example.com");
        let text = mongo("")
            + &bytes("other.example.com", 9, "TCP", "")
            + &rule("r", &format!("hosts: [mongo]\ntcp:\n{routes}"));
        let loaded = load_as(&client, &Registry::new(), &text);
        let chains = loaded.tcp_chains("mongo.prod.svc.cluster.local_27017");
        let expected = if applies {
            "outbound|9||other.example.com"
        } else {
            MONGO
        };
        assert_eq!(shares(chains[0].2), [(expected, 1)], "{condition}");
        let unused = notes(&loaded)
            .iter()
            .any(|n| n.contains("applies to no connection"));
        assert_eq!(unused, !applies, "{condition}");
    }
}

#[test]
fn subnets_are_chains_of_their_own_and_the_first_for_all_ends_the_list() {
    let text = mongo("")
        + &bytes("a.example.com", 1, "TCP", "")
        + &bytes("b.example.com", 1, "TCP", "")
        + &rule(
            "r",
            "hosts: [mongo]\ntcp:\n- match:\n  - destinationSubnets: [10.1.0.0/16, 10.2.3.4]\n  \
             route: [{destination: {host: a.example.com}}]\n- match:\n  - destinationSubnets: \
             [10.1.0.0/16, 10.0.0.0/8]\n  route: [{destination: {host: b.example.com}}]\n- route: \
             [{destination: {host: mongo}}]\n- route: [{destination: {host: b.example.com}}]",
        );
    let loaded = load(&text);
    let chains = loaded.tcp_chains("mongo.prod.svc.cluster.local_27017");
    let seen: Vec<_> = chains
        .iter()
        .map(|(r, _, p)| (&**r, shares(p)[0].0))
        .collect();
    assert_eq!(
        seen,
        [
            ("10.1.0.0/16 10.2.3.4/32", "outbound|1||a.example.com"),
            ("10.0.0.0/8", "outbound|1||b.example.com"),
            ("", MONGO)
        ]
    );
    let notes = notes(&loaded);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("subnet 10.1.0.0/16 belongs to the route at f.yaml:"));
    assert!(notes[1].contains("applies to no connection"));
}

#[test]
fn rules_for_one_host_follow_each_other() {
    // As istiod: connections, unlike requests, see all rules of their host, the oldest first.
    let text = mongo("")
        + &bytes("a.example.com", 1, "TCP", "")
        + &rule(
            "r1",
            "hosts: [mongo]\ntcp: [{match: [{destinationSubnets: [10.0.0.0/8]}], route: \
             [{destination: {host: a.example.com}}]}]",
        )
        + &rule(
            "r2",
            "hosts: [\"*.prod.svc.cluster.local\"]\ntcp: [{route: [{destination: {host: \
             a.example.com}}]}]",
        );
    let loaded = load(&text);
    let chains = loaded.tcp_chains("mongo.prod.svc.cluster.local_27017");
    let seen: Vec<_> = chains
        .iter()
        .map(|(r, _, p)| (&**r, shares(p)[0].0))
        .collect();
    let a = "outbound|1||a.example.com";
    assert_eq!(seen, [("10.0.0.0/8", a), ("", a)]);
    assert_eq!(notes(&loaded), [""; 0]);
}

#[test]
fn a_rule_about_connections_only_leaves_requests_to_others() {
    let text = service("prod", "web.prod.svc.cluster.local", 80)
        + &rule(
            "r1",
            "hosts: [web]\ntcp: [{route: [{destination: {host: web}}]}]",
        )
        + &rule(
            "r2",
            "hosts: [web]\nhttp: [{directResponse: {status: 204}}]",
        );
    let loaded = load(&text);
    let route = &loaded.routes(80, "web.prod")[0];
    assert!(matches!(route.action, RouteAction::DirectResponse(_)));
    let notes = notes(&loaded);
    assert!(
        notes.iter().all(|n| n.contains("applies to no connection")),
        "{notes:?}"
    );
}

#[test]
fn sni_chooses_among_tls_routes() {
    let wildcard = "hosts: [\"*.example.com\"]\nports: [{number: 443, protocol: TLS}]\nresolution: \
                    STATIC\nendpoints: [{address: 10.0.0.1}]";
    let text = document("ServiceEntry", "prod", "wildcard", wildcard)
        + &bytes("one.example.org", 443, "HTTPS", "")
        + &rule(
            "r",
            "hosts: [\"*.example.com\"]\ntls:\n- match: [{sniHosts: [One.example.com, \
             \"*.b.example.com\"]}]\n  route: [{destination: {host: one.example.org}}]\n- match:\n  \
             - {sniHosts: [\"*.example.com\"], destinationSubnets: [10.0.0.0/8]}\n  - {sniHosts: \
             [one.example.com], port: 443}\n  route: [{destination: {host: one.example.org}}]",
        );
    let loaded = load(&text);
    let chains = loaded.tcp_chains("*.example.com_443");
    let seen: Vec<_> = chains.iter().map(|(r, n, _)| (&**r, &**n)).collect();
    assert_eq!(
        seen,
        [
            ("", "one.example.com"),
            ("", "*.b.example.com"),
            ("10.0.0.0/8", "*.example.com")
        ]
    );
    let notes = notes(&loaded);
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(
        notes[0].contains("one.example.com belongs to the route at"),
        "{notes:?}"
    );
    let found = |server_name| {
        let asked = Connection {
            host: "x.example.com",
            port: 443,
            server_name,
            ..Connection::default()
        };
        let listener = loaded.listener("*.example.com_443");
        find_filter_chain(listener, &asked).map(|(index, _)| index)
    };
    assert_eq!(found(Some("ONE.example.com")), Some(0));
    assert_eq!(found(Some("a.b.example.com")), Some(1));
    assert_eq!(found(Some("two.example.com")), None, "only from 10.0.0.0/8");
    assert_eq!(found(None), None);
}

#[test]
fn tcp_routes_are_not_for_tls_ports_nor_the_other_way_round() {
    let tls = "tls: [{match: [{sniHosts: [db.example.com]}], route: [{destination: {host: \
               a.example.com}}]}]";
    let tcp = "tcp: [{route: [{destination: {host: a.example.com}}]}]";
    for (protocol, routes, applies) in [
        ("TLS", tls, true),
        ("TLS", tcp, false),
        ("TCP", tls, false),
        ("TCP", tcp, true),
    ] {
        let text = bytes("db.example.com", 9, protocol, "")
            + &bytes("a.example.com", 1, "TCP", "")
            + &rule("r", &format!("hosts: [db.example.com]\n{routes}"));
        let loaded = load(&text);
        let chains = loaded.tcp_chains("db.example.com_9");
        let to = shares(chains[0].2)[0].0;
        assert_eq!(
            to == "outbound|1||a.example.com",
            applies,
            "{protocol} {routes}"
        );
        assert_eq!(notes(&loaded).is_empty(), applies);
    }
}

#[test]
fn what_istio_refuses_is_refused_by_place() {
    for (routes, problem) in [
        (
            "tls: [{route: [{destination: {host: a}}]}]",
            "spec.tls[0].match: is required, with at least one entry",
        ),
        (
            "tls: [{match: [{port: 1}], route: [{destination: {host: a}}]}]",
            "spec.tls[0].match[0].sniHosts: is required",
        ),
        (
            "tls: [{match: [{sniHosts: [b]}], route: [{destination: {host: a}}]}]",
            "spec.tls[0].match[0].sniHosts[0]: is not one of the rule's hosts, nor covered by one",
        ),
        (
            "tls: [{match: [{sniHosts: [10.0.0.1]}], route: [{destination: {host: a}}]}]",
            "spec.tls[0].match[0].sniHosts[0]: an SNI is a name",
        ),
        (
            "tcp: [{match: [{port: 1}]}]",
            "spec.tcp[0].route: is required",
        ),
        (
            "tcp: [{route: []}]",
            "spec.tcp[0].route: must have a destination",
        ),
        (
            "tcp: [{route: [{destination: {host: a}}, {destination: {host: b}}]}]",
            "spec.tcp[0].route: all weights are 0",
        ),
        (
            "tcp: [{match: [{destinationSubnets: [10.0.0.0/99]}], route: [{destination: {host: a}}]}]",
            "spec.tcp[0].match[0].destinationSubnets[0]: must be an IP address or address/length",
        ),
        (
            "tcp: [{match: [{uri: {exact: /}}], route: [{destination: {host: a}}]}]",
            "spec.tcp[0].match[0].uri: unknown field `uri`",
        ),
        (
            "tcp: [{route: [{destination: {host: a}, headers: {}}]}]",
            "spec.tcp[0].route[0].headers: unknown field `headers`",
        ),
    ] {
        let problems = problems(&rule("r", &format!("hosts: [a]\n{routes}")));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains(problem), "{problems:?}");
        assert!(problems[0].starts_with("f.yaml:"), "{problems:?}");
    }
    let ignored = "tcp: [{match: [{sourceSubnet: 10.0.0.0/8}], route: [{destination: {host: a}}]}]";
    let loaded = load(&rule("r", &format!("hosts: [a]\n{ignored}")));
    assert!(
        notes(&loaded)
            .iter()
            .any(|n| n.starts_with("ignored: f.yaml:"))
    );
}

#[test]
fn two_services_that_share_a_short_name_both_keep_their_own() {
    let text = bytes("mongo.prod", 27017, "TCP", "")
        + &mongo("addresses: [10.9.0.1]")
        + &bytes("twin.example.com", 27017, "TCP", "addresses: [10.9.0.1]");
    let loaded = load(&text);
    let mesh = Mesh::new();
    mesh.publish(loaded.config).unwrap();
    let found = |host| {
        let snapshot = mesh.load();
        let asked = Connection {
            host,
            port: 27017,
            ..Connection::default()
        };
        snapshot
            .tcp_route(&asked)
            .unwrap()
            .listener
            .name
            .to_string()
    };
    assert_eq!(found("mongo.prod"), "mongo.prod_27017");
    assert_eq!(
        found("mongo.prod.svc"),
        "mongo.prod.svc.cluster.local_27017"
    );
    assert_eq!(found("10.9.0.1"), "mongo.prod.svc.cluster.local_27017");
    assert_eq!(found("twin.example.com"), "twin.example.com_27017");
}
