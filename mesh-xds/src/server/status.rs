//! What operators see of a control plane.

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mesh_core::Note;
use tokio::sync::broadcast;

pub use super::session::TypeStatus;
use super::{
    session::{Session, Verdict},
    view::{Dialect, Node, View},
};
use crate::client::Protocol;

/// Events that somebody who listens may lag behind.
const EVENTS: usize = 1024;

/// The state of a control plane.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ControlPlaneStatus {
    /// Every stream that is open, in the order of their opening.
    pub nodes: Vec<NodeStatus>,
    /// What the configuration says and clients of a kind cannot be told, for each view in use.
    pub notes: Vec<(Dialect, Vec<Note>)>,
}

/// One stream.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeStatus {
    /// Who it is.
    pub node: Node,
    /// Where it is connected from.
    pub peer: SocketAddr,
    /// Which protocol it speaks.
    pub protocol: Protocol,
    /// Which kind of client it is taken for.
    pub dialect: Dialect,
    /// What it has asked for, and what it says of it.
    pub types: Vec<TypeStatus>,
    /// The version of the configuration ([`mesh_core::Status::version`]) that it was sent all of that it
    /// has asked for, and has answered; `None` while something is under way.
    pub synchronized: Option<u64>,
}

/// Something that happened to a node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeEvent {
    /// To whom.
    pub node: Arc<Node>,
    /// What.
    pub kind: NodeEventKind,
}

/// What may happen to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeEventKind {
    /// It has opened a stream.
    Connected {
        /// Which protocol it speaks.
        protocol: Protocol,
        /// Which kind of client it is taken for.
        dialect: Dialect,
    },
    /// It has accepted a response (ACK).
    Accepted {
        /// Of which type.
        type_url: String,
        /// In state of the world, of all its resources of the type; in delta, of the configuration.
        version: String,
    },
    /// It has rejected a response (NACK), in its own words.
    Rejected {
        /// Of which type.
        type_url: String,
        /// Why.
        why: String,
    },
    /// Its stream has ended.
    Disconnected {
        /// Why, if not by itself.
        why: Option<String>,
    },
}

impl fmt::Display for NodeEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = match &*self.node.id {
            "" => "(a node without a name)",
            id => id,
        };
        let kind = |url: &str| url.rsplit('.').next().unwrap_or(url).to_owned();
        match &self.kind {
            NodeEventKind::Connected { protocol, dialect } => {
                let agent = &self.node.user_agent;
                write!(f, "{id}: connected ({agent}, as {dialect}, {protocol:?})")
            }
            NodeEventKind::Accepted { type_url, version } => {
                write!(f, "{id}: accepted {}@{version}", kind(type_url))
            }
            NodeEventKind::Rejected { type_url, why } => {
                write!(f, "{id}: REJECTED {}: {why}", kind(type_url))
            }
            NodeEventKind::Disconnected { why: None } => write!(f, "{id}: disconnected"),
            NodeEventKind::Disconnected { why: Some(why) } => {
                write!(f, "{id}: disconnected: {why}")
            }
        }
    }
}

/// All streams, as the tasks that serve them tell.
#[derive(Debug)]
pub(super) struct Registry {
    streams: Mutex<BTreeMap<u64, (View, NodeStatus)>>,
    events: broadcast::Sender<NodeEvent>,
}

impl Registry {
    pub(super) fn new() -> Self {
        Self {
            streams: Mutex::default(),
            events: broadcast::Sender::new(EVENTS),
        }
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<NodeEvent> {
        self.events.subscribe()
    }

    pub(super) fn status(&self) -> ControlPlaneStatus {
        let streams: Vec<_> = self.streams().values().cloned().collect();
        let mut views: Vec<&View> = Vec::new();
        for (view, _) in &streams {
            if views.iter().all(|known| !known.is(view)) {
                views.push(view);
            }
        }
        let notes = views.into_iter().map(|view| {
            let world = view.world();
            let notes = world.map(|world| world.notes()).unwrap_or_default();
            (view.dialect(), notes)
        });
        ControlPlaneStatus {
            notes: notes.collect(),
            nodes: streams.into_iter().map(|(_, status)| status).collect(),
        }
    }

    fn streams(&self) -> MutexGuard<'_, BTreeMap<u64, (View, NodeStatus)>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One stream's entry, for as long as it lasts.
#[derive(Debug)]
pub(super) struct Entry {
    registry: Arc<Registry>,
    id: u64,
    node: Arc<Node>,
    why: Option<String>,
}

impl Entry {
    pub(super) fn new(registry: Arc<Registry>, view: View, node: Node, of: Stream) -> Self {
        let dialect = view.dialect();
        let protocol = of.protocol;
        let status = NodeStatus {
            node: node.clone(),
            peer: of.peer,
            protocol,
            dialect,
            types: Vec::new(),
            synchronized: None,
        };
        let id = {
            let mut streams = registry.streams();
            let id = streams.last_key_value().map_or(0, |(last, _)| last + 1);
            streams.insert(id, (view, status));
            id
        };
        let entry = Self {
            registry,
            id,
            node: Arc::new(node),
            why: None,
        };
        entry.event(NodeEventKind::Connected { protocol, dialect });
        entry
    }

    pub(super) fn update(&self, session: &Session) {
        if let Some((_, status)) = self.registry.streams().get_mut(&self.id) {
            status.types = session.status();
            status.synchronized = session.synchronized();
        }
    }

    pub(super) fn verdict(&self, verdict: Verdict) {
        self.event(match verdict {
            Verdict::Accepted { type_url, version } => {
                NodeEventKind::Accepted { type_url, version }
            }
            Verdict::Rejected { type_url, why } => NodeEventKind::Rejected { type_url, why },
        });
    }

    /// Why the stream is about to end.
    pub(super) fn ends(&mut self, why: impl Into<String>) {
        self.why = Some(why.into());
    }

    fn event(&self, kind: NodeEventKind) {
        let node = self.node.clone();
        // Nobody need listen.
        let _ = self.registry.events.send(NodeEvent { node, kind });
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.registry.streams().remove(&self.id);
        let why = self.why.take();
        self.event(NodeEventKind::Disconnected { why });
    }
}

/// What is known of a stream besides its node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    pub(super) peer: SocketAddr,
    pub(super) protocol: Protocol,
}
