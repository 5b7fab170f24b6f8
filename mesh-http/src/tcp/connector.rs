//! The connector, as a value, a builder and a tower service.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use mesh_core::{Mesh, Random, TcpExplanation, explain_tcp, telemetry::Recorder};
use tower_service::Service;

use super::{Stream, Target, connect::connect};
use crate::{
    Error,
    call::{Environment, now},
};

/// Makes connections that go where the mesh says. A handle: clone it into each task.
///
/// It is a `tower::Service`, too, of targets, of texts and of URIs.
#[derive(Clone)]
pub struct Connector {
    mesh: Mesh,
    env: Arc<Environment>,
}

/// Makes a [`Connector`].
#[must_use]
pub struct ConnectorBuilder {
    mesh: Mesh,
    env: Environment,
}

impl Connector {
    /// A connector of `mesh` with the default settings.
    pub fn new(mesh: &Mesh) -> Self {
        Self::builder(mesh).build()
    }

    /// A connector with other settings.
    pub fn builder(mesh: &Mesh) -> ConnectorBuilder {
        ConnectorBuilder {
            mesh: mesh.clone(),
            env: Environment::default(),
        }
    }

    /// Connects to an endpoint for `target`.
    ///
    /// Takes at most `max_connect_attempts` times the cluster's `connect_timeout`, and no longer than
    /// the deadline of the inbound request that is served, if any: it bounds the connecting, not the
    /// stream. Dropping the future cancels.
    ///
    /// # Errors
    /// When there is no connection: no listener or chain for the target (NR), no such cluster (NC),
    /// no usable endpoint (UH), too many connections (UO), none that could be connected to (UF), or
    /// the inbound request's time ran out (UT).
    pub async fn connect<T>(&self, target: T) -> Result<Stream, Error>
    where
        T: TryInto<Target, Error: Into<Error>>,
    {
        let target = target.try_into().map_err(Into::into)?;
        connect(&self.mesh, &self.env, &target).await
    }

    /// Tells where a connection to `target` would go now, and why. Nothing is connected, and nothing
    /// is changed. Where weights decide, a draw is made as for a real connection.
    ///
    /// # Errors
    /// When `target` is none.
    pub fn explain<T>(&self, target: T) -> Result<TcpExplanation, Error>
    where
        T: TryInto<Target, Error: Into<Error>>,
    {
        let target: Target = target.try_into().map_err(Into::into)?;
        let random = &*self.env.random;
        let draw = random.next_u64();
        let snapshot = self.mesh.load();
        Ok(target.with_connection(|c| explain_tcp(&snapshot, c, draw, now(), random)))
    }

    /// The mesh this connector belongs to.
    pub const fn mesh(&self) -> &Mesh {
        &self.mesh
    }
}

impl ConnectorBuilder {
    /// Where telemetry goes; nowhere by default.
    pub fn recorder(mut self, recorder: impl Recorder + 'static) -> Self {
        self.env.recorder = Arc::new(recorder);
        self
    }

    /// Where randomness comes from: a thread-local generator by default, [`Seeded`](mesh_core::Seeded)
    /// in tests that must repeat.
    pub fn random(mut self, random: impl Random + 'static) -> Self {
        self.env.random = Arc::new(random);
        self
    }

    /// Builds the connector.
    pub fn build(self) -> Connector {
        Connector {
            mesh: self.mesh,
            env: Arc::new(self.env),
        }
    }
}

impl<T> Service<T> for Connector
where
    T: TryInto<Target, Error: Into<Error>>,
{
    type Response = Stream;
    type Error = Error;
    type Future = Connecting;

    /// Always ready: what a connection has to wait for depends on where it goes.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: T) -> Connecting {
        let connector = self.clone();
        let target = target.try_into().map_err(Into::into);
        Connecting(Box::pin(async move {
            connect(&connector.mesh, &connector.env, &target?).await
        }))
    }
}

/// The future of the [`Connector`] as a service.
pub struct Connecting(Pin<Box<dyn Future<Output = Result<Stream, Error>> + Send>>);

impl Future for Connecting {
    type Output = Result<Stream, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Connecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connecting")
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("mesh", &self.mesh)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ConnectorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectorBuilder")
            .field("mesh", &self.mesh)
            .finish_non_exhaustive()
    }
}
