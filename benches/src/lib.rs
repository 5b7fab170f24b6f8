//! What the mesh costs, measured three ways: in memory (`stack`, `actions`), end to end on loopback beside a
//! bare client and a real Envoy (`loopback`), and as limits that hold on any machine
//! (`tests/limits.rs`, `tests/growth.rs`). `docs/benchmarks.md` tells the method and the figures.
//!
//! Every binary of this crate runs on [`allocation_counter`]'s global allocator; it adds a few
//! nanoseconds to each allocation, for every contender alike.

pub mod actions;
pub mod files;
pub mod loopback;
pub mod measure;
pub mod memory;
pub mod policy;

/// A benchmark's own failures are only ever printed.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// With the crate's [`Error`].
pub type Result<T = ()> = std::result::Result<T, Error>;
