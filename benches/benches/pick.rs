//! Choosing an endpoint and telling how the attempt ended, by balancer and number of endpoints.

use std::{sync::Arc, time::Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use mesh_benches::policy;
use mesh_core::{
    Outcome, Seeded,
    cluster::{Cluster, PickArgs},
    policy::{self as model, Endpoint, LbPolicy, Maglev, OutlierDetection, RingHash},
};

fn balancers() -> [(&'static str, LbPolicy); 5] {
    [
        ("round_robin", LbPolicy::RoundRobin),
        ("least_request", LbPolicy::LeastRequest { choice_count: 2 }),
        ("random", LbPolicy::Random),
        ("ring_hash", LbPolicy::RingHash(RingHash::default())),
        ("maglev", LbPolicy::Maglev(Maglev::default())),
    ]
}

fn cluster(balancer: LbPolicy, endpoints: usize) -> Cluster {
    let model = model::Cluster::new("reviews")
        .with_lb_policy(balancer)
        .with_outlier_detection(OutlierDetection::default());
    let endpoints = policy::addresses(endpoints).into_iter().map(Endpoint::new);
    Cluster::new(Arc::new(model), Arc::new(endpoints.collect()), None)
}

fn pick(c: &mut Criterion) {
    for (name, balancer) in balancers() {
        let mut group = c.benchmark_group(format!("pick/{name}"));
        for endpoints in [10, 10_000, 100_000] {
            let cluster = cluster(balancer.clone(), endpoints);
            let random = Seeded::new(7);
            let now = Instant::now();
            group.bench_function(BenchmarkId::from_parameter(endpoints), |b| {
                let mut hash = 0_u64;
                b.iter(|| {
                    hash = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
                    let mut args = PickArgs::new(now, &random);
                    args.hash = Some(hash);
                    cluster.pick(&args)
                });
            });
        }
        group.finish();
    }
}

/// What an update costs that changes all endpoints: off the request path.
fn rebuild(c: &mut Criterion) {
    let mut group = c.benchmark_group("rebuild");
    group.sample_size(10);
    for (name, balancer) in balancers() {
        group.bench_function(BenchmarkId::new(name, 10_000), |b| {
            b.iter(|| cluster(balancer.clone(), 10_000));
        });
    }
    group.finish();
}

fn record(c: &mut Criterion) {
    let cluster = cluster(LbPolicy::default(), 10);
    let random = Seeded::new(7);
    let now = Instant::now();
    let pick = cluster
        .pick(&PickArgs::new(now, &random))
        .expect("ten endpoints");
    let ok = Outcome::of_head(http::StatusCode::OK, &http::HeaderMap::new());
    c.bench_function("record/ok", |b| {
        b.iter(|| cluster.record(pick.endpoint(), ok, || now, &random));
    });
}

criterion_group!(benches, pick, rebuild, record);
criterion_main!(benches);
