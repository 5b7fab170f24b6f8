//! [`MetricsRecorder`]: through the `metrics` facade.

use std::{fmt, sync::Arc};

use mesh_core::{
    cluster::Cluster,
    telemetry::{
        AttemptRecord, ConnectionRecord, MirrorDrop, OutcomeKind, Recorder, RequestRecord, Side,
    },
};
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Unit};

use super::series::{ClusterHandles, Series, Table};

const DURATION: [&str; 2] = [
    "http_client_request_duration_seconds",
    "http_server_request_duration_seconds",
];
const ACTIVE: [&str; 2] = ["http_client_active_requests", "http_server_active_requests"];
const ATTEMPTS: &str = "mesh_client_attempts_total";
const MIRRORS_DROPPED: &str = "mesh_client_mirrors_dropped_total";
const CONNECTIONS: &str = "mesh_client_active_connections";
const CONNECTION_DURATION: &str = "mesh_client_connection_duration_seconds";
const CONNECTION_IO: &str = "mesh_client_connection_io_bytes_total";

static METADATA: Metadata<'_> = Metadata::new("mesh", Level::INFO, Some("mesh_http::telemetry"));

/// Records through the `metrics` facade; see the [module](super) for the names.
///
/// Handles are kept, so whatever exports them must be installed first.
#[derive(Clone)]
pub struct MetricsRecorder {
    target: Target,
    active: [Gauge; 2],
    /// Requests that belong to no cluster: the server's, and those that found no route.
    requests: Arc<[Table<Histogram>; 2]>,
    /// Tells this recorder's handles in the clusters' slots from another's.
    id: Arc<()>,
}

type Handles = ClusterHandles<Histogram, Counter>;

/// Where metrics are registered.
#[derive(Clone)]
enum Target {
    Installed,
    Given(Arc<dyn metrics::Recorder + Send + Sync>),
}

impl Target {
    fn with<R>(&self, register: impl FnOnce(&dyn metrics::Recorder) -> R) -> R {
        match self {
            Self::Installed => metrics::with_recorder(register),
            Self::Given(recorder) => register(recorder),
        }
    }
}

impl MetricsRecorder {
    /// Records to the recorder that is installed, globally or for this thread.
    pub fn new() -> Self {
        Self::to(Target::Installed)
    }

    /// Records to a recorder of the caller's, so that two meshes in a process can be told apart.
    pub fn with_recorder(recorder: Arc<dyn metrics::Recorder + Send + Sync>) -> Self {
        Self::to(Target::Given(recorder))
    }

    fn to(target: Target) -> Self {
        let active = target.with(|recorder| {
            for name in DURATION {
                let text = "Time from the call to the end of the response body";
                recorder.describe_histogram(name.into(), Some(Unit::Seconds), text.into());
            }
            let text = "Attempts on endpoints, retries included";
            recorder.describe_counter(ATTEMPTS.into(), Some(Unit::Count), text.into());
            let text = "Mirrored requests that were not sent";
            recorder.describe_counter(MIRRORS_DROPPED.into(), Some(Unit::Count), text.into());
            let text = "Connections for raw bytes, those being made included";
            recorder.describe_gauge(CONNECTIONS.into(), Some(Unit::Count), text.into());
            let text = "Time from the call to the end of the connection";
            let unit = Some(Unit::Seconds);
            recorder.describe_histogram(CONNECTION_DURATION.into(), unit, text.into());
            let text = "Bytes of connections that have ended";
            recorder.describe_counter(CONNECTION_IO.into(), Some(Unit::Bytes), text.into());
            ACTIVE.map(|name| {
                let text = "Requests under way";
                recorder.describe_gauge(name.into(), Some(Unit::Count), text.into());
                recorder.register_gauge(&Key::from_static_name(name), &METADATA)
            })
        });
        Self {
            target,
            active,
            requests: Arc::default(),
            id: Arc::default(),
        }
    }

