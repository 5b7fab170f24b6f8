//! The client: the whole stack in one screen, and the convenience around it.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, Uri};
use mesh_core::{Explanation, Mesh, Random, policy::Name, telemetry::Recorder};
use tower_service::Service;

use crate::{
    Body, BoxError, Error, RequestBuilder,
    call::{Environment, Source, Step, now},
    layer::{
        AttemptTimeout, AttemptTimeoutLayer, Balance, BalanceLayer, Connections, Connector,
        Observe, ObserveLayer, Outlier, OutlierLayer, ResponseFuture, Retry, RetryLayer, Route,
        RouteLayer, Timeout, TimeoutLayer, Tower, dialled, root_path,
    },
};

/// An HTTP client whose every request goes where the mesh says.
///
/// A `tower::Service` for requests with any body, and `client.get(url).send()` for people. It is a
/// handle: clone it into each task or handler. URLs name services, not machines: scheme, host and
/// port choose the listener and virtual host, and routes choose the rest.
///
/// ```
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use mesh_core::{Config, Mesh, policy::*};
///
/// let mesh = Mesh::new();
/// mesh.publish(
///     Config::default()
///         .routing(RouteConfiguration::new("all", vec![VirtualHost::new(
///             ["reviews"],
///             vec![Route::to_cluster(RouteMatch::any(), "reviews")],
///         )]))
///         .cluster(Cluster::new("reviews"), [Endpoint::new("127.0.0.1:9080".parse::<Address>()?)]),
/// )?;
/// let client = mesh_http::Client::new(&mesh);
/// let reply = client.get("http://reviews/1").header("end-user", "jason").send().await?;
/// println!("{}", reply.into_body().text().await?);
/// # Ok(()) }
/// ```
pub struct Client<C = Connections> {
    stack: Tower<Stack<C>>,
    mesh: Mesh,
}

/// The stack's type; [`ClientBuilder::connector`] tells what it does.
type Stack<C> = Observe<Route<Timeout<Retry<Balance<Outlier<AttemptTimeout<C>>>>>>>;

/// Makes a [`Client`].
#[must_use]
pub struct ClientBuilder {
    mesh: Mesh,
    environment: Environment,
    replay_limit: usize,
}

impl Client {
    /// A client of `mesh` with the default settings.
    pub fn new(mesh: &Mesh) -> Self {
        Self::builder(mesh).build()
    }

    /// A client with other settings.
    pub fn builder(mesh: &Mesh) -> ClientBuilder {
        ClientBuilder {
            mesh: mesh.clone(),
            environment: Environment {
                idle_timeout: Some(ClientBuilder::IDLE_TIMEOUT),
                ..Environment::default()
            },
            replay_limit: RetryLayer::REPLAY_LIMIT,
        }
    }
}

impl ClientBuilder {
    /// How long a request may go without a byte either way, by default: Envoy's
    /// `stream_idle_timeout`.
    pub const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

    /// How long a request may go without a byte either way, where its route says nothing:
    /// [`IDLE_TIMEOUT`](Self::IDLE_TIMEOUT) by default, so that no call waits for ever.
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.environment.idle_timeout = Some(limit);
        self
    }

    /// Where telemetry goes; nowhere by default.
    pub fn recorder(mut self, recorder: impl Recorder + 'static) -> Self {
        self.environment.timed = recorder.reads_durations();
        self.environment.recorder = Arc::new(recorder);
        self
    }

    /// Where randomness comes from: a thread-local generator by default, [`Seeded`](mesh_core::Seeded)
    /// in tests that must repeat.
    pub fn random(mut self, random: impl Random + 'static) -> Self {
        if self.environment.source.address.is_none() {
            self.environment.source = Source::drawn(&random);
        }
        self.environment.random = Arc::new(random);
        self
    }

    /// This process's address: what `connection_properties.source_ip` hashes and
    /// `%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%` writes. Without it the former hashes a number of the
    /// client's own, so that a client keeps to its endpoint, and different ones spread; the latter is
    /// empty.
    pub fn source_address(mut self, address: std::net::IpAddr) -> Self {
        let text: Name = address.to_string().into();
        self.environment.source = Source {
            address: Some(text.clone()),
            hashed: text,
        };
        self
    }

    /// For a client that carries requests from outside on (a gateway): their `x-envoy-*` control
    /// headers (retries, timeouts) are removed before routing. By default they are taken from the
    /// application, which is trusted, and honoured.
    pub fn external_callers(mut self) -> Self {
        self.environment.external_callers = true;
        self
    }

    /// Speaks HTTP/2 to every endpoint, whatever the protocol of its cluster: gRPC has no other (A27).
    pub fn http2_only(mut self) -> Self {
        self.environment.http2_only = true;
        self
    }

    /// How much of a streamed request body is kept for a retry, a mirror or an internal redirect, in bytes; 1 MiB by default. A longer
    /// one is sent on, but not retried, mirrored or redirected.
    pub fn replay_limit(mut self, bytes: usize) -> Self {
        self.replay_limit = bytes;
        self
    }

    /// Builds the client on the mesh's own connections.
    pub fn build(self) -> Client {
        self.stack(Connections)
    }

    /// Builds the client on `service`, which is called with each attempt (an
    /// [`Outbound`](crate::layer::Outbound)) in place of connections of the mesh's own: for tests,
    /// simulations and other transports.
    pub fn connector<S>(self, service: S) -> Client<Connector<S>>
    where
        Connector<S>: Step,
    {
        self.stack(Connector::new(service))
    }

    /// The order is behaviour; `docs/architecture.md` says why it is this one.
    fn stack<C>(self, connections: C) -> Client<C> {
        // Once per attempt, from the socket up:
        let stack = AttemptTimeoutLayer.step(connections); // ends what takes too long
        let stack = OutlierLayer.step(stack); // decides the outcome, once
        let stack = BalanceLayer::from_route().step(stack); // breaker, endpoint, in-flight count
        // Once per request:
        let stack = RetryLayer::from_route()
            .replay_limit(self.replay_limit)
            .step(stack); // budget, back-off, replay
        let stack = TimeoutLayer::from_route().step(stack); // covers every try
        let stack = RouteLayer::new(&self.mesh)
            .replay_limit(self.replay_limit)
            .step(stack); // where to, and header changes
        let stack = ObserveLayer.step(stack); // telemetry, inherited deadline and trace
        Client {
            stack: Tower::new(stack, Arc::new(Arc::new(self.environment))),
            mesh: self.mesh,
        }
    }
}

