//! [`OpenTelemetryRecorder`]: through an OpenTelemetry meter.

use std::sync::Arc;

use mesh_core::{
    cluster::Cluster,
    telemetry::{
        AttemptRecord, ConnectionRecord, MirrorDrop, OutcomeKind, Recorder, RequestRecord, Side,
    },
};
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram, Meter, UpDownCounter},
};

use super::series::{ClusterHandles, Series, Table};

/// What the semantic conventions advise for `http.*.request.duration`.
const BOUNDARIES: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

type Attributes = Arc<[KeyValue]>;
type Handles = ClusterHandles<Attributes, Attributes>;

/// Records through the instruments of a meter; see the [module](super) for the names.
#[derive(Clone, Debug)]
pub struct OpenTelemetryRecorder {
    durations: [Histogram<f64>; 2],
    active: [UpDownCounter<i64>; 2],
    attempts: Counter<u64>,
    mirrors_dropped: Counter<u64>,
    connections: UpDownCounter<i64>,
    connection_duration: Histogram<f64>,
    connection_io: Counter<u64>,
    /// Requests that belong to no cluster: the server's, and those that found no route.
    requests: Arc<[Table<Attributes>; 2]>,
    /// Tells this recorder's attributes in the clusters' slots from another's.
    id: Arc<()>,
}

impl OpenTelemetryRecorder {
    /// Instruments of `meter`, which decides where everything goes; the global one is never used.
    pub fn new(meter: &Meter) -> Self {
        let duration = |name| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_description("Time from the call to the end of the response body")
                .with_boundaries(BOUNDARIES.into())
                .build()
        };
        let active = |name| {
            meter
                .i64_up_down_counter(name)
                .with_unit("{request}")
                .with_description("Requests under way")
                .build()
        };
        Self {
            durations: [
                "http.client.request.duration",
                "http.server.request.duration",
            ]
            .map(duration),
            active: ["http.client.active_requests", "http.server.active_requests"].map(active),
            attempts: meter
                .u64_counter("mesh.client.attempts")
                .with_unit("{attempt}")
                .with_description("Attempts on endpoints, retries included")
                .build(),
            mirrors_dropped: meter
                .u64_counter("mesh.client.mirrors.dropped")
                .with_unit("{request}")
                .with_description("Mirrored requests that were not sent")
                .build(),
            connections: meter
                .i64_up_down_counter("mesh.client.active_connections")
                .with_unit("{connection}")
                .with_description("Connections for raw bytes, those being made included")
                .build(),
            connection_duration: meter
                .f64_histogram("mesh.client.connection.duration")
                .with_unit("s")
                .with_description("Time from the call to the end of the connection")
                .with_boundaries(BOUNDARIES.into())
                .build(),
            connection_io: meter
                .u64_counter("mesh.client.connection.io")
                .with_unit("By")
                .with_description("Bytes of connections that have ended")
                .build(),
            requests: Arc::default(),
            id: Arc::default(),
        }
    }
}

fn request_attributes(series: Series, cluster: Option<&str>) -> Attributes {
    let status = series.status.map(i64::from);
    [
        Some(KeyValue::new("http.request.method", series.method())),
        status.map(|status| KeyValue::new("http.response.status_code", status)),
        series
            .error()
            .map(|error| KeyValue::new("error.type", error)),
        cluster.map(|name| KeyValue::new("mesh.cluster", name.to_owned())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn attempt_attributes(kind: OutcomeKind, cluster: &str) -> Attributes {
    Arc::new([
        KeyValue::new("mesh.cluster", cluster.to_owned()),
        KeyValue::new("mesh.outcome", kind.as_str()),
    ])
}

impl Recorder for OpenTelemetryRecorder {
    fn request_started(&self, side: Side) {
        self.active[side as usize].add(1, &[]);
    }

    fn request_ended(&self, record: &RequestRecord<'_>) {
        let side = record.side as usize;
        self.active[side].add(-1, &[]);
        let handles = record.cluster.and_then(|c| Handles::of(c, &self.id));
        let table = handles.map_or(&self.requests[side], |h| &h.requests);
        let (series, cluster) = (Series::of(record), record.cluster.map(|c| &**c.name()));
        table.with(
            series,
            || request_attributes(series, cluster),
            |attributes| self.durations[side].record(record.duration.as_secs_f64(), attributes),
        );
    }

    fn attempt_ended(&self, record: &AttemptRecord<'_>) {
        if let Some(handles) = Handles::of(record.cluster, &self.id) {
            let kind = OutcomeKind::of(record.outcome);
            let make = || attempt_attributes(kind, record.cluster.name());
            self.attempts.add(1, handles.attempts(kind, make));
        }
    }

    fn mirror_dropped(&self, cluster: &Cluster, why: MirrorDrop) {
        let attributes = [
            KeyValue::new("mesh.cluster", cluster.name().to_string()),
            KeyValue::new("mesh.reason", why.as_str()),
        ];
        self.mirrors_dropped.add(1, &attributes);
    }

    fn connection_started(&self, side: Side) {
        if side == Side::Client {
            self.connections.add(1, &[]);
        }
    }

    fn connection_ended(&self, record: &ConnectionRecord<'_>) {
        if record.side != Side::Client {
            return;
        }
        self.connections.add(-1, &[]);
        let cluster = record
            .cluster
            .map(|c| KeyValue::new("mesh.cluster", c.name().to_string()));
        let error = record.flag.map(|f| KeyValue::new("error.type", f.as_str()));
        let attributes: Vec<KeyValue> = error.into_iter().chain(cluster.clone()).collect();
        self.connection_duration
            .record(record.duration.as_secs_f64(), &attributes);
        for (direction, bytes) in [("transmit", record.sent), ("receive", record.received)] {
            if bytes > 0 {
                let direction = KeyValue::new("network.io.direction", direction);
                let attributes: Vec<KeyValue> =
                    cluster.clone().into_iter().chain([direction]).collect();
                self.connection_io.add(bytes, &attributes);
            }
        }
    }
}
