//! An endpoint as people ask about it.

use std::time::Instant;

use crate::{
    Outcome,
    policy::{Address, Locality, Metadata, Name, Origin},
};

/// One endpoint of a cluster, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointStatus {
    /// Where it listens.
    pub address: Address,
    /// Its DNS name; may be empty.
    pub hostname: Name,
    /// Its labels.
    pub metadata: Metadata,
    /// Its weight.
    pub weight: u32,
    /// Its locality.
    pub locality: Locality,
    /// 0 is used first.
    pub priority: u32,
    /// Whether it is used.
    pub health: Health,
    /// How often it was ejected since it joined.
    pub ejections: u32,
    /// Requests under way.
    pub in_flight: u32,
    /// Its latest server error.
    pub last_failure: Option<Outcome>,
    /// Where it was configured.
    pub origin: Origin,
}

/// Whether an endpoint is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// Yes.
    Healthy,
    /// When too few are healthy.
    Degraded,
    /// No: reported so.
    Unhealthy,
    /// No: outlier detection took it out.
    Ejected {
        /// Comes back at the first review after this; `None` when that is beyond the clock.
        until: Option<Instant>,
    },
}
