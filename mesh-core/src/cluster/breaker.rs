//! Circuit breakers: how much of something a cluster may have at once, by routing priority.
//!
//! Limits are read at every try, so a change of policy takes effect at once; counts belong to the
//! cluster's name and stay. A count is a [`Permit`] that is given back by dropping it. What has no
//! limit is not counted, and costs one read of a line that nobody writes.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

use crate::{
    policy::{Percent, RetryBudget, RoutingPriority, Thresholds},
    resilience::budget,
};

/// What a circuit breaker limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resource {
    /// `max_connections`.
    Connections,
    /// `max_pending_requests`.
    PendingRequests,
    /// `max_requests`.
    Requests,
    /// `max_retries` or the retry budget.
    Retries,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connections => "connections",
            Self::PendingRequests => "pending requests",
            Self::Requests => "requests",
            Self::Retries => "retries",
        })
    }
}

/// A breaker is open. Never retried, and no failure of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("circuit breaker open: the limit of {limit} concurrent {resource} is reached")]
pub struct Overflow {
    /// What there is too much of.
    pub resource: Resource,
    /// How much may be.
    pub limit: u32,
}

/// One unit of a limited resource, given back when dropped.
#[derive(Debug)]
#[must_use = "dropping a permit gives it back"]
pub struct Permit(Arc<Gauge>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One request under way, for whoever holds the cluster's state anyway: given back by
/// [`ClusterState::end_request`](super::ClusterState::end_request), not by dropping it, so that it
/// need not count references on every request.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a token must be given back"]
pub struct RequestToken {
    pub(super) priority: RoutingPriority,
    counted: bool,
}

#[derive(Debug, Default)]
struct Gauge {
    count: AtomicU32,
    limit: AtomicU32,
    overflows: AtomicU64,
}

/// No limit.
const UNLIMITED: u32 = u32::MAX;

impl Gauge {
    fn limit(&self) -> u32 {
        self.limit.load(Ordering::Relaxed)
    }

    fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// Exact: a limit is neither exceeded nor missed, whoever else tries at the same time.
    #[inline]
    fn count_below(&self, limit: u32, resource: Resource) -> Result<(), Overflow> {
        let one_more = |count: u32| (count < limit).then(|| count.saturating_add(1));
        match self
            .count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
        {
            Ok(_) => Ok(()),
            Err(_) => {
                self.overflows.fetch_add(1, Ordering::Relaxed);
                Err(Overflow { resource, limit })
            }
        }
    }

    fn acquire_below(self: &Arc<Self>, limit: u32, resource: Resource) -> Result<Permit, Overflow> {
        self.count_below(limit, resource)
            .map(|()| Permit(self.clone()))
    }

    fn status(&self) -> ResourceStatus {
        let limit = self.limit();
        ResourceStatus {
            active: self.count(),
            limit: (limit != UNLIMITED).then_some(limit),
            overflows: self.overflows.load(Ordering::Relaxed),
        }
    }
}

/// The breakers of one routing priority.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    connections: Arc<Gauge>,
    pending: Arc<Gauge>,
    requests: Gauge,
    retries: Arc<Gauge>,
    /// A [`RetryBudget`] in one word; 0 is none.
    budget: AtomicU64,
}

impl Breaker {
    pub(super) fn set(&self, thresholds: &Thresholds) {
        for (gauge, limit) in [
            (&*self.connections, thresholds.max_connections),
            (&*self.pending, thresholds.max_pending_requests),
            (&self.requests, thresholds.max_requests),
            (&*self.retries, thresholds.max_retries),
        ] {
            gauge.limit.store(limit, Ordering::Relaxed);
        }
        let word = thresholds.retry_budget.map_or(0, pack);
        self.budget.store(word, Ordering::Relaxed);
    }

    pub(super) fn connection(&self) -> Result<Option<Permit>, Overflow> {
        self.acquire(&self.connections, false, Resource::Connections)
    }

