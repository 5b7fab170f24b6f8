//! Keeping a configuration up to date: file edits, registrations, DNS. One driver for every source
//! that reads files.
//!
//! ```text
//!  stat ──moved?──▶ settle ──▶ refresh ──▶ translate ──▶ publish ──clusters──▶ DNS lookups
//!   ▲      blocking threads: reading, meaning, compiling             │
//!   └──────────────────── 250 ms, or a registration ◀────────────────┘
//! ```
//!
//! Files are polled, not watched through the kernel. A poll sees every way of changing a file that
//! matters here (rename-over, a swapped ConfigMap link, network and overlay mounts that send no
//! events) by one rule, and costs a `stat` per file, four times a second.
//!
//! A change is read once two looks in a row agree, so that a writer gets to finish. Since a file can
//! change twice within the resolution of its timestamp, contents are compared for some time after
//! every change, and after the start.

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use mesh_core::{
    Config, Findings, Mesh, Note, NoteKind, Publisher,
    policy::{Cluster, ClusterLoadAssignment},
};
use tokio::{
    sync::watch::Receiver,
    task::{JoinHandle, spawn_blocking},
    time::{Instant, sleep, timeout, timeout_at},
};

use crate::{
    LoadError, Registry,
    dns::{Lookups, Resolve},
    file::{
        load::{self, Read},
        stamps::Stamps,
        translate::Translated,
    },
    registry,
};

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

/// Files that are followed: how they are read, and what they mean. All of it may block.
pub(crate) trait Follow: Send + 'static {
    /// The file, or the directory.
    fn path(&self) -> &Path;

    /// Endpoints inside this process, which the files' services may have.
    fn registry(&self) -> &Registry;

    /// What a `stat` tells of each file.
    fn stamps(&self) -> io::Result<Stamps>;

    /// Reads the files again. `false`: their contents are what they were.
    fn refresh(&mut self, read: Read) -> Result<bool, LoadError>;

    /// What was read means.
    fn translate(&self) -> Result<Translated, LoadError>;
}

/// Takes what a source publishes: a mesh, or a test that looks closer.
pub(crate) trait Publish: Send + Sync + 'static {
    /// Replaces the whole configuration, or changes nothing and says why. What is new to say of it.
    fn publish(&self, config: Config, findings: Findings) -> Result<Vec<Note>, String>;

    /// Replaces one cluster's endpoints.
    fn assign(&self, cluster: &str, assignment: Arc<ClusterLoadAssignment>);

    /// Takes note of an update that did not happen.
    fn reject(&self, error: String);
}

impl Publish for Publisher {
    fn publish(&self, config: Config, findings: Findings) -> Result<Vec<Note>, String> {
        let report = self.publish(config, findings).map_err(|e| e.to_string())?;
        Ok(report.map(|report| report.news).unwrap_or_default())
    }

    fn assign(&self, cluster: &str, assignment: Arc<ClusterLoadAssignment>) {
        self.assign(cluster, assignment);
    }

    fn reject(&self, error: String) {
        self.reject(error);
    }
}

/// A source that is being followed; dropping it ends that.
pub(crate) struct Guard {
    task: JoinHandle<()>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Loads `files` and publishes them into `mesh`, and follows them for as long as it lives.
pub(crate) async fn start(
    files: impl Follow,
    resolver: Arc<dyn Resolve>,
    mesh: &Mesh,
) -> Result<(), LoadError> {
    let name = format!("files in {}", files.path().display());
    let claimed = mesh.publisher(name);
    let publisher = claimed.map_err(|e| load::rejected(files.path(), &e.to_string()))?;
    let guard = follow(files, resolver, Arc::new(publisher)).await?;
    mesh.own(guard);
    Ok(())
}

/// As [`start`], until the returned guard is dropped.
pub(crate) async fn follow(
    files: impl Follow,
    resolver: Arc<dyn Resolve>,
    to: Arc<dyn Publish>,
) -> Result<Guard, LoadError> {
    let assign = to.clone();
    let mut following = Following {
        path: files.path().to_owned(),
        lookups: Lookups::new(
            resolver,
            Arc::new(move |cluster: &str, assignment| assign.assign(cluster, assignment)),
        ),
        to: to.clone(),
    };
    let changed = files.registry().subscribe();
    let files = Files {
        name: files.path().display().to_string(),
        source: Box::new(files),
        to,
        stamps: Ok(Stamps::new()),
        unsure: UNSURE,
        failed: false,
        current: None,
        rejected: None,
        noted: Vec::new(),
        outdated: None,
    };
    let (files, clusters) = following.blocking(files, Files::start).await?;
    let first = following.lookups.follow(&clusters?);
    // Bounded: a name that does not resolve must not keep the service from starting.
    let _ = timeout(FIRST_ANSWERS, async {
        for answer in first {
            let _ = answer.await;
        }
    })
    .await;
    let task = tokio::spawn(following.run(files, changed));
    Ok(Guard { task })
}

/// The clusters of what was published, whose names are to be looked up.
type Clusters = Vec<Arc<Cluster>>;

/// The side that waits.
struct Following {
    path: PathBuf,
    to: Arc<dyn Publish>,
    lookups: Lookups,
}

impl Following {
    async fn run(mut self, mut files: Files, mut changed: Receiver<u64>) {
        let mut next_poll = Instant::now() + POLL;
        loop {
            // However busy the registry is, polls come in time.
            let registered = Instant::now() < next_poll
                && timeout_at(next_poll, changed.changed()).await.is_ok();
            let step = if registered {
                self.blocking(files, Files::registered).await
            } else {
                let polled = self.poll(files).await;
                next_poll = Instant::now() + POLL;
                polled
            };
            let published;
            (files, published) = match step {
                Ok(step) => step,
                Err(error) => {
                    // Only when the runtime shuts down, or a translation panics.
                    tracing::error!(source = %self.path.display(), "is no longer followed:\n{error}");
                    self.to.reject(error.to_string());
                    return;
                }
            };
            if let Some(clusters) = published {
                // New clusters are looked up in the background from here on.
                self.lookups.follow(&clusters);
            }
        }
    }

