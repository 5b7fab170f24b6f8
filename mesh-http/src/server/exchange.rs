//! What is kept of one request from its head to the end of its response body.

use std::{sync::Arc, time::Instant};

use http::{HeaderMap, Method, Request, Response, StatusCode};
use mesh_core::{
    Flag, grpc_status,
    telemetry::{RequestRecord, Side},
};
use tracing::{Span, field};

use super::layer::Settings;
use crate::trace_context::TraceContext;

/// The request under way: counted from its making, recorded at its drop, wherever that is.
#[derive(Debug)]
pub(super) struct Exchange {
    settings: Arc<Settings>,
    span: Span,
    method: Method,
    started: Instant,
    /// The drain's count; see `Drain::begin`.
    thread: usize,
    status: Option<StatusCode>,
    grpc_status: Option<u8>,
    flag: Option<Flag>,
    complete: bool,
}

impl Exchange {
    pub(super) fn begin<B>(
        settings: Arc<Settings>,
        request: &Request<B>,
        started: Instant,
    ) -> Self {
        // Every argument is evaluated only when the span is enabled.
        let span = tracing::info_span!(
            target: "mesh::server",
            "mesh.server.request",
            otel.kind = "server",
            http.request.method = request.method().as_str(),
            url.path = request.uri().path(),
            http.response.status_code = field::Empty,
            rpc.grpc.status_code = field::Empty,
            "error.type" = field::Empty,
            trace_id = field::Empty,
            span_id = field::Empty,
        );
        settings.recorder.request_started(Side::Server);
        Self {
            thread: settings.drain.begin(),
            method: request.method().clone(),
            settings,
            span,
            started,
            status: None,
            grpc_status: None,
            flag: None,
            complete: false,
        }
    }

    /// The trace that the handler's calls belong to. A span of our own becomes their parent only if
    /// somebody records it: a parent that nobody has seen breaks the trace's tree.
    pub(super) fn trace(&self, headers: &HeaderMap) -> TraceContext {
        let settings = &self.settings;
        let trace = match TraceContext::extract(headers) {
            Some(incoming) if self.span.is_disabled() => return incoming,
            Some(incoming) => incoming.child(settings.draw()),
            None => {
                let sampled = settings.random_sampling.contains(settings.draw());
                TraceContext::root([(); 3].map(|()| settings.draw()), sampled)
            }
        };
        if !self.span.is_disabled() {
            let (trace_id, span_id) = (trace.trace_id(), trace.span_id());
            self.span
                .record("trace_id", field::display(format_args!("{trace_id:032x}")));
            self.span
                .record("span_id", field::display(format_args!("{span_id:016x}")));
        }
        trace
    }

    pub(super) const fn span(&self) -> &Span {
        &self.span
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The response head is known.
    pub(super) fn head<B>(&mut self, response: &Response<B>) {
        self.status = Some(response.status());
        self.span
            .record("http.response.status_code", response.status().as_u16());
        self.trailers(response.headers());
    }

    /// A gRPC status may come in the head or in the trailers.
    pub(super) fn trailers(&mut self, headers: &HeaderMap) {
        if let Some(status) = grpc_status(headers) {
            self.grpc_status = Some(status);
            self.span.record("rpc.grpc.status_code", status);
        }
    }

    /// The mesh, not the service, decided how this ends.
    pub(super) fn fail(&mut self, flag: Flag) {
        self.flag.get_or_insert(flag);
        self.complete = true;
    }

    /// Nothing more is expected, so that being dropped is the normal end.
    pub(super) const fn complete(&mut self) {
        self.complete = true;
    }

    /// Whether no body follows the head, whatever it says (RFC 9110 §6.4.1).
    pub(super) fn is_bodiless(&self, status: StatusCode) -> bool {
        self.method == Method::HEAD
            || (self.method == Method::CONNECT && status.is_success())
            || status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.complete {
            self.flag = Some(Flag::DownstreamConnectionTermination);
        }
        if let Some(flag) = self.flag {
            self.span.record("error.type", flag.as_str());
        }
        let now = tokio::time::Instant::now().into_std();
        let duration = now.saturating_duration_since(self.started);
        let mut record = RequestRecord::new(Side::Server, &self.method, duration);
        record.status = self.status.map(|s| s.as_u16());
        record.grpc_status = self.grpc_status;
        record.flag = self.flag;
        self.settings.recorder.request_ended(&record);
        self.settings.drain.end(self.thread);
    }
}
