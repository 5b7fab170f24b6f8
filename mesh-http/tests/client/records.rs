//! What a record holds of the request: how long it took, which cluster it went to, and which attempts
//! it made, beside those whose answers nobody got.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use http::StatusCode;
use mesh_core::{
    policy::{
        Cluster, Delay, DirectResponse, Fault, FractionalPercent, InternalRedirectPolicy,
        PathMatcher, RetryOn, RetryPolicy, Route, RouteAction, RouteMatch,
    },
    telemetry::{AttemptRecord, Recorder, RequestRecord, Side},
};

use crate::script::{Act, Endpoints, endpoint, mesh, route, text};

const SECOND: Duration = Duration::from_secs(1);

/// Of each request and attempt, in the order in which they end: the cluster and the duration; of an
/// attempt its status, too.
#[derive(Clone, Debug, Default)]
struct Heard(Arc<Mutex<Inside>>);

#[derive(Debug, Default)]
struct Inside {
    requests: Vec<(Option<String>, Duration)>,
    attempts: Vec<(u32, u16, Duration)>,
}

impl Heard {
    fn take(&self) -> Inside {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Recorder for Heard {
    fn request_started(&self, _: Side) {}

    fn request_ended(&self, r: &RequestRecord<'_>) {
        let cluster = r.cluster.map(|c| c.name().to_string());
        let mut inside = self.0.lock().unwrap();
        inside.requests.push((cluster, r.duration));
    }

    fn attempt_ended(&self, r: &AttemptRecord<'_>) {
        let mut inside = self.0.lock().unwrap();
        let status = r.outcome.code();
        inside.attempts.push((r.attempt, status, r.duration));
    }
}

fn delayed(mut route: Route) -> Route {
    let fault = Fault {
        delay: Some(Delay {
            fixed_delay: 5 * SECOND,
            percentage: FractionalPercent::ALWAYS,
        }),
        abort: None,
    };
    route.filters = vec![fault.into()];
    route
}

/// A route to `c` whose redirects are followed, and `/direct`, which answers by itself.
fn redirecting() -> Vec<Route> {
    let mut routes = route(|mut action| {
        action.internal_redirect = Some(Arc::new(InternalRedirectPolicy::default()));
        action
    });
    let direct = DirectResponse {
        status: StatusCode::OK,
        body: "direct".into(),
    };
    let matches = |path: &str| RouteMatch::new(PathMatcher::Exact(path.into()));
    routes.insert(0, Route::to_cluster(matches("/to"), "b"));
    let direct = RouteAction::DirectResponse(direct);
    routes.insert(0, Route::new(matches("/direct"), direct));
    routes
}

fn clusters() -> [(Cluster, Vec<mesh_core::policy::Endpoint>); 2] {
    [
        (Cluster::new("c"), vec![endpoint(1)]),
        (Cluster::new("b"), vec![endpoint(2)]),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_fault_delay_is_the_requests_time_but_not_the_attempts() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Slow(SECOND, 200)]);
    let routes = route(|a| a).into_iter().map(delayed).collect();
    let heard = Heard::default();
    let recorder = heard.clone();
    let client = endpoints.client_with(&mesh(routes, clusters()), |b| b.recorder(recorder));
    let response = client.get("http://svc/").send().await.unwrap();
    assert_eq!(text(response).await, "1");
    let inside = heard.take();
    assert_eq!(inside.requests, [(Some("c".to_owned()), 6 * SECOND)]);
    assert_eq!(inside.attempts, [(1, 200, SECOND)]);
}

#[tokio::test(start_paused = true)]
async fn what_came_before_a_followed_redirect_is_the_requests_time() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Redirect(302, "http://svc/to")]);
    endpoints.act(2, [Act::Slow(SECOND, 200)]);
    let routes = redirecting().into_iter().map(delayed).collect();
    let heard = Heard::default();
    let recorder = heard.clone();
    let client = endpoints.client_with(&mesh(routes, clusters()), |b| b.recorder(recorder));
    let response = client.get("http://svc/").send().await.unwrap();
    assert_eq!(text(response).await, "2");
    let inside = heard.take();
    assert_eq!(inside.requests, [(Some("b".to_owned()), 11 * SECOND)]);
    let attempts = [(1, 302, Duration::ZERO), (1, 200, SECOND)];
    assert_eq!(inside.attempts, attempts);
}

/// The answer is not the cluster's that redirected.
#[tokio::test(start_paused = true)]
async fn a_redirect_to_what_answers_by_itself_leaves_no_cluster() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Redirect(302, "http://svc/direct")]);
    let heard = Heard::default();
    let recorder = heard.clone();
    let mesh = mesh(redirecting(), clusters());
    let client = endpoints.client_with(&mesh, |b| b.recorder(recorder));
    let response = client.get("http://svc/").send().await.unwrap();
    assert_eq!(text(response).await, "direct");
    let inside = heard.take();
    assert_eq!(inside.requests, [(None, Duration::ZERO)]);
}

/// Trailers would have completed its outcome, but nobody reads them.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_retried_on_its_head_is_counted() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Grpc(200), Act::Answer(404)]);
    let policy = RetryPolicy {
        retriable_status_codes: vec![StatusCode::OK],
        ..RetryPolicy::new(RetryOn::RETRIABLE_STATUS_CODES, 1)
    };
    let mesh = mesh(route(|a| a.with_retry(policy)), clusters());
    let heard = Heard::default();
    let recorder = heard.clone();
    let client = endpoints.client_with(&mesh, |b| b.recorder(recorder));
    let response = client.get("http://svc/").send().await.unwrap();
    assert_eq!(response.status(), 404);
    let inside = heard.take();
    let attempts: Vec<_> = inside.attempts.iter().map(|(n, s, _)| (*n, *s)).collect();
    assert_eq!(attempts, [(1, 200), (2, 404)]);
    let endpoints = mesh.load().cluster("c").unwrap().endpoints();
    let counted: u64 = endpoints.iter().map(|e| e.attempts.total()).sum();
    assert_eq!(counted, 2);
}
