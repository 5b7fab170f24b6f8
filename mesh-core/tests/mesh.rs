//! Publishing into a mesh: what a rejected config leaves alone, what swaps cost.

use std::{
    net::SocketAddr,
    sync::{Arc, Weak},
    time::Instant,
};

use http::StatusCode;
use mesh_core::{
    Config, Mesh, Outcome, Seeded,
    cluster::{self, PickArgs},
    policy::{
        Cluster, Endpoint, HttpConnectionManager, Listener, NetworkFilter, Origin,
        OutlierDetection, Percent, RequestMirror, Route, RouteAction, RouteConfiguration,
        RouteMatch, RoutingPriority, VirtualHost,
    },
    routing::Dialled,
};

fn endpoint(port: u16) -> Endpoint {
    Endpoint::new(SocketAddr::from(([127, 0, 0, 1], port)))
}

fn config(cluster: Cluster, ports: impl IntoIterator<Item = u16>) -> Config {
    let route = Route::to_cluster(RouteMatch::any(), cluster.name.clone());
    Config::default()
        .routing(RouteConfiguration::new(
            "all",
            vec![VirtualHost::new(["*"], vec![route])],
        ))
        .cluster(cluster, ports.into_iter().map(endpoint))
}

#[expect(clippy::disallowed_methods, reason = "tests have no other clock here")]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn a_rejected_config_leaves_breakers_and_ejections_alone() {
    let detecting = || {
        Cluster::new("c").with_outlier_detection(OutlierDetection {
            consecutive_5xx: 1,
            max_ejection_percent: Percent::HUNDRED,
            ..OutlierDetection::default()
        })
    };
    let mesh = Mesh::new();
    mesh.publish(config(detecting(), [1, 2])).unwrap();
    let (now, random) = (now(), Seeded::new(1));
    let c = mesh.load().cluster("c").unwrap().clone();
    let pick = c.pick(&PickArgs::new(now, &random)).unwrap();
    let bad = Outcome::Response {
        status: StatusCode::BAD_GATEWAY,
        grpc_status: None,
    };
    c.record(pick.endpoint(), bad, || now, &random);
    assert!(pick.endpoint().is_ejected());

    let mut changed = Cluster::new("c");
    changed.circuit_breakers.default.max_requests = 1;
    let mut rejected = config(changed, [3]);
    rejected
        .listeners
        .push(Listener::outbound(Some(1), "missing"));
    mesh.publish(rejected).unwrap_err();

    assert!(pick.endpoint().is_ejected(), "detection is still on");
    assert_eq!(c.outlier_stats().active, 1);
    let limit = c
        .state()
        .breaker_status(RoutingPriority::Default)
        .requests
        .limit;
    assert_eq!(limit, Some(1024));
}

#[test]
fn two_clusters_of_one_name_are_rejected_where_both_are_named() {
    let two = config(Cluster::new("c"), [1]).cluster(Cluster::new("c"), [endpoint(2)]);
    let error = Mesh::new().publish(two).unwrap_err();
    assert!(error.to_string().contains("cluster `c`"), "{error}");
}

#[test]
fn ten_thousand_swaps_keep_nothing_of_what_they_replaced() {
    let mesh = Mesh::new();
    let random = Seeded::new(1);
    let mut endpoints: Vec<Weak<cluster::Endpoint>> = Vec::new();
    let mut clusters = Vec::new();
    for round in 0..10_000_u16 {
        let mut cluster = Cluster::new("c");
        // Policy, endpoints and name change in turn.
        cluster.overprovisioning_factor = 140 + u32::from(round % 3);
        if round % 5 == 0 {
            cluster.name = "d".into();
        }
        let name = cluster.name.clone();
        mesh.publish(config(cluster, [round % 7, 100 + round % 11]))
            .unwrap();
        let snapshot = mesh.load();
        let cluster = snapshot.cluster(&name).unwrap();
        mesh.assign(&name, Arc::new([endpoint(round)].into_iter().collect()));
        let pick = cluster.pick(&PickArgs::new(now(), &random)).unwrap();
        endpoints.push(Arc::downgrade(pick.endpoint()));
        clusters.push(Arc::downgrade(cluster));
    }
    let alive = |n: usize| (1..=2).contains(&n);
    endpoints.retain(|e| e.strong_count() > 0);
    clusters.retain(|c| c.strong_count() > 0);
    assert!(alive(endpoints.len()), "{} endpoints", endpoints.len());
    assert!(alive(clusters.len()), "{} clusters", clusters.len());
}

