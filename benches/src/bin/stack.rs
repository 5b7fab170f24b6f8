//! The policy stack in memory, over a service that answers at once: CPU time and allocations added
//! to a request, how they grow with the policy, and what two threads reach together.
//!
//! `cargo run --release -p mesh-benches --bin stack [-- --quick | --only <stack>]`; the latter is
//! for a profiler.

use std::{
    env,
    sync::Arc,
    time::{Duration, Instant},
};

use http::{Response, Uri};
use mesh_benches::{
    Error, Result,
    measure::{self, ProcessTime, ThreadTime, median},
    memory::{self, AfterYield, AtOnce, Body, TowerRetries},
    policy::{self, Scale},
};
use mesh_core::telemetry::NoRecorder;
use tokio::runtime::Runtime;
use tower::{Service, buffer::Buffer, retry::Retry};

/// Services behind a rival's balancer, as many as the mesh has endpoints.
const ENDPOINTS: usize = 10;

/// How many requests tower's buffer holds; more than are ever under way.
const BUFFER: usize = 1024;

/// Tasks that share one stack in the run on two threads.
const TASKS: usize = 64;

/// Requests in a round.
const REQUESTS: u32 = 5_000;

fn main() -> Result {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let quick = arguments.iter().any(|a| a == "--quick");
    let rounds = if quick { 11 } else { 101 };
    if let Some(at) = arguments.iter().position(|a| a == "--only") {
        let name = arguments.get(at + 1).ok_or("--only <stack>")?;
        return one_thread(rounds, |contender| contender == name);
    }
    one_thread(rounds, |_| true)?;
    two_threads(rounds / 3, quick)
}

fn one_thread(rounds: usize, wanted: impl Fn(&str) -> bool) -> Result {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    // `Buffer` spawns its worker where it is made.
    let guard = runtime.enter();
    let mut contenders = rivals();
    drop(guard);
    contenders.extend(meshes()?);
    let mut index = 0;
    contenders.retain(|c| {
        index += 1;
        index == 1 || wanted(c.name)
    });

    for contender in &mut contenders {
        contender.round(&runtime, contender.warm_up)?;
        contender.samples.clear();
    }
    for _ in 0..rounds {
        for contender in &mut contenders {
            contender.round(&runtime, REQUESTS)?;
        }
    }
    println!("### One thread: added to each request\n");
    println!("{rounds} rounds of {REQUESTS} requests; medians of the differences within a round\n");
    println!("| stack | CPU ns | allocations | bytes |\n|---|---:|---:|---:|");
    let mut bare = &contenders[0];
    for contender in &contenders {
        if contender.is_bare {
            bare = contender;
        }
        let per_request = |samples: &[Sample], base: &[Sample], of: fn(&Sample) -> f64| {
            let differences = samples.iter().zip(base).map(|(s, b)| of(s) - of(b));
            median(differences) / f64::from(REQUESTS)
        };
        let nothing = vec![Sample::default(); contender.samples.len()];
        let base = if contender.is_bare {
            &nothing
        } else {
            &bare.samples
        };
        let sign = if contender.is_bare { "" } else { "+" };
        println!(
            "| {} | {sign}{:.0} | {sign}{:.1} | {sign}{:.0} |",
            contender.name,
            per_request(&contender.samples, base, |s| s.cpu.as_nanos() as f64),
            per_request(&contender.samples, base, |s| s.allocations as f64),
            per_request(&contender.samples, base, |s| s.bytes as f64),
        );
    }
    println!();
    Ok(())
}

fn rivals() -> Vec<Contender> {
    let uris = || vec![Scale::default().last()];
    let p2c = || memory::tower_p2c(AtOnce, ENDPOINTS);
    let retries = Retry::new(TowerRetries::default(), buffered(AtOnce));
    vec![
        Contender::bare("bare service, making the request included", uris()),
        Contender::new("tower P2C", p2c(), uris()),
        Contender::new("tower buffer + P2C", buffered(AtOnce), uris()),
        Contender::new("tower retry + buffer + P2C", retries, uris()),
    ]
}

