//! Tries again, when the policy, the budget and the time left allow it.
//!
//! What is retried is decided in [`mesh_core::resilience`]; here is what it takes: the request is
//! kept for replay, the pause is slept, and the response that is given up is read to its end if that
//! costs no waiting, so that its connection can be used again.

use std::{mem, sync::Arc, task::Waker, time::SystemTime};

use http::{Request, Response};
use http_body::Body as _;
use mesh_core::{
    Flag, Outcome,
    policy::{RetryPolicy, RoutingPriority},
    resilience::{AttemptResult, Decision, NoRetry, RetryContext, RetryState},
};

use super::{AttemptTimeout, AttemptTimeoutLayer, boxed, head, timeout::expired};
use crate::{
    Body, Error,
    call::{Call, Destination, Exchange, Step, now},
    replay::Replay,
};

/// Sends a request again after an attempt that failed in a way the policy names.
#[derive(Clone, Debug)]
pub struct RetryLayer {
    fixed: Option<Arc<RetryPolicy>>,
    replay_limit: usize,
}

impl RetryLayer {
    /// How much of a streamed body is kept by default, in bytes: Envoy's buffer limit.
    pub const REPLAY_LIMIT: usize = 1 << 20;

    /// The same policy for every request. The `max_retries` of a cluster does not apply: there is no
    /// cluster.
    pub fn new(policy: RetryPolicy) -> Self {
        Self {
            fixed: Some(Arc::new(policy)),
            replay_limit: Self::REPLAY_LIMIT,
        }
    }

    /// What each request's route says, else its virtual host; no retries where neither does.
    pub const fn from_route() -> Self {
        Self {
            fixed: None,
            replay_limit: Self::REPLAY_LIMIT,
        }
    }

    /// Keeps up to `bytes` of a streamed body. A longer one is sent on, but no longer retried.
    #[must_use]
    pub const fn replay_limit(mut self, bytes: usize) -> Self {
        self.replay_limit = bytes;
        self
    }
}

/// See [`RetryLayer`].
#[derive(Debug)]
pub struct Retry<S> {
    fixed: Option<Arc<RetryPolicy>>,
    replay_limit: usize,
    inner: S,
}

super::step_layer!(RetryLayer => Retry over AttemptTimeout(AttemptTimeoutLayer), |layer, inner| Retry {
    fixed: layer.fixed.clone(),
    replay_limit: layer.replay_limit,
    inner,
});

impl<S: Step> Step for Retry<S> {
    async fn call(&self, call: &mut Call) -> Result<(), Error> {
        let routed = call.destination().and_then(Destination::retry_policy);
        let asked = call.extras().is_some_and(|e| e.retry_policy.is_some());
        if self.fixed.is_none() && routed.is_none() && !asked {
            return self.inner.call(call).await;
        }
        // Boxed, so that the state of requests without retries stays small.
        boxed(|| self.retrying(call)).await
    }
}

impl<S: Step> Retry<S> {
    async fn retrying(&self, call: &mut Call) -> Result<(), Error> {
        // Held here, for the call itself goes down by mutable reference.
        let destination = call.destination().cloned();
        let destination = destination.as_ref();
        let routed = destination.and_then(Destination::retry_policy);
        // What the request's own headers ask for has the route's policy in it.
        let asked = call.extras().and_then(|e| e.retry_policy.clone());
        let routed = asked.as_deref().or(routed);
        let Some(policy) = self.fixed.as_deref().or(routed) else {
            return self.inner.call(call).await;
        };
        let mut state = RetryState::new(policy, &head(call.request()?));
        let result = self.attempts(call, &mut state, policy, destination).await;
        result.map_err(|mut error| {
            error.set_attempts(call.ledger.attempts);
            if state.attempt() > 1 {
                error.set_retried();
            }
            error
        })
    }

