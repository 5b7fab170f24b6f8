//! Tells the cluster how each attempt ended: the one place where an attempt's outcome is decided.

use http::StatusCode;
use http_body::Body as _;
use mesh_core::{Failure, Outcome, is_grpc};
use tracing::{Instrument, field};

use crate::{
    Error,
    call::{Call, Step, now},
    guard::OpenAttempt,
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
        let span = tracing::info_span!(
            "mesh.client.attempt",
            mesh.attempt = call.attempts,
            server.address = call.endpoint.as_ref().map(|e| field::display(e.address())),
            http.response.status_code = field::Empty,
            error.type = field::Empty,
        );
        let result = if span.is_disabled() {
            self.inner.call(call).await
        } else {
            // Boxed, so that the state of requests without a span stays small.
            Box::pin(self.inner.call(call).instrument(span.clone())).await
        };
        let outcome = match (&result, &call.response) {
            (Ok(()), Some(response)) => {
                span.record("http.response.status_code", response.status().as_u16());
                Outcome::of_head(response.status(), response.headers())
            }
            (Err(error), _) => {
                span.record("error.type", error.flag().as_str());
                match error.failure() {
                    Some(failure) => Outcome::Failure(failure),
                    // The mesh refused it: that says nothing of the endpoint.
                    None => return with_attempts(result, call),
                }
            }
            (Ok(()), None) => return result,
        };
        let response = match (&result, &call.response) {
            (Ok(()), Some(response)) => response,
            _ => {
                // Time that had run out before anything was sent says nothing of it either.
                let sent = result.as_ref().is_err_and(Error::was_sent);
                if sent || outcome != Outcome::Failure(Failure::Timeout) {
                    call.record_attempt(started, outcome);
                }
                return with_attempts(result, call);
            }
        };
        let unknown = matches!(
            outcome,
            Outcome::Response {
                grpc_status: None,
                ..
            }
        );
        // A gRPC answer's HTTP status is 200; any other says it all.
        let awaits_trailers =
            unknown && response.status() == StatusCode::OK && is_grpc(response.headers());
        let ended = response.body().is_end_stream();
        if !awaits_trailers {
            call.record_attempt(started, outcome);
        }
        if awaits_trailers || !ended {
            call.open_attempt = Some(OpenAttempt {
                started,
                head: awaits_trailers.then_some(outcome),
            });
        }
        Ok(())
    }
}

fn with_attempts(result: Result<(), Error>, call: &Call) -> Result<(), Error> {
    result.map_err(|mut error| {
        error.set_attempts(call.attempts);
        error
    })
}
