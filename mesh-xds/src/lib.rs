//! Sources of mesh policy: each publishes into a [`mesh_core::Mesh`].
//!
//! - [`FileSource`]: unmodified Istio YAML, from files that may change while they are used.
//! - [`Registry`]: endpoints inside this process.
//! - [`dns`]: endpoints by name.
//! - `EnvoySource` (feature `envoy`): Envoy's own YAML and JSON.
//! - `XdsSource` (feature `xds`, which implies `envoy`): control planes.
//! - `CatalogSource` (feature `catalog`): a catalogue of services over HTTP, as Consul has one.
//!
//! # A source of one's own
//!
//! All of them publish through [`mesh_core::Publisher`], and so does yours: it claims the mesh, replaces the
//! configuration or one cluster's endpoints whenever it knows better, and says what went wrong. There is no
//! trait to implement: nothing calls a source, a source calls. Who knows nothing but endpoints, and leaves
//! the rules to Istio's YAML, puts them into a [`Registry`] instead ([`Registry::service`]).
//!
//! ```
//! use std::{error::Error, net::SocketAddr, sync::Arc};
//!
//! use mesh_core::{Config, Findings, Mesh, policy::*};
//! use tokio::{sync::watch, task::JoinSet};
//!
//! /// Makes a service `reviews` of addresses that the program gets to know in some way.
//! fn follow(mut known: watch::Receiver<Vec<SocketAddr>>, mesh: &Mesh) -> Result<(), Box<dyn Error>> {
//!     let publisher = mesh.publisher("addresses")?; // the mesh is ours
//!     let route = Route::to_cluster(RouteMatch::any(), "reviews");
//!     let hosts = vec![VirtualHost::new(["reviews"], vec![route])];
//!     let config = Config::default()
//!         .routing(RouteConfiguration::new("all", hosts))
//!         .cluster(Cluster::new("reviews"), []);
//!     publisher.publish(config, Findings::default())?;
//!     let mut tasks = JoinSet::new();
//!     tasks.spawn(async move {
//!         loop {
//!             let endpoints = known.borrow_and_update().iter().map(|a| Endpoint::new(*a)).collect();
//!             publisher.assign("reviews", Arc::new(endpoints)); // touches this one cluster
//!             if known.changed().await.is_err() {
//!                 publisher.reject("nobody tells addresses any more");
//!                 return std::future::pending().await; // what is in force stays, and so does the claim
//!             }
//!         }
//!     });
//!     mesh.own(tasks); // ends with the mesh
//!     Ok(())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn Error>> {
//! let mesh = Mesh::new();
//! let (tell, known) = watch::channel(vec!["127.0.0.1:9081".parse()?]);
//! follow(known, &mesh)?;
//! tell.send(vec!["127.0.0.1:9081".parse()?, "127.0.0.1:9082".parse()?])?;
//! # while mesh.load().cluster("reviews").is_none_or(|c| c.endpoints().len() < 2) {
//! #     tokio::task::yield_now().await;
//! # }
//! assert_eq!(mesh.load().cluster("reviews").map(|c| c.endpoints().len()), Some(2));
//! drop(tell);
//! # while mesh.status().last_error.is_none() {
//! #     tokio::task::yield_now().await;
//! # }
//! assert_eq!(mesh.status().source.as_deref(), Some("addresses"));
//! # Ok(()) }
//! ```
//!
//! With the feature `control-plane`, [`server`] gives what a mesh holds to other xDS clients.
//!
//! With the feature `envoy` there are also the xDS messages (`pb`) and their translation into policy
//! (`resource`).

#[cfg(feature = "xds")]
pub mod bootstrap;
#[cfg(feature = "catalog")]
pub mod catalog;
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
#[cfg(feature = "control-plane")]
pub mod server;

#[cfg(feature = "catalog")]
pub use self::catalog::CatalogSource;
#[cfg(feature = "xds")]
pub use self::client::XdsSource;
#[cfg(feature = "envoy")]
pub use self::envoy::EnvoySource;
pub use self::{
    file::{FileSource, LoadError, Loaded},
    registry::{Registration, Registry, ServiceEndpoints},
};