    async fn attempts(
        &self,
        call: &mut Call,
        state: &mut RetryState,
        policy: &RetryPolicy,
        destination: Option<&Destination>,
    ) -> Result<(), Error> {
        let limit_attempt = |call: &mut Call| {
            let at = policy
                .per_try_timeout
                .and_then(|limit| now().checked_add(limit));
            if at.is_some() || call.retrying.is_some() {
                call.retrying.get_or_insert_default().attempt_deadline = at;
            }
        };
        if !state.may_retry() {
            limit_attempt(call);
            let result = self.inner.call(call).await;
            return match decide(state, policy, destination, call, true, &result) {
                Decision::No(reason) => give_up(call, result, reason),
                Decision::Retry { .. } => result,
            };
        }
        if policy.previous_hosts {
            call.retrying.get_or_insert_default().tried = Some(Vec::new());
        }
        let (template, body) = call.take_request()?.into_parts();
        let mut replay = Some(body.into_replay(self.replay_limit));
        loop {
            call.exchange = match replay.as_ref().and_then(Replay::body) {
                Some(body) => Exchange::Request(Request::from_parts(template.clone(), body)),
                None => return Err(Error::invalid("the request's body cannot be replayed")),
            };
            if !state.may_retry() {
                // The last attempt streams on: nothing need be kept.
                replay = None;
            }
            limit_attempt(call);
            let result = self.inner.call(call).await;
            let replayable = replay.as_ref().is_none_or(Replay::can_replay);
            let decision = decide(state, policy, destination, call, replayable, &result);
            let back_off = match decision {
                Decision::Retry { back_off, .. } => back_off,
                Decision::No(reason) => return give_up(call, result, reason),
            };
            if let Exchange::Response(response) = mem::replace(&mut call.exchange, Exchange::Sent) {
                discard(response);
            }
            call.ledger.discard_attempt();
            tracing::debug!(attempt = state.attempt(), ?back_off, "retrying");
            pause(call, back_off).await?;
        }
    }
}

fn decide(
    state: &mut RetryState,
    policy: &RetryPolicy,
    destination: Option<&Destination>,
    call: &Call,
    replayable: bool,
    result: &Result<(), Error>,
) -> Decision {
    let (outcome, headers, request_sent) = match result {
        Ok(()) => match call.response() {
            Some(response) => (
                Outcome::of_head(response.status(), response.headers()),
                Some(response.headers()),
                true,
            ),
            None => return Decision::No(NoRetry::NotRetriable),
        },
        Err(error) => match error.failure() {
            // The whole time is up: nothing to retry in.
            Some(_) if call.deadline().is_some_and(|d| now() >= d.at) => {
                return Decision::No(NoRetry::NotRetriable);
            }
            Some(failure) => (Outcome::Failure(failure), None, error.was_sent()),
            // The mesh refused it: no endpoint, an open breaker.
            None => return Decision::No(NoRetry::NotRetriable),
        },
    };
    if !replayable {
        return Decision::No(NoRetry::NotRetriable);
    }
    state.decide(
        &RetryContext {
            policy,
            cluster: destination.map(|d| &**d.cluster().state()),
            priority: destination
                .and_then(Destination::action)
                .map_or(RoutingPriority::Default, |a| a.priority),
            wall_clock,
            random: &*call.env().random,
        },
        &AttemptResult {
            outcome,
            headers,
            request_sent,
        },
    )
}

/// The only use of the wall clock: an upstream that names a Unix time to retry at.
pub(crate) fn wall_clock() -> SystemTime {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where wall-clock time enters"
    )]
    SystemTime::now()
}

/// Envoy passes the last answer on as it is, and flags it URX when no retry was left, UO when the
/// cluster's breaker let none pass.
fn give_up(call: &mut Call, result: Result<(), Error>, reason: NoRetry) -> Result<(), Error> {
    let flag = match reason {
        NoRetry::LimitExceeded => Flag::UpstreamRetryLimitExceeded,
        NoRetry::Overflow(_) => Flag::UpstreamOverflow,
        _ => return result,
    };
    if let Some(response) = call.response_mut() {
        response.extensions_mut().insert(flag);
    }
    result.map_err(|mut error| {
        error.set_no_retry(flag);
        error
    })
}

/// Reads what has already arrived of a body nobody wants. An HTTP/1.1 connection whose response was
/// read to its end is used again; any other is closed with the body.
pub(crate) fn discard(response: Response<Body>) {
    const FRAMES: usize = 16;
    let mut body = response.into_body();
    let mut cx = std::task::Context::from_waker(Waker::noop());
    for _ in 0..FRAMES {
        match std::pin::Pin::new(&mut body).poll_frame(&mut cx) {
            std::task::Poll::Ready(Some(Ok(_))) if !body.is_end_stream() => {}
            _ => break,
        }
    }
}

/// Sleeps, but not past the deadline of the whole exchange.
async fn pause(call: &mut Call, back_off: std::time::Duration) -> Result<(), Error> {
    let until = now().checked_add(back_off);
    match (call.deadline(), until) {
        (Some(deadline), until) if until.is_none_or(|u| u >= deadline.at) => {
            tokio::time::sleep_until(deadline.at.into()).await;
            let error = expired(deadline.kind);
            Err(match call.destination() {
                Some(destination) => error.with_cluster(destination.cluster().name().clone()),
                None => error,
            })
        }
        _ => {
            tokio::time::sleep(back_off).await;
            Ok(())
        }
    }
}
