//! Aggregate clusters: others, the preferred first.
//!
//! An aggregate has no endpoints. What is sent to it goes to one of its clusters, by that cluster's own
//! balancer, limits and outlier detection: to the first, and as far as too few endpoints are healthy
//! there, to the next ones (`envoy.extensions.clusters.aggregate`, gRFC A37 and A75). Shares are those
//! that Envoy has for priorities: all priorities of the first cluster stand before those of the second.

use std::{collections::HashSet, time::Instant};

use crate::{
    cluster::Cluster,
    mix,
    policy::{self, Discovery, Name},
};

/// The clusters of an aggregate, by place, those of aggregates among them included. Each is there once;
/// one that does not exist is passed over.
pub(crate) fn leaves(
    aggregate: &Name,
    aggregate_of: impl Fn(&Name) -> Option<Vec<Name>>,
    place: impl Fn(&Name) -> Option<usize>,
) -> Vec<usize> {
    let (mut seen, mut all) = (HashSet::from([aggregate.clone()]), Vec::new());
    // The next one last.
    let mut waiting = aggregate_of(aggregate).unwrap_or_default();
    waiting.reverse();
    while let Some(name) = waiting.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        match aggregate_of(&name) {
            Some(children) => waiting.extend(children.into_iter().rev()),
            None => all.extend(place(&name)),
        }
    }
    all
}

/// What a policy says of its clusters, if it is an aggregate.
pub(crate) fn clusters_of(policy: &policy::Cluster) -> Option<&[Name]> {
    match &policy.discovery {
        Discovery::Aggregate { clusters } => Some(clusters),
        _ => None,
    }
}

/// The cluster that takes a request; `None` when there is none.
pub(crate) fn choose<'c>(
    leaves: &[usize],
    cluster: impl Fn(usize) -> &'c Cluster,
    draw: u64,
    now: Instant,
) -> Option<usize> {
    let available = |&leaf: &usize| u64::from(cluster(leaf).availability(now));
    // Nearly always the first has enough.
    let first = *leaves.first()?;
    if available(&first) >= 100 {
        return Some(first);
    }
    let total = leaves.iter().map(available).sum::<u64>().min(100);
    if total == 0 {
        // Whoever is there may panic; the first that has endpoints at all.
        let known = |&&leaf: &&usize| cluster(leaf).has_endpoints();
        return Some(*leaves.iter().find(known).unwrap_or(&first));
    }
    // Not the draw itself, which has already chosen among weighted clusters.
    let mut left = mix(draw) % total;
    for leaf in leaves {
        let share = available(leaf);
        if left < share {
            return Some(*leaf);
        }
        left -= share;
    }
    // An ejection came in between.
    Some(first)
}
