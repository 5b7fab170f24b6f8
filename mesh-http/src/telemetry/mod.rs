//! Recorders for the `metrics` facade and for OpenTelemetry.
//!
//! Both name things by OpenTelemetry's HTTP semantic conventions (stable part), `metrics` in the
//! spelling that the Prometheus mapping gives them:
//!
//! | OpenTelemetry | `metrics` | labels |
//! |---|---|---|
//! | `http.client.request.duration` | `http_client_request_duration_seconds` | method, status, error, cluster |
//! | `http.server.request.duration` | `http_server_request_duration_seconds` | method, status, error |
//! | `http.client.active_requests` | `http_client_active_requests` | |
//! | `http.server.active_requests` | `http_server_active_requests` | |
//! | `mesh.client.attempts` | `mesh_client_attempts_total` | cluster, outcome |
//! | `mesh.client.mirrors.dropped` | `mesh_client_mirrors_dropped_total` | cluster, reason |
//! | `mesh.client.active_connections` | `mesh_client_active_connections` | |
//! | `mesh.client.connection.duration` | `mesh_client_connection_duration_seconds` | error, cluster |
//! | `mesh.client.connection.io` | `mesh_client_connection_io_bytes_total` | cluster, direction |
//!
//! - method, `http.request.method`: a known method, else `_OTHER`;
//! - status, `http.response.status_code`;
//! - error, `error.type`: the [`Flag`](mesh_core::Flag) when the mesh itself ended the request, else
//!   the name of a gRPC status that is not OK, else the HTTP status when it is an error for that side
//!   (4xx count for the caller only), else `_OTHER` when there was no answer;
//! - cluster, `mesh.cluster`;
//! - outcome, `mesh.outcome`: an [`OutcomeKind`](mesh_core::telemetry::OutcomeKind);
//! - reason, `mesh.reason`: why a mirrored copy is not sent, a
//!   [`MirrorDrop`](mesh_core::telemetry::MirrorDrop);
//! - direction, `network.io.direction`: `transmit` or `receive`.
//!
//! Connections are those for raw bytes ([`tcp`](crate::tcp)), not those that requests travel on. Their
//! figures come when they end.
//!
//! No label comes from the path, the host or anything else that a caller can make up; the status is
//! the widest, and comes from the service. Handles and attribute sets are made once per series and
//! kept beside the cluster, so recording requests hashes no string and does not allocate.

#[cfg(any(feature = "metrics", feature = "opentelemetry"))]
mod series;

#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "opentelemetry")]
mod opentelemetry;

#[cfg(feature = "metrics")]
pub use self::metrics::MetricsRecorder;
#[cfg(feature = "opentelemetry")]
pub use self::opentelemetry::OpenTelemetryRecorder;
