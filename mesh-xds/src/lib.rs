//! Sources of mesh policy: each publishes into a [`mesh_core::Mesh`].
//!
//! - [`FileSource`]: unmodified Istio YAML, from files that may change while they are used.
//! - [`Registry`]: endpoints inside this process.
//! - [`dns`]: endpoints by name.
//! - `EnvoySource` (feature `envoy`): Envoy's own YAML and JSON.
//! - `XdsSource` (feature `xds`, which implies `envoy`): control planes.
//!
//! With the feature `envoy` there are also the xDS messages (`pb`) and their translation into policy
//! (`resource`).

#[cfg(feature = "xds")]
pub mod bootstrap;
#[cfg(feature = "xds")]
pub mod client;
pub mod dns;
#[cfg(feature = "envoy")]
pub mod envoy;
pub mod file;
mod follow;
#[cfg(feature = "envoy")]
pub mod pb;
mod registry;
#[cfg(feature = "envoy")]
pub mod resource;

#[cfg(feature = "xds")]
pub use self::client::XdsSource;
#[cfg(feature = "envoy")]
pub use self::envoy::EnvoySource;
pub use self::{
    file::{FileSource, LoadError, Loaded},
    registry::{Registration, Registry},
};
