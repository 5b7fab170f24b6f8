//! The meeting point: sources publish into a [`Mesh`], clients and servers read from it.

use std::{
    any::Any,
    cell::RefCell,
    collections::HashSet,
    fmt,
    ops::Deref,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::watch;

use crate::{
    AlreadyPublished, Asked, Config, ConfigError, Findings, Note, OnDemand, PublishError,
    Publisher, RouteStatus, dangling::DanglingRoute, policy::ClusterLoadAssignment,
    sharded::thread_index, snapshot::Snapshot,
};

/// A mesh as one process sees it. A handle: clones share everything.
///
/// ```
/// use mesh_core::{Config, Mesh, policy::*};
///
/// let mesh = Mesh::new();
/// let report = mesh.publish(
///     Config::default()
///         .routing(RouteConfiguration::new(
///             "all",
///             vec![VirtualHost::new(
///                 ["reviews"],
///                 vec![Route::split(RouteMatch::any(), [("reviews-v1", 90), ("reviews-v2", 10)])?],
///             )],
///         ))
///         .cluster(Cluster::new("reviews-v1"), [Endpoint::new("127.0.0.1:9081".parse::<Address>()?)])
///         .cluster(Cluster::new("reviews-v2"), [Endpoint::new("127.0.0.1:9082".parse::<Address>()?)]),
/// )?;
/// assert!(report.dangling.is_empty());
/// assert_eq!(mesh.load().clusters().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Mesh(Arc<Inner>);

/// A [`Mesh`] that a task may hold without keeping it alive. Whatever a mesh owns
/// ([`Mesh::own`]) must hold it only so.
#[derive(Clone, Debug)]
pub struct WeakMesh(Weak<Inner>);

struct Inner {
    /// Its own, in this process.
    id: u64,
    /// Of the snapshot that the shards hold; written after them.
    version: AtomicU64,
    shards: [Shard; SHARDS],
    writer: Mutex<Writer>,
    changed: watch::Sender<u64>,
    /// Counts the changes of single clusters' endpoints.
    assigned: watch::Sender<u64>,
    /// Written by the holder of the claim.
    on_demand: ArcSwapOption<Box<dyn OnDemand>>,
}

struct Writer {
    current: Arc<Snapshot>,
    config: Config,
    last_error: Option<String>,
    findings: Findings,
    /// The source that alone may publish, and a number that tells its claim from others.
    claimed: Option<(u64, Arc<str>)>,
    claims: u64,
    owned: Vec<Box<dyn Any + Send + Sync>>,
}

/// One request's view: a [`Snapshot`] that stays as it is for as long as this is held.
///
/// Taking and dropping one writes only to memory of the current thread's shard, so cores do not
/// wait for each other.
#[derive(Clone, Debug)]
pub struct SnapshotRef(Arc<Shared>);

/// What a successful publish is worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublishReport {
    /// The new snapshot's version; unchanged when the config was the same as the last.
    pub version: u64,
    /// Routes that lead nowhere.
    pub dangling: Vec<DanglingRoute>,
    /// What is now said of the configuration and was not said of the one before.
    pub news: Vec<Note>,
}

/// The state of a mesh's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// How many configs were applied; 0 means none yet.
    pub version: u64,
    /// Why the latest update was not applied; `None` once one was.
    pub last_error: Option<String>,
    /// The source that publishes into it, if one does.
    pub source: Option<Arc<str>>,
    /// Routes of what is in force that lead nowhere.
    pub dangling: Vec<DanglingRoute>,
    /// What of the configuration in force does not do what its author may expect; of bounded size
    /// ([`Findings::bounded`]).
    pub notes: Vec<Note>,
    /// What became of each Gateway API route of the configuration in force.
    pub routes: Vec<RouteStatus>,
}

