//! Whole loads: YAML in, policy or problems out.

mod clusters;
mod connections;
mod consistent_hash;
mod delegates;
mod discovery;
mod every_field;
mod fuzz;
mod gateway;
mod mirrors_and_cors;
mod node;
mod reader;
mod reloading;
mod routes;
#[cfg(unix)]
mod running;
mod scope;
mod seeds;
mod sidecar;
mod strictness;
mod support_table;
mod traps;
mod virtual_hosts;
mod watching;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use mesh_core::{
    ConfigError, Mesh,
    policy::{Cluster, ClusterSpecifier, ForwardAction, Route, RouteAction, VirtualHost},
};

use super::{
    LoadError, Loaded,
    kinds::Document,
    load::parse_text,
    problem::Note,
    reader::Reader,
    translate::{Client, translate},
};
use crate::Registry;

/// A client in `default`, without labels.
fn client() -> Client {
    Client {
        namespace: "default".into(),
        labels: Default::default(),
        domain: "cluster.local".into(),
        locality: Default::default(),
    }
}

/// The documents of `text`, as if it were the file `f.yaml`.
fn documents(text: &str, client: &Client) -> Result<(Vec<Arc<Document>>, Vec<Note>), LoadError> {
    let reader = Reader::new("f.yaml".into());
    let documents = parse_text(&reader, text, &client.namespace);
    let problems = reader.problems.into_inner();
    if problems.is_empty() {
        Ok((documents, reader.notes.into_inner()))
    } else {
        Err(LoadError { problems })
    }
}

fn try_load_as(client: &Client, registry: &Registry, text: &str) -> Result<Loaded, LoadError> {
    let (documents, mut notes) = documents(text, client)?;
    let translated = translate(&documents, client, registry.services())
        .map_err(|problems| LoadError { problems })?;
    notes.extend(translated.notes);
    // Whatever loads must be fit to publish, but for what no engine honours yet.
    if let Err(error) = Mesh::new().publish(translated.config.clone()) {
        let known = |e: &ConfigError| matches!(e, ConfigError::Unsupported { .. });
        let fit = error.problems().iter().all(known);
        assert!(fit, "loaded, but not fit to publish: {error}");
    }
    leave(text);
    Ok(Loaded {
        config: translated.config,
        notes,
        routes: translated.routes,
    })
}

/// Leaves what loads for the conformance tests, which have a real Envoy read what it means, when
/// `MESH_TEST_DOCUMENTS` names a directory.
fn leave(text: &str) {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    let Some(dir) = std::env::var_os("MESH_TEST_DOCUMENTS") else {
        return;
    };
    let name = BuildHasherDefault::<DefaultHasher>::new().hash_one(text);
    fs::write(
        Path::new(&dir).join(format!("mesh-xds-{name:016x}.yaml")),
        text,
    )
    .unwrap();
}

#[track_caller]
fn load(text: &str) -> Loaded {
    load_as(&client(), &Registry::new(), text)
}

#[track_caller]
fn load_as(client: &Client, registry: &Registry, text: &str) -> Loaded {
    try_load_as(client, registry, text).unwrap_or_else(|e| panic!("{e}"))
}

/// The problems of a load that must fail, as printed.
#[track_caller]
fn problems(text: &str) -> Vec<String> {
    match try_load_as(&client(), &Registry::new(), text) {
        Ok(_) => panic!("it loaded"),
        Err(error) => error.problems().iter().map(ToString::to_string).collect(),
    }
}

fn notes(loaded: &Loaded) -> Vec<String> {
    loaded.notes.iter().map(ToString::to_string).collect()
}

/// A document around a spec, whose lines are indented by two.
fn document(kind: &str, namespace: &str, name: &str, spec: &str) -> String {
    let spec: String = spec.lines().map(|l| format!("  {l}\n")).collect();
    format!(
        "apiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata:\n  name: {name}\n  \
         namespace: {namespace}\nspec:\n{spec}---\n"
    )
}

/// A static service of one HTTP port with an endpoint.
fn service(namespace: &str, host: &str, port: u16) -> String {
    document(
        "ServiceEntry",
        namespace,
        &format!("se-{}-{port}", host.trim_start_matches("*.")),
        &format!(
            "hosts: [\"{host}\"]\nports: [{{number: {port}, name: http, protocol: HTTP}}]\n\
             resolution: STATIC\nendpoints: [{{address: 10.0.0.1}}]"
        ),
    )
}

impl Loaded {
    #[track_caller]
    fn virtual_hosts(&self, port: u16) -> &[VirtualHost] {
        let name = port.to_string();
        let found = self.config.routes.iter().find(|r| *r.name == *name);
        found.map_or(&[], |r| &r.virtual_hosts)
    }

    /// The virtual host with this domain.
    #[track_caller]
    fn virtual_host(&self, port: u16, domain: &str) -> &VirtualHost {
        let hosts = self.virtual_hosts(port);
        hosts
            .iter()
            .find(|v| v.domains.iter().any(|d| **d == *domain))
            .unwrap_or_else(|| panic!("no `{domain}` on {port} in {hosts:#?}"))
    }

    #[track_caller]
    fn routes(&self, port: u16, domain: &str) -> &[Route] {
        &self.virtual_host(port, domain).routes
    }

    fn find_cluster(&self, name: &str) -> Option<&Cluster> {
        let found = self.config.clusters.iter().find(|c| *c.name == *name);
        found.map(|c| &**c)
    }

    #[track_caller]
    fn cluster(&self, name: &str) -> &Cluster {
        self.find_cluster(name).unwrap_or_else(|| {
            let names: Vec<_> = self.config.clusters.iter().map(|c| &c.name).collect();
            panic!("no `{name}` in {names:?}")
        })
    }

    /// The addresses of a cluster's endpoints.
    #[track_caller]
    fn endpoints(&self, cluster: &str) -> Vec<String> {
        let assignment = &self.config.assignments[cluster];
        assignment
            .endpoints()
            .map(|e| e.address.to_string())
            .collect()
    }
}

#[track_caller]
fn forward(route: &Route) -> &ForwardAction {
    match &route.action {
        RouteAction::Forward(action) => action,
        other => panic!("{other:?} does not forward"),
    }
}

/// The clusters of a route and their weights; a single one has weight 0.
#[track_caller]
fn targets(route: &Route) -> Vec<(String, u32)> {
    match &forward(route).cluster {
        ClusterSpecifier::Cluster(name) => vec![(name.to_string(), 0)],
        ClusterSpecifier::Weighted(weighted) => {
            let clusters = weighted.clusters().iter();
            clusters.map(|c| (c.name.to_string(), c.weight)).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn seed(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/seeds")
        .join(name);
    fs::read_to_string(path).unwrap()
}

/// A directory of its own that goes when it is dropped.
struct TempDir(PathBuf);

impl TempDir {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("mesh-xds-{}-{n}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // A leftover in the temporary directory is no reason to fail.
        let _ = fs::remove_dir_all(&self.0);
    }
}
