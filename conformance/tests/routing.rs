//! Generated route configurations and requests: status, cluster, what the upstream receives, and what
//! comes back, against a real Envoy.

use std::{env, sync::Arc};

use mesh_conformance::{
    Result,
    compare::{Case, disagreements},
    differences,
    generate::{CLUSTERS, Draws, request, route_configuration},
    shrink::shrink,
    upstream::Upstreams,
};

/// Configurations in one Envoy, and requests to each.
const BATCH: usize = 200;
const REQUESTS: usize = 10;
/// How many disagreements are made small and shown.
const SHOWN: usize = 6;

fn number(name: &str, default: usize) -> usize {
    match env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|e| panic!("{name}={text}: {e}")),
        Err(_) => default,
    }
}

/// `MESH_CONFORMANCE_CASES` says how many, `MESH_CONFORMANCE_SEED` which.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mesh_answers_as_envoy_does() -> Result {
    let cases = number("MESH_CONFORMANCE_CASES", 20_000);
    let seed = number("MESH_CONFORMANCE_SEED", 1);
    let draws = Draws::new(seed as u64);
    let upstreams = Arc::new(Upstreams::start(&CLUSTERS).await?);
    let (mut asked, mut found) = (0, Vec::new());
    while asked < cases {
        let batch: Vec<_> = (0..BATCH)
            .map(|_| {
                let routes = route_configuration(&draws);
                let requests = std::iter::repeat_with(|| request(&draws, &routes))
                    .filter(|request| differences::excluded(request).is_none())
                    .take(REQUESTS)
                    .collect();
                Case { routes, requests }
            })
            .collect();
        asked += BATCH * REQUESTS;
        found.extend(disagreements(&upstreams, &batch).await?);
    }
    let total = found.len();
    let mut shown = String::new();
    for one in found.into_iter().take(SHOWN) {
        shown += &format!("\n\n{}", shrink(&upstreams, one).await?);
    }
    assert!(
        total == 0,
        "seed {seed}: {total} of {asked} cases differ; the first, made small:{shown}"
    );
    // Each is asked twice. Were most of them 404, little would be compared.
    let arrived = upstreams.arrived() / 2;
    assert!(
        arrived > asked / 3,
        "only {arrived} of {asked} reached an upstream"
    );
    println!("{asked} cases agree, {arrived} of them at an upstream");
    Ok(())
}
