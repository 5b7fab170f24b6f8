//! Timeouts, retries, ejection.

use std::time::Duration;

use http::{Method, StatusCode};
use mesh_core::{
    Flag,
    policy::{
        CircuitBreakers, Cluster, LbPolicy, OutlierDetection, Percent, RetryOn, RetryPolicy,
        Thresholds, Timeouts,
    },
};
use mesh_http::Body;
use tokio::time::Instant;
use tower::{ServiceBuilder, ServiceExt};

use crate::script::{Act, Endpoints, NeverEnds, endpoint, mesh, route, text};

fn three() -> [(Cluster, Vec<mesh_core::policy::Endpoint>); 1] {
    let c = Cluster::new("c").with_lb_policy(LbPolicy::RoundRobin);
    [(c, vec![endpoint(1), endpoint(2), endpoint(3)])]
}

fn one() -> [(Cluster, Vec<mesh_core::policy::Endpoint>); 1] {
    [(Cluster::new("c"), vec![endpoint(1)])]
}

fn retries(on: RetryOn, n: u32) -> RetryPolicy {
    RetryPolicy {
        previous_hosts: true,
        host_selection_retry_max_attempts: 5,
        ..RetryPolicy::new(on, n)
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_host_is_not_tried_twice() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Answer(503)]);
    endpoints.act(2, [Act::Answer(503)]);
    let mesh = mesh(
        route(|a| a.with_retry(retries(RetryOn::GATEWAY_ERROR, 2))),
        three(),
    );
    let client = endpoints.client(&mesh);
    for _ in 0..20 {
        let response = client.get("http://svc/").send().await.unwrap();
        assert_eq!(text(response).await, "3");
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_response_passes_when_retries_are_used_up() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Answer(503)]);
    let mesh = mesh(
        route(|a| a.with_retry(retries(RetryOn::SERVER_ERROR, 2))),
        one(),
    );
    let response = endpoints
        .client(&mesh)
        .get("http://svc/")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        response.extensions().get(),
        Some(&Flag::UpstreamRetryLimitExceeded)
    );
    assert_eq!(text(response).await, "1");
    assert_eq!(endpoints.called(), [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn what_the_policy_does_not_name_is_not_retried() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Answer(500)]);
    let mesh = mesh(
        route(|a| a.with_retry(retries(RetryOn::GATEWAY_ERROR, 2))),
        one(),
    );
    let response = endpoints
        .client(&mesh)
        .get("http://svc/")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(endpoints.called(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_body_is_replayed_up_to_the_limit() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Answer(503), Act::Answer(200)]);
    let mesh = mesh(
        route(|a| a.with_retry(retries(RetryOn::SERVER_ERROR, 2))),
        one(),
    );
    let client = endpoints.client_with(&mesh, |b| b.replay_limit(8));
    let stream = |text: &'static str| {
        let frames = text
            .as_bytes()
            .chunks(3)
            .map(|c| Ok::<_, std::io::Error>(http_body::Frame::data(bytes::Bytes::from_static(c))));
        let frames: Vec<_> = frames.collect();
        Body::new(http_body_util::StreamBody::new(futures_util::stream::iter(
            frames,
        )))
    };
    let response = client
        .post("http://svc/")
        .body(stream("12345678"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(endpoints.called(), [1, 1]);

    endpoints.act(1, [Act::Answer(503), Act::Answer(200)]);
    let response = client
        .post("http://svc/")
        .body(stream("123456789"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        response.status(),
        503,
        "too long to keep: the answer passes"
    );
    assert_eq!(endpoints.called().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_route_timeout_covers_every_try_and_is_not_retried() {
    let endpoints = Endpoints::default();
    for port in 1..=3 {
        endpoints.act(port, [Act::Slow(Duration::from_millis(400), 503)]);
    }
    let timeouts = Timeouts::total(Duration::from_secs(1));
    let mesh = mesh(
        route(|a| {
            a.with_timeouts(timeouts)
                .with_retry(retries(RetryOn::SERVER_ERROR, 9))
        }),
        three(),
    );
    let started = Instant::now();
    let error = endpoints
        .client(&mesh)
        .get("http://svc/")
        .send()
        .await
        .unwrap_err();
    assert_eq!(started.elapsed(), Duration::from_secs(1));
    assert_eq!(
        (error.flag(), error.status()),
        (Flag::UpstreamTimeout, StatusCode::GATEWAY_TIMEOUT)
    );
    assert!(error.was_sent());
    assert_eq!(
        text(error.into_response(false)).await,
        "upstream request timeout"
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_try_is_given_up_and_retried() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Stall, Act::Answer(200)]);
    let policy = retries(RetryOn::RESET, 1).with_per_try_timeout(Duration::from_secs(2));
    let mesh = mesh(route(|a| a.with_retry(policy)), one());
    let started = Instant::now();
    let response = endpoints
        .client(&mesh)
        .get("http://svc/")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    // One try, one pause of up to 25 ms.
    let took = started.elapsed();
    assert!((2000..2026).contains(&took.as_millis()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_fails_at_the_deadline() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::HalfBody]);
    let mesh = mesh(
        route(|a| a.with_timeouts(Timeouts::total(Duration::from_secs(1)))),
        one(),
    );
    let started = Instant::now();
    let response = endpoints
        .client(&mesh)
        .get("http://svc/")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let error = response.into_body().bytes().await.unwrap_err();
    assert_eq!(started.elapsed(), Duration::from_secs(1));
    assert!(error.to_string().contains("the route's timeout"), "{error}");
    assert_eq!(
        mesh.load().cluster("c").unwrap().endpoints()[0].in_flight,
        0
    );
}

#[tokio::test(start_paused = true)]
async fn no_call_waits_for_ever_even_without_a_timeout() {
    let endpoints = Endpoints::default();
    let mesh = mesh(route(|a| a), one());
    let client = endpoints.client(&mesh);

    // No head.
    endpoints.act(1, [Act::Stall]);
    let started = Instant::now();
    let error = client.get("http://svc/").send().await.unwrap_err();
    assert_eq!(
        (error.flag(), error.status()),
        (Flag::StreamIdleTimeout, StatusCode::GATEWAY_TIMEOUT)
    );
    assert_eq!(started.elapsed(), Duration::from_secs(300));

    // No end of the body.
    endpoints.act(1, [Act::HalfBody]);
    let started = Instant::now();
    let response = client.get("http://svc/").send().await.unwrap();
    let error = response.into_body().bytes().await.unwrap_err();
    assert_eq!(error.flag(), Flag::StreamIdleTimeout);
    assert_eq!(started.elapsed(), Duration::from_secs(300));

    // An upload that goes on is not idle: five frames, 200 s apart, then a stall.
    let frames = futures_util::stream::unfold(0, |n| async move {
        (n < 5).then_some(())?;
        tokio::time::sleep(Duration::from_secs(200)).await;
        let frame = http_body::Frame::data(bytes::Bytes::from_static(b"x"));
        Some((Ok::<_, std::io::Error>(frame), n + 1))
    });
    endpoints.act(1, [Act::Stall]);
    let started = Instant::now();
    let body = Body::new(http_body_util::StreamBody::new(frames));
    let error = client
        .post("http://svc/")
        .body(body)
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.flag(), Flag::StreamIdleTimeout);
    // The stream's end is a frame's worth of progress too.
    assert_eq!(started.elapsed(), Duration::from_secs(5 * 200 + 300));
}

#[tokio::test(start_paused = true)]
async fn the_upstream_hears_how_much_time_is_left() {
    let endpoints = Endpoints::default();
    let timeouts = Timeouts::total(Duration::from_millis(1500));
    let mesh = mesh(route(|a| a.with_timeouts(timeouts)), one());
    let client = endpoints.client(&mesh);
    client.get("http://svc/").send().await.unwrap();
    client
        .post("http://svc/")
        .header("content-type", "application/grpc")
        .header("grpc-timeout", "9S")
        .send()
        .await
        .unwrap();
    let sent = endpoints.requests();
    assert_eq!(sent[0].headers()["x-envoy-expected-rq-timeout-ms"], "1500");
    assert!(!sent[0].headers().contains_key("grpc-timeout"));
    assert_eq!(sent[1].headers()["grpc-timeout"], "1500000u");
}

#[tokio::test(start_paused = true)]
async fn a_max_stream_duration_replaces_the_timeout() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Slow(Duration::from_secs(2), 200), Act::Stall]);
    let timeouts = Timeouts {
        timeout: Some(Duration::from_secs(1)),
        max_stream_duration: Some(Duration::from_secs(5)),
        ..Timeouts::default()
    };
    let mesh = mesh(route(|a| a.with_timeouts(timeouts)), one());
    let client = endpoints.client(&mesh);
    assert_eq!(
        client.get("http://svc/").send().await.unwrap().status(),
        200
    );
    let error = client.get("http://svc/").send().await.unwrap_err();
    assert_eq!(error.flag(), Flag::UpstreamMaxStreamDuration);
}

