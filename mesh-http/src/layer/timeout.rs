//! How long a request may take.
//!
//! Two layers, because one limit covers every try and the other each of them: [`Timeout`] sets the
//! deadline of the whole exchange, and holds the response's body to it; [`AttemptTimeout`], below
//! the retries, is where time runs out: one timer per attempt, for the earlier of the two.
//!
//! Envoy starts the route's timer once the whole request was received; here it starts with the call.

use std::time::{Duration, Instant};

use http::{Response, StatusCode};
use mesh_core::{Failure, Flag};

use crate::{
    Body, Error,
    call::{Call, DeadlineKind, Step, now},
};

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
    async fn call(&self, call: &mut Call) -> Result<Response<Body>, Error> {
        let (limit, kind) = match (
            self.fixed,
            call.destination.as_ref().and_then(|d| d.action()),
        ) {
            (Some(fixed), _) => (Some(fixed), DeadlineKind::Route),
            // Envoy: a `max_stream_duration` switches `timeout` off.
            (None, Some(action)) => match action.timeouts.max_stream_duration {
                Some(max) => (Some(max), DeadlineKind::MaxStreamDuration),
                None => (action.timeouts.timeout, DeadlineKind::Route),
            },
            (None, None) => (None, DeadlineKind::Route),
        };
        if let Some(at) = limit.and_then(|l| call.started.checked_add(l)) {
            call.limit(at, kind);
        }
        let deadline = call.deadline;
        let mut response = self.inner.call(call).await?;
        if let Some(deadline) = deadline {
            response.body_mut().set_deadline(deadline);
        }
        Ok(response)
    }
}

/// Ends an attempt whose response head is not there in time.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttemptTimeoutLayer;

/// See [`AttemptTimeoutLayer`].
#[derive(Debug)]
pub struct AttemptTimeout<S> {
    inner: S,
}

super::step_layer!(AttemptTimeoutLayer => AttemptTimeout, |_layer, inner| AttemptTimeout { inner });

impl<S: Step> Step for AttemptTimeout<S> {
    async fn call(&self, call: &mut Call) -> Result<Response<Body>, Error> {
        let whole = call.deadline;
        let attempt = call.attempt_deadline;
        let (at, kind) = match (attempt, whole) {
            (Some(attempt), Some(whole)) if attempt < whole.at => (attempt, None),
            (_, Some(whole)) => (whole.at, Some(whole.kind)),
            (Some(attempt), None) => (attempt, None),
            (None, None) => return self.inner.call(call).await,
        };
        if at <= now() {
            return Err(Self::expired(call, kind, at).with_sent(false));
        }
        // The inner future is polled first, so a finished answer wins over the timer.
        let result = tokio::time::timeout_at(at.into(), self.inner.call(call)).await;
        result.unwrap_or_else(|_| Err(Self::expired(call, kind, at)))
    }
}

impl<S> AttemptTimeout<S> {
    #[cold]
    fn expired(call: &Call, kind: Option<DeadlineKind>, at: Instant) -> Error {
        let error = expired(kind, at.saturating_duration_since(call.started));
        match &call.destination {
            Some(destination) => error.with_cluster(destination.cluster().name().clone()),
            None => error,
        }
    }
}

/// The error for a limit that was reached; `None` is the per-try timeout.
pub(crate) fn expired(kind: Option<DeadlineKind>, after: Duration) -> Error {
    let what = kind.map_or("the per-try timeout", DeadlineKind::as_str);
    let error = Error::upstream(
        Failure::Timeout,
        format!("upstream request timeout: no answer within {what} ({after:?} after the call)"),
    );
    match kind {
        Some(DeadlineKind::MaxStreamDuration) => Error::new(
            Flag::UpstreamMaxStreamDuration,
            StatusCode::GATEWAY_TIMEOUT,
            error.to_string(),
        )
        .with_body("upstream max stream duration reached"),
        _ => error,
    }
    .with_sent(true)
}
