//! `Cluster.lb_policy` and `load_balancing_policy`.

use mesh_core::policy::LbPolicy;

use super::{
    report::At,
    value::{is, unpack},
};
use crate::pb::{
    cluster::{
        Cluster, LoadBalancingPolicy,
        cluster::{LbConfig, LbPolicy as PbPolicy},
    },
    least_request::{LeastRequest, least_request::SelectionMethod},
    random::Random,
    round_robin::RoundRobin,
    schema::type_name,
};

/// `load_balancing_policy` wins over `lb_policy`.
pub(super) fn lb_policy(at: &At<'_>, pb: &Cluster) -> Option<LbPolicy> {
    let name = at.field("lb_policy");
    let config = at.field("least_request_lb_config");
    if let Some(extension) = &pb.load_balancing_policy {
        if pb.lb_policy() != PbPolicy::RoundRobin
            && pb.lb_policy() != PbPolicy::LoadBalancingPolicyConfig
        {
            name.ignored("load_balancing_policy counts");
        }
        if pb.lb_config.is_some() {
            config.ignored("load_balancing_policy counts");
        }
        return extensions(&at.field("load_balancing_policy"), extension);
    }
    let choice_count = match &pb.lb_config {
        Some(LbConfig::LeastRequestLbConfig(config)) => config.choice_count,
        None => None,
    };
    match pb.lb_policy() {
        PbPolicy::LeastRequest => {
            return least_request(&config.field("choice_count"), choice_count);
        }
        _ if pb.lb_config.is_some() => config.fail("needs lb_policy LEAST_REQUEST"),
        PbPolicy::RoundRobin => return Some(LbPolicy::RoundRobin),
        PbPolicy::Random => return Some(LbPolicy::Random),
        PbPolicy::LoadBalancingPolicyConfig => {
            name.fail("needs load_balancing_policy");
        }
        other => name.fail(format!("{} is not supported", other.as_str_name())),
    }
    None
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
        if is::<RoundRobin>(any) || is::<Random>(any) || is::<LeastRequest>(any) {
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
        at.ignored(format!(
            "{} is not known, so the next counts",
            type_name(&any.type_url)
        ));
    }
    policies.fail("has none that is supported");
    None
}
