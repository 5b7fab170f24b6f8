//! `TcpProxy`.

use std::{num::NonZeroU32, time::Duration};

use mesh_core::policy::{TcpClusterWeight, TcpClusters, TcpProxy};

use super::{
    matcher::list,
    report::At,
    value::{optional_duration, required_text, wanted_metadata},
};
use crate::pb::tcp_proxy::{
    self,
    tcp_proxy::{ClusterSpecifier, weighted_cluster::ClusterWeight},
};

/// Envoy's smallest `max_downstream_connection_duration`.
const SHORTEST: Duration = Duration::from_millis(1);

pub(super) fn tcp_proxy(at: &At<'_>, pb: &tcp_proxy::TcpProxy) -> Option<TcpProxy> {
    let specifier = pb.cluster_specifier.as_ref();
    let clusters = match at.field("cluster_specifier").required(specifier)? {
        ClusterSpecifier::Cluster(name) => {
            TcpClusters::one(required_text(&at.field("cluster"), name)?)
        }
        ClusterSpecifier::WeightedClusters(pb) => {
            let at = at.field("weighted_clusters");
            let entries = list(&at.field("clusters"), &pb.clusters, weighted);
            at.ok(TcpClusters::try_weighted(entries))?
        }
    };
    let mut proxy = TcpProxy::new(clusters);
    proxy.metadata_match = wanted_metadata(&at.field("metadata_match"), pb.metadata_match.as_ref());
    let idle = optional_duration(&at.field("idle_timeout"), pb.idle_timeout.as_ref());
    if let Some(idle) = idle {
        proxy.idle_timeout = (!idle.is_zero()).then_some(idle);
    }
    let limit_at = at.field("max_downstream_connection_duration");
    let limit = pb.max_downstream_connection_duration.as_ref();
    proxy.max_connection_duration = optional_duration(&limit_at, limit);
    if proxy.max_connection_duration.is_some_and(|d| d < SHORTEST) {
        limit_at.fail("must be at least 1 ms");
    }
    if let Some(attempts) = pb.max_connect_attempts {
        let attempts = NonZeroU32::new(attempts).ok_or("must be above 0");
        proxy.max_connect_attempts = at.field("max_connect_attempts").ok(attempts)?;
    }
    proxy.origin = at.origin();
    Some(proxy)
}

fn weighted(at: &At<'_>, pb: &ClusterWeight) -> Option<TcpClusterWeight> {
    let name = required_text(&at.field("name"), &pb.name)?;
    if pb.weight == 0 {
        at.field("weight").fail("must be above 0");
    }
    let mut entry = TcpClusterWeight::new(name, pb.weight);
    entry.metadata_match = wanted_metadata(&at.field("metadata_match"), pb.metadata_match.as_ref());
    entry.origin = at.origin();
    Some(entry)
}
