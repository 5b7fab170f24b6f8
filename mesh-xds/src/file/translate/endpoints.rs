//! The endpoints of a service port, dealt out to its clusters.

use std::{collections::BTreeMap, sync::Arc};

use mesh_core::policy::{
    ClusterLoadAssignment, Endpoint, Locality, LocalityEndpoints, Metadata, Name,
};

use super::locality::{Failover, priorities};
use crate::registry::{ServiceKey, Services};

/// The endpoints behind one service port and the clusters that share them: enough to make the
/// assignments again when only registrations change.
#[derive(Debug)]
pub(crate) struct EndpointGroup {
    configured: Vec<(Locality, Endpoint)>,
    keys: Vec<ServiceKey>,
    clusters: Vec<Part>,
}

/// A cluster and which endpoints it has.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) cluster: Name,
    /// Carried by its endpoints.
    pub(super) labels: Metadata,
    /// Ranks them.
    pub(super) failover: Option<Failover>,
}

impl EndpointGroup {
    pub(super) fn new(
        configured: Vec<(Locality, Endpoint)>,
        keys: Vec<ServiceKey>,
        clusters: Vec<Part>,
    ) -> Self {
        Self {
            configured,
            keys,
            clusters,
        }
    }

    /// Whether registrations may join it.
    pub(super) fn is_registered(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Whether the registrations under `key` are here.
    pub(crate) fn has(&self, key: &ServiceKey) -> bool {
        self.keys.contains(key)
    }

    /// The clusters' endpoints. One address is one endpoint: the first to name it counts.
    pub(crate) fn assignments(
        &self,
        registered: &Services,
    ) -> Vec<(Name, Arc<ClusterLoadAssignment>)> {
        let of_registry = self.keys.iter().filter_map(|key| registered.get(key));
        let mut all: Vec<(&Locality, &Endpoint)> =
            self.configured.iter().map(|(l, e)| (l, e)).collect();
        for workloads in of_registry {
            all.extend(workloads.iter().map(|w| (&w.locality, &w.endpoint)));
        }
        let mut seen = std::collections::HashSet::new();
        all.retain(|(_, endpoint)| seen.insert(&endpoint.address));
        self.clusters
            .iter()
            .map(|part| (part.cluster.clone(), Arc::new(assignment(&all, part))))
            .collect()
    }
}

fn assignment(all: &[(&Locality, &Endpoint)], part: &Part) -> ClusterLoadAssignment {
    let mut localities: BTreeMap<(u32, &Locality), Vec<Endpoint>> = BTreeMap::new();
    for (locality, endpoint) in all {
        if endpoint.metadata.contains_all(&part.labels) {
            let rank = part.failover.as_ref();
            let rank = rank.map_or(0, |f| f.rank(locality, &endpoint.metadata));
            let endpoints = localities.entry((rank, *locality)).or_default();
            endpoints.push((*endpoint).clone());
        }
    }
    let priorities = priorities(localities.keys().map(|(rank, _)| *rank));
    ClusterLoadAssignment {
        localities: localities
            .into_iter()
            .map(|((rank, locality), endpoints)| LocalityEndpoints {
                locality: locality.clone(),
                priority: priorities[&rank],
                endpoints,
                ..LocalityEndpoints::default()
            })
            .collect(),
    }
}
