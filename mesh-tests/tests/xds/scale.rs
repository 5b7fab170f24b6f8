//! Ten thousand clusters.

use mesh_tests::resources::{cluster, endpoints, routes, socket_listener};

use super::*;

const CLUSTERS: usize = 10_000;

#[tokio::test]
async fn ten_thousand_clusters_take_a_few_requests_and_a_change_of_one_no_snapshot() {
    let servers = servers(["one", "two"]).await;
    let name = |i: usize| format!("cluster-{i}");
    let resources = (0..CLUSTERS).flat_map(|i| {
        let addresses = [servers[0].address];
        [cluster(&name(i)), endpoints(&name(i), &addresses)]
    });
    let web = [
        socket_listener("web", 80, "web"),
        routes("web", "*", &[("cluster-7", 1)]),
    ];
    let control_plane = ControlPlane::start(resources.chain(web)).await;
    let begin = tokio::time::Instant::now();
    let (mesh, client, _xds) = joined(&control_plane, &[]).await;
    println!("ready after {:?}", begin.elapsed());
    assert_eq!(mesh.load().clusters().len(), CLUSTERS);
    assert_eq!(who(&client, "a").await, "one");
    for kind in [
        "v3.Cluster",
        "Listener",
        "RouteConfiguration",
        "ClusterLoadAssignment",
    ] {
        let requests = control_plane.requests();
        let count = requests
            .iter()
            .filter(|r| r.type_url.ends_with(kind))
            .count();
        assert!(count <= 10, "{count} requests for {kind}");
    }
    let version = mesh.load().version();
    let begin = tokio::time::Instant::now();
    control_plane.put([endpoints("cluster-7", &[servers[1].address])]);
    eventually(|| async { who(&client, "a").await == "two" }).await;
    println!("changed after {:?}", begin.elapsed());
    assert_eq!(mesh.load().version(), version);
    assert!(control_plane.rejections().is_empty());
}
