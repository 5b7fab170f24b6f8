//! `Cluster`.

use std::{sync::Arc, time::Duration};

use mesh_core::policy::{self, Cluster as Policy, Discovery, DnsTarget, Name, TcpKeepalive};

use super::{
    aggregate::aggregate,
    circuit_breakers::circuit_breakers,
    endpoint::{Assignment, assignment, dns_name, lb_endpoints, locality, priority, weight},
    lb_policy::lb_policy,
    outlier_detection::outlier_detection,
    protocol_options::protocol_options,
    report::At,
    subset::subsets,
    value::{endpoint_metadata, percent, positive, required_text, unpack},
};
use crate::pb::{
    cluster::{
        self,
        cluster::{ClusterDiscoveryType, DiscoveryType},
    },
    core::{ConfigSource, TransportSocket, transport_socket::ConfigType},
    endpoint::ClusterLoadAssignment,
    raw_buffer::RawBuffer,
};

/// What a `Cluster` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The cluster, without endpoints.
    pub policy: Arc<Policy>,
    /// Where its endpoints are from.
    pub endpoints: Endpoints,
}

/// Where a cluster's endpoints are from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoints {
    /// EDS: the `ClusterLoadAssignment` of this name.
    Eds(Name),
    /// STATIC: these.
    Static(Arc<policy::ClusterLoadAssignment>),
    /// `envoy.extensions.clusters.aggregate`: those of the clusters that its policy names.
    Others,
    /// STRICT_DNS or LOGICAL_DNS: what the cluster's targets resolve to.
    Dns,
}

pub(super) fn cluster(at: &At<'_>, pb: &cluster::Cluster) -> Option<Cluster> {
    let name = required_text(&at.field("name"), &pb.name);
    let mut policy = Policy::new(name.clone().unwrap_or_default());
    policy.origin = at.origin();
    if let Some(ClusterDiscoveryType::ClusterType(custom)) = &pb.cluster_discovery_type {
        policy.discovery = aggregate(at, pb, custom)?;
        name?;
        return Some(Cluster {
            policy: Arc::new(policy),
            endpoints: Endpoints::Others,
        });
    }
    let lb_policy = lb_policy(at, pb);
    if let Some(timeout) = positive(&at.field("connect_timeout"), pb.connect_timeout.as_ref()) {
        policy.connect_timeout = timeout;
    }
    policy.subsets = pb
        .lb_subset_config
        .as_ref()
        .map(|pb| subsets(&at.field("lb_subset_config"), pb));
    if let Some(pb) = pb.common_lb_config.and_then(|c| c.healthy_panic_threshold) {
        let at = at.field("common_lb_config");
        if let Some(threshold) = percent(&at.field("healthy_panic_threshold"), pb) {
            policy.healthy_panic_threshold = threshold;
        }
    }
    if let Some(pb) = &pb.circuit_breakers {
        policy.circuit_breakers = circuit_breakers(&at.field("circuit_breakers"), pb);
    }
    if let Some(pb) = &pb.outlier_detection {
        policy.outlier_detection = outlier_detection(&at.field("outlier_detection"), pb);
    }
    let options = at.field("typed_extension_protocol_options");
    protocol_options(&options, &pb.typed_extension_protocol_options, &mut policy);
    if let Some(pb) = pb.upstream_connection_options.and_then(|o| o.tcp_keepalive) {
        policy.connection_pool.tcp_keepalive = Some(TcpKeepalive {
            probes: pb.keepalive_probes,
            time: pb.keepalive_time.map(|s| Duration::from_secs(s.into())),
            interval: pb.keepalive_interval.map(|s| Duration::from_secs(s.into())),
        });
    }
    if let Some(pb) = &pb.transport_socket {
        plaintext(&at.field("transport_socket"), pb);
    }
    let endpoints = endpoints(at, pb, &mut policy);
    policy.lb_policy = lb_policy?;
    Some(Cluster {
        policy: Arc::new(policy),
        endpoints: endpoints?,
    })
}

/// No TLS yet, so a transport socket must be the plain one.
pub(super) fn plaintext(at: &At<'_>, pb: &TransportSocket) {
    match &pb.config_type {
        Some(ConfigType::TypedConfig(any)) => {
            let _: Option<RawBuffer> = unpack(&at.field("typed_config"), any);
        }
        None if pb.name == "envoy.transport_sockets.raw_buffer" => {}
        None => at
            .field("name")
            .fail(format!("`{}` is not supported", pb.name)),
    }
}

