//! One endpoint's stable handle: what is true of an address for as long as it stays.
//!
//! Weight, labels, locality and priority belong to an assignment and may change at any time; they
//! live in the [endpoint set](super::endpoint_set). The handle holds what must survive that: the
//! in-flight count, health, and the adapter's connections.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

use http::StatusCode;

use super::{attempts::AttemptCounts, outlier::EjectionType};
use crate::{
    Failure, Outcome, Slot,
    policy::{Address, Name},
    telemetry::OutcomeKind,
};

/// An endpoint's runtime, keyed by cluster name and address.
///
/// What every request writes lies first, beside the reference counts that every request writes too,
/// so that a request moves one cache line from core to core, not two. Endpoints are larger than a
/// line, so none shares it with another's.
#[derive(Debug)]
#[repr(C)]
pub struct Endpoint {
    hot: Hot,
    /// Attempts that ended otherwise than with a 2xx, by [`OutcomeKind`].
    others: [AtomicU64; OutcomeKind::COUNT],
    address: Address,
    hostname: Name,
    slot: Slot,
}

/// All that a pick or a record reads or writes.
#[derive(Debug, Default)]
#[repr(C)]
struct Hot {
    in_flight: AtomicU32,
    /// 0 while the endpoint may be picked.
    flags: AtomicU32,
    /// Attempts that ended with a 2xx.
    successes: AtomicU64,
    /// By [`EjectionType`].
    consecutive: [AtomicU32; EjectionType::COUNT],
    last_failure: AtomicU32,
}

const EJECTED: u32 = 1;
const REPORTED_UNHEALTHY: u32 = 2;

impl Endpoint {
    /// An available endpoint without history. Clusters make their own; this is for adapters' tests.
    pub fn new(address: impl Into<Address>) -> Self {
        Self {
            hot: Hot::default(),
            others: Default::default(),
            address: address.into(),
            hostname: Arc::from(""),
            slot: Slot::default(),
        }
    }

    /// With a DNS name.
    #[must_use]
    pub fn with_hostname(mut self, hostname: impl Into<Name>) -> Self {
        self.hostname = hostname.into();
        self
    }

    /// A handle without connections or requests that takes over this one's health and counts.
    pub(super) fn renewed(&self, hostname: Name) -> Self {
        let copy = |n: &AtomicU32| AtomicU32::new(n.load(Ordering::Relaxed));
        let copy64 = |n: &AtomicU64| AtomicU64::new(n.load(Ordering::Relaxed));
        Self {
            hot: Hot {
                in_flight: AtomicU32::new(0),
                flags: copy(&self.hot.flags),
                consecutive: self.hot.consecutive.each_ref().map(copy),
                last_failure: copy(&self.hot.last_failure),
                successes: copy64(&self.hot.successes),
            },
            others: self.others.each_ref().map(copy64),
            address: self.address.clone(),
            hostname,
            slot: Slot::default(),
        }
    }

    /// Where it listens.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Its DNS name; may be empty.
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// Requests under way.
    pub fn in_flight(&self) -> u32 {
        self.hot.in_flight.load(Ordering::Relaxed)
    }

    /// Whether it is neither ejected nor reported unhealthy.
    pub fn is_available(&self) -> bool {
        self.hot.flags.load(Ordering::Relaxed) == 0
    }

    /// Whether outlier detection took it out.
    pub fn is_ejected(&self) -> bool {
        self.hot.flags.load(Ordering::Relaxed) & EJECTED != 0
    }

    /// The latest outcome that counted as a server error.
    pub fn last_failure(&self) -> Option<Outcome> {
        decode(self.hot.last_failure.load(Ordering::Relaxed))
    }

    /// Attempts that have ended, by how.
    pub fn attempts(&self) -> AttemptCounts {
        let mut counts = self.others.each_ref().map(|n| n.load(Ordering::Relaxed));
        counts[OutcomeKind::SUCCESS.index()] = self.hot.successes.load(Ordering::Relaxed);
        AttemptCounts::new(counts)
    }

