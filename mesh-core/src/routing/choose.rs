//! Which cluster a forwarding route sends a request to.

use super::{RequestHead, hash::request_hash, matching::integer};
use crate::policy::{ClusterSpecifier, ForwardAction, WeightedCluster};

/// A chosen cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterChoice<'a> {
    /// Its name; there may be no cluster of that name. Empty when a header should name it and is
    /// absent (or no UTF-8).
    pub name: &'a str,
    /// The weighted entry it was drawn as and that entry's index.
    pub weighted: Option<(usize, &'a WeightedCluster)>,
}

/// The cluster for a request; `None` when the route reads its name from a header that is absent
/// (or no UTF-8). `random` is the draw that also served the route's runtime fraction.
pub fn choose_cluster<'a>(
    action: &'a ForwardAction,
    head: &RequestHead<'a>,
    random: u64,
) -> Option<ClusterChoice<'a>> {
    let named_by = |header| std::str::from_utf8(head.header(header)?).ok();
    match &action.cluster {
        ClusterSpecifier::Cluster(name) => Some(ClusterChoice {
            name,
            weighted: None,
        }),
        ClusterSpecifier::ClusterHeader(header) => Some(ClusterChoice {
            name: named_by(header)?,
            weighted: None,
        }),
        ClusterSpecifier::Weighted(weighted) => {
            let index = weighted.pick(dictated(action, head).unwrap_or(random));
            let cluster = weighted.clusters().get(index)?;
            Some(ClusterChoice {
                name: match &cluster.cluster_header {
                    None => &cluster.name,
                    Some(header) => named_by(header).unwrap_or_default(),
                },
                weighted: Some((index, cluster)),
            })
        }
    }
}

/// The draw that `header_name` or the route's hash dictates; `None` when there is none, or the header
/// is no unsigned integer.
pub(super) fn dictated(action: &ForwardAction, head: &RequestHead<'_>) -> Option<u64> {
    let weighted = action.cluster.weighted()?;
    if weighted.use_hash_policy {
        return request_hash(&action.hash_policy, head, None).hash;
    }
    integer(head.header(weighted.header_name.as_ref()?)?)
}
