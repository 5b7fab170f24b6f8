//! How long a request may take.
//!
//! Two layers, because one limit covers every try and the other each of them: [`Timeout`] sets the
//! deadline of the whole exchange, and holds the response's body to it; [`AttemptTimeout`], below
//! the retries, is where time runs out: one timer per attempt, for whichever limit comes first.
//!
//! Envoy starts the route's timer once the whole request was received; here it starts with the call.

use std::{
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use http_body::{Frame, SizeHint};
use mesh_core::{Failure, Flag, is_grpc};
use tokio::time::{Sleep, sleep_until};

use crate::{
    Body, BoxError, Error,
    call::{Call, Deadline, DeadlineKind, Step, now},
    server::format_grpc_timeout,
};

const EXPECTED_RQ_TIMEOUT: HeaderName = HeaderName::from_static("x-envoy-expected-rq-timeout-ms");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// Limits the whole exchange: every try, and the response's body.
#[derive(Clone, Copy, Debug)]
pub struct TimeoutLayer {
    fixed: Option<Duration>,
}

impl TimeoutLayer {
    /// The same timeout for every request.
    pub const fn new(timeout: Duration) -> Self {
        Self {
            fixed: Some(timeout),
        }
    }

    /// What each request's route says; no limit where it says nothing.
    pub const fn from_route() -> Self {
        Self { fixed: None }
    }
}

/// See [`TimeoutLayer`].
#[derive(Debug)]
pub struct Timeout<S> {
    fixed: Option<Duration>,
    inner: S,
}

super::step_layer!(TimeoutLayer => Timeout over AttemptTimeout(AttemptTimeoutLayer), |layer, inner| Timeout {
    fixed: layer.fixed,
    inner,
});

impl<S: Step> Step for Timeout<S> {
    async fn call(&self, call: &mut Call) -> Result<(), Error> {
        set_limits(call, self.fixed);
        let (deadline, idle) = (call.deadline, call.idle);
        self.inner.call(call).await?;
        if let Some(response) = &mut call.response {
            let limits = response.body_mut().limits_mut();
            if let Some(deadline) = deadline {
                limits.set_deadline(deadline.at, deadline.kind);
            }
            if let Some(idle) = idle {
                limits.set_idle(idle, call.upload.take());
            }
        }
        Ok(())
    }
}

fn set_limits(call: &mut Call, fixed: Option<Duration>) {
    let timeouts = call
        .destination()
        .and_then(|d| d.action())
        .map(|a| &a.timeouts);
    let (limit, kind) = match (fixed, timeouts) {
        (Some(fixed), _) => (Some(fixed), DeadlineKind::Route),
        // Envoy: a `max_stream_duration` switches `timeout` off.
        (None, Some(timeouts)) => match timeouts.max_stream_duration {
            Some(max) => (Some(max), DeadlineKind::MaxStreamDuration),
            None => (timeouts.timeout, DeadlineKind::Route),
        },
        (None, None) => (None, DeadlineKind::Route),
    };
    let idle = timeouts
        .and_then(|t| t.idle_timeout)
        .or(call.env().idle_timeout)
        .filter(|idle| !idle.is_zero());
    if let Some(at) = limit.and_then(|l| call.ledger.started.checked_add(l)) {
        call.limit(at, kind);
    }
    call.idle = idle;
}

/// Ends an attempt whose response head is not there in time, and tells the upstream how much time
/// there is.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttemptTimeoutLayer;

/// See [`AttemptTimeoutLayer`].
#[derive(Debug)]
pub struct AttemptTimeout<S> {
    inner: S,
}

super::step_layer!(AttemptTimeoutLayer => AttemptTimeout, |_layer, inner| AttemptTimeout { inner });

impl<S: Step> Step for AttemptTimeout<S> {
    async fn call(&self, call: &mut Call) -> Result<(), Error> {
        let deadline = match (call.attempt_deadline, call.deadline) {
            (Some(at), whole) if whole.is_none_or(|w| at < w.at) => Some(Deadline {
                at,
                kind: DeadlineKind::PerTry,
            }),
            (_, whole) => whole,
        };
        if deadline.is_none() && call.idle.is_none() {
            return self.inner.call(call).await;
        }
        if let Some(deadline) = deadline {
            let left = deadline.at.saturating_duration_since(now());
            if left.is_zero() {
                return Err(in_cluster(call, expired(deadline.kind).with_sent(false)));
            }
            announce(call, left);
        }
        call.upload = (call.idle.is_some() && call.request.body().is_stream())
            .then(|| Activity::track(call.request.body_mut(), now()));
        let mut watch = Watch::new(call, deadline);
        let ended = {
            let mut inner = pin!(self.inner.call(call));
            // Made when the attempt is first waited for.
            let mut timer = pin!(None::<Sleep>);
            std::future::poll_fn(|cx| {
                // The inner future first, so that a finished answer wins over the timer.
                if let Poll::Ready(result) = inner.as_mut().poll(cx) {
                    return Poll::Ready(Ok(result));
                }
                if timer.is_none() {
                    watch.set(now());
                    timer.set(Some(sleep_until(watch.until.into())));
                }
                while let Some(mut sleep) = timer.as_mut().as_pin_mut() {
                    ready!(sleep.as_mut().poll(cx));
                    match watch.expired() {
                        Some(kind) => return Poll::Ready(Err(kind)),
                        None => sleep.reset(watch.until.into()),
                    }
                }
                Poll::Pending
            })
            .await
        };
        ended.unwrap_or_else(|kind| Err(in_cluster(call, expired(kind))))
    }
}

/// Tells the upstream when the answer will be of no more use.
fn announce(call: &mut Call, left: Duration) {
    let grpc = is_grpc(call.request.headers());
    let headers = call.request.headers_mut();
    // Rounded up: an upstream that ends the request before the caller's own timer does makes an
    // answer of it.
    let ms = left.as_nanos().div_ceil(1_000_000);
    let ms = u64::try_from(ms).unwrap_or(u64::MAX);
    headers.insert(EXPECTED_RQ_TIMEOUT, HeaderValue::from(ms));
    if grpc {
        let asked = headers
            .get(GRPC_TIMEOUT)
            .and_then(|v| crate::server::parse_grpc_timeout(v.as_bytes()));
        if asked.is_none_or(|asked| left < asked) {
            headers.insert(GRPC_TIMEOUT, format_grpc_timeout(left));
        }
    }
}

#[cold]
fn in_cluster(call: &Call, error: Error) -> Error {
    match call.destination() {
        Some(destination) => {
            let name = destination.cluster().name();
            let error = match call.endpoint() {
                Some(endpoint) => error.within(format_args!(
                    "cluster `{name}`, endpoint {}",
                    endpoint.address()
                )),
                None => error.within(format_args!("cluster `{name}`")),
            };
            error.with_cluster(name.clone())
        }
        None => error,
    }
}

/// The limits of one attempt.
struct Watch {
    deadline: Option<Deadline>,
    idle: Option<Duration>,
    /// Of a request body that is still being made; a whole one is sent at once.
    upload: Option<Arc<Activity>>,
    /// The limit that comes first.
    until: Instant,
    kind: DeadlineKind,
}

impl Watch {
    fn new(call: &Call, deadline: Option<Deadline>) -> Self {
        Self {
            deadline,
            idle: call.idle,
            upload: call.upload.clone(),
            until: call.ledger.started,
            kind: DeadlineKind::Idle,
        }
    }

    /// The limit that comes first, if nothing has moved since `last`.
    fn set(&mut self, last: Instant) {
        let deadline = self.deadline.map(|d| (d.at, d.kind));
        let idle = self
            .idle
            .and_then(|idle| last.checked_add(idle))
            .map(|at| (at, DeadlineKind::Idle));
        let first = deadline.into_iter().chain(idle).min_by_key(|(at, _)| *at);
        (self.until, self.kind) = first.unwrap_or((last, DeadlineKind::Idle));
    }

    /// Which limit was reached; `None` when the upload has moved in the meantime, and the limit
    /// with it.
    fn expired(&mut self) -> Option<DeadlineKind> {
        let reached = self.until;
        if let (DeadlineKind::Idle, Some(upload)) = (self.kind, &self.upload) {
            let last = upload.last();
            self.set(last);
        }
        (self.until <= reached).then_some(self.kind)
    }
}

/// When a request body last gave a frame.
#[derive(Debug)]
pub(crate) struct Activity {
    began: Instant,
    last_ms: AtomicU64,
}

impl Activity {
    /// Watches `body` from now on.
    fn track(body: &mut Body, began: Instant) -> Arc<Self> {
        let activity = Arc::new(Self {
            began,
            last_ms: AtomicU64::new(0),
        });
        let inner = std::mem::take(body);
        *body = Body::new(Tracked {
            inner,
            activity: activity.clone(),
        });
        activity
    }

    pub(crate) fn last(&self) -> Instant {
        let ms = Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
        self.began.checked_add(ms).unwrap_or(self.began)
    }
}

struct Tracked {
    inner: Body,
    activity: Arc<Activity>,
}

impl http_body::Body for Tracked {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        if frame.is_ready() {
            let ms = now()
                .saturating_duration_since(self.activity.began)
                .as_millis();
            let ms = u64::try_from(ms).unwrap_or(u64::MAX);
            self.activity.last_ms.store(ms, Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The error for a limit that was reached.
pub(crate) fn expired(kind: DeadlineKind) -> Error {
    let message = format!(
        "upstream request timeout: no answer within {}",
        kind.as_str()
    );
    match kind {
        DeadlineKind::MaxStreamDuration => Error::new(
            Flag::UpstreamMaxStreamDuration,
            StatusCode::GATEWAY_TIMEOUT,
            message,
        )
        .with_body("downstream duration timeout")
        .with_failure(Failure::Timeout),
        DeadlineKind::Idle => Error::new(
            Flag::StreamIdleTimeout,
            StatusCode::GATEWAY_TIMEOUT,
            message,
        )
        .with_body("stream timeout")
        .with_failure(Failure::Timeout),
        _ => Error::upstream(Failure::Timeout, message),
    }
    .with_sent(true)
}
