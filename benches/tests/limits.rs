//! The limits that do not depend on the machine: allocations per request, and how little a request
//! or an update grows with the policy.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use http::Uri;
use mesh_benches::{
    Result,
    actions::{self, Action},
    loopback::{self, Bare, Caller, InMesh, Protocol, Server},
    measure,
    memory::{self, AtOnce},
    policy::{self, Scale},
};
use mesh_core::{Mesh, policy::Endpoint};
use tokio::runtime::Runtime;

/// How large the large policies are.
const MANY: usize = 10_000;

fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}

/// Policies with 10,000 routes, virtual hosts or endpoints.
fn large() -> [(&'static str, Scale); 3] {
    let small = Scale::default;
    [
        (
            "routes",
            Scale {
                routes: MANY,
                ..small()
            },
        ),
        (
            "virtual hosts",
            Scale {
                hosts: MANY,
                ..small()
            },
        ),
        (
            "endpoints",
            Scale {
                endpoints: policy::addresses(MANY),
                ..small()
            },
        ),
    ]
}

/// Allocations that a request through the whole stack adds to one over the bare service.
fn added_allocations(scale: &Scale) -> Result<f64> {
    const REQUESTS: u32 = 500;
    let runtime = runtime()?;
    let uri = [scale.last()];
    // Counters are made with the first request to an endpoint, so there are many before.
    let count = |service: &mut dyn FnMut(u32, &[Uri]) -> Result| -> Result<u64> {
        service(20 * scale.endpoints.len() as u32, &uri)?;
        let mut outcome = Ok(());
        let made = measure::allocations(|| outcome = service(REQUESTS, &uri));
        outcome.map(|()| made.count_total)
    };
    let mut stack = memory::mesh(scale, AtOnce)?;
    let mesh = count(&mut |n, uris| runtime.block_on(memory::drive(&mut stack, uris, n)))?;
    let bare = count(&mut |n, uris| runtime.block_on(memory::drive(&mut AtOnce, uris, n)))?;
    Ok(mesh.saturating_sub(bare) as f64 / f64::from(REQUESTS))
}

#[test]
fn the_stack_allocates_at_most_once() -> Result {
    let added = added_allocations(&Scale::default())?;
    assert!(added <= 1.0, "{added} allocations per request");
    Ok(())
}

#[test]
fn armed_retries_allocate_at_most_four_times() -> Result {
    let scale = Scale {
        retries: true,
        ..Scale::default()
    };
    let added = added_allocations(&scale)?;
    assert!(added <= 4.0, "{added} allocations per request");
    Ok(())
}

#[test]
fn each_action_allocates_no_more_than_it_states() -> Result {
    const REQUESTS: u32 = 200;
    let runtime = runtime()?;
    let uri = Scale::default().last();
    let count = |action: &Action| -> Result<f64> {
        let mut stack = action.stack()?;
        runtime.block_on(action.drive(&mut stack, &uri, REQUESTS))?;
        let mut outcome = Ok(());
        let made = measure::allocations(|| {
            outcome = runtime.block_on(action.drive(&mut stack, &uri, REQUESTS));
        });
        outcome.map(|()| made.count_total as f64 / f64::from(REQUESTS))
    };
    let mut beyond = Vec::new();
    for action in actions::all() {
        let added = count(&action)? - count(&action.plain())?;
        // Of the endpoints one may still be met for the first time.
        if added > action.allocations + 0.1 {
            beyond.push(format!(
                "{}: {added}, not {}",
                action.name, action.allocations
            ));
        }
    }
    assert!(beyond.is_empty(), "{beyond:#?}");
    Ok(())
}

#[test]
fn allocations_do_not_grow_with_the_policy() -> Result {
    let small = added_allocations(&Scale::default())?;
    for (what, scale) in large() {
        let added = added_allocations(&scale)?;
        // Of 10,000 endpoints a few are still met for the first time.
        assert!(
            added < small + 0.5,
            "{MANY} {what}: {added}, of 10: {small}"
        );
    }
    Ok(())
}

/// The best time of many batches: a busy machine makes some of them slow, never one too fast.
fn best_batch(runtime: &Runtime, scale: &Scale) -> Result<Duration> {
    const REQUESTS: u32 = 200;
    let mut stack = memory::mesh(scale, AtOnce)?;
    let uri = [scale.last()];
    // Counters are made with the first request to an endpoint.
    let warm_up = 5 * u32::try_from(scale.endpoints.len())?;
    runtime.block_on(memory::drive(&mut stack, &uri, warm_up))?;
    let mut best = Duration::MAX;
    for _ in 0..50 {
        let start = Instant::now();
        runtime.block_on(memory::drive(&mut stack, &uri, REQUESTS))?;
        best = best.min(start.elapsed());
    }
    Ok(best)
}

#[test]
fn a_request_does_not_slow_down_with_the_policy() -> Result {
    let runtime = runtime()?;
    let small = best_batch(&runtime, &Scale::default())?;
    for (what, scale) in large() {
        let time = best_batch(&runtime, &scale)?;
        // A search through all of them would take a hundred times as long.
        assert!(
            time < small * 3,
            "{MANY} {what}: {time:?}, of 10: {small:?}"
        );
    }
    Ok(())
}

#[test]
fn new_endpoints_cost_work_in_their_cluster_only() -> Result {
    let cost = |scale: &Scale| -> Result<u64> {
        let mesh = Mesh::new();
        mesh.publish(scale.config()?)?;
        let endpoints = policy::addresses(100).into_iter().map(Endpoint::new);
        let assignment = Arc::new(endpoints.collect());
        let mut changed = false;
        let made = measure::allocations(|| changed = mesh.assign("v1", assignment));
        assert!(changed);
        Ok(made.count_total)
    };
    let small = cost(&Scale::default())?;
    for (what, scale) in large().iter().take(2) {
        assert_eq!(cost(scale)?, small, "{MANY} {what}");
    }
    Ok(())
}

/// Allocations of this process per request over real connections.
fn over_sockets(caller: &impl Caller, concurrency: usize) -> Result<f64> {
    let runtime = runtime()?;
    let mut latencies = Vec::new();
    let mut slice = |millis| {
        let length = Duration::from_millis(millis);
        loopback::run(&runtime, caller, concurrency, length, &mut latencies)
    };
    // Opens the connections.
    slice(200)?;
    let slice = slice(500)?;
    Ok(slice.allocations as f64 / slice.requests as f64)
}

#[test]
fn on_sockets_the_mesh_allocates_no_more_than_hyper_util() -> Result {
    let server = Server::start(Path::new(env!("CARGO_BIN_EXE_loopback")))?;
    for protocol in Protocol::ALL {
        for concurrency in [1, 64] {
            let bare = over_sockets(&Bare::new(protocol, &server.addresses)?, concurrency)?;
            let mesh = InMesh::new(protocol, &server.addresses, false)?;
            let mesh = over_sockets(&mesh, concurrency)?;
            assert!(
                mesh <= bare,
                "{}, {concurrency} at once: {mesh:.1}, hyper-util {bare:.1}",
                protocol.as_str()
            );
        }
    }
    Ok(())
}
