//! Built-in counters, for demos, tests and status pages that want numbers without an exporter.
//!
//! Counting a request touches only cache lines of the counting thread's own shard, and an attempt
//! those of its endpoint; neither takes a lock or allocates, except at an endpoint's first attempt.
//! Reading sums the shards: it sees every event that happened before it, and perhaps some that
//! happen meanwhile.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{AttemptRecord, OutcomeKind, Recorder, RequestRecord, Side};
use crate::{
    Flag, Sharded,
    cluster::{Cluster, Endpoint},
    policy::{Address, Name},
};

/// Counts requests by side, status class and flag, and attempts by cluster and endpoint.
#[derive(Debug)]
pub struct Counters {
    requests: Sharded<[SideCounts; 2]>,
    endpoints: Mutex<EndpointTable>,
    max_endpoints: usize,
    /// Attempts on endpoints past the limit.
    others: Arc<AttemptCells>,
    /// Tells this recorder's handles in the endpoints' slots from another's.
    id: Arc<()>,
}

/// By cluster and address.
type EndpointTable = BTreeMap<(Name, Address), Arc<AttemptCells>>;

#[derive(Debug, Default)]
struct SideCounts {
    started: AtomicU64,
    /// No answer, 1xx, …, 5xx and above.
    ended: [AtomicU64; 6],
    /// By `Flag as usize`; the rest is room.
    flags: [AtomicU64; 32],
}

/// Not sharded: an attempt writes to its endpoint's in-flight count anyway, and many endpoints must
/// not each cost a cache line per core.
#[derive(Debug, Default)]
struct AttemptCells([AtomicU64; OutcomeKind::COUNT]);

/// What an endpoint's slot holds.
struct Handle {
    id: Arc<()>,
    cells: Arc<AttemptCells>,
}

/// How many attempts ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttemptCounts([u64; OutcomeKind::COUNT]);

impl AttemptCounts {
    /// Those of one kind.
    pub const fn get(&self, kind: OutcomeKind) -> u64 {
        self.0[kind.index()]
    }

    /// All.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Those with an answer below 500.
    pub fn successes(&self) -> u64 {
        let ok = |kind: &OutcomeKind| kind.is_success();
        OutcomeKind::all().filter(ok).map(|k| self.get(k)).sum()
    }
}

impl Counters {
    /// Endpoints counted each for itself, by default. A cluster under churn would otherwise grow the
    /// table for ever, since addresses that have left keep their counts.
    pub const MAX_ENDPOINTS: usize = 16_384;

    /// All zero.
    pub fn new() -> Self {
        Self {
            requests: Sharded::new(),
            endpoints: Mutex::default(),
            max_endpoints: Self::MAX_ENDPOINTS,
            others: Arc::default(),
            id: Arc::default(),
        }
    }

    /// With another limit of endpoints counted each for itself.
    #[must_use]
    pub const fn with_max_endpoints(mut self, max: usize) -> Self {
        self.max_endpoints = max;
        self
    }

    /// Requests begun.
    pub fn started(&self, side: Side) -> u64 {
        self.sum(side, |s| &s.started)
    }

    /// Requests ended, however.
    pub fn ended(&self, side: Side) -> u64 {
        (0..6)
            .map(|class| self.sum(side, |s| &s.ended[class]))
            .sum()
    }

    /// Requests under way.
    pub fn active(&self, side: Side) -> u64 {
        // The ends first: a request that begins and ends between the two reads counts as under way,
        // never as a negative.
        let ended = self.ended(side);
        self.started(side).saturating_sub(ended)
    }

    /// Requests ended with a status of `class` (2 for 2xx; 5 takes everything above, too), or 0 for
    /// those without an answer.
    pub fn responses(&self, side: Side, class: u8) -> u64 {
        let class = usize::from(class.min(5));
        self.sum(side, |s| &s.ended[class])
    }

    /// Requests that the mesh ended for this reason.
    pub fn flagged(&self, side: Side, flag: Flag) -> u64 {
        let shards = self.requests.iter();
        shards
            .filter_map(|s| s[side as usize].flags.get(flag as usize))
            .map(|n| n.load(Relaxed))
            .sum()
    }

    /// Attempts on one endpoint of one cluster.
    pub fn attempts(&self, cluster: &str, address: &Address) -> AttemptCounts {
        let key = (Name::from(cluster), address.clone());
        let cells = self.lock().get(&key).cloned();
        cells.map_or_else(AttemptCounts::default, |cells| sum(&cells))
    }

    /// Attempts on endpoints past the limit.
    pub fn other_attempts(&self) -> AttemptCounts {
        sum(&self.others)
    }

    /// Every endpoint tried so far, by cluster and address.
    pub fn endpoints(&self) -> Vec<(Name, Address, AttemptCounts)> {
        let of = |((cluster, address), cells): (&(Name, Address), &Arc<_>)| {
            (cluster.clone(), address.clone(), sum(cells))
        };
        self.lock().iter().map(of).collect()
    }

    fn sum(&self, side: Side, cell: impl Fn(&SideCounts) -> &AtomicU64) -> u64 {
        let shards = self.requests.iter();
        shards.map(|s| cell(&s[side as usize]).load(Relaxed)).sum()
    }

    fn local(&self, side: Side) -> &SideCounts {
        &self.requests.local()[side as usize]
    }

    /// An endpoint's first attempt; also after it was made afresh, when its old counts go on.
    fn register(&self, cluster: &Cluster, endpoint: &Endpoint) -> Handle {
        let mut endpoints = self.lock();
        let key = (cluster.name().clone(), endpoint.address().clone());
        let known = endpoints.get(&key).cloned();
        let cells = known.unwrap_or_else(|| {
            if endpoints.len() >= self.max_endpoints {
                return self.others.clone();
            }
            endpoints.entry(key).or_default().clone()
        });
        Handle {
            id: self.id.clone(),
            cells,
        }
    }

