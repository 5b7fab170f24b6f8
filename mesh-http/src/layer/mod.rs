//! The layers of the client stack, one file each.
//!
//! Every one is a plain tower [`Layer`](tower_layer::Layer), usable alone in a `ServiceBuilder`:
//!
//! ```
//! # async fn run<S>(inner: S) where
//! #   S: tower::Service<http::Request<mesh_http::Body>, Response = http::Response<mesh_http::Body>> + Clone + Send + Sync + 'static,
//! #   S::Future: Send, S::Error: Into<mesh_http::BoxError> {
//! use mesh_core::policy::{RetryOn, RetryPolicy};
//! use mesh_http::layer::{RetryLayer, TimeoutLayer};
//!
//! let service = tower::ServiceBuilder::new()
//!     .layer(TimeoutLayer::new(std::time::Duration::from_secs(2)))
//!     .layer(RetryLayer::new(RetryPolicy::new(RetryOn::GATEWAY_ERROR, 2)))
//!     .service(inner);
//! # }
//! ```
//!
//! Layers from `from_route()` can be stacked by hand too: what a layer learned goes down with the
//! request. Nothing comes back up, so in a hand-made stack [`Retry`] does not know which endpoints
//! were tried (`previous_hosts`) and [`Observe`] neither cluster nor attempts; [`Client`](crate::Client)
//! has no such seams.
//!
//! Inside `Client` the same layers are [`Step`]s, stacked without boxing; at the
//! seam to a tower service one boxed future is made, and what upper layers learned about the call
//! travels in the request's extensions.

mod balance;
mod connections;
mod connector;
mod fault;
mod future;
mod head;
mod local_reply;
mod observe;
mod outlier;
mod retry;
mod route;
mod timeout;

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Extensions, Request, Response};
use mesh_core::{Random, cluster::Endpoint};
use tower_service::Service;

use self::future::{Task, boxed};
pub use self::{
    balance::{Balance, BalanceLayer},
    connections::Connections,
    connector::{Connector, Outbound},
    future::ResponseFuture,
    local_reply::{LocalReply, LocalReplyLayer},
    observe::{Observe, ObserveLayer},
    outlier::{Outlier, OutlierLayer},
    retry::{Retry, RetryLayer},
    route::{Route, RouteLayer},
    timeout::{AttemptTimeout, AttemptTimeoutLayer, Timeout, TimeoutLayer},
};
pub(crate) use self::{
    head::{dialled, head, root_path},
    retry::{discard, wall_clock},
    route::rewrite_host,
    timeout::{Activity, expired, max_stream_duration, timeout},
};

use crate::{
    Body, BoxError, Error,
    call::{Call, Deadline, Destination, Env, Exchange, Retrying, Step, now},
    ledger::{Ledger, Picked},
};

/// Implements `tower_layer::Layer` for a layer whose service is a [`Step`], and `step`, which wraps
/// a step without boxing.
///
/// A layer that needs another below it to be of use alone names it after `over`.
macro_rules! step_layer {
    ($layer:ident => $step:ident, |$self:ident, $inner:ident| $make:expr) => {
        $crate::layer::step_layer!(@step $layer => $step, |$self, $inner| $make);

        impl<S> tower_layer::Layer<S> for $layer {
            type Service = $crate::layer::Tower<$step<$crate::layer::Inner<S>>>;

            fn layer(&self, inner: S) -> Self::Service {
                $crate::layer::Tower::new(
                    self.step($crate::layer::Inner::new(inner)),
                    Default::default(),
                )
            }
        }
    };
    ($layer:ident => $step:ident over $below:ident($below_layer:expr), |$self:ident, $inner:ident| $make:expr) => {
        $crate::layer::step_layer!(@step $layer => $step, |$self, $inner| $make);

        impl<S> tower_layer::Layer<S> for $layer {
            type Service = $crate::layer::Tower<$step<$below<$crate::layer::Inner<S>>>>;

            fn layer(&self, inner: S) -> Self::Service {
                let below = $below_layer.step($crate::layer::Inner::new(inner));
                $crate::layer::Tower::new(self.step(below), Default::default())
            }
        }
    };
    (@step $layer:ident => $step:ident, |$self:ident, $inner:ident| $make:expr) => {
        impl $layer {
            /// Wraps a step, without the boxed future of a tower service.
            pub fn step<S>(&self, $inner: S) -> $step<S> {
                let $self = self;
                $make
            }
        }
    };
}
use step_layer;

/// A [`Step`] as a `tower::Service`, with one boxed future per call.
///
/// Always ready: what a call has to wait for depends on where it goes, so it waits inside the call,
/// under its deadline.
pub struct Tower<T> {
    step: Arc<Held<T>>,
    env: Env,
}

/// A clone's own reference to what all clones share.
struct Held<T>(Arc<T>);

impl<T> Tower<T> {
    pub(crate) fn new(step: T, env: Env) -> Self {
        Self {
            step: Arc::new(Held(Arc::new(step))),
            env,
        }
    }

    pub(crate) fn random(&self) -> &dyn Random {
        &*self.env.random
    }

