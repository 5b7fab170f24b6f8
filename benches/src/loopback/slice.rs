//! A slice of load: one contender, some milliseconds.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{runtime::Runtime, task::JoinSet};

use super::Caller;
use crate::{Result, measure};

/// What one slice cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slice {
    /// Requests answered.
    pub requests: u64,
    /// How long it took.
    pub wall: Duration,
    /// The client process's CPU time.
    pub cpu: Duration,
    /// The sidecar process's CPU time.
    pub sidecar_cpu: Duration,
    /// The client's allocations.
    pub allocations: u64,
}

impl Slice {
    /// Requests per second.
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.wall.as_secs_f64()
    }

    /// CPU microseconds per request, client and sidecar together.
    pub fn cpu_per_request(&self) -> f64 {
        (self.cpu + self.sidecar_cpu).as_secs_f64() * 1e6 / self.requests as f64
    }
}

/// Keeps `concurrency` requests under way for `length`. Adds each request's nanoseconds to
/// `latencies`.
///
/// # Errors
/// The first request that failed.
pub fn run<C: Caller>(
    runtime: &Runtime,
    caller: &C,
    concurrency: usize,
    length: Duration,
    latencies: &mut Vec<u32>,
) -> Result<Slice> {
    // Growing it in the slice would count as the contender's allocation.
    latencies.reserve(1 << 17);
    let before = latencies.len();
    let shared = Arc::new(Mutex::new(std::mem::take(latencies)));
    let sidecar = caller.sidecar_cpu()?;
    let cpu = measure::ProcessTime::now();
    let start = Instant::now();
    let mut outcome = Ok(());
    let made = measure::allocations(|| {
        outcome = runtime.block_on(async {
            let mut workers = JoinSet::new();
            for number in 0..concurrency {
                let latencies = Arc::clone(&shared);
                workers.spawn(work(caller.clone(), number, start + length, latencies));
            }
            while let Some(worker) = workers.join_next().await {
                worker??;
            }
            Ok(())
        });
    });
    let wall = start.elapsed();
    let cpu = cpu.elapsed();
    let sidecar_cpu = caller.sidecar_cpu()?.saturating_sub(sidecar);
    std::mem::swap(latencies, &mut lock(&shared));
    outcome.map(|()| Slice {
        requests: (latencies.len() - before) as u64,
        wall,
        cpu,
        sidecar_cpu,
        allocations: made.count_total,
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn work<C: Caller>(
    mut caller: C,
    mut number: usize,
    end: Instant,
    latencies: Arc<Mutex<Vec<u32>>>,
) -> Result {
    let mut now = Instant::now();
    while now < end {
        caller.call(number).await?;
        let done = Instant::now();
        let nanos = u32::try_from((done - now).as_nanos()).unwrap_or(u32::MAX);
        lock(&latencies).push(nanos);
        now = done;
        number = number.wrapping_add(1);
    }
    Ok(())
}
