//! From listeners to endpoints: one consistent [`Config`] (gRFC A74).
//!
//! ```text
//!  LDS ──names──▶ RDS ──names──▶ CDS ──names──▶ EDS
//!   └──────────────┴──── in force ─┴─────────────┘──▶ Config
//! ```
//!
//! What a source sees of the resources is not what is *in force*: a new version of a listener, a route
//! configuration or a cluster comes into force once everything that it leads to is known, good or bad
//! (Envoy's warming); until then the version before stays. So whatever is published is whole, however
//! the updates are ordered, and one part that lags does not hold up the others. A cluster that was
//! deleted stays for as long as routes in force lead to it.
//!
//! Nothing is subscribed that nothing leads to, unless everything is asked for.

mod assemble;
mod references;
mod targets;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use mesh_core::policy::{ClusterLoadAssignment, Discovery, Name, RouteConfiguration};

use self::references::clusters_of;
pub(super) use self::targets::Targets;
use super::{
    ads::{Changes, KINDS, Kind, ProblemKind, State},
    authorities::Authorities,
};
use crate::resource::{Accepted, Cluster, Endpoints, Listener, Resource, Routes};

/// How long an update of routes waits for a cluster that a wildcard has not brought.
const HOLD: Duration = Duration::from_secs(15);

/// What is subscribed.
#[derive(Debug)]
pub(super) enum Scope {
    /// Every listener and every cluster, and what they lead to.
    All,
    /// What leads to these.
    Targets(Targets),
}

/// What a source has of the resources.
#[derive(Debug)]
pub(super) struct Cascade {
    pub(super) scope: Scope,
    wants: [HashSet<Name>; KINDS],
    listeners: BTreeMap<Name, Arc<Accepted>>,
    routes: HashMap<Name, Arc<Accepted>>,
    clusters: BTreeMap<Name, Arc<Accepted>>,
    /// The clusters that an EDS resource is for.
    users: HashMap<Name, Vec<Name>>,
    /// Since when updates of routes wait for a cluster that is not there.
    held: HashMap<Name, Instant>,
}

/// What one look at the resources has found.
#[derive(Debug, Default)]
pub(super) struct Look {
    wants: [HashSet<Name>; KINDS],
    /// What is not known yet, for people.
    pub(super) waiting: BTreeSet<String>,
    /// When to look again although nothing happened.
    pub(super) again: Option<Instant>,
    /// Routes that are used, and whether some are in force.
    seen_routes: HashMap<Name, bool>,
    /// Updates of routes that wait for a cluster that is not there.
    held: HashSet<Name>,
    /// Aggregate clusters that were looked into, and whether all of theirs are known; at first they are
    /// taken to be, for one may lead to itself.
    aggregates: HashMap<Name, bool>,
}

impl Look {
    fn want(&mut self, kind: Kind, name: &Name) {
        self.wants[kind as usize].insert(name.clone());
    }

    fn wait(&mut self, kind: Kind, name: &str) {
        self.waiting.insert(format!("{kind:?} `{name}`"));
    }
}

impl Cascade {
    pub(super) fn new(scope: Scope) -> Self {
        Self {
            scope,
            wants: Default::default(),
            listeners: BTreeMap::new(),
            routes: HashMap::new(),
            clusters: BTreeMap::new(),
            users: HashMap::new(),
            held: HashMap::new(),
        }
    }

    /// Brings into force what can be, and subscribes what that leads to.
    pub(super) fn update(&mut self, ads: &mut Authorities, now: Instant) -> Look {
        loop {
            let look = self.look(ads, now);
            if !self.subscribe(ads, &look, now) {
                return look;
            }
        }
    }

    /// Ends all subscriptions.
    pub(super) fn end(&mut self, ads: &mut Authorities, now: Instant) {
        self.subscribe(ads, &Look::default(), now);
    }

    /// Whether `changes` concern this source, and in more than endpoints. Endpoints alone are handed to
    /// `assign` at once.
    pub(super) fn changed(
        &self,
        changes: &Changes,
        ads: &Authorities,
        mut assign: impl FnMut(&Name, &Cluster, &Arc<crate::resource::Assignment>) -> bool,
    ) -> bool {
        let mut dirty = changes.general;
        for kind in Kind::ALL {
            let all = self.is_wildcard(kind);
            for name in &changes.names[kind as usize] {
                if !all && !self.wants[kind as usize].contains(name) {
                    continue;
                }
                let users = match kind {
                    Kind::ClusterLoadAssignment => self.users.get(name),
                    _ => None,
                };
                let (Some(users), Some(new)) = (users, assignment(ads, name)) else {
                    dirty = true;
                    continue;
                };
                for user in users {
                    let known = self.clusters.get(user).and_then(|a| cluster(a));
                    dirty |= !known.is_some_and(|c| assign(user, c, &new));
                }
            }
        }
        dirty
    }

