//! What belongs to a cluster's name and survives every change of its policy.

use super::{
    breaker::{Breaker, BreakerStatus, Overflow, Permit, RequestToken},
    outlier::OutlierDetector,
};
use crate::{
    Slot,
    policy::{CircuitBreakers, RoutingPriority},
};

/// Circuit breakers, ejections and the adapters' own state of one cluster name.
///
/// Each `try_` returns a permit to hold for as long as the thing lasts, `None` when nothing needs
/// counting, or which limit stands in the way.
#[derive(Debug, Default)]
pub struct ClusterState {
    default: Breaker,
    high: Breaker,
    pub(super) outlier: OutlierDetector,
    pub(super) slot: Slot,
}

impl ClusterState {
    /// A request is sent on a connection. The token must be given back when its response has ended.
    ///
    /// # Errors
    /// When `max_requests` are under way.
    #[inline]
    pub fn begin_request(&self, priority: RoutingPriority) -> Result<RequestToken, Overflow> {
        self.breaker(priority).request(priority)
    }

    /// A request that was begun has ended.
    #[inline]
    pub fn end_request(&self, token: RequestToken) {
        self.breaker(token.priority).end_request(token);
    }

    /// A request waits for a connection. Held until it has one; then it is a request under way and
    /// no longer a pending one, so that a retry budget counts it once.
    ///
    /// # Errors
    /// When `max_pending_requests` wait.
    pub fn try_pending(&self, priority: RoutingPriority) -> Result<Option<Permit>, Overflow> {
        self.breaker(priority).pending()
    }

    /// Another connection to an endpoint that has one. Held until it is closed.
    ///
    /// # Errors
    /// When there are `max_connections`.
    pub fn try_connection(&self, priority: RoutingPriority) -> Result<Option<Permit>, Overflow> {
        self.breaker(priority).connection()
    }

    /// An endpoint's first connection: counted, but never refused, as in Envoy. Held until it is
    /// closed.
    pub fn first_connection(&self, priority: RoutingPriority) -> Option<Permit> {
        self.breaker(priority).first_connection()
    }

    /// A retry. Held from the decision, through its back-off, until the attempt's outcome.
    ///
    /// # Errors
    /// When `max_retries`, or as many as the retry budget allows, are under way.
    #[inline]
    pub fn try_retry(&self, priority: RoutingPriority) -> Result<Option<Permit>, Overflow> {
        self.breaker(priority).retry()
    }

    /// What is held, and what was refused.
    pub fn breaker_status(&self, priority: RoutingPriority) -> BreakerStatus {
        self.breaker(priority).status()
    }

    pub(super) fn set_limits(&self, limits: &CircuitBreakers) {
        self.default.set(&limits.default);
        self.high.set(&limits.high);
    }

    #[inline]
    const fn breaker(&self, priority: RoutingPriority) -> &Breaker {
        match priority {
            RoutingPriority::Default => &self.default,
            RoutingPriority::High => &self.high,
        }
    }
}