fn listener(port: u16, manager: HttpConnectionManager) -> Listener {
    let mut listener = Listener::outbound(Some(port), manager.route_config.clone());
    listener.filter_chains[0].filter = NetworkFilter::Http(manager);
    listener
}

#[test]
fn routes_are_compiled_once_for_each_list_of_filters_before_them() {
    let routes = |name: &str| {
        let route = Route::to_cluster(RouteMatch::any(), "c");
        Arc::new(RouteConfiguration::new(
            name.to_owned(),
            vec![VirtualHost::new(["*"], vec![route])],
        ))
    };
    let bare = || HttpConnectionManager::new("a").with_filters(Vec::new());
    let config = Config {
        listeners: vec![
            listener(1, bare()),
            listener(2, bare()),
            listener(3, HttpConnectionManager::new("a")),
        ],
        routes: vec![routes("a"), routes("named by no listener")],
        ..Config::default()
    };
    let mesh = Mesh::new();
    mesh.publish(config).unwrap();
    let snapshot = mesh.load();
    let router = |port| snapshot.outbound(Dialled { host: "a", port }).unwrap().1;
    assert!(Arc::ptr_eq(router(1), router(2)));
    assert!(!Arc::ptr_eq(router(1), router(3)));
    assert_eq!(snapshot.routers().len(), 3);
}

#[test]
fn broken_routes_are_one_problem_however_many_listeners_name_them() {
    let nowhere = RouteConfiguration::new("a", vec![VirtualHost::new::<&str>([], Vec::new())]);
    let config = Config {
        listeners: (1..=3)
            .map(|port| listener(port, HttpConnectionManager::new("a")))
            .collect(),
        routes: vec![Arc::new(nowhere)],
        ..Config::default()
    };
    let error = Mesh::new().publish(config).unwrap_err();
    assert_eq!(error.problems().len(), 1, "{error}");
}

#[test]
fn requests_find_their_listener_by_host_and_port() {
    let for_hosts = |name: &str, port, hosts: &[&str]| {
        let mut listener = Listener::outbound(port, name.to_owned());
        listener.name = name.into();
        listener.hosts = hosts.iter().map(|h| (*h).into()).collect();
        listener
    };
    let all = [
        for_hosts("a", Some(80), &["a"]),
        for_hosts("sub", Some(80), &["*.b"]),
        for_hosts("port", Some(80), &[]),
        for_hosts("a:81", Some(81), &["a"]),
        for_hosts("c", None, &["c"]),
    ];
    let routes = all.iter().map(|listener| {
        let route = Route::to_cluster(RouteMatch::any(), "c");
        let hosts = vec![VirtualHost::new(["*"], vec![route])];
        Arc::new(RouteConfiguration::new(listener.name.clone(), hosts))
    });
    let config = Config {
        routes: routes.collect(),
        listeners: all.to_vec(),
        ..Config::default()
    };
    let mesh = Mesh::new();
    mesh.publish(config.clone()).unwrap();
    let snapshot = mesh.load();
    let found = |host, port| {
        let (_, router) = snapshot.outbound(Dialled { host, port })?;
        Some(router.config().name.to_string())
    };
    for (host, port, expected) in [
        ("a", 80, Some("a")),
        ("A:80", 80, Some("a")),
        ("x.b", 80, Some("sub")),
        ("other", 80, Some("port")),
        // A listener of the port wins over one for any port.
        ("c", 80, Some("port")),
        ("a:81", 81, Some("a:81")),
        ("c", 81, Some("c")),
        ("other", 81, None),
        ("c", 5, Some("c")),
    ] {
        assert_eq!(found(host, port).as_deref(), expected, "{host} {port}");
    }
    assert_eq!(
        snapshot.no_outbound(Dialled {
            host: "x",
            port: 81
        }),
        "no listener for `x` on port 81; known ports: 80, 81"
    );
    // Two listeners for one host of a port are a mistake.
    let mut twice = config;
    twice.listeners.push(for_hosts("a", Some(80), &["A"]));
    let error = mesh.publish(twice).unwrap_err().to_string();
    assert!(
        error.contains("host `A` is already one of listener `a`"),
        "{error}"
    );
}

