//! [`ServerLayer`]: what the mesh does around a service.

use std::{
    sync::Arc,
    task::{Context as Task, Poll},
};

use http::{Request, Response};
use http_body::Body;
use mesh_core::{Random, is_grpc, policy::FractionalPercent, telemetry::Recorder};
use tower_layer::Layer;
use tower_service::Service;

use super::{Drain, ResponseFuture, ServerBody, deadline, exchange::Exchange};
use crate::context::Context;

/// Puts a [`Server`] around a service.
///
/// In order: telemetry and the in-flight count begin, the trace context is read (or a trace begun),
/// the deadline is read, a request whose deadline has passed is answered, and the service runs with
/// its [`Context`] in the request's extensions and as the task's current one. The count and the
/// telemetry end with the response body. (Authentication and authorization will stand before the
/// deadline.)
#[derive(Clone, Debug)]
#[must_use]
pub struct ServerLayer {
    settings: Settings,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) recorder: Arc<dyn Recorder>,
    pub(super) drain: Drain,
    pub(super) random_sampling: FractionalPercent,
    random: Option<Arc<dyn Random>>,
    trust_deadline_headers: bool,
    enforce_deadline: bool,
}

impl Settings {
    pub(super) fn draw(&self) -> u64 {
        let random = self.random.as_deref();
        random.map_or_else(|| fastrand::u64(..), Random::next_u64)
    }
}

impl ServerLayer {
    /// A layer that reports to `recorder`.
    pub fn new(recorder: impl Recorder + 'static) -> Self {
        Self {
            settings: Settings {
                recorder: Arc::new(recorder),
                drain: Drain::new(),
                random_sampling: FractionalPercent::ALWAYS,
                random: None,
                trust_deadline_headers: true,
                enforce_deadline: true,
            },
        }
    }

    /// Counts requests in `drain`, and answers HTTP/1 requests with `connection: close` once it has
    /// started.
    pub fn with_drain(mut self, drain: Drain) -> Self {
        self.settings.drain = drain;
        self
    }

    /// How many of the traces that begin here are marked as sampled, for tracers further on that
    /// follow their parent. All by default, as in Envoy (`random_sampling`) and OpenTelemetry.
    pub const fn with_random_sampling(mut self, share: FractionalPercent) -> Self {
        self.settings.random_sampling = share;
        self
    }

    /// Draws ids from `random`, for tests that repeat.
    pub fn with_random(mut self, random: Arc<dyn Random>) -> Self {
        self.settings.random = Some(random);
        self
    }

    /// Whether `grpc-timeout` and `x-envoy-expected-rq-timeout-ms` set the deadline (the earlier one
    /// wins). True by default, which is right between services of a mesh: the worst that a caller
    /// can do with them is to cut its own request short. At the edge a false value keeps callers
    /// from choosing how long upstream calls may take.
    pub const fn trust_deadline_headers(mut self, trust: bool) -> Self {
        self.settings.trust_deadline_headers = trust;
        self
    }

    /// Whether a passed deadline ends the request: the handler's future is dropped and the answer is
    /// 504 (gRPC: status 4), or, once the head is sent, the body ends in an error (gRPC: trailers
    /// with status 4). True by default, as in Envoy and in gRPC servers: nobody waits for the answer.
    ///
    /// With false the handler runs on and sees the deadline in its [`Context`] only. A request whose
    /// deadline has passed on arrival is refused all the same, for no work is begun yet.
    pub const fn enforce_deadline(mut self, enforce: bool) -> Self {
        self.settings.enforce_deadline = enforce;
        self
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = Server<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Server {
            inner,
            settings: Arc::new(self.settings.clone()),
        }
    }
}

/// A service with the mesh's server side around it; see [`ServerLayer`].
#[derive(Clone, Debug)]
pub struct Server<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S, B, RB> Service<Request<B>> for Server<S>
where
    S: Service<Request<B>, Response = Response<RB>>,
    RB: Body,
{
    type Response = Response<ServerBody<RB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Task<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let now = tokio::time::Instant::now().into_std();
        let exchange = Exchange::begin(self.settings.clone(), &request, now);
        let (version, is_grpc) = (request.version(), is_grpc(request.headers()));

        let mut context = Context::new().with_trace(exchange.trace(request.headers()));
        let headers = self.settings.trust_deadline_headers;
        let deadline = headers.then(|| deadline(request.headers(), now)).flatten();
        if let Some(deadline) = deadline {
            context = context.with_deadline(deadline);
        }
        let enforced = deadline.filter(|_| self.settings.enforce_deadline);
        if deadline.is_some_and(|deadline| deadline <= now) {
            return ResponseFuture::expired(exchange, context, version, is_grpc);
        }

        request.extensions_mut().insert(context.clone());
        let call = || context.clone().sync_scope(|| self.inner.call(request));
        let future = exchange.span().in_scope(call);
        ResponseFuture::new(future, exchange, context, enforced, version, is_grpc)
    }
}
