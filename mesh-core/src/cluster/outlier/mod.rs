//! Outlier detection: endpoints with too many errors in a row are ejected for a while.
//!
//! Counting is lock-free and lives in the [`Endpoint`]; [`observe`] does it. What happens when a
//! threshold is reached, and when an ejection ends, is decided here under one lock per cluster name,
//! so that the cap on ejections holds whatever happens at once. The [`OutlierDetector`] outlives
//! changes of policy and of endpoints: ejections are kept by address.
//!
//! There is no timer. Envoy reviews ejections every `interval`; here the first pick after such a
//! tick does, for all the ticks that passed, with the same result. The ticks' phase begins with the
//! cluster's first request.

mod ejection;

use std::{
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

pub(super) use self::ejection::Book;
use self::ejection::{interval, nanos};
use super::endpoint::Endpoint;
use crate::{
    Outcome, Random,
    policy::{Address, OutlierDetection, Percent},
};

/// What an endpoint can be ejected for (`envoy.data.cluster.v3.OutlierEjectionType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EjectionType {
    /// CONSECUTIVE_5XX.
    Consecutive5xx,
    /// CONSECUTIVE_GATEWAY_FAILURE: 502, 503, 504.
    ConsecutiveGatewayFailure,
    /// CONSECUTIVE_LOCAL_ORIGIN_FAILURE: connect failures, resets and timeouts, when those are
    /// counted apart.
    ConsecutiveLocalOriginFailure,
}

impl EjectionType {
    pub(super) const COUNT: usize = 3;

    const fn enforcing(self, config: &OutlierDetection) -> Percent {
        match self {
            Self::Consecutive5xx => config.enforcing_consecutive_5xx,
            Self::ConsecutiveGatewayFailure => config.enforcing_consecutive_gateway_failure,
            Self::ConsecutiveLocalOriginFailure => {
                config.enforcing_consecutive_local_origin_failure
            }
        }
    }
}

/// A cluster's ejections so far (`cluster.<name>.outlier_detection.*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutlierStats {
    /// `ejections_active`.
    pub active: usize,
    /// `ejections_overflow`: not ejected, because too many were.
    pub overflow: u64,
    detected: [u64; EjectionType::COUNT],
    enforced: [u64; EjectionType::COUNT],
}

impl OutlierStats {
    /// `ejections_detected_*`: the threshold was reached.
    pub const fn detected(&self, kind: EjectionType) -> u64 {
        self.detected[kind as usize]
    }

    /// `ejections_enforced_*`: and the endpoint ejected.
    pub const fn enforced(&self, kind: EjectionType) -> u64 {
        self.enforced[kind as usize]
    }

    /// `ejections_enforced_total`.
    pub fn enforced_total(&self) -> u64 {
        self.enforced.iter().sum()
    }
}

/// Counts an outcome at its endpoint; the thresholds that it reached. A success with nothing to
/// clear only reads.
pub(super) fn observe(
    config: &OutlierDetection,
    endpoint: &Endpoint,
    outcome: Outcome,
) -> [Option<EjectionType>; 2] {
    use EjectionType::{
        Consecutive5xx, ConsecutiveGatewayFailure, ConsecutiveLocalOriginFailure as LocalOrigin,
    };
    let count = |kind, threshold| endpoint.count_error(kind, threshold).then_some(kind);

    if config.split_external_local_origin_errors {
        if outcome == Outcome::Connected {
            endpoint.clear_errors(LocalOrigin);
            return [None, None];
        }
        if outcome.is_local_origin() {
            return [
                count(LocalOrigin, config.consecutive_local_origin_failure),
                None,
            ];
        }
        endpoint.clear_errors(LocalOrigin);
    }
    if !outcome.is_server_error() {
        endpoint.clear_errors(Consecutive5xx);
        endpoint.clear_errors(ConsecutiveGatewayFailure);
        return [None, None];
    }
    let gateway = if outcome.is_gateway_error() {
        count(
            ConsecutiveGatewayFailure,
            config.consecutive_gateway_failure,
        )
    } else {
        endpoint.clear_errors(ConsecutiveGatewayFailure);
        None
    };
    [gateway, count(Consecutive5xx, config.consecutive_5xx)]
}

/// The ejections of one cluster name.
#[derive(Debug, Default)]
pub(super) struct OutlierDetector {
    /// Changes with every ejection and un-ejection; an endpoint set built at another version is
    /// stale.
    version: AtomicU64,
    /// When the next review has something to do, in nanoseconds since `epoch`; [`NEVER`] is usual.
    due: AtomicU64,
    /// The first time that anything happened.
    epoch: OnceLock<Instant>,
    book: Mutex<Book>,
}

