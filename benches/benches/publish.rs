//! What an update costs, and what a request pays to see the current one.

use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use mesh_benches::policy::{self, Scale};
use mesh_core::{Mesh, policy::Endpoint};

fn mesh(scale: &Scale) -> Mesh {
    let mesh = Mesh::new();
    mesh.publish(scale.config().expect("a valid policy"))
        .expect("a consistent policy");
    mesh
}

fn load(c: &mut Criterion) {
    let mesh = mesh(&Scale::default());
    c.bench_function("snapshot/load", |b| b.iter(|| mesh.load()));
}

/// The whole policy again, with one route configuration changed and so compiled anew.
fn publish(c: &mut Criterion) {
    let mut group = c.benchmark_group("publish");
    group.sample_size(10);
    for routes in [10, 10_000] {
        let scale = |retries| Scale {
            routes,
            retries,
            ..Scale::default()
        };
        let mesh = mesh(&scale(false));
        let configs = [true, false].map(|r| scale(r).config().expect("a valid policy"));
        let mut turn = 0;
        group.bench_function(format!("{routes} routes"), |b| {
            b.iter_batched(
                || {
                    turn += 1;
                    configs[turn % 2].clone()
                },
                |config| mesh.publish(config),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// The endpoints of one cluster among many routes.
fn assign(c: &mut Criterion) {
    let mesh = mesh(&Scale {
        routes: 10_000,
        ..Scale::default()
    });
    let assignments = [99, 100].map(|count| {
        let endpoints = policy::addresses(count).into_iter().map(Endpoint::new);
        Arc::new(endpoints.collect())
    });
    let mut turn = 0;
    c.bench_function("assign/100 endpoints", |b| {
        b.iter(|| {
            turn += 1;
            mesh.assign("v1", Arc::clone(&assignments[turn % 2]))
        });
    });
}

criterion_group!(benches, load, publish, assign);
criterion_main!(benches);
