//! Tells the cluster how each attempt ended: the one place where an attempt's outcome is decided.

use http::StatusCode;
use http_body::Body as _;
use mesh_core::{Failure, Flag, Outcome, grpc_status, is_grpc};
use tracing::{Instrument, Span, field};

use crate::{
    Error,
    call::{Call, Step, now},
    ledger::OpenAttempt,
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
        if call.ledger.attempts > 1 && call.env().timed {
            call.ledger.attempt_started = now();
        }
        let Some(span) = span(call) else {
            let result = self.inner.call(call).await;
            return conclude(call, result);
        };
        // Boxed, so that the state of requests without a span stays small.
        let result = Box::pin(self.in_span(span, call)).await;
        conclude(call, result)
    }
}

impl<S: Step> Outlier<S> {
    async fn in_span(&self, span: Span, call: &mut Call) -> Result<(), Error> {
        let result = self.inner.call(call).instrument(span.clone()).await;
        describe(&span, &result, call);
        result
    }
}

/// The attempt's span, if anybody listens.
fn span(call: &Call) -> Option<Span> {
    let span = tracing::info_span!(
        "mesh.client.attempt",
        mesh.attempt = call.ledger.attempts,
        server.address = call.endpoint().map(|e| field::display(e.address())),
        http.response.status_code = field::Empty,
        error.type = field::Empty,
    );
    (!span.is_disabled()).then_some(span)
}

fn conclude(call: &mut Call, result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Ok(()) => {
            answered(call);
            Ok(())
        }
        Err(mut error) => {
            failed(call, &error);
            error.set_attempts(call.ledger.attempts);
            Err(error)
        }
    }
}

#[cold]
fn describe(span: &Span, result: &Result<(), Error>, call: &Call) {
    match (result, call.response()) {
        (Ok(()), Some(response)) => {
            span.record("http.response.status_code", response.status().as_u16());
        }
        (Err(error), _) => {
            span.record("error.type", error.flag().as_str());
        }
        (Ok(()), None) => {}
    }
}

fn answered(call: &mut Call) {
    let Some(response) = call.response() else {
        return;
    };
    let grpc = is_grpc(response.headers());
    let grpc_status = grpc.then(|| grpc_status(response.headers())).flatten();
    let outcome = Outcome::Response {
        status: response.status(),
        grpc_status,
    };
    // A gRPC answer's HTTP status is 200; any other says it all.
    let awaits_trailers = grpc && grpc_status.is_none() && response.status() == StatusCode::OK;
    let ended = response.body().is_end_stream();
    if !awaits_trailers {
        call.ledger.record_attempt(outcome);
    }
    if awaits_trailers || !ended {
        call.ledger.open_attempt = Some(OpenAttempt {
            head: awaits_trailers.then_some(outcome),
        });
    }
}

#[cold]
fn failed(call: &Call, error: &Error) {
    // What the mesh itself refused says nothing of the endpoint.
    let Some(failure) = error.failure() else {
        return;
    };
    let outcome = Outcome::Failure(failure);
    if error.flag() == Flag::UpstreamMaxStreamDuration {
        // Nor, in Envoy, does a stream that may last no longer.
        call.ledger.tell(outcome);
    } else if error.was_sent() || failure != Failure::Timeout {
        // Time that had run out before anything was sent says nothing of it either.
        call.ledger.record_attempt(outcome);
    }
}