impl Mesh {
    /// A mesh that knows nothing yet: every request is answered 404 (NR).
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let current = Arc::new(Snapshot::empty());
        Self(Arc::new(Inner {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            version: AtomicU64::new(current.version()),
            shards: std::array::from_fn(|_| Shard::new(current.clone())),
            writer: Mutex::new(Writer {
                current,
                config: Config::default(),
                last_error: None,
                findings: Findings::default(),
                claimed: None,
                claims: 0,
                owned: Vec::new(),
            }),
            changed: watch::Sender::new(0),
            assigned: watch::Sender::new(0),
            on_demand: ArcSwapOption::empty(),
        }))
    }

    /// Replaces the whole configuration, atomically. An equal one changes nothing.
    ///
    /// This is for programs that make their configuration themselves. A source that follows something
    /// takes a [`publisher`](Self::publisher).
    ///
    /// # Errors
    /// When the config is not consistent; the last good one then stays in force, and
    /// [`status`](Self::status) tells. When a source publishes into this mesh already.
    pub fn publish(&self, config: Config) -> Result<PublishReport, PublishError> {
        let writer = self.writer();
        if let Some((_, source_name)) = writer.claimed.clone() {
            return Err(PublishError(vec![ConfigError::Claimed { source_name }]));
        }
        self.replace(writer, config, Findings::default())
    }

    /// Claims this mesh for one source, which alone publishes into it until it drops what it is given.
    /// `source` tells people which one it is (`files in mesh/`).
    ///
    /// # Errors
    /// When a source has it already: two would overwrite each other.
    pub fn publisher(&self, source: impl Into<Arc<str>>) -> Result<Publisher, AlreadyPublished> {
        let mut writer = self.writer();
        match &writer.claimed {
            Some((_, by)) => Err(AlreadyPublished { by: by.clone() }),
            None => {
                let source = source.into();
                writer.claims += 1;
                let claim = writer.claims;
                writer.claimed = Some((claim, source.clone()));
                Ok(Publisher::new(self.downgrade(), claim, source))
            }
        }
    }

    /// Ends a claim, if it has not ended.
    pub(crate) fn release(&self, claim: u64) {
        if let Some(mut writer) = self.claimed_by(claim) {
            writer.claimed = None;
            self.0.on_demand.store(None);
        }
    }

    /// Answers requests that no listener takes, for the one who may.
    pub(crate) fn answer(&self, claim: u64, source: Box<dyn OnDemand>) {
        if self.claimed_by(claim).is_some() {
            self.0.on_demand.store(Some(Arc::new(source)));
        }
    }

    /// As [`publish`](Self::publish), for the one who may; `None` when its claim has ended.
    pub(crate) fn publish_all(
        &self,
        claim: u64,
        config: Config,
        findings: Findings,
    ) -> Option<Result<PublishReport, PublishError>> {
        let writer = self.claimed_by(claim)?;
        Some(self.replace(writer, config, findings))
    }

    /// As [`assign`](Self::assign), for the one who may.
    pub(crate) fn assign_claimed(
        &self,
        claim: u64,
        cluster: &str,
        assignment: Arc<ClusterLoadAssignment>,
    ) -> bool {
        let writer = self.claimed_by(claim);
        writer.is_some_and(|writer| self.reassign(writer, cluster, assignment))
    }

    /// Notes that an update was not applied, for [`status`](Self::status), for the one who may.
    pub(crate) fn reject_claimed(&self, claim: u64, error: String) {
        if let Some(mut writer) = self.claimed_by(claim) {
            writer.last_error = Some(error);
        }
    }

    fn claimed_by(&self, claim: u64) -> Option<MutexGuard<'_, Writer>> {
        let writer = self.writer();
        let is_its = writer.claimed.as_ref().is_some_and(|(c, _)| *c == claim);
        is_its.then_some(writer)
    }

    fn replace(
        &self,
        mut writer: MutexGuard<'_, Writer>,
        config: Config,
        findings: Findings,
    ) -> Result<PublishReport, PublishError> {
        if writer.current.version() == 0 || writer.config != config {
            let next = match Snapshot::try_new(&config, &writer.current) {
                Ok(next) => Arc::new(next),
                Err(error) => {
                    writer.last_error = Some(error.to_string());
                    return Err(error);
                }
            };
            next.assign_all(&config);
            for shard in &self.0.shards {
                shard.0.store(Arc::new(Shared(next.clone())));
            }
            self.0.version.store(next.version(), Ordering::Release);
            writer.current = next;
            writer.config = config;
            self.0.changed.send_replace(writer.current.version());
        }
        writer.last_error = None;
        let before = std::mem::replace(&mut writer.findings, findings);
        if before != writer.findings {
            self.0.changed.send_replace(writer.current.version());
        }
        let before: HashSet<&Note> = before.notes.iter().collect();
        let notes = writer.findings.notes.iter();
        Ok(PublishReport {
            version: writer.current.version(),
            dangling: writer.current.dangling().to_vec(),
            news: notes.filter(|n| !before.contains(n)).cloned().collect(),
        })
    }

    /// Replaces the endpoints of one cluster; costs work in that cluster only. `false` when there
    /// is no such cluster, nothing changed, or a source publishes into this mesh, whose endpoints are its
    /// own.
    pub fn assign(&self, cluster: &str, assignment: Arc<ClusterLoadAssignment>) -> bool {
        let writer = self.writer();
        writer.claimed.is_none() && self.reassign(writer, cluster, assignment)
    }

    /// What the configuration's state is.
    pub fn status(&self) -> Status {
        let writer = self.writer();
        Status {
            version: writer.current.version(),
            last_error: writer.last_error.clone(),
            source: writer.claimed.as_ref().map(|(_, source)| source.clone()),
            dangling: writer.current.dangling().to_vec(),
            notes: writer.findings.notes.clone(),
            routes: writer.findings.routes.clone(),
        }
    }

    /// The current view, for one request.
    #[inline]
    pub fn load(&self) -> SnapshotRef {
        // Threads on their way out no longer have it.
        let last = LAST.try_with(|last| last.borrow().upgrade(&self.0));
        last.ok().flatten().unwrap_or_else(|| self.load_anew())
    }

    #[cold]
    fn load_anew(&self) -> SnapshotRef {
        // Read first, so that what is loaded is at least as new.
        let version = self.0.version.load(Ordering::Acquire);
        let snapshot = self.0.shards[thread_index() % SHARDS].0.load_full();
        let last = Last {
            mesh: self.0.id,
            version,
            snapshot: Arc::downgrade(&snapshot),
        };
        let _ = LAST.try_with(|known| *known.borrow_mut() = last);
        SnapshotRef(snapshot)
    }

    /// Asks the source for what takes requests to `authority` that dial `port`: for a request that no
    /// listener takes. `None` when there is no source that can be asked.
    pub fn ask(&self, authority: &str, port: u16) -> Option<Asked> {
        let source = self.0.on_demand.load();
        Some(source.as_ref()?.ask(authority, port))
    }

    /// Hears of every applied config, by version, and when something else is said of it
    /// ([`Status::notes`], [`Status::routes`]).
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// Hears whenever the endpoints of one cluster alone were replaced ([`assign`](Self::assign)), which
    /// makes no new version; the number counts such changes.
    pub fn subscribe_endpoints(&self) -> watch::Receiver<u64> {
        self.0.assigned.subscribe()
    }

    /// Keeps `guard` (a watcher's, a resolver's) until the last handle of this mesh is dropped.
    pub fn own(&self, guard: impl Any + Send + Sync) {
        self.writer().owned.push(Box::new(guard));
    }

    /// A handle that does not keep the mesh alive.
    pub fn downgrade(&self) -> WeakMesh {
        WeakMesh(Arc::downgrade(&self.0))
    }

    fn reassign(
        &self,
        mut writer: MutexGuard<'_, Writer>,
        cluster: &str,
        assignment: Arc<ClusterLoadAssignment>,
    ) -> bool {
        let Some(found) = writer.current.cluster(cluster).cloned() else {
            return false;
        };
        // A config with the endpoints from before differs from what is in force now, and is applied.
        if let Some(known) = writer.config.assignments.get_mut(cluster) {
            *known = assignment.clone();
        }
        let changed = found.assign(assignment);
        if changed {
            self.0.assigned.send_modify(|count| *count += 1);
        }
        changed
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // A writer that panicked has not swapped anything: what is there is the last good state.
        self.0.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Mesh {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Mesh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mesh")
            .field("version", &self.load().version())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inner")
    }
}