    /// What is hashed for the caller's address.
    pub(crate) fn source(&self) -> &str {
        &self.env.source.hashed
    }
}

impl<T> Clone for Tower<T> {
    /// The outer `Arc`s are new, so that calls on different clones share no reference count.
    fn clone(&self) -> Self {
        Self {
            step: Arc::new(Held(Arc::clone(&self.step.0))),
            env: Arc::new(Arc::clone(&self.env)),
        }
    }
}

impl<T> fmt::Debug for Tower<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tower")
    }
}

impl<T, B> Service<Request<B>> for Tower<T>
where
    T: Step + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        // First all that may call out, so that nothing large is moved more than once.
        let place = Task::place();
        let step = Arc::clone(&self.step);
        let mut ledger = Ledger::new(Arc::clone(&self.env), now());
        let (mut head, body) = request.into_parts();
        let body = Body::new(body);
        let mut retrying = None;
        if !head.extensions.is_empty() {
            Carried::restore(&mut head.extensions, &mut ledger, &mut retrying);
        }
        let mut call = Call {
            exchange: Exchange::Request(Request::from_parts(head, body)),
            ledger,
            retrying,
        };
        ResponseFuture::new(place, async move {
            step.0.call(&mut call).await?;
            match call.exchange {
                Exchange::Response(response) => Ok((response, call.ledger)),
                _ => Err(Error::invalid("the innermost step left no response")),
            }
        })
    }
}

/// Runs `call` through `step`, in a box that its response's body keeps.
pub(crate) fn answer<T: Step + 'static>(step: Arc<T>, mut call: Call) -> ResponseFuture {
    ResponseFuture::new(Task::place(), async move {
        step.call(&mut call).await?;
        match call.exchange {
            Exchange::Response(response) => Ok((response, call.ledger)),
            _ => Err(Error::invalid("the innermost step left no response")),
        }
    })
}

/// A tower service as the innermost [`Step`].
#[derive(Clone, Debug)]
pub struct Inner<S>(S);

impl<S> Inner<S> {
    /// Calls a clone of `service` for each request, once it is ready.
    pub const fn new(service: S) -> Self {
        Self(service)
    }
}

impl<S, RB> Step for Inner<S>
where
    S: Service<Request<Body>, Response = Response<RB>> + Clone + Send + Sync,
    S::Future: Send,
    S::Error: Into<BoxError>,
    RB: http_body::Body<Data = Bytes> + Send + 'static,
    RB::Error: Into<BoxError>,
{
    async fn call(&self, call: &mut Call) -> Result<(), Error> {
        // The clone that was polled ready is the one called.
        let mut service = self.0.clone();
        std::future::poll_fn(|cx| service.poll_ready(cx))
            .await
            .map_err(|e| foreign(e.into(), false))?;
        Carried::store(call)?;
        let request = call.take_request()?;
        match service.call(request).await {
            Ok(response) => {
                call.respond(response.map(Body::new));
                Ok(())
            }
            Err(error) => Err(foreign(error.into(), true)),
        }
    }
}

/// An error of a service that is not ours. What it did with the request is unknown, so it counts
/// as sent.
fn foreign(error: BoxError, sent: bool) -> Error {
    match error.downcast::<Error>() {
        Ok(ours) => *ours,
        Err(other) => Error::upstream(mesh_core::Failure::Reset, other.to_string())
            .with_sent(sent)
            .with_source(other),
    }
}

/// The endpoint that a [`BalanceLayer`] picked for `request`, for a plain tower service below it.
pub fn picked_endpoint<B>(request: &Request<B>) -> Option<&Arc<Endpoint>> {
    request.extensions().get::<Carried>()?.endpoint.as_ref()
}

/// What a call carries across a tower seam, in the request's extensions.
#[derive(Clone)]
struct Carried {
    destination: Option<Destination>,
    endpoint: Option<Arc<Endpoint>>,
    deadline: Option<Deadline>,
    attempt_deadline: Option<std::time::Instant>,
}

impl Carried {
    /// Costs an allocation, so a call that knows nothing carries nothing.
    fn store(call: &mut Call) -> Result<(), Error> {
        if call.destination().is_some() || call.endpoint().is_some() || call.deadline().is_some() {
            let carried = Self {
                destination: call.destination().cloned(),
                endpoint: call.endpoint().cloned(),
                deadline: call.deadline(),
                attempt_deadline: call.retrying.as_ref().and_then(|r| r.attempt_deadline),
            };
            call.request_mut()?.extensions_mut().insert(carried);
        }
        Ok(())
    }

    fn restore(
        extensions: &mut Extensions,
        ledger: &mut Ledger,
        retrying: &mut Option<Box<Retrying>>,
    ) {
        if let Some(carried) = extensions.remove::<Self>() {
            ledger.destination = carried.destination;
            ledger.endpoint = carried.endpoint.map(Picked::Carried);
            ledger.limits.deadline = carried.deadline;
            *retrying = carried.attempt_deadline.map(|at| {
                Box::new(Retrying {
                    attempt_deadline: Some(at),
                    tried: None,
                    extras: None,
                })
            });
        }
    }
}
