//! One client's stream, without I/O: what it asked for, what it was sent, and what is to be sent next.
//!
//! ```text
//!  request ──▶ ┌─────────┐
//!              │ Session │ ──next──▶ response
//!  world ────▶ └─────────┘
//! ```
//!
//! Responses are made when the stream can take one. Each type has at most one that is not answered yet
//! (ACK or NACK), so that however often the world changes, a slow client is sent the latest of it and
//! nothing queues up.
//!
//! Order, make before break: clusters, endpoints, listeners, routes. Routes wait until a client that
//! follows all clusters has the endpoints of those that are new to it; what is gone (but for listeners)
//! is taken away only when all that is new was answered. A changed cluster's endpoints and a changed
//! listener's routes are sent again, since Envoy waits for them anew.
//!
//! Rules: the xDS protocol's documentation ("xDS REST and gRPC protocol"), gRFC A27.

mod changes;
mod delta;
mod sotw;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use mesh_core::policy::Name;

use self::changes::Changes;
use super::world::{Resource, World};
use crate::client::{Kind, Protocol, ads::KINDS};

/// The names that one stream may ask for, of a type.
pub(crate) const MAX_NAMES: usize = 100_000;

/// The types that one stream may ask for though nothing serves them.
const MAX_OTHERS: usize = 16;

/// How long routes wait for the endpoints of new clusters, which a client may not want at all.
const WARMING: Duration = Duration::from_secs(5);

/// What is kept of a rejection's text.
const MAX_TEXT: usize = 4096;

/// A message from the client.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) type_url: String,
    /// Of the response that is accepted or rejected; empty when none is.
    pub(crate) nonce: String,
    /// Why that response is rejected.
    pub(crate) error: Option<String>,
    pub(crate) body: Body,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Sotw {
        /// All that is wanted.
        names: Vec<String>,
    },
    Delta {
        subscribe: Vec<String>,
        unsubscribe: Vec<String>,
        /// What the client has from another stream.
        versions: BTreeMap<String, String>,
    },
}

/// A message to the client.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) type_url: String,
    pub(crate) version: String,
    pub(crate) nonce: String,
    pub(crate) resources: Vec<(Name, Arc<Resource>)>,
    /// Delta only.
    pub(crate) removed: Vec<Name>,
}

/// A client's word on a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted { type_url: String, version: String },
    Rejected { type_url: String, why: String },
}

/// A request that ends the stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("more than {MAX_NAMES} names of `{0}` on one stream")]
    TooManyNames(String),
    #[error("more than {MAX_OTHERS} types that are not served, `{0}` among them")]
    TooManyTypes(String),
}

/// The state of one stream.
#[derive(Debug)]
pub(crate) struct Session {
    protocol: Protocol,
    world: Option<Arc<World>>,
    known: [Type; KINDS],
    others: BTreeMap<String, Type>,
    nonces: u64,
    /// The clusters that the client follows by wildcard and has no endpoints of yet, and until when
    /// they are waited for.
    warming: Option<(HashSet<Name>, Instant)>,
}

/// One type of resource on a stream.
#[derive(Debug, Default)]
pub(crate) struct Type {
    asked: bool,
    wildcard: Wildcard,
    names: BTreeSet<Name>,
    /// What the client was told.
    sent: HashMap<Name, Sent>,
    /// Sent once more, whatever the version.
    again: HashSet<Name>,
    /// What is wanted has changed since the last response.
    fresh: bool,
    /// The stamp of the world that is wholly sent.
    seen: Option<u64>,
    /// Of the latest response; empty before the first.
    nonce: String,
    /// The latest response is not answered yet.
    outstanding: bool,
    version: String,
    accepted: Option<String>,
    rejected: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Wildcard {
    #[default]
    No,
    /// The first request named nothing.
    Legacy,
    /// `*`
    Explicit,
}

#[derive(Debug)]
enum Sent {
    /// It is not there.
    Absent,
    /// The client says that it has it.
    Had(Name),
    Resource(Arc<Resource>),
}

impl Sent {
    fn version(&self) -> Option<&Name> {
        match self {
            Self::Absent => None,
            Self::Had(version) => Some(version),
            Self::Resource(resource) => Some(&resource.version),
        }
    }
}

/// One type, for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TypeStatus {
    /// Its URL.
    pub type_url: String,
    /// Whether all are wanted.
    pub wildcard: bool,
    /// How many are wanted by name.
    pub names: usize,
    /// How many the client was sent, and are still there.
    pub sent: usize,
    /// The version of the latest response that was accepted.
    pub accepted: Option<String>,
    /// Why the latest response was rejected; `None` once one is accepted.
    pub rejected: Option<String>,
    /// The latest response is not answered yet.
    pub pending: bool,
}

