//! The mesh's own client, in both protocols.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use mesh_core::{
    Config,
    policy::{Cluster, Endpoint, Route, RouteConfiguration, RouteMatch, VirtualHost},
};
use mesh_http::Client;
use mesh_tests::{Server, get, until};
use mesh_xds::{
    XdsSource,
    bootstrap::{self, Bootstrap},
    client::Protocol,
    server::{Dialect, Node, View},
};

use super::*;

const HOST: &str = "echo.default.svc.cluster.local";

async fn yaml(dir: &Dir) -> [Server; 2] {
    let servers = [Server::start("one").await, Server::start("two").await];
    let [one, two] = [servers[0].address.port(), servers[1].address.port()];
    dir.write(
        "service.yaml",
        &service(HOST, 8080, "HTTP", &[("v1", one), ("v2", two)]),
    );
    dir.write("split.yaml", &split(HOST, 100, 0));
    servers
}

fn source(control_plane: SocketAddr, protocol: Protocol) -> XdsSource {
    let bootstrap = Bootstrap::new(control_plane.to_string().parse().unwrap(), "test");
    XdsSource::new(bootstrap).with_protocol(protocol)
}

/// Who answers, of many requests; all must be answered.
async fn answers(client: &Client, headers: &[(&str, &str)]) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..10 {
        let reply = get(client, &format!("http://{HOST}:8080/"), headers).await;
        assert_eq!(reply.outcome(), (200, ""), "{}", reply.text);
        all.push(reply.by);
    }
    all.dedup();
    all
}

async fn eventually(client: &Client, who: &str) {
    mesh_tests::within(async { while answers(client, &[]).await != [who] {} }).await;
}

/// Edits are followed, and no request fails meanwhile, nor while the control plane is away.
async fn follows(source: impl FnOnce(SocketAddr) -> XdsSource) {
    let dir = Dir::new();
    let servers = yaml(&dir).await;
    let (serving, upstream, address) = serve(&dir, any_port()).await;
    let mesh = Mesh::new();
    let xds = source(address).start(&mesh).await.unwrap();
    let client = Client::new(&mesh);
    eventually(&client, "one").await;
    assert_eq!(answers(&client, &[("x-user", "tester")]).await, ["two"]);

    let stop = Arc::new(AtomicBool::new(false));
    let made = Arc::new(AtomicUsize::new(0));
    let load = tokio::spawn({
        let (stop, made, client) = (stop.clone(), made.clone(), client.clone());
        async move {
            while !stop.load(Ordering::SeqCst) {
                answers(&client, &[]).await;
                made.fetch_add(10, Ordering::SeqCst);
            }
        }
    });
    for who in ["two", "one", "two"] {
        let (v1, v2) = if who == "one" { (100, 0) } else { (0, 100) };
        dir.write("split.yaml", &split(HOST, v1, v2));
        eventually(&client, who).await;
    }
    // Another endpoint in place of one.
    let three = Server::start("three").await;
    let ports = [servers[0].address.port(), three.address.port()];
    dir.write(
        "service.yaml",
        &service(HOST, 8080, "HTTP", &[("v1", ports[0]), ("v2", ports[1])]),
    );
    eventually(&client, "three").await;
    until("all accepted", || {
        let status = serving.status();
        let [node] = &status.nodes[..] else {
            return false;
        };
        assert!(
            node.types.iter().all(|of| of.rejected.is_none()),
            "{node:?}"
        );
        node.synchronized == Some(upstream.status().version)
    })
    .await;
    // The control plane goes, the YAML is edited, and it comes back.
    serving.shutdown().await;
    drop(upstream);
    assert_eq!(answers(&client, &[]).await, ["three"]);
    dir.write("split.yaml", &split(HOST, 100, 0));
    let (serving, _upstream, _) = serve(&dir, address).await;
    eventually(&client, "one").await;
    stop.store(true, Ordering::SeqCst);
    load.await.unwrap();
    assert!(made.load(Ordering::SeqCst) > 0);
    assert_eq!(serving.status().nodes.len(), 1);
    drop((xds, client, mesh));
    until("the client is gone", || serving.status().nodes.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn targets_are_followed() {
    follows(|at| source(at, Protocol::Sotw).with_target(format!("{HOST}:8080"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn targets_are_followed_in_delta() {
    follows(|at| source(at, Protocol::Delta).with_target(format!("{HOST}:8080"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_followed() {
    follows(|at| source(at, Protocol::Sotw).with_everything()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_followed_in_delta() {
    follows(|at| source(at, Protocol::Delta).with_everything()).await;
}

/// A mesh that sends everything to one server.
fn leading_to(server: &Server) -> Mesh {
    let mesh = Mesh::new();
    let route = Route::to_cluster(RouteMatch::any(), "c");
    let routes = RouteConfiguration::new("all", vec![VirtualHost::new(["*"], vec![route])]);
    let endpoint = Endpoint::new(server.address);
    mesh.publish(
        Config::default()
            .routing(routes)
            .cluster(Cluster::new("c"), [endpoint]),
    )
    .unwrap();
    mesh
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_node_is_shown_its_own_view() {
    let servers = [Server::start("one").await, Server::start("two").await];
    let [one, two] = servers.each_ref().map(leading_to);
    let views = [
        View::new(&one, Dialect::Mesh),
        View::new(&two, Dialect::Mesh),
    ];
    let listener = TcpListener::bind(any_port()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = ControlPlane::with_views(move |node: &Node| {
        let is_two = node.metadata.get("team").is_some_and(|team| team == "two");
        views[usize::from(is_two)].clone()
    })
    .serve(listener);
    for team in ["one", "two"] {
        let mut from = Bootstrap::new(address.to_string().parse().unwrap(), team);
        from.node = bootstrap::Node::new(team).with_metadata("team", team);
        let mesh = Mesh::new();
        let xds = XdsSource::new(from).with_target("any:80");
        let _xds = xds.start(&mesh).await.unwrap();
        let reply = get(&Client::new(&mesh), "http://any/", &[]).await;
        assert_eq!((reply.status, &*reply.by), (200, team), "{}", reply.text);
    }
    until("both are gone", || serving.status().nodes.is_empty()).await;
}