    async fn poll(&self, files: Files) -> Result<(Files, Option<Clusters>), LoadError> {
        let look = |files: &mut Files| (files.moved(), files.is_unsure());
        let (mut files, (moved, unsure)) = self.blocking(files, look).await?;
        if !moved && !unsure {
            return Ok((files, None));
        }
        let mut moving = moved;
        for _ in 0..MAX_LOOKS {
            if !moving {
                break;
            }
            sleep(SETTLE).await;
            (files, moving) = self.blocking(files, Files::moved).await?;
        }
        // What changed is visible, and is read at once; contents are compared by the next polls.
        let read = if moved { Read::Changed } else { Read::All };
        self.blocking(files, move |files| files.reload(read)).await
    }

    /// Runs blocking work on `files`, which come back.
    async fn blocking<T: Send + 'static>(
        &self,
        mut files: Files,
        work: impl FnOnce(&mut Files) -> T + Send + 'static,
    ) -> Result<(Files, T), LoadError> {
        let done = spawn_blocking(move || {
            let result = work(&mut files);
            (files, result)
        });
        done.await
            .map_err(|e| load::rejected(&self.path, &e.to_string()))
    }
}

/// The side that reads files and publishes, on threads that may block: both take long when there is
/// much.
struct Files {
    name: String,
    source: Box<dyn Follow>,
    to: Arc<dyn Publish>,
    stamps: io::Result<Stamps>,
    unsure: u32,
    /// The last refresh failed, so that what it would have found is not known.
    failed: bool,
    /// What is in force.
    current: Option<Translated>,
    /// The last rejection, which is not repeated.
    rejected: Option<String>,
    /// What was said of registrations last.
    noted: Vec<Note>,
    /// Why registrations may be out of date, as it was said last.
    outdated: Option<String>,
}

impl Files {
    fn start(&mut self) -> Result<Clusters, LoadError> {
        self.noted = self.source.registry().notes();
        self.stamps = self.source.stamps();
        self.source.refresh(Read::All)?;
        let translated = self.source.translate()?;
        self.publish(translated)
            .map_err(|error| load::rejected(self.source.path(), &error))
    }

    /// Whether files look different from when they were read.
    fn moved(&mut self) -> bool {
        let stamps = self.source.stamps();
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

    /// Publishes what files mean now, if their contents have changed.
    fn reload(&mut self, read: Read) -> Option<Clusters> {
        let refreshed = self.source.refresh(read);
        let failed = std::mem::replace(&mut self.failed, refreshed.is_err());
        match refreshed {
            Ok(false) if !failed => None,
            Ok(_) => {
                self.unsure = UNSURE;
                self.update()
            }
            Err(error) => self.reject(&error),
        }
    }

    /// Registrations have changed: usually only endpoints of services that exist already.
    fn registered(&mut self) -> Option<Clusters> {
        let registry = self.source.registry();
        let (services, error) = (registry.services(), registry.error());
        let is_same =
            self.noted == registry.notes() && (error.is_some() || self.outdated.is_none());
        if !is_same || !self.reassign(&services) {
            return self.update();
        }
        self.tell_outdated();
        None
    }

    /// Says why registrations may be out of date, unless the files are wrong themselves. What is said holds
    /// until something is published.
    fn tell_outdated(&mut self) {
        let error = self.source.registry().error();
        if let Some(error) = error.as_ref().filter(|_| self.rejected.is_none())
            && self.outdated.as_ref() != Some(error)
        {
            self.to.reject(error.clone());
        }
        self.outdated = error;
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

    fn update(&mut self) -> Option<Clusters> {
        self.noted = self.source.registry().notes();
        let translated = match self.source.translate() {
            Ok(translated) => translated,
            Err(error) => return self.reject(&error),
        };
        match self.publish(translated) {
            Ok(clusters) => {
                tracing::info!(source = %self.name, "configuration reloaded");
                Some(clusters)
            }
            Err(error) => self.reject(&error),
        }
    }

    fn publish(&mut self, mut translated: Translated) -> Result<Clusters, String> {
        let notes = std::mem::take(&mut translated.notes);
        let routes = std::mem::take(&mut translated.routes);
        let config = translated.config.clone();
        for note in self.to.publish(config, Findings::new(notes, routes))? {
            if note.kind == NoteKind::Warning {
                tracing::warn!(source = %self.name, "{note}");
            } else {
                tracing::debug!(source = %self.name, "{note}");
            }
        }
        let clusters = translated.config.clusters.clone();
        self.current = Some(translated);
        self.rejected = None;
        self.outdated = None;
        self.tell_outdated();
        Ok(clusters)
    }

    fn reject(&mut self, error: &dyn std::fmt::Display) -> Option<Clusters> {
        let error = error.to_string();
        if self.rejected.as_ref() != Some(&error) {
            tracing::error!(source = %self.name, "kept the last good configuration:\n{error}");
            self.to.reject(error.clone());
            self.rejected = Some(error);
        }
        None
    }
}
