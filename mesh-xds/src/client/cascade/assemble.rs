//! What is in force, as a [`Config`].

use std::{collections::HashMap, sync::Arc};

use mesh_core::{
    Config, Note, NoteKind,
    policy::{Name, Origin, RouteConfiguration},
};

use super::{
    Cascade, Endpoints, Listener, Routes, Scope, assignment, cluster, listener_of, nothing,
    routes_of,
};
use crate::{
    client::{ads::Kind, authorities::Authorities},
    resource::{Accepted, Finding, Resources},
};

impl Cascade {
    /// What to publish, and what of it cannot be used.
    pub(in crate::client) fn config(&self, ads: &Authorities) -> (Config, Vec<String>) {
        let (mut config, problems) = match &self.scope {
            Scope::All => self.listeners_by_port(),
            Scope::Targets(targets) => targets.config(self),
        };
        self.add_clusters(&mut config, ads);
        (config, problems)
    }

    /// A port belongs to the first listener that names it.
    fn listeners_by_port(&self) -> (Config, Vec<String>) {
        let mut problems = Vec::new();
        let mut ports: HashMap<Option<u16>, &Name> = HashMap::new();
        let mut resources = Resources::default();
        for (name, listener) in self
            .listeners
            .iter()
            .filter_map(|(n, l)| Some((n, listener_of(l)?)))
        {
            if let Some(first) = ports.get(&listener.port) {
                let port = listener
                    .port
                    .map_or_else(|| "any".to_owned(), |p| p.to_string());
                problems.push(format!(
                    "Listener `{name}` is not used: `{first}` has its port ({port}) already"
                ));
                continue;
            }
            ports.insert(listener.port, name);
            if let Some(Routes::Rds(rds)) = listener.routes()
                && resources.routes.iter().all(|r| r.name != *rds)
            {
                resources.routes.push(self.routes_or_none(rds));
            }
            resources.listeners.push(listener.clone());
        }
        (resources.config(), problems)
    }

    /// The routes in force; without any, such requests are answered 404 (NR), as Envoy does it.
    fn routes_or_none(&self, name: &Name) -> Arc<RouteConfiguration> {
        match self.routes.get(name).map(|r| &r.resource) {
            Some(crate::resource::Resource::RouteConfiguration(routes)) => routes.clone(),
            _ => Arc::new(RouteConfiguration::new(name.clone(), Vec::new())),
        }
    }

    /// The routes of a listener; `None` when it takes no requests.
    pub(super) fn routes_for(&self, listener: &Listener) -> Option<Arc<RouteConfiguration>> {
        Some(match listener.routes()? {
            Routes::Rds(rds) => self.routes_or_none(rds),
            Routes::Inline(routes) => routes.clone(),
        })
    }

    pub(super) fn has_routes(&self, listener: &Listener) -> bool {
        match listener.routes() {
            Some(Routes::Rds(name)) => self
                .routes
                .get(name)
                .is_some_and(|r| routes_of(r).is_some()),
            Some(Routes::Inline(_)) => true,
            None => false,
        }
    }

    /// The fields that have no effect, of all that is in force; with the EDS resources among that.
    pub(in crate::client) fn notes(
        &self,
        ads: &Authorities,
        notes: &mut Vec<Note>,
    ) -> HashMap<Name, Arc<Accepted>> {
        let eds = Kind::ClusterLoadAssignment;
        let assigned = self.users.keys();
        let assigned: HashMap<Name, Arc<Accepted>> = assigned
            .filter_map(|name| Some((name.clone(), ads.ready(eds, name)?.clone())))
            .collect();
        let of_kind = |kind: Kind, accepted: &Accepted, notes: &mut Vec<Note>| {
            notes.extend(accepted.ignored.iter().map(|finding| {
                let origin = Origin::Xds {
                    kind: kind.short_name().into(),
                    resource: accepted.name.clone(),
                    version: accepted.version.clone(),
                };
                let Finding { field, message, .. } = finding;
                Note::new(NoteKind::Ignored, origin, field.clone(), message.clone())
            }));
        };
        for accepted in self.listeners.values() {
            of_kind(Kind::Listener, accepted, notes);
        }
        for accepted in self.routes.values() {
            of_kind(Kind::RouteConfiguration, accepted, notes);
        }
        for accepted in self.clusters.values() {
            of_kind(Kind::Cluster, accepted, notes);
        }
        for accepted in assigned.values() {
            of_kind(eds, accepted, notes);
        }
        assigned
    }

    fn add_clusters(&self, config: &mut Config, ads: &Authorities) {
        let mut resources = Resources::default();
        let mut without = Vec::new();
        for cluster in self.clusters.values().filter_map(|a| cluster(a)) {
            if let Endpoints::Eds(eds) = &cluster.endpoints {
                match assignment(ads, eds) {
                    Some(assignment) => {
                        resources.assignments.insert(eds.clone(), assignment);
                    }
                    None => without.push(cluster.policy.name.clone()),
                }
            }
            resources.clusters.push(cluster.clone());
        }
        let clusters = resources.config();
        config.clusters = clusters.clusters;
        config.assignments = clusters.assignments;
        for name in without {
            config.assignments.insert(name, nothing());
        }
    }
}
