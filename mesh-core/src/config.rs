//! What a source says: plain policy, not yet checked as a whole.

use std::{collections::HashMap, sync::Arc};

use crate::policy::{self, ClusterLoadAssignment, Listener, Name, RouteConfiguration};

/// What a source publishes: the whole of it, every time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Where requests enter.
    pub listeners: Vec<Listener>,
    /// Named by the listeners.
    pub routes: Vec<Arc<RouteConfiguration>>,
    /// Named by the routes.
    pub clusters: Vec<Arc<policy::Cluster>>,
    /// Endpoints by cluster name. A cluster without an entry keeps the endpoints it has.
    pub assignments: HashMap<Name, Arc<ClusterLoadAssignment>>,
}

impl Config {
    /// One outbound listener for every port, with one route configuration.
    #[must_use]
    pub fn routing(mut self, routes: RouteConfiguration) -> Self {
        self.listeners
            .push(Listener::outbound(None, routes.name.clone()));
        self.routes.push(Arc::new(routes));
        self
    }

    /// Adds a listener, such as one of [`Listener::outbound_tcp`].
    #[must_use]
    pub fn listener(mut self, listener: Listener) -> Self {
        self.listeners.push(listener);
        self
    }

    /// Adds a cluster and its endpoints.
    #[must_use]
    pub fn cluster(
        mut self,
        cluster: policy::Cluster,
        endpoints: impl IntoIterator<Item = policy::Endpoint>,
    ) -> Self {
        self.assignments.insert(
            cluster.name.clone(),
            Arc::new(endpoints.into_iter().collect()),
        );
        self.clusters.push(Arc::new(cluster));
        self
    }
}