fn endpoints(at: &At<'_>, pb: &cluster::Cluster, policy: &mut Policy) -> Option<Endpoints> {
    let kind = match &pb.cluster_discovery_type {
        Some(ClusterDiscoveryType::Type(kind)) => DiscoveryType::try_from(*kind),
        Some(ClusterDiscoveryType::ClusterType(_)) => return None,
        None => Ok(DiscoveryType::Static),
    };
    let at_type = at.field("type");
    let assigned = at.field("load_assignment");
    let given = pb.load_assignment.as_ref();
    match kind {
        Ok(DiscoveryType::Eds) => {
            if given.is_some() {
                assigned.fail("excludes type EDS");
            }
            return eds(at, pb);
        }
        Ok(DiscoveryType::Static) => {
            let Assignment {
                endpoints,
                overprovisioning_factor,
            } = given
                .map(|pb| assignment(&assigned, pb))
                .unwrap_or_default();
            if let Some(factor) = overprovisioning_factor {
                policy.overprovisioning_factor = factor;
            }
            unused_eds(at, pb);
            return Some(Endpoints::Static(Arc::new(endpoints)));
        }
        Ok(DiscoveryType::StrictDns) => {
            let targets = dns_targets(&assigned, assigned.required(given)?, policy);
            policy.discovery = Discovery::StrictDns { targets };
        }
        Ok(DiscoveryType::LogicalDns) => {
            let mut targets = dns_targets(&assigned, assigned.required(given)?, policy);
            match (targets.pop(), targets.is_empty()) {
                (Some(target), true) => policy.discovery = Discovery::LogicalDns { target },
                _ => assigned.fail("must have exactly one endpoint"),
            }
        }
        Ok(DiscoveryType::OriginalDst) | Err(_) => {
            at_type.fail("only STATIC, STRICT_DNS, LOGICAL_DNS, EDS and aggregates are supported");
            return None;
        }
    }
    unused_eds(at, pb);
    Some(Endpoints::Dns)
}

fn eds(at: &At<'_>, pb: &cluster::Cluster) -> Option<Endpoints> {
    let at = at.field("eds_cluster_config");
    let pb_eds = at.required(pb.eds_cluster_config.as_ref())?;
    config_source(&at.field("eds_config"), pb_eds.eds_config.as_ref());
    let name = match &*pb_eds.service_name {
        "" if pb.name.starts_with("xdstp:") => {
            at.field("service_name")
                .fail("is required with an xdstp name");
            return None;
        }
        "" => &pb.name,
        name => name,
    };
    Some(Endpoints::Eds(name.into()))
}

pub(super) fn unused_eds(at: &At<'_>, pb: &cluster::Cluster) {
    if pb.eds_cluster_config.is_some() {
        at.field("eds_cluster_config").fail("needs type EDS");
    }
}

/// `ads` or `self`: the stream that the resource came by. Others are rejected by the table.
pub(super) fn config_source(at: &At<'_>, pb: Option<&ConfigSource>) {
    if pb.is_none_or(|pb| pb.config_source_specifier.is_none()) {
        at.fail("must be ads or self");
    }
}

/// Names to look up. Health has no place there.
fn dns_targets(at: &At<'_>, pb: &ClusterLoadAssignment, policy: &mut Policy) -> Vec<DnsTarget> {
    let mut targets = Vec::new();
    for (i, pb) in pb.endpoints.iter().enumerate() {
        let at = at.field("endpoints");
        let at = at.index(i);
        let priority = priority(&at, pb);
        let locality = locality(pb.locality.as_ref());
        if pb.load_balancing_weight.is_some() {
            at.field("load_balancing_weight")
                .unsupported("of endpoints by DNS");
        }
        targets.extend(lb_endpoints(&at, pb, |at, lb, pb| {
            if lb.health_status != 0 {
                at.field("health_status").unsupported("of endpoints by DNS");
            }
            let (hostname, port) = dns_name(&at.field("endpoint"), pb)?;
            if !pb.hostname.is_empty() && pb.hostname != hostname {
                at.field("endpoint")
                    .field("hostname")
                    .unsupported("other than the address");
            }
            Some(DnsTarget {
                hostname: hostname.into(),
                port,
                metadata: endpoint_metadata(&at.field("metadata"), lb.metadata.as_ref()),
                weight: weight(at, lb)?,
                locality: locality.clone(),
                priority,
            })
        }));
    }
    if let Some(factor) = pb.policy.as_ref().and_then(|p| p.overprovisioning_factor) {
        policy.overprovisioning_factor = factor.max(1);
    }
    targets
}
