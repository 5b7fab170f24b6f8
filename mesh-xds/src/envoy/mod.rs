//! Envoy's own YAML and JSON as a source of policy: the static resources of a bootstrap, and files of
//! resources.
//!
//! ```text
//!  text ──node──▶ tree ──json──▶ bytes ──resource──▶ policy ──▶ Config
//! ```
//!
//! Files are read strictly: what is unknown or unsupported is an error that names file, line and
//! field. What has nothing to say inside a process is listed as a [`Note`].

mod follow;
mod json;
mod scalar;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use mesh_core::{
    Mesh, Note, NoteKind,
    policy::{Name, Origin},
};

use self::follow::EnvoyFiles;
use crate::{
    Loaded,
    dns::{Resolve, SystemResolver},
    file::{
        LoadError, Problem,
        node::{self, Node, Value},
    },
    pb::{
        protobuf::Any,
        schema::{self, Message, type_name},
    },
    resource::{
        Resource, Resources, Wire,
        report::{At, Finding, Report, Source},
    },
};

/// A file, or a directory of files, of Envoy configuration.
///
/// A document is a bootstrap (its `static_resources` are read), one resource with its `@type`, or
/// `resources` with a list of such, as Envoy's `path_config_source` reads.
///
/// A listener's port is the one that callers dial; port 0 takes every port.
///
/// ```
/// use mesh_xds::EnvoySource;
/// let loaded = EnvoySource::parse(
///     "cluster.yaml",
///     r#"
/// "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
/// name: reviews
/// lb_policy: LEAST_REQUEST
/// load_assignment:
///   cluster_name: reviews
///   endpoints:
///   - lb_endpoints:
///     - endpoint: { address: { socket_address: { address: 10.0.0.1, port_value: 80 } } }
/// "#,
/// )?;
/// assert_eq!(loaded.config.clusters.len(), 1);
/// # Ok::<(), mesh_xds::LoadError>(())
/// ```
#[derive(Clone, Debug)]
pub struct EnvoySource {
    path: PathBuf,
    resolver: Arc<dyn Resolve>,
}

impl EnvoySource {
    /// The file at `path`, or every `.yaml`, `.yml` and `.json` file below it.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            resolver: Arc::new(SystemResolver),
        }
    }

    /// How DNS clusters are looked up. Default: as the system does it.
    #[must_use]
    pub fn with_resolver(mut self, resolver: impl Resolve) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// Reads everything, without publishing or looking anything up.
    ///
    /// # Errors
    /// Everything that is wrong with the files.
    pub fn load(&self) -> Result<Loaded, LoadError> {
        EnvoyFiles::new(self.path.clone()).load()
    }

    /// Reads a text; `name` stands for the file's.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(name: &str, text: &str) -> Result<Loaded, LoadError> {
        let mut reading = Reading::default();
        reading.text(name, text);
        reading.finish()
    }

    /// The resources of a text as protobuf, with what is not read left out: what a control plane
    /// would send.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn encode(name: &str, text: &str) -> Result<Vec<Any>, LoadError> {
        let mut reading = Reading {
            encoded: Some(Vec::new()),
            ..Reading::default()
        };
        reading.text(name, text);
        let encoded = reading.encoded.take().unwrap_or_default();
        reading.finish().map(|_| encoded)
    }

    /// Loads and publishes, then follows files and DNS for as long as the mesh lives, as
    /// [`FileSource::start`](crate::FileSource::start) does.
    ///
    /// # Errors
    /// Everything that is wrong with the files; a mesh that has a source already.
    pub async fn start(self, mesh: &Mesh) -> Result<(), LoadError> {
        let files = EnvoyFiles::new(self.path);
        crate::follow::start(files, self.resolver, mesh).await
    }
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    /// Each resource as protobuf, if it is asked for.
    encoded: Option<Vec<Any>>,
    resources: Resources,
    /// Where each resource is from, by type and name.
    seen: HashMap<(&'static str, Name), String>,
    problems: Vec<Problem>,
    notes: Vec<Note>,
}

