//! What a route does besides forwarding: copies, redirects that are followed, and what callers ask for
//! in headers. How it looks on the wire is compared with Envoy's in `conformance/`.

use std::{sync::Arc, time::Duration};

use http::{Method, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use mesh_core::{
    Flag,
    policy::{
        Cluster, InternalRedirectPolicy, PathMatcher, RequestMirror, RouteMatch, Thresholds,
        Timeouts,
    },
};
use mesh_http::Body;
use tokio::time::Instant;

use crate::script::{Act, Endpoints, TestClient, endpoint, mesh, route, text};

const SECOND: Duration = Duration::from_secs(1);

fn clusters() -> [(Cluster, Vec<mesh_core::policy::Endpoint>); 2] {
    [
        (Cluster::new("c"), vec![endpoint(1)]),
        (Cluster::new("b"), vec![endpoint(2)]),
    ]
}

/// A route to `c` with a copy to `b`.
fn mirrored() -> Vec<mesh_core::policy::Route> {
    route(|mut action| {
        action.mirrors = vec![RequestMirror::to("b")];
        action
    })
}

/// A body that arrives in parts.
fn streamed(parts: &'static [&'static str]) -> Body {
    let frames = parts.iter().map(|part| {
        let data = bytes::Bytes::from_static(part.as_bytes());
        Ok::<_, std::convert::Infallible>(Frame::data(data))
    });
    Body::new(StreamBody::new(futures_util::stream::iter(frames)))
}

