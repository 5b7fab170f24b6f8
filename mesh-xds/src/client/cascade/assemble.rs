//! What is in force, as a [`Config`].

use std::{collections::HashMap, sync::Arc};

use mesh_core::{
    Config,
    policy::{Name, RouteConfiguration},
};

use super::{
    Cascade, Endpoints, Listener, Routes, Scope, assignment, cluster, listener_of, nothing,
    routes_of,
};
use crate::{client::authorities::Authorities, resource::Resources};

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

    /// One listener and its routes, alone.
    pub(super) fn alone(&self, listener: &Listener) -> Config {
        let mut resources = Resources::default();
        if let Some(Routes::Rds(rds)) = listener.routes() {
            resources.routes.push(self.routes_or_none(rds));
        }
        resources.listeners.push(listener.clone());
        resources.config()
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
