//! Timeouts, retries and outlier detection.

use std::time::Duration;

use mesh_core::cluster::Health;
use mesh_tests::{Bed, Closed, Server, document, until, virtual_service};
use tokio::time::Instant;

const URL: &str = "http://a/";

fn route(rest: &str) -> String {
    virtual_service(
        "a",
        &format!("- route: [{{destination: {{host: a}}}}]\n  {rest}"),
    )
}

/// Taking turns makes sure that every endpoint is tried.
fn in_turn() -> String {
    document(
        "DestinationRule",
        "a",
        "host: a\ntrafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}",
    )
}

#[tokio::test]
async fn a_timeout_answers_504_in_time_and_cancels_the_request() {
    let server = Server::start("a").await;
    server.hold(true);
    let bed = Bed::with(1, &[server.address]);
    bed.start(&route("timeout: 150ms")).await;
    let began = Instant::now();
    let reply = bed.get(URL).await;
    let took = began.elapsed();
    assert_eq!(reply.outcome(), (504, "UT"), "{}", reply.text);
    assert!(reply.was_sent);
    assert!(
        took >= Duration::from_millis(150) && took < Duration::from_secs(5),
        "{took:?}"
    );
    until("the server's connection is closed", || server.open() == 0).await;
    server.hold(false);
    assert_eq!(bed.get(URL).await.status, 200);
}

/// The server is told when the caller's time ends, and ends the request itself: not before the
/// caller does, who would take that for the server's own answer.
#[tokio::test]
async fn the_callers_own_timer_comes_first() {
    let server = Server::start("a").await;
    let bed = Bed::with(1, &[server.address]);
    // One connection for all: what it takes to connect would give the caller a start.
    let http2 = "host: a\ntrafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}";
    let rule = document("DestinationRule", "a", http2);
    bed.start(&(rule + &route("timeout: 20ms"))).await;
    bed.get(URL).await;
    server.hold(true);
    for n in 0..50 {
        assert_eq!(bed.get(URL).await.outcome(), (504, "UT"), "request {n}");
    }
}

#[tokio::test]
async fn retries_hide_a_failing_endpoint() {
    let (bad, good) = (Server::start("bad").await, Server::start("good").await);
    bad.answer(500);
    let bed = Bed::with(1, &[bad.address, good.address]);
    bed.start(&(in_turn() + &route("retries: {attempts: 2, retryOn: 5xx}")))
        .await;
    for _ in 0..40 {
        assert_eq!(bed.get(URL).await.by, "good");
    }
    assert!(bad.hits() >= 15, "{}", bad.hits());
    assert_eq!(good.hits(), 40);
}

#[tokio::test]
async fn attempts_counts_the_retries_and_the_last_answer_passes() {
    let server = Server::start("a").await;
    server.answer(503);
    let bed = Bed::with(1, &[server.address]);
    bed.start(&route(
        "retries: {attempts: 2, retryOn: '503', backoff: 1ms}",
    ))
    .await;
    assert_eq!(bed.get(URL).await.outcome(), (503, "URX"));
    assert_eq!(server.hits(), 3);
    let seen = server.seen();
    let counts: Vec<_> = seen
        .iter()
        .map(|s| s.header("x-envoy-attempt-count"))
        .collect();
    assert_eq!(counts, ["1", "2", "3"]);
    // What is not named is not tried again.
    server.answer(500);
    assert_eq!(bed.get(URL).await.outcome(), (500, ""));
    assert_eq!(server.hits(), 4);
}

#[tokio::test]
async fn a_slow_try_is_given_up_for_another_endpoint() {
    let (slow, good) = (Server::start("slow").await, Server::start("good").await);
    slow.hold(true);
    let bed = Bed::with(1, &[slow.address, good.address]);
    let retries = "retries: {attempts: 2, perTryTimeout: 100ms, retryOn: 5xx, backoff: 1ms}";
    bed.start(&(in_turn() + &route(retries))).await;
    for _ in 0..4 {
        assert_eq!(bed.get(URL).await.by, "good");
    }
    assert!(slow.hits() >= 2, "{}", slow.hits());
    assert_eq!(good.hits(), 4);
}

#[tokio::test]
async fn a_refused_connect_is_tried_elsewhere() {
    let (closed, good) = (Closed::new(), Server::start("good").await);
    for retries in [
        "retries: {attempts: 1, retryOn: connect-failure}",
        // The policy of every route that says nothing.
        "name: default",
    ] {
        let bed = Bed::with(1, &[closed.address, good.address]);
        bed.start(&(in_turn() + &route(retries))).await;
        for _ in 0..20 {
            assert_eq!(bed.get(URL).await.by, "good", "{retries}");
        }
    }
    // Nor without a VirtualService.
    let bed = Bed::with(1, &[closed.address, good.address]);
    bed.start(&in_turn()).await;
    for _ in 0..20 {
        assert_eq!(bed.get(URL).await.by, "good");
    }
    // Retries can be switched off: then it shows.
    let bed = Bed::with(1, &[closed.address, good.address]);
    bed.start(&(in_turn() + &route("retries: {attempts: 0}")))
        .await;
    let mut failures = 0;
    for _ in 0..20 {
        let reply = bed.get(URL).await;
        if reply.by != "good" {
            assert_eq!(reply.outcome(), (503, "UF"));
            assert!(!reply.was_sent);
            failures += 1;
        }
    }
    assert_eq!(failures, 10);
}

#[tokio::test]
async fn consecutive_errors_eject_and_time_brings_back() {
    let (bad, good) = (Server::start("bad").await, Server::start("good").await);
    let bed = Bed::with(1, &[bad.address, good.address]);
    bed.start(&document(
        "DestinationRule",
        "a",
        "host: a\n\
         trafficPolicy:\n  \
           loadBalancer: {simple: ROUND_ROBIN}\n  \
           outlierDetection: {consecutive5xxErrors: 3, interval: 100ms, baseEjectionTime: 500ms, \
             maxEjectionPercent: 100}",
    ))
    .await;
    bad.answer(500);
    let mut seen = 0;
    for _ in 0..6 {
        seen += usize::from(bed.get(URL).await.status == 500);
    }
    assert_eq!((seen, bad.hits()), (3, 3), "no more than it takes");
    let health = bed.endpoint(bad.address).health;
    assert!(matches!(health, Health::Ejected { .. }), "{health:?}");
    for _ in 0..5 {
        assert_eq!(bed.get(URL).await.by, "good");
    }
    bad.answer(200);
    // Un-ejection is looked at by picks.
    let began = Instant::now();
    while bed.get(URL).await.by != "bad" {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "it never came back"
        );
    }
    assert_eq!(bed.endpoint(bad.address).ejections, 1);
    assert_eq!(bed.endpoint(bad.address).health, Health::Healthy);
}
