//! The counters of the measured stack: what any service would have, and no exporter.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

use mesh_core::telemetry::{AttemptRecord, Recorder, RequestRecord, Side};

const SHARDS: usize = 16;

/// Requests, answers by class, attempts and time spent, counted per thread.
#[derive(Debug, Default)]
pub struct Counters([Shard; SHARDS]);

/// On cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    started: AtomicU64,
    ended: AtomicU64,
    answers: [AtomicU64; 6],
    attempts: AtomicU64,
    nanos: AtomicU64,
}

impl Counters {
    /// Requests that have ended.
    pub fn ended(&self) -> u64 {
        self.0.iter().map(|s| s.ended.load(Relaxed)).sum()
    }

    fn shard(&self) -> &Shard {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static INDEX: Cell<usize> = const { Cell::new(usize::MAX) };
        }
        INDEX.with(|index| {
            if index.get() == usize::MAX {
                index.set(NEXT.fetch_add(1, Relaxed));
            }
            &self.0[index.get() % SHARDS]
        })
    }
}

impl Recorder for Counters {
    fn request_started(&self, _: Side) {
        self.shard().started.fetch_add(1, Relaxed);
    }

    fn request_ended(&self, record: &RequestRecord<'_>) {
        let shard = self.shard();
        let class = usize::from(record.status.unwrap_or_default() / 100);
        if let Some(answers) = shard.answers.get(class) {
            answers.fetch_add(1, Relaxed);
        }
        let nanos = u64::try_from(record.duration.as_nanos()).unwrap_or(u64::MAX);
        shard.nanos.fetch_add(nanos, Relaxed);
        shard.ended.fetch_add(1, Relaxed);
    }

    fn attempt_ended(&self, _: &AttemptRecord<'_>) {
        self.shard().attempts.fetch_add(1, Relaxed);
    }
}
