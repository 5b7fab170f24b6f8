//! Sources of mesh policy: each publishes into a [`mesh_core::Mesh`].
//!
//! - [`FileSource`]: unmodified Istio YAML, from files that may change while they are used.
//! - [`Registry`]: endpoints inside this process.
//! - [`dns`]: endpoints by name.
//! - `EnvoySource` (feature `xds`): Envoy's own YAML and JSON.
//!
//! With the feature `xds` there are also the xDS messages (`pb`) and their translation into policy
//! (`resource`).

#[cfg(feature = "xds")]
pub mod bootstrap;
#[cfg(feature = "xds")]
pub mod client;
pub mod dns;
#[cfg(feature = "xds")]
pub mod envoy;
pub mod file;
mod follow;
#[cfg(feature = "xds")]
pub mod pb;
mod registry;
#[cfg(feature = "xds")]
pub mod resource;

#[cfg(feature = "xds")]
pub use self::{client::XdsSource, envoy::EnvoySource};
pub use self::{
    file::{FileSource, LoadError, Loaded},
    registry::{Registration, Registry},
};
