//! How a call ends: what must be counted and told once its response's body has.
//!
//! The call itself is what the body keeps ([`Body::on_end`](crate::Body::on_end)): it has all that
//! is needed, and lies in a box already. However it ends, read to the end, broken off, dropped
//! anywhere on the way, each count goes down once and each record is made once.

use std::time::Instant;

use http::Method;
use mesh_core::{
    Failure, Flag, Outcome,
    telemetry::{AttemptRecord, RequestRecord, Side},
};

use crate::{
    BodyEnd, OnEnd,
    call::{Call, now},
};

/// An attempt that has an answer whose body may still decide its outcome.
#[derive(Debug)]
pub(crate) struct OpenAttempt {
    pub(crate) started: Instant,
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

impl Call {
    /// Whether a response's body must keep the call.
    pub(crate) const fn is_open(&self) -> bool {
        self.open_attempt.is_some() || self.open_request.is_some() || self.in_flight.is_some()
    }

    /// Lets go of a response that nobody gets, before another attempt.
    pub(crate) fn discard_attempt(&mut self) {
        self.open_attempt = None;
        self.in_flight = None;
    }

    /// Tells outlier detection and telemetry how the attempt on the current endpoint ended.
    pub(crate) fn record_attempt(&self, started: Instant, outcome: Outcome) {
        let now = now();
        self.feed(outcome, now);
        self.tell(started, outcome, now);
    }

    /// To outlier detection.
    fn feed(&self, outcome: Outcome, now: Instant) {
        if let (Some(destination), Some(endpoint)) = (&self.destination, &self.endpoint) {
            let random = &*self.env.random;
            destination.cluster().record(endpoint, outcome, now, random);
        }
    }

    /// To telemetry, once per attempt.
    fn tell(&self, started: Instant, outcome: Outcome, now: Instant) {
        if let (Some(destination), Some(endpoint)) = (&self.destination, &self.endpoint) {
            self.env.recorder.attempt_ended(&AttemptRecord::new(
                destination.cluster(),
                endpoint,
                outcome,
                self.attempts,
                now.saturating_duration_since(started),
            ));
        }
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
                self.record_attempt(open.started, outcome);
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
                    self.feed(outcome, now());
                }
                if head.is_some() {
                    self.tell(open.started, outcome, now());
                }
            }
            _ => {}
        }
    }

    fn end_request(&mut self) {
        let Some(open) = self.open_request.take() else {
            return;
        };
        let duration = now().saturating_duration_since(self.started);
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

impl OnEnd for Call {
    fn on_end(&mut self, end: BodyEnd) {
        self.end_attempt(end);
        self.in_flight = None;
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
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end_request();
    }
}
