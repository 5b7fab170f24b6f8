//! Endpoints, their health and load, and the choice among them.

/// A cluster's runtime.
#[derive(Debug)]
pub struct Cluster;
/// An endpoint's runtime.
#[derive(Debug)]
pub struct Endpoint;
