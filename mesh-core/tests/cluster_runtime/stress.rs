//! Many threads at once: limits hold, counts return to 0, nobody is picked who is out.

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use mesh_core::{
    Seeded,
    cluster::{Cluster, PickArgs},
    policy::{self, LbPolicy, OutlierDetection, Percent, RetryBudget, RoutingPriority, Thresholds},
};

use crate::bed::{Bed, FAILED, flat, percent, response};

const THREADS: u32 = 4;
const ROUNDS: u32 = 2_000;

fn together(work: impl Fn(u32) + Sync) {
    let start = Barrier::new(THREADS as usize);
    thread::scope(|scope| {
        for n in 0..THREADS {
            let (start, work) = (&start, &work);
            scope.spawn(move || {
                start.wait();
                work(n);
            });
        }
    });
}

#[test]
fn permits_never_exceed_their_limit_and_all_come_back() {
    let mut policy = policy::Cluster::new("reviews");
    policy.circuit_breakers.default = Thresholds {
        max_requests: 3,
        max_pending_requests: 2,
        retry_budget: Some(RetryBudget {
            budget_percent: percent(50),
            min_retry_concurrency: 1,
        }),
        ..Thresholds::default()
    };
    let cluster = Cluster::new(policy.into(), Arc::new(flat(1)), None);
    let state = cluster.state();
    let priority = RoutingPriority::Default;
    let (requests, retries) = (AtomicU32::new(0), AtomicU32::new(0));
    let (granted, refused) = (AtomicU32::new(0), AtomicU32::new(0));
    together(|_| {
        for _ in 0..ROUNDS {
            let Ok(token) = state.begin_request(priority) else {
                refused.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            granted.fetch_add(1, Ordering::Relaxed);
            assert!(requests.fetch_add(1, Ordering::SeqCst) < 3);
            if let Ok(retry) = state.try_retry(priority) {
                // 50 % of at most 3 requests and 0 pending, and at least 1.
                assert!(retries.fetch_add(1, Ordering::SeqCst) < 1);
                retries.fetch_sub(1, Ordering::SeqCst);
                drop(retry);
            }
            thread::yield_now();
            requests.fetch_sub(1, Ordering::SeqCst);
            state.end_request(token);
        }
    });
    let status = state.breaker_status(priority);
    assert_eq!((status.requests.active, status.retries.active), (0, 0));
    assert_eq!(status.requests.overflows, u64::from(refused.into_inner()));
    assert!(granted.into_inner() > 0);
}

#[test]
fn the_ejection_cap_holds_while_everything_fails_at_once() {
    for cap in [0, 10, 34, 50, 100] {
        let policy = policy::Cluster::new("reviews")
            .with_lb_policy(LbPolicy::RoundRobin)
            .with_outlier_detection(OutlierDetection {
                consecutive_5xx: 1,
                max_ejection_percent: percent(cap),
                ..OutlierDetection::default()
            });
        let bed = Bed::new(policy, flat(20));
        let handles: Vec<_> = (1..=20).map(|n| bed.handle(n)).collect();
        together(|n| {
            for at in 0..20 {
                bed.record(&handles[(at + n as usize) % 20], FAILED, 3);
            }
        });
        let ejected = handles
            .iter()
            .filter(|endpoint| endpoint.is_ejected())
            .count();
        assert_eq!(ejected, 20 * cap as usize / 100, "cap {cap} %");
        let stats = bed.cluster.outlier_stats();
        assert_eq!(
            (stats.active, stats.enforced_total()),
            (ejected, ejected as u64)
        );
    }
}

/// Picks, failures, reviews and updates of endpoints and policy at once.
#[test]
fn picks_stay_right_while_everything_changes() {
    let mut policy = policy::Cluster::new("reviews").with_outlier_detection(OutlierDetection {
        consecutive_5xx: 3,
        max_ejection_percent: percent(50),
        base_ejection_time: std::time::Duration::from_millis(20),
        interval: std::time::Duration::from_millis(5),
        ..OutlierDetection::default()
    });
    policy.healthy_panic_threshold = Percent::ZERO;
    let bed = Bed::new(policy.clone(), flat(10));
    let handles: Vec<_> = (1..=10).map(|n| bed.handle(n)).collect();
    let next = Cluster::new(policy.into(), bed.cluster.assignment(), Some(&bed.cluster));
    let clusters = [&bed.cluster, &next];
    together(|thread| {
        let random = Seeded::new(u64::from(thread));
        for round in 0..ROUNDS {
            let now = bed.now + std::time::Duration::from_micros(u64::from(round) * 100);
            let cluster = clusters[(thread + round) as usize % 2];
            let pick = cluster.pick(&PickArgs::new(now, &random)).unwrap();
            assert!(!pick.panic, "half of them are always there");
            let outcome = if random.next_u64_is_even() {
                FAILED
            } else {
                response(200)
            };
            cluster.record(pick.endpoint(), outcome, || now, &random);
            if round % 64 == thread {
                // 10 or 11 endpoints.
                cluster.assign(Arc::new(flat(10 + (round / 64 % 2) as u16)));
            }
        }
    });
    assert!(handles.iter().all(|endpoint| endpoint.in_flight() == 0));
    for cluster in clusters {
        cluster.review(bed.now + std::time::Duration::from_secs(3600));
        drop(cluster.pick(&PickArgs::new(bed.now, &bed.random)));
        let all = cluster.endpoints();
        assert_eq!(cluster.outlier_stats().active, 0, "{all:?}");
        assert!(all.iter().all(|status| status.in_flight == 0), "{all:?}");
    }
    assert!(bed.cluster.outlier_stats().enforced_total() > 0);
}

trait Coin {
    fn next_u64_is_even(&self) -> bool;
}

impl Coin for Seeded {
    fn next_u64_is_even(&self) -> bool {
        mesh_core::Random::next_u64(self).is_multiple_of(2)
    }
}
