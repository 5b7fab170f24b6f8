//! How long a request may take.
//!
//! Two layers, because one limit covers every try and the other each of them: [`Timeout`] sets the
//! deadline of the whole exchange, and holds the response's body to it; [`AttemptTimeout`], below
//! the retries, is where time runs out: one timer per attempt, for whichever limit comes first.
//!
//! Envoy starts the route's timer once the whole request was received; here it starts with the call.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body::{Frame, SizeHint};
use mesh_core::{Failure, Flag, is_grpc, policy::Timeouts};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep_until};

use crate::{
    Body, BoxError, Error,
    call::{Call, Deadline, DeadlineKind, Extras, Step, now},
    server::{format_grpc_timeout, parse_grpc_timeout},
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
    fn call<'a>(
        &'a self,
        call: &'a mut Call,
    ) -> impl Future<Output = Result<(), Error>> + Send + 'a {
        set_limits(call, self.fixed);
        self.inner.call(call)
    }
}

fn set_limits(call: &mut Call, fixed: Option<Duration>) {
    let timeouts = call
        .destination()
        .and_then(|d| d.action())
        .map(|a| &a.timeouts);
    let asked = call.extras().and_then(Extras::timeout);
    let max = timeouts.and_then(|t| max_stream_duration(t, call));
    let max = max.filter(|_| fixed.is_none());
    let limit = match (fixed, asked) {
        (Some(fixed), _) => Some(fixed),
        // The request's own header; 0 is no limit.
        (None, Some(asked)) => Some(asked).filter(|limit| !limit.is_zero()),
        (None, None) => timeouts.and_then(|t| timeout(t, call)),
    };
    let idle = timeouts
        .and_then(|t| t.idle_timeout)
        .or(call.env().idle_timeout)
        .filter(|idle| !idle.is_zero());
    // A stream is older than its latest routing.
    let (routed, began) = (call.ledger.attempt_started, call.ledger.started);
    let mut within = |limit: Option<Duration>, since: Instant, kind| {
        if let Some(at) = limit.and_then(|l| since.checked_add(l)) {
            call.limit(at, kind);
        }
    };
    within(limit, routed, DeadlineKind::Route);
    within(max, began, DeadlineKind::MaxStreamDuration);
    let limits = &mut call.ledger.limits;
    limits.idle = idle;
    limits.of_body = limits.deadline.is_some() || idle.is_some();
}

/// How long the whole stream may take: what its `grpc-timeout` says where the route looks at that.
pub(crate) fn max_stream_duration(timeouts: &Timeouts, call: &Call) -> Option<Duration> {
    let asked = timeouts.grpc_timeout_header_max.and_then(|max| {
        let asked = grpc_timeout(call.request().ok()?.headers())?;
        let asked = if max.is_zero() { asked } else { asked.min(max) };
        Some(asked.saturating_sub(timeouts.grpc_timeout_offset))
    });
    asked.or(timeouts.max_stream_duration)
}

/// How long the exchange may take. Envoy: a limit of the whole stream switches this one off; where there
/// is a `max_grpc_timeout`, a gRPC request is limited by its own header and that alone; 0 and no header
/// are no limit.
pub(crate) fn timeout(timeouts: &Timeouts, call: &Call) -> Option<Duration> {
    if timeouts.max_stream_duration.is_some() || timeouts.grpc_timeout_header_max.is_some() {
        return None;
    }
    let Some(max) = timeouts.max_grpc_timeout else {
        return timeouts.timeout;
    };
    let headers = call.request().ok()?.headers();
    if !is_grpc(headers) {
        return timeouts.timeout;
    }
    let offset = timeouts.grpc_timeout_offset;
    let asked = grpc_timeout(headers).filter(|asked| !asked.is_zero());
    // An offset never makes 0, that is: no limit, of a limit.
    let asked = asked.map(|asked| {
        asked
            .checked_sub(offset)
            .filter(|a| !a.is_zero())
            .unwrap_or(asked)
    });
    let max = Some(max).filter(|max| !max.is_zero());
    asked.into_iter().chain(max).min()
}

fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    parse_grpc_timeout(headers.get(GRPC_TIMEOUT)?.as_bytes())
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
        let watch = begin(call)?;
        let ended = Watched {
            inner: self.inner.call(call),
            watch,
            timer: None,
        };
        match ended.await {
            Ok(result) => result,
            Err(kind) => Err(in_cluster(call, expired(kind))),
        }
    }
}

