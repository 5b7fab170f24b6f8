//! Who is picked: balancers, priorities, panic, re-picks; and what it says when nobody can be.

use std::sync::Arc;

use mesh_core::{
    cluster::{Cluster, Health, PickArgs, PickError},
    policy::{
        ClusterLoadAssignment, HealthStatus, LbPolicy, Maglev, OutlierDetection, Percent, RingHash,
    },
};
use proptest::prelude::*;

use crate::bed::{
    Bed, FAILED, LEAST_REQUEST, by_priority, endpoint, flat, labels, number, percent, policy,
    response, with_health,
};

#[test]
fn round_robin_by_weight() {
    let assignment = [(1, 5), (2, 1), (3, 2)].map(|(n, w)| endpoint(n).with_weight(w));
    let bed = Bed::new(
        policy(LbPolicy::RoundRobin),
        assignment.into_iter().collect(),
    );
    assert_eq!(bed.shares(80, 3), [50, 10, 20]);
}

#[test]
fn random_ignores_weights() {
    let assignment = [endpoint(1).with_weight(1000), endpoint(2)];
    let bed = Bed::new(policy(LbPolicy::Random), assignment.into_iter().collect());
    let shares = bed.shares(1_000, 2);
    assert!(shares.iter().all(|n| (440..560).contains(n)), "{shares:?}");
}

#[test]
fn least_request_counts_at_the_pick() {
    let bed = Bed::new(policy(LEAST_REQUEST), flat(2));
    let mut held: Vec<_> = (0..100).map(|_| bed.pick().unwrap().in_flight).collect();
    let load = |bed: &Bed| [1, 2].map(|n| bed.status(n).in_flight);
    let [a, b] = load(&bed);
    assert!(a + b == 100 && a.abs_diff(b) <= 4, "{a} and {b}");

    // Whoever has fewer wins whenever both are drawn, which is every second time at least.
    held.retain(|request| number(request) == 2);
    let shares = bed.shares(1_000, 2);
    assert!(shares[0] > 680, "{shares:?}");
    drop(held);
    assert_eq!(load(&bed), [0, 0]);
}

#[test]
fn half_a_priority_overflows_into_the_next() {
    let health = |n| {
        if n <= 5 {
            HealthStatus::Healthy
        } else {
            HealthStatus::Unhealthy
        }
    };
    let bed = Bed::new(
        policy(LEAST_REQUEST),
        by_priority(vec![
            (1..=10).map(|n| with_health(n, health(n))).collect(),
            vec![endpoint(11)],
        ]),
    );
    let shares = bed.shares(10_000, 11);
    let first: u32 = shares[..5].iter().sum();
    assert!((6_850..7_150).contains(&first), "70 %: {shares:?}");
    assert_eq!(shares[5..10], [0; 5], "unhealthy ones");
    assert_eq!(first + shares[10], 10_000);
}

#[test]
fn degraded_endpoints_take_what_is_left() {
    let assignment = [endpoint(1), with_health(2, HealthStatus::Degraded)];
    let bed = Bed::new(policy(LEAST_REQUEST), assignment.into_iter().collect());
    let shares = bed.shares(10_000, 2);
    assert!((6_850..7_150).contains(&shares[0]), "70 %: {shares:?}");
    assert_eq!(bed.status(2).health, Health::Degraded);
}

#[test]
fn panic_ignores_health_and_says_so() {
    let mut policy = policy(LbPolicy::RoundRobin);
    let assignment: ClusterLoadAssignment = [
        endpoint(1),
        with_health(2, HealthStatus::Unhealthy),
        with_health(3, HealthStatus::Unhealthy),
    ]
    .into_iter()
    .collect();
    let bed = Bed::new(policy.clone(), assignment.clone());
    assert!(bed.pick().unwrap().panic, "33 % is below 50 %");
    assert_eq!(bed.shares(300, 3), [100; 3]);
    assert!(bed.cluster.candidates(&bed.args()).unwrap().1);

    policy.healthy_panic_threshold = percent(33);
    let bed = Bed::new(policy, assignment);
    assert!(!bed.pick().unwrap().panic);
    assert_eq!(bed.shares(300, 3), [300, 0, 0]);
}

#[test]
fn errors_explain_themselves() {
    let mut policy = policy(LEAST_REQUEST);
    policy.healthy_panic_threshold = Percent::ZERO;
    let message = |bed: &Bed| bed.pick().unwrap_err().to_string();

    let bed = Bed::new(policy.clone(), ClusterLoadAssignment::default());
    assert_eq!(
        message(&bed),
        r#"no healthy upstream in cluster "reviews": it has no endpoints"#
    );

    let one = [with_health(1, HealthStatus::Unhealthy)]
        .into_iter()
        .collect();
    assert_eq!(
        message(&Bed::new(policy.clone(), one)),
        r#"no healthy upstream in cluster "reviews": 1 endpoint, 1 unhealthy"#
    );

    policy.outlier_detection = Some(OutlierDetection {
        max_ejection_percent: Percent::HUNDRED,
        ..OutlierDetection::default()
    });
    let bed = Bed::new(policy, flat(3));
    for n in 1..=3 {
        bed.record(&bed.handle(n), response(503), 5);
    }
    assert_eq!(
        message(&bed),
        r#"no healthy upstream in cluster "reviews": 3 endpoints, 3 ejected, last error: 503"#
    );
}

