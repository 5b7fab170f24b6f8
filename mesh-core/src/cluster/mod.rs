//! Endpoints, their health and load, and the choice among them.

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
