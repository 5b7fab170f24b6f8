//! What a node is shown: a mesh, in the words of that kind of client.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use mesh_core::{
    Mesh,
    policy::{Listener, Locality},
};
use serde_json::{Map, Value};
use tokio::{
    sync::watch,
    task::{JoinHandle, spawn_blocking},
};

use super::world::World;

/// What a client says of itself (`envoy.config.core.v3.Node`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// Its name; may be empty, and need not be unique.
    pub id: String,
    /// The service that it belongs to.
    pub cluster: String,
    /// Whatever it says besides.
    pub metadata: Map<String, Value>,
    /// Where it runs.
    pub locality: Locality,
    /// Its software, such as `envoy` or `gRPC Go`.
    pub user_agent: String,
}

/// The kinds of clients, which understand different parts of xDS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// Envoy: everything, by wildcard. Listeners are sockets.
    Envoy(Sockets),
    /// gRPC's own clients (`xds:///host:port`): what is asked for by name. Listeners have no sockets
    /// (`api_listener`), and only what gRPC knows is said.
    Grpc,
    /// This crate's client, and any other: both by name and by wildcard. Listeners have the ports that
    /// callers dial.
    Mesh,
}

/// Where an Envoy listens for its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sockets {
    /// The address. Default 127.0.0.1.
    pub address: IpAddr,
    /// Added to the port that callers dial without a mesh; above 0 when those ports are taken. Default 0.
    pub port_offset: u16,
    /// The port of the listener for every port, if there is one. Default 15001.
    pub any_port: u16,
}

impl Default for Sockets {
    fn default() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST.into(),
            port_offset: 0,
            any_port: 15001,
        }
    }
}

impl Sockets {
    /// Where the listener is, or why nowhere.
    fn of(&self, listener: &Listener) -> Result<SocketAddr, String> {
        let port = match listener.port {
            None => self.any_port,
            Some(port) => port.checked_add(self.port_offset).ok_or_else(|| {
                format!("its port {port} and {} more is no port", self.port_offset)
            })?,
        };
        if listener.hosts.is_empty() {
            return Ok((self.address, port).into());
        }
        // Connections carry no host, so that an address must tell which is meant.
        let addresses = listener.hosts.iter().filter_map(|host| host.parse().ok());
        let own = addresses.into_iter().find(IpAddr::is_loopback);
        own.map(|ip| (ip, port).into()).ok_or_else(|| {
            "it is for connections to its hosts alone, and none is a loopback address to listen at"
                .to_owned()
        })
    }
}

impl Dialect {
    /// By what the client calls itself.
    pub fn of(node: &Node) -> Self {
        let agent = node.user_agent.to_ascii_lowercase();
        match &*agent {
            "envoy" => Self::Envoy(Sockets::default()),
            agent if agent.starts_with("grpc") => Self::Grpc,
            _ => Self::Mesh,
        }
    }

    /// Where a listener of a wildcard is, or why it is not served.
    pub(crate) fn socket(&self, listener: &Listener) -> Result<SocketAddr, String> {
        match self {
            Self::Envoy(sockets) => sockets.of(listener),
            Self::Grpc => Err("gRPC asks for listeners by name".to_owned()),
            Self::Mesh if listener.hosts.is_empty() => {
                Ok((Ipv4Addr::UNSPECIFIED, listener.port.unwrap_or(0)).into())
            }
            Self::Mesh => {
                Err("it is for connections to its hosts alone, which xDS cannot say".into())
            }
        }
    }

    /// Whether listeners are found by `host:port`.
    pub(crate) const fn has_targets(&self) -> bool {
        matches!(self, Self::Grpc | Self::Mesh)
    }

    /// Whether a wildcard of listeners has any.
    pub(crate) const fn has_sockets(&self) -> bool {
        matches!(self, Self::Envoy(_) | Self::Mesh)
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Envoy(_) => "Envoy",
            Self::Grpc => "gRPC",
            Self::Mesh => "mesh",
        })
    }
}

