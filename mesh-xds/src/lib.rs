//! Sources of mesh policy.
//!
//! - [`FileSource`]: unmodified Istio YAML, from files that may change while they are used.
//! - [`Registry`]: endpoints inside this process.
//! - [`dns`]: endpoints by name.

mod config;
pub mod dns;
pub mod file;
mod registry;

pub use self::{
    config::Config,
    file::{FileSource, LoadError, Loaded},
    registry::{Registration, Registry},
};