impl Type {
    /// Whether the client was sent it.
    fn has(&self, name: &Name) -> bool {
        self.sent.get(name).is_some_and(|s| s.version().is_some())
    }
}

impl Session {
    pub(crate) fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            world: None,
            known: std::array::from_fn(|_| Type::default()),
            others: BTreeMap::new(),
            nonces: 0,
            warming: None,
        }
    }

    /// What is to be served from now on.
    pub(crate) fn set_world(&mut self, world: Arc<World>) {
        self.world = Some(world);
        self.warmed();
    }

    /// Takes a request; tells what it says of an earlier response.
    pub(crate) fn request(&mut self, request: Request) -> Result<Option<Verdict>, Refused> {
        let Request {
            type_url,
            nonce,
            error,
            body,
        } = request;
        let kind = Kind::from_type_url(&type_url);
        let of = match kind {
            Some(kind) => &mut self.known[kind as usize],
            None => {
                let full = self.others.len() >= MAX_OTHERS;
                if full && !self.others.contains_key(&type_url) {
                    return Err(Refused::TooManyTypes(type_url));
                }
                self.others.entry(type_url.clone()).or_default()
            }
        };
        let is_whole = kind.is_some_and(Kind::is_whole);
        let answers = of.outstanding && nonce == of.nonce;
        match body {
            // What it wants now comes with the answer to the latest response.
            Body::Sotw { .. } if of.asked && !nonce.is_empty() && nonce != of.nonce => {
                return Ok(None);
            }
            Body::Sotw { names } => of.ask(is_whole, &names),
            Body::Delta {
                subscribe,
                unsubscribe,
                versions,
            } => of.change(is_whole, &subscribe, &unsubscribe, versions),
        }
        if of.names.len() > MAX_NAMES {
            return Err(Refused::TooManyNames(type_url));
        }
        if !answers {
            return Ok(None);
        }
        of.outstanding = false;
        let verdict = match error {
            Some(why) => {
                let why = bounded(why);
                of.rejected = Some(why.clone());
                Verdict::Rejected { type_url, why }
            }
            None => {
                of.rejected = None;
                of.accepted = Some(of.version.clone());
                Verdict::Accepted {
                    type_url,
                    version: of.version.clone(),
                }
            }
        };
        if kind == Some(Kind::ClusterLoadAssignment) {
            self.warmed();
        }
        Ok(Some(verdict))
    }

    /// The next response, if one is due.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Response> {
        let world = self.world.clone()?;
        if let Some(nothing) = self.nothing() {
            return Some(nothing);
        }
        if self
            .warming
            .as_ref()
            .is_some_and(|(_, until)| *until <= now)
        {
            self.warming = None;
        }
        for kind in Kind::ALL {
            let of = &self.known[kind as usize];
            let waits = matches!(kind, Kind::Listener | Kind::RouteConfiguration)
                && self.warming.is_some()
                && !of.nonce.is_empty();
            if waits {
                return None;
            }
            let changes = self.changes(kind, &world, kind == Kind::Listener);
            if changes.is_due() {
                return self.respond(kind, &world, changes, now);
            }
        }
        if self.known.iter().any(|of| of.outstanding) {
            return None;
        }
        for kind in Kind::ALL.into_iter().rev() {
            let changes = self.changes(kind, &world, true);
            if changes.is_due() {
                return self.respond(kind, &world, changes, now);
            }
            self.known[kind as usize].synchronized(world.stamp(kind), changes);
        }
        None
    }

    /// When [`next`](Self::next) is to be asked again though nothing happens.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.warming.as_ref().map(|(_, until)| *until)
    }

    /// The version of the configuration that the client was sent all that it wants of, and has answered.
    pub(crate) fn synchronized(&self) -> Option<u64> {
        let world = self.world.as_ref()?;
        let is_done = |kind: Kind| {
            let of = &self.known[kind as usize];
            let is_sent = !of.fresh && of.again.is_empty() && of.seen == Some(world.stamp(kind));
            !of.asked || is_sent && !of.outstanding
        };
        let all = Kind::ALL.into_iter().all(is_done) && self.warming.is_none();
        all.then(|| world.version())
    }

    /// What operators see.
    pub(crate) fn status(&self) -> Vec<TypeStatus> {
        let known = Kind::ALL.map(|kind| (kind.type_url(), &self.known[kind as usize]));
        let others = self.others.iter().map(|(url, of)| (url.clone(), of));
        let asked = known.into_iter().chain(others).filter(|(_, of)| of.asked);
        let status = asked.map(|(type_url, of)| TypeStatus {
            type_url,
            wildcard: of.wildcard != Wildcard::No,
            names: of.names.len(),
            sent: of.sent.values().filter(|s| s.version().is_some()).count(),
            accepted: of.accepted.clone(),
            rejected: of.rejected.clone(),
            pending: of.outstanding,
        });
        status.collect()
    }

    /// `None` while the response before is not answered.
    fn respond(
        &mut self,
        kind: Kind,
        world: &World,
        changes: Changes,
        now: Instant,
    ) -> Option<Response> {
        let of = &mut self.known[kind as usize];
        if of.outstanding {
            return None;
        }
        let first = of.nonce.is_empty();
        let followed = matches!((kind, of.wildcard), (Kind::Cluster, w) if w != Wildcard::No);
        let mut led_to = Vec::new();
        let mut new = HashSet::new();
        for (name, resource) in changes.changed() {
            match of.sent.get(name).and_then(Sent::version) {
                Some(version) if *version != resource.version => {
                    led_to.extend_from_slice(&resource.leads_to);
                }
                None if followed && !first => new.extend(resource.leads_to.iter().cloned()),
                _ => {}
            }
        }
        self.nonces += 1;
        of.nonce = self.nonces.to_string();
        of.outstanding = true;
        let (resources, removed) = of.sent_now(changes);
        of.version = match self.protocol {
            Protocol::Sotw => of.digest(),
            Protocol::Delta => world.version().to_string(),
        };
        let response = Response {
            type_url: kind.type_url(),
            version: of.version.clone(),
            nonce: of.nonce.clone(),
            resources,
            removed,
        };
        let next = match kind {
            Kind::Cluster => Kind::ClusterLoadAssignment,
            _ => Kind::RouteConfiguration,
        };
        if matches!(kind, Kind::Cluster | Kind::Listener) {
            let next = &mut self.known[next as usize];
            let wanted = led_to.into_iter().filter(|n| next.sent.contains_key(n));
            let wanted: Vec<_> = wanted.collect();
            next.again.extend(wanted);
        }
        let endpoints = &self.known[Kind::ClusterLoadAssignment as usize];
        new.retain(|name| !endpoints.has(name));
        if !new.is_empty() {
            let warming = self.warming.get_or_insert_with(|| (HashSet::new(), now));
            warming.0.extend(new);
            warming.1 = now + WARMING;
        }
        Some(response)
    }

    /// Forgets the new clusters whose endpoints the client has, or that are gone again.
    fn warmed(&mut self) {
        let kind = Kind::ClusterLoadAssignment;
        let (of, world) = (&self.known[kind as usize], self.world.as_ref());
        let is_there = |name: &Name| world.is_some_and(|world| world.all(kind).contains_key(name));
        if let Some((clusters, _)) = &mut self.warming {
            clusters.retain(|name| is_there(name) && !of.has(name));
            if clusters.is_empty() {
                self.warming = None;
            }
        }
    }

    /// An answer for a type that nothing serves, so that nobody waits for it.
    fn nothing(&mut self) -> Option<Response> {
        let due = |(_, of): &(&String, &mut Type)| of.fresh && !of.outstanding;
        let (type_url, of) = self.others.iter_mut().find(due)?;
        self.nonces += 1;
        of.fresh = false;
        of.nonce = self.nonces.to_string();
        of.outstanding = true;
        let removed = match self.protocol {
            Protocol::Delta => of.names.iter().cloned().collect(),
            Protocol::Sotw => Vec::new(),
        };
        Some(Response {
            type_url: type_url.clone(),
            version: String::new(),
            nonce: of.nonce.clone(),
            resources: Vec::new(),
            removed,
        })
    }
}

fn bounded(mut text: String) -> String {
    let end = (0..=MAX_TEXT).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or(0));
    text
}
