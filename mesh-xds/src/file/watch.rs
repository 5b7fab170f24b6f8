//! Keeping a configuration up to date: file edits, registrations, DNS.
//!
//! Files are polled, not watched through the kernel. A poll sees every way of changing a file that
//! matters here (rename-over, a swapped ConfigMap link, network and overlay mounts that send no
//! events) by one rule, and costs a `stat` per file, four times a second.
//!
//! A change is read once two looks in a row agree, so that a writer gets to finish. Since a file can
//! change twice within the resolution of its timestamp, contents are compared for some time after
//! every change, and after the start.

use std::{collections::HashSet, io, sync::Arc, time::Duration};

use mesh_core::{Config, Mesh, WeakMesh, policy::ClusterLoadAssignment};
use tokio::{
    sync::watch::Receiver,
    task::{JoinHandle, spawn_blocking},
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    FileSource, LoadError,
    followed::{Followed, Say, said},
    load::{self, Loader, Read},
    problem::NoteKind,
    stamps::{Stamps, stamps},
    translate::Translated,
};
use crate::{dns::Lookups, registry};

/// How often files are looked at.
const POLL: Duration = Duration::from_millis(250);

/// How long a change must have lasted.
const SETTLE: Duration = Duration::from_millis(50);

/// A writer that never ends is read as it is after this many looks.
const MAX_LOOKS: usize = 8;

/// How many polls after a change compare contents: two seconds, the coarsest timestamps in use.
const UNSURE: u32 = 8;

/// How long the start waits for the first DNS answers.
const FIRST_ANSWERS: Duration = Duration::from_secs(2);

/// Takes what a source publishes: a mesh, or a test that looks closer.
pub(super) trait Publish: Send + Sync + 'static {
    /// Replaces the whole configuration, or changes nothing and says why.
    fn publish(&self, config: Config) -> Result<(), String>;

    /// Replaces one cluster's endpoints.
    fn assign(&self, cluster: &str, assignment: Arc<ClusterLoadAssignment>);

    /// Takes note of an update that did not happen.
    fn reject(&self, error: String);
}

/// The mesh owns the task that publishes into it, so the task must not own the mesh.
impl Publish for WeakMesh {
    fn publish(&self, config: Config) -> Result<(), String> {
        match self.upgrade() {
            Some(mesh) => mesh.publish(config).map(drop).map_err(|e| e.to_string()),
            None => Ok(()),
        }
    }

    fn assign(&self, cluster: &str, assignment: Arc<ClusterLoadAssignment>) {
        if let Some(mesh) = self.upgrade() {
            mesh.assign(cluster, assignment);
        }
    }

    fn reject(&self, error: String) {
        if let Some(mesh) = self.upgrade() {
            mesh.reject(error);
        }
    }
}

/// A source that is being followed; dropping it ends that.
pub(super) struct FileWatch {
    task: JoinHandle<()>,
    pub(super) followed: Followed,
}

impl Drop for FileWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FileSource {
    /// Loads and publishes, then follows files, registrations and DNS for as long as the mesh lives.
    /// Waits a little for the first DNS answers.
    ///
    /// An edit shows within a second. One that cannot be loaded changes nothing: the last good
    /// configuration stays, the error is logged, and [`Mesh::status`] has it until a load succeeds.
    ///
    /// What is returned says what the files in force have to note, and what became of their Gateway
    /// API routes; it need not be kept.
    ///
    /// # Errors
    /// Everything that is wrong with the files.
    pub async fn start(self, mesh: &Mesh) -> Result<Followed, LoadError> {
        let watch = self.follow(Arc::new(mesh.downgrade())).await?;
        let followed = watch.followed.clone();
        mesh.own(watch);
        Ok(followed)
    }

    /// As [`start`](Self::start), until the returned guard is dropped.
    pub(super) async fn follow(self, to: Arc<dyn Publish>) -> Result<FileWatch, LoadError> {
        let assign = to.clone();
        let lookups = Lookups::new(
            self.resolver.clone(),
            Arc::new(move |cluster: &str, assignment| assign.assign(cluster, assignment)),
        );
        let changed = self.registry.subscribe();
        let mut files = Files::new(self);
        let (back, translated) = blocking(files, Files::start).await?;
        files = back;
        let (said, followed) = said();
        let mut following = Following {
            said,
            name: files.source.path.display().to_string(),
            to,
            lookups,
            current: None,
            rejected: None,
        };
        let first = match following.publish(translated?) {
            Ok(first) => first,
            Err(error) => return Err(load::rejected(&files.source.path, &error)),
        };
        // Bounded: a name that does not resolve must not keep the service from starting.
        let _ = timeout(FIRST_ANSWERS, async {
            for answer in first {
                let _ = answer.await;
            }
        })
        .await;
        let task = tokio::spawn(following.run(files, changed));
        Ok(FileWatch { task, followed })
    }
}

/// Runs blocking work on `files`, which come back.
async fn blocking<T: Send + 'static>(
    mut files: Files,
    work: impl FnOnce(&mut Files) -> T + Send + 'static,
) -> Result<(Files, T), LoadError> {
    let path = files.source.path.clone();
    let done = spawn_blocking(move || {
        let result = work(&mut files);
        (files, result)
    });
    done.await
        .map_err(|e| load::rejected(&path, &e.to_string()))
}

/// The side that touches files, on threads that may block.
struct Files {
    source: FileSource,
    loader: Loader,
    stamps: io::Result<Stamps>,
    unsure: u32,
    /// The last refresh failed, so that what it would have found is not known.
    failed: bool,
}

impl Files {
    fn new(source: FileSource) -> Self {
        let loader = source.loader();
        Self {
            source,
            loader,
            stamps: Ok(Stamps::new()),
            unsure: UNSURE,
            failed: false,
        }
    }