    /// What has become of a listener that is wanted: it is in force, or why it will not be; `None`
    /// while that is open.
    pub(super) fn outcome(&self, ads: &Authorities, listener: &str) -> Option<Result<(), String>> {
        if self.listeners.contains_key(listener) {
            return Some(Ok(()));
        }
        match ads.state(Kind::Listener, listener) {
            State::Failed(problem) => Some(Err(problem.to_string())),
            // What it leads to may be lost.
            _ => ads.unreachable().map(|problem| Err(problem.to_string())),
        }
    }

    /// The EDS resources among `changes` whose endpoints are in force.
    pub(super) fn eds_in_use<'a>(&'a self, changes: &'a Changes) -> impl Iterator<Item = &'a Name> {
        let changed = changes.names[Kind::ClusterLoadAssignment as usize].iter();
        changed.filter(|name| self.users.contains_key(*name))
    }

    fn is_wildcard(&self, kind: Kind) -> bool {
        matches!(self.scope, Scope::All) && matches!(kind, Kind::Listener | Kind::Cluster)
    }

    fn look(&mut self, ads: &Authorities, now: Instant) -> Look {
        let mut look = Look::default();
        let names: Vec<Name> = match &self.scope {
            Scope::All => {
                for kind in [Kind::Listener, Kind::Cluster] {
                    if ads.is_waiting(kind) {
                        look.waiting.insert(format!("any {kind:?}"));
                    }
                }
                ads.entries(Kind::Listener)
                    .map(|(n, _)| n.clone())
                    .collect()
            }
            Scope::Targets(targets) => targets.listeners().cloned().collect(),
        };
        let before = std::mem::take(&mut self.listeners);
        for name in &names {
            if !self.is_wildcard(Kind::Listener) {
                look.want(Kind::Listener, name);
            }
            let new = match state(ads, Kind::Listener, name) {
                State::Ready(new) => new.clone(),
                State::Pending => {
                    look.wait(Kind::Listener, name);
                    continue;
                }
                State::Failed(_) | State::Absent => continue,
            };
            let old = before.get(name);
            let is_old = old.is_some_and(|old| Arc::ptr_eq(old, &new));
            let chosen = match self.settle(&mut look, ads, &new, old.is_some(), now) {
                false if !is_old => old.cloned().inspect(|old| {
                    // What is still in force needs what it leads to.
                    self.settle(&mut look, ads, old, true, now);
                }),
                _ => Some(new),
            };
            if let Some(chosen) = chosen {
                self.listeners.insert(name.clone(), chosen);
            }
        }
        self.routes
            .retain(|name, _| look.seen_routes.contains_key(name));
        self.held.retain(|name, _| look.held.contains(name));
        self.look_at_clusters(&mut look, ads);
        look
    }

    /// Whether what a listener leads to is known.
    fn settle(
        &mut self,
        look: &mut Look,
        ads: &Authorities,
        listener: &Accepted,
        has_old: bool,
        now: Instant,
    ) -> bool {
        let Some(of) = listener_of(listener) else {
            return true;
        };
        let mut known = true;
        for cluster in of.tcp_clusters() {
            // Without one that a wildcard does not have, connections fail and say so.
            known &= self.is_known(look, ads, cluster).unwrap_or(true);
        }
        let routes_known = match of.routes() {
            Some(Routes::Rds(name)) => self.settle_routes(look, ads, name, now),
            Some(Routes::Inline(routes)) => {
                self.lead_to_known(look, ads, &listener.name, routes, has_old, now)
            }
            None => true,
        };
        known && routes_known
    }

