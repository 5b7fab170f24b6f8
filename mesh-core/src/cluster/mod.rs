//! Endpoints, their health and load, and the choice among them.
//!
//! ```text
//!  policy::Cluster ──┐                        pick: one load of the set, no lock
//!                    ├─▶ Cluster ─ ArcSwap ─▶ EndpointSet ─▶ Group ─▶ priority ─▶ Picker ─▶ Endpoint
//!  assignment ───────┘      │                 (immutable)   (subset)  (loads)    (balancer)  (handle)
//!                           └─▶ ClusterState: breakers, ejections, by cluster name
//! ```
//!
//! A [`Cluster`] is one policy's runtime. What must survive a change of policy is in its
//! [`ClusterState`] (by cluster name) and its [`Endpoint`]s (by address), which the next `Cluster` of
//! the name takes over. `docs/architecture.md` says what survives what.
//!
//! Writers (assignments, ejections, reviews) take turns by the one lock of the cluster's name, build
//! a new set and swap it in. A pick never waits for it. An ejection first sets a flag in the
//! endpoint, which every pick checks, so not even a pick from the last set uses it.

use crate::{
    Slot,
    policy::{Address, Name},
};

/// A cluster's runtime.
#[derive(Debug)]
pub struct Cluster {
    name: Name,
    slot: Slot,
}

impl Cluster {
    /// A cluster.
    pub fn new(name: impl Into<Name>) -> Self {
        Self {
            name: name.into(),
            slot: Slot::default(),
        }
    }

    /// Its name.
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// For adapters.
    pub const fn slot(&self) -> &Slot {
        &self.slot
    }
}

/// An endpoint's runtime.
#[derive(Debug)]
pub struct Endpoint {
    address: Address,
    slot: Slot,
}

impl Endpoint {
    /// An endpoint.
    pub fn new(address: impl Into<Address>) -> Self {
        Self {
            address: address.into(),
            slot: Slot::default(),
        }
    }

    /// Where it listens.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// For adapters.
    pub const fn slot(&self) -> &Slot {
        &self.slot
    }
}
