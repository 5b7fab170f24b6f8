//! A catalogue of services over HTTP, as Consul has one: services and their instances, with tags, weights
//! and checks, kept up to date by blocking queries.
//!
//! ```text
//!  GET /v1/catalog/services ─────┐              ┌─▶ Mesh: a cluster and a virtual host each (start)
//!  GET /v1/health/service/NAME ──┴─▶ instances ─┤
//!      ?index=N&wait=…   live                   └─▶ Registry ─▶ files' rules and subsets  (feed)
//! ```
//!
//! - `query` and `outage` are the rules of asking, without I/O; `api` asks one question.
//! - `instance` and `listing` are what answers mean.
//! - `watch` follows all of it: one task and, for what it waits for, connections.
//! - `sink`, `config` and `feed` hand it on.

mod api;
mod config;
mod error;
mod feed;
mod fetch;
mod instance;
mod listing;
mod outage;
mod query;
mod sink;
mod watch;

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use http::HeaderValue;
use mesh_core::{
    Mesh, Publisher,
    policy::{Cluster, Name, VirtualHost},
};
use tokio::{sync, task::JoinHandle, time::timeout};

use self::{
    api::Api,
    config::{Each, Naming},
    feed::RegistrySink,
    sink::{MeshSink, Sink},
    watch::{Progress, Settings, Watch},
};
pub use self::{error::CatalogError, feed::Feed};
use crate::Registry;

/// How long [`CatalogSource::start`] waits.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// Consul's default and bound of a blocking query.
const WAIT: Duration = Duration::from_secs(300);
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Of the 200 connections that Consul lets a client have (`http_max_conns_per_client`).
const CONNECTIONS: usize = 64;

/// A catalogue of services that speaks Consul's HTTP API.
///
/// ```no_run
/// use mesh_core::Mesh;
/// use mesh_xds::catalog::CatalogSource;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mesh = Mesh::new();
/// CatalogSource::new("http://127.0.0.1:8500").with_service("reviews").start(&mesh).await?;
/// // From here on a client of the mesh finds http://reviews/, wherever its instances go.
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct CatalogSource {
    address: String,
    token: Option<String>,
    datacenter: Option<String>,
    services: BTreeSet<Name>,
    everything: bool,
    wait: Duration,
    connections: usize,
    only_passing: bool,
    domain: String,
    tag_hosts: bool,
    each: Option<Each>,
    start_timeout: Duration,
}

