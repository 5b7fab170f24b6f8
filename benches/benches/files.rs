//! What loading Istio files costs, and loading them again after an edit.

use std::{fs, hint::black_box};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use mesh_benches::files::{Directory, canaries, canary};
use mesh_core::Mesh;
use mesh_xds::FileSource;

/// 5,000 `VirtualService`s with 10,000 routes, and their `DestinationRule`s.
fn load(c: &mut Criterion) {
    let directory = Directory::new().expect("a directory");
    directory.write(&canaries(5000), 1000).expect("files");
    let source = FileSource::new(directory.path());
    let mut group = c.benchmark_group("files");
    group.sample_size(10);
    group.bench_function("load 5,000 rules of 10,000 routes", |b| {
        b.iter(|| black_box(source.load()).expect("valid files"));
    });
    group.finish();
}

/// One of 1,000 files is edited: until what it says is in force.
fn reload(c: &mut Criterion) {
    let directory = Directory::new().expect("a directory");
    directory.write(&canaries(1000), 1000).expect("files");
    let source = FileSource::new(directory.path());
    let mut reloader = source.reloader();
    let mesh = Mesh::new();
    let loaded = reloader.load().expect("valid files");
    mesh.publish(loaded.config).expect("a consistent policy");
    let mut turn = 0;
    let mut group = c.benchmark_group("files");
    group.sample_size(10);
    group.bench_function("reload after an edit of one of 1,000 files", |b| {
        b.iter_batched(
            || {
                turn += 1;
                let text = canary(500).replace("timeout: 2s", &format!("timeout: {turn}s"));
                fs::write(directory.file(500), text).expect("a file");
            },
            |()| {
                let loaded = reloader.load().expect("valid files");
                mesh.publish(loaded.config)
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, load, reload);
criterion_main!(benches);
