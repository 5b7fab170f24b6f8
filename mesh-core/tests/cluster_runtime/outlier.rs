//! Outlier detection: what counts, who is ejected, for how long.

use std::{sync::Arc, time::Duration};

use crate::bed::{Bed, FAILED, by_priority, endpoint, flat, number, percent, response};
use http::StatusCode;
use mesh_core::{
    Failure, Outcome,
    cluster::{Cluster, EjectionType, Health},
    policy::{self, LbPolicy, OutlierDetection, Percent},
};

use EjectionType::{
    Consecutive5xx, ConsecutiveGatewayFailure, ConsecutiveLocalOriginFailure as LocalOrigin,
};

/// Envoy's defaults, but everybody may be ejected.
fn lenient() -> OutlierDetection {
    OutlierDetection {
        max_ejection_percent: Percent::HUNDRED,
        ..OutlierDetection::default()
    }
}

fn policy(outlier: OutlierDetection) -> policy::Cluster {
    policy::Cluster::new("reviews")
        .with_lb_policy(LbPolicy::RoundRobin)
        .with_outlier_detection(outlier)
}

/// Endpoints 1 to `n`, the clock at its start.
fn bed(outlier: OutlierDetection, n: u16) -> Bed {
    let bed = Bed::new(policy(outlier), flat(n));
    drop(bed.pick());
    bed
}

fn is_ejected(bed: &Bed, n: u16) -> bool {
    matches!(bed.status(n).health, Health::Ejected { .. })
}

#[test]
fn five_5xx_in_a_row_eject_at_once() {
    let bed = bed(lenient(), 10);
    let one = bed.handle(1);
    bed.record(&one, response(500), 4);
    bed.record(&one, response(200), 1);
    bed.record(&one, response(500), 4);
    assert!(one.is_available(), "a success starts the row again");
    bed.record(&one, response(503), 1);
    assert!(one.is_ejected() && !one.is_available());
    assert_eq!(bed.shares(900, 10)[0], 0);
    let stats = bed.cluster.outlier_stats();
    assert_eq!((stats.active, stats.enforced_total()), (1, 1));
    assert_eq!(stats.enforced(Consecutive5xx), 1);
}

#[test]
fn every_kind_of_failure_counts_as_5xx_when_not_split() {
    let grpc = |code| Outcome::Response {
        status: StatusCode::OK,
        grpc_status: Some(code),
    };
    for outcome in [
        FAILED,
        Outcome::Failure(Failure::Connect),
        Outcome::Failure(Failure::Timeout),
        grpc(14),
        grpc(13),
    ] {
        let bed = bed(lenient(), 2);
        let one = bed.handle(1);
        bed.record(&one, outcome, 5);
        assert!(one.is_ejected(), "{outcome:?}");
    }
    for outcome in [response(404), response(429), grpc(5), grpc(0)] {
        let bed = bed(lenient(), 2);
        let one = bed.handle(1);
        bed.record(&one, outcome, 50);
        assert!(!one.is_ejected(), "{outcome:?}");
    }
}

#[test]
fn gateway_failures_are_detected_but_not_enforced_by_default_and_a_500_ends_their_row() {
    let outlier = OutlierDetection {
        consecutive_5xx: 0,
        ..lenient()
    };
    let bed = bed(outlier.clone(), 2);
    let one = bed.handle(1);
    bed.record(&one, response(502), 4)
        .record(&one, response(500), 1);
    bed.record(&one, response(504), 4);
    assert_eq!(
        bed.cluster
            .outlier_stats()
            .detected(ConsecutiveGatewayFailure),
        0
    );
    bed.record(&one, response(503), 1);
    let stats = bed.cluster.outlier_stats();
    assert_eq!(stats.detected(ConsecutiveGatewayFailure), 1);
    assert_eq!((stats.enforced_total(), one.is_ejected()), (0, false));
    // The counter began again.
    bed.record(&one, response(503), 4);
    assert_eq!(
        bed.cluster
            .outlier_stats()
            .detected(ConsecutiveGatewayFailure),
        1
    );

    let enforced = OutlierDetection {
        enforcing_consecutive_gateway_failure: Percent::HUNDRED,
        ..outlier
    };
    let bed = self::bed(enforced, 2);
    let one = bed.handle(1);
    bed.record(&one, FAILED, 5);
    assert!(one.is_ejected());
}

