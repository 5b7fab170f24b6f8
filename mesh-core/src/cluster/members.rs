//! What an assignment says, laid out for picks: which endpoints, in which priority and subset.
//!
//! Changes with the assignment or the policy. What follows from health is in the
//! [endpoint set](super::endpoint_set), which is rebuilt far more often.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::Arc,
};

use foldhash::fast::FixedState;

use super::{
    endpoint::Endpoint,
    subset::{Criteria, Fallback, Subset, SubsetIndex},
};
use crate::policy::{self, Address, ClusterLoadAssignment, HealthStatus, LocalityEndpoints};

/// All endpoints of a cluster. Row `n` is the same endpoint in every slice; rows are ordered by
/// priority, then as the assignment lists them.
#[derive(Debug)]
pub(super) struct Members {
    pub(super) assignment: Arc<ClusterLoadAssignment>,
    pub(super) endpoints: Box<[Arc<Endpoint>]>,
    pub(super) weights: Box<[u32]>,
    rows: Box<[Row]>,
    by_address: HashMap<Address, u32, FixedState>,
    subsets: Option<SubsetIndex>,
}

#[derive(Debug)]
struct Row {
    priority: u32,
    health_status: HealthStatus,
    /// Where the assignment has it: locality, then endpoint.
    place: (usize, usize),
}

/// The endpoints that criteria name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Named {
    All,
    /// By place.
    Subset(usize),
    DefaultSubset,
}

impl Members {
    /// `handle` finds or makes the endpoint of an address and hostname.
    pub(super) fn new(
        cluster: &policy::Cluster,
        assignment: Arc<ClusterLoadAssignment>,
        handle: impl Fn(&policy::Endpoint) -> Arc<Endpoint>,
    ) -> Self {
        let mut found = Vec::new();
        let mut seen = HashSet::with_hasher(FixedState::default());
        for (at, locality) in assignment.localities.iter().enumerate() {
            for (nth, endpoint) in locality.endpoints.iter().enumerate() {
                // Of one address in one priority, Envoy keeps the first.
                if seen.insert((locality.priority, &endpoint.address)) {
                    found.push((locality.priority, (at, nth), endpoint));
                }
            }
        }
        found.sort_by_key(|(priority, ..)| *priority);
        // A row number is 32 bits.
        found.truncate(u32::MAX as usize);

        let mut endpoints: Vec<Arc<Endpoint>> = Vec::with_capacity(found.len());
        let mut by_address = HashMap::with_capacity_and_hasher(found.len(), FixedState::default());
        for (row, (_, _, endpoint)) in (0_u32..).zip(&found) {
            let unhealthy = endpoint.health_status == HealthStatus::Unhealthy;
            match by_address.entry(endpoint.address.clone()) {
                Entry::Vacant(entry) => {
                    let handle = handle(endpoint);
                    handle.set_reported_unhealthy(unhealthy);
                    entry.insert(row);
                    endpoints.push(handle);
                }
                // The same address in another priority: one handle, as healthy as the worst.
                Entry::Occupied(first) => {
                    let handle = endpoints[*first.get() as usize].clone();
                    if unhealthy {
                        handle.set_reported_unhealthy(true);
                    }
                    endpoints.push(handle);
                }
            }
        }
        let subsets = cluster
            .subsets
            .as_ref()
            .map(|policy| SubsetIndex::new(policy, found.iter().map(|(_, _, endpoint)| *endpoint)));
        let weights = found.iter().map(|(_, _, e)| e.weight.max(1)).collect();
        let rows = found
            .iter()
            .map(|(priority, place, endpoint)| Row {
                priority: *priority,
                health_status: endpoint.health_status,
                place: *place,
            })
            .collect();
        Self {
            endpoints: endpoints.into(),
            weights,
            rows,
            by_address,
            subsets,
            assignment,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The handle of an address.
    pub(super) fn find(&self, address: &Address) -> Option<&Arc<Endpoint>> {
        let row = *self.by_address.get(address)?;
        self.endpoints.get(row as usize)
    }

    pub(super) fn priority(&self, row: u32) -> u32 {
        self.rows[row as usize].priority
    }

    pub(super) fn health_status(&self, row: u32) -> HealthStatus {
        self.rows[row as usize].health_status
    }

    /// What the assignment says of a row.
    pub(super) fn policy(&self, row: u32) -> (&LocalityEndpoints, &policy::Endpoint) {
        let (locality, endpoint) = self.rows[row as usize].place;
        let locality = &self.assignment.localities[locality];
        (locality, &locality.endpoints[endpoint])
    }

    /// What hashing balancers know a row by: the endpoint's `hash_key` in the metadata `envoy.lb`,
    /// else its hostname where asked for, else its address.
    pub(super) fn hash_key(&self, row: u32, use_hostname: bool) -> Cow<'_, str> {
        let (_, endpoint) = self.policy(row);
        match (endpoint.metadata.get("hash_key"), &endpoint.address) {
            (Some(key), _) if !key.is_empty() => key.into(),
            _ if use_hostname => (&*endpoint.hostname).into(),
            (_, Address::Unix(path)) => path.to_string_lossy(),
            (_, address) => address.to_string().into(),
        }
    }

    /// Which endpoints criteria name; `None` when no subset does and there is no fallback.
    pub(super) fn named(&self, criteria: Criteria<'_>) -> Option<Named> {
        let Some(index) = &self.subsets else {
            return Some(Named::All);
        };
        if !criteria.is_empty()
            && let Some(place) = index.find(criteria)
        {
            return Some(Named::Subset(place));
        }
        match index.fallback.as_ref()? {
            Fallback::All => Some(Named::All),
            Fallback::Rows(rows) if rows.is_empty() => None,
            Fallback::Rows(_) => Some(Named::DefaultSubset),
        }
    }

    /// All subsets, by place.
    pub(super) fn subsets(&self) -> impl Iterator<Item = &Subset> {
        self.subsets.iter().flat_map(SubsetIndex::iter)
    }

    /// The place that a subset of other members has here.
    pub(super) fn find_subset(&self, subset: &Subset) -> Option<usize> {
        self.subsets.as_ref()?.find_same(subset)
    }

    /// The default subset's rows.
    pub(super) fn default_subset(&self) -> Option<&[u32]> {
        match self.subsets.as_ref()?.fallback.as_ref()? {
            Fallback::Rows(rows) => Some(rows),
            Fallback::All => None,
        }
    }
}