/// Gives other tasks their turn until `done`, or for a while.
async fn until(done: impl Fn() -> bool) {
    for _ in 0..1000 {
        if done() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn post(client: &TestClient, body: Body) -> http::Response<Body> {
    let request = client.post("http://svc/").body(body);
    request.send().await.unwrap()
}

fn in_flight(mesh: &mesh_core::Mesh, cluster: &str) -> u32 {
    let snapshot = mesh.load();
    let endpoints = snapshot.cluster(cluster).unwrap().endpoints();
    endpoints.iter().map(|e| e.in_flight).sum()
}

#[tokio::test(start_paused = true)]
async fn a_copy_has_the_whole_body_of_a_stream() {
    let endpoints = Endpoints::default();
    let client = endpoints.client(&mesh(mirrored(), clusters()));
    let response = post(&client, streamed(&["one ", "two ", "three"])).await;
    assert_eq!(text(response).await, "1");
    until(|| endpoints.called().len() == 2).await;
    let mut bodies = endpoints.bodies();
    bodies.sort();
    let whole = "one two three";
    assert_eq!(bodies, [(1, whole.to_owned()), (2, whole.to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_body_past_the_limit_is_sent_but_not_copied() {
    let endpoints = Endpoints::default();
    let client = endpoints.client_with(&mesh(mirrored(), clusters()), |b| b.replay_limit(4));
    let response = post(&client, streamed(&["one ", "two ", "three"])).await;
    assert_eq!(text(response).await, "1");
    until(|| endpoints.called().len() == 2).await;
    assert_eq!(endpoints.bodies(), [(1, "one two three".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn what_becomes_of_a_copy_is_not_the_callers_business() {
    for act in [Act::Answer(503), Act::Stall, Act::BrokenBody] {
        let endpoints = Endpoints::default();
        endpoints.act(2, [act]);
        let client = endpoints.client(&mesh(mirrored(), clusters()));
        let started = Instant::now();
        let response = client.get("http://svc/").send().await.unwrap();
        assert_eq!(
            (response.status(), text(response).await),
            (StatusCode::OK, "1".into())
        );
        assert_eq!(started.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_ends_with_its_client_and_with_its_routes_time() {
    let endpoints = Endpoints::default();
    endpoints.act(2, [Act::Stall]);
    let mut routes = mirrored();
    let mesh = {
        if let mesh_core::policy::RouteAction::Forward(action) = &mut routes[0].action {
            action.timeouts = Timeouts::total(2 * SECOND);
        }
        mesh(routes, clusters())
    };
    let client = endpoints.client(&mesh);
    client.get("http://svc/").send().await.unwrap();
    until(|| endpoints.called().len() == 2).await;
    assert_eq!(in_flight(&mesh, "b"), 1);
    tokio::time::sleep(3 * SECOND).await;
    assert_eq!(in_flight(&mesh, "b"), 0);

    client.get("http://svc/").send().await.unwrap();
    until(|| endpoints.called().len() == 4).await;
    assert_eq!(in_flight(&mesh, "b"), 1);
    drop(client);
    until(|| in_flight(&mesh, "b") == 0).await;
    assert_eq!(in_flight(&mesh, "b"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_refused_is_not_copied() {
    let endpoints = Endpoints::default();
    let mut c = Cluster::new("c");
    c.circuit_breakers.default = Thresholds {
        max_requests: 0,
        ..Thresholds::default()
    };
    let all = [
        (c, vec![endpoint(1)]),
        (Cluster::new("b"), vec![endpoint(2)]),
    ];
    let client = endpoints.client(&mesh(mirrored(), all));
    let error = client.get("http://svc/").send().await.unwrap_err();
    assert_eq!(error.flag(), Flag::UpstreamOverflow);
    until(|| !endpoints.called().is_empty()).await;
    assert!(endpoints.called().is_empty());
}

fn redirecting() -> Vec<mesh_core::policy::Route> {
    let mut routes = route(|mut action| {
        action.internal_redirect = Some(Arc::new(InternalRedirectPolicy {
            redirect_response_codes: vec![StatusCode::TEMPORARY_REDIRECT],
            ..InternalRedirectPolicy::default()
        }));
        action
    });
    let to = RouteMatch::new(PathMatcher::Exact("/to".into()));
    routes.insert(0, mesh_core::policy::Route::to_cluster(to, "b"));
    routes
}

#[tokio::test(start_paused = true)]
async fn a_redirected_stream_is_sent_again_if_it_was_kept() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Redirect(307, "http://svc/to")]);
    let client = endpoints.client(&mesh(redirecting(), clusters()));
    let response = post(&client, streamed(&["one ", "two"])).await;
    assert_eq!(text(response).await, "2");
    let body = "one two".to_owned();
    assert_eq!(endpoints.bodies(), [(1, body.clone()), (2, body)]);
    let [_, second] = &endpoints.requests()[..] else {
        panic!("two requests")
    };
    assert_eq!(second.headers()["x-envoy-original-url"], "http://svc/");
    assert_eq!(
        (second.method(), second.uri().path()),
        (&Method::POST, "/to")
    );

    let client = endpoints.client_with(&mesh(redirecting(), clusters()), |b| b.replay_limit(3));
    let response = post(&client, streamed(&["one ", "two"])).await;
    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
}

#[tokio::test(start_paused = true)]
async fn a_callers_headers_set_time_and_retries_unless_it_comes_from_outside() {
    let ask = |client: TestClient| async move {
        let request = client
            .get("http://svc/")
            .header("x-envoy-upstream-rq-timeout-ms", "1000")
            .header("x-envoy-retry-on", "5xx")
            .header("x-envoy-max-retries", "2");
        request.send().await.unwrap().status()
    };
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Answer(503)]);
    let mesh = mesh(route(|a| a), clusters());
    assert_eq!(ask(endpoints.client(&mesh)).await, 503);
    assert_eq!(endpoints.called().len(), 3);
    for request in endpoints.requests() {
        let names: Vec<_> = request.headers().keys().map(|n| n.as_str()).collect();
        assert!(!names.contains(&"x-envoy-retry-on"), "{names:?}");
        assert!(names.contains(&"x-envoy-expected-rq-timeout-ms"));
    }
    let edge = endpoints.client_with(&mesh, |builder| builder.external_callers());
    assert_eq!(ask(edge).await, 503);
    assert_eq!(endpoints.called().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_that_the_caller_set_can_be_answered_otherwise() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Stall]);
    let client = endpoints.client(&mesh(route(|a| a), clusters()));
    let started = Instant::now();
    let request = |alternative: Option<&'static str>| {
        let request = client
            .get("http://svc/")
            .header("x-envoy-upstream-rq-timeout-ms", "1500");
        match alternative {
            Some(value) => request.header("x-envoy-upstream-rq-timeout-alt-response", value),
            None => request,
        }
    };
    let error = request(None).send().await.unwrap_err();
    assert_eq!(
        (error.flag(), error.status().as_u16()),
        (Flag::UpstreamTimeout, 504)
    );
    assert_eq!(started.elapsed(), Duration::from_millis(1500));
    let error = request(Some("1")).send().await.unwrap_err();
    assert_eq!(
        (error.flag(), error.status().as_u16()),
        (Flag::UpstreamTimeout, 204)
    );
    let reply = error.into_response(false);
    assert_eq!(
        (reply.status().as_u16(), text(reply).await),
        (204, String::new())
    );
}
