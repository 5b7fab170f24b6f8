//! `connectionPool`: limits, reuse, and the protocol.

use std::{collections::HashSet, net::SocketAddr};

use http::Version;
use mesh_http::Client;
use mesh_tests::{Bed, Reply, Server, document, until, within};
use tokio::task::JoinHandle;

const URL: &str = "http://a/";

/// One server behind a connection pool of these settings.
async fn pooled(settings: &str) -> (Bed, Server) {
    let server = Server::start("a").await;
    let bed = Bed::with(1, &[server.address]);
    let policy = format!("host: a\ntrafficPolicy: {{connectionPool: {{{settings}}}}}");
    bed.start(&document("DestinationRule", "a", &policy)).await;
    (bed, server)
}

fn send(client: &Client) -> JoinHandle<Reply> {
    let client = client.clone();
    tokio::spawn(async move { Reply::of(client.get(URL).send().await).await })
}

async fn all_succeed(requests: Vec<JoinHandle<Reply>>) {
    for request in requests {
        let reply = within(request).await.unwrap();
        assert_eq!(reply.outcome(), (200, ""), "{}", reply.text);
    }
}

fn connections(server: &Server) -> HashSet<SocketAddr> {
    server.seen().iter().map(|seen| seen.peer).collect()
}

#[tokio::test]
async fn connections_are_reused() {
    let (bed, server) = pooled("tcp: {connectTimeout: 5s}").await;
    for _ in 0..20 {
        assert_eq!(bed.get(URL).await.status, 200);
    }
    assert_eq!(connections(&server).len(), 1);
}

#[tokio::test]
async fn max_connections_makes_requests_wait() {
    let (bed, server) = pooled("tcp: {maxConnections: 2}").await;
    server.hold(true);
    let requests: Vec<_> = (0..6).map(|_| send(&bed.client)).collect();
    until("two are served", || server.hits() == 2).await;
    server.hold(false);
    all_succeed(requests).await;
    assert_eq!((connections(&server).len(), server.hits()), (2, 6));
}

#[tokio::test]
async fn more_pending_requests_than_allowed_overflow() {
    let (bed, server) =
        pooled("tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}").await;
    server.hold(true);
    let first = send(&bed.client);
    until("the first is served", || server.hits() == 1).await;
    let second = send(&bed.client);
    let default = mesh_core::policy::RoutingPriority::Default;
    let pending = || {
        bed.cluster()
            .state()
            .breaker_status(default)
            .pending_requests
            .active
    };
    until("the second waits", || pending() == 1).await;
    let third = bed.get(URL).await;
    assert_eq!(third.outcome(), (503, "UO"), "{}", third.text);
    assert!(!third.was_sent);
    server.hold(false);
    all_succeed(vec![first, second]).await;
    assert_eq!((pending(), server.hits()), (0, 2));
}

#[tokio::test]
async fn more_requests_than_allowed_overflow() {
    let (bed, server) = pooled("http: {http2MaxRequests: 2}").await;
    server.hold(true);
    let under_way: Vec<_> = (0..2).map(|_| send(&bed.client)).collect();
    until("both are served", || server.hits() == 2).await;
    let third = bed.client.get(URL).send().await.unwrap_err();
    assert!(third.is_safe_to_resend(), "{third:?}");
    let reply = third.into_response(false);
    assert_eq!(reply.status(), 503);
    assert_eq!(reply.headers()["x-envoy-overloaded"], "true");
    server.hold(false);
    all_succeed(under_way).await;
    assert_eq!(bed.get(URL).await.status, 200, "there is room again");
}

#[tokio::test]
async fn one_request_per_connection() {
    let (bed, server) = pooled("http: {maxRequestsPerConnection: 1}").await;
    for _ in 0..5 {
        assert_eq!(bed.get(URL).await.status, 200);
    }
    assert_eq!(connections(&server).len(), 5);
    until("all are closed", || server.open() == 0).await;
}

#[tokio::test]
async fn idle_connections_are_closed() {
    let (bed, server) = pooled("http: {idleTimeout: 100ms}").await;
    assert_eq!(bed.get(URL).await.status, 200);
    until("it is closed", || server.open() == 0).await;
    assert_eq!(bed.get(URL).await.status, 200);
    assert_eq!(connections(&server).len(), 2);
}

#[tokio::test]
async fn an_upgrade_policy_speaks_http2_on_one_connection() {
    let (bed, server) = pooled("http: {h2UpgradePolicy: UPGRADE}").await;
    assert_eq!(bed.get(URL).await.status, 200);
    server.hold(true);
    let requests: Vec<_> = (0..10).map(|_| send(&bed.client)).collect();
    until("all are served at once", || server.hits() == 11).await;
    server.hold(false);
    all_succeed(requests).await;
    assert_eq!(connections(&server).len(), 1);
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| seen.version == Version::HTTP_2)
    );
    // And without it, HTTP/1.1.
    let (bed, server) = pooled("http: {h2UpgradePolicy: DEFAULT}").await;
    assert_eq!(bed.get(URL).await.status, 200);
    assert_eq!(server.last().version, Version::HTTP_11);
}
