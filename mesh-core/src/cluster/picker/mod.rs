//! The balancers: given a list of endpoints that may be used, which one.
//!
//! A [`Picker`] is built for one list (one priority's healthy endpoints of one subset, say) and
//! picks without allocation or lock. Priorities, panic, subsets and re-picks are decided around it.
//! A new balancer is a file here, a variant, and an arm in each `match`.

mod least_request;
mod random;
mod round_robin;

use std::sync::Arc;

use self::{least_request::LeastRequest, round_robin::RoundRobin};
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

/// One list's balancer.
#[derive(Debug)]
pub(super) enum Picker {
    /// ROUND_ROBIN.
    RoundRobin(RoundRobin),
    /// LEAST_REQUEST.
    LeastRequest(LeastRequest),
    /// RANDOM.
    Random,
}

impl Picker {
    /// A balancer of endpoints with these weights; `previous` balanced the same list before the
    /// endpoints or their health changed.
    pub(super) fn new(
        policy: &LbPolicy,
        weights: impl ExactSizeIterator<Item = u32> + Clone,
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
        }
    }

    /// A place in `hosts.rows`.
    pub(super) fn pick(&self, hosts: Hosts<'_>, random: &dyn Random) -> usize {
        if hosts.rows.len() == 1 {
            return 0;
        }
        match self {
            Self::RoundRobin(picker) => picker.pick(hosts.rows.len(), random),
            Self::LeastRequest(picker) => picker.pick(hosts, random),
            Self::Random => random::pick(hosts.rows.len(), random.next_u64()),
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