#[test]
fn an_endpoint_already_tried_is_avoided_as_often_as_asked() {
    let bed = Bed::new(policy(LbPolicy::RoundRobin), flat(3));
    let tried = [bed.handle(1), bed.handle(2)];
    let pick = |host_attempts| {
        let args = PickArgs {
            tried: &tried,
            host_attempts,
            ..bed.args()
        };
        number(bed.cluster.pick(&args).unwrap().endpoint())
    };
    for _ in 0..9 {
        assert_eq!(pick(5), 3);
    }
    // Turns: 1 → 2 (kept, tried as it is), 3, 1 → 2, 3, ...
    let picks: Vec<_> = (0..6).map(|_| pick(1)).collect();
    assert_eq!(picks, [2, 3, 2, 3, 2, 3]);
}

#[test]
fn status_tells_what_the_assignment_said() {
    let told = endpoint(1)
        .with_weight(3)
        .with_metadata(labels("version=v1"));
    let bed = Bed::new(policy(LEAST_REQUEST), by_priority(vec![vec![], vec![told]]));
    bed.record(&bed.handle(1), response(500), 1);
    let status = bed.status(1);
    assert_eq!((status.weight, status.priority), (3, 1));
    assert_eq!(status.metadata, labels("version=v1"));
    assert_eq!(status.last_failure, Some(response(500)));
    assert_eq!(status.health, Health::Healthy);
}

#[derive(Clone, Debug)]
enum Step {
    Pick,
    Drop(prop::sample::Index),
    Assign(u16),
}

proptest! {
    #[test]
    fn in_flight_ends_at_0_in_any_order(steps in prop::collection::vec(
        prop_oneof![
            3 => Just(Step::Pick),
            2 => any::<prop::sample::Index>().prop_map(Step::Drop),
            1 => (1_u16..6).prop_map(Step::Assign),
        ],
        1..200,
    )) {
        let bed = Bed::new(policy(LEAST_REQUEST), flat(3));
        let mut held = Vec::new();
        let mut seen = Vec::new();
        for step in steps {
            match step {
                Step::Pick => {
                    let pick = bed.pick().unwrap();
                    seen.push(pick.endpoint().clone());
                    held.push(pick);
                }
                Step::Drop(_) if held.is_empty() => {}
                Step::Drop(at) => drop(held.swap_remove(at.index(held.len()))),
                Step::Assign(n) => {
                    bed.cluster.assign(Arc::new(flat(n)));
                }
            }
            let counted: u32 = {
                let mut unique: Vec<_> = seen.clone();
                unique.sort_by_key(Arc::as_ptr);
                unique.dedup_by_key(|endpoint| Arc::as_ptr(endpoint));
                unique.iter().map(|endpoint| endpoint.in_flight()).sum()
            };
            prop_assert_eq!(counted as usize, held.len());
        }
        drop(held);
        prop_assert!(seen.iter().all(|endpoint| endpoint.in_flight() == 0));
    }

    #[test]
    fn only_panic_picks_an_unavailable_endpoint(
        health in prop::collection::vec(0..4_u8, 1..12),
        threshold in 0_u32..=100,
        lb in prop_oneof![
            Just(LbPolicy::RoundRobin),
            (2_u32..5).prop_map(|choice_count| LbPolicy::LeastRequest { choice_count }),
            Just(LbPolicy::Random),
            Just(LbPolicy::RingHash(RingHash::default())),
            Just(LbPolicy::Maglev(Maglev::try_new(251).unwrap())),
        ],
        weighted: bool,
    ) {
        let mut policy = policy(lb);
        policy.healthy_panic_threshold = percent(threshold);
        policy.outlier_detection = Some(OutlierDetection {
            consecutive_5xx: 1,
            max_ejection_percent: Percent::HUNDRED,
            ..OutlierDetection::default()
        });
        let assignment: ClusterLoadAssignment = (1..).zip(&health)
            .map(|(n, health)| with_health(n, match health {
                0 => HealthStatus::Unhealthy,
                1 => HealthStatus::Degraded,
                _ => HealthStatus::Healthy,
            }).with_weight(if weighted { u32::from(n) } else { 1 }))
            .collect();
        let bed = Bed::new(policy.clone(), assignment.clone());
        // 3 in `health` is ejected; handles are found through a cluster that always panics.
        let finder = {
            let mut policy = policy.clone();
            policy.lb_policy = LbPolicy::RoundRobin;
            policy.healthy_panic_threshold = Percent::HUNDRED;
            Bed::with(Cluster::new(policy.into(), assignment.into(), Some(&bed.cluster)))
        };
        for (n, health) in (1..).zip(&health) {
            if *health == 3 {
                bed.record(&finder.handle(n), FAILED, 1);
            }
        }
        for _ in 0..50 {
            match bed.pick() {
                Ok(pick) => prop_assert!(pick.panic || pick.endpoint().is_available()),
                Err(error) => {
                    let all = matches!(error, PickError::AllUnhealthy { .. });
                    // What hashes asks only healthy endpoints, as in Envoy.
                    let hashes = policy.lb_policy.uses_hash() && health.contains(&1);
                    prop_assert!(all && (threshold == 0 || hashes), "{}", error);
                }
            }
        }
    }
}
