//! `envoy.extensions.clusters.aggregate`: a cluster of clusters.

use mesh_core::policy::{Discovery, Name};

use super::{
    cluster::{plaintext, unused_eds},
    report::At,
    value::unpack,
};
use crate::pb::{
    aggregate::ClusterConfig,
    cluster::{
        Cluster,
        cluster::{CustomClusterType, LbConfig, LbPolicy},
    },
};

/// The clusters of an aggregate. Whatever else is said of one is listed, for its clusters have it
/// themselves; `lb_policy` is CLUSTER_PROVIDED for Envoy, and gRPC does not look at it.
pub(super) fn aggregate(
    at: &At<'_>,
    pb: &Cluster,
    custom: &CustomClusterType,
) -> Option<Discovery> {
    if pb.load_assignment.is_some() {
        at.field("load_assignment")
            .fail("has no place in an aggregate");
    }
    unused_eds(at, pb);
    if let Some(pb) = &pb.transport_socket {
        plaintext(&at.field("transport_socket"), pb);
    }
    let balanced = !matches!(
        pb.lb_policy(),
        LbPolicy::ClusterProvided | LbPolicy::RoundRobin
    );
    let lb_config = match &pb.lb_config {
        Some(LbConfig::RingHashLbConfig(_)) => "ring_hash_lb_config",
        Some(LbConfig::MaglevLbConfig(_)) => "maglev_lb_config",
        Some(LbConfig::LeastRequestLbConfig(_)) | None => "least_request_lb_config",
    };
    for (field, is_said) in [
        ("lb_policy", balanced),
        ("load_balancing_policy", pb.load_balancing_policy.is_some()),
        (lb_config, pb.lb_config.is_some()),
        ("connect_timeout", pb.connect_timeout.is_some()),
        ("lb_subset_config", pb.lb_subset_config.is_some()),
        ("common_lb_config", pb.common_lb_config.is_some()),
        ("circuit_breakers", pb.circuit_breakers.is_some()),
        ("outlier_detection", pb.outlier_detection.is_some()),
        (
            "typed_extension_protocol_options",
            !pb.typed_extension_protocol_options.is_empty(),
        ),
        (
            "upstream_connection_options",
            pb.upstream_connection_options.is_some(),
        ),
    ] {
        if is_said {
            at.field(field)
                .ignored("the clusters of an aggregate have their own");
        }
    }
    let at = at.field("cluster_type");
    let at = at.field("typed_config");
    let config: ClusterConfig = unpack(&at, at.required(custom.typed_config.as_ref())?)?;
    if config.clusters.is_empty() {
        at.field("clusters").fail("is empty");
    }
    let clusters = config.clusters.iter().map(|c| Name::from(c.as_str()));
    Some(Discovery::Aggregate {
        clusters: clusters.collect(),
    })
}
