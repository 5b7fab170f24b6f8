//! What comes of a `connect`: which endpoint, or which error, and that nothing stays counted.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use mesh_core::{
    Failure, Flag, Seeded,
    policy::{
        Cluster, Endpoint, LbPolicy, Listener, RouteConfiguration, SubsetFallback, Subsets,
        TcpProxy, Thresholds,
    },
};
use mesh_http::{
    Context,
    tcp::{Connector, Target},
};
use tower::{Service, ServiceExt};

use crate::support::*;

fn attempts(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

#[tokio::test]
async fn connections_split_by_weight() {
    let (one, two) = (echo("1").await, echo("2").await);
    let proxy = TcpProxy::split([("one", 3), ("two", 1)]).unwrap();
    let mesh = publish(
        listening(proxy)
            .cluster(cluster("one"), endpoints(&[one]))
            .cluster(cluster("two"), endpoints(&[two])),
    );
    let connector = Connector::builder(&mesh).random(Seeded::new(7)).build();
    let mut answers = BTreeMap::new();
    for _ in 0..400 {
        let mut stream = within(connector.connect("mongo:27017")).await.unwrap();
        let name = read(&mut stream, 1).await;
        let expected = if name == "1" { "one" } else { "two" };
        assert_eq!(stream.cluster(), expected);
        *answers.entry(name).or_insert(0) += 1;
    }
    assert!((270..=330).contains(&answers["1"]), "{answers:?}");
}

#[tokio::test]
async fn a_subset_is_chosen_by_its_labels() {
    let (v1, v2) = (echo("1").await, echo("2").await);
    let mut policy = cluster("c");
    policy.subsets = Some(Subsets {
        selectors: vec![vec!["version".into()]],
        fallback: SubsetFallback::NoFallback,
    });
    let labelled = |address, version| {
        Endpoint::new(address).with_metadata([("version", version)].into_iter().collect())
    };
    let mut proxy = TcpProxy::to_cluster("c");
    proxy.metadata_match = [("version", "2")].into_iter().collect();
    let config =
        |proxy| listening(proxy).cluster(policy.clone(), [labelled(v1, "1"), labelled(v2, "2")]);
    let mesh = publish(config(proxy.clone()));
    let connector = Connector::new(&mesh);
    for _ in 0..4 {
        let mut stream = within(connector.connect("mongo:27017")).await.unwrap();
        assert_eq!(read(&mut stream, 1).await, "2");
    }
    proxy.metadata_match = [("version", "3")].into_iter().collect();
    mesh.publish(config(proxy)).unwrap();
    let error = connector.connect("mongo:27017").await.unwrap_err();
    assert_eq!(error.flag(), Flag::NoHealthyUpstream);
}

#[tokio::test]
async fn a_refused_connect_goes_to_the_next_host() {
    let (dead, live) = (nobody().await, echo("!").await);
    let proxy = TcpProxy::to_cluster("c").with_max_connect_attempts(attempts(2));
    let config = listening(proxy).cluster(cluster("c"), endpoints(&[dead, live]));
    let mesh = publish(config);
    let connector = Connector::new(&mesh);
    for _ in 0..10 {
        let mut stream = within(connector.connect("mongo:27017")).await.unwrap();
        assert_eq!(read(&mut stream, 1).await, "!");
    }
    assert_eq!(counts(&mesh), (0, 0));
}

#[tokio::test]
async fn a_random_balancer_finds_the_other_host_too() {
    let (dead, live) = (nobody().await, echo("!").await);
    let proxy = TcpProxy::to_cluster("c").with_max_connect_attempts(attempts(2));
    let policy = Cluster::new("c").with_lb_policy(LbPolicy::Random);
    let mesh = publish(listening(proxy).cluster(policy, endpoints(&[dead, live])));
    let connector = Connector::builder(&mesh).random(Seeded::new(5)).build();
    for _ in 0..300 {
        let mut stream = within(connector.connect("mongo:27017")).await.unwrap();
        assert_eq!(read(&mut stream, 1).await, "!");
    }
}

#[tokio::test]
async fn when_the_attempts_are_used_up_the_error_says_so() {
    let dead = [nobody().await, nobody().await];
    for n in [1, 2, 3] {
        let proxy = TcpProxy::to_cluster("c").with_max_connect_attempts(attempts(n));
        let mesh = publish(listening(proxy).cluster(cluster("c"), endpoints(&dead)));
        let connector = Connector::new(&mesh);
        let error = within(connector.connect("mongo:27017")).await.unwrap_err();
        assert_eq!(error.attempts(), n);
        assert_eq!(error.failure(), Some(Failure::Connect));
        assert_eq!(
            error.flags(),
            [
                Flag::UpstreamRetryLimitExceeded,
                Flag::UpstreamConnectionFailure
            ]
        );
        assert_eq!(error.cluster(), Some("c"));
        assert!(error.is_safe_to_resend());
        let text = error.to_string();
        assert!(
            text.starts_with("mongo:27017: cluster `c`, endpoint 127.0.0.1:"),
            "{text}"
        );
        assert_eq!(counts(&mesh), (0, 0));
    }
}

#[tokio::test]
async fn a_black_hole_costs_the_connect_timeout_and_no_more() {
    let hole = black_hole().await;
    let mut policy = cluster("c");
    policy.connect_timeout = Duration::from_millis(100);
    let mesh = to(&[hole.address], policy.clone());
    let error = within(Connector::new(&mesh).connect("mongo:27017"))
        .await
        .unwrap_err();
    assert_eq!(error.flag(), Flag::UpstreamConnectionFailure);
    assert_eq!(error.failure(), Some(Failure::ConnectTimeout));
    assert!(
        error.to_string().contains("no connection within 100ms"),
        "{error}"
    );

    // And the next host is tried.
    let live = echo("!").await;
    let proxy = TcpProxy::to_cluster("c").with_max_connect_attempts(attempts(2));
    let config = listening(proxy).cluster(policy, endpoints(&[hole.address, live]));
    mesh.publish(config).unwrap();
    for _ in 0..2 {
        let mut stream = within(Connector::new(&mesh).connect("mongo:27017"))
            .await
            .unwrap();
        assert_eq!(read(&mut stream, 1).await, "!");
    }
}

#[tokio::test]
async fn a_full_breaker_refuses_and_a_closed_stream_frees_it() {
    let mut policy = cluster("c");
    policy.circuit_breakers.default.max_connections = 2;
    let mesh = to(&[echo("").await], policy);
    let connector = Connector::new(&mesh);
    let first = within(connector.connect("mongo:27017")).await.unwrap();
    let second = within(connector.connect("mongo:27017")).await.unwrap();
    assert_eq!(counts(&mesh), (2, 2));
    let error = connector.connect("mongo:27017").await.unwrap_err();
    assert_eq!(error.flags(), [Flag::UpstreamOverflow]);
    assert_eq!(error.attempts(), 0);
    drop(first);
    let third = within(connector.connect("mongo:27017")).await.unwrap();
    drop((second, third));
    assert_eq!(counts(&mesh), (0, 0));
}

#[tokio::test]
async fn connects_under_way_are_limited_by_max_pending_requests() {
    let hole = black_hole().await;
    let mut policy = cluster("c");
    policy.circuit_breakers.default.max_pending_requests = 1;
    let mesh = to(&[hole.address], policy);
    let connector = Connector::new(&mesh);
    let mut waiting = Box::pin(connector.connect("mongo:27017"));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    let error = connector.connect("mongo:27017").await.unwrap_err();
    assert_eq!(error.flag(), Flag::UpstreamOverflow);
    drop(waiting);
    assert_eq!(counts(&mesh), (0, 0), "cancelled while connecting");
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_ejected() {
    let (dead, live) = (nobody().await, echo("!").await);
    let policy = cluster("c").with_outlier_detection(ejecting(3));
    let mesh = to(&[dead, live], policy);
    let connector = Connector::new(&mesh);
    let mut failed = 0;
    for _ in 0..20 {
        match within(connector.connect("mongo:27017")).await {
            Ok(mut stream) => assert_eq!(read(&mut stream, 1).await, "!"),
            Err(error) => {
                assert_eq!(error.flag(), Flag::UpstreamConnectionFailure);
                failed += 1;
            }
        }
    }
    assert_eq!(failed, 3, "then it is left out");
}

#[tokio::test]
async fn the_inbound_deadline_bounds_the_connecting_and_blames_nobody() {
    let hole = black_hole().await;
    let policy = cluster("c").with_outlier_detection(ejecting(1));
    let mesh = to(&[hole.address], policy);
    let now = tokio::time::Instant::now().into_std();
    let context = Context::new().with_deadline(now + Duration::from_millis(50));
    let connector = Connector::new(&mesh);
    let connecting = context.scope(connector.connect("mongo:27017"));
    let error = within(connecting).await.unwrap_err();
    assert_eq!(error.flag(), Flag::UpstreamTimeout);
    let cluster = mesh.load().cluster("c").unwrap().clone();
    assert_eq!(cluster.outlier_stats().active, 0);

    // The stream outlives it: a pool may keep what a handler opened.
    let mesh = to(&[echo("!").await], crate::support::cluster("c"));
    let context = Context::new().with_deadline(now + Duration::from_secs(20));
    let mut stream = within(context.scope(Connector::new(&mesh).connect("mongo:27017")))
        .await
        .unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(60)).await;
    tokio::time::resume();
    assert_eq!(read(&mut stream, 1).await, "!");
}

#[tokio::test]
async fn each_dead_end_has_its_flag() {
    let mesh = publish(
        listening(TcpProxy::to_cluster("missing"))
            .routing(RouteConfiguration::new("web", vec![]))
            .listener(Listener::outbound_tcp(
                ["empty"],
                Some(1),
                TcpProxy::to_cluster("c"),
            ))
            .cluster(Cluster::new("c"), []),
    );
    let connector = Connector::new(&mesh);
    for (target, flag, text) in [
        (
            "mongo:27017",
            Flag::NoCluster,
            "cluster `missing`, which does not exist",
        ),
        ("empty:1", Flag::NoHealthyUpstream, "it has no endpoints"),
        (
            "web:80",
            Flag::NoRoute,
            "listener `outbound` (code) speaks HTTP",
        ),
        ("mongo", Flag::InvalidRequest, "`mongo` is no host:port"),
    ] {
        let error = connector.connect(target).await.unwrap_err();
        assert_eq!(error.flag(), flag, "{error}");
        assert!(error.to_string().contains(text), "{error}");
    }
    let nothing = Connector::new(&mesh_core::Mesh::new());
    let error = nothing.connect("mongo:27017").await.unwrap_err();
    assert_eq!(error.flag(), Flag::NoRoute);
    assert_eq!(
        error.to_string(),
        "mongo:27017: no listener for `mongo` on port 27017"
    );
}

#[tokio::test]
async fn it_is_a_tower_service_and_explains_itself() {
    let address = echo("!").await;
    let mesh = to(&[address], cluster("c"));
    let mut connector = Connector::new(&mesh);
    let target = Target::new("mongo", 27017);
    let ready = ServiceExt::<Target>::ready(&mut connector).await.unwrap();
    let mut stream = within(ready.call(target)).await.unwrap();
    assert_eq!(read(&mut stream, 1).await, "!");
    let uri: http::Uri = "tcp://mongo:27017".parse().unwrap();
    let stream = within(connector.clone().oneshot(uri)).await.unwrap();
    let endpoint = stream.endpoint().unwrap().address().to_string();
    assert_eq!(endpoint, address.to_string());

    let report = connector.explain("mongo:27017").unwrap();
    assert_eq!(report.cluster_name(), Some("c"));
    assert!(report.to_string().contains(&endpoint), "{report}");
}

#[tokio::test]
async fn a_unix_socket_is_an_endpoint_too() {
    let dir = std::env::temp_dir().join(format!("mesh-tcp-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("socket");
    let _ = std::fs::remove_file(&path);
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let address: mesh_core::policy::Address = format!("unix://{}", path.display()).parse().unwrap();
    let mesh = publish(
        listening(TcpProxy::to_cluster("c")).cluster(cluster("c"), [Endpoint::new(address)]),
    );
    let connector = Connector::new(&mesh);
    let (stream, accepted) =
        within(async { tokio::join!(connector.connect("mongo:27017"), listener.accept()) }).await;
    assert!(stream.is_ok() && accepted.is_ok());
    std::fs::remove_dir_all(&dir).unwrap();
}

#[tokio::test]
async fn unlimited_thresholds_count_nothing() {
    let mut policy = cluster("c");
    policy.circuit_breakers.default = Thresholds::UNLIMITED;
    let mesh = to(&[echo("").await], policy);
    let stream = within(Connector::new(&mesh).connect("mongo:27017"))
        .await
        .unwrap();
    assert_eq!(counts(&mesh), (1, 0));
    drop(stream);
    assert_eq!(counts(&mesh), (0, 0));
}
