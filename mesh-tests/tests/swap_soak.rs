//! Ten thousand swaps leak nothing: no snapshot, cluster or endpoint, no connection.

#![cfg(test)]

use std::sync::{Arc, Weak};

use mesh_core::{
    Config, Mesh, Seeded,
    cluster::{Cluster, Endpoint, PickArgs},
    policy,
};
use mesh_http::Client;
use mesh_tests::{Server, document, get, until, virtual_service};
use mesh_xds::{FileSource, Registry};
use tokio::time::Instant;

const CYCLES: u32 = 10_000;
/// A request goes out, and so opens a connection, in each of this many.
const EVERY: u32 = 25;
const CLUSTER: &str = "outbound|80||a.default.svc.cluster.local";

/// Two configurations that share nothing but the cluster's name: another balancer, and another way
/// to connect, which makes fresh endpoints.
fn configs(servers: &[Server; 2]) -> [Config; 2] {
    [("RANDOM", "5s"), ("ROUND_ROBIN", "6s")].map(|(balancer, timeout)| {
        let dir = mesh_tests::Dir::new();
        let policy = format!(
            "host: a\ntrafficPolicy: {{loadBalancer: {{simple: {balancer}}}, connectionPool: \
             {{tcp: {{connectTimeout: {timeout}}}}}}}"
        );
        let yaml = document("DestinationRule", "a", &policy)
            + &virtual_service(
                "a",
                &format!("- route: [{{destination: {{host: a}}}}]\n  timeout: {timeout}"),
            );
        dir.write("mesh.yaml", &yaml);
        let registry = Registry::new();
        let _here = servers
            .each_ref()
            .map(|s| registry.register("a", 80, s.address, Default::default()));
        let loaded = FileSource::new(dir.path()).with_registry(registry).load();
        loaded.unwrap().config
    })
}

/// Weak handles to the current cluster and one of its endpoints.
fn current(mesh: &Mesh) -> (Weak<Cluster>, Weak<Endpoint>) {
    let snapshot = mesh.load();
    let cluster = snapshot.cluster(CLUSTER).unwrap();
    let now = Instant::now().into_std();
    let pick = cluster.pick(&PickArgs::new(now, &Seeded::new(1))).unwrap();
    (Arc::downgrade(cluster), Arc::downgrade(pick.endpoint()))
}

#[tokio::test]
async fn ten_thousand_swaps_leak_nothing() {
    let servers = [Server::start("one").await, Server::start("two").await];
    let configs = configs(&servers);
    let one_each = servers
        .each_ref()
        .map(|s| Arc::new([policy::Endpoint::new(s.address)].into_iter().collect()));
    let mesh = Mesh::new();
    let client = Client::builder(&mesh).random(Seeded::new(1)).build();
    let (mut clusters, mut endpoints) = (Vec::new(), Vec::new());
    for n in 0..CYCLES {
        let at = n as usize % 2;
        mesh.publish(configs[at].clone()).unwrap();
        // The endpoint that the last cycle left comes back, the other one goes.
        assert!(mesh.assign(CLUSTER, Arc::clone(&one_each[at])));
        if n % EVERY == 0 {
            let reply = get(&client, "http://a/", &[]).await;
            assert_eq!(
                (reply.status, reply.by.as_str()),
                (200, ["one", "two"][at]),
                "{}",
                reply.text
            );
        }
        let (cluster, endpoint) = current(&mesh);
        clusters.push(cluster);
        endpoints.push(endpoint);
    }
    assert_eq!(mesh.status().version, u64::from(CYCLES));

    fn alive<T>(weak: &[Weak<T>]) -> usize {
        weak.iter().filter(|weak| weak.strong_count() > 0).count()
    }
    // Connections' tasks let go of their endpoint once they have seen that it is gone.
    until("old endpoints are gone", || alive(&endpoints) == 1).await;
    assert_eq!(alive(&clusters), 1, "only the current one");
    let open = || servers.iter().map(Server::open).sum::<usize>();
    until("old connections are closed", || open() <= 1).await;

    mesh.publish(Config::default()).unwrap();
    until("the last connection is closed", || open() == 0).await;
    assert_eq!((alive(&clusters), alive(&endpoints)), (0, 0));
}