/// Control planes push what has not changed under new versions.
#[test]
fn a_new_version_alone_rebuilds_nothing() {
    let at = |version: &str| {
        let origin = |kind: &str, resource: &str| Origin::Xds {
            kind: kind.into(),
            resource: resource.into(),
            version: version.into(),
        };
        let mut cluster = Cluster::new("c");
        cluster.origin = origin("Cluster", "c");
        let mut config = config(cluster, [1]);
        let routes = Arc::make_mut(&mut config.routes[0]);
        routes.origin = origin("RouteConfiguration", "all");
        routes.virtual_hosts[0].origin = routes.origin.clone();
        config.listeners[0].origin = origin("Listener", "l");
        config
    };
    let mesh = Mesh::new();
    let version = mesh.publish(at("1")).unwrap().version;
    let before = mesh.load();
    assert_eq!(mesh.publish(at("2")).unwrap().version, version);
    assert!(Arc::ptr_eq(&before.routers()[0], &mesh.load().routers()[0]));
}

#[test]
fn mirrors_dangle_too_and_each_is_told_once() {
    let origin = |line| Origin::file("a.yaml", line);
    let mut route = Route::to_cluster(RouteMatch::any(), "c");
    route.origin = origin(3);
    let RouteAction::Forward(action) = &mut route.action else {
        unreachable!("it forwards");
    };
    action.mirrors = ["c", "gone", "gone"].map(RequestMirror::to).to_vec();
    let mut host = VirtualHost::new(["*"], vec![route]);
    host.origin = origin(2);
    host.mirrors = vec![RequestMirror::to("away")];
    let mut routes = RouteConfiguration::new("a", vec![host]);
    routes.origin = origin(1);
    routes.mirrors = vec![RequestMirror::to("lost")];
    // Two ports, two filter lists, one list of routes.
    let mut config = Config::default().cluster(Cluster::new("c"), [endpoint(1)]);
    config.listeners = vec![
        listener(1, HttpConnectionManager::new("a")),
        listener(2, HttpConnectionManager::new("a").with_filters(Vec::new())),
    ];
    config.routes = vec![Arc::new(routes)];
    let report = Mesh::new().publish(config).unwrap();
    let told: Vec<_> = report.dangling.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "a.yaml:1: cluster `lost` does not exist; nothing is mirrored to it",
            "a.yaml:2: cluster `away` does not exist; nothing is mirrored to it",
            "a.yaml:3: cluster `gone` does not exist; nothing is mirrored to it",
        ]
    );
}

#[test]
fn an_unknown_port_names_a_few_that_are_known() {
    let mesh = Mesh::new();
    let known = |ports: std::ops::Range<u16>| {
        let mut config = config(Cluster::new("c"), [1]);
        config.listeners = ports
            .map(|port| Listener::outbound(Some(port), "all"))
            .collect();
        mesh.publish(config).unwrap();
        mesh.load().known_ports()
    };
    assert_eq!(known(1..1), "none");
    assert_eq!(known(1..3), "1, 2");
    assert_eq!(known(1..9), "1, 2, 3, 4, 5, 6, 7, 8");
    assert_eq!(known(1..100), "1, 2, 3, 4, 5, 6, 7, 8, … (99 in all)");
}

#[test]
fn a_change_of_endpoints_alone_is_heard_apart_from_versions() {
    let mesh = Mesh::new();
    let config = Config::default().cluster(Cluster::new("a"), [endpoint(1)]);
    mesh.publish(config).unwrap();
    let (versions, endpoints) = (mesh.subscribe(), mesh.subscribe_endpoints());
    assert!(mesh.assign("a", Arc::new([endpoint(2)].into_iter().collect())));
    assert!(endpoints.has_changed().unwrap());
    assert!(!versions.has_changed().unwrap());
    let endpoints = mesh.subscribe_endpoints();
    assert!(!mesh.assign("a", Arc::new([endpoint(2)].into_iter().collect())));
    assert!(!mesh.assign("b", Arc::new([endpoint(2)].into_iter().collect())));
    assert!(!endpoints.has_changed().unwrap());
}
