//! The span of a request. Alone in its process: callsites remember whether any thread's subscriber
//! wants them.

use std::{convert::Infallible, future::ready, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use mesh_core::{Seeded, telemetry::NoRecorder};
use mesh_http::{context::Context, server::ServerLayer, trace_context::TraceContext};
use tower::{Layer, ServiceExt, service_fn};
use tracing_subscriber::{layer::SubscriberExt, registry};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn request() -> Request<()> {
    let request = Request::get("/cart?user=7").header("traceparent", PARENT);
    request.body(()).expect("a valid request")
}

#[tokio::test]
async fn with_a_span_that_is_recorded_the_span_is_the_parent() {
    let _guard = tracing::subscriber::set_default(registry().with(SpanNames::default()));
    let service = service_fn(|request: Request<()>| {
        let mut response = Response::new(Full::<Bytes>::default());
        response
            .extensions_mut()
            .extend(request.extensions().clone());
        ready(Ok::<_, Infallible>(response))
    });
    let layer = ServerLayer::new(NoRecorder);
    let response = layer.layer(service).oneshot(request()).await.unwrap();
    let context = response.extensions().get::<Context>().unwrap();
    let trace = context.trace().unwrap();
    let incoming = TraceContext::parse_parent(PARENT.as_bytes()).unwrap();
    assert_eq!(trace.trace_id(), incoming.trace_id());
    assert_ne!(trace.span_id(), incoming.span_id());
}

#[tokio::test]
async fn each_request_is_one_span() {
    let names = SpanNames::default();
    let _guard = tracing::subscriber::set_default(registry().with(names.clone()));
    let service = service_fn(|_: Request<()>| {
        assert_eq!(
            tracing::Span::current().metadata().unwrap().name(),
            "mesh.server.request"
        );
        ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(
            "hello",
        ))))
    });
    let layer = ServerLayer::new(NoRecorder).with_random(Arc::new(Seeded::new(7)));
    let response = layer.layer(service).oneshot(request()).await.unwrap();
    response.into_body().collect().await.unwrap();
    let names = names.0.lock().unwrap();
    let [span] = names.as_slice() else {
        panic!("{names:?}")
    };
    for part in [
        "mesh.server.request{",
        r#"otel.kind="server""#,
        r#"http.request.method="GET""#,
        r#"url.path="/cart""#,
        "http.response.status_code=200",
        "trace_id=4bf92f3577b34da6a3ce929d0e0e4736",
        "span_id=",
    ] {
        assert!(span.contains(part), "{part} in {span}");
    }
    assert!(!span.contains("error.type"), "{span}");
}

/// Collects `name{field=value …}` of every span that ends.
#[derive(Clone, Default)]
struct SpanNames(Arc<std::sync::Mutex<Vec<String>>>);

impl<S> tracing_subscriber::Layer<S> for SpanNames
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    fn on_new_span(
        &self,
        attributes: &tracing::span::Attributes<'_>,
        id: &tracing::Id,
        context: tracing_subscriber::layer::Context<'_, S>,
    ) {
        let mut fields = Fields(Vec::new());
        attributes.record(&mut fields);
        context
            .span(id)
            .expect("a span of ours")
            .extensions_mut()
            .insert(fields);
    }

    fn on_record(
        &self,
        id: &tracing::Id,
        values: &tracing::span::Record<'_>,
        context: tracing_subscriber::layer::Context<'_, S>,
    ) {
        let span = context.span(id).expect("a span of ours");
        values.record(
            span.extensions_mut()
                .get_mut::<Fields>()
                .expect("a span of ours"),
        );
    }

    fn on_close(&self, id: tracing::Id, context: tracing_subscriber::layer::Context<'_, S>) {
        let span = context.span(&id).expect("a span of ours");
        let fields = span
            .extensions_mut()
            .remove::<Fields>()
            .expect("a span of ours")
            .0
            .join(" ");
        self.0
            .lock()
            .expect("a span of ours")
            .push(format!("{}{{{fields}}}", span.name()));
    }
}

struct Fields(Vec<String>);

impl tracing::field::Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0.push(format!("{}={value:?}", field.name()));
    }
}
