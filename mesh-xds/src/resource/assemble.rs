//! Resources into one [`Config`]: listeners find their routes, clusters their endpoints.

use std::{collections::HashMap, sync::Arc};

use mesh_core::{
    Config,
    policy::{Name, RouteConfiguration},
};

use super::{Assignment, Cluster, Endpoints, Listener, Routes};

/// All resources of a source.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    /// Listeners.
    pub listeners: Vec<Listener>,
    /// Route configurations that listeners name.
    pub routes: Vec<Arc<RouteConfiguration>>,
    /// Clusters.
    pub clusters: Vec<Cluster>,
    /// Endpoints by the name that EDS clusters have for them.
    pub assignments: HashMap<Name, Arc<Assignment>>,
}

impl Resources {
    /// What to publish. A listener whose routes are missing stays in, so that publishing says so.
    pub fn config(&self) -> Config {
        let mut config = Config::default();
        let by_name: HashMap<_, _> = self.routes.iter().map(|r| (&r.name, r)).collect();
        let mut added = HashMap::new();
        for listener in &self.listeners {
            let (name, found) = match listener.routes() {
                None => (Name::default(), None),
                Some(Routes::Rds(name)) => {
                    let found = by_name.get(name).copied().cloned();
                    (name.clone(), found)
                }
                Some(Routes::Inline(routes)) if routes.name.is_empty() => {
                    (listener.name.clone(), Some(routes.clone()))
                }
                Some(Routes::Inline(routes)) => (routes.name.clone(), Some(routes.clone())),
            };
            let name = match found {
                Some(routes) => add(&mut config, &mut added, &listener.name, name, routes),
                None => name,
            };
            config.listeners.push(listener.policy(name));
        }
        for cluster in &self.clusters {
            self.add_cluster(&mut config, cluster);
        }
        config
    }

    fn add_cluster(&self, config: &mut Config, cluster: &Cluster) {
        let mut policy = cluster.policy.clone();
        let endpoints = match &cluster.endpoints {
            Endpoints::Static(endpoints) => Some(endpoints.clone()),
            Endpoints::Eds(name) => self.assignments.get(name).map(|assignment| {
                if let Some(factor) = assignment.overprovisioning_factor {
                    Arc::make_mut(&mut policy).overprovisioning_factor = factor;
                }
                Arc::new(assignment.endpoints.clone())
            }),
            Endpoints::Dns | Endpoints::Others => None,
        };
        if let Some(endpoints) = endpoints {
            config.assignments.insert(policy.name.clone(), endpoints);
        }
        config.clusters.push(policy);
    }
}

/// Adds routes under a name that no others have; returns the name. `added` has the place of each.
fn add(
    config: &mut Config,
    added: &mut HashMap<Name, usize>,
    listener: &str,
    name: Name,
    routes: Arc<RouteConfiguration>,
) -> Name {
    let (mut name, mut routes) = (name, routes);
    while let Some(&taken) = added.get(&name) {
        if config.routes[taken] == routes {
            return name;
        }
        name = format!("{name}@{listener}").into();
    }
    if routes.name != name {
        Arc::make_mut(&mut routes).name = name.clone();
    }
    added.insert(name.clone(), config.routes.len());
    config.routes.push(routes);
    name
}