#[test]
fn split_local_failures_have_their_own_counter() {
    let outlier = OutlierDetection {
        split_external_local_origin_errors: true,
        consecutive_local_origin_failure: 3,
        ..lenient()
    };
    let bed = bed(outlier, 3);
    let (one, two) = (bed.handle(1), bed.handle(2));
    bed.record(&one, FAILED, 2).record(&one, response(500), 4);
    assert!(!one.is_ejected(), "neither row is long enough");
    bed.record(&one, FAILED, 2);
    assert!(!one.is_ejected(), "a response ended the local row");
    bed.record(&one, Outcome::Failure(Failure::ConnectTimeout), 1);
    assert!(one.is_ejected());
    bed.record(&two, response(500), 5);
    assert!(two.is_ejected());
    let stats = bed.cluster.outlier_stats();
    assert_eq!(
        (stats.enforced(LocalOrigin), stats.enforced(Consecutive5xx)),
        (1, 1)
    );
}

#[test]
fn three_hosts_at_the_default_percentage_are_never_ejected() {
    let bed = bed(OutlierDetection::default(), 3);
    let one = bed.handle(1);
    bed.record(&one, response(500), 10);
    let stats = bed.cluster.outlier_stats();
    assert_eq!(
        (stats.overflow, stats.detected(Consecutive5xx), stats.active),
        (2, 2, 0)
    );
    assert!(!one.is_ejected());
}

#[test]
fn always_eject_one_host_ejects_just_one() {
    let outlier = OutlierDetection {
        always_eject_one_host: true,
        ..OutlierDetection::default()
    };
    let bed = bed(outlier, 3);
    let (one, two) = (bed.handle(1), bed.handle(2));
    bed.record(&one, response(500), 5)
        .record(&two, response(500), 5);
    assert!(one.is_ejected() && !two.is_ejected());
    assert_eq!(bed.cluster.outlier_stats().overflow, 1);
}

#[test]
fn the_enforcing_percentage_is_drawn() {
    let outlier = OutlierDetection {
        consecutive_5xx: 1,
        enforcing_consecutive_5xx: percent(30),
        ..lenient()
    };
    let bed = bed(outlier, 1000);
    let handles: Vec<_> = (0..1000)
        .map(|_| bed.pick().unwrap().endpoint().clone())
        .collect();
    for endpoint in &handles {
        bed.record(endpoint, FAILED, 1);
    }
    let stats = bed.cluster.outlier_stats();
    let ejected = stats.enforced(Consecutive5xx);
    assert_eq!(stats.detected(Consecutive5xx), 1000);
    assert!((250..350).contains(&ejected), "{ejected}");
}

#[test]
fn an_ejection_ends_at_the_first_tick_after_its_time() {
    // Ticks at 10, 20, 30, ...; ejected at 3 for 30 s.
    let mut bed = bed(lenient(), 2);
    let one = bed.handle(1);
    bed.at(3).record(&one, FAILED, 5);
    let until = bed.now + Duration::from_secs(30);
    assert_eq!(bed.status(1).health, Health::Ejected { until: Some(until) });
    assert_eq!(bed.status(1).ejections, 1);
    for seconds in [29, 32, 33, 39] {
        bed.at(seconds);
        assert_eq!(bed.pick_number(), 2, "at {seconds} s");
    }
    bed.at(40);
    assert_eq!(bed.shares(10, 2), [5, 5]);
    assert_eq!(bed.status(1).health, Health::Healthy);
    assert_eq!(bed.cluster.outlier_stats().active, 0);
    assert_eq!(bed.status(1).ejections, 1);
}

#[test]
fn review_does_without_a_pick() {
    let mut bed = bed(lenient(), 2);
    let one = bed.handle(1);
    bed.record(&one, FAILED, 5);
    bed.at(29).review();
    assert!(one.is_ejected());
    bed.at(30).review();
    assert!(one.is_available());
}

#[test]
fn counters_begin_anew_after_an_ejection() {
    let mut bed = bed(lenient(), 2);
    let one = bed.handle(1);
    bed.record(&one, FAILED, 5);
    bed.record(&one, FAILED, 4);
    bed.at(30).review();
    bed.record(&one, FAILED, 4);
    assert!(one.is_available());
    bed.record(&one, FAILED, 1);
    assert!(one.is_ejected());
}

