//! Proxyless gRPC: tonic clients whose calls go where the mesh says.
//!
//! ```text
//!  generated client ─▶ Channel ─▶ mesh_http::Client (routes, retries, balancing) ─▶ HTTP/2 connections
//!     Status        ◀─ status  ◀─ mesh_http::Error
//! ```
//!
//! [`Channel`] goes where tonic's own channel goes: into every generated client. Between it and the
//! socket there is no queue and no task for all calls. Servers need nothing from here: tonic's `Routes`
//! are a tower service, which mesh-http's `ServerLayer` and `serve` take as they are.
//!
//! ```no_run
//! # use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let mesh = mesh_core::Mesh::new();
//! mesh_xds::FileSource::new("mesh/").start(&mesh).await?; // or an xDS control plane
//! let mut health = HealthClient::new(mesh_grpc::Channel::new(&mesh, "xds:///reviews.prod:9080")?);
//! let answer = health.check(HealthCheckRequest::default()).await?;
//! # Ok(()) }
//! ```
//!
//! Tonic is being replaced upstream, so all that knows it is this crate, and it is thin: an adapter for
//! its successor has to turn a call into an `http::Request` and an error into a status.

mod body;
mod channel;
mod status;
mod target;

pub use self::{
    body::ResponseBody,
    channel::{Channel, ResponseFuture},
    status::status,
    target::TargetError,
};
