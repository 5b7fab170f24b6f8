//! `OpenTelemetryRecorder` against the SDK's in-memory exporter.
#![cfg(feature = "opentelemetry")]

mod telemetry_support;

use std::collections::BTreeMap;

use mesh_http::telemetry::OpenTelemetryRecorder;
use opentelemetry::{KeyValue, metrics::MeterProvider};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
    data::{AggregatedMetrics, MetricData},
};
use telemetry_support::{connections, traffic};

/// `name [unit]{attribute=value,…}` and the value.
fn read(exporter: &InMemoryMetricExporter) -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    let finished = exporter.get_finished_metrics().expect("exported");
    let scopes = finished
        .iter()
        .flat_map(|resource| resource.scope_metrics());
    for metric in scopes.flat_map(|scope| scope.metrics()) {
        let name = |attributes: &mut dyn Iterator<Item = &KeyValue>| {
            let mut attributes: Vec<_> = attributes
                .map(|a| format!("{}={}", a.key, a.value))
                .collect();
            attributes.sort();
            format!(
                "{} [{}]{{{}}}",
                metric.name(),
                metric.unit(),
                attributes.join(",")
            )
        };
        match metric.data() {
            AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                for point in histogram.data_points() {
                    let name = name(&mut point.attributes());
                    all.insert(format!("{name} count"), point.count() as f64);
                    all.insert(format!("{name} sum"), point.sum());
                    assert_eq!(point.bounds().next(), Some(0.005), "the advised boundaries");
                }
            }
            AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                assert!(sum.is_monotonic());
                for point in sum.data_points() {
                    all.insert(name(&mut point.attributes()), point.value() as f64);
                }
            }
            AggregatedMetrics::I64(MetricData::Sum(sum)) => {
                assert!(!sum.is_monotonic());
                for point in sum.data_points() {
                    all.insert(name(&mut point.attributes()), point.value() as f64);
                }
            }
            other => panic!("{}: {other:?}", metric.name()),
        }
    }
    all
}

#[test]
fn connections_and_their_bytes_have_instruments() {
    let exporter = InMemoryMetricExporter::default();
    let reader = PeriodicReader::builder(exporter.clone()).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    connections(&OpenTelemetryRecorder::new(&provider.meter("mesh")));
    provider.force_flush().unwrap();
    let duration = "mesh.client.connection.duration [s]";
    let io = "mesh.client.connection.io [By]{mesh.cluster=mongo,network.io.direction";
    let expected = [
        (
            "mesh.client.active_connections [{connection}]{}".to_owned(),
            1.0,
        ),
        (format!("{duration}{{error.type=NR}} count"), 1.0),
        (format!("{duration}{{error.type=NR}} sum"), 0.25),
        (format!("{duration}{{mesh.cluster=mongo}} count"), 1.0),
        (format!("{duration}{{mesh.cluster=mongo}} sum"), 0.25),
        (format!("{io}=transmit}}"), 3.0),
        (format!("{io}=receive}}"), 5.0),
    ];
    assert_eq!(read(&exporter), BTreeMap::from(expected));
}

#[test]
fn instruments_follow_the_semantic_conventions() {
    let exporter = InMemoryMetricExporter::default();
    let reader = PeriodicReader::builder(exporter.clone()).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    traffic(&OpenTelemetryRecorder::new(&provider.meter("mesh")));
    provider.force_flush().unwrap();

    let of =
        |side: &str, attributes: &str| format!("http.{side}.request.duration [s]{{{attributes}}}");
    let ok = of(
        "client",
        "http.request.method=GET,http.response.status_code=200,mesh.cluster=reviews",
    );
    let no_route = of(
        "client",
        "error.type=NR,http.request.method=GET,http.response.status_code=404",
    );
    let served = of(
        "server",
        "error.type=500,http.request.method=GET,http.response.status_code=500",
    );
    let attempts = "mesh.client.attempts [{attempt}]{mesh.cluster=reviews,mesh.outcome=";
    let dropped = "mesh.client.mirrors.dropped [{request}]{mesh.cluster=reviews,mesh.reason=";
    let expected = [
        (format!("{ok} count"), 2.0),
        (format!("{ok} sum"), 0.5),
        (format!("{no_route} count"), 1.0),
        (format!("{no_route} sum"), 0.25),
        (format!("{served} count"), 1.0),
        (format!("{served} sum"), 0.25),
        ("http.client.active_requests [{request}]{}".to_owned(), 0.0),
        ("http.server.active_requests [{request}]{}".to_owned(), 1.0),
        (format!("{attempts}2xx}}"), 2.0),
        (format!("{attempts}connect_failure}}"), 1.0),
        (format!("{dropped}overflow}}"), 1.0),
    ];
    assert_eq!(read(&exporter), BTreeMap::from(expected));
    provider.shutdown().unwrap();
}
