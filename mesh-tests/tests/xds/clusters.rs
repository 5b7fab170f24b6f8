//! Clusters that are more than their EDS endpoints.

use mesh_tests::{
    Closed,
    resources::{
        aggregate_cluster, api_listener, cluster, dns_cluster, endpoints, endpoints_by_priority,
        routes, with_outlier_detection,
    },
};

use super::*;

/// EDS with two priorities, and DNS behind it. What fails is found out by calls, and ejected.
#[tokio::test]
async fn a37_an_aggregate_fails_over_from_eds_to_dns_and_back() {
    let servers = servers(["first", "second", "dns"]).await;
    let (one, two) = (Closed::new(), Closed::new());
    let port = servers[2].address.port();
    let control_plane = ControlPlane::start([
        api_listener("a:80", "a"),
        routes("a", "a", &[("all", 1)]),
        aggregate_cluster("all", &["inner", "dns"]),
        aggregate_cluster("inner", &["eds"]),
        with_outlier_detection(&cluster("eds")),
        endpoints_by_priority("eds", &[servers[0].address, servers[1].address]),
        dns_cluster("dns", false, "localhost", port),
    ])
    .await;
    let (_mesh, client, _xds) = joined(&control_plane, &["a:80"]).await;
    assert_eq!(who(&client, "a").await, "first");
    control_plane.put([endpoints_by_priority(
        "eds",
        &[one.address, servers[1].address],
    )]);
    eventually(|| async { who(&client, "a").await == "second" }).await;
    control_plane.put([endpoints_by_priority("eds", &[one.address, two.address])]);
    eventually(|| async { who(&client, "a").await == "dns" }).await;
    // The address may be one of two that localhost has, of which one is not listened on.
    for _ in 0..20 {
        assert!(["dns", "503 UF"].contains(&&*who(&client, "a").await));
    }
    control_plane.put([endpoints("eds", &[servers[0].address])]);
    eventually(|| async { who(&client, "a").await == "first" }).await;
    // An aggregate that leads elsewhere comes into force with what it leads to.
    control_plane.put([
        aggregate_cluster("all", &["new"]),
        cluster("new"),
        endpoints("new", &[servers[1].address]),
    ]);
    eventually(|| async { who(&client, "a").await == "second" }).await;
    assert_eq!(control_plane.rejections(), [""; 0]);
}

#[tokio::test]
async fn a37_dns_clusters_are_looked_up() {
    for logical in [false, true] {
        let servers = servers(["dns"]).await;
        let port = servers[0].address.port();
        let control_plane = ControlPlane::start([
            api_listener("a:80", "a"),
            routes("a", "a", &[("dns", 1)]),
            dns_cluster("dns", logical, "127.0.0.1", port),
        ])
        .await;
        let (_mesh, client, _xds) = joined(&control_plane, &["a:80"]).await;
        eventually(|| async { who(&client, "a").await == "dns" }).await;
    }
}
