//! What `Counters` costs. (What they count is tested in mesh-core.)

mod telemetry_support;

use std::time::Duration;

use mesh_core::{
    Flag,
    telemetry::{AttemptRecord, Counters, Recorder, Side},
};
use telemetry_support::{OK, cluster, connections, endpoint, request, traffic};

#[test]
fn a_connection_is_no_request() {
    let counters = Counters::new();
    connections(&counters);
    assert_eq!(counters.started(Side::Client), 0);
    assert_eq!(counters.flagged(Side::Client, Flag::NoRoute), 0);
}

#[test]
fn counting_allocates_nothing() {
    let counters = Counters::new();
    let (reviews, endpoint) = (cluster("reviews"), endpoint(1));
    let once = || {
        request(
            &counters,
            Side::Client,
            Some(&reviews),
            Some(503),
            Some(Flag::UpstreamOverflow),
        );
        request(&counters, Side::Server, None, None, None);
        counters.attempt_ended(&AttemptRecord::new(
            &reviews,
            &endpoint,
            OK,
            1,
            Duration::ZERO,
        ));
    };
    let counted = allocation_counter::measure(|| (0..100).for_each(|_| once()));
    assert_eq!(counted.count_total, 0);
    assert_eq!(counters.ended(Side::Client), 100);
}

#[test]
fn the_common_traffic_is_counted() {
    let counters = Counters::new();
    traffic(&counters);
    assert_eq!(counters.responses(Side::Client, 2), 2);
    assert_eq!(counters.flagged(Side::Client, Flag::NoRoute), 1);
    assert_eq!(
        (counters.active(Side::Client), counters.active(Side::Server)),
        (0, 1)
    );
}