/// What the attempt that begins must keep to; it is announced to the upstream.
fn begin(call: &mut Call) -> Result<Watch, Error> {
    let attempt = call.retrying.as_ref().and_then(|r| r.attempt_deadline);
    let mut deadline = match (attempt, call.deadline()) {
        (Some(at), whole) if whole.is_none_or(|w| at < w.at) => Some(Deadline {
            at,
            kind: DeadlineKind::PerTry,
        }),
        (_, whole) => whole,
    };
    if let Some(deadline) = deadline {
        let left = deadline.at.saturating_duration_since(now());
        if left.is_zero() {
            return Err(in_cluster(call, expired(deadline.kind).with_sent(false)));
        }
        // The longest of a copy is no more than this side's patience.
        if deadline.kind != DeadlineKind::Copy {
            announce(call.request_mut()?, left, deadline.kind);
        }
    }
    if let Some(ends) = stream_ends(call)
        && deadline.is_none_or(|d| ends.at < d.at)
    {
        deadline = Some(ends);
    }
    let limits = &mut call.ledger.limits;
    if limits.idle.is_some() {
        let body = call.exchange.request_mut()?.body_mut();
        limits.upload = body.is_stream().then(|| Activity::track(body, now()));
    }
    Ok(Watch {
        deadline,
        idle: limits.idle,
        upload: limits.upload.clone(),
    })
}

/// When the stream of the attempt that begins must have ended, if the request's headers say so. The
/// upstream is not told, as in Envoy.
fn stream_ends(call: &mut Call) -> Option<Deadline> {
    let extras = call.retrying.as_mut()?.extras.as_mut()?;
    let at = now().checked_add(extras.stream_duration()?)?;
    extras.stream_ends = Some(at);
    Some(Deadline {
        at,
        kind: DeadlineKind::AttemptStreamDuration,
    })
}

pin_project! {
    /// An attempt and its limits. The timer is made when the attempt is first waited for.
    struct Watched<F> {
        #[pin]
        inner: F,
        watch: Watch,
        timer: Option<Pin<Box<Timer>>>,
    }
}

impl<F: Future> Future for Watched<F> {
    type Output = Result<F::Output, DeadlineKind>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // The inner future first, so that a finished answer wins over the timer.
        if let Poll::Ready(result) = this.inner.poll(cx) {
            return Poll::Ready(Ok(result));
        }
        if this.timer.is_none() {
            *this.timer = this.watch.first(now()).map(Timer::new);
        }
        match this.timer {
            Some(timer) => timer.as_mut().poll(this.watch, cx).map(Err),
            None => Poll::Pending,
        }
    }
}

pin_project! {
    /// A timer and the limit that it is set to.
    struct Timer {
        #[pin]
        sleep: Sleep,
        limit: Deadline,
    }
}

impl Timer {
    fn new(limit: Deadline) -> Pin<Box<Self>> {
        Box::pin(Self {
            sleep: sleep_until(limit.at.into()),
            limit,
        })
    }

    /// Ready with the limit that was reached. When the upload has moved in the meantime, the limit
    /// has moved with it.
    fn poll(self: Pin<&mut Self>, watch: &Watch, cx: &mut Context<'_>) -> Poll<DeadlineKind> {
        let mut this = self.project();
        loop {
            ready!(this.sleep.as_mut().poll(cx));
            let moved = match (this.limit.kind, &watch.upload) {
                (DeadlineKind::Idle, Some(upload)) => watch.first(upload.last()),
                _ => None,
            };
            match moved.filter(|limit| limit.at > this.limit.at) {
                Some(limit) => *this.limit = limit,
                None => return Poll::Ready(this.limit.kind),
            }
            this.sleep.as_mut().reset(this.limit.at.into());
        }
    }
}

/// Tells the upstream when the answer will be of no more use.
fn announce(request: &mut Request<Body>, left: Duration, kind: DeadlineKind) {
    let grpc = is_grpc(request.headers());
    let headers = request.headers_mut();
    // Envoy: a stream's duration is no time that a response is expected in.
    if kind != DeadlineKind::MaxStreamDuration {
        // Rounded up: an upstream that ends the request before the caller's own timer does makes an
        // answer of it.
        let ms = left.as_nanos().div_ceil(1_000_000);
        let ms = u64::try_from(ms).unwrap_or(u64::MAX);
        headers.insert(EXPECTED_RQ_TIMEOUT, HeaderValue::from(ms));
    }
    if grpc {
        let asked = grpc_timeout(headers);
        // 0 is no limit, here and in Envoy; to a gRPC server it would be the shortest of all.
        if asked.is_none_or(|asked| asked.is_zero() || left < asked) {
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
}

impl Watch {
    /// The limit that comes first, if nothing has moved since `last`.
    fn first(&self, last: Instant) -> Option<Deadline> {
        let idle = self.idle.and_then(|idle| last.checked_add(idle));
        let idle = idle.map(|at| Deadline {
            at,
            kind: DeadlineKind::Idle,
        });
        self.deadline.into_iter().chain(idle).min_by_key(|d| d.at)
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
        .with_failure(Failure::Timeout)
        .with_deadline_exceeded(),
        DeadlineKind::AttemptStreamDuration => Error::new(
            Flag::UpstreamMaxStreamDuration,
            StatusCode::GATEWAY_TIMEOUT,
            message,
        )
        .with_body("upstream max stream duration reached")
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