/// In Envoy it is the connection manager's timer, which a header of the router's does not touch.
#[tokio::test(start_paused = true)]
async fn a_callers_timeout_leaves_the_max_stream_duration_alone() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Stall]);
    let timeouts = Timeouts {
        max_stream_duration: Some(Duration::from_secs(1)),
        ..Timeouts::default()
    };
    let mesh = mesh(route(|a| a.with_timeouts(timeouts)), one());
    let client = endpoints.client(&mesh);
    for asked in ["60000", "0"] {
        let started = tokio::time::Instant::now();
        let request = client
            .get("http://svc/")
            .header("x-envoy-upstream-rq-timeout-ms", asked);
        let error = request.send().await.unwrap_err();
        assert_eq!(error.flag(), Flag::UpstreamMaxStreamDuration);
        assert_eq!(started.elapsed(), Duration::from_secs(1));
    }
}

/// Who routes by one line must not send another on (RFC 9112 §3.2).
#[tokio::test]
async fn a_second_host_header_is_refused() {
    let endpoints = Endpoints::default();
    let client = endpoints.client(&mesh(route(|a| a), one()));
    let request = client
        .get("http://svc/")
        .header("host", "svc")
        .header("host", "admin");
    let error = request.send().await.unwrap_err();
    assert_eq!(
        (error.flag(), error.status().as_u16()),
        (Flag::InvalidRequest, 400)
    );
    assert!(endpoints.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn consecutive_errors_eject_and_time_brings_back() {
    let endpoints = Endpoints::default();
    endpoints.act(
        2,
        vec![Act::Answer(500); 3]
            .into_iter()
            .chain([Act::Answer(200)]),
    );
    let outlier = OutlierDetection {
        consecutive_5xx: 3,
        max_ejection_percent: Percent::HUNDRED,
        ..OutlierDetection::default()
    };
    let [(cluster, hosts)] = three();
    let mesh = mesh(
        route(|a| a),
        [(cluster.with_outlier_detection(outlier), hosts)],
    );
    let client = endpoints.client(&mesh);
    for _ in 0..9 {
        client.get("http://svc/").send().await.unwrap();
    }
    let before = endpoints.called().len();
    for _ in 0..30 {
        assert_eq!(
            client.get("http://svc/").send().await.unwrap().status(),
            200
        );
    }
    assert!(
        !endpoints.called()[before..].contains(&2),
        "an ejected endpoint was picked"
    );

    // The base ejection time is 30 s; reviews come every 10 s.
    tokio::time::advance(Duration::from_secs(41)).await;
    for _ in 0..6 {
        client.get("http://svc/").send().await.unwrap();
    }
    let after = &endpoints.called()[before + 30..];
    assert!(after.contains(&2), "it did not come back: {after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_counts_against_the_endpoint() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Stall]);
    let outlier = OutlierDetection {
        consecutive_5xx: 1,
        max_ejection_percent: Percent::HUNDRED,
        ..OutlierDetection::default()
    };
    let [(cluster, hosts)] = one();
    let cluster = Cluster {
        healthy_panic_threshold: Percent::ZERO,
        ..cluster.with_outlier_detection(outlier)
    };
    let timeouts = Timeouts::total(Duration::from_secs(1));
    let mesh = mesh(route(|a| a.with_timeouts(timeouts)), [(cluster, hosts)]);
    let client = endpoints.client(&mesh);
    let error = client.get("http://svc/").send().await.unwrap_err();
    assert_eq!(error.flag(), Flag::UpstreamTimeout);
    let error = client.get("http://svc/").send().await.unwrap_err();
    assert_eq!(error.flag(), Flag::NoHealthyUpstream);
    assert!(error.to_string().contains("1 ejected"), "{error}");
    assert_eq!(endpoints.called(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_full_breaker_refuses_and_frees_up_again() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Stall, Act::Answer(200)]);
    let [(cluster, hosts)] = one();
    let cluster = Cluster {
        circuit_breakers: CircuitBreakers {
            default: Thresholds {
                max_requests: 1,
                ..Thresholds::default()
            },
            ..CircuitBreakers::default()
        },
        ..cluster
    };
    let mesh = mesh(route(|a| a), [(cluster, hosts)]);
    let client = endpoints.client(&mesh);
    let held = tokio::spawn(client.get("http://svc/").send());
    tokio::task::yield_now().await;
    assert_eq!(endpoints.called(), [1]);
    let error = client.get("http://svc/").send().await.unwrap_err();
    assert_eq!(error.flag(), Flag::UpstreamOverflow);
    let reply = error.into_response(false);
    assert_eq!(reply.headers()["x-envoy-overloaded"], "true");
    held.abort();
    let _ = held.await;
    assert_eq!(
        client.get("http://svc/").send().await.unwrap().status(),
        200
    );
}

#[tokio::test(start_paused = true)]
async fn the_retry_breaker_passes_the_answer_on() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Answer(503)]);
    let [(cluster, hosts)] = one();
    let cluster = Cluster {
        circuit_breakers: CircuitBreakers {
            default: Thresholds {
                max_retries: 0,
                ..Thresholds::default()
            },
            ..CircuitBreakers::default()
        },
        ..cluster
    };
    let mesh = mesh(
        route(|a| a.with_retry(retries(RetryOn::SERVER_ERROR, 3))),
        [(cluster, hosts)],
    );
    let response = endpoints
        .client(&mesh)
        .get("http://svc/")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.extensions().get(), Some(&Flag::UpstreamOverflow));
    assert_eq!(endpoints.called(), [1]);
}

