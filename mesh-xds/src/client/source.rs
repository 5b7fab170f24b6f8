//! xDS as a source: what users start, and the handle that they get.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use mesh_core::{
    AlreadyPublished, Mesh, Note, NoteKind,
    policy::{Name, Origin},
};
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};

use super::{
    Protocol,
    cascade::{Scope, Targets},
    connect::KeepAlive,
    consumer::{Consumer, Progress},
    driver::{Command, Settings},
    on_demand,
    shared::{self, Share, SharedShare},
    status::XdsStatus,
};
use crate::{
    bootstrap::{Bootstrap, TargetError},
    dns::{Resolve, SystemResolver},
};

/// How long [`XdsSource::start`] waits: a little more than a resource may take.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// Control planes that publish into a mesh.
///
/// ```no_run
/// use mesh_core::Mesh;
/// use mesh_xds::{XdsSource, bootstrap::Bootstrap};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mesh = Mesh::new();
/// let xds = XdsSource::new(Bootstrap::from_env().await?)
///     .with_target("reviews.prod.svc.cluster.local:9080")
///     .start(&mesh)
///     .await?;
/// for resource in xds.status().await.resources {
///     println!("{resource}");
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct XdsSource {
    bootstrap: Arc<Bootstrap>,
    protocol: Protocol,
    everything: bool,
    targets: Vec<String>,
    on_demand: Option<Duration>,
    cache: Option<PathBuf>,
    keep_alive: KeepAlive,
    start_timeout: Duration,
    resolver: Arc<dyn Resolve>,
}

/// Why a source did not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XdsError {
    /// A target that no listener can be asked for.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The mesh has a source.
    #[error(transparent)]
    Claimed(#[from] AlreadyPublished),
    /// No control plane can be reached.
    #[error("{0}")]
    Unreachable(String),
    /// Not everything came in time.
    #[error("not received within {} s: {}", after.as_secs(), waiting.join(", "))]
    Incomplete {
        /// How long was waited.
        after: Duration,
        /// What is missing.
        waiting: Vec<String>,
    },
    /// Everything is asked for already.
    #[error("the source follows everything, so that neither targets nor demand have a meaning")]
    Everything,
    /// The runtime that the client ran in has ended.
    #[error("the xDS client has ended with its runtime")]
    Ended,
}

impl XdsSource {
    /// Follows the control planes of `bootstrap`. Without [`targets`](Self::with_target), and unless
    /// [everything](Self::with_everything) is asked for, nothing is subscribed.
    pub fn new(bootstrap: Bootstrap) -> Self {
        Self {
            bootstrap: Arc::new(bootstrap),
            protocol: Protocol::Sotw,
            everything: false,
            targets: Vec::new(),
            on_demand: None,
            cache: None,
            keep_alive: KeepAlive::default(),
            start_timeout: START_TIMEOUT,
            resolver: Arc::new(SystemResolver),
        }
    }

    /// Subscribes what leads to `target`: `host:port`, `xds:///host:port` or
    /// `xds://authority/host:port`, as gRPC does it.
    #[must_use]
    pub fn with_target(mut self, target: impl Into<String>) -> Self {
        self.targets.push(target.into());
        self
    }

    /// Subscribes every listener and every cluster, as Envoy does it. Targets then have no meaning.
    #[must_use]
    pub const fn with_everything(mut self) -> Self {
        self.everything = true;
        self
    }

    /// Subscribes, beside the targets, what is called: a request to a host that nothing is known of asks
    /// for its listener as if it were a target, and waits for it up to `within`; then it fails with 404
    /// (NR) and says what was missing. Requests to known hosts pay nothing for this. Without targets,
    /// nothing is subscribed before the first call, and [`start`](Self::start) waits for nothing.
    ///
    /// What was called stays subscribed: up to 10,000 targets.
    #[must_use]
    pub const fn with_on_demand(mut self, within: Duration) -> Self {
        self.on_demand = Some(within);
        self
    }

    /// Keeps the last good resources in this file, whose directory must exist, so that a process can
    /// start while no control plane can be reached: what was saved is in use from the moment when all
    /// have failed, or none has answered for 5 s, until one does. A file that cannot be used, or is of
    /// other control planes, is a problem that [`Xds::status`] tells, and no more. Default: no file.
    #[must_use]
    pub fn with_cache(mut self, file: impl Into<PathBuf>) -> Self {
        self.cache = Some(file.into());
        self
    }

    /// Speaks the other protocol. Default: state of the world.
    #[must_use]
    pub const fn with_protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// When a silent connection is given up.
    #[must_use]
    pub const fn with_keep_alive(mut self, keep_alive: KeepAlive) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// How long [`start`](Self::start) waits. Default 20 s.
    #[must_use]
    pub const fn with_start_timeout(mut self, timeout: Duration) -> Self {
        self.start_timeout = timeout;
        self
    }

    /// How DNS clusters are looked up. Default: as the system does it.
    #[must_use]
    pub fn with_resolver(mut self, resolver: impl Resolve) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// Publishes into `mesh` from now on, for as long as the mesh or the handle lives. Sources of
    /// equal bootstraps and protocols share one client and its streams.
    ///
    /// Waits until everything asked for was published or is known not to exist. Later trouble
    /// changes nothing that is in force: [`Mesh::status`] and [`Xds::status`] have it.
    ///
    /// # Errors
    /// When another source publishes into the mesh, no control plane can be reached, or something does not come, in time. Nothing is followed
    /// then; see [`start_in_background`](Self::start_in_background).
    pub async fn start(self, mesh: &Mesh) -> Result<Xds, XdsError> {
        let wait = self.start_timeout;
        let xds = self.launch(mesh)?;
        xds.ready(wait).await?;
        mesh.own(xds.clone());
        Ok(xds)
    }