fn meshes() -> Result<Vec<Contender>> {
    const MANY: usize = 10_000;
    let small = Scale::default;
    let retries = Scale {
        retries: true,
        ..small()
    };
    let timeout = Scale {
        timeout: Some(Duration::from_secs(15)),
        ..small()
    };
    let routes = Scale {
        routes: MANY,
        ..small()
    };
    let hosts = Scale {
        hosts: MANY,
        ..small()
    };
    let endpoints = Scale {
        endpoints: policy::addresses(MANY),
        ..small()
    };
    let mut contenders = Vec::new();
    for (name, scale) in [
        ("mesh, whole stack", &small()),
        ("mesh, retries armed", &retries),
        ("mesh, with a timeout", &timeout),
        ("mesh, 10,000 routes", &routes),
        ("mesh, 10,000 virtual hosts", &hosts),
        ("mesh, 10,000 endpoints", &endpoints),
    ] {
        let stack = memory::mesh(scale, AtOnce)?;
        let mut contender = Contender::new(name, stack, vec![scale.last()]);
        contender.warm_up *= u32::try_from(scale.endpoints.len() / ENDPOINTS)?.min(100);
        contenders.push(contender);
    }
    for (name, scale) in [
        ("mesh, without counters", &small()),
        ("mesh, 10,000 endpoints, without counters", &endpoints),
    ] {
        let stack = memory::mesh_with(scale, AtOnce, NoRecorder)?;
        contenders.push(Contender::new(name, stack, vec![scale.last()]));
    }
    for (bare, name, scale) in [
        (
            "bare service, 10,000 paths in turn",
            "mesh, 10,000 routes in turn",
            &routes,
        ),
        (
            "bare service, 10,000 hosts in turn",
            "mesh, 10,000 virtual hosts in turn",
            &hosts,
        ),
    ] {
        let stack = memory::mesh(scale, AtOnce)?;
        contenders.push(Contender::bare(bare, scale.spread()));
        contenders.push(Contender::new(name, stack, scale.spread()));
    }
    Ok(contenders)
}

fn buffered<S>(
    inner: S,
) -> Buffer<http::Request<Body>, <memory::TowerP2c<S> as Service<http::Request<Body>>>::Future>
where
    S: Service<http::Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Error: Into<Error>,
    S::Future: Send,
{
    Buffer::new(memory::tower_p2c(inner, ENDPOINTS), BUFFER)
}

/// What a batch of requests cost.
#[derive(Clone, Copy, Default)]
struct Sample {
    cpu: Duration,
    allocations: u64,
    bytes: u64,
}

type Batch = dyn FnMut(&Runtime, u32) -> Result<Sample>;

struct Contender {
    name: &'static str,
    /// What the contenders after it are compared with, until the next such one.
    is_bare: bool,
    /// Requests before the first round: counters come to be with an endpoint's first request.
    warm_up: u32,
    run: Box<Batch>,
    samples: Vec<Sample>,
}

impl Contender {
    fn bare(name: &'static str, uris: Vec<Uri>) -> Self {
        Self {
            is_bare: true,
            ..Self::new(name, AtOnce, uris)
        }
    }

