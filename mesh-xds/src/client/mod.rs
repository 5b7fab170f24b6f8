//! A client of xDS control planes.
//!
//! ```text
//!  control plane ◀─stream─▶ transport ─▶ ads (protocol) ─▶ cascade (LDS→RDS→CDS→EDS) ─▶ Mesh
//!                               └────────── driver: one task ──────────┘
//! ```
//!
//! - `ads`: versions, nonces, subscriptions, timers, fallback; without I/O and without a clock.
//! - `transport`, `connect`, `wire`: one gRPC stream per control plane in use; `secure`, `token`: TLS
//!   and what proves calls.
//! - `cascade`: which resources lead to which, and when a new version comes into force.
//! - `cache`: the last good resources on disk.
//! - `csds`: a gRPC service that tells what the clients hold.
//! - `driver`: the one task of a client, which sources of equal bootstraps share (`shared`).
//! - [`XdsSource`]: what users start. [`Xds::status`] shows everything that is known.

pub(crate) mod ads;
mod authorities;
mod cache;
mod cascade;
mod connect;
mod consumer;
mod csds;
mod decoder;
mod driver;
mod on_demand;
mod secure;
mod shared;
mod source;
mod status;
mod token;
mod transport;
mod wire;

pub use self::{
    ads::{Kind, Problem, ProblemKind, Protocol},
    connect::KeepAlive,
    csds::Csds,
    source::{Subscription, Xds, XdsError, XdsSource},
    status::{ResourceStatus, ServerStatus, XdsStatus},
};
