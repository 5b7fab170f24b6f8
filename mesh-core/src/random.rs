//! Where randomness enters: as an argument.

use std::{
    fmt::Debug,
    sync::atomic::{AtomicU64, Ordering},
};

/// A source of uniform 64-bit draws. mesh-http's default is a thread-local generator.
pub trait Random: Send + Sync + Debug {
    /// The next draw.
    fn next_u64(&self) -> u64;
}

/// A repeatable sequence for tests and simulations (SplitMix64). One atomic: right across threads,
/// but the order of draws is then the threads' order.
#[derive(Debug)]
pub struct Seeded(AtomicU64);

impl Seeded {
    /// A sequence that depends on `seed` alone.
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Random for Seeded {
    fn next_u64(&self) -> u64 {
        const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
        let state = self
            .0
            .fetch_add(GAMMA, Ordering::Relaxed)
            .wrapping_add(GAMMA);
        mix(state)
    }
}

/// SplitMix64's finaliser: turns a counter or a draw into an unrelated draw.
pub const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
