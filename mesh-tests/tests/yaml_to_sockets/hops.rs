//! Two hops: what a request carries from one to the next, with nothing said in the handler.

use std::time::Duration;

use axum::{Router, extract::State, routing::get};
use http::StatusCode;
use mesh_core::telemetry::NoRecorder;
use mesh_http::{
    Body, Client,
    server::{Drain, Listener, ServerLayer, serve},
};
use mesh_tests::{Bed, Reply, Server, until, virtual_service, within};
use tokio::time::Instant;
use tower::{Layer, util::MapResponseLayer};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// What the handler of `front` does: it asks `back`.
async fn front(State(client): State<Client>) -> (StatusCode, String) {
    match client.get("http://back/").send().await {
        Ok(reply) => (reply.status(), "from back".to_owned()),
        Err(error) => (error.status(), error.to_string()),
    }
}

/// `front`, an axum service that calls `back` through the mesh.
async fn two_hops(front_rule: &str) -> (Bed, Server) {
    let back = Server::start("back").await;
    let mut bed = Bed::new(1);
    let app = Router::new()
        .route("/", get(front))
        .with_state(bed.client.clone());
    let front = Server::with(
        "front",
        MapResponseLayer::new(|r: axum::response::Response| r.map(Body::new)).layer(app),
    )
    .await;
    bed.add("front", 80, "v1", front.address);
    bed.add("back", 80, "v1", back.address);
    bed.keep(front);
    let rule = format!("- route: [{{destination: {{host: front}}}}]\n  {front_rule}");
    bed.start(&virtual_service("front", &rule)).await;
    (bed, back)
}

#[tokio::test]
async fn deadline_and_trace_reach_the_second_hop() {
    let (bed, back) = two_hops("timeout: 5s").await;
    let sent = bed
        .client
        .get("http://front/")
        .header("traceparent", PARENT);
    let reply = within(async { Reply::of(sent.send().await).await }).await;
    assert_eq!((reply.status, &*reply.text), (200, "from back"));
    let last = back.last();
    // The same trace, another span.
    let (trace, parent) = (&PARENT[..35], last.header("traceparent"));
    assert!(parent.starts_with(trace) && parent != PARENT, "{parent}");
    // Its route has no timeout of its own: what is left of the caller's.
    let left: u64 = last
        .header("x-envoy-expected-rq-timeout-ms")
        .parse()
        .unwrap();
    assert!(left > 0 && left <= 5_000, "{left}");
}

#[tokio::test]
async fn a_deadline_that_passes_ends_both_hops() {
    let (bed, back) = two_hops("timeout: 200ms").await;
    back.hold(true);
    let began = Instant::now();
    let reply = bed.get("http://front/").await;
    assert_eq!(reply.status, 504, "{}", reply.text);
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(back.hits(), 1);
    until("the second hop is given up", || back.open() == 0).await;
}

/// The rest of the drain is tested in mesh-http; here its callers are the mesh's own.
#[tokio::test]
async fn a_drain_under_load_loses_no_request() {
    let leaving = Server::start("leaving").await;
    let staying = Server::start("staying").await;
    let mut bed = Bed::new(1);
    bed.add("a", 80, "v1", leaving.address);
    bed.start("").await;
    let stays = bed
        .registry
        .register("a", 80, staying.address, Default::default());
    until("both are there", || bed.cluster().endpoints().len() == 2).await;
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let client = bed.client.clone();
            tokio::spawn(async move {
                let mut replies = Vec::new();
                for _ in 0..100 {
                    replies.push(Reply::of(client.get("http://a/").send().await).await);
                }
                replies
            })
        })
        .collect();
    until("it is under load", || leaving.hits() > 50).await;
    // As an orchestrator does: out of the directory, and told to end.
    bed.leave();
    assert_eq!(
        leaving.drained(Duration::from_secs(20)).await,
        0,
        "connections were cut"
    );
    for task in tasks {
        for reply in within(task).await.unwrap() {
            assert_eq!(reply.outcome(), (200, ""), "{}", reply.text);
        }
    }
    drop(stays);
}

/// `Server` wraps its service already; axum's own way to a server goes through the mesh as well.
#[tokio::test]
async fn an_axum_router_is_served_as_it_is() {
    let drain = Drain::new();
    let app = Router::new().route("/", get(|| async { "axum" }));
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let layer = ServerLayer::new(NoRecorder).with_drain(drain.clone());
    let server = tokio::spawn(serve(listener, layer.layer(app), drain.clone()).into_future());
    let bed = Bed::with(1, &[address]);
    bed.start("").await;
    assert_eq!(bed.get("http://a/").await.text, "axum");
    drain.start(Duration::from_secs(20));
    assert_eq!(within(server).await.unwrap().cut, 0);
}
