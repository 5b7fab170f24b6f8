//! The pieces of the in-memory comparison: a service that answers at once, the requests, and the
//! loop that drives any `tower::Service` through them.

use std::{
    convert::Infallible,
    future::{Ready, poll_fn, ready},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full};
use mesh_core::{
    Mesh,
    telemetry::{Counters, Recorder},
};
use mesh_http::{Client, Step, layer::Connector};
use tower::{
    Service,
    balance::p2c::Balance,
    discover::ServiceList,
    load::{CompleteOnResponse, PendingRequestsDiscover},
    retry::{
        Policy,
        budget::{Budget, TpsBudget},
    },
};

use crate::{
    Error, Result,
    policy::{Scale, USER},
};

/// The body of every request and response.
pub type Body = Full<Bytes>;

/// Answers at once, with 200 and a short body.
#[derive(Clone, Copy, Debug, Default)]
pub struct AtOnce;

impl<R> Service<R> for AtOnce {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<std::result::Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: R) -> Self::Future {
        ready(Ok(answer()))
    }
}

/// Lets other tasks run once before it answers, so that as many requests are under way as there
/// are tasks.
#[derive(Clone, Copy, Debug, Default)]
pub struct AfterYield;

impl<R> Service<R> for AfterYield {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = YieldThenAnswer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: R) -> Self::Future {
        YieldThenAnswer(false)
    }
}

/// See [`AfterYield`].
#[derive(Debug)]
pub struct YieldThenAnswer(bool);

impl Future for YieldThenAnswer {
    type Output = std::result::Result<Response<Body>, Infallible>;

    fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(Ok(answer()));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

fn answer() -> Response<Body> {
    Response::new(Full::new(Bytes::from_static(b"ok")))
}

/// A request as a service would make it for another: three headers, one of which routes look at.
pub fn request(uri: Uri) -> Request<Body> {
    let mut request = Request::new(Body::default());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(header::USER_AGENT, HeaderValue::from_static("mesh-benches"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(USER, HeaderValue::from_static("mary"));
    request
}

/// Sends `count` requests, one after the other, over `uris` in turn, and reads each answer's body to
/// its end, which is where a request ends.
///
/// # Errors
/// The service's own, and a status other than 200.
pub async fn drive<S, RB>(service: &mut S, uris: &[Uri], count: u32) -> Result
where
    S: Service<Request<Body>, Response = Response<RB>>,
    S::Error: Into<Error>,
    RB: http_body::Body<Error: Into<Error>> + Unpin,
{
    for uri in uris.iter().cycle().take(count as usize) {
        poll_fn(|cx| service.poll_ready(cx))
            .await
            .map_err(Into::into)?;
        let response = service
            .call(request(uri.clone()))
            .await
            .map_err(Into::into)?;
        if response.status() != http::StatusCode::OK {
            return Err(format!("{uri}: {}", response.status()).into());
        }
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            frame.map_err(Into::into)?;
        }
    }
    Ok(())
}

/// The mesh's whole client stack over `inner`, under the policy of `scale`, with counters.
///
/// # Errors
/// When the policy cannot be published.
pub fn mesh<S>(scale: &Scale, inner: S) -> Result<Client<Connector<S>>>
where
    Connector<S>: Step,
{
    mesh_with(scale, inner, Counters::new())
}

/// The same with any recorder.
///
/// # Errors
/// When the policy cannot be published.
pub fn mesh_with<S>(
    scale: &Scale,
    inner: S,
    recorder: impl Recorder + 'static,
) -> Result<Client<Connector<S>>>
where
    Connector<S>: Step,
{
    let mesh = Mesh::new();
    mesh.publish(scale.config()?)?;
    Ok(Client::builder(&mesh).recorder(recorder).connector(inner))
}

/// tower's P2C balancer by requests under way, over `count` services that answer at once.
pub fn tower_p2c<S>(inner: S, count: usize) -> TowerP2c<S>
where
    S: Service<Request<Body>> + Clone,
    S::Error: Into<Error>,
{
    let services = (0..count).map(|_| inner.clone()).collect::<Vec<_>>();
    let discover = ServiceList::new::<Request<Body>>(services);
    Balance::new(PendingRequestsDiscover::new(
        discover,
        CompleteOnResponse::default(),
    ))
}

/// The type of [`tower_p2c`].
pub type TowerP2c<S> = Balance<PendingRequestsDiscover<ServiceList<Vec<S>>>, Request<Body>>;

/// A retry policy for tower's `Retry`, like the mesh's: server errors, a budget.
#[derive(Clone, Debug)]
pub struct TowerRetries(Arc<TpsBudget>);

impl Default for TowerRetries {
    fn default() -> Self {
        Self(Arc::new(TpsBudget::new(Duration::from_secs(10), 10, 0.2)))
    }
}

impl<RB, E> Policy<Request<Body>, Response<RB>, E> for TowerRetries {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<Body>,
        result: &mut std::result::Result<Response<RB>, E>,
    ) -> Option<Ready<()>> {
        let failed = match result {
            Ok(response) => response.status().is_server_error(),
            Err(_) => true,
        };
        if failed && self.0.withdraw() {
            return Some(ready(()));
        }
        if !failed {
            self.0.deposit();
        }
        None
    }

    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        Some(request.clone())
    }
}
