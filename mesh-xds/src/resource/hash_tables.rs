//! RING_HASH and MAGLEV, as `lb_policy` and as extensions.

use mesh_core::policy::{HashFunction, LbPolicy, Maglev, RingHash};

use super::report::At;
use crate::pb::{
    cluster::cluster::{
        CommonLbConfig, MaglevLbConfig, RingHashLbConfig,
        ring_hash_lb_config::HashFunction as LegacyFunction,
    },
    maglev,
    ring_hash::{self, ring_hash::HashFunction as Function},
};

/// `lb_policy: RING_HASH` and its `ring_hash_lb_config`.
pub(super) fn ring_hash(
    at: &At<'_>,
    pb: &RingHashLbConfig,
    common: Option<&CommonLbConfig>,
) -> Option<LbPolicy> {
    let mut ring = ring(at, pb.minimum_ring_size, pb.maximum_ring_size)?;
    if pb.hash_function() == LegacyFunction::MurmurHash2 {
        ring.hash_function = HashFunction::MurmurHash2;
    }
    ring.use_hostname_for_hashing = use_hostname(common);
    Some(LbPolicy::RingHash(ring))
}

/// `lb_policy: MAGLEV` and its `maglev_lb_config`.
pub(super) fn maglev(
    at: &At<'_>,
    pb: &MaglevLbConfig,
    common: Option<&CommonLbConfig>,
) -> Option<LbPolicy> {
    let mut table = table(at, pb.table_size)?;
    table.use_hostname_for_hashing = use_hostname(common);
    Some(LbPolicy::Maglev(table))
}

fn use_hostname(common: Option<&CommonLbConfig>) -> bool {
    let hashing = common.and_then(|c| c.consistent_hashing_lb_config.as_ref());
    hashing.is_some_and(|h| h.use_hostname_for_hashing)
}

/// `envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash`.
pub(super) fn ring_hash_extension(at: &At<'_>, pb: &ring_hash::RingHash) -> Option<LbPolicy> {
    let mut ring = ring(at, pb.minimum_ring_size, pb.maximum_ring_size)?;
    if pb.hash_function() == Function::MurmurHash2 {
        ring.hash_function = HashFunction::MurmurHash2;
    }
    ring.use_hostname_for_hashing = match &pb.consistent_hashing_lb_config {
        Some(hashing) => {
            if pb.use_hostname_for_hashing {
                let at = at.field("use_hostname_for_hashing");
                at.ignored("consistent_hashing_lb_config counts");
            }
            hashing.use_hostname_for_hashing
        }
        None => pb.use_hostname_for_hashing,
    };
    Some(LbPolicy::RingHash(ring))
}

/// `envoy.extensions.load_balancing_policies.maglev.v3.Maglev`.
pub(super) fn maglev_extension(at: &At<'_>, pb: &maglev::Maglev) -> Option<LbPolicy> {
    let mut table = table(at, pb.table_size)?;
    let hashing = pb.consistent_hashing_lb_config.as_ref();
    table.use_hostname_for_hashing = hashing.is_some_and(|h| h.use_hostname_for_hashing);
    Some(LbPolicy::Maglev(table))
}

fn ring(at: &At<'_>, minimum: Option<u64>, maximum: Option<u64>) -> Option<RingHash> {
    let size = |field, given: Option<u64>, default| match given.map(u32::try_from) {
        Some(Ok(size)) if size <= RingHash::MAXIMUM_RING_SIZE => Some(size),
        Some(_) => {
            let most = RingHash::MAXIMUM_RING_SIZE;
            at.field(field).fail(format!("must be at most {most}"));
            None
        }
        None => Some(default),
    };
    let default = RingHash::default();
    let minimum = size("minimum_ring_size", minimum, default.minimum_ring_size());
    let maximum = size("maximum_ring_size", maximum, default.maximum_ring_size());
    let at = at.field("minimum_ring_size");
    at.ok(RingHash::try_new(minimum?, maximum?))
}

fn table(at: &At<'_>, size: Option<u64>) -> Option<Maglev> {
    let Some(size) = size else {
        return Some(Maglev::default());
    };
    // One that is too large for 32 bits is too large for a table.
    let size = u32::try_from(size).unwrap_or(u32::MAX);
    at.field("table_size").ok(Maglev::try_new(size))
}
