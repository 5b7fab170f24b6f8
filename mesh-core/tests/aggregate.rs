//! Aggregate clusters: who takes a request.

use std::{collections::BTreeMap, net::SocketAddr, time::Instant};

use http::StatusCode;
use mesh_core::{
    Config, Mesh, Outcome, Random, Seeded,
    cluster::PickArgs,
    policy::{
        Cluster, Discovery, Endpoint, OutlierDetection, Percent, Route, RouteConfiguration,
        RouteMatch, VirtualHost,
    },
};

fn aggregate(name: &str, clusters: &[&str]) -> Cluster {
    let mut cluster = Cluster::new(name);
    cluster.discovery = Discovery::Aggregate {
        clusters: clusters.iter().map(|c| (*c).into()).collect(),
    };
    cluster
}

fn detecting(name: &str) -> Cluster {
    Cluster::new(name).with_outlier_detection(OutlierDetection {
        consecutive_5xx: 1,
        max_ejection_percent: Percent::HUNDRED,
        ..OutlierDetection::default()
    })
}

fn endpoints(first: u16, n: u16) -> Vec<Endpoint> {
    let endpoint = |i| Endpoint::new(SocketAddr::from(([127, 0, 0, 1], first + i)));
    (0..n).map(endpoint).collect()
}

#[expect(clippy::disallowed_methods, reason = "tests have no other clock here")]
fn now() -> Instant {
    Instant::now()
}

/// Who takes 1000 requests to `name`.
fn shares(mesh: &Mesh, name: &str, at: Instant) -> BTreeMap<String, u32> {
    let (snapshot, random) = (mesh.load(), Seeded::new(7));
    let mut shares = BTreeMap::new();
    for _ in 0..1000 {
        let target = snapshot.target(name, random.next_u64(), || at);
        let target = target.map_or("none", |t| t.name());
        *shares.entry(target.to_owned()).or_default() += 1;
    }
    shares
}

fn eject(mesh: &Mesh, cluster: &str, n: usize, at: Instant) {
    let snapshot = mesh.load();
    let (cluster, random) = (
        snapshot.cluster(cluster).expect("a cluster"),
        Seeded::new(1),
    );
    let bad = Outcome::Response {
        status: StatusCode::BAD_GATEWAY,
        grpc_status: None,
    };
    for _ in 0..n {
        let pick = cluster
            .pick(&PickArgs::new(at, &random))
            .expect("an endpoint");
        cluster.record(pick.endpoint(), bad, || at, &random);
    }
}

#[test]
fn the_first_takes_all_and_the_next_what_it_cannot() {
    let mesh = Mesh::new();
    let mut near = detecting("near");
    near.healthy_panic_threshold = Percent::ZERO;
    let config = Config::default()
        .cluster(aggregate("all", &["near", "gone", "far"]), [])
        .cluster(near, endpoints(1, 4))
        .cluster(Cluster::new("far"), endpoints(11, 1));
    mesh.publish(config).unwrap();
    let start = now();
    assert_eq!(
        shares(&mesh, "all", start),
        [("near".to_owned(), 1000)].into()
    );
    // Half of four: 70 % with 140 % overprovisioning, as Envoy counts.
    eject(&mesh, "near", 2, start);
    let half = shares(&mesh, "all", start);
    assert!((250..350).contains(&half["far"]), "{half:?}");
    eject(&mesh, "near", 2, start);
    assert_eq!(
        shares(&mesh, "all", start),
        [("far".to_owned(), 1000)].into()
    );
    // Ejections end although nobody picks there.
    let later = start + std::time::Duration::from_secs(3600);
    assert_eq!(
        shares(&mesh, "all", later),
        [("near".to_owned(), 1000)].into()
    );
}

#[test]
fn nested_and_circular_aggregates_have_each_cluster_once() {
    let mesh = Mesh::new();
    let config = Config::default()
        .cluster(aggregate("all", &["inner", "b", "all", "c"]), [])
        .cluster(aggregate("inner", &["all", "empty", "b"]), [])
        .cluster(aggregate("nothing", &["nothing", "gone"]), [])
        .cluster(Cluster::new("b"), endpoints(1, 1))
        .cluster(Cluster::new("c"), endpoints(2, 1))
        .cluster(Cluster::new("empty"), []);
    let route = |host: &str, to: &str| {
        let route = Route::to_cluster(RouteMatch::any(), to.to_owned());
        VirtualHost::new([host], vec![route])
    };
    let config = config.routing(RouteConfiguration::new(
        "r",
        vec![route("all", "all"), route("nothing", "nothing")],
    ));
    let report = mesh.publish(config).unwrap();
    let dangling: Vec<_> = report.dangling.iter().map(|d| &*d.cluster).collect();
    assert_eq!(dangling, ["nothing"]);
    let now = now();
    assert_eq!(shares(&mesh, "all", now), [("b".to_owned(), 1000)].into());
    assert_eq!(
        shares(&mesh, "nothing", now),
        [("none".to_owned(), 1000)].into()
    );
    // It is no cluster itself.
    assert!(mesh.load().cluster("all").is_none());
    assert_eq!(mesh.load().clusters().len(), 3);
}
