//! Timeouts and retries.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use hyper::body::Incoming;
use mesh_http::Body;
use mesh_tests::{Act, Peer, Server, until};
use tokio::time::Instant;
use tower::service_fn;

use crate::echo::{Echo, http_route};

fn rule(path: &str, fields: &str) -> String {
    format!(
        "- matches: [{{path: {{type: PathPrefix, value: {path}}}}}]\n  {fields}\n  backendRefs: \
         [{{name: echo-v3, port: 8080}}]\n"
    )
}

/// With a server that does not answer: `limited` ends with 504, and `unlimited`, sent before, is
/// still there when the server comes to itself.
async fn times_out(rules: &str) {
    let echo = Echo::new().await;
    echo.apply(&http_route("timeout", rules));
    echo.expect(&[("GET /limited", "echo-v3")]).await;
    let server = echo.server("echo-v3");
    server.hold(true);
    let limited = async {
        until("the other request is there", || server.hits() == 2).await;
        let reply = echo.send("GET /limited").await;
        assert_eq!(reply.outcome(), (504, "UT"));
        server.hold(false);
    };
    let (unlimited, ()) = tokio::join!(echo.send("GET /unlimited"), limited);
    assert_eq!((unlimited.status, &*unlimited.by), (200, "echo-v3"));
}

/// HTTPRouteTimeoutRequest.
#[tokio::test]
async fn http_route_timeout_request() {
    times_out(
        &(rule("/limited", "timeouts: {request: 500ms}")
            + &rule("/unlimited", "timeouts: {request: 0s}")),
    )
    .await;
}

/// HTTPRouteTimeoutBackendRequest.
#[tokio::test]
async fn http_route_timeout_backend_request() {
    times_out(
        &(rule("/limited", "timeouts: {backendRequest: 500ms}")
            + &rule("/unlimited", "timeouts: {backendRequest: 0s}")),
    )
    .await;
}

/// A server that answers `status` so many times, and then 200.
async fn flaky(times: usize, status: u16) -> Server {
    let left = Arc::new(AtomicUsize::new(times));
    let answer = service_fn(move |_: Request<Incoming>| {
        let take = |n: usize| n.checked_sub(1);
        let fails = left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
            .is_ok();
        let mut response = Response::new(Body::from("hello"));
        if fails {
            *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
        }
        async move { Ok::<_, Infallible>(response) }
    });
    Server::with("echo-v3", answer).await
}

/// HTTPRouteRetry.
#[tokio::test]
async fn http_route_retry() {
    let rules = rule("/code-500-attempts-3", "retry: {codes: [500], attempts: 3}")
        + &rule(
            "/code-all-attempts-2",
            "retry: {codes: [500, 502, 503, 504], attempts: 2}",
        );
    for (path, status, failures, expected, hits) in [
        ("/code-500-attempts-3", 500, 2, 200, 3),
        ("/code-500-attempts-3", 500, 4, 500, 4),
        // No code of the list.
        ("/code-500-attempts-3", 503, 1, 503, 1),
        ("/code-all-attempts-2", 500, 1, 200, 2),
        ("/code-all-attempts-2", 500, 3, 500, 3),
        ("/code-all-attempts-2", 502, 1, 200, 2),
        ("/code-all-attempts-2", 502, 3, 502, 3),
        ("/code-all-attempts-2", 503, 1, 200, 2),
        ("/code-all-attempts-2", 503, 3, 503, 3),
        ("/code-all-attempts-2", 504, 1, 200, 2),
        ("/code-all-attempts-2", 504, 3, 504, 3),
    ] {
        let echo = Echo::new().await.with_v3(flaky(failures, status).await);
        echo.apply(&http_route("retries", &rules));
        let reply = echo.send(&format!("GET {path}")).await;
        let case = format!("{path}: {failures} times {status}");
        assert_eq!(reply.status, expected, "{case}");
        assert_eq!(echo.server("echo-v3").hits(), hits, "{case}");
    }
}

/// HTTPRouteRetryConnectionError: a connection that is reset once the request is there.
#[tokio::test]
async fn http_route_retry_connection_error() {
    let echo = Echo::new().await;
    let peer = Peer::start(Act::Reset).await;
    let v3 = echo.server("echo-v3").address.port();
    let rules = rule("/retried", "retry: {attempts: 3}") + &rule("/not", "timeouts: {}");
    let yaml = http_route("retries", &rules);
    // In the place of the server of `echo-v3`.
    let reset = peer.address.port();
    echo.apply_with(&yaml, |text| {
        text.replace(&v3.to_string(), &reset.to_string())
    });
    assert_eq!(echo.send("GET /retried").await.status, 503);
    assert_eq!(peer.hits(), 4);
    // Without the stanza only what was not processed is sent again.
    assert_eq!(echo.send("GET /not").await.status, 503);
    assert_eq!(peer.hits(), 5);
}

/// HTTPRouteRetryWithTimeouts: a try that takes too long is retried, within the whole request's
/// time.
#[tokio::test]
async fn http_route_retry_with_timeouts() {
    let rules = rule(
        "/backend-request-timeout",
        "retry: {attempts: 2}\n  timeouts: {backendRequest: 200ms}",
    ) + &rule(
        "/request-timeout",
        "retry: {codes: [500], attempts: 50}\n  timeouts: {backendRequest: 200ms, request: 400ms}",
    );
    let echo = Echo::new().await;
    echo.apply(&http_route("retries-with-timeouts", &rules));
    let server = echo.server("echo-v3");
    // Two tries hang; the third is answered.
    server.hold(true);
    let third = async {
        until("the third try is there", || server.hits() == 3).await;
        server.hold(false);
    };
    let (reply, ()) = tokio::join!(echo.send("GET /backend-request-timeout"), third);
    assert_eq!((reply.status, &*reply.by), (200, "echo-v3"));
    // All hang.
    server.hold(true);
    assert_eq!(echo.send("GET /backend-request-timeout").await.status, 504);
    assert_eq!(server.hits(), 6);
    let started = Instant::now();
    assert_eq!(echo.send("GET /request-timeout").await.status, 504);
    assert!(started.elapsed() >= Duration::from_millis(400));
    assert!(server.hits() <= 6 + 3, "{}", server.hits());
}

/// The back-off is a minimum.
#[tokio::test]
async fn a_retry_waits_for_at_least_the_back_off() {
    let echo = Echo::new().await.with_v3(flaky(3, 500).await);
    echo.apply(&http_route(
        "r",
        &rule("/", "retry: {codes: [500], attempts: 3, backoff: 50ms}"),
    ));
    let started = Instant::now();
    echo.expect(&[("GET /", "echo-v3")]).await;
    assert!(
        started.elapsed() >= Duration::from_millis(150),
        "{:?}",
        started.elapsed()
    );
}
