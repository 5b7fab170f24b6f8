//! The top of the stack: telemetry of whole requests, and the context they inherit.

use mesh_core::{Flag, telemetry::Side};
use tracing::{Instrument, Span, field};

use crate::{
    Context, Error,
    call::{Call, DeadlineKind, Exchange, Step},
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
        let Some(span) = span(call)? else {
            open(call)?;
            let result = self.inner.call(call).await;
            note_head(call, &result);
            return result;
        };
        // Boxed, so that the state of requests without a span stays small.
        Box::pin(self.in_span(span, call)).await
    }
}

impl<S: Step> Observe<S> {
    async fn in_span(&self, span: Span, call: &mut Call) -> Result<(), Error> {
        open(call)?;
        let result = self.inner.call(call).instrument(span.clone()).await;
        note_head(call, &result);
        describe(&span, call);
        if let Err(error) = &result {
            tracing::debug!(parent: &span, %error, flag = %error.flag(), "request failed");
        }
        result
    }
}

/// The request's span, if anybody listens.
fn span(call: &Call) -> Result<Option<Span>, Error> {
    let request = call.request()?;
    let span = tracing::info_span!(
        "mesh.client.request",
        otel.kind = "client",
        http.request.method = %request.method(),
        server.address = request.uri().host(),
        http.response.status_code = field::Empty,
        mesh.cluster = field::Empty,
        mesh.attempts = field::Empty,
        error.type = field::Empty,
    );
    Ok((!span.is_disabled()).then_some(span))
}

fn open(call: &mut Call) -> Result<(), Error> {
    inherit(call)?;
    let method = call.request()?.method().clone();
    call.env().recorder.request_started(Side::Client);
    call.ledger.open_request = Some(OpenRequest {
        method,
        status: None,
        grpc_status: None,
        // What it is if nothing else is said before the drop: the caller went away.
        flag: Some(Flag::DownstreamConnectionTermination),
    });
    Ok(())
}

/// Keeps what the head, or the error, says for the record of the request.
fn note_head(call: &mut Call, result: &Result<(), Error>) {
    let Some(open) = &mut call.ledger.open_request else {
        return;
    };
    match (result, &call.exchange) {
        (Ok(()), Exchange::Response(response)) => {
            open.status = Some(response.status().as_u16());
            if mesh_core::is_grpc(response.headers()) {
                open.grpc_status = mesh_core::grpc_status(response.headers());
            }
            // A fault's or direct response's reason.
            open.flag = response.extensions().get::<Flag>().copied();
        }
        (Ok(()), _) => {}
        (Err(error), _) => open.flag = Some(error.flag()),
    }
}

/// Puts what is known at the response's head on the span.
#[cold]
fn describe(span: &Span, call: &Call) {
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
fn inherit(call: &mut Call) -> Result<(), Error> {
    let Some(context) = Context::for_request(call.request()?.extensions()) else {
        return Ok(());
    };
    if let Some(at) = context.deadline() {
        call.limit(at, DeadlineKind::Inherited);
    }
    if let Some(trace) = context.trace() {
        let child = trace.child(call.env().random.next_u64());
        child.inject(call.request_mut()?.headers_mut());
    }
    Ok(())
}
