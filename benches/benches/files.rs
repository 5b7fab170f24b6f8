//! What loading Istio files costs, and loading them again after an edit: CPU time of the thread that
//! does it, which other work on the machine does not add to.

use std::{fs, hint::black_box, time::Duration};

use criterion::{
    BatchSize, Criterion, Throughput, criterion_group, criterion_main,
    measurement::{Measurement, ValueFormatter, WallTime},
};
use mesh_benches::{
    files::{Directory, canaries, canary, tcp_services},
    measure::ThreadTime,
};
use mesh_core::Mesh;
use mesh_xds::FileSource;

/// The thread's own time.
struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = ThreadTime;
    type Value = Duration;

    fn start(&self) -> ThreadTime {
        ThreadTime::now()
    }

    fn end(&self, start: ThreadTime) -> Duration {
        start.elapsed()
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, time: &Duration) -> f64 {
        WallTime.to_f64(time)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// 5,000 `VirtualService`s with 10,000 routes, and their `DestinationRule`s, in 1,000 files: until
/// they are in force.
fn load(c: &mut Criterion<CpuTime>) {
    let directory = Directory::new().expect("a directory");
    directory.write(&canaries(5000), 1000).expect("files");
    let source = FileSource::new(directory.path());
    let mut group = c.benchmark_group("files");
    group.sample_size(10).throughput(Throughput::Elements(5000));
    group.bench_function("load 5,000 rules of 10,000 routes", |b| {
        b.iter_with_large_drop(|| {
            let mesh = Mesh::new();
            let loaded = source.load().expect("valid files");
            mesh.publish(loaded.config).expect("a consistent policy");
            mesh
        });
    });
    group.finish();
}

/// The publish alone, of a listener each for 5,000 services.
fn listeners(c: &mut Criterion<CpuTime>) {
    let directory = Directory::new().expect("a directory");
    directory.write(&tcp_services(5000), 1000).expect("files");
    let loaded = FileSource::new(directory.path()).load();
    let config = loaded.expect("valid files").config;
    assert_eq!(config.listeners.len(), 5000);
    let mut group = c.benchmark_group("files");
    group.sample_size(10);
    group.bench_function("publish 5,000 services with a TCP port", |b| {
        b.iter_batched(
            || (Mesh::new(), config.clone()),
            |(mesh, config)| {
                black_box(mesh.publish(config)).expect("a consistent policy");
                mesh
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// One of 1,000 files is edited: until what it says is in force.
fn reload(c: &mut Criterion<CpuTime>) {
    let directory = Directory::new().expect("a directory");
    directory.write(&canaries(1000), 1000).expect("files");
    let source = FileSource::new(directory.path());
    let mut reloader = source.reloader();
    let mesh = Mesh::new();
    let loaded = reloader.load().expect("valid files");
    mesh.publish(loaded.config).expect("a consistent policy");
    let mut turn = 0;
    let mut group = c.benchmark_group("files");
    group.sample_size(20);
    group.bench_function("reload after an edit of one of 1,000 files", |b| {
        b.iter_batched(
            || {
                turn += 1;
                let text = canary(500).replace("timeout: 2s", &format!("timeout: {turn}s"));
                fs::write(directory.file(500), text).expect("a file");
            },
            |()| {
                let loaded = reloader.load().expect("valid files");
                mesh.publish(loaded.config).expect("a consistent policy")
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = load, listeners, reload
}
criterion_main!(benches);
