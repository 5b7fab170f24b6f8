//! A cluster's endpoints as people ask about them.

use std::time::Instant;

use super::{
    AttemptCounts, Cluster, OutlierStats, PickArgs, PickError, members::Members, outlier::Book,
};
use crate::{
    Outcome,
    policy::{Address, HealthStatus, Locality, Metadata, Name, Origin},
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
    /// Attempts that have ended, by how.
    pub attempts: AttemptCounts,
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

impl Cluster {
    /// All endpoints, by priority.
    pub fn endpoints(&self) -> Vec<EndpointStatus> {
        let book = self.state.outlier.lock();
        let set = self.set.load();
        (0..)
            .take(set.members.len())
            .map(|row| self.status(&book, &set.members, row))
            .collect()
    }

    /// The endpoints that a pick with `args` chooses among (its subset), and whether any of its
    /// priorities is in panic.
    ///
    /// # Errors
    /// When the criteria name no subset.
    pub fn candidates(
        &self,
        args: &PickArgs<'_>,
    ) -> Result<(Vec<EndpointStatus>, bool), PickError> {
        let book = self.state.outlier.lock();
        let set = self.set.load();
        let Some(named) = set.members.named(args.criteria()) else {
            return Err(self.no_subset(&set.members, args));
        };
        let group = set.group(named);
        let endpoints = group
            .rows()
            .map(|row| self.status(&book, &set.members, row))
            .collect();
        Ok((endpoints, group.is_panicking()))
    }

    /// Ejections so far.
    pub fn outlier_stats(&self) -> OutlierStats {
        let book = self.state.outlier.lock();
        book.stats(self.set.load().ejected)
    }

    fn status(&self, book: &Book, members: &Members, row: u32) -> EndpointStatus {
        let (locality, endpoint) = members.policy(row);
        let handle = &members.endpoints[row as usize];
        let history = self.state.outlier.status(book, &endpoint.address);
        EndpointStatus {
            address: endpoint.address.clone(),
            hostname: endpoint.hostname.clone(),
            metadata: endpoint.metadata.clone(),
            weight: members.weights[row as usize],
            locality: locality.locality.clone(),
            priority: locality.priority,
            health: match (endpoint.health_status, history) {
                (_, Some(history)) if history.ejected => Health::Ejected {
                    until: history.until,
                },
                (HealthStatus::Healthy, _) => Health::Healthy,
                (HealthStatus::Degraded, _) => Health::Degraded,
                (HealthStatus::Unhealthy, _) => Health::Unhealthy,
            },
            ejections: history.map_or(0, |history| history.times),
            in_flight: handle.in_flight(),
            attempts: handle.attempts(),
            last_failure: handle.last_failure(),
            origin: endpoint.origin.clone(),
        }
    }
}
