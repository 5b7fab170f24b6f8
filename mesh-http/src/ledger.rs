//! What a call opens and must settle, however it ends: each count goes down once, and each record is
//! made once.
//!
//! The response's body keeps the ledger until it has been read to its end, breaks off or is dropped
//! ([`Body::on_end`](crate::Body::on_end)); a call that gets no response settles it when it is
//! dropped, wherever it was on its way.

use std::{
    ops::Deref,
    sync::Arc,
    time::{Duration, Instant},
};

use http::Method;
use mesh_core::{
    Failure, Flag, Outcome,
    cluster::{Endpoint, InFlight, RequestToken},
    telemetry::{AttemptRecord, RequestRecord, Side},
};

use crate::{
    BodyEnd,
    body::TimeLimits,
    call::{Destination, Env, now},
};

/// See the module.
pub(crate) struct Ledger {
    pub(crate) env: Env,
    /// Where the call goes, once routed.
    pub(crate) destination: Option<Destination>,
    /// The endpoint of this attempt, once picked.
    pub(crate) endpoint: Option<Picked>,
    /// Counts the request at its cluster's circuit breaker.
    token: Option<RequestToken>,
    /// When the call was made.
    pub(crate) started: Instant,
    /// When its latest attempt was; before the first, when it was routed: after a fault's delay, or
    /// anew after a redirect that was followed. The route's time counts from there.
    pub(crate) attempt_started: Instant,
    /// Attempts begun.
    pub(crate) attempts: u32,
    /// How long the call, and then its response's body, may take.
    pub(crate) limits: TimeLimits,
    pub(crate) open_attempt: Option<OpenAttempt>,
    pub(crate) open_request: Option<OpenRequest>,
}

/// The endpoint of an attempt.
pub(crate) enum Picked {
    /// By this stack, which counts the request there.
    Counted(InFlight),
    /// By a stack above a tower seam.
    Carried(Arc<Endpoint>),
}

impl Deref for Picked {
    type Target = Arc<Endpoint>;

    #[inline]
    fn deref(&self) -> &Arc<Endpoint> {
        match self {
            Self::Counted(endpoint) => endpoint,
            Self::Carried(endpoint) => endpoint,
        }
    }
}

/// An attempt that has an answer whose body may still decide its outcome.
#[derive(Debug)]
pub(crate) struct OpenAttempt {
    /// The head's outcome, when only trailers can complete it (gRPC).
    pub(crate) head: Option<Outcome>,
}

/// A request that has begun and must be recorded as ended.
#[derive(Debug)]
pub(crate) struct OpenRequest {
    pub(crate) method: Method,
    pub(crate) status: Option<u16>,
    pub(crate) grpc_status: Option<u8>,
    pub(crate) flag: Option<Flag>,
}

impl Ledger {
    #[inline(always)]
    pub(crate) const fn new(env: Env, started: Instant) -> Self {
        Self {
            env,
            destination: None,
            endpoint: None,
            token: None,
            started,
            attempt_started: started,
            attempts: 0,
            limits: TimeLimits::none(),
            open_attempt: None,
            open_request: None,
        }
    }

    /// Whether anything is left to settle.
    #[inline]
    const fn is_open(&self) -> bool {
        self.open_attempt.is_some()
            || self.open_request.is_some()
            || self.token.is_some()
            || matches!(self.endpoint, Some(Picked::Counted(_)))
    }

    /// Begins an attempt: the request counts at its cluster and its endpoint.
    #[inline]
    pub(crate) fn begin_attempt(&mut self, token: RequestToken, endpoint: InFlight) {
        self.token = Some(token);
        self.endpoint = Some(Picked::Counted(endpoint));
        self.attempts += 1;
    }

    /// The request is no longer under way at its endpoint.
    #[inline]
    pub(crate) fn end_in_flight(&mut self) {
        if let (Some(token), Some(destination)) = (self.token.take(), &self.destination) {
            destination.cluster().state().end_request(token);
        }
        if let Some(Picked::Counted(_)) = self.endpoint {
            self.endpoint = None;
        }
    }

