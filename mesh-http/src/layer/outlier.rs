//! Tells the cluster how each attempt ended: the one place where an attempt's outcome is decided.

use std::{sync::Arc, time::Instant};

use http_body::Body as _;
use mesh_core::{Failure, Outcome, cluster::Endpoint, is_grpc, telemetry::AttemptRecord};

use crate::{
    BodyEnd, Error,
    call::{Call, Destination, Env, Step, now},
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
    async fn call(&self, call: &mut Call) -> Result<(), Error> {
        let started = if call.attempts <= 1 {
            call.started
        } else {
            now()
        };
        let result = self.inner.call(call).await;
        let (Some(destination), Some(endpoint)) = (&call.destination, call.endpoint.take()) else {
            return result;
        };
        let outcome = match (&result, &call.response) {
            (Ok(()), Some(response)) => Outcome::of_head(response.status(), response.headers()),
            (Err(error), _) => match error.failure() {
                Some(failure) => Outcome::Failure(failure),
                // The mesh refused it: that says nothing of the endpoint.
                None => return result,
            },
            (Ok(()), None) => return result,
        };
        let attempt = Attempt {
            destination: destination.clone(),
            endpoint,
            started,
            number: call.attempts,
            env: call.env.clone(),
        };
        let Some(response) = call.response.as_ref().filter(|_| result.is_ok()) else {
            attempt.record(outcome);
            return result.map_err(|mut error| {
                error.set_attempts(call.attempts);
                error
            });
        };
        let awaits_trailers = is_grpc(response.headers())
            && matches!(
                outcome,
                Outcome::Response {
                    grpc_status: None,
                    ..
                }
            );
        if !awaits_trailers {
            attempt.record(outcome);
        }
        if awaits_trailers || !response.body().is_end_stream() {
            let head = awaits_trailers.then_some(outcome);
            call.guard.attempt = Some((attempt, head));
        }
        Ok(())
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
    /// The body ended; `head` is the outcome that only trailers can complete.
    pub(crate) fn body_ended(&self, end: BodyEnd, head: Option<Outcome>) {
        match (end, head) {
            (BodyEnd::Complete { grpc_status }, Some(Outcome::Response { status, .. })) => {
                self.record(Outcome::Response {
                    status,
                    grpc_status: Some(grpc_status.unwrap_or(2)),
                });
            }
            (BodyEnd::Error, _) => self.record(Outcome::Failure(Failure::Reset)),
            _ => {}
        }
    }

    fn record(&self, outcome: Outcome) {
        let cluster = self.destination.cluster();
        let now = now();
        cluster.record(&self.endpoint, outcome, now, &*self.env.random);
        self.env.recorder.attempt_ended(&AttemptRecord::new(
            cluster,
            &self.endpoint,
            outcome,
            self.number,
            now.saturating_duration_since(self.started),
        ));
    }
}
