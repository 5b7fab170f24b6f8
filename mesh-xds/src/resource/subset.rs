//! `Cluster.LbSubsetConfig`.

use mesh_core::policy::{Metadata, Name, SubsetFallback, Subsets};

use super::{matcher::list, report::At, value::strings};
use crate::pb::cluster::cluster::{
    LbSubsetConfig,
    lb_subset_config::{
        LbSubsetFallbackPolicy, lb_subset_selector::LbSubsetSelectorFallbackPolicy,
    },
};

pub(super) fn subsets(at: &At<'_>, pb: &LbSubsetConfig) -> Subsets {
    let selectors = list(
        &at.field("subset_selectors"),
        &pb.subset_selectors,
        |at, pb| {
            if pb.fallback_policy() != LbSubsetSelectorFallbackPolicy::NotDefined {
                at.field("fallback_policy")
                    .fail("a selector's own is not supported");
            }
            if pb.keys.is_empty() {
                at.field("keys").fail("is required");
            }
            Some(pb.keys.iter().map(|k| Name::from(k.as_str())).collect())
        },
    );
    let default = at.field("default_subset");
    let default_subset = pb.default_subset.as_ref();
    let fallback = match pb.fallback_policy() {
        LbSubsetFallbackPolicy::NoFallback => SubsetFallback::NoFallback,
        LbSubsetFallbackPolicy::AnyEndpoint => SubsetFallback::AnyEndpoint,
        LbSubsetFallbackPolicy::DefaultSubset => SubsetFallback::DefaultSubset(
            default_subset.map_or(Metadata::EMPTY, |pb| strings(&default, pb)),
        ),
    };
    if default_subset.is_some() && !matches!(fallback, SubsetFallback::DefaultSubset(_)) {
        default.ignored("fallback_policy is not DEFAULT_SUBSET");
    }
    Subsets {
        selectors,
        fallback,
    }
}