    fn duration(&self, side: Side, series: Series, cluster: Option<&str>) -> Histogram {
        let mut labels = vec![Label::from_static_parts(
            "http_request_method",
            series.method(),
        )];
        if let Some(status) = series.status {
            labels.push(Label::new("http_response_status_code", status.to_string()));
        }
        if let Some(error) = series.error() {
            labels.push(Label::new("error_type", error));
        }
        labels.extend(cluster.map(|name| Label::new("mesh_cluster", name.to_owned())));
        let key = Key::from_parts(DURATION[side as usize], labels);
        self.target
            .with(|recorder| recorder.register_histogram(&key, &METADATA))
    }

    fn active_connections(&self) -> Gauge {
        let key = Key::from_static_name(CONNECTIONS);
        self.target
            .with(|recorder| recorder.register_gauge(&key, &METADATA))
    }

    fn attempts(&self, kind: OutcomeKind, cluster: &str) -> Counter {
        let labels = vec![
            Label::new("mesh_cluster", cluster.to_owned()),
            Label::from_static_parts("mesh_outcome", kind.as_str()),
        ];
        let key = Key::from_parts(ATTEMPTS, labels);
        self.target
            .with(|recorder| recorder.register_counter(&key, &METADATA))
    }
}

impl Default for MetricsRecorder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MetricsRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [client, server] = &*self.requests;
        f.debug_struct("MetricsRecorder")
            .field("client", client)
            .field("server", server)
            .finish_non_exhaustive()
    }
}

impl Recorder for MetricsRecorder {
    fn request_started(&self, side: Side) {
        self.active[side as usize].increment(1.0);
    }

    fn request_ended(&self, record: &RequestRecord<'_>) {
        self.active[record.side as usize].decrement(1.0);
        let handles = record.cluster.and_then(|c| Handles::of(c, &self.id));
        let table = handles.map_or(&self.requests[record.side as usize], |h| &h.requests);
        let (series, cluster) = (Series::of(record), record.cluster.map(|c| &**c.name()));
        table.with(
            series,
            || self.duration(record.side, series, cluster),
            |histogram| histogram.record(record.duration.as_secs_f64()),
        );
    }

    fn attempt_ended(&self, record: &AttemptRecord<'_>) {
        if let Some(handles) = Handles::of(record.cluster, &self.id) {
            let kind = OutcomeKind::of(record.outcome);
            let make = || self.attempts(kind, record.cluster.name());
            handles.attempts(kind, make).increment(1);
        }
    }

    /// Registers anew each time: it should not happen.
    fn mirror_dropped(&self, cluster: &Cluster, why: MirrorDrop) {
        let labels = vec![
            Label::new("mesh_cluster", cluster.name().to_string()),
            Label::from_static_parts("mesh_reason", why.as_str()),
        ];
        let key = Key::from_parts(MIRRORS_DROPPED, labels);
        self.target
            .with(|recorder| recorder.register_counter(&key, &METADATA))
            .increment(1);
    }

    fn connection_started(&self, side: Side) {
        if side == Side::Client {
            self.active_connections().increment(1.0);
        }
    }

    /// Registers anew each time: a connection costs far more.
    fn connection_ended(&self, record: &ConnectionRecord<'_>) {
        if record.side != Side::Client {
            return;
        }
        self.active_connections().decrement(1.0);
        let cluster = record
            .cluster
            .map(|c| Label::new("mesh_cluster", c.name().to_string()));
        let error = record
            .flag
            .map(|f| Label::from_static_parts("error_type", f.as_str()));
        let labels: Vec<Label> = error.into_iter().chain(cluster.clone()).collect();
        let key = Key::from_parts(CONNECTION_DURATION, labels);
        self.target.with(|recorder| {
            recorder
                .register_histogram(&key, &METADATA)
                .record(record.duration.as_secs_f64());
            for (direction, bytes) in [("transmit", record.sent), ("receive", record.received)] {
                if bytes > 0 {
                    let direction = Label::from_static_parts("network_io_direction", direction);
                    let labels: Vec<Label> =
                        cluster.clone().into_iter().chain([direction]).collect();
                    let key = Key::from_parts(CONNECTION_IO, labels);
                    recorder.register_counter(&key, &METADATA).increment(bytes);
                }
            }
        });
    }
}