    /// As [`start`](Self::start), without waiting for anything.
    ///
    /// # Errors
    /// When a target has no meaning, or another source publishes into the mesh.
    pub fn start_in_background(self, mesh: &Mesh) -> Result<Xds, XdsError> {
        let xds = self.launch(mesh)?;
        mesh.own(xds.clone());
        Ok(xds)
    }

    fn launch(self, mesh: &Mesh) -> Result<Xds, XdsError> {
        let scope = match self.everything {
            true if !self.targets.is_empty() || self.on_demand.is_some() => {
                return Err(XdsError::Everything);
            }
            true => Scope::All,
            false => {
                let mut targets = Targets::default();
                for target in &self.targets {
                    let (listener, host) = self.bootstrap.client_listener(target)?;
                    targets.add(listener.into(), host.into());
                }
                Scope::Targets(targets)
            }
        };
        let servers = self.bootstrap.servers.iter();
        let servers: Vec<_> = servers.map(|server| server.uri.to_string()).collect();
        let publisher = mesh.publisher(format!("xDS from {}", servers.join(", ")))?;
        let publisher = Arc::new(publisher);
        let notes = self.bootstrap.ignored().iter().map(|ignored| {
            let field = format!("bootstrap.{}", ignored.field);
            Note::new(NoteKind::Ignored, Origin::Code, field, ignored.why)
        });
        let (sender, progress) = watch::channel(Progress::default());
        let consumer = Consumer::new(
            scope,
            publisher.clone(),
            notes.collect(),
            self.resolver,
            sender,
        );
        let share = Share {
            id: shared::number(),
            publisher,
            client: shared::client(Settings {
                bootstrap: self.bootstrap.clone(),
                protocol: self.protocol,
                wildcard: self.everything,
                keep_alive: self.keep_alive,
                cache: self.cache,
            }),
        };
        share.send(Command::Add(share.id, Box::new(consumer)));
        let share = Arc::new(share);
        if let Some(within) = self.on_demand {
            share.publisher.answer(on_demand::Targets {
                share: Arc::downgrade(&share),
                bootstrap: self.bootstrap.clone(),
                within,
                progress: progress.clone(),
            });
        }
        Ok(Xds {
            share,
            bootstrap: self.bootstrap,
            everything: self.everything,
            progress,
        })
    }
}

/// A source that has started. Clones share it.
#[derive(Clone)]
pub struct Xds {
    share: SharedShare,
    bootstrap: Arc<Bootstrap>,
    everything: bool,
    progress: watch::Receiver<Progress>,
}

impl Xds {
    /// Waits until everything asked for was published or is known not to exist.
    ///
    /// # Errors
    /// When that is not so in time.
    pub async fn ready(&self, within: Duration) -> Result<(), XdsError> {
        self.complete_after(0, within).await
    }

    /// Subscribes what leads to `target`, until the returned guard is dropped, and waits until it was
    /// published or is known not to exist.
    ///
    /// # Errors
    /// When the target has no meaning, or that is not so in time. It is not subscribed then.
    pub async fn subscribe(
        &self,
        target: &str,
        within: Duration,
    ) -> Result<Subscription, XdsError> {
        if self.everything {
            return Err(XdsError::Everything);
        }
        let (listener, host) = self.bootstrap.client_listener(target)?;
        let (listener, host): (Name, Name) = (listener.into(), host.into());
        let id = self.share.id;
        let (reply, noted) = oneshot::channel();
        self.share
            .send(Command::Subscribe(id, listener.clone(), host, reply));
        let share = self.share.clone();
        let subscription = Subscription { share, listener };
        // A look that was due for something else may come before the client has heard of this.
        let looks = match timeout(within, noted).await {
            Ok(Ok(looks)) => looks,
            Ok(Err(_)) => return Err(XdsError::Ended),
            Err(_) => return Err(self.incomplete(within)),
        };
        self.complete_after(looks + 1, within).await?;
        Ok(subscription)
    }

    async fn complete_after(&self, looks: u64, within: Duration) -> Result<(), XdsError> {
        let mut progress = self.progress.clone();
        let is_complete = |p: &Progress| p.complete && p.looks >= looks;
        match timeout(within, progress.wait_for(is_complete)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(XdsError::Ended),
            Err(_) => Err(self.incomplete(within)),
        }
    }

    fn incomplete(&self, after: Duration) -> XdsError {
        let progress = self.progress.borrow();
        match &progress.unreachable {
            Some(error) => XdsError::Unreachable(error.clone()),
            None => XdsError::Incomplete {
                after,
                waiting: progress.waiting.clone(),
            },
        }
    }

    /// What the client knows. Empty when its runtime has ended.
    pub async fn status(&self) -> XdsStatus {
        let (reply, status) = oneshot::channel();
        self.share.send(Command::Status(self.share.id, reply));
        status.await.unwrap_or(XdsStatus {
            servers: Vec::new(),
            resources: Vec::new(),
            waiting: Vec::new(),
            problems: vec![XdsError::Ended.to_string()],
        })
    }

    /// The bootstrap, whose ignored fields operators may want to see.
    pub fn bootstrap(&self) -> &Bootstrap {
        &self.bootstrap
    }
}

impl fmt::Debug for Xds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Xds")
            .field("id", &self.share.id)
            .finish_non_exhaustive()
    }
}

/// A target that is subscribed; dropping it ends that.
#[derive(Debug)]
pub struct Subscription {
    share: SharedShare,
    listener: Name,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let command = Command::Unsubscribe(self.share.id, self.listener.clone());
        self.share.send(command);
    }
}
