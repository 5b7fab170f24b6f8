//! A server as the protocol wants it: it keeps what each stream has subscribed and been sent, takes
//! requests with an old nonce for stale, and pushes what changes. It also checks every request.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::*;

/// Resources by kind and name; the version counts changes.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) version: u64,
    pub(super) bodies: [BTreeMap<String, (u64, String)>; KINDS],
}

impl World {
    pub(super) fn set(&mut self, kind: Kind, name: &str, body: Option<String>) {
        self.version += 1;
        let bodies = &mut self.bodies[kind as usize];
        match body {
            Some(body) => bodies.insert(name.to_owned(), (self.version, body)),
            None => bodies.remove(name),
        };
    }
}

#[derive(Debug, Default)]
pub(super) struct Stream {
    protocol: Protocol,
    greeted: bool,
    watches: [ServerWatch; KINDS],
    nonces: u64,
    /// Sent, and not yet received.
    pub(super) queue: VecDeque<Response<String>>,
}

#[derive(Debug, Default)]
struct ServerWatch {
    begun: bool,
    wildcard: bool,
    names: BTreeSet<String>,
    nonce: String,
    /// Every response of this stream.
    sent: Vec<Sent>,
    /// What the client has, by version.
    has: BTreeMap<String, u64>,
    pushed: u64,
}

#[derive(Debug)]
struct Sent {
    nonce: String,
    version: String,
    in_order: bool,
    rejected: bool,
}

impl Stream {
    pub(super) fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            ..Self::default()
        }
    }

    pub(super) fn receive(&mut self, request: Request, world: &World) {
        assert_eq!(
            request.first, !self.greeted,
            "the node is in the first request only"
        );
        self.greeted = true;
        let watch = &mut self.watches[request.kind as usize];
        if !request.nonce.is_empty() {
            let mut sent = watch.sent.iter_mut();
            let sent = sent
                .find(|s| s.nonce == *request.nonce)
                .expect("a nonce of mine");
            sent.rejected |= request.error.is_some();
            // A rejection's nonce may be used again, by a change of subscription.
            assert_eq!(sent.rejected, !sent.in_order, "a wrong answer: {request:?}");
        }
        match request.body.clone() {
            RequestBody::Sotw { version, names } => self.sotw(&request, &version, names, world),
            RequestBody::Delta {
                subscribe,
                unsubscribe,
                initial_versions,
            } => {
                for (name, version) in initial_versions {
                    assert!(!watch.begun);
                    // An unknown one is out of date.
                    let version = version.parse().unwrap_or(u64::MAX);
                    watch.has.insert(name.to_string(), version);
                }
                watch.wildcard |= !watch.begun && subscribe.is_empty();
                watch.begun = true;
                for name in unsubscribe {
                    assert!(watch.names.remove(&*name), "`{name}` was not subscribed");
                    watch.has.remove(&*name);
                }
                for name in subscribe {
                    assert!(
                        watch.names.insert(name.to_string()),
                        "`{name}` is asked for again"
                    );
                }
                self.push(request.kind, world);
            }
        }
    }

    fn sotw(&mut self, request: &Request, version: &str, names: Vec<Name>, world: &World) {
        let watch = &mut self.watches[request.kind as usize];
        let up_to = watch.sent.iter().position(|s| s.nonce == *request.nonce);
        let mut received = watch.sent.iter().take(up_to.map_or(0, |at| at + 1));
        if let Some(accepted) = received.rfind(|s| s.in_order) {
            assert_eq!(
                version, accepted.version,
                "the version is the last that was accepted"
            );
        }
        if watch.begun && *request.nonce != *watch.nonce {
            return; // Stale.
        }
        let count = names.len();
        let names: BTreeSet<String> = names.iter().map(|n| n.to_string()).collect();
        assert_eq!(names.len(), count, "names twice");
        watch.wildcard |= !watch.begun && names.is_empty();
        let first = !std::mem::replace(&mut watch.begun, true);
        let added = names.iter().any(|n| !watch.names.contains(n));
        let dropped = watch.names.difference(&names);
        for name in dropped {
            watch.has.remove(name);
        }
        watch.names = names;
        let is_current = version.parse() == Ok(world.version);
        if first && !is_current || added {
            self.respond(request.kind, world);
        } else {
            self.push(request.kind, world);
        }
    }

    /// Sends what the client does not have.
    pub(super) fn push(&mut self, kind: Kind, world: &World) {
        let watch = &self.watches[kind as usize];
        if !watch.begun {
            return;
        }
        match self.protocol {
            Protocol::Sotw if watch.pushed < world.version => self.respond(kind, world),
            Protocol::Sotw => {}
            Protocol::Delta => self.push_delta(kind, world),
        }
    }

    fn respond(&mut self, kind: Kind, world: &World) {
        let watch = &mut self.watches[kind as usize];
        watch.pushed = world.version;
        let bodies = world.bodies[kind as usize].iter();
        let wanted = bodies.filter(|(name, _)| watch.wildcard || watch.names.contains(*name));
        let raw = wanted.map(|(_, (_, body))| Raw {
            name: None,
            version: None,
            body: body.clone(),
        });
        let raw = raw.collect();
        self.send(kind, &world.version.to_string(), raw, Vec::new());
    }

    fn push_delta(&mut self, kind: Kind, world: &World) {
        let watch = &mut self.watches[kind as usize];
        let bodies = &world.bodies[kind as usize];
        let mut resources = Vec::new();
        for (name, (version, body)) in bodies {
            let wanted = watch.wildcard || watch.names.contains(name);
            if wanted && watch.has.get(name) != Some(version) {
                watch.has.insert(name.clone(), *version);
                resources.push(Raw {
                    name: Some(name.as_str().into()),
                    version: Some(version.to_string().into()),
                    body: body.clone(),
                });
            }
        }
        let gone = watch.has.keys().filter(|n| !bodies.contains_key(*n));
        let gone: Vec<String> = gone.cloned().collect();
        watch.has.retain(|n, _| bodies.contains_key(n));
        if !resources.is_empty() || !gone.is_empty() {
            let removed = gone.iter().map(|n| n.as_str().into()).collect();
            self.send(kind, &world.version.to_string(), resources, removed);
        }
    }

    /// Sends anything, as it is.
    pub(super) fn send(
        &mut self,
        kind: Kind,
        version: &str,
        resources: Vec<Raw<String>>,
        removed: Vec<Name>,
    ) {
        self.nonces += 1;
        let watch = &mut self.watches[kind as usize];
        if !watch.begun {
            return;
        }
        watch.nonce = format!("{kind:?}-{}", self.nonces);
        let mut names = BTreeSet::new();
        let in_order = resources.iter().all(|raw| {
            let name = Toy.name(kind, &raw.body);
            raw.body.contains('=') && name.is_some_and(|n| !n.is_empty() && names.insert(n))
        });
        watch.sent.push(Sent {
            nonce: watch.nonce.clone(),
            version: version.to_owned(),
            in_order,
            rejected: false,
        });
        self.queue.push_back(Response {
            type_url: kind.type_url(),
            version: version.into(),
            nonce: watch.nonce.as_str().into(),
            resources,
            removed,
            errors: Vec::new(),
        });
    }
}