impl Reading {
    fn text(&mut self, name: &str, text: &str) {
        let file: Arc<str> = name.into();
        let (roots, errors) = node::parse(text);
        self.problems
            .extend(errors.into_iter().map(|error| Problem {
                file: file.clone(),
                line: error.line,
                field: String::new(),
                message: error.message,
            }));
        for root in &roots {
            let report = Report::new(Source::File {
                file: file.clone(),
                root,
            });
            self.document(&report.root(), root);
            let (problems, ignored) = report.into_findings();
            let problem = |f: Finding| Problem {
                file: file.clone(),
                line: f.line,
                field: f.field,
                message: f.message,
            };
            self.problems.extend(problems.into_iter().map(problem));
            let note = |f: Finding| {
                let origin = Origin::file(file.clone(), f.line);
                Note::new(NoteKind::Ignored, origin, f.field, f.message)
            };
            self.notes.extend(ignored.into_iter().map(note));
        }
    }

    fn document(&mut self, at: &At<'_>, root: &Node) {
        let Value::Map(entries) = &root.value else {
            at.fail("must be a mapping");
            return;
        };
        if json::type_url(root).is_some() {
            self.resource(at, root);
        } else if let [entry] = &entries[..]
            && &*entry.key == "resources"
        {
            let at = at.field("resources");
            match &entry.value.value {
                Value::List(items) => {
                    for (i, item) in items.iter().enumerate() {
                        self.resource(&at.index(i), item);
                    }
                }
                _ => at.fail("must be a list"),
            }
        } else if let Some(message) = schema::message("envoy.config.bootstrap.v3.Bootstrap") {
            self.bootstrap(at, root, message);
        }
    }

    fn resource(&mut self, at: &At<'_>, node: &Node) {
        let Some(url) = json::type_url(node) else {
            at.fail("needs an `@type`");
            return;
        };
        let known = schema::message(url);
        let bytes = known
            .map(|message| json::resource(at, node, message))
            .unwrap_or_default();
        match Wire::decode(type_name(url), &bytes) {
            Ok(wire) => self.wire(at, &wire),
            Err(why) => at.fail(why),
        }
    }

    fn bootstrap(&mut self, at: &At<'_>, root: &Node, message: &'static Message) {
        use prost::Message as _;
        let bytes = json::encode(at, root, message);
        let decoded = crate::pb::bootstrap::Bootstrap::decode(&*bytes);
        let Some(pb) = at.ok(decoded) else {
            return;
        };
        let Some(pb) = pb.static_resources else {
            at.field("static_resources")
                .fail("is required: nothing else of a bootstrap is read");
            return;
        };
        let at = at.field("static_resources");
        let listeners = at.field("listeners");
        for (i, pb) in pb.listeners.into_iter().enumerate() {
            self.wire(&listeners.index(i), &Wire::Listener(pb.into()));
        }
        let clusters = at.field("clusters");
        for (i, pb) in pb.clusters.into_iter().enumerate() {
            self.wire(&clusters.index(i), &Wire::Cluster(pb.into()));
        }
    }

    fn wire(&mut self, at: &At<'_>, wire: &Wire) {
        let Some(resource) = wire.translate(at) else {
            return;
        };
        if let Some(encoded) = &mut self.encoded {
            encoded.push(wire.encode());
        }
        let (kind, name) = match &resource {
            Resource::Listener(l) => ("listener", l.name.clone()),
            Resource::RouteConfiguration(r) => ("route configuration", r.name.clone()),
            Resource::VirtualHost(_) => {
                at.fail("a virtual host stands in its route configuration");
                return;
            }
            Resource::Cluster(c) => ("cluster", c.policy.name.clone()),
            Resource::ClusterLoadAssignment(_) => ("assignment", wire.name()),
        };
        if let Some(first) = self
            .seen
            .insert((kind, name.clone()), at.origin().to_string())
        {
            at.fail(format!("{kind} `{name}` is already given at {first}"));
        }
        match resource {
            Resource::Listener(listener) => self.resources.listeners.push(*listener),
            Resource::RouteConfiguration(routes) => self.resources.routes.push(routes),
            Resource::Cluster(cluster) => self.resources.clusters.push(*cluster),
            Resource::ClusterLoadAssignment(assignment) => {
                self.resources.assignments.insert(name, assignment);
            }
            Resource::VirtualHost(_) => {}
        }
    }

    fn finish(mut self) -> Result<Loaded, LoadError> {
        if !self.problems.is_empty() {
            self.problems.sort();
            return Err(LoadError {
                problems: self.problems,
            });
        }
        self.notes.sort();
        Ok(Loaded {
            config: self.resources.config(),
            notes: self.notes,
            ..Loaded::default()
        })
    }
}