    pub(super) fn first_connection(&self) -> Option<Permit> {
        let limit = self.connections.limit();
        if limit == UNLIMITED {
            return None;
        }
        self.connections.count.fetch_add(1, Ordering::Relaxed);
        Some(Permit(self.connections.clone()))
    }

    pub(super) fn pending(&self) -> Result<Option<Permit>, Overflow> {
        let counted = self.budget().is_some();
        self.acquire(&self.pending, counted, Resource::PendingRequests)
    }

    #[inline]
    pub(super) fn request(&self, priority: RoutingPriority) -> Result<RequestToken, Overflow> {
        let limit = self.requests.limit();
        let counted = limit != UNLIMITED || self.budget().is_some();
        if counted {
            self.requests.count_below(limit, Resource::Requests)?;
        }
        Ok(RequestToken { priority, counted })
    }

    #[inline]
    pub(super) fn end_request(&self, token: RequestToken) {
        if token.counted {
            self.requests.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(super) fn retry(&self) -> Result<Option<Permit>, Overflow> {
        let Some(budget) = self.budget() else {
            return self.acquire(&self.retries, false, Resource::Retries);
        };
        let active = self.requests.count().saturating_add(self.pending.count());
        let limit = budget::allowed(budget, active);
        self.retries
            .acquire_below(limit, Resource::Retries)
            .map(Some)
    }

    pub(super) fn status(&self) -> BreakerStatus {
        BreakerStatus {
            connections: self.connections.status(),
            pending_requests: self.pending.status(),
            requests: self.requests.status(),
            retries: self.retries.status(),
            retry_budget: self.budget(),
        }
    }

    fn acquire(
        &self,
        gauge: &Arc<Gauge>,
        counted: bool,
        resource: Resource,
    ) -> Result<Option<Permit>, Overflow> {
        let limit = gauge.limit();
        if limit == UNLIMITED && !counted {
            return Ok(None);
        }
        gauge.acquire_below(limit, resource).map(Some)
    }

    fn budget(&self) -> Option<RetryBudget> {
        unpack(self.budget.load(Ordering::Relaxed))
    }
}

/// The presence bit, the percentage and the minimum.
fn pack(budget: RetryBudget) -> u64 {
    1 << 63 | u64::from(budget.budget_percent.get()) << 32 | u64::from(budget.min_retry_concurrency)
}

fn unpack(word: u64) -> Option<RetryBudget> {
    if word == 0 {
        return None;
    }
    Some(RetryBudget {
        budget_percent: Percent::try_new((word >> 32) as u32 & 0xff).ok()?,
        min_retry_concurrency: word as u32,
    })
}

/// The breakers of one routing priority, for people and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerStatus {
    /// `upstream_cx_active`, `upstream_cx_overflow`.
    pub connections: ResourceStatus,
    /// `upstream_rq_pending_active`, `upstream_rq_pending_overflow`.
    pub pending_requests: ResourceStatus,
    /// `upstream_rq_active`, `upstream_rq_active_overflow`.
    pub requests: ResourceStatus,
    /// Retries, `upstream_rq_retry_overflow`.
    pub retries: ResourceStatus,
    /// What takes the place of the retries' limit.
    pub retry_budget: Option<RetryBudget>,
}

/// One breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceStatus {
    /// Held now; 0 while there is no limit, for then nobody counts.
    pub active: u32,
    /// `None`: no limit.
    pub limit: Option<u32>,
    /// Refused so far.
    pub overflows: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: RoutingPriority = RoutingPriority::Default;

    fn breaker(thresholds: Thresholds) -> Breaker {
        let breaker = Breaker::default();
        breaker.set(&thresholds);
        breaker
    }

