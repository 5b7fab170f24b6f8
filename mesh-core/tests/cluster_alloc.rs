//! The request path of a cluster allocates nothing.

use std::sync::Arc;

use allocation_counter::{AllocationInfo, measure};
use http::StatusCode;
use mesh_core::{
    Outcome, Seeded,
    cluster::{Cluster, PickArgs},
    policy::{
        self, ClusterLoadAssignment, Endpoint, LbPolicy, Maglev, Metadata, OutlierDetection,
        RingHash, RoutingPriority, SubsetFallback, Subsets,
    },
};

const OK: Outcome = Outcome::Response {
    status: StatusCode::OK,
    grpc_status: None,
};

/// 100 endpoints, odd ones `version=v1`, with every feature on.
fn cluster(lb_policy: LbPolicy, weighted: bool) -> Cluster {
    let mut policy = policy::Cluster::new("reviews")
        .with_lb_policy(lb_policy)
        .with_outlier_detection(OutlierDetection::default());
    policy.subsets = Some(Subsets {
        selectors: vec![vec!["version".into()]],
        fallback: SubsetFallback::AnyEndpoint,
    });
    let assignment: ClusterLoadAssignment = (1..=100)
        .map(|n| {
            let version = if n % 2 == 0 { "v2" } else { "v1" };
            Endpoint::new(std::net::SocketAddr::from(([10, 0, 0, 1], n)))
                .with_metadata([("version", version)].into_iter().collect())
                .with_weight(if weighted { n.into() } else { 1 })
        })
        .collect();
    Cluster::new(policy.into(), Arc::new(assignment), None)
}

/// A request: breaker, pick, record, end.
fn request(cluster: &Cluster, args: &PickArgs<'_>) {
    let token = cluster.state().begin_request(RoutingPriority::Default);
    let pick = cluster.pick(args).expect("an endpoint");
    cluster.record(pick.endpoint(), OK, || args.now, args.random);
    drop(pick);
    cluster.state().end_request(token.expect("below the limit"));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a start to count from")]
fn picking_recording_and_ending_allocate_nothing() {
    let random = Seeded::new(1);
    let (v1, v2): (Metadata, Metadata) = (
        [("version", "v1")].into_iter().collect(),
        [("version", "v2")].into_iter().collect(),
    );
    for lb_policy in [
        LbPolicy::RoundRobin,
        LbPolicy::LeastRequest { choice_count: 2 },
        LbPolicy::Random,
        LbPolicy::RingHash(RingHash::default()),
        LbPolicy::Maglev(Maglev::default()),
    ] {
        for weighted in [false, true] {
            let cluster = cluster(lb_policy.clone(), weighted);
            let plain = PickArgs::new(std::time::Instant::now(), &random);
            let tried = [cluster.pick(&plain).unwrap().endpoint().clone()];
            let subset = PickArgs {
                metadata_match: &v1,
                weighted_metadata_match: &v2,
                tried: &tried,
                host_attempts: 5,
                ..plain
            };
            // The first use of a thread prepares its part of the swap.
            request(&cluster, &plain);
            for args in [plain, subset] {
                let counted = measure(|| (0..100).for_each(|_| request(&cluster, &args)));
                assert_eq!(
                    AllocationInfo {
                        count_max: 0,
                        bytes_max: 0,
                        ..counted
                    },
                    AllocationInfo::default(),
                    "{lb_policy:?}, weighted: {weighted}"
                );
            }
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a start to count from")]
fn failing_to_pick_allocates_nothing() {
    let random = Seeded::new(1);
    let cluster = Cluster::new(policy::Cluster::new("reviews").into(), Arc::default(), None);
    let args = PickArgs::new(std::time::Instant::now(), &random);
    drop(cluster.pick(&args));
    let counted = measure(|| drop(cluster.pick(&args)));
    assert_eq!(counted.count_total, 0);
    let control = measure(|| drop(std::hint::black_box(Box::new(1))));
    assert_eq!(control.count_total, 1);
}