/// 0, so that an unused detector has nothing due: a tick is always after the epoch.
const NEVER: u64 = 0;

/// An endpoint that reached a threshold and is not ejected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspect<'a> {
    pub(super) kind: EjectionType,
    pub(super) address: &'a Address,
    /// How many of its cluster's endpoints are ejected.
    pub(super) ejected: usize,
    /// How many there are.
    pub(super) hosts: usize,
}

/// An ejection, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EjectionStatus {
    pub(super) ejected: bool,
    pub(super) until: Option<Instant>,
    pub(super) times: u32,
}

impl OutlierDetector {
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Whether a review would find something to do. Starts the clock.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let epoch = *self.epoch.get_or_init(|| now);
        let due = self.due.load(Ordering::Relaxed);
        due != NEVER && nanos(now.saturating_duration_since(epoch)) >= due
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For picks, which never wait.
    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, Book>> {
        self.book.try_lock().ok()
    }

    /// Un-ejects whom the ticks up to `now` free; their addresses.
    pub(super) fn review(
        &self,
        book: &mut Book,
        config: &OutlierDetection,
        now: Instant,
    ) -> Vec<Address> {
        let freed = book.review(interval(config), self.since_epoch(now));
        if !freed.is_empty() {
            self.version.fetch_add(1, Ordering::Release);
        }
        self.schedule(book, config);
        freed
    }

    /// Ejects the suspect, unless the cap or the enforcing percentage spares it; whether it did.
    pub(super) fn judge(
        &self,
        book: &mut Book,
        config: &OutlierDetection,
        suspect: &Suspect<'_>,
        now: Instant,
        random: &dyn Random,
    ) -> bool {
        let kind = suspect.kind;
        book.stats.detected[kind as usize] += 1;
        if !may_eject(config, suspect.ejected, suspect.hosts) {
            book.stats.overflow += 1;
            return false;
        }
        // The cap first, then the draw, as in Envoy.
        if random.next_u64() % 100 >= u64::from(kind.enforcing(config).get()) {
            return false;
        }
        book.stats.enforced[kind as usize] += 1;
        book.eject(suspect.address, config, self.since_epoch(now), random);
        self.version.fetch_add(1, Ordering::Release);
        self.schedule(book, config);
        true
    }

    /// Forgets the endpoints that left.
    pub(super) fn retain(&self, book: &mut Book, stays: impl Fn(&Address) -> bool) {
        if book.retain(stays) {
            self.version.fetch_add(1, Ordering::Release);
        }
    }

    pub(super) fn status(&self, book: &Book, address: &Address) -> Option<EjectionStatus> {
        let ejection = book.get(address)?;
        Some(EjectionStatus {
            ejected: ejection.ejected,
            until: self
                .epoch
                .get()
                .and_then(|epoch| epoch.checked_add(Duration::from_nanos(ejection.until))),
            times: ejection.times,
        })
    }

    fn since_epoch(&self, now: Instant) -> u64 {
        let epoch = *self.epoch.get_or_init(|| now);
        nanos(now.saturating_duration_since(epoch))
    }

    fn schedule(&self, book: &Book, config: &OutlierDetection) {
        let due = book.next_review(interval(config)).unwrap_or(NEVER);
        self.due.store(due, Ordering::Relaxed);
    }
}

/// Envoy's rule: this one included, at most `max_ejection_percent`; but the first one always when
/// `always_eject_one_host`.
fn may_eject(config: &OutlierDetection, ejected: usize, hosts: usize) -> bool {
    let most = u64::from(config.max_ejection_percent.get());
    (config.always_eject_one_host && ejected == 0)
        || 100 * (ejected as u64 + 1) <= most * hosts as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cap_of_10_percent_spares_clusters_below_10() {
        let mut config = OutlierDetection::default();
        assert!(!may_eject(&config, 0, 9));
        assert!(may_eject(&config, 0, 10));
        assert!(!may_eject(&config, 1, 10));
        assert!(may_eject(&config, 1, 20));
        config.always_eject_one_host = true;
        assert!(may_eject(&config, 0, 3));
        assert!(!may_eject(&config, 1, 3));
        config.max_ejection_percent = Percent::HUNDRED;
        assert!(may_eject(&config, 2, 3));
        assert!(!may_eject(&config, 3, 3));
    }
}
