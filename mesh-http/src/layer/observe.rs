//! The top of the stack: telemetry of whole requests, and the context they inherit.

use mesh_core::{Flag, telemetry::Side};
use tracing::{Instrument, field};

use crate::{
    Context, Error,
    call::{Call, DeadlineKind, Step},
    ledger::OpenRequest,
};

/// Records each request from the call to the end of its response's body, in a `tracing` span of its
/// own, and carries deadline and trace context over from the inbound request.
#[derive(Clone, Copy, Debug, Default)]
pub struct ObserveLayer;

/// See [`ObserveLayer`].
#[derive(Debug)]
pub struct Observe<S> {
    inner: S,
}

super::step_layer!(ObserveLayer => Observe, |_layer, inner| Observe { inner });

impl<S: Step> Step for Observe<S> {
    async fn call(&self, call: &mut Call) -> Result<(), Error> {
        let span = tracing::info_span!(
            "mesh.client.request",
            otel.kind = "client",
            http.request.method = %call.request.method(),
            server.address = call.request.uri().host(),
            http.response.status_code = field::Empty,
            mesh.cluster = field::Empty,
            mesh.attempts = field::Empty,
            error.type = field::Empty,
        );
        inherit(call);
        open(call);
        let result = if span.is_disabled() {
            self.inner.call(call).await
        } else {
            // Boxed, so that the state of requests without a span stays small.
            Box::pin(self.inner.call(call).instrument(span.clone())).await
        };
        note_head(call, &result);
        if !span.is_disabled() {
            describe(&span, call);
            if let Err(error) = &result {
                tracing::debug!(parent: &span, %error, flag = %error.flag(), "request failed");
            }
        }
        result
    }
}

fn open(call: &mut Call) {
    call.env().recorder.request_started(Side::Client);
    call.ledger.open_request = Some(OpenRequest {
        method: call.request.method().clone(),
        status: None,
        grpc_status: None,
        // What it is if nothing else is said before the drop: the caller went away.
        flag: Some(Flag::DownstreamConnectionTermination),
    });
}

/// Keeps what the head, or the error, says for the record of the request.
fn note_head(call: &mut Call, result: &Result<(), Error>) {
    let Some(open) = &mut call.ledger.open_request else {
        return;
    };
    match (result, &call.response) {
        (Ok(()), Some(response)) => {
            open.status = Some(response.status().as_u16());
            if mesh_core::is_grpc(response.headers()) {
                open.grpc_status = mesh_core::grpc_status(response.headers());
            }
            // A fault's or direct response's reason.
            open.flag = response.extensions().get::<Flag>().copied();
        }
        (Ok(()), None) => {}
        (Err(error), _) => open.flag = Some(error.flag()),
    }
}

/// Puts what is known at the response's head on the span.
#[cold]
fn describe(span: &tracing::Span, call: &Call) {
    if let Some(open) = &call.ledger.open_request {
        if let Some(status) = open.status {
            span.record("http.response.status_code", status);
        }
        if let Some(flag) = open.flag {
            span.record("error.type", flag.as_str());
        }
    }
    if let Some(destination) = call.destination() {
        span.record("mesh.cluster", &**destination.cluster().name());
    }
    span.record("mesh.attempts", call.ledger.attempts);
}

/// The deadline and trace context of the inbound request, if this call is made on its behalf.
fn inherit(call: &mut Call) {
    let Some(context) = Context::for_request(call.request.extensions()) else {
        return;
    };
    if let Some(at) = context.deadline() {
        call.limit(at, DeadlineKind::Inherited);
    }
    if let Some(trace) = context.trace() {
        trace
            .child(call.ledger.env.random.next_u64())
            .inject(call.request.headers_mut());
    }
}
