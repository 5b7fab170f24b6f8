//! Which limit a request runs into, and who is blamed for it.

use std::time::Duration;

use http::StatusCode;
use mesh_core::{
    Flag, Mesh,
    policy::{
        Cluster, Delay, DirectResponse, Fault, FractionalPercent, OutlierDetection, Percent,
        RetryOn, RetryPolicy, Route, RouteAction, RouteMatch, Timeouts,
    },
};
use mesh_http::{Body, Context};
use tokio::time::Instant;

use crate::script::{Act, Endpoints, NeverEnds, endpoint, mesh, route, text};

const SECOND: Duration = Duration::from_secs(1);

/// One endpoint that its first failure ejects.
fn touchy() -> [(Cluster, Vec<mesh_core::policy::Endpoint>); 1] {
    let cluster = Cluster::new("c").with_outlier_detection(OutlierDetection {
        consecutive_5xx: 1,
        max_ejection_percent: Percent::HUNDRED,
        ..OutlierDetection::default()
    });
    [(cluster, vec![endpoint(1)])]
}

fn ejections(mesh: &Mesh) -> u64 {
    let cluster = mesh.load().cluster("c").unwrap().clone();
    cluster.outlier_stats().enforced_total()
}

#[tokio::test(start_paused = true)]
async fn time_that_had_run_out_before_is_not_the_endpoints_fault() {
    let endpoints = Endpoints::default();
    let mesh = mesh(route(|a| a), touchy());
    let client = endpoints.client(&mesh);
    let past = Context::new().with_deadline(Instant::now().into_std());
    tokio::time::advance(SECOND).await;
    let error = past
        .scope(client.get("http://svc/").send())
        .await
        .unwrap_err();
    assert_eq!(error.flag(), Flag::UpstreamTimeout);
    assert!(error.is_safe_to_resend() && endpoints.called().is_empty());
    assert_eq!(ejections(&mesh), 0);
}

/// Envoy's router stops its timer's bearing on health with the head; a broken body is a reset.
#[tokio::test(start_paused = true)]
async fn after_the_head_a_timeout_blames_nobody_and_a_reset_the_endpoint() {
    let endpoints = Endpoints::default();
    let mesh = mesh(
        route(|a| a.with_timeouts(Timeouts::total(SECOND))),
        touchy(),
    );
    let client = endpoints.client(&mesh);
    for (act, expected) in [(Act::HalfBody, 0), (Act::BrokenBody, 1)] {
        endpoints.act(1, [act]);
        let response = client.get("http://svc/").send().await.unwrap();
        response.into_body().bytes().await.unwrap_err();
        assert_eq!(ejections(&mesh), expected);
    }
}

/// gRPC over HTTP: without a `grpc-status` an HTTP status other than 200 says it all.
#[tokio::test(start_paused = true)]
async fn a_grpc_answer_that_is_not_200_needs_no_trailers() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Grpc(503)]);
    let mesh = mesh(route(|a| a), touchy());
    drop(
        endpoints
            .client(&mesh)
            .get("http://svc/")
            .send()
            .await
            .unwrap(),
    );
    assert_eq!(ejections(&mesh), 1);
}

/// The fault filter precedes the router, whose timer starts when the request reaches it.
#[tokio::test(start_paused = true)]
async fn an_injected_delay_is_not_part_of_the_timeout() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Slow(SECOND, 200)]);
    let mut routes = route(|a| a.with_timeouts(Timeouts::total(2 * SECOND)));
    routes[0].filters = vec![delay(5 * SECOND).into()];
    let mesh = mesh(routes, touchy());
    let started = Instant::now();
    let response = endpoints.client(&mesh).get("http://svc/").send().await;
    assert_eq!(response.unwrap().status(), 200);
    assert_eq!(started.elapsed(), 6 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_delay_holds_up_answers_of_the_routes_own_too() {
    let direct = DirectResponse {
        status: StatusCode::OK,
        body: "direct".into(),
    };
    let mut route = Route::new(RouteMatch::any(), RouteAction::DirectResponse(direct));
    route.filters = vec![delay(5 * SECOND).into()];
    let started = Instant::now();
    let client = Endpoints::default().client(&mesh(vec![route], []));
    let response = client.get("http://svc/").send().await.unwrap();
    assert_eq!(text(response).await, "direct");
    assert_eq!(started.elapsed(), 5 * SECOND);
}

fn delay(fixed_delay: Duration) -> Fault {
    Fault {
        delay: Some(Delay {
            fixed_delay,
            percentage: FractionalPercent::ALWAYS,
        }),
        abort: None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_try_is_limited_even_if_there_is_no_second() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Stall]);
    let policy = RetryPolicy::new(RetryOn::RESET, 0).with_per_try_timeout(SECOND);
    let mesh = mesh(route(|a| a.with_retry(policy)), touchy());
    let started = Instant::now();
    let sent = endpoints.client(&mesh).get("http://svc/").send().await;
    assert_eq!(sent.unwrap_err().flag(), Flag::UpstreamTimeout);
    assert_eq!(started.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn the_whole_timeout_in_the_last_try_is_no_retry_limit() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Answer(503), Act::Stall]);
    let mesh = mesh(
        route(|a| {
            a.with_retry(RetryPolicy::new(RetryOn::SERVER_ERROR, 1))
                .with_timeouts(Timeouts::total(SECOND))
        }),
        [(Cluster::new("c"), vec![endpoint(1)])],
    );
    let sent = endpoints.client(&mesh).get("http://svc/").send().await;
    let error = sent.unwrap_err();
    assert_eq!(
        (error.flags(), error.attempts()),
        (vec![Flag::UpstreamTimeout], 2)
    );
}

