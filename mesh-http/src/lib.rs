//! tower and hyper layers of a service mesh inside a process: HTTP client and server stacks.
//!
//! ```text
//!  your code ─▶ Client ─▶ Observe ─▶ Route ─▶ Timeout ─▶ Retry ─▶ Balance ─▶ Outlier ─▶ Connections
//!  your code ─▶ tcp::Connector ─▶ tcp::Stream
//!  network   ─▶ Listener / serve ─▶ ServerLayer ─▶ your service
//! ```
//!
//! [`Client`] sends requests where a [`Mesh`](mesh_core::Mesh) says; [`layer`] holds its parts, each
//! usable alone. [`tcp`] leads connections whose bytes are not looked into; [`server`] is the other side. Policy comes from mesh-core, and what fills it (files,
//! DNS, in-process registration) from mesh-xds.
//!
//! Features, none by default: `axum` ([`server::Listener`] goes into `axum::serve`), `metrics` and
//! `opentelemetry` (recorders in [`telemetry`]).

mod body;
mod call;
mod client;
mod connect;
pub mod connections;
pub mod context;
mod error;
pub mod layer;
mod ledger;
mod mirror;
mod replay;
mod reply;
mod request;
pub mod server;
pub mod tcp;
pub mod telemetry;
pub mod trace_context;

pub use self::{
    body::{Body, BodyEnd, OnEnd},
    call::{Call, Exchange, Step},
    client::{Client, ClientBuilder},
    context::Context,
    error::{BoxError, Error},
    replay::Replay,
    request::RequestBuilder,
};
