//! Endpoints, their health and load, and the choice among them.

/// A cluster's runtime.
#[derive(Debug)]
pub struct Cluster(Arc<policy::Cluster>);
/// An endpoint's runtime.
#[derive(Debug)]
pub struct Endpoint;
use crate::policy::{self, ClusterLoadAssignment, Name};
use std::sync::Arc;
impl Cluster {
    pub fn new(
        p: Arc<policy::Cluster>,
        _a: Arc<ClusterLoadAssignment>,
        _prev: Option<&Cluster>,
    ) -> Self {
        Self(p)
    }
    pub fn policy(&self) -> &Arc<policy::Cluster> {
        &self.0
    }
    pub fn name(&self) -> &Name {
        &self.0.name
    }
    pub fn assign(&self, _a: Arc<ClusterLoadAssignment>) -> bool {
        false
    }
    pub fn assignment(&self) -> Arc<ClusterLoadAssignment> {
        Default::default()
    }
}