    fn start(&mut self) -> Result<Translated, LoadError> {
        self.stamps = stamps(&self.source.path);
        self.loader.refresh(Read::All)?;
        self.source.translate(&self.loader)
    }

    /// Whether files look different from when they were read.
    fn moved(&mut self) -> bool {
        let stamps = stamps(&self.source.path);
        let same = match (&stamps, &self.stamps) {
            (Ok(new), Ok(old)) => new == old,
            (Err(new), Err(old)) => new.kind() == old.kind(),
            _ => false,
        };
        self.stamps = stamps;
        !same
    }

    /// Whether a poll has to compare contents although nothing looks different.
    fn is_unsure(&mut self) -> bool {
        let unsure = self.unsure > 0;
        self.unsure = self.unsure.saturating_sub(1);
        unsure
    }

    /// The new meaning, if contents have changed.
    fn reload(&mut self, read: Read) -> Option<Result<Translated, LoadError>> {
        let refreshed = self.loader.refresh(read);
        let failed = std::mem::replace(&mut self.failed, refreshed.is_err());
        match refreshed {
            Ok(false) if !failed => None,
            Ok(_) => {
                self.unsure = UNSURE;
                Some(self.source.translate(&self.loader))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

/// The side that publishes.
struct Following {
    name: String,
    to: Arc<dyn Publish>,
    said: Say,
    lookups: Lookups,
    current: Option<Translated>,
    /// The last rejection, which is not repeated.
    rejected: Option<String>,
}

impl Following {
    async fn run(mut self, mut files: Files, mut changed: Receiver<u64>) {
        let mut next_poll = Instant::now() + POLL;
        loop {
            // However busy the registry is, polls come in time.
            let registered = Instant::now() < next_poll
                && timeout_at(next_poll, changed.changed()).await.is_ok();
            let step = if registered {
                self.registered(files).await
            } else {
                let polled = self.poll(files).await;
                next_poll = Instant::now() + POLL;
                polled
            };
            files = match step {
                Ok(files) => files,
                Err(error) => {
                    // Only when the runtime shuts down, or a translation panics.
                    self.reject(&error);
                    return;
                }
            };
        }
    }

    async fn poll(&mut self, files: Files) -> Result<Files, LoadError> {
        let (mut files, (moved, unsure)) = blocking(files, |f| (f.moved(), f.is_unsure())).await?;
        if !moved && !unsure {
            return Ok(files);
        }
        let mut moving = moved;
        for _ in 0..MAX_LOOKS {
            if !moving {
                break;
            }
            sleep(SETTLE).await;
            (files, moving) = blocking(files, Files::moved).await?;
        }
        // What changed is visible, and is read at once; contents are compared by the next polls.
        let read = if moved { Read::Changed } else { Read::All };
        let (files, reloaded) = blocking(files, move |f| f.reload(read)).await?;
        if let Some(result) = reloaded {
            self.update(result);
        }
        Ok(files)
    }

    /// Registrations have changed: usually only endpoints of services that exist already.
    async fn registered(&mut self, files: Files) -> Result<Files, LoadError> {
        let services = files.source.registry.services();
        if self.reassign(&services) {
            return Ok(files);
        }
        let (files, result) = blocking(files, |f| f.source.translate(&f.loader)).await?;
        self.update(result);
        Ok(files)
    }

    /// Hands on the endpoints of the services whose registrations differ. `false` when that is not
    /// all that has changed.
    fn reassign(&mut self, services: &Arc<registry::Services>) -> bool {
        let Some(current) = &mut self.current else {
            return false;
        };
        if !services.keys().eq(current.registered.keys()) {
            return false;
        }
        let differ: Vec<_> = services
            .iter()
            .filter(|(key, now)| current.registered.get(*key) != Some(*now))
            .map(|(key, _)| key)
            .collect();
        let mut groups = Vec::new();
        for key in differ {
            match current.groups.iter().position(|g| g.has(key)) {
                Some(group) => groups.push(group),
                None => return false,
            }
        }
        let groups: HashSet<usize> = groups.into_iter().collect();
        for group in groups {
            for (cluster, assignment) in current.groups[group].assignments(services) {
                let known = current.config.assignments.get(&cluster);
                if known != Some(&assignment) {
                    self.to.assign(&cluster, assignment.clone());
                    current.config.assignments.insert(cluster, assignment);
                }
            }
        }
        current.registered = services.clone();
        true
    }

    fn update(&mut self, result: Result<Translated, LoadError>) {
        match result {
            // New clusters are looked up in the background from here on.
            Ok(translated) => match self.publish(translated) {
                Ok(_) => tracing::info!(source = %self.name, "configuration reloaded"),
                Err(error) => self.reject(&error),
            },
            Err(error) => self.reject(&error),
        }
    }

    fn publish(
        &mut self,
        translated: Translated,
    ) -> Result<Vec<tokio::sync::oneshot::Receiver<()>>, String> {
        self.to.publish(translated.config.clone())?;
        for note in &translated.notes {
            if note.kind == NoteKind::Warning {
                tracing::warn!(source = %self.name, "{note}");
            } else {
                tracing::debug!(source = %self.name, "{note}");
            }
        }
        let first = self.lookups.follow(&translated.config.clusters);
        self.said.put(&translated);
        self.current = Some(translated);
        self.rejected = None;
        Ok(first)
    }

    fn reject(&mut self, error: &dyn std::fmt::Display) {
        let error = error.to_string();
        if self.rejected.as_ref() != Some(&error) {
            tracing::error!(source = %self.name, "kept the last good configuration:\n{error}");
            self.to.reject(error.clone());
            self.rejected = Some(error);
        }
    }
}
