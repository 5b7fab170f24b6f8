//! YAML files of Istio's, the Gateway API's and Kubernetes' resources as a source of policy.
//!
//! ```text
//!  files ──node──▶ tree ──kinds──▶ documents ──translate──▶ Config ──▶ Mesh
//!    ▲              with lines      typed, checked    ▲                 ▲
//!  watch (reload)                                  Registry        dns (endpoints)
//! ```
//!
//! Files are read strictly: an unknown field, or one that this version does not enforce, is an error
//! that names file, line and field. What loads and still does nothing here is listed as a [`Note`].

mod duration;
pub(crate) mod host;
pub(crate) mod kinds;
pub(crate) mod load;
pub(crate) mod node;
pub(crate) mod problem;
mod reader;
pub(crate) mod schema;
pub(crate) mod stamps;
pub(crate) mod translate;

#[cfg(test)]
mod tests;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use mesh_core::{
    Config, Mesh, Note, NoteKind, RouteStatus,
    policy::{Locality, Metadata},
};

use self::{
    load::{Loader, Read},
    problem::At,
    stamps::{Stamps, YAML, stamps},
    translate::{Client, Translated},
};
pub use self::{
    problem::{LoadError, Problem},
    schema::{Api, Field, Schema, Support},
};
use crate::{
    Registry,
    dns::{Resolve, SystemResolver},
    follow::{self, Follow},
};

/// A file, or a directory of files, of Istio and Gateway API resources.
///
/// ```no_run
/// use mesh_xds::FileSource;
/// # fn main() -> Result<(), mesh_xds::LoadError> {
/// let loaded = FileSource::new("mesh/").with_namespace("tutorial").load()?;
/// for note in &loaded.notes {
///     println!("{note}");
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct FileSource {
    path: PathBuf,
    client: Client,
    registry: Registry,
    resolver: Arc<dyn Resolve>,
}

/// What a load yields.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// What to publish.
    pub config: Config,
    /// What loaded but does not do what a reader may expect, by file and line.
    pub notes: Vec<Note>,
    /// What became of each `HTTPRoute` and `GRPCRoute`, by namespace and name.
    pub routes: Vec<RouteStatus>,
}

impl FileSource {
    /// The file at `path`, or every `.yaml` and `.yml` file below it.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            client: Client {
                namespace: "default".into(),
                labels: Metadata::default(),
                domain: "cluster.local".into(),
                locality: Locality::default(),
            },
            registry: Registry::new(),
            resolver: Arc::new(SystemResolver),
        }
    }

    /// The namespace of this workload, and of resources that name none. Default `default`.
    #[must_use]
    pub fn with_namespace(mut self, namespace: impl Into<Arc<str>>) -> Self {
        self.client.namespace = namespace.into();
        self
    }

    /// This workload's labels, which `sourceLabels` selects by.
    #[must_use]
    pub fn with_labels(mut self, labels: Metadata) -> Self {
        self.client.labels = labels;
        self
    }

    /// Where this workload runs: endpoints of a service with outlier detection are used by how near
    /// they are. Default: nowhere in particular.
    #[must_use]
    pub fn with_locality(mut self, locality: Locality) -> Self {
        self.client.locality = locality;
        self
    }

    /// The cluster's DNS domain. Default `cluster.local`.
    #[must_use]
    pub fn with_domain(mut self, domain: impl Into<Arc<str>>) -> Self {
        self.client.domain = domain.into();
        self
    }

    /// Endpoints inside this process.
    #[must_use]
    pub fn with_registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// How DNS services are looked up. Default: as the system does it.
    #[must_use]
    pub fn with_resolver(mut self, resolver: impl Resolve) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// Loads once, without watching or looking anything up.
    ///
    /// # Errors
    /// Everything that is wrong with the files.
    pub fn load(&self) -> Result<Loaded, LoadError> {
        self.reloader().load()
    }

    /// Loads as often as it is asked to, and parses only what has changed in between: for those who
    /// follow files by themselves rather than through [`start`](Self::start).
    pub fn reloader(&self) -> Reloader {
        Reloader {
            loader: Loader::new(self.path.clone(), self.client.namespace.clone()),
            source: self.clone(),
        }
    }

    /// Loads and publishes, then follows files, registrations and DNS for as long as the mesh lives.
    /// Waits a little for the first DNS answers.
    ///
    /// An edit shows within a second. One that cannot be loaded changes nothing: the last good
    /// configuration stays, the error is logged, and [`Mesh::status`] has it until a load succeeds.
    /// There, too, is what of the files in force has no effect, and what became of their routes.
    ///
    /// # Errors
    /// Everything that is wrong with the files; a mesh that has a source already.
    pub async fn start(self, mesh: &Mesh) -> Result<(), LoadError> {
        let resolver = self.resolver.clone();
        follow::start(self.reloader(), resolver, mesh).await
    }

    fn translate(&self, loader: &Loader) -> Result<Translated, LoadError> {
        let (documents, notes) = loader.documents()?;
        let registered = self.registry.services();
        let translated = translate::translate(&documents, &self.client, registered);
        let mut translated = translated.map_err(|mut problems| {
            problems.sort();
            LoadError { problems }
        })?;
        translated.notes.extend(notes);
        translated.notes.extend(self.registry.notes());
        if documents.is_empty() {
            let source = At {
                file: self.path.display().to_string().into(),
                line: 0,
            };
            let message = "no Istio or Gateway API documents were found here";
            translated
                .notes
                .push(source.note(NoteKind::Warning, message));
        }
        translated.notes.sort();
        Ok(translated)
    }
}

/// A source that was loaded before.
#[derive(Debug)]
pub struct Reloader {
    source: FileSource,
    loader: Loader,
}

impl Reloader {
    /// Reads the files whose size, time or inode has changed since the last call, and says what all
    /// of them mean now.
    ///
    /// # Errors
    /// Everything that is wrong with the files. What was loaded before is not forgotten.
    pub fn load(&mut self) -> Result<Loaded, LoadError> {
        self.loader.refresh(Read::Changed)?;
        let translated = self.source.translate(&self.loader)?;
        Ok(Loaded {
            config: translated.config,
            notes: translated.notes,
            routes: translated.routes,
        })
    }
}

impl Follow for Reloader {
    fn path(&self) -> &Path {
        &self.source.path
    }

    fn registry(&self) -> &Registry {
        &self.source.registry
    }

    fn stamps(&self) -> io::Result<Stamps> {
        stamps(&self.source.path, YAML)
    }

    fn refresh(&mut self, read: Read) -> Result<bool, LoadError> {
        self.loader.refresh(read)
    }

    fn translate(&self) -> Result<Translated, LoadError> {
        self.source.translate(&self.loader)
    }
}

/// Every message that files may hold, with what is done with each field.
pub fn schemas() -> Vec<&'static Schema> {
    kinds::schemas()
}
