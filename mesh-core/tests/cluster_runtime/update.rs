//! What survives updates of endpoints and of policy.

use std::{sync::Arc, time::Duration};

use mesh_core::{
    cluster::{Cluster, InFlight},
    policy::{self, LbPolicy},
};

use crate::bed::{Bed, FAILED, LEAST_REQUEST, by_priority, endpoint, flat, labels, policy};

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
    let first = bed.cluster.state().begin_request(priority).unwrap();
    limited.circuit_breakers.default.max_requests = 2;
    let next = Cluster::new(limited.into(), bed.cluster.assignment(), Some(&bed.cluster));
    let second = next.state().begin_request(priority).unwrap();
    assert_eq!(next.state().begin_request(priority).unwrap_err().limit, 2);
    assert!(
        next.state()
            .begin_request(policy::RoutingPriority::High)
            .is_ok()
    );
    for token in [first, second] {
        next.state().end_request(token);
    }
    let status = bed.cluster.state().breaker_status(priority);
    assert_eq!((status.requests.active, status.requests.overflows), (0, 1));
}
