//! What each route action adds to a request in memory, beside the same request on a route that only
//! forwards.
//!
//! `cargo run --release -p mesh-benches --bin actions [-- --quick]`.

use std::env;

use mesh_benches::{
    Result,
    actions::{self, Action, Stack},
    measure::{self, ThreadTime, median},
    policy::Scale,
};
use tokio::runtime::Runtime;

/// Requests in a round.
const REQUESTS: u32 = 5_000;

fn main() -> Result {
    let quick = env::args().any(|a| a == "--quick");
    let rounds = if quick { 11 } else { 101 };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut pairs = Vec::new();
    for action in actions::all() {
        let plain = Contender::new(action.plain())?;
        pairs.push((plain, Contender::new(action)?));
    }
    // The first is a warm-up: counters come to be with an endpoint's first request.
    for round in 0..=rounds {
        for (plain, acting) in &mut pairs {
            // Who is first changes from round to round.
            let order = match round % 2 {
                0 => [plain, acting],
                _ => [acting, plain],
            };
            for contender in order {
                contender.round(&runtime, round > 0)?;
            }
        }
    }
    println!("{rounds} rounds of {REQUESTS} requests; medians of the differences within a round\n");
    println!("| action | CPU ns | allocations |\n|---|---:|---:|");
    for (plain, acting) in &pairs {
        let added = |of: fn(&Sample) -> f64| {
            let both = acting.samples.iter().zip(&plain.samples);
            median(both.map(|(a, p)| of(a) - of(p))) / f64::from(REQUESTS)
        };
        let (nanos, allocations) = (added(|s| s.nanos), added(|s| s.allocations));
        let name = acting.action.name;
        println!("| {name} | {nanos:+.0} | {allocations:+.1} |");
    }
    Ok(())
}

/// What a batch of requests cost.
#[derive(Clone, Copy)]
struct Sample {
    nanos: f64,
    allocations: f64,
}

struct Contender {
    action: Action,
    stack: Stack,
    samples: Vec<Sample>,
}

impl Contender {
    fn new(action: Action) -> Result<Self> {
        Ok(Self {
            stack: action.stack()?,
            action,
            samples: Vec::new(),
        })
    }

    fn round(&mut self, runtime: &Runtime, counts: bool) -> Result {
        let uri = Scale::default().last();
        let mut outcome = Ok(());
        let start = ThreadTime::now();
        let made = measure::allocations(|| {
            let driven = self.action.drive(&mut self.stack, &uri, REQUESTS);
            outcome = runtime.block_on(driven);
        });
        let sample = Sample {
            nanos: start.elapsed().as_nanos() as f64,
            allocations: made.count_total as f64,
        };
        if counts {
            self.samples.push(sample);
        }
        outcome
    }
}
