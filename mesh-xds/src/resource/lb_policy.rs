//! `Cluster.lb_policy` and `load_balancing_policy`.

use mesh_core::policy::LbPolicy;

use super::{
    hash_tables::{maglev, maglev_extension, ring_hash, ring_hash_extension},
    report::At,
    value::{is, unpack},
};
use crate::pb::{
    cluster::{
        Cluster, LoadBalancingPolicy,
        cluster::{
            ClusterDiscoveryType, DiscoveryType, LbConfig, LbPolicy as PbPolicy, MaglevLbConfig,
            RingHashLbConfig,
        },
    },
    least_request::{LeastRequest, least_request::SelectionMethod},
    maglev::Maglev,
    random::Random,
    ring_hash::RingHash,
    round_robin::RoundRobin,
    schema::type_name,
};

/// `load_balancing_policy` wins over `lb_policy`.
pub(super) fn lb_policy(at: &At<'_>, pb: &Cluster) -> Option<LbPolicy> {
    let name = at.field("lb_policy");
    let (config_name, needed) = match &pb.lb_config {
        Some(LbConfig::LeastRequestLbConfig(_)) => ("least_request_lb_config", "LEAST_REQUEST"),
        Some(LbConfig::RingHashLbConfig(_)) => ("ring_hash_lb_config", "RING_HASH"),
        Some(LbConfig::MaglevLbConfig(_)) => ("maglev_lb_config", "MAGLEV"),
        None => ("", ""),
    };
    let config = at.field(config_name);
    let common = pb.common_lb_config.as_ref();
    let hashing = common.and_then(|c| c.consistent_hashing_lb_config.as_ref());
    let unread_hashing = |why: &str| {
        if hashing.is_some() {
            let at = at.field("common_lb_config");
            at.field("consistent_hashing_lb_config").ignored(why);
        }
    };
    let is_static = match &pb.cluster_discovery_type {
        Some(ClusterDiscoveryType::Type(kind)) => *kind == DiscoveryType::Static as i32,
        Some(ClusterDiscoveryType::ClusterType(_)) => false,
        None => true,
    };
    if is_static && hashing.is_some_and(|h| h.use_hostname_for_hashing) {
        // As in Envoy, which lets an extension do so.
        let at = at.field("common_lb_config");
        let at = at.field("consistent_hashing_lb_config");
        at.field("use_hostname_for_hashing")
            .fail("excludes type STATIC");
    }
    if let Some(extension) = &pb.load_balancing_policy {
        if pb.lb_policy() != PbPolicy::RoundRobin
            && pb.lb_policy() != PbPolicy::LoadBalancingPolicyConfig
        {
            name.ignored("load_balancing_policy counts");
        }
        if pb.lb_config.is_some() {
            config.ignored("load_balancing_policy counts");
        }
        unread_hashing("load_balancing_policy counts");
        return extensions(&at.field("load_balancing_policy"), extension);
    }
    let policy = match (pb.lb_policy(), &pb.lb_config) {
        (PbPolicy::LeastRequest, Some(LbConfig::LeastRequestLbConfig(pb))) => {
            least_request(&config.field("choice_count"), pb.choice_count)
        }
        (PbPolicy::LeastRequest, None) => least_request(&name, None),
        (PbPolicy::RingHash, Some(LbConfig::RingHashLbConfig(pb))) => {
            return ring_hash(&config, pb, common);
        }
        (PbPolicy::RingHash, None) => return ring_hash(at, &RingHashLbConfig::default(), common),
        (PbPolicy::Maglev, Some(LbConfig::MaglevLbConfig(pb))) => {
            return maglev(&config, pb, common);
        }
        (PbPolicy::Maglev, None) => return maglev(at, &MaglevLbConfig::default(), common),
        (_, Some(_)) => {
            config.fail(format!("needs lb_policy {needed}"));
            None
        }
        (PbPolicy::RoundRobin, None) => Some(LbPolicy::RoundRobin),
        (PbPolicy::Random, None) => Some(LbPolicy::Random),
        (PbPolicy::LoadBalancingPolicyConfig, None) => {
            name.fail("needs load_balancing_policy");
            None
        }
        (other, None) => {
            name.fail(format!("{} is not supported", other.as_str_name()));
            None
        }
    };
    unread_hashing("only RING_HASH and MAGLEV read it");
    policy
}

fn least_request(at: &At<'_>, choice_count: Option<u32>) -> Option<LbPolicy> {
    let choice_count = choice_count.unwrap_or(2);
    if choice_count < 2 {
        at.fail("must be at least 2");
        return None;
    }
    Some(LbPolicy::LeastRequest { choice_count })
}

/// The first that is supported (gRFC A52).
fn extensions(at: &At<'_>, pb: &LoadBalancingPolicy) -> Option<LbPolicy> {
    let policies = at.field("policies");
    for (i, policy) in pb.policies.iter().enumerate() {
        let at = policies.index(i);
        let at = at.field("typed_extension_config");
        let extension = at.required(policy.typed_extension_config.as_ref())?;
        let at = at.field("typed_config");
        let any = at.required(extension.typed_config.as_ref())?;
        let is_known = is::<RoundRobin>(any)
            || is::<Random>(any)
            || is::<LeastRequest>(any)
            || is::<RingHash>(any)
            || is::<Maglev>(any);
        if is_known {
            for unused in i + 1..pb.policies.len() {
                policies.index(unused).ignored("an earlier one counts");
            }
        }
        if is::<RoundRobin>(any) {
            return unpack::<RoundRobin>(&at, any).map(|_| LbPolicy::RoundRobin);
        }
        if is::<Random>(any) {
            return unpack::<Random>(&at, any).map(|_| LbPolicy::Random);
        }
        if is::<LeastRequest>(any) {
            let pb = unpack::<LeastRequest>(&at, any)?;
            if pb.selection_method() == SelectionMethod::FullScan {
                at.field("selection_method").unsupported("FULL_SCAN");
            }
            return least_request(&at.field("choice_count"), pb.choice_count);
        }
        if is::<RingHash>(any) {
            return ring_hash_extension(&at, &unpack(&at, any)?);
        }
        if is::<Maglev>(any) {
            return maglev_extension(&at, &unpack(&at, any)?);
        }
        at.ignored(format!(
            "{} is not known, so the next counts",
            type_name(&any.type_url)
        ));
    }
    policies.fail("has none that is supported");
    None
}