    /// Brings routes into force once their clusters are known. Whether there are some in force, or
    /// there certainly are none.
    fn settle_routes(
        &mut self,
        look: &mut Look,
        ads: &Authorities,
        name: &Name,
        now: Instant,
    ) -> bool {
        if let Some(settled) = look.seen_routes.get(name) {
            return *settled;
        }
        look.want(Kind::RouteConfiguration, name);
        let old = self.routes.get(name).cloned();
        let settled = match state(ads, Kind::RouteConfiguration, name) {
            State::Pending => {
                look.wait(Kind::RouteConfiguration, name);
                false
            }
            State::Failed(_) | State::Absent => {
                self.routes.remove(name);
                true
            }
            State::Ready(new) => {
                let has_old = old.is_some();
                let known = routes_of(new)
                    .is_none_or(|routes| self.lead_to_known(look, ads, name, routes, has_old, now));
                if known {
                    self.routes.insert(name.clone(), new.clone());
                } else if let Some(old) = old.as_deref().and_then(routes_of) {
                    clusters_of(old, |cluster| {
                        self.is_known(look, ads, cluster);
                    });
                }
                known || has_old
            }
        };
        look.seen_routes.insert(name.clone(), settled);
        settled
    }

    /// Whether all clusters that routes lead to are known.
    fn lead_to_known(
        &mut self,
        look: &mut Look,
        ads: &Authorities,
        name: &Name,
        routes: &RouteConfiguration,
        has_old: bool,
        now: Instant,
    ) -> bool {
        let (mut known, mut absent) = (true, None);
        clusters_of(routes, |cluster| match self.is_known(look, ads, cluster) {
            Some(is_known) => known &= is_known,
            None => absent = Some(cluster.clone()),
        });
        let is_new = self.routes.get(name).and_then(|r| routes_of(r)) != Some(routes);
        if let Some(absent) = absent.filter(|_| known && has_old && is_new) {
            // The cluster may be on its way: a control plane sends types in any order. What is in
            // force goes on, for a while.
            let until = *self.held.entry(name.clone()).or_insert(now) + HOLD;
            if now < until {
                look.again = Some(look.again.map_or(until, |at| at.min(until)));
                look.held.insert(name.clone());
                look.wait(Kind::Cluster, &absent);
                return false;
            }
        }
        known
    }

    /// Whether a cluster and its endpoints are known; `None` when a wildcard does not have it.
    fn is_known(&self, look: &mut Look, ads: &Authorities, name: &Name) -> Option<bool> {
        if !self.is_wildcard(Kind::Cluster) {
            look.want(Kind::Cluster, name);
        }
        match state(ads, Kind::Cluster, name) {
            State::Pending => {
                look.wait(Kind::Cluster, name);
                Some(false)
            }
            State::Absent => None,
            State::Failed(_) => Some(true),
            State::Ready(accepted) => Some(match cluster(accepted).map(|c| &c.endpoints) {
                Some(Endpoints::Eds(eds)) => {
                    look.want(Kind::ClusterLoadAssignment, eds);
                    !matches!(state(ads, Kind::ClusterLoadAssignment, eds), State::Pending)
                }
                Some(Endpoints::Others) => self.are_known(look, ads, name, others(accepted)),
                _ => true,
            }),
        }
    }

    /// Whether the clusters of an aggregate are known.
    fn are_known(
        &self,
        look: &mut Look,
        ads: &Authorities,
        aggregate: &Name,
        clusters: &[Name],
    ) -> bool {
        if let Some(known) = look.aggregates.get(aggregate) {
            return *known;
        }
        look.aggregates.insert(aggregate.clone(), true);
        let mut known = true;
        for cluster in clusters {
            // One that does not exist is passed over (A37).
            known &= self.is_known(look, ads, cluster).unwrap_or(true);
        }
        look.aggregates.insert(aggregate.clone(), known);
        known
    }