    #[test]
    fn a_limit_is_reached_and_given_back() {
        let breaker = breaker(Thresholds {
            max_requests: 2,
            ..Thresholds::default()
        });
        let first = breaker.request(DEFAULT).unwrap();
        let second = breaker.request(DEFAULT).unwrap();
        let overflow = breaker.request(DEFAULT).unwrap_err();
        assert_eq!(
            overflow.to_string(),
            "circuit breaker open: the limit of 2 concurrent requests is reached"
        );
        breaker.end_request(first);
        let third = breaker.request(DEFAULT).unwrap();
        let status = breaker.status().requests;
        assert_eq!(
            (status.active, status.limit, status.overflows),
            (2, Some(2), 1)
        );
        for token in [second, third] {
            breaker.end_request(token);
        }
        assert_eq!(breaker.status().requests.active, 0);
    }

    #[test]
    fn what_has_no_limit_is_not_counted() {
        let breaker = breaker(Thresholds::UNLIMITED);
        let token = breaker.request(DEFAULT).unwrap();
        assert_eq!(breaker.status().requests.active, 0);
        breaker.end_request(token);
        assert_eq!(breaker.status().requests.active, 0);
        assert!(breaker.pending().unwrap().is_none());
        assert!(breaker.connection().unwrap().is_none());
        assert!(breaker.first_connection().is_none());
        assert!(breaker.retry().unwrap().is_none());
    }

    #[test]
    fn a_limit_of_zero_refuses_all() {
        let breaker = breaker(Thresholds {
            max_retries: 0,
            ..Thresholds::default()
        });
        assert_eq!(breaker.retry().unwrap_err().limit, 0);
    }

    #[test]
    fn a_host_without_connections_gets_one_past_the_limit() {
        let breaker = breaker(Thresholds {
            max_connections: 1,
            ..Thresholds::default()
        });
        let one = breaker.connection().unwrap();
        assert!(breaker.connection().is_err());
        let of_another_host = breaker.first_connection();
        assert_eq!(breaker.status().connections.active, 2);
        drop(one);
        assert!(breaker.connection().is_err(), "still at the limit");
        drop(of_another_host);
        assert!(breaker.connection().is_ok());
    }

    #[test]
    fn a_budget_replaces_max_retries_and_makes_requests_count() {
        let breaker = breaker(Thresholds {
            max_retries: 0,
            retry_budget: Some(RetryBudget {
                budget_percent: Percent::try_new(20).unwrap(),
                min_retry_concurrency: 1,
            }),
            ..Thresholds::UNLIMITED
        });
        let minimum = breaker.retry().unwrap();
        assert!(minimum.is_some() && breaker.retry().is_err());
        // 8 active and 2 pending: 20 % of 10 is 2.
        let active: Vec<_> = (0..8).map(|_| breaker.request(DEFAULT).unwrap()).collect();
        let pending = [breaker.pending().unwrap(), breaker.pending().unwrap()];
        let second = breaker.retry().unwrap();
        assert_eq!(breaker.retry().unwrap_err().limit, 2);
        drop((pending, minimum, second));
        active
            .into_iter()
            .for_each(|token| breaker.end_request(token));
        assert!(breaker.retry().is_ok());
    }

    #[test]
    fn new_limits_apply_to_what_is_already_counted() {
        let breaker = breaker(Thresholds::default());
        let held: Vec<_> = (0..3).map(|_| breaker.request(DEFAULT).unwrap()).collect();
        breaker.set(&Thresholds {
            max_requests: 2,
            ..Thresholds::default()
        });
        assert_eq!(breaker.request(DEFAULT).unwrap_err().limit, 2);
        breaker.set(&Thresholds::UNLIMITED);
        let uncounted = breaker.request(DEFAULT).unwrap();
        assert_eq!(breaker.status().requests.active, 3);
        breaker.end_request(uncounted);
        held.into_iter()
            .for_each(|token| breaker.end_request(token));
        assert_eq!(breaker.status().requests.active, 0);
    }

    #[test]
    fn budgets_survive_packing() {
        for (percent, min) in [(0, 0), (20, 3), (100, u32::MAX)] {
            let budget = RetryBudget {
                budget_percent: Percent::try_new(percent).unwrap(),
                min_retry_concurrency: min,
            };
            assert_eq!(unpack(pack(budget)), Some(budget));
        }
    }
}