    fn new<S, RB>(name: &'static str, mut service: S, uris: Vec<Uri>) -> Self
    where
        S: Service<http::Request<Body>, Response = Response<RB>> + 'static,
        S::Error: Into<Error>,
        RB: http_body::Body<Error: Into<Error>> + Unpin,
    {
        Self {
            name,
            is_bare: false,
            warm_up: REQUESTS,
            run: Box::new(move |runtime, requests| {
                let mut outcome = Ok(());
                let start = ThreadTime::now();
                let made = measure::allocations(|| {
                    outcome = runtime.block_on(memory::drive(&mut service, &uris, requests));
                });
                let cpu = start.elapsed();
                outcome.map(|()| Sample {
                    cpu,
                    allocations: made.count_total,
                    bytes: made.bytes_total,
                })
            }),
            samples: Vec::new(),
        }
    }

    fn round(&mut self, runtime: &Runtime, requests: u32) -> Result {
        let sample = (self.run)(runtime, requests).map_err(|e| format!("{}: {e}", self.name))?;
        self.samples.push(sample);
        Ok(())
    }
}

fn two_threads(rounds: usize, quick: bool) -> Result {
    let requests = if quick { 500 } else { 2_000 };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let guard = runtime.enter();
    let mut contenders = vec![
        Shared::new("bare service", AtOnce, AfterYield),
        Shared::new("tower buffer + P2C", buffered(AtOnce), buffered(AfterYield)),
    ];
    for (name, retries) in [("mesh, whole stack", false), ("mesh, retries armed", true)] {
        let scale = Scale {
            retries,
            ..Scale::default()
        };
        contenders.push(Shared::new(
            name,
            memory::mesh(&scale, AtOnce)?,
            memory::mesh(&scale, AfterYield)?,
        ));
    }
    drop(guard);
    for round in 0..=rounds {
        for contender in &mut contenders {
            contender.round(&runtime, requests, round > 0)?;
        }
    }
    println!(
        "### Two threads, {TASKS} tasks, one shared stack: share of the bare service's rate\n"
    );
    println!(
        "{rounds} rounds of {TASKS} x {requests} requests; medians of the ratios within a round\n"
    );
    println!(
        "| stack | answers at once | CPU ns | answers after a yield | CPU ns |\n|---|---:|---:|---:|---:|"
    );
    let [bare_at_once, bare_after_yield] = contenders[0].samples.clone();
    for contender in &contenders {
        let [at_once, after_yield] = &contender.samples;
        let share = |samples: &[Shot], bare: &[Shot]| {
            100.0 * median(samples.iter().zip(bare).map(|(s, b)| b.wall / s.wall))
        };
        let cpu = |samples: &[Shot]| median(samples.iter().map(|s| s.cpu_per_request));
        println!(
            "| {} | {:.0} % | {:.0} | {:.0} % | {:.0} |",
            contender.name,
            share(at_once, &bare_at_once),
            cpu(at_once),
            share(after_yield, &bare_after_yield),
            cpu(after_yield),
        );
    }
    Ok(())
}

/// What a run on two threads cost.
#[derive(Clone, Copy)]
struct Shot {
    wall: f64,
    cpu_per_request: f64,
}

type Run = dyn Fn(&Runtime, u32) -> Result<Shot>;

/// A contender that all tasks share by cloning.
struct Shared {
    name: &'static str,
    runs: [Box<Run>; 2],
    samples: [Vec<Shot>; 2],
}

impl Shared {
    fn new<S, T, RS, RT>(name: &'static str, at_once: S, after_yield: T) -> Self
    where
        S: Service<http::Request<Body>, Response = Response<RS>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
        T: Service<http::Request<Body>, Response = Response<RT>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Error: Into<Error>,
        T::Error: Into<Error>,
        RS: http_body::Body<Data: Send, Error: Into<Error>> + Unpin + Send,
        RT: http_body::Body<Data: Send, Error: Into<Error>> + Unpin + Send,
    {
        Self {
            name,
            runs: [
                Box::new(move |runtime, requests| shoot(runtime, &at_once, requests)),
                Box::new(move |runtime, requests| shoot(runtime, &after_yield, requests)),
            ],
            samples: [Vec::new(), Vec::new()],
        }
    }

    fn round(&mut self, runtime: &Runtime, requests: u32, counts: bool) -> Result {
        for (run, samples) in self.runs.iter().zip(&mut self.samples) {
            let shot = run(runtime, requests).map_err(|e| format!("{}: {e}", self.name))?;
            if counts {
                samples.push(shot);
            }
        }
        Ok(())
    }
}

fn shoot<S, RB>(runtime: &Runtime, service: &S, requests: u32) -> Result<Shot>
where
    S: Service<http::Request<Body>, Response = Response<RB>, Future: Send> + Clone + Send + 'static,
    S::Error: Into<Error>,
    RB: http_body::Body<Data: Send, Error: Into<Error>> + Unpin + Send,
{
    // A `Uri` of its own for each task: their reference counts are not what is measured.
    let scale = Arc::new(Scale::default());
    let services: Vec<_> = (0..TASKS)
        .map(|_| (service.clone(), scale.last()))
        .collect();
    let cpu = ProcessTime::now();
    let start = Instant::now();
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for (mut service, uri) in services {
            tasks.spawn(async move { memory::drive(&mut service, &[uri], requests).await });
        }
        while let Some(task) = tasks.join_next().await {
            task??;
        }
        Ok::<_, Error>(())
    })?;
    Ok(Shot {
        wall: start.elapsed().as_secs_f64(),
        cpu_per_request: cpu.elapsed().as_nanos() as f64 / (TASKS as f64 * f64::from(requests)),
    })
}
