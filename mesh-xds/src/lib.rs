//! Sources of mesh policy: each publishes into a [`mesh_core::Mesh`].
//!
//! - [`FileSource`]: unmodified Istio YAML, from files that may change while they are used.
//! - [`Registry`]: endpoints inside this process.
//! - [`dns`]: endpoints by name.

#[cfg(feature = "xds")]
pub mod bootstrap;
pub mod dns;
pub mod file;
mod registry;

pub use self::{
    file::{FileSource, LoadError, Loaded},
    registry::{Registration, Registry},
};
