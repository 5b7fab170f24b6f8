//! Whether a request is tried again.
//!
//! The order is Envoy's: is this outcome of the kinds to retry, are there retries left, does the
//! cluster's retry breaker (or budget) allow one more; then how long to wait.
//!
//! What never comes here, because it is never retried: an open circuit breaker, no endpoint to pick,
//! the route's whole timeout, and anything after a response's head went to the caller.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, Method, StatusCode};

use super::back_off;
use crate::{
    Failure, Outcome, Random,
    cluster::{ClusterState, Overflow, Permit},
    grpc_status,
    policy::{RetryOn, RetryPolicy, RoutingPriority},
    routing::{RequestHead, header_matches, response_header_matches},
};

/// How an attempt ended, as far as retrying cares.
#[derive(Clone, Copy, Debug)]
pub struct AttemptResult<'a> {
    /// Its outcome. [`Failure::Timeout`] is the per-try timeout.
    pub outcome: Outcome,
    /// The response's head, if there was one. gRPC statuses in trailers come too late to retry.
    pub headers: Option<&'a HeaderMap>,
    /// Whether any byte of the request was handed to the connection.
    pub request_sent: bool,
}

/// What a decision draws on.
#[derive(Clone, Copy, Debug)]
pub struct RetryContext<'a> {
    /// The route's policy.
    pub policy: &'a RetryPolicy,
    /// Whose retry breaker or budget it counts against; `None` counts nowhere.
    pub cluster: Option<&'a ClusterState>,
    /// Of the route.
    pub priority: RoutingPriority,
    /// Read only when the upstream names a Unix time to wait for.
    pub wall_clock: fn() -> SystemTime,
    /// The back-off's draws.
    pub random: &'a dyn Random,
}

/// What to do after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// Try again.
    Retry {
        /// After this pause.
        back_off: Duration,
        /// Whether the upstream asked for that pause.
        rate_limited: bool,
    },
    /// Pass the result on.
    No(NoRetry),
}

/// Why a result is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoRetry {
    /// A success, or not of the kinds that the policy retries.
    NotRetriable,
    /// The request has none of `retriable_request_headers`.
    RequestNotRetriable,
    /// `num_retries` were made (flag URX, `upstream_rq_retry_limit_exceeded`).
    LimitExceeded,
    /// The retry breaker or budget is exhausted (flag UO, `upstream_rq_retry_overflow`).
    Overflow(Overflow),
}

/// One request's retries. Holds the retry's permit; dropping it, as cancelling the request does,
/// gives that back.
#[derive(Debug)]
pub struct RetryState {
    remaining: u32,
    attempt: u32,
    /// Retries whose pause was drawn from the exponential back-off.
    exponential: u32,
    request_is_retriable: bool,
    permit: Option<Permit>,
}

impl RetryState {
    /// Before the first attempt.
    pub fn new(policy: &RetryPolicy, request: &RequestHead<'_>) -> Self {
        let wanted = &policy.retriable_request_headers;
        Self {
            remaining: policy.num_retries,
            attempt: 1,
            exponential: 0,
            request_is_retriable: wanted.is_empty()
                || wanted
                    .iter()
                    .any(|matcher| header_matches(matcher, request)),
            permit: None,
        }
    }

    /// Which attempt is under way, 1 for the first (`x-envoy-attempt-count`).
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Whether a retry may still come, so that the request must be kept for replay.
    pub const fn may_retry(&self) -> bool {
        self.request_is_retriable && self.remaining > 0
    }

    /// Decides about an attempt's result. Ask about each, successes too: it ends the retry's share
    /// of breaker and budget.
    pub fn decide(&mut self, context: &RetryContext<'_>, result: &AttemptResult<'_>) -> Decision {
        self.permit = None;
        match self.retry(context, result) {
            Ok(()) => self.back_off(context, result),
            Err(reason) => Decision::No(reason),
        }
    }

    fn retry(
        &mut self,
        context: &RetryContext<'_>,
        result: &AttemptResult<'_>,
    ) -> Result<(), NoRetry> {
        if !is_retriable(context.policy, result) {
            return Err(NoRetry::NotRetriable);
        }
        if !self.request_is_retriable {
            return Err(NoRetry::RequestNotRetriable);
        }
        self.remaining = self
            .remaining
            .checked_sub(1)
            .ok_or(NoRetry::LimitExceeded)?;
        if let Some(cluster) = context.cluster {
            self.permit = cluster
                .try_retry(context.priority)
                .map_err(NoRetry::Overflow)?;
        }
        self.attempt = self.attempt.saturating_add(1);
        Ok(())
    }

