//! A control plane of one's own: serves what a [`Mesh`] holds to any xDS v3 client.
//!
//! ```text
//!  Mesh ──snapshot──▶ View: World (encode) ──▶ Session ──▶ stream ──▶ Envoy, gRPC, XdsSource
//!                      one for each kind        one for each stream: SotW or delta
//! ```
//!
//! - `encode`: policy into protobuf, for each kind of client what it can be told; what it cannot is
//!   listed.
//! - `world`: all resources of one snapshot, with versions; what has not changed is not encoded again.
//! - `target`: what gRPC asks for by `host:port`.
//! - `session`: the protocol, without I/O and without a clock.
//! - `stream`, `serve`, `wire`: gRPC around it.
//! - [`View`], [`Views`]: what which node is shown.
//!
//! ```no_run
//! use mesh_xds::{FileSource, server::ControlPlane};
//!
//! # async fn main_() -> Result<(), Box<dyn std::error::Error>> {
//! let mesh = mesh_core::Mesh::new();
//! FileSource::new("mesh/").start(&mesh).await?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:18000").await?;
//! let serving = ControlPlane::new(&mesh).serve(listener);
//! // …
//! for node in serving.status().nodes {
//!     println!("{} {:?}", node.node.id, node.types);
//! }
//! serving.shutdown().await;
//! # Ok(()) }
//! ```

mod encode;
mod serve;
mod session;
mod status;
mod stream;
mod target;
mod view;
mod wire;
mod world;

use std::sync::Arc;

use mesh_core::{Mesh, Note};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, broadcast, watch},
    task::JoinHandle,
};

use self::{serve::Shared, status::Registry, view::ByAgent, world::World};
pub use self::{
    status::{ControlPlaneStatus, NodeEvent, NodeEventKind, NodeStatus, TypeStatus},
    view::{Dialect, Node, Sockets, View, Views},
};
use crate::{client::Kind, pb::protobuf::Any};

/// A control plane that is about to serve.
pub struct ControlPlane {
    views: Box<dyn Views>,
    max_connections: usize,
}

/// A control plane that serves, until it is shut down or dropped.
#[derive(Debug)]
pub struct Serving {
    shared: Arc<Shared>,
    task: Option<JoinHandle<()>>,
}

impl ControlPlane {
    /// Serves one mesh to all nodes, each in the words of its kind ([`Dialect::of`]). Envoys listen on
    /// 127.0.0.1, at the ports that the mesh has.
    pub fn new(mesh: &Mesh) -> Self {
        Self::with_views(ByAgent::new(mesh, Sockets::default()))
    }

    /// As [`new`](Self::new), with another place for Envoys to listen.
    pub fn with_sockets(mesh: &Mesh, sockets: Sockets) -> Self {
        Self::with_views(ByAgent::new(mesh, sockets))
    }

    /// Shows each node what `views` chooses for it.
    pub fn with_views(views: impl Views) -> Self {
        Self {
            views: Box::new(views),
            max_connections: 10_000,
        }
    }

    /// More connections wait until one ends. Default 10,000.
    #[must_use]
    pub const fn with_max_connections(mut self, max: usize) -> Self {
        self.max_connections = max;
        self
    }

    /// Serves those who connect to `listener`, in plain text. Until the mesh has a configuration,
    /// nobody is answered: an empty answer would take away what clients have.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn serve(self, listener: TcpListener) -> Serving {
        let shared = Arc::new(Shared {
            views: self.views,
            registry: Arc::new(Registry::new()),
            stop: watch::Sender::new(false),
            connections: Arc::new(Semaphore::new(self.max_connections.max(1))),
        });
        let task = Some(tokio::spawn(serve::run(listener, shared.clone())));
        Serving { shared, task }
    }
}

impl std::fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlPlane")
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

impl Serving {
    /// Who is connected, what they were sent and what they say of it; and what cannot be said to them.
    pub fn status(&self) -> ControlPlaneStatus {
        self.shared.registry.status()
    }

    /// Hears of nodes that come, go, accept and reject. Whoever does not listen for 1,024 events misses
    /// some, and is told how many.
    pub fn events(&self) -> broadcast::Receiver<NodeEvent> {
        self.shared.registry.subscribe()
    }

    /// Ends all streams, and waits for at most 2 s until they have.
    pub async fn shutdown(mut self) {
        self.shared.stop.send_replace(true);
        if let Some(task) = self.task.take() {
            // It does not panic, and nobody else ends it.
            let _ = task.await;
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.shared.stop.send_replace(true);
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// What clients of one kind are served of a mesh.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Served {
    /// Every resource that a wildcard stands for: clusters, endpoints, listeners, routes.
    pub resources: Vec<Any>,
    /// What the configuration says and they cannot be told.
    pub notes: Vec<Note>,
}

impl Served {
    /// Of what is in force in `mesh` now.
    pub fn of(mesh: &Mesh, dialect: Dialect) -> Self {
        let world = World::of(mesh.load(), dialect, None);
        let kinds = Kind::ALL.into_iter();
        let resources = kinds.flat_map(|kind| world.all(kind).values());
        Self {
            resources: resources.map(|resource| resource.any.clone()).collect(),
            notes: world.notes(),
        }
    }
}