    /// Brings clusters into force once their endpoints are known.
    fn look_at_clusters(&mut self, look: &mut Look, ads: &Authorities) {
        let mut names: HashSet<Name> = match self.is_wildcard(Kind::Cluster) {
            true => ads.entries(Kind::Cluster).map(|(n, _)| n.clone()).collect(),
            false => look.wants[Kind::Cluster as usize].clone(),
        };
        // Routes in force may lead to what was deleted.
        for routes in self.routes_in_force() {
            clusters_of(&routes, |name| {
                names.insert(name.clone());
            });
        }
        for listener in self.listeners.values().filter_map(|l| listener_of(l)) {
            names.extend(listener.tcp_clusters().cloned());
        }
        let before = std::mem::take(&mut self.clusters);
        self.users.clear();
        let mut waiting: Vec<Name> = names.iter().cloned().collect();
        while let Some(name) = waiting.pop() {
            let old = before.get(&name);
            let chosen = match state(ads, Kind::Cluster, &name) {
                State::Ready(new) => match cluster(new).map(|c| &c.endpoints) {
                    Some(Endpoints::Eds(eds)) => {
                        look.want(Kind::ClusterLoadAssignment, eds);
                        let endpoints = state(ads, Kind::ClusterLoadAssignment, eds);
                        if matches!(endpoints, State::Pending) {
                            look.wait(Kind::ClusterLoadAssignment, eds);
                            old
                        } else {
                            Some(new)
                        }
                    }
                    Some(Endpoints::Others) => {
                        match self.are_known(look, ads, &name, others(new)) {
                            true => Some(new),
                            false => old,
                        }
                    }
                    _ => Some(new),
                },
                State::Failed(_) => None,
                State::Pending | State::Absent => old,
            };
            let Some(chosen) = chosen.cloned() else {
                continue;
            };
            match cluster(&chosen).map(|c| &c.endpoints) {
                Some(Endpoints::Eds(eds)) => {
                    look.want(Kind::ClusterLoadAssignment, eds);
                    let users = self.users.entry(eds.clone()).or_default();
                    users.push(name.clone());
                }
                Some(Endpoints::Others) => {
                    // Those of one in force are wanted, whatever a newer one says.
                    for child in others(&chosen) {
                        if !self.is_wildcard(Kind::Cluster) {
                            look.want(Kind::Cluster, child);
                        }
                        if names.insert(child.clone()) {
                            waiting.push(child.clone());
                        }
                    }
                }
                _ => {}
            }
            self.clusters.insert(name, chosen);
        }
    }

    /// The routes of listeners in force.
    fn routes_in_force(&self) -> Vec<Arc<RouteConfiguration>> {
        let inline = self.listeners.values().filter_map(|listener| {
            match listener_of(listener)?.routes()? {
                Routes::Inline(routes) => Some(routes.clone()),
                Routes::Rds(_) => None,
            }
        });
        let named = self
            .routes
            .values()
            .filter_map(|accepted| match &accepted.resource {
                Resource::RouteConfiguration(routes) => Some(routes.clone()),
                _ => None,
            });
        inline.chain(named).collect()
    }

    /// Subscribes what a look has found to be wanted, and nothing else. Whether some of it is known
    /// already, so that another look finds more.
    fn subscribe(&mut self, ads: &mut Authorities, look: &Look, now: Instant) -> bool {
        let mut more = false;
        for kind in Kind::ALL {
            let (new, old) = (&look.wants[kind as usize], &mut self.wants[kind as usize]);
            for name in new.difference(old) {
                ads.subscribe(kind, name, now);
                more |= !matches!(ads.state(kind, name), State::Pending);
            }
            for name in old.difference(new) {
                ads.unsubscribe(kind, name, now);
            }
            old.clone_from(new);
        }
        more
    }
}

/// A resource, where a control plane that cannot be reached may still send it.
fn state<'a>(ads: &'a Authorities, kind: Kind, name: &str) -> State<'a, Arc<Accepted>> {
    match ads.state(kind, name) {
        State::Failed(problem) if problem.kind == ProblemKind::Unreachable => State::Pending,
        state => state,
    }
}

fn listener_of(accepted: &Accepted) -> Option<&Listener> {
    match &accepted.resource {
        Resource::Listener(listener) => Some(listener),
        _ => None,
    }
}

fn routes_of(accepted: &Accepted) -> Option<&RouteConfiguration> {
    match &accepted.resource {
        Resource::RouteConfiguration(routes) => Some(routes),
        _ => None,
    }
}

fn cluster(accepted: &Accepted) -> Option<&Cluster> {
    match &accepted.resource {
        Resource::Cluster(cluster) => Some(cluster),
        _ => None,
    }
}

/// The clusters of an aggregate.
fn others(accepted: &Accepted) -> &[Name] {
    match cluster(accepted).map(|c| &c.policy.discovery) {
        Some(Discovery::Aggregate { clusters }) => clusters,
        _ => &[],
    }
}

/// The endpoints of an EDS resource, if there are some.
fn assignment(ads: &Authorities, eds: &str) -> Option<Arc<crate::resource::Assignment>> {
    match state(ads, Kind::ClusterLoadAssignment, eds) {
        State::Ready(accepted) => match &accepted.resource {
            Resource::ClusterLoadAssignment(assignment) => Some(assignment.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// No endpoints.
fn nothing() -> Arc<ClusterLoadAssignment> {
    Arc::default()
}