impl<C: Step + 'static> Client<C> {
    /// Begins a request.
    pub fn request(
        &self,
        method: Method,
        uri: impl TryInto<Uri, Error: Into<http::Error>>,
    ) -> RequestBuilder<C> {
        RequestBuilder::new(self.clone(), method, uri)
    }

    /// Begins a GET.
    pub fn get(&self, uri: impl TryInto<Uri, Error: Into<http::Error>>) -> RequestBuilder<C> {
        self.request(Method::GET, uri)
    }

    /// Begins a POST.
    pub fn post(&self, uri: impl TryInto<Uri, Error: Into<http::Error>>) -> RequestBuilder<C> {
        self.request(Method::POST, uri)
    }

    /// Begins a PUT.
    pub fn put(&self, uri: impl TryInto<Uri, Error: Into<http::Error>>) -> RequestBuilder<C> {
        self.request(Method::PUT, uri)
    }

    /// Begins a DELETE.
    pub fn delete(&self, uri: impl TryInto<Uri, Error: Into<http::Error>>) -> RequestBuilder<C> {
        self.request(Method::DELETE, uri)
    }
}

impl<C> Client<C> {
    /// Tells where `request` would go now, and why. Nothing is sent, and nothing is changed.
    ///
    /// Where weights decide, a draw is made as for a real request.
    ///
    /// # Errors
    /// When the request names no host.
    pub fn explain<B>(&self, request: &Request<B>) -> Result<Explanation, Error> {
        let mut asked = Request::new(());
        *asked.method_mut() = request.method().clone();
        *asked.uri_mut() = request.uri().clone();
        *asked.headers_mut() = request.headers().clone();
        root_path(asked.uri_mut());
        let (mut head, dialled) = dialled(&asked)?;
        head.source = self.stack.source();
        let random = self.stack.random();
        let draw = random.next_u64();
        Ok(mesh_core::explain(
            &self.mesh.load(),
            &head,
            dialled,
            draw,
            now(),
            random,
        ))
    }

    /// The mesh this client belongs to.
    pub const fn mesh(&self) -> &Mesh {
        &self.mesh
    }
}

impl<C, B> Service<Request<B>> for Client<C>
where
    C: Step + 'static,
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
        self.stack.call(request)
    }
}

impl<C> Clone for Client<C> {
    fn clone(&self) -> Self {
        Self {
            stack: self.stack.clone(),
            mesh: self.mesh.clone(),
        }
    }
}

impl<C> fmt::Debug for Client<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("mesh", &self.mesh)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("mesh", &self.mesh)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use mesh_core::Seeded;

    use super::*;

    #[test]
    fn a_seeded_client_stands_for_the_same_caller_every_time() {
        let hashed = |seed| {
            let builder = Client::builder(&Mesh::new()).random(Seeded::new(seed));
            builder.environment.source.hashed
        };
        assert_eq!(hashed(1), hashed(1));
        assert_ne!(hashed(1), hashed(2));
    }
}
