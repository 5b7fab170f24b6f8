//! Which cluster a forwarding route sends a request to.

use super::{RequestHead, matching::integer};
use crate::policy::{ClusterSpecifier, ForwardAction, WeightedCluster, WeightedClusters};

/// A chosen cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterChoice<'a> {
    /// Its name; there may be no cluster of that name.
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
    match &action.cluster {
        ClusterSpecifier::Cluster(name) => Some(ClusterChoice {
            name,
            weighted: None,
        }),
        ClusterSpecifier::ClusterHeader(header) => Some(ClusterChoice {
            name: std::str::from_utf8(head.header(header)?).ok()?,
            weighted: None,
        }),
        ClusterSpecifier::Weighted(weighted) => {
            let index = weighted.pick(draw_in_header(weighted, head).unwrap_or(random));
            weighted.clusters().get(index).map(|cluster| ClusterChoice {
                name: &cluster.name,
                weighted: Some((index, cluster)),
            })
        }
    }
}

/// The draw that `header_name` dictates; `None` when there is none or it is no unsigned integer.
pub(super) fn draw_in_header(weighted: &WeightedClusters, head: &RequestHead<'_>) -> Option<u64> {
    integer(head.header(weighted.header_name.as_ref()?)?)
}
