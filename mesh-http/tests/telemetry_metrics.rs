//! `MetricsRecorder` against the `metrics` crate's own debugging recorder.
#![cfg(feature = "metrics")]

mod telemetry_support;

use std::{collections::BTreeMap, sync::Arc};

use mesh_core::telemetry::{Fanout, Recorder, Side};
use mesh_http::telemetry::MetricsRecorder;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use telemetry_support::{OK, attempt, cluster, connections, request, traffic};

/// `name{label=value,…}` and the value; a histogram's is its number of samples and their sum.
fn read(snapshotter: &Snapshotter) -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let (_, key) = key.into_parts();
        let labels: Vec<_> = key
            .labels()
            .map(|l| format!("{}={}", l.key(), l.value()))
            .collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        match value {
            DebugValue::Counter(n) => {
                all.insert(name, n as f64);
            }
            DebugValue::Gauge(n) => {
                all.insert(name, n.0);
            }
            DebugValue::Histogram(samples) => {
                all.insert(format!("{name} count"), samples.len() as f64);
                all.insert(format!("{name} sum"), samples.iter().map(|s| s.0).sum());
            }
        }
    }
    all
}

#[track_caller]
fn check_traffic(found: &BTreeMap<String, f64>) {
    let client =
        "http_client_request_duration_seconds{http_request_method=GET,http_response_status_code=";
    let server =
        "http_server_request_duration_seconds{http_request_method=GET,http_response_status_code=";
    let expected = [
        (format!("{client}200,mesh_cluster=reviews}} count"), 2.0),
        (format!("{client}200,mesh_cluster=reviews}} sum"), 0.5),
        (format!("{client}404,error_type=NR}} count"), 1.0),
        (format!("{client}404,error_type=NR}} sum"), 0.25),
        (format!("{server}500,error_type=500}} count"), 1.0),
        (format!("{server}500,error_type=500}} sum"), 0.25),
        ("http_client_active_requests{}".to_owned(), 0.0),
        ("http_server_active_requests{}".to_owned(), 1.0),
        (
            "mesh_client_attempts_total{mesh_cluster=reviews,mesh_outcome=2xx}".to_owned(),
            2.0,
        ),
        (
            "mesh_client_attempts_total{mesh_cluster=reviews,mesh_outcome=connect_failure}"
                .to_owned(),
            1.0,
        ),
        (
            "mesh_client_mirrors_dropped_total{mesh_cluster=reviews,mesh_reason=overflow}"
                .to_owned(),
            1.0,
        ),
    ];
    assert_eq!(*found, BTreeMap::from(expected));
}

#[test]
fn connections_and_their_bytes_are_recorded() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    connections(&MetricsRecorder::with_recorder(Arc::new(recorder)));
    let mut found = read(&snapshotter);
    found.retain(|name, _| name.starts_with("mesh_"));
    let duration = "mesh_client_connection_duration_seconds";
    let io = "mesh_client_connection_io_bytes_total{mesh_cluster=mongo,network_io_direction";
    let expected = [
        ("mesh_client_active_connections{}".to_owned(), 1.0),
        (format!("{duration}{{error_type=NR}} count"), 1.0),
        (format!("{duration}{{error_type=NR}} sum"), 0.25),
        (format!("{duration}{{mesh_cluster=mongo}} count"), 1.0),
        (format!("{duration}{{mesh_cluster=mongo}} sum"), 0.25),
        (format!("{io}=transmit}}"), 3.0),
        (format!("{io}=receive}}"), 5.0),
    ];
    assert_eq!(found, BTreeMap::from(expected));
}

#[test]
fn everything_is_recorded_to_the_installed_recorder() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || traffic(&MetricsRecorder::new()));
    check_traffic(&read(&snapshotter));
}

#[test]
fn a_recorder_of_ones_own_needs_nothing_installed() {
    let recorder = Arc::new(DebuggingRecorder::new());
    let snapshotter = recorder.snapshotter();
    traffic(&MetricsRecorder::with_recorder(recorder));
    check_traffic(&read(&snapshotter));
}

#[test]
fn two_recorders_on_one_cluster_do_not_mix() {
    let debugging = [(); 2].map(|()| Arc::new(DebuggingRecorder::new()));
    let [one, two] = &debugging;
    let snapshotters = [one.snapshotter(), two.snapshotter()];
    let [one, two] =
        debugging.map(|d| -> Arc<dyn Recorder> { Arc::new(MetricsRecorder::with_recorder(d)) });
    let reviews = cluster("reviews");
    attempt(&*one, &reviews, OK);
    attempt(&Fanout(vec![one, two]), &reviews, OK);
    let name = "mesh_client_attempts_total{mesh_cluster=reviews,mesh_outcome=2xx}";
    assert_eq!(snapshotters.map(|s| read(&s)[name]), [2.0, 1.0]);
}

#[test]
fn a_known_series_costs_no_allocation() {
    // A recorder that only counts: the debugging one keeps every sample of a histogram.
    let recorder = MetricsRecorder::with_recorder(Arc::new(metrics::NoopRecorder));
    let reviews = cluster("reviews");
    let endpoint = telemetry_support::endpoint(1);
    let once = || {
        request(&recorder, Side::Client, Some(&reviews), Some(200), None);
        request(&recorder, Side::Server, None, Some(503), None);
        let record = mesh_core::telemetry::AttemptRecord::new(
            &reviews,
            &endpoint,
            OK,
            1,
            std::time::Duration::ZERO,
        );
        recorder.attempt_ended(&record);
    };
    let first = allocation_counter::measure(once);
    assert!(first.count_total > 0, "the measure measures");
    let then = allocation_counter::measure(|| (0..100).for_each(|_| once()));
    assert_eq!(then.count_total, 0);
}
