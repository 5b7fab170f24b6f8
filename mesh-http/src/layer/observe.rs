//! The top of the stack: telemetry of whole requests, and the context they inherit.

use std::time::Instant;

use http::{Method, Response};
use mesh_core::{
    Flag,
    telemetry::{RequestRecord, Side},
};
use tracing::{Instrument, field};

use crate::{
    Body, BodyEnd, Context, Error,
    call::{Call, DeadlineKind, Destination, Env, Step, now},
    guard::Guard,
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
    async fn call(&self, call: &mut Call) -> Result<Response<Body>, Error> {
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
        let mut ending = Ending::new(call);
        let result = self.inner.call(call).instrument(span.clone()).await;
        ending.attempts = call.attempts;
        ending.destination = call.destination.take();
        match result {
            Ok(mut response) => {
                ending.status = Some(response.status().as_u16());
                ending.grpc_status = mesh_core::grpc_status(response.headers());
                // A fault's or direct response's reason.
                ending.flag = response.extensions().get::<Flag>().copied();
                ending.trace(&span);
                Guard::add(response.body_mut(), |guard| guard.ending = Some(ending));
                Ok(response)
            }
            Err(error) => {
                ending.flag = Some(error.flag());
                ending.trace(&span);
                tracing::debug!(parent: &span, %error, flag = %error.flag(), "request failed");
                Err(error)
            }
        }
    }
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
            .child(call.env.random.next_u64())
            .inject(call.request.headers_mut());
    }
}

/// A request that has begun and must be recorded as ended, however it ends.
#[derive(Debug)]
pub(crate) struct Ending {
    env: Env,
    method: Method,
    started: Instant,
    status: Option<u16>,
    grpc_status: Option<u8>,
    flag: Option<Flag>,
    destination: Option<Destination>,
    attempts: u32,
}

impl Ending {
    fn new(call: &Call) -> Self {
        call.env.recorder.request_started(Side::Client);
        Self {
            env: call.env.clone(),
            method: call.request.method().clone(),
            started: call.started,
            status: None,
            grpc_status: None,
            // What it is if nothing else is said before the drop: the caller went away.
            flag: Some(Flag::DownstreamConnectionTermination),
            destination: None,
            attempts: 0,
        }
    }

    fn trace(&self, span: &tracing::Span) {
        if span.is_disabled() {
            return;
        }
        if let Some(status) = self.status {
            span.record("http.response.status_code", status);
        }
        if let Some(destination) = &self.destination {
            span.record("mesh.cluster", &**destination.cluster().name());
        }
        if let Some(flag) = self.flag {
            span.record("error.type", flag.as_str());
        }
        span.record("mesh.attempts", self.attempts);
    }

    /// The response's body ended.
    pub(crate) fn body_ended(&mut self, end: BodyEnd) {
        match end {
            BodyEnd::Complete { grpc_status } => {
                self.grpc_status = self.grpc_status.or(grpc_status)
            }
            BodyEnd::Error { flag, .. } => self.flag = Some(flag),
            BodyEnd::Dropped => self.flag = Some(Flag::DownstreamConnectionTermination),
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let duration = now().saturating_duration_since(self.started);
        let mut record = RequestRecord::new(Side::Client, &self.method, duration);
        record.status = self.status;
        record.grpc_status = self.grpc_status;
        record.flag = self.flag;
        record.cluster = self.destination.as_ref().map(|d| &**d.cluster());
        record.attempts = self.attempts;
        self.env.recorder.request_ended(&record);
    }
}
