//! End to end on loopback, in one interleaved run: a bare hyper-util client, hyper's connections
//! under the smallest pool, the mesh, and hyper-util behind a real Envoy 1.40 as sidecar.
//!
//! `cargo xtask bench`, or `cargo run --release -p mesh-benches --bin loopback [-- --quick]` with
//! `MESH_TEST_ENVOY` naming Envoy's binary; without it the sidecar is left out. `--only <client>`
//! runs one contender, for a profiler.

use std::{env, path::PathBuf, sync::Arc, time::Duration};

use mesh_benches::{
    Result,
    loopback::{self, Bare, Caller, Envoy, Floor, InMesh, Protocol, Server, Sidecar, Slice},
    measure::{self, median, percentile},
};
use tokio::runtime::Runtime;

/// Requests under way at once.
const CONCURRENCY: [usize; 2] = [1, 64];

fn main() -> Result {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|a| a == flag);
    if has("--serve") {
        return loopback::serve();
    }
    let (rounds, length) = if has("--quick") {
        (10, Duration::from_millis(50))
    } else {
        (60, Duration::from_millis(100))
    };

    let server = Server::start(&env::current_exe()?)?;
    let servers = &server.addresses;
    let envoy = match env::var_os("MESH_TEST_ENVOY") {
        Some(path) => Some(Arc::new(Envoy::start(&PathBuf::from(path), servers)?)),
        None => {
            println!(
                "MESH_TEST_ENVOY is not set: no sidecar in this run (`cargo xtask bench` has it).\n"
            );
            None
        }
    };
    measure::pin(0);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;

    let mut groups = Vec::new();
    for protocol in Protocol::ALL {
        for concurrency in CONCURRENCY {
            let mut group = Group {
                protocol,
                concurrency,
                contenders: Vec::new(),
            };
            group.add("hyper-util", Bare::new(protocol, servers)?);
            group.add("hyper connections", Floor::new(protocol, servers)?);
            group.add("mesh", InMesh::new(protocol, servers, false)?);
            group.add("mesh, retries armed", InMesh::new(protocol, servers, true)?);
            if let Some(envoy) = &envoy {
                group.add("hyper-util + Envoy", Sidecar::new(protocol, envoy.clone())?);
            }
            groups.push(group);
        }
    }

    if let Some(at) = arguments.iter().position(|a| a == "--only") {
        let name = arguments.get(at + 1).ok_or("--only <client>")?;
        for group in &mut groups {
            group.contenders.retain(|c| c.name == name);
        }
    }

    // The first round opens connections and is not counted.
    for round in 0..=rounds {
        for group in &mut groups {
            group.round(&runtime, length, round)?;
        }
    }
    println!(
        "{rounds} rounds of {} ms each; medians; ratios are of the same round\n",
        length.as_millis()
    );
    groups.iter_mut().for_each(Group::print);
    Ok(())
}

/// The contenders under one load.
struct Group {
    protocol: Protocol,
    concurrency: usize,
    contenders: Vec<Contender>,
}

struct Contender {
    name: &'static str,
    run: Box<Run>,
    slices: Vec<Slice>,
    latencies: Vec<u32>,
}

type Run = dyn Fn(&Runtime, Duration, &mut Vec<u32>) -> Result<Slice>;

impl Group {
    fn add(&mut self, name: &'static str, caller: impl Caller) {
        let concurrency = self.concurrency;
        self.contenders.push(Contender {
            name,
            run: Box::new(move |runtime, length, latencies| {
                loopback::run(runtime, &caller, concurrency, length, latencies)
            }),
            slices: Vec::new(),
            latencies: Vec::new(),
        });
    }

    fn round(&mut self, runtime: &Runtime, length: Duration, round: usize) -> Result {
        let count = self.contenders.len();
        for i in 0..count {
            // Whoever is first, another is next time.
            let contender = &mut self.contenders[(i + round) % count];
            let slice = (contender.run)(runtime, length, &mut contender.latencies)
                .map_err(|e| format!("{}: {e}", contender.name))?;
            if round == 0 {
                contender.latencies.clear();
            } else {
                contender.slices.push(slice);
            }
        }
        Ok(())
    }

    fn print(&mut self) {
        println!(
            "### {}, {} at once\n",
            self.protocol.as_str(),
            self.concurrency
        );
        println!(
            "| client | requests/s | ratio | CPU µs | added µs | of it sidecar | p50 µs | p99 µs | allocations |"
        );
        println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
        let Some(bare) = self.contenders.first().map(|c| c.slices.clone()) else {
            return;
        };
        for contender in &mut self.contenders {
            contender.latencies.sort_unstable();
            let slices = &contender.slices;
            let pairs = || slices.iter().zip(&bare);
            let requests: u64 = slices.iter().map(|s| s.requests).sum();
            let per_request = |total: f64| total / requests as f64;
            let sidecar: Duration = slices.iter().map(|s| s.sidecar_cpu).sum();
            let micros = |share| f64::from(percentile(&contender.latencies, share)) / 1e3;
            println!(
                "| {} | {:.0} | {:.3} | {:.2} | {:+.2} | {:.2} | {:.1} | {:.1} | {:.1} |",
                contender.name,
                median(slices.iter().map(Slice::rate)),
                median(pairs().map(|(s, b)| s.rate() / b.rate())),
                median(slices.iter().map(Slice::cpu_per_request)),
                median(pairs().map(|(s, b)| s.cpu_per_request() - b.cpu_per_request())),
                per_request(sidecar.as_secs_f64() * 1e6),
                micros(0.50),
                micros(0.99),
                per_request(slices.iter().map(|s| s.allocations).sum::<u64>() as f64),
            );
        }
        println!();
    }
}
