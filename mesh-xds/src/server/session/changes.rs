//! What of a type has to be sent.

use std::{collections::BTreeMap, hash::BuildHasher, sync::Arc};

use foldhash::quality::FixedState;
use mesh_core::policy::Name;

use super::{Sent, Session, Type, Wildcard};
use crate::{
    client::{Kind, Protocol},
    server::world::{Resource, World},
};

/// Where messages are cut, in bytes, if what they hold need not be whole.
const CHUNK: usize = 1 << 20;

/// What is due.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// All that is there and wanted, of a state-of-the-world response that must be whole.
    whole: Option<BTreeMap<Name, Arc<Resource>>>,
    changed: Vec<(Name, Arc<Resource>)>,
    /// Names that are not there, and were not told so.
    absent: Vec<Name>,
    /// What the client has and is not there any more.
    gone: Vec<Name>,
    /// An answer is due though it says nothing.
    empty: bool,
}

impl Changes {
    pub(super) fn is_due(&self) -> bool {
        self.whole.is_some() || !self.changed.is_empty() || !self.absent.is_empty() || self.empty
    }

    pub(super) fn changed(&self) -> impl Iterator<Item = &(Name, Arc<Resource>)> {
        self.changed.iter()
    }
}

impl Session {
    /// What is due of `kind`. With `removals`, what is gone is, too.
    pub(super) fn changes(&self, kind: Kind, world: &World, removals: bool) -> Changes {
        let of = &self.known[kind as usize];
        let mut changes = Changes::default();
        if !of.asked || !of.fresh && of.again.is_empty() && of.seen == Some(world.stamp(kind)) {
            return changes;
        }
        let first = of.nonce.is_empty();
        let mut present = BTreeMap::new();
        if of.wildcard != Wildcard::No {
            let all = world.all(kind).iter();
            present.extend(all.map(|(name, resource)| (name.clone(), resource.clone())));
        }
        for name in &of.names {
            match world.get(kind, name) {
                Some(resource) => _ = present.insert(name.clone(), resource),
                None if !of.sent.contains_key(name) => changes.absent.push(name.clone()),
                None => {}
            }
        }
        let mut size = 0;
        for (name, resource) in &present {
            let sent = of.sent.get(name).and_then(Sent::version);
            if sent == Some(&resource.version) && !of.again.contains(name) {
                continue;
            }
            size += resource.any.value.len();
            changes.changed.push((name.clone(), resource.clone()));
            // The next message has the rest.
            if size > CHUNK && !(self.protocol == Protocol::Sotw && kind.is_whole()) {
                break;
            }
        }
        let had = of.sent.iter().filter(|(_, sent)| sent.version().is_some());
        let gone = had.filter(|(name, _)| !present.contains_key(*name));
        let mut gone: Vec<_> = gone.map(|(name, _)| name.clone()).collect();
        gone.sort();
        match self.protocol {
            Protocol::Delta => {
                changes.empty = first;
                if removals {
                    changes.absent.append(&mut gone);
                }
            }
            Protocol::Sotw if kind.is_whole() => {
                changes.absent.clear();
                let due = of.fresh || !changes.changed.is_empty() || removals && !gone.is_empty();
                if !removals {
                    // It is taken away later.
                    present.extend(gone.drain(..).filter_map(|name| match of.sent.get(&name) {
                        Some(Sent::Resource(old)) => Some((name, old.clone())),
                        _ => None,
                    }));
                }
                changes.whole = due.then_some(present);
                changes.gone = gone;
            }
            // Of these types, absence says nothing.
            Protocol::Sotw => {
                changes.absent.clear();
                changes.empty = first;
                if removals {
                    changes.gone = gone;
                }
            }
        }
        changes
    }
}

impl Type {
    /// Notes what a response says; yields its resources and removals.
    pub(super) fn sent_now(&mut self, changes: Changes) -> (Vec<(Name, Arc<Resource>)>, Vec<Name>) {
        self.fresh = false;
        self.seen = None;
        for name in &changes.absent {
            if self.names.contains(name) {
                self.sent.insert(name.clone(), Sent::Absent);
            } else {
                self.sent.remove(name);
            }
        }
        for name in &changes.gone {
            self.sent.remove(name);
        }
        let resources = match changes.whole {
            Some(whole) => {
                self.again.clear();
                whole.into_iter().collect()
            }
            None => changes.changed,
        };
        for (name, resource) in &resources {
            self.again.remove(name);
            let sent = Sent::Resource(resource.clone());
            self.sent.insert(name.clone(), sent);
        }
        (resources, changes.absent)
    }

    /// Nothing of this stamp is left to be sent, removals included.
    pub(super) fn synchronized(&mut self, stamp: u64, changes: Changes) {
        if self.asked {
            self.fresh = false;
            self.again.clear();
            self.seen = Some(stamp);
            for name in changes.gone {
                self.sent.remove(&name);
            }
        }
    }

    /// A version for all that was sent: equal for equal contents, in any order.
    pub(super) fn digest(&self) -> String {
        let hasher = FixedState::default();
        let parts = self.sent.iter().filter_map(|(name, sent)| {
            let version = sent.version()?;
            Some(hasher.hash_one((name, version)))
        });
        format!("{:016x}", parts.fold(0, u64::wrapping_add))
    }
}