impl WeakMesh {
    /// The mesh, if somebody still holds it.
    pub fn upgrade(&self) -> Option<Mesh> {
        self.0.upgrade().map(Mesh)
    }
}

impl Deref for SnapshotRef {
    type Target = Snapshot;

    #[inline]
    fn deref(&self) -> &Snapshot {
        &self.0.0
    }
}

/// The snapshot that the shards share: one `Arc` counts the shards, and each shard's own `Arc` of
/// this the requests there.
#[derive(Debug)]
struct Shared(Arc<Snapshot>);

/// The snapshot that a thread loaded last: while it is current, loading it again is one count. Held
/// weakly, so that an idle thread keeps no old snapshot, nor its connections.
struct Last {
    mesh: u64,
    version: u64,
    snapshot: Weak<Shared>,
}

thread_local!(static LAST: RefCell<Last> = const {
    RefCell::new(Last {
        mesh: u64::MAX,
        version: 0,
        snapshot: Weak::new(),
    })
});

impl Last {
    #[inline]
    fn upgrade(&self, mesh: &Inner) -> Option<SnapshotRef> {
        let current = self.mesh == mesh.id && self.version == mesh.version.load(Ordering::Acquire);
        current
            .then(|| self.snapshot.upgrade().map(SnapshotRef))
            .flatten()
    }
}

/// Threads share a shard only past this many of them.
const SHARDS: usize = 16;

/// A reference count of its own, on a cache line of its own (128 bytes: pairs of lines are fetched
/// together).
#[repr(align(128))]
struct Shard(ArcSwap<Shared>);

impl Shard {
    fn new(snapshot: Arc<Snapshot>) -> Self {
        Self(ArcSwap::from_pointee(Shared(snapshot)))
    }
}