impl CatalogSource {
    /// The catalogue at `address` (`http://host:port`, with a path before `/v1` if need be), usually the
    /// local agent. Without [services](Self::with_service), and unless
    /// [all](Self::with_all_services) are asked for, there is nothing to follow.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            token: None,
            datacenter: None,
            services: BTreeSet::new(),
            everything: false,
            wait: WAIT,
            connections: CONNECTIONS,
            only_passing: false,
            domain: "consul".to_owned(),
            tag_hosts: false,
            each: None,
            start_timeout: START_TIMEOUT,
        }
    }

    /// Follows this service, and goes on when it has no instances: it is answered 503 then.
    #[must_use]
    pub fn with_service(mut self, name: impl Into<Name>) -> Self {
        self.services.insert(name.into());
        self
    }

    /// Follows every service that the catalogue lists, for as long as it lists it.
    #[must_use]
    pub const fn with_all_services(mut self) -> Self {
        self.everything = true;
        self
    }

    /// The ACL token that questions carry. Default: none.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Asks about this datacenter. Default: that of the agent.
    #[must_use]
    pub fn with_datacenter(mut self, datacenter: impl Into<String>) -> Self {
        self.datacenter = Some(datacenter.into());
        self
    }

    /// How long a question waits at the catalogue for a change, from 1 s to 10 min. Default 5 min.
    #[must_use]
    pub fn with_wait(mut self, wait: Duration) -> Self {
        self.wait = wait.clamp(Duration::from_secs(1), LONGEST_WAIT);
        self
    }

    /// How many connections there are at most, and so how many changes can be waited for at once; at least
    /// one. With more services than that they take turns, and a change shows within some 15 s. Default 64.
    #[must_use]
    pub const fn with_connections(mut self, connections: usize) -> Self {
        self.connections = if connections == 0 { 1 } else { connections };
        self
    }

    /// Instances with a check that warns get no requests. Default: they do, with their weight for it.
    #[must_use]
    pub const fn with_only_passing(mut self) -> Self {
        self.only_passing = true;
        self
    }

    /// Consul's DNS domain, which hosts may end with. Default `consul`. Read by [`start`](Self::start)
    /// alone.
    #[must_use]
    pub fn with_domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = domain.into();
        self
    }

    /// `TAG.NAME.service.consul` is the instances of `NAME` with that tag, as in Consul's DNS. Default: it
    /// is not, since each tag of each service costs a cluster. Read by [`start`](Self::start) alone.
    #[must_use]
    pub const fn with_tag_hosts(mut self) -> Self {
        self.tag_hosts = true;
        self
    }

    /// Changes what is made of each service: its timeouts and retries, its balancing, its limits. Called
    /// anew for every configuration. Read by [`start`](Self::start) alone; where files say such things,
    /// [`feed`](Self::feed) them.
    #[must_use]
    pub fn with_each(
        mut self,
        change: impl Fn(&mut Cluster, &mut VirtualHost) + Send + Sync + 'static,
    ) -> Self {
        self.each = Some(Arc::new(change));
        self
    }

    /// How long [`start`](Self::start) waits. Default 10 s.
    #[must_use]
    pub const fn with_start_timeout(mut self, timeout: Duration) -> Self {
        self.start_timeout = timeout;
        self
    }

    /// Makes of every service a cluster and a virtual host of `mesh`, for as long as that lives: requests to
    /// `NAME`, `NAME.service.consul`, and `NAME.service.DC.consul` when a
    /// [datacenter](Self::with_datacenter) was named, on any port, go to its instances.
    ///
    /// Waits until everything that is followed is known. Later trouble changes nothing that is in force:
    /// [`Mesh::status`] tells what is wrong, until it is not any more.
    ///
    /// # Errors
    /// What is wrong with the settings; when another source publishes into the mesh; when something is not
    /// known in time. Nothing is followed then; see [`start_in_background`](Self::start_in_background).
    pub async fn start(self, mesh: &Mesh) -> Result<(), CatalogError> {
        let within = self.start_timeout;
        let (task, progress) = self.launch(mesh)?;
        ready(progress, within).await?;
        mesh.own(task);
        Ok(())
    }

    /// As [`start`](Self::start), without waiting for anything.
    ///
    /// # Errors
    /// What is wrong with the settings; when another source publishes into the mesh.
    pub fn start_in_background(self, mesh: &Mesh) -> Result<(), CatalogError> {
        let (task, _) = self.launch(mesh)?;
        mesh.own(task);
        Ok(())
    }

    fn launch(self, mesh: &Mesh) -> Result<Launched, CatalogError> {
        let settings = self.settings()?;
        let publisher = mesh.publisher(settings.api.name())?;
        let publisher = Arc::new(publisher);
        let sink = MeshSink {
            publisher: publisher.clone(),
            naming: Arc::new(Naming {
                domain: self.domain.to_ascii_lowercase(),
                datacenter: self.datacenter.map(|dc| dc.to_ascii_lowercase()),
                tag_hosts: self.tag_hosts,
                each: self.each,
            }),
        };
        let (mut task, progress) = follow(settings, sink);
        task.publisher = Some(publisher);
        Ok((task, progress))
    }

    /// Registers every service's instances in `registry`, under the host and port that `key` gives for its
    /// name, until the feed is dropped: the rules of the files that the registry belongs to route over
    /// them, their subsets by labels. `|name| (name.to_owned(), 80)` is `http://NAME/` in the client's own
    /// namespace, and `NAME` in its rules.
    ///
    /// What is wrong is told by the status of the mesh that the files are published into.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn feed(
        self,
        registry: &Registry,
        key: impl Fn(&str) -> (String, u16) + Send + 'static,
    ) -> Result<Feed, CatalogError> {
        let mut settings = self.settings()?;
        settings.tag_hosts = false;
        let sink = RegistrySink {
            registry: registry.clone(),
            source: settings.api.name().into(),
            key: Box::new(key),
            services: Default::default(),
        };
        let (task, progress) = follow(settings, sink);
        Ok(Feed {
            _task: task,
            progress,
        })
    }

    fn settings(&self) -> Result<Settings, CatalogError> {
        let mut api = Api::new(&self.address)?;
        api.datacenter.clone_from(&self.datacenter);
        if let Some(token) = &self.token {
            let mut token = HeaderValue::from_str(token).map_err(|_| CatalogError::Token)?;
            token.set_sensitive(true);
            api.token = Some(token);
        }
        if self.services.is_empty() && !self.everything {
            return Err(CatalogError::Nothing);
        }
        for name in &self.services {
            listing::check(name).map_err(|why| CatalogError::Service {
                name: name.clone(),
                why,
            })?;
        }
        Ok(Settings {
            api,
            wanted: self.services.clone(),
            everything: self.everything,
            wait: self.wait,
            connections: self.connections,
            only_passing: self.only_passing,
            tag_hosts: self.tag_hosts,
        })
    }
}

impl fmt::Debug for CatalogSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the token.
        f.debug_struct("CatalogSource")
            .field("address", &self.address)
            .field("datacenter", &self.datacenter)
            .field("services", &self.services)
            .field("everything", &self.everything)
            .finish_non_exhaustive()
    }
}

/// What follows a catalogue; dropping it ends that.
struct Task {
    task: JoinHandle<()>,
    publisher: Option<Arc<Publisher>>,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.task.abort();
        // It ends a little later; the mesh is free at once.
        if let Some(publisher) = &self.publisher {
            publisher.release();
        }
    }
}

type Launched = (Task, sync::watch::Receiver<Progress>);

fn follow(settings: Settings, sink: impl Sink) -> Launched {
    let (sender, progress) = sync::watch::channel(Progress::default());
    let watch = Watch::new(settings, sink, sender);
    let task = Task {
        task: tokio::spawn(watch.run()),
        publisher: None,
    };
    (task, progress)
}

async fn ready(
    mut progress: sync::watch::Receiver<Progress>,
    within: Duration,
) -> Result<(), CatalogError> {
    let waited = timeout(within, progress.wait_for(|p| p.is_complete)).await;
    match waited.map(|waited| waited.map(|_| ())) {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(_)) => return Err(CatalogError::Ended),
        Err(_) => {}
    }
    let error = progress.borrow().error.clone();
    Err(CatalogError::Incomplete {
        after: within,
        why: error.unwrap_or_else(|| "it does not answer".to_owned()),
    })
}
