//! The balancers: given a list of endpoints that may be used, which one.
//!
//! A [`Picker`] is built for one list (one priority's healthy endpoints of one subset, say) and
//! picks without allocation or lock. Priorities, panic, subsets and re-picks are decided around it.
//! A new balancer is a file here, a variant, and an arm in each `match`.

mod least_request;
mod maglev;
mod murmur;
mod random;
mod ring_hash;
mod round_robin;
mod shares;

use std::sync::Arc;

pub(super) use self::shares::Shares;
use self::{least_request::LeastRequest, maglev::Maglev, ring_hash::Ring, round_robin::RoundRobin};
use super::endpoint::Endpoint;
use crate::{Random, policy::LbPolicy};

/// The endpoints of one list, for as long as a pick takes.
#[derive(Clone, Copy)]
pub(super) struct Hosts<'a> {
    /// Places in `endpoints`; never empty.
    pub(super) rows: &'a [u32],
    /// The first of them, when they are a run.
    pub(super) run: Option<u32>,
    /// All of the cluster's.
    pub(super) endpoints: &'a [Arc<Endpoint>],
    /// By the same places.
    pub(super) weights: &'a [u32],
}

impl Hosts<'_> {
    /// The place in `endpoints` of a place in `rows`.
    #[inline]
    pub(super) fn row(&self, at: usize) -> usize {
        match self.run {
            Some(first) => first as usize + at,
            None => self.rows[at] as usize,
        }
    }

    fn in_flight(&self, at: usize) -> u32 {
        self.endpoints[self.row(at)].in_flight()
    }

    fn weight(&self, at: usize) -> u32 {
        self.weights[self.row(at)].max(1)
    }
}

/// What one pick goes by, the same for all its attempts.
#[derive(Clone, Copy)]
pub(super) struct Draw<'a> {
    pub(super) random: &'a dyn Random,
    /// For balancers that hash, and for these always.
    pub(super) hash: Option<u64>,
}

impl<'a> Draw<'a> {
    /// A request without a hash goes anywhere, as in Envoy.
    #[inline]
    pub(super) fn new(policy: &LbPolicy, random: &'a dyn Random, hash: Option<u64>) -> Self {
        let uses_hash = policy.uses_hash();
        Self {
            random,
            hash: uses_hash.then(|| hash.unwrap_or_else(|| random.next_u64())),
        }
    }
}

/// One list's balancer.
#[derive(Debug)]
pub(super) enum Picker {
    /// ROUND_ROBIN.
    RoundRobin(RoundRobin),
    /// LEAST_REQUEST.
    LeastRequest(LeastRequest),
    /// RANDOM.
    Random,
    /// RING_HASH.
    RingHash(Ring),
    /// MAGLEV.
    Maglev(Maglev),
    /// Of a list that no pick asks, so that it needs no table.
    Nobody,
}

impl Picker {
    /// A balancer of endpoints with these weights; `previous` balanced the same list before the
    /// endpoints or their health changed. `shares` is asked by balancers that hash.
    pub(super) fn new<'a>(
        policy: &LbPolicy,
        weights: impl ExactSizeIterator<Item = u32> + Clone,
        shares: impl FnOnce(bool) -> Shares<'a>,
        previous: Option<&Self>,
    ) -> Self {
        match policy {
            LbPolicy::RoundRobin => Self::RoundRobin(RoundRobin::new(
                weights,
                match previous {
                    Some(Self::RoundRobin(previous)) => Some(previous),
                    _ => None,
                },
            )),
            LbPolicy::LeastRequest { choice_count } => {
                Self::LeastRequest(LeastRequest::new(*choice_count, weights))
            }
            LbPolicy::Random => Self::Random,
            LbPolicy::RingHash(policy) => {
                Self::RingHash(Ring::new(policy, &shares(policy.use_hostname_for_hashing)))
            }
            LbPolicy::Maglev(policy) => Self::Maglev(Maglev::new(
                policy,
                &shares(policy.use_hostname_for_hashing),
            )),
        }
    }

    /// A place in `hosts.rows`.
    pub(super) fn pick(&self, hosts: Hosts<'_>, draw: Draw<'_>, attempt: u32) -> usize {
        if hosts.rows.len() == 1 {
            return 0;
        }
        let hash = draw.hash.unwrap_or_default();
        match self {
            Self::RoundRobin(picker) => picker.pick(hosts.rows.len(), draw.random),
            Self::LeastRequest(picker) => picker.pick(hosts, draw.random),
            Self::Random => random::pick(hosts.rows.len(), draw.random.next_u64()),
            Self::RingHash(ring) => ring.pick(hash, attempt),
            Self::Maglev(table) => table.pick(hash, attempt),
            Self::Nobody => 0,
        }
    }
}

/// Endpoints of one weight each (or of the given ones) with the given numbers of requests.
#[cfg(test)]
fn endpoints_with_load(load: &[u32]) -> (Vec<Arc<Endpoint>>, Vec<super::endpoint::InFlight>) {
    let endpoints: Vec<_> = (0..load.len())
        .map(|n| {
            Arc::new(Endpoint::new(std::net::SocketAddr::from((
                [10, 0, 0, 1],
                n as u16,
            ))))
        })
        .collect();
    let requests = endpoints
        .iter()
        .zip(load)
        .flat_map(|(endpoint, n)| (0..*n).map(|_| super::endpoint::InFlight::new(endpoint.clone())))
        .collect();
    (endpoints, requests)
}