    /// Lets go of a response that nobody gets, before another attempt.
    pub(crate) fn discard_attempt(&mut self) {
        // Trailers that would have completed the outcome are not waited for.
        if let Some(head) = self.open_attempt.take().and_then(|open| open.head) {
            self.tell(head);
        }
        self.end_in_flight();
    }

    /// Tells outlier detection and telemetry how the attempt on the current endpoint ended.
    #[inline]
    pub(crate) fn record_attempt(&self, outcome: Outcome) {
        self.feed(outcome);
        self.tell(outcome);
    }

    /// To outlier detection.
    #[inline]
    fn feed(&self, outcome: Outcome) {
        if let (Some(destination), Some(endpoint)) = (&self.destination, &self.endpoint) {
            let random = &*self.env.random;
            destination.cluster().record(endpoint, outcome, now, random);
        }
    }

    /// To the endpoint's counts and to telemetry, once per attempt.
    #[inline]
    pub(crate) fn tell(&self, outcome: Outcome) {
        if let (Some(destination), Some(endpoint)) = (&self.destination, &self.endpoint) {
            endpoint.count_attempt(outcome);
            self.env.recorder.attempt_ended(&AttemptRecord::new(
                destination.cluster(),
                endpoint,
                outcome,
                self.attempts,
                self.since(self.attempt_started),
            ));
        }
    }

    #[inline]
    fn since(&self, start: Instant) -> Duration {
        if self.env.timed {
            now().saturating_duration_since(start)
        } else {
            Duration::ZERO
        }
    }

    /// The response's body has ended.
    pub(crate) fn settle(&mut self, end: BodyEnd) {
        self.end_attempt(end);
        self.end_in_flight();
        if let Some(open) = &mut self.open_request {
            match end {
                BodyEnd::Complete { grpc_status } => {
                    open.grpc_status = open.grpc_status.or(grpc_status);
                }
                BodyEnd::Error { flag, .. } => open.flag = Some(flag),
                BodyEnd::Dropped => open.flag = Some(Flag::DownstreamConnectionTermination),
            }
        }
        self.end_request();
    }

    fn end_attempt(&mut self, end: BodyEnd) {
        let Some(open) = self.open_attempt.take() else {
            return;
        };
        match (end, open.head) {
            (BodyEnd::Complete { grpc_status }, Some(Outcome::Response { status, .. })) => {
                let grpc_status = Some(grpc_status.unwrap_or(UNKNOWN));
                let outcome = Outcome::Response {
                    status,
                    grpc_status,
                };
                self.record_attempt(outcome);
            }
            (
                BodyEnd::Error {
                    failure: Some(failure),
                    ..
                },
                head,
            ) => {
                let outcome = Outcome::Failure(failure);
                // Envoy's timers blame the endpoint only for a missing head.
                if failure != Failure::Timeout {
                    self.feed(outcome);
                }
                if head.is_some() {
                    self.tell(outcome);
                }
            }
            _ => {}
        }
    }

    fn end_request(&mut self) {
        let Some(open) = self.open_request.take() else {
            return;
        };
        let duration = self.since(self.started);
        let mut record = RequestRecord::new(Side::Client, &open.method, duration);
        record.status = open.status;
        record.grpc_status = open.grpc_status;
        record.flag = open.flag;
        record.cluster = self.destination.as_ref().map(|d| &**d.cluster());
        record.attempts = self.attempts;
        self.env.recorder.request_ended(&record);
    }
}

/// gRPC's status UNKNOWN: what an answer without a status means.
const UNKNOWN: u8 = 2;

impl Drop for Ledger {
    #[inline]
    fn drop(&mut self) {
        if self.is_open() {
            self.end_in_flight();
            self.end_request();
        }
    }
}
