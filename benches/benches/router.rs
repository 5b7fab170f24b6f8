//! Routing by itself: host to virtual host, and path to route, as the table grows.

use std::{hint::black_box, sync::Arc};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use http::{Request, Uri};
use mesh_benches::{memory, memory::Body, policy::Scale};
use mesh_core::routing::{RequestHead, Router};

const SIZES: [usize; 3] = [10, 1_000, 10_000];

fn router(scale: &Scale) -> Router {
    let config = scale.config().expect("a valid policy");
    Router::try_new(Arc::clone(&config.routes[0])).expect("a valid route configuration")
}

fn head<'a>(uri: &'a Uri, request: &'a Request<Body>) -> RequestHead<'a> {
    RequestHead {
        method: request.method(),
        scheme: "http",
        authority: uri.host().unwrap_or_default(),
        path: uri.path(),
        headers: request.headers(),
        source: "",
    }
}

fn virtual_host(c: &mut Criterion) {
    let mut group = c.benchmark_group("virtual_host");
    for hosts in SIZES {
        let scale = Scale {
            hosts,
            ..Scale::default()
        };
        let router = router(&scale);
        let uri = scale.last();
        let authority = uri.host().unwrap_or_default();
        assert_eq!(router.virtual_host(authority), Some(hosts - 1));
        group.bench_with_input(BenchmarkId::from_parameter(hosts), authority, |b, host| {
            b.iter(|| router.virtual_host(black_box(host)));
        });
    }
    group.finish();
}

/// Finds the route of each kind that stands last in the table, past every other.
fn route(c: &mut Criterion) {
    for (kind, back) in [("exact", 3), ("prefix", 4), ("header_then_any", 1)] {
        let mut group = c.benchmark_group(format!("route/{kind}"));
        for routes in SIZES {
            let scale = Scale {
                routes,
                hosts: 1,
                ..Scale::default()
            };
            let router = router(&scale);
            let path = match kind {
                "exact" => format!("/api/{}/list1", routes - back),
                "prefix" => format!("/api/{}/1", routes - back),
                _ => "/reviews/1".to_owned(),
            };
            let uri = Uri::try_from(path).expect("a valid path");
            let request = memory::request(uri.clone());
            let head = head(&uri, &request);
            assert_eq!(router.route(0, &head, 0), Some(routes - back));
            group.bench_with_input(BenchmarkId::from_parameter(routes), &head, |b, head| {
                b.iter(|| router.route(0, black_box(head), 0));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, virtual_host, route);
criterion_main!(benches);
