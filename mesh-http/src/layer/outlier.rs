//! Tells the cluster how each attempt ended: the one place where an attempt's outcome is decided.

use std::{sync::Arc, time::Instant};

use http::{Response, StatusCode};
use http_body::Body as _;
use mesh_core::{Failure, Outcome, cluster::Endpoint, is_grpc, telemetry::AttemptRecord};

use crate::{
    Body, BodyEnd, Error,
    call::{Call, Destination, Env, Step, now},
    guard::Guard,
};

/// Feeds outcomes to outlier detection and attempt telemetry.
///
/// A response head decides for HTTP. For gRPC `grpc-status` does, in the head or, when it is not
/// there, in the trailers. A body that breaks off is a reset. A dropped call is no outcome at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct OutlierLayer;

/// See [`OutlierLayer`].
#[derive(Debug)]
pub struct Outlier<S> {
    inner: S,
}

super::step_layer!(OutlierLayer => Outlier, |_layer, inner| Outlier { inner });

impl<S: Step> Step for Outlier<S> {
    async fn call(&self, call: &mut Call) -> Result<Response<Body>, Error> {
        let started = if call.attempts <= 1 {
            call.started
        } else {
            now()
        };
        let result = self.inner.call(call).await;
        let (Some(destination), Some(endpoint)) = (&call.destination, call.endpoint.take()) else {
            return result;
        };
        let attempt = Attempt {
            destination: destination.clone(),
            endpoint,
            started,
            number: call.attempts,
            env: call.env.clone(),
        };
        match result {
            Ok(mut response) => {
                attempt.head(&mut response);
                Ok(response)
            }
            Err(mut error) => {
                // Time that had run out before anything was sent says nothing about the endpoint.
                if let Some(failure) = error.failure()
                    && (failure != Failure::Timeout || error.was_sent())
                {
                    attempt.record(Outcome::Failure(failure));
                }
                error.set_attempts(call.attempts);
                Err(error)
            }
        }
    }
}

/// An attempt whose outcome is being waited for.
#[derive(Debug)]
pub(crate) struct Attempt {
    destination: Destination,
    endpoint: Arc<Endpoint>,
    started: Instant,
    number: u32,
    env: Env,
}

impl Attempt {
    fn head(self, response: &mut Response<Body>) {
        let outcome = Outcome::of_head(response.status(), response.headers());
        // A gRPC answer's HTTP status is 200; any other says it all.
        let awaits_trailers = is_grpc(response.headers())
            && response.status() == StatusCode::OK
            && matches!(
                outcome,
                Outcome::Response {
                    grpc_status: None,
                    ..
                }
            );
        if !awaits_trailers {
            self.record(outcome);
        }
        if awaits_trailers || !response.body().is_end_stream() {
            Guard::add(response.body_mut(), |guard| {
                guard.attempt = Some((self, awaits_trailers.then_some(outcome)));
            });
        }
    }

    /// The body ended; `head` is the outcome that only trailers can complete.
    pub(crate) fn body_ended(&self, end: BodyEnd, head: Option<Outcome>) {
        match (end, head) {
            (BodyEnd::Complete { grpc_status }, Some(Outcome::Response { status, .. })) => {
                self.record(Outcome::Response {
                    status,
                    grpc_status: Some(grpc_status.unwrap_or(2)),
                });
            }
            (BodyEnd::Error { failure, .. }, head) => {
                let Some(failure) = failure else { return };
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

    fn record(&self, outcome: Outcome) {
        self.feed(outcome);
        self.tell(outcome);
    }

    /// To outlier detection.
    fn feed(&self, outcome: Outcome) {
        let cluster = self.destination.cluster();
        cluster.record(&self.endpoint, outcome, now(), &*self.env.random);
    }

    /// To telemetry, once per attempt.
    fn tell(&self, outcome: Outcome) {
        self.env.recorder.attempt_ended(&AttemptRecord::new(
            self.destination.cluster(),
            &self.endpoint,
            outcome,
            self.number,
            now().saturating_duration_since(self.started),
        ));
    }
}
