//! The deciding core of a service mesh inside a process.
//!
//! ```text
//!  source ──publish──▶ Mesh ── SnapshotRef ──▶ Router ──▶ Cluster ──pick──▶ Endpoint
//!                                  │              │           ▲                │
//!                              once per        explain     outcome ◀── adapter (mesh-http)
//!                              request
//! ```
//!
//! It decides and remembers; it never does I/O, reads a clock, starts a task or draws a random
//! number: time comes as `now: Instant`, randomness as a [`Random`]. So every decision is a fast,
//! repeatable unit test.
//!
//! - [`policy`]: what sources publish, as plain validated data.
//! - [`routing`]: host → virtual host → route → cluster, indexed, in Envoy's order.
//! - [`cluster`]: endpoints, their health and load, and the choice among them.
//! - [`resilience`]: retry decisions, back-off, budgets.
//! - [`Outcome`]: how an attempt ended, decided once for all who ask.

mod aggregate;
pub mod cluster;
mod config;
mod dangling;
mod explain;
mod explain_tcp;
mod flag;
mod mesh;
mod note;
mod on_demand;
mod outcome;
pub mod policy;
mod publish_error;
mod publisher;
mod random;
pub mod resilience;
mod route_status;
pub mod routing;
mod sharded;
mod slot;
mod snapshot;
pub mod telemetry;

pub use self::{
    config::Config,
    dangling::DanglingRoute,
    explain::{ClusterReport, Explanation, FoundCluster, explain},
    explain_tcp::{ChainExplanation, ListenerExplanation, TcpExplanation, explain_tcp},
    flag::Flag,
    mesh::{Mesh, PublishReport, SnapshotRef, Status, WeakMesh},
    note::{Findings, Note, NoteKind},
    on_demand::{Asked, OnDemand},
    outcome::{Failure, Outcome, grpc_status, grpc_to_http, http_to_grpc, is_grpc},
    publish_error::{ConfigError, PublishError},
    publisher::{AlreadyPublished, Publisher},
    random::{Random, Seeded, mix},
    route_status::{Condition, ConditionType, ParentStatus, Reason, RouteStatus},
    sharded::{Sharded, thread_index},
    slot::Slot,
    snapshot::Snapshot,
};