/// Chooses a view for each node that connects.
///
/// Any closure is one. Views are made once and handed out as clones: the nodes of one view share its
/// resources.
pub trait Views: Send + Sync + 'static {
    /// What `node` is shown for as long as its stream lasts.
    fn view(&self, node: &Node) -> View;
}

impl<F: Fn(&Node) -> View + Send + Sync + 'static> Views for F {
    fn view(&self, node: &Node) -> View {
        self(node)
    }
}

/// One mesh for all, in each one's words.
#[derive(Debug)]
pub(super) struct ByAgent {
    envoy: View,
    grpc: View,
    mesh: View,
}

impl ByAgent {
    pub(super) fn new(mesh: &Mesh, sockets: Sockets) -> Self {
        Self {
            envoy: View::new(mesh, Dialect::Envoy(sockets)),
            grpc: View::new(mesh, Dialect::Grpc),
            mesh: View::new(mesh, Dialect::Mesh),
        }
    }
}

impl Views for ByAgent {
    fn view(&self, node: &Node) -> View {
        match Dialect::of(node) {
            Dialect::Envoy(_) => &self.envoy,
            Dialect::Grpc => &self.grpc,
            Dialect::Mesh => &self.mesh,
        }
        .clone()
    }
}

/// A mesh in the words of one kind of client. A handle: clones share everything.
#[derive(Clone)]
pub struct View(Arc<Shared>);

struct Shared {
    mesh: Mesh,
    dialect: Dialect,
    /// `None` until the mesh has a configuration: an answer before that would take away what clients
    /// have from a control plane before this one.
    world: watch::Sender<Option<Arc<World>>>,
    follower: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        let follower = self.follower.get_mut();
        if let Some(task) = follower.unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}

impl View {
    /// Of `mesh`, for clients of this kind.
    pub fn new(mesh: &Mesh, dialect: Dialect) -> Self {
        Self(Arc::new(Shared {
            mesh: mesh.clone(),
            dialect,
            world: watch::Sender::new(None),
            follower: Mutex::new(None),
        }))
    }

    /// For which kind of clients it is.
    pub fn dialect(&self) -> Dialect {
        self.0.dialect
    }

    /// The resources now and whenever they change. The first call starts to follow the mesh.
    pub(super) fn subscribe(&self) -> watch::Receiver<Option<Arc<World>>> {
        let receiver = self.0.world.subscribe();
        let mut follower = self
            .0
            .follower
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        follower.get_or_insert_with(|| {
            let versions = self.0.mesh.subscribe();
            let endpoints = self.0.mesh.subscribe_endpoints();
            tokio::spawn(follow(Arc::downgrade(&self.0), versions, endpoints))
        });
        receiver
    }

    /// The latest, if anybody has asked for it yet.
    pub(super) fn world(&self) -> Option<Arc<World>> {
        self.0.world.borrow().clone()
    }

    /// Whether two are one.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("dialect", &self.0.dialect)
            .finish_non_exhaustive()
    }
}

/// Encodes what has changed, for as long as somebody holds the view.
async fn follow(
    shared: Weak<Shared>,
    mut versions: watch::Receiver<u64>,
    mut endpoints: watch::Receiver<u64>,
) {
    loop {
        // What changes from here on is seen by the next turn.
        versions.borrow_and_update();
        endpoints.borrow_and_update();
        let turn = {
            let shared = shared.clone();
            move || shared.upgrade().map(|shared| shared.encode())
        };
        // Encoding a large mesh takes longer than a task may.
        if !matches!(spawn_blocking(turn).await, Ok(Some(()))) {
            return;
        }
        let changed = tokio::select! {
            changed = versions.changed() => changed,
            changed = endpoints.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}

impl Shared {
    fn encode(&self) {
        let snapshot = self.mesh.load();
        if snapshot.version() == 0 {
            return;
        }
        let previous = self.world.borrow().clone();
        let next = World::of(snapshot, self.dialect, previous.as_deref());
        self.world.send_replace(Some(Arc::new(next)));
    }
}