/// Envoy's stream idle timer hears both directions.
#[tokio::test(start_paused = true)]
async fn an_answer_is_not_idle_while_its_request_goes_on() {
    let mesh = mesh(route(|a| a), touchy());
    // Answers at once, reads the request in the background, and says no more.
    let service = tower::service_fn(|outbound: mesh_http::layer::Outbound| async move {
        tokio::spawn(outbound.request.into_body().bytes());
        Ok::<_, std::convert::Infallible>(http::Response::new(Body::new(NeverEnds)))
    });
    let client = mesh_http::Client::builder(&mesh)
        .idle_timeout(2 * SECOND)
        .connector(service);
    let frames = futures_util::stream::unfold(0, |n| async move {
        tokio::time::sleep(SECOND).await;
        let frame = http_body::Frame::data(bytes::Bytes::from_static(b"x"));
        (n < 5).then_some((Ok::<_, std::convert::Infallible>(frame), n + 1))
    });
    let upload = Body::new(http_body_util::StreamBody::new(Box::pin(frames)));
    let started = Instant::now();
    let response = client
        .post("http://svc/")
        .body(upload)
        .send()
        .await
        .unwrap();
    let error = response.into_body().bytes().await.unwrap_err();
    assert_eq!(error.flag(), Flag::StreamIdleTimeout);
    // The last frame came after 5 s, the upload's end after 6.
    assert_eq!(started.elapsed(), 8 * SECOND);
}

/// The stream's own limit is the caller's `DEADLINE_EXCEEDED`.
#[tokio::test(start_paused = true)]
async fn the_longest_stream_has_a_reply_of_its_own() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Stall]);
    let timeouts = Timeouts {
        max_stream_duration: Some(SECOND),
        ..Timeouts::default()
    };
    let mesh = mesh(route(|a| a.with_timeouts(timeouts)), touchy());
    let client = endpoints.client(&mesh);
    let send = || async { client.get("http://svc/").send().await.unwrap_err() };
    let reply = send().await.into_response(false);
    assert_eq!(reply.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(text(reply).await, "downstream duration timeout");
    let reply = send().await.into_response(true);
    assert_eq!(
        (reply.status(), &reply.headers()["grpc-status"]),
        (StatusCode::OK, &http::HeaderValue::from_static("4"))
    );
}

/// Each attempt's stream has a limit of its own, which is no fault of its endpoint's.
#[tokio::test(start_paused = true)]
async fn a_callers_stream_duration_limits_each_attempt_and_its_body() {
    let endpoints = Endpoints::default();
    let mesh = mesh(route(|a| a), touchy());
    let client = endpoints.client(&mesh);
    let ask = || {
        let request = client
            .get("http://svc/")
            .header("x-envoy-upstream-stream-duration-ms", "1000")
            .header("x-envoy-retry-on", "reset")
            .header("x-envoy-upstream-rq-timeout-ms", "0");
        request.send()
    };
    endpoints.act(1, [Act::Stall, Act::Answer(200)]);
    let started = Instant::now();
    assert_eq!(text(ask().await.unwrap()).await, "1");
    // And a back-off of at most 25 ms.
    let took = started.elapsed();
    assert!(took >= SECOND && took <= SECOND + SECOND / 40, "{took:?}");

    // The second attempt's body has a second of its own.
    endpoints.act(1, [Act::Stall, Act::HalfBody]);
    let response = ask().await.unwrap();
    let answered = Instant::now();
    let error = response.into_body().bytes().await.unwrap_err();
    assert_eq!(error.flag(), Flag::UpstreamMaxStreamDuration);
    assert_eq!(answered.elapsed(), SECOND);

    endpoints.act(1, [Act::Stall]);
    let error = ask().await.unwrap_err();
    assert_eq!((error.grpc_status(), error.attempts()), (14, 2));
    let reply = error.into_response(false);
    assert_eq!(reply.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(text(reply).await, "upstream max stream duration reached");
    assert_eq!(ejections(&mesh), 0);
}