    fn back_off(&mut self, context: &RetryContext<'_>, result: &AttemptResult<'_>) -> Decision {
        let asked = context
            .policy
            .rate_limited_back_off
            .as_ref()
            .zip(result.headers)
            .and_then(|(policy, headers)| {
                back_off::rate_limited(policy, headers, context.wall_clock, context.random)
            });
        Decision::Retry {
            rate_limited: asked.is_some(),
            back_off: asked.unwrap_or_else(|| {
                self.exponential = self.exponential.saturating_add(1);
                back_off::exponential(context.policy.back_off, self.exponential, context.random)
            }),
        }
    }
}

/// Whether the policy retries this kind of result. For whoever needs no decision yet: it counts
/// nothing.
pub fn is_retriable(policy: &RetryPolicy, result: &AttemptResult<'_>) -> bool {
    match result.outcome {
        Outcome::Failure(failure) => {
            is_retriable_failure(policy.retry_on, failure, result.request_sent)
        }
        Outcome::Response { status, .. } => is_retriable_response(policy, status, result.headers),
        Outcome::Connected => false,
    }
}

/// Every failure is a reset to Envoy, whose `5xx` and `gateway-error` include resets.
fn is_retriable_failure(on: RetryOn, failure: Failure, request_sent: bool) -> bool {
    const ANY: RetryOn = RetryOn::RESET
        .or(RetryOn::SERVER_ERROR)
        .or(RetryOn::GATEWAY_ERROR);
    on.has(ANY)
        || on.has(RetryOn::RESET_BEFORE_REQUEST) && !request_sent
        || match failure {
            Failure::Connect | Failure::ConnectTimeout => on.has(RetryOn::CONNECT_FAILURE),
            Failure::RefusedStream => on.has(RetryOn::REFUSED_STREAM),
            Failure::Timeout | Failure::Disconnect | Failure::Reset | Failure::Protocol => false,
        }
}

fn is_retriable_response(
    policy: &RetryPolicy,
    status: StatusCode,
    headers: Option<&HeaderMap>,
) -> bool {
    let on = policy.retry_on;
    // A rate limiter said no; only who asks for it by name insists, whatever the code.
    if headers.is_some_and(|headers| headers.contains_key("x-envoy-ratelimited")) {
        return on.has(RetryOn::ENVOY_RATELIMITED);
    }
    if on.has(RetryOn::SERVER_ERROR) && status.is_server_error()
        || on.has(RetryOn::GATEWAY_ERROR) && matches!(status.as_u16(), 502..=504)
        || on.has(RetryOn::RETRIABLE_4XX) && status == StatusCode::CONFLICT
        || on.has(RetryOn::RETRIABLE_STATUS_CODES)
            && policy.retriable_status_codes.contains(&status)
    {
        return true;
    }
    let Some(headers) = headers else {
        return false;
    };
    on.has(RetryOn::RETRIABLE_HEADERS)
        && policy
            .retriable_headers
            .iter()
            .any(|matcher| response_header_matches(matcher, headers))
        || on.has(GRPC) && on.has(grpc_token(grpc_status(headers)))
}

const GRPC: RetryOn = RetryOn::GRPC_CANCELLED
    .or(RetryOn::GRPC_DEADLINE_EXCEEDED)
    .or(RetryOn::GRPC_RESOURCE_EXHAUSTED)
    .or(RetryOn::GRPC_INTERNAL)
    .or(RetryOn::GRPC_UNAVAILABLE);

const fn grpc_token(status: Option<u8>) -> RetryOn {
    match status {
        Some(1) => RetryOn::GRPC_CANCELLED,
        Some(4) => RetryOn::GRPC_DEADLINE_EXCEEDED,
        Some(8) => RetryOn::GRPC_RESOURCE_EXHAUSTED,
        Some(13) => RetryOn::GRPC_INTERNAL,
        Some(14) => RetryOn::GRPC_UNAVAILABLE,
        _ => RetryOn::NONE,
    }
}

/// Whether RFC 9110 §9.2.2 allows repeating a request of this method whose fate is unknown. Envoy
/// does not ask; a caller may.
pub fn is_idempotent(method: &Method) -> bool {
    method.is_safe() || matches!(*method, Method::PUT | Method::DELETE)
}
