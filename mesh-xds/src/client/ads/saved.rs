//! What was saved by an earlier process: used while no server has answered.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use mesh_core::policy::Name;

use super::{Ads, Decode, Held, KINDS, Kind};

/// Resources by kind and name, each with its version.
pub(crate) type Saved<B> = [HashMap<Name, (Name, B)>; KINDS];

/// In place of a server.
pub(super) const SAVED: usize = usize::MAX;

/// How long servers may take to answer before what was saved is used, when none fails sooner.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// What there is for a time without servers.
pub(super) struct Store<D: Decode> {
    saved: Saved<D::Body>,
    /// When it is used; `None` while nothing is wanted.
    pub(super) at: Option<Instant>,
    in_use: bool,
}

impl<D: Decode> Ads<D> {
    /// Resources for a time in which no server answers. Once one has, they are no longer used for what
    /// is wanted from then on; those in use stay until the server says otherwise.
    pub(crate) fn save_for_later(&mut self, saved: Saved<D::Body>, now: Instant) {
        self.store = Some(Store {
            saved,
            at: self.has_begun().then(|| now + PATIENCE),
            in_use: false,
        });
    }

    /// Uses what was saved, for all that is wanted and missing.
    pub(super) fn restore(&mut self) {
        let Some(mut store) = self.store.take() else {
            return;
        };
        (store.in_use, store.at) = (true, None);
        for kind in Kind::ALL {
            let state = &mut self.kinds[kind as usize];
            let saved = &store.saved[kind as usize];
            let names: Vec<Name> = match state.wildcard {
                true => saved.keys().cloned().collect(),
                false => state.entries.keys().cloned().collect(),
            };
            if state.wildcard && !saved.is_empty() && !state.answered {
                state.answered = true;
                self.changes.general = true;
            }
            for name in names {
                self.restore_one(&store, kind, &name);
            }
        }
        self.store = Some(store);
    }

    /// The same for what is wanted later.
    pub(super) fn restore_late(&mut self, kind: Kind, name: &Name) {
        if let Some(store) = self.store.take_if(|store| store.in_use) {
            self.restore_one(&store, kind, name);
            self.store = Some(store);
        }
    }

    fn restore_one(&mut self, store: &Store<D>, kind: Kind, name: &Name) {
        let Some((version, body)) = store.saved[kind as usize].get(name) else {
            return;
        };
        let state = &mut self.kinds[kind as usize];
        let is_open = |entry: &super::Entry<D>| entry.is_pending();
        if !state.entries.get(name).map_or(state.wildcard, is_open) {
            return;
        }
        // What this version of the client rejects is as good as not saved.
        let Ok(resource) = self.decoder.decode(kind, body, version) else {
            return;
        };
        let entry = state.entries.entry(name.clone()).or_default();
        entry.held = Some(Held {
            resource,
            body: body.clone(),
            version: version.clone(),
            link: SAVED,
            at: self.now,
        });
        self.changes.names[kind as usize].push(name.clone());
    }
}
