//! `examples/kubernetes`, as far as it goes without a cluster.

use mesh_xds::FileSource;

/// What is applied to the cluster is read here as istiod would read it.
#[test]
fn the_kubernetes_examples_files_load() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/kubernetes");
    let loaded = FileSource::new(folder)
        .with_namespace("mesh-demo")
        .load()
        .unwrap();
    let names: Vec<_> = loaded.config.clusters.iter().map(|c| &*c.name).collect();
    for subset in ["v1", "v2"] {
        let cluster = format!("outbound|8080|{subset}|reviews.mesh-demo.svc.cluster.local");
        assert!(names.contains(&&*cluster), "{names:?}");
    }
}
