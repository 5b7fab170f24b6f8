//! With axum: the layer on a `Router`, the listener in `axum::serve`, a `Router` in our `serve`.
#![cfg(feature = "axum")]

mod server_support;
#[path = "server_support/wire.rs"]
mod wire;

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo, routing::get};
use http::Request;
use mesh_http::{
    context::{Context, Inherit},
    server::{Drain, Listener, PeerAddr, ServerLayer, serve},
};
use server_support::Kept;
use tokio::time::timeout;
use wire::Client;

const LONG: Duration = Duration::from_secs(30);

fn app(kept: &Arc<Kept>, drain: &Drain) -> Router {
    let handler = async |incoming: axum::extract::Request| {
        let current = Context::current().expect("the task's context");
        let outgoing = Request::get("/")
            .inherit(&incoming)
            .body(())
            .expect("valid");
        assert_eq!(
            Context::for_request(outgoing.extensions()),
            Some(current.clone())
        );
        let trace = current.trace().expect("a trace");
        trace.trace_id().to_string()
    };
    let layer = ServerLayer::new(kept.clone()).with_drain(drain.clone());
    Router::new().route("/trace", get(handler)).layer(layer)
}

#[tokio::test]
async fn a_router_is_served_and_drained() {
    let (kept, drain) = (Kept::new(), Drain::new());
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = serve(listener, app(&kept, &drain), drain.clone());
    let server = tokio::spawn(server.with_lame_duck(Duration::ZERO).into_future());
    let mut client = Client::http2(addr).await.unwrap();
    let (status, _, body) = client.read("/trace").await.unwrap();
    assert_eq!(status, 200);
    assert_ne!(body, "0");
    drain.start(LONG * 2);
    assert_eq!(timeout(LONG, server).await.unwrap().unwrap().cut, 0);
    assert_eq!(kept.only(), (Some(200), None, None));
}

#[tokio::test]
async fn the_listener_goes_into_axums_own_serve() {
    let (kept, drain) = (Kept::new(), Drain::new());
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let peer = async |ConnectInfo(PeerAddr(addr)): ConnectInfo<PeerAddr>| addr.to_string();
    let app = app(&kept, &drain).route("/peer", get(peer));
    let app = app.into_make_service_with_connect_info::<PeerAddr>();
    let server = axum::serve(listener, app).with_graceful_shutdown(drain.signalled());
    let server = tokio::spawn(server.into_future());
    let mut client = Client::http1(addr).await.unwrap();
    let (status, close, peer) = client.read("/peer").await.unwrap();
    assert_eq!((status, close), (200, false));
    assert!(peer.starts_with(b"127.0.0.1:"));
    drain.start(LONG * 2);
    assert_eq!(drain.wait_idle().await, 0);
    drop(client);
    timeout(LONG, server).await.unwrap().unwrap().unwrap();
}