#[tokio::test(start_paused = true)]
async fn no_retries_are_used_up_by_the_first_failure() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Answer(503), Act::Answer(400), Act::Stall]);
    let policy = retries(RetryOn::SERVER_ERROR, 0).with_per_try_timeout(Duration::from_secs(1));
    let client = endpoints.client(&mesh(route(|a| a.with_retry(policy)), one()));
    let send = || client.get("http://svc/").send();
    let flag = |response: http::Response<Body>| response.extensions().get::<Flag>().copied();
    let exhausted = Flag::UpstreamRetryLimitExceeded;
    assert_eq!(flag(send().await.unwrap()), Some(exhausted));
    assert_eq!(flag(send().await.unwrap()), None);
    let flags = send().await.unwrap_err().flags();
    assert_eq!(flags, [exhausted, Flag::UpstreamTimeout]);
}

/// The layers as anybody may use them, without a mesh.
#[tokio::test(start_paused = true)]
async fn layers_work_alone_in_a_service_builder() {
    use mesh_http::layer::{RetryLayer, TimeoutLayer};
    let calls = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let seen = calls.clone();
    let flaky = tower::service_fn(move |_: http::Request<Body>| {
        let n = seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        async move {
            let status = if n < 2 { 503 } else { 200 };
            Ok::<_, std::convert::Infallible>(
                http::Response::builder()
                    .status(status)
                    .body(Body::empty())
                    .unwrap(),
            )
        }
    });
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Duration::from_secs(2)))
        .layer(RetryLayer::new(RetryPolicy::new(RetryOn::GATEWAY_ERROR, 2)))
        .service(flaky);
    let request = http::Request::get("http://svc/")
        .body(Body::empty())
        .unwrap();
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(calls.load(std::sync::atomic::Ordering::Relaxed), 3);

    let stalls = tower::service_fn(|_: http::Request<Body>| async {
        Ok::<_, std::convert::Infallible>(std::future::pending::<http::Response<Body>>().await)
    });
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Duration::from_secs(2)))
        .service(stalls);
    let started = Instant::now();
    let request = http::Request::builder()
        .method(Method::POST)
        .uri("http://svc/")
        .body(Body::new(NeverEnds))
        .unwrap();
    let error = service.oneshot(request).await.unwrap_err();
    assert_eq!(error.flag(), Flag::UpstreamTimeout);
    assert_eq!(started.elapsed(), Duration::from_secs(2));
}