    /// Counts an attempt that has ended.
    #[inline]
    pub fn count_attempt(&self, outcome: Outcome) {
        let kind = OutcomeKind::of(outcome);
        let count = if kind == OutcomeKind::SUCCESS {
            &self.hot.successes
        } else {
            &self.others[kind.index()]
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// The adapter's own state: connections.
    pub const fn slot(&self) -> &Slot {
        &self.slot
    }

    pub(super) fn note_failure(&self, outcome: Outcome) {
        let code = encode(outcome);
        self.hot.last_failure.store(code, Ordering::Relaxed);
    }

    pub(super) fn set_ejected(&self, ejected: bool) {
        self.set_flag(EJECTED, ejected);
    }

    pub(super) fn set_reported_unhealthy(&self, unhealthy: bool) {
        self.set_flag(REPORTED_UNHEALTHY, unhealthy);
    }

    fn set_flag(&self, flag: u32, on: bool) {
        if on {
            self.hot.flags.fetch_or(flag, Ordering::Relaxed);
        } else {
            self.hot.flags.fetch_and(!flag, Ordering::Relaxed);
        }
    }

    /// One more error in a row; whether that makes exactly `threshold`.
    pub(super) fn count_error(&self, kind: EjectionType, threshold: u32) -> bool {
        let before = self.hot.consecutive[kind as usize].fetch_add(1, Ordering::Relaxed);
        before.wrapping_add(1) == threshold
    }

    /// Ends a row of errors. Only reads when there is none.
    pub(super) fn clear_errors(&self, kind: EjectionType) {
        let counter = &self.hot.consecutive[kind as usize];
        if counter.load(Ordering::Relaxed) != 0 {
            counter.store(0, Ordering::Relaxed);
        }
    }
}

/// Counts one request at an endpoint from the pick, so that concurrent picks see it, until it is
/// dropped.
#[derive(Debug)]
pub struct InFlight(Arc<Endpoint>);

impl InFlight {
    /// Starts counting.
    pub fn new(endpoint: Arc<Endpoint>) -> Self {
        endpoint.hot.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(endpoint)
    }
}

impl Deref for InFlight {
    type Target = Arc<Endpoint>;

    fn deref(&self) -> &Arc<Endpoint> {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.hot.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

const FAILURES: [Failure; 7] = [
    Failure::Connect,
    Failure::ConnectTimeout,
    Failure::Timeout,
    Failure::Disconnect,
    Failure::Reset,
    Failure::RefusedStream,
    Failure::Protocol,
];

const RESPONSE: u32 = 1 << 31;
const HAS_GRPC_STATUS: u32 = 1 << 30;

/// An outcome in one atomic: 0 is none, a response has its status below its gRPC status, a failure
/// is its place in [`FAILURES`] plus 1.
fn encode(outcome: Outcome) -> u32 {
    match outcome {
        Outcome::Response {
            status,
            grpc_status,
        } => {
            let grpc = grpc_status.map_or(0, |code| HAS_GRPC_STATUS | u32::from(code) << 16);
            RESPONSE | grpc | u32::from(status.as_u16())
        }
        Outcome::Failure(failure) => FAILURES
            .iter()
            .zip(1..)
            .find_map(|(known, code)| (*known == failure).then_some(code))
            .unwrap_or(0),
        // Never noted as a failure.
        Outcome::Connected => 0,
    }
}

fn decode(code: u32) -> Option<Outcome> {
    if code & RESPONSE == 0 {
        let place = usize::try_from(code).ok()?.checked_sub(1)?;
        return FAILURES.get(place).copied().map(Outcome::Failure);
    }
    let [status_low, status_high, grpc, _] = code.to_le_bytes();
    Some(Outcome::Response {
        status: StatusCode::from_u16(u16::from_le_bytes([status_low, status_high])).ok()?,
        grpc_status: (code & HAS_GRPC_STATUS != 0).then_some(grpc),
    })
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn every_outcome_survives_its_encoding() {
        assert_eq!(decode(0), None);
        for failure in FAILURES {
            let outcome = Outcome::Failure(failure);
            assert_eq!(decode(encode(outcome)), Some(outcome));
        }
        for status in [100, 200, 503, 999] {
            for grpc_status in [None, Some(0), Some(14), Some(255)] {
                let status = StatusCode::from_u16(status).unwrap();
                let outcome = Outcome::Response {
                    status,
                    grpc_status,
                };
                assert_eq!(decode(encode(outcome)), Some(outcome));
            }
        }
    }

    #[test]
    fn a_renewed_handle_keeps_health_and_loses_load() {
        let old = Arc::new(Endpoint::new(SocketAddr::from(([10, 0, 0, 1], 80))));
        let _request = InFlight::new(old.clone());
        old.set_ejected(true);
        old.note_failure(Outcome::Failure(Failure::Reset));
        assert!(!old.count_error(EjectionType::Consecutive5xx, 2));

        let new = old.renewed("reviews".into());
        assert!(new.is_ejected() && !new.is_available());
        assert_eq!(new.last_failure(), Some(Outcome::Failure(Failure::Reset)));
        assert!(new.count_error(EjectionType::Consecutive5xx, 2));
        assert_eq!(
            (new.in_flight(), old.in_flight(), new.hostname()),
            (0, 1, "reviews")
        );
    }

    #[test]
    fn attempts_are_counted_by_kind_and_survive_a_renewal() {
        let old = Endpoint::new(SocketAddr::from(([10, 0, 0, 1], 80)));
        let ok = Outcome::Response {
            status: StatusCode::OK,
            grpc_status: None,
        };
        old.count_attempt(ok);
        old.count_attempt(ok);
        old.count_attempt(Outcome::Failure(Failure::Connect));
        let counts = old.renewed("".into()).attempts();
        assert_eq!((counts.total(), counts.successes()), (3, 2));
        let refused = OutcomeKind::of(Outcome::Failure(Failure::Connect));
        assert_eq!(counts.get(refused), 1);
    }

    #[test]
    fn hot_state_and_the_reference_counts_fit_in_a_cache_line() {
        assert!(size_of::<Hot>() + 2 * size_of::<usize>() <= 48);
        assert_eq!(std::mem::offset_of!(Endpoint, hot), 0);
        assert!(size_of::<Endpoint>() > 128);
    }
}
