//! Everything a source publishes at once.

use std::{collections::HashMap, sync::Arc};

use mesh_core::policy::{Cluster, ClusterLoadAssignment, Listener, Name, RouteConfiguration};

/// A whole configuration, as `mesh_core::Config` takes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Where requests enter.
    pub listeners: Vec<Listener>,
    /// What listeners name.
    pub routes: Vec<Arc<RouteConfiguration>>,
    /// What routes name.
    pub clusters: Vec<Arc<Cluster>>,
    /// The clusters' endpoints.
    pub assignments: HashMap<Name, Arc<ClusterLoadAssignment>>,
}
