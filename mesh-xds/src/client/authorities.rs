//! All authorities that a client speaks to (A47): an [`Ads`] for each.

use std::{collections::HashMap, sync::Arc, time::Instant};

use mesh_core::{Random, policy::Name};

use super::{
    ads::{
        Ads, Changes, Entry, Kind, Options, Problem, ProblemKind, Protocol, Saved, ServerOptions,
        State,
    },
    decoder::Decoder,
    secure::Security,
};
use crate::{
    bootstrap::{Bootstrap, Server},
    pb::{discovery::Resource, protobuf::Any},
    resource::Accepted,
};

/// The authorities of a bootstrap; 0 is that of names without one.
#[derive(Debug)]
pub(super) struct Authorities {
    pub(super) all: Vec<Authority>,
    index: HashMap<Arc<str>, usize>,
    unknown: Problem,
}

#[derive(Debug)]
pub(super) struct Authority {
    pub(super) ads: Ads<Decoder>,
    pub(super) servers: Vec<Server>,
    /// By server; kept, for it has what was read last.
    pub(super) security: Vec<Option<Arc<Security>>>,
}

impl Authorities {
    pub(super) fn new(
        bootstrap: &Bootstrap,
        protocol: Protocol,
        wildcard: &[Kind],
        random: &Arc<dyn Random>,
        now: Instant,
    ) -> Self {
        let authority = |servers: &[Server], wildcard: &[Kind], only_reachable| {
            let options = servers.iter().map(|s| ServerOptions {
                uri: s.uri.to_string(),
                fail_on_data_errors: s.features.fail_on_data_errors,
                resource_timer_is_transient_error: s.features.resource_timer_is_transient_error,
            });
            let options = Options {
                protocol,
                servers: options.collect(),
                wildcard: wildcard.to_vec(),
                fallback_on_reachability_only: only_reachable,
            };
            Authority {
                ads: Ads::new(Decoder, options, random.clone(), now),
                servers: servers.to_vec(),
                security: servers.iter().map(Security::of).collect(),
            }
        };
        let mut all = vec![authority(&bootstrap.servers, wildcard, false)];
        let mut index = HashMap::new();
        for (name, entry) in &bootstrap.authorities {
            let servers = bootstrap.servers_of(Some(name)).unwrap_or_default();
            index.insert(name.clone(), all.len());
            all.push(authority(servers, &[], entry.fallback_on_reachability_only));
        }
        Self {
            all,
            index,
            unknown: Problem {
                kind: ProblemKind::DoesNotExist,
                message: "the bootstrap does not have the authority of its name".to_owned(),
            },
        }
    }

    /// Which authority a name is of.
    fn of(&self, name: &str) -> Option<usize> {
        match name.strip_prefix("xdstp://") {
            None => Some(0),
            Some(rest) => {
                let authority = rest.split('/').next().unwrap_or_default();
                self.index.get(authority).copied()
            }
        }
    }

    pub(super) fn subscribe(&mut self, kind: Kind, name: &Name, now: Instant) {
        if let Some(index) = self.of(name) {
            self.all[index].ads.subscribe(kind, name, now);
        }
    }

    pub(super) fn unsubscribe(&mut self, kind: Kind, name: &Name, now: Instant) {
        if let Some(index) = self.of(name) {
            self.all[index].ads.unsubscribe(kind, name, now);
        }
    }

    pub(super) fn state(&self, kind: Kind, name: &str) -> State<'_, Arc<Accepted>> {
        match self.of(name) {
            Some(index) => self.all[index].ads.state(kind, name),
            None => State::Failed(&self.unknown),
        }
    }

    /// The resource in use, if there is one.
    pub(super) fn ready(&self, kind: Kind, name: &str) -> Option<&Arc<Accepted>> {
        match self.state(kind, name) {
            State::Ready(accepted) => Some(accepted),
            _ => None,
        }
    }

    /// Hands out what was saved by an earlier process, by the authority of its name.
    pub(super) fn save_for_later(&mut self, saved: Saved<Any>, now: Instant) {
        let mut parts: Vec<Saved<Any>> = self.all.iter().map(|_| Saved::default()).collect();
        for (kind, resources) in saved.into_iter().enumerate() {
            for (name, resource) in resources {
                if let Some(index) = self.of(&name) {
                    parts[index][kind].insert(name, resource);
                }
            }
        }
        for (authority, part) in self.all.iter_mut().zip(parts) {
            authority.ads.save_for_later(part, now);
        }
    }

    /// Every resource in use, as it came.
    pub(super) fn held(&self) -> impl Iterator<Item = Resource> {
        let entries = Kind::ALL.into_iter().flat_map(|kind| self.entries(kind));
        entries.filter_map(|(name, entry)| {
            let held = entry.held()?;
            Some(Resource {
                name: name.to_string(),
                version: held.version.to_string(),
                resource: Some(held.body.clone()),
                ..Resource::default()
            })
        })
    }

    /// All resources of a type that are known.
    pub(super) fn entries(&self, kind: Kind) -> impl Iterator<Item = (&Name, &Entry<Decoder>)> {
        self.all.iter().flat_map(move |a| a.ads.entries(kind))
    }

    /// Whether a wildcard is still to be answered.
    pub(super) fn is_waiting(&self, kind: Kind) -> bool {
        self.all.iter().any(|a| a.ads.is_waiting(kind))
    }

    /// Why some control plane cannot be reached.
    pub(super) fn unreachable(&self) -> Option<&Problem> {
        self.all.iter().find_map(|a| a.ads.unreachable())
    }

    pub(super) fn take_changes(&mut self) -> Changes {
        let mut all = Changes::default();
        for authority in &mut self.all {
            let changes = authority.ads.take_changes();
            all.general |= changes.general;
            for (all, new) in all.names.iter_mut().zip(changes.names) {
                all.extend(new);
            }
        }
        all
    }
}