    fn lock(&self) -> MutexGuard<'_, EndpointTable> {
        // The map is whole after any panic: no insertion is split over statements.
        self.endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self::new()
    }
}

impl Recorder for Counters {
    fn request_started(&self, side: Side) {
        self.local(side).started.fetch_add(1, Relaxed);
    }

    fn request_ended(&self, record: &RequestRecord<'_>) {
        let counts = self.local(record.side);
        let class = record
            .status
            .map_or(0, |s| usize::from(s / 100).clamp(1, 5));
        counts.ended[class].fetch_add(1, Relaxed);
        if let Some(n) = record.flag.and_then(|f| counts.flags.get(f as usize)) {
            n.fetch_add(1, Relaxed);
        }
    }

    fn attempt_ended(&self, record: &AttemptRecord<'_>) {
        let handle = record.endpoint.slot().find_or_init(
            |h: &Handle| Arc::ptr_eq(&h.id, &self.id),
            || self.register(record.cluster, record.endpoint),
        );
        if let Some(handle) = handle {
            let kind = OutcomeKind::of(record.outcome);
            handle.cells.0[kind.index()].fetch_add(1, Relaxed);
        }
    }
}

fn sum(cells: &AttemptCells) -> AttemptCounts {
    AttemptCounts(cells.0.each_ref().map(|cell| cell.load(Relaxed)))
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, time::Duration};

    use http::{Method, StatusCode};

    use super::*;
    use crate::{Failure, Outcome};

    fn endpoint(port: u16) -> Endpoint {
        Endpoint::new(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    fn ok() -> Outcome {
        Outcome::Response {
            status: StatusCode::OK,
            grpc_status: None,
        }
    }

    fn attempt(counters: &Counters, cluster: &Cluster, endpoint: &Endpoint, outcome: Outcome) {
        let record = AttemptRecord::new(cluster, endpoint, outcome, 1, Duration::ZERO);
        counters.attempt_ended(&record);
    }

    fn cluster(name: &str) -> Cluster {
        let policy = crate::policy::Cluster::new(name);
        Cluster::new(Arc::new(policy), Arc::default(), None)
    }

    #[test]
    fn requests_are_counted_by_side_class_and_flag() {
        let counters = Counters::new();
        let end = |side, status, flag| {
            counters.request_started(side);
            let mut record = RequestRecord::new(side, &Method::GET, Duration::ZERO);
            (record.status, record.flag) = (status, flag);
            counters.request_ended(&record);
        };
        end(Side::Client, Some(200), None);
        end(Side::Client, Some(503), Some(Flag::NoHealthyUpstream));
        end(Side::Client, Some(700), None);
        end(
            Side::Server,
            None,
            Some(Flag::DownstreamConnectionTermination),
        );
        counters.request_started(Side::Server);

        let classes = |side| {
            (0..7)
                .map(|class| counters.responses(side, class))
                .collect::<Vec<_>>()
        };
        assert_eq!(classes(Side::Client), [0, 0, 1, 0, 0, 2, 2]);
        assert_eq!(classes(Side::Server), [1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(counters.flagged(Side::Client, Flag::NoHealthyUpstream), 1);
        assert_eq!(counters.flagged(Side::Server, Flag::NoHealthyUpstream), 0);
        assert_eq!(
            (counters.active(Side::Client), counters.active(Side::Server)),
            (0, 1)
        );
        assert_eq!(
            (counters.started(Side::Client), counters.ended(Side::Client)),
            (3, 3)
        );
    }

    #[test]
    fn attempts_are_counted_from_all_threads_and_outlive_a_fresh_endpoint() {
        let counters = Counters::new();
        let cluster = cluster("reviews");
        let (first, second) = (endpoint(1), endpoint(2));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        attempt(&counters, &cluster, &first, ok());
                    }
                });
            }
        });
        attempt(
            &counters,
            &cluster,
            &second,
            Outcome::Failure(Failure::Connect),
        );
        // The same address after a change of how to connect: another `Endpoint`.
        attempt(&counters, &cluster, &endpoint(2), ok());

        let all = counters.endpoints();
        assert_eq!(all.len(), 2);
        assert_eq!(counters.attempts("reviews", first.address()).total(), 4000);
        let second = counters.attempts("reviews", second.address());
        assert_eq!((second.total(), second.successes()), (2, 1));
        assert_eq!(counters.attempts("ratings", first.address()).total(), 0);
    }

    #[test]
    fn two_counters_on_one_endpoint_do_not_mix() {
        let (one, two) = (Counters::new(), Counters::new());
        let (cluster, endpoint) = (cluster("c"), endpoint(1));
        attempt(&one, &cluster, &endpoint, ok());
        attempt(&two, &cluster, &endpoint, ok());
        attempt(&two, &cluster, &endpoint, ok());
        assert_eq!(one.attempts("c", endpoint.address()).total(), 1);
        assert_eq!(two.attempts("c", endpoint.address()).total(), 2);
    }

    #[test]
    fn endpoints_past_the_limit_share_a_count() {
        let counters = Counters::new().with_max_endpoints(1);
        let cluster = cluster("c");
        for port in 1..=3 {
            attempt(&counters, &cluster, &endpoint(port), ok());
        }
        assert_eq!(counters.endpoints().len(), 1);
        assert_eq!(counters.other_attempts().total(), 2);
    }
}