#[test]
fn ejections_grow_and_heal_with_time() {
    let mut bed = bed(lenient(), 2);
    let one = bed.handle(1);
    let eject_at = |bed: &mut Bed, at, lasts| {
        bed.at(at).review();
        bed.record(&one, FAILED, 5);
        let until = bed.now + Duration::from_secs(lasts);
        assert_eq!(
            bed.status(1).health,
            Health::Ejected { until: Some(until) },
            "at {at} s"
        );
    };
    eject_at(&mut bed, 0, 30);
    // Freed at 30; no tick spent healthy.
    eject_at(&mut bed, 35, 60);
    // Freed at 100 (95 rounded up to a tick), one tick healthy at 110: 2 → 1, then 2 again.
    eject_at(&mut bed, 111, 60);
    // Freed at 180; the ticks 190 and 200 heal it completely, though nobody asked until 500.
    eject_at(&mut bed, 500, 30);
    assert_eq!(bed.status(1).ejections, 4);
}

#[test]
fn ejections_move_traffic_between_priorities() {
    let bed = Bed::new(
        policy(lenient()),
        by_priority(vec![vec![endpoint(1), endpoint(2)], vec![endpoint(3)]]),
    );
    assert_eq!(bed.shares(100, 3), [50, 50, 0]);
    bed.record(&bed.handle(1), FAILED, 5);
    let shares = bed.shares(10_000, 3);
    assert_eq!(shares[0], 0);
    assert!((6_850..7_150).contains(&shares[1]), "70 %: {shares:?}");
}

#[test]
fn an_ejection_survives_updates_of_endpoints_and_policy() {
    let bed = bed(lenient(), 3);
    let one = bed.handle(1);
    bed.record(&one, FAILED, 5);
    bed.cluster.assign(Arc::new(flat(2)));
    assert!(is_ejected(&bed, 1));

    let mut slower = policy(lenient());
    slower.connect_timeout = Duration::from_secs(1);
    let mut next = Bed::with(Cluster::new(
        slower.into(),
        bed.cluster.assignment(),
        Some(&bed.cluster),
    ));
    next.now = bed.now;
    assert!(is_ejected(&next, 1));
    assert_eq!(next.shares(10, 2), [0, 10]);
    let now = bed.now + Duration::from_secs(30);
    next.cluster.review(now);
    assert_eq!(next.shares(10, 2), [5, 5]);
    // The old cluster's own handle follows with its next pick.
    assert!(one.is_ejected());
    bed.pick_number();
    assert!(one.is_available());

    // It left: nothing is remembered of it when it comes back.
    next.record(&next.handle(1), FAILED, 5);
    next.cluster
        .assign(Arc::new([endpoint(2)].into_iter().collect()));
    assert_eq!(next.cluster.outlier_stats().active, 0);
    next.cluster.assign(Arc::new(flat(2)));
    assert_eq!(
        (next.status(1).health, next.status(1).ejections),
        (Health::Healthy, 0)
    );
}

#[test]
fn requests_of_the_old_policy_still_eject_for_the_new_one() {
    let bed = bed(lenient(), 3);
    let next = Bed::with(Cluster::new(
        policy(lenient()).into(),
        bed.cluster.assignment(),
        Some(&bed.cluster),
    ));
    bed.record(&bed.handle(1), FAILED, 5);
    assert!(!next.pick().unwrap().panic);
    assert_eq!(next.shares(100, 3), [0, 50, 50]);
}

#[test]
fn switching_outlier_detection_off_frees_everybody() {
    let bed = bed(lenient(), 2);
    bed.record(&bed.handle(1), FAILED, 5);
    let mut off = policy(lenient());
    off.outlier_detection = None;
    let next = Bed::with(Cluster::new(
        off.into(),
        bed.cluster.assignment(),
        Some(&bed.cluster),
    ));
    assert_eq!(next.shares(10, 2), [5, 5]);
    assert_eq!(next.status(1).health, Health::Healthy);
    next.record(&next.handle(1), FAILED, 100);
    assert_eq!(next.shares(10, 2), [5, 5]);
}

#[test]
fn an_endpoint_that_left_is_not_ejected() {
    let bed = bed(lenient(), 3);
    let gone = bed.handle(3);
    bed.cluster.assign(Arc::new(flat(2)));
    bed.record(&gone, FAILED, 5);
    assert_eq!(number(&gone), 3);
    let stats = bed.cluster.outlier_stats();
    assert_eq!(
        (stats.detected(Consecutive5xx), gone.is_ejected()),
        (0, false)
    );
}
