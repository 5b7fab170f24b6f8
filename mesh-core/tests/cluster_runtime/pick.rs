//! Who is picked: balancers, priorities, panic, subsets, re-picks, and what survives updates.

use std::{sync::Arc, time::Duration};

use crate::bed::{Bed, FAILED, by_priority, endpoint, flat, labels, number, percent, response};
use mesh_core::{
    cluster::{Cluster, Health, InFlight, PickArgs, PickError},
    policy::{
        self, ClusterLoadAssignment, HealthStatus, LbPolicy, OutlierDetection, Percent,
        SubsetFallback, Subsets,
    },
};
use proptest::prelude::*;

fn policy(lb_policy: LbPolicy) -> policy::Cluster {
    policy::Cluster::new("reviews").with_lb_policy(lb_policy)
}

fn with_health(n: u16, health_status: HealthStatus) -> policy::Endpoint {
    policy::Endpoint {
        health_status,
        ..endpoint(n)
    }
}

const LEAST_REQUEST: LbPolicy = LbPolicy::LeastRequest { choice_count: 2 };

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
fn round_robin_goes_on_after_an_update() {
    let bed = Bed::new(policy(LbPolicy::RoundRobin), flat(4));
    let first = bed.pick_number();
    let mut same_but_labelled: Vec<_> = (1..=4).map(endpoint).collect();
    same_but_labelled[0].metadata = labels("version=v2");
    assert!(
        bed.cluster
            .assign(Arc::new(same_but_labelled.into_iter().collect()))
    );
    assert_eq!(bed.pick_number(), first % 4 + 1);
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

fn subsets(fallback: SubsetFallback) -> Bed {
    let mut policy = policy(LbPolicy::RoundRobin);
    policy.subsets = Some(Subsets {
        selectors: vec![
            vec!["version".into()],
            vec!["version".into(), "stage".into()],
        ],
        fallback,
    });
    let endpoints = [
        (1, "version=v1,stage=prod"),
        (2, "version=v1,stage=test"),
        (3, "version=v2,stage=prod"),
        (4, "stage=prod"),
    ];
    let endpoints = endpoints.map(|(n, text)| endpoint(n).with_metadata(labels(text)));
    Bed::new(policy, endpoints.into_iter().collect())
}

/// The endpoints that picks with these criteria reach.
fn reached(bed: &Bed, route: &str, weighted: &str) -> Result<Vec<u16>, PickError> {
    let (route, weighted) = (labels(route), labels(weighted));
    let args = PickArgs {
        metadata_match: &route,
        weighted_metadata_match: &weighted,
        ..bed.args()
    };
    let picks = (0..8).map(|_| Ok(number(bed.cluster.pick(&args)?.endpoint())));
    let mut picks = picks.collect::<Result<Vec<_>, _>>()?;
    picks.sort_unstable();
    picks.dedup();
    let candidates = bed.cluster.candidates(&args)?.0;
    let candidates: Vec<_> = candidates
        .into_iter()
        .map(|status| status.address)
        .collect();
    let addresses: Vec<_> = picks.iter().map(|n| endpoint(*n).address).collect();
    assert_eq!(candidates, addresses, "candidates() says what pick() does");
    Ok(picks)
}

#[test]
fn subsets_choose_by_exact_keys() {
    let bed = subsets(SubsetFallback::NoFallback);
    assert_eq!(reached(&bed, "version=v1", ""), Ok(vec![1, 2]));
    assert_eq!(reached(&bed, "version=v1", "version=v2"), Ok(vec![3]));
    assert_eq!(reached(&bed, "version=v1", "stage=test"), Ok(vec![2]));
    for (criteria, message) in [
        ("stage=prod", "no subset stage=prod and no fallback"),
        ("version=v9", "no subset version=v9 and no fallback"),
        (
            "",
            "the route names no subset and the cluster has no fallback",
        ),
    ] {
        let error = reached(&bed, criteria, "").unwrap_err();
        assert!(error.to_string().ends_with(message), "{error}");
        assert!(matches!(error, PickError::NoSubset { criteria: c, .. } if c == labels(criteria)));
    }
}

#[test]
fn fallbacks_apply_when_no_subset_is_named() {
    let any = subsets(SubsetFallback::AnyEndpoint);
    let default = subsets(SubsetFallback::DefaultSubset(labels("stage=prod")));
    let nobody = subsets(SubsetFallback::DefaultSubset(labels("stage=gone")));
    for criteria in ["", "version=v9", "stage=prod"] {
        assert_eq!(reached(&any, criteria, ""), Ok(vec![1, 2, 3, 4]));
        assert_eq!(reached(&default, criteria, ""), Ok(vec![1, 3, 4]));
        assert!(reached(&nobody, criteria, "").is_err());
    }
    assert_eq!(reached(&default, "version=v2", ""), Ok(vec![3]));
}

#[test]
fn a_subset_of_unhealthy_endpoints_panics_by_itself_and_does_not_fall_back() {
    let mut policy = policy(LbPolicy::RoundRobin);
    policy.subsets = Some(Subsets {
        selectors: vec![vec!["version".into()]],
        fallback: SubsetFallback::AnyEndpoint,
    });
    let assignment: ClusterLoadAssignment = [
        with_health(1, HealthStatus::Unhealthy).with_metadata(labels("version=v1")),
        endpoint(2).with_metadata(labels("version=v2")),
        endpoint(3).with_metadata(labels("version=v2")),
    ]
    .into_iter()
    .collect();
    let bed = Bed::new(policy.clone(), assignment.clone());
    assert_eq!(
        reached(&bed, "version=v1", ""),
        Ok(vec![1]),
        "panic within the subset"
    );
    policy.healthy_panic_threshold = Percent::ZERO;
    let bed = Bed::new(policy, assignment);
    let error = reached(&bed, "version=v1", "").unwrap_err();
    assert!(
        matches!(
            error,
            PickError::AllUnhealthy {
                total: 1,
                unhealthy: 1,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_cluster_without_subsets_ignores_criteria() {
    let bed = Bed::new(policy(LbPolicy::RoundRobin), flat(2));
    assert_eq!(reached(&bed, "version=v1", "x=y"), Ok(vec![1, 2]));
}

#[test]
fn assign_keeps_handles_and_reports_change() {
    let bed = Bed::new(policy(LEAST_REQUEST), flat(2));
    let first = bed.handle(1);
    let request = InFlight::new(first.clone());
    assert!(!bed.cluster.assign(Arc::new(flat(2))), "equal");
    assert!(
        bed.cluster
            .assign(Arc::new([endpoint(3), endpoint(1)].into_iter().collect()))
    );
    assert!(Arc::ptr_eq(&bed.handle(1), &first));
    assert_eq!(bed.status(1).in_flight, 1);
    assert_eq!(bed.cluster.assignment().len(), 2);
    assert_eq!(bed.shares(100, 3)[1], 0, "2 is gone");
    drop(request);
    assert_eq!(first.in_flight(), 0);
}

#[test]
fn an_address_twice_in_a_priority_counts_once_and_shares_its_handle_across_priorities() {
    let bed = Bed::new(
        policy(LbPolicy::RoundRobin),
        by_priority(vec![
            vec![endpoint(1), endpoint(2), endpoint(1)],
            vec![endpoint(1)],
        ]),
    );
    assert_eq!(bed.cluster.endpoints().len(), 3);
    assert_eq!(bed.shares(100, 2), [50, 50]);
    let _request = InFlight::new(bed.handle(1));
    let load: Vec<_> = bed
        .cluster
        .endpoints()
        .iter()
        .map(|s| s.in_flight)
        .collect();
    assert_eq!(load, [1, 0, 1]);
}

#[test]
fn the_next_policy_takes_over_handles_state_and_slot() {
    let bed = Bed::new(policy(LEAST_REQUEST), flat(2));
    bed.cluster.slot().get_or_init(|| 7_u8);
    let handle = bed.handle(1);
    handle.slot().get_or_init(|| "connections");
    bed.record(&handle, FAILED, 1);

    let next = Cluster::new(
        policy(LbPolicy::RoundRobin).into(),
        bed.cluster.assignment(),
        Some(&bed.cluster),
    );
    assert!(Arc::ptr_eq(next.state(), bed.cluster.state()));
    assert_eq!(next.slot().get::<u8>(), Some(&7));
    let next = Bed::with(next);
    assert!(Arc::ptr_eq(&next.handle(1), &handle));

    let other_name = Cluster::new(
        policy::Cluster::new("ratings").into(),
        bed.cluster.assignment(),
        Some(&bed.cluster),
    );
    assert!(!Arc::ptr_eq(other_name.state(), bed.cluster.state()));
    assert_eq!(other_name.endpoints()[0].last_failure, None);
}

#[test]
fn another_way_of_connecting_makes_fresh_handles_that_keep_health() {
    let bed = Bed::new(policy(LEAST_REQUEST), flat(2));
    let old = bed.handle(1);
    old.slot().get_or_init(|| "connections");
    bed.record(&old, FAILED, 1);
    let _request = InFlight::new(old.clone());

    let mut slower = policy(LEAST_REQUEST);
    slower.connect_timeout = Duration::from_secs(1);
    let next = Cluster::new(slower.into(), bed.cluster.assignment(), Some(&bed.cluster));
    let next = Bed::with(next);
    let new = next.handle(1);
    assert!(!Arc::ptr_eq(&new, &old));
    assert_eq!(new.slot().get::<&str>(), None);
    assert_eq!((new.last_failure(), new.in_flight()), (Some(FAILED), 0));

    // So does another hostname, for TLS and the Host header depend on it.
    let mut renamed = endpoint(1);
    renamed.hostname = "a.example".into();
    next.cluster
        .assign(Arc::new([renamed].into_iter().collect()));
    let renamed = next.handle(1);
    assert_eq!(renamed.hostname(), "a.example");
    assert_eq!(renamed.last_failure(), Some(FAILED));
}

#[test]
fn thresholds_of_the_next_policy_apply_to_the_same_counts() {
    let mut limited = policy(LEAST_REQUEST);
    limited.circuit_breakers.default.max_requests = 1;
    let bed = Bed::new(limited.clone(), flat(1));
    let priority = policy::RoutingPriority::Default;
    let permit = bed.cluster.state().try_request(priority).unwrap();
    limited.circuit_breakers.default.max_requests = 2;
    let next = Cluster::new(limited.into(), bed.cluster.assignment(), Some(&bed.cluster));
    let second = next.state().try_request(priority).unwrap();
    assert_eq!(next.state().try_request(priority).unwrap_err().limit, 2);
    assert!(
        next.state()
            .try_request(policy::RoutingPriority::High)
            .is_ok()
    );
    drop((permit, second));
    let status = bed.cluster.state().breaker_status(priority);
    assert_eq!((status.requests.active, status.requests.overflows), (0, 1));
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
            let mut policy = policy;
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
                    prop_assert!(all && threshold == 0, "{}", error);
                }
            }
        }
    }
}
