//! Loading files takes time in proportion to what is in them: ten times the rules, at most fifteen
//! times the CPU time. A ratio holds on any machine; a thread's own time holds beside other work.

use std::time::Duration;

use mesh_benches::{
    Result,
    files::{Directory, canaries, gateway_routes, large_rules, services, tcp_services, wildcards},
    measure::ThreadTime,
};
use mesh_core::Mesh;
use mesh_xds::FileSource;

/// The thread's time to load and publish `rules`: the least of three, which disturbances only add to.
fn cost(rules: &[String]) -> Result<Duration> {
    let directory = Directory::new()?;
    directory.write(rules, 10)?;
    let mut least = Duration::MAX;
    for _ in 0..3 {
        let start = ThreadTime::now();
        let loaded = FileSource::new(directory.path()).load()?;
        Mesh::new().publish(loaded.config)?;
        least = least.min(start.elapsed());
    }
    Ok(least)
}

#[track_caller]
fn grows_in_proportion(rules: impl Fn(usize) -> Vec<String>) -> Result {
    const FEW: usize = 100;
    let (few, many) = (cost(&rules(FEW))?, cost(&rules(10 * FEW))?);
    let ratio = many.as_secs_f64() / few.as_secs_f64();
    assert!(
        ratio < 15.0,
        "10 times the rules cost {ratio:.1} times as much: {few:?}, {many:?}"
    );
    Ok(())
}

#[test]
fn loading_grows_in_proportion_to_the_rules() -> Result {
    grows_in_proportion(canaries)
}

#[test]
fn loading_grows_in_proportion_to_services_ports_and_workloads() -> Result {
    grows_in_proportion(services)
}

#[test]
fn loading_grows_in_proportion_to_services_with_listeners_of_their_own() -> Result {
    grows_in_proportion(tcp_services)
}

#[test]
fn loading_grows_in_proportion_to_gateway_api_routes() -> Result {
    grows_in_proportion(gateway_routes)
}

#[test]
fn loading_grows_in_proportion_to_wildcard_hosts() -> Result {
    grows_in_proportion(wildcards)
}

#[test]
fn loading_grows_in_proportion_to_the_hosts_and_routes_of_one_rule() -> Result {
    grows_in_proportion(large_rules)
}
