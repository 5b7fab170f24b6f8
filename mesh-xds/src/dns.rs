//! Endpoints by DNS: one task per cluster looks its names up again and again.
//!
//! Envoy's rules: a lookup that fails keeps the endpoints it had; one that succeeds with nothing
//! removes them (STRICT_DNS) or keeps them (LOGICAL_DNS).

use std::{
    collections::HashMap,
    fmt, future, io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use mesh_core::{
    mix,
    policy::{Cluster, ClusterLoadAssignment, Discovery, DnsTarget, Endpoint, Name},
};
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{sleep, timeout},
};

/// Envoy's `dns_refresh_rate`.
const REFRESH: Duration = Duration::from_secs(5);

/// Up to this much is added, so that the lookups of many processes and clusters spread out.
const JITTER: Duration = Duration::from_millis(500);

/// A lookup that takes longer has failed.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// A future of a [`Resolve`].
pub type ResolveFuture<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Looks up names.
pub trait Resolve: fmt::Debug + Send + Sync + 'static {
    /// All addresses of `host`.
    fn resolve<'a>(&'a self, host: &'a str) -> ResolveFuture<'a>;
}

/// The system's resolver (`getaddrinfo`).
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> ResolveFuture<'a> {
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((host, 0)).await?;
            Ok(addresses.map(|a| a.ip()).collect())
        })
    }
}

/// Takes the endpoints of a cluster.
pub(crate) type Assign = Arc<dyn Fn(&str, Arc<ClusterLoadAssignment>) + Send + Sync>;

/// The lookups of all DNS clusters of a configuration; dropping it ends them.
pub(crate) struct Lookups {
    resolver: Arc<dyn Resolve>,
    tasks: HashMap<Name, Lookup>,
    answers: Arc<Answers>,
}

struct Lookup {
    discovery: Discovery,
    task: JoinHandle<()>,
}

impl Drop for Lookup {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The latest endpoints of each cluster. Its lock is held while they are handed on, so that a
/// replay never puts older endpoints over newer ones.
struct Answers {
    assign: Assign,
    latest: Mutex<HashMap<Name, Arc<ClusterLoadAssignment>>>,
}

impl Answers {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Name, Arc<ClusterLoadAssignment>>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, cluster: &Name, assignment: ClusterLoadAssignment) {
        let mut latest = self.lock();
        if latest.get(cluster).is_some_and(|old| **old == assignment) {
            return;
        }
        let assignment = Arc::new(assignment);
        latest.insert(cluster.clone(), assignment.clone());
        (self.assign)(cluster, assignment);
    }
}

impl Lookups {
    pub(crate) fn new(resolver: Arc<dyn Resolve>, assign: Assign) -> Self {
        let latest = Mutex::default();
        Self {
            resolver,
            tasks: HashMap::new(),
            answers: Arc::new(Answers { assign, latest }),
        }
    }

    /// Looks up what `clusters` need from now on, and nothing else; a cluster whose targets stay
    /// keeps its task. Hands on again what is known, for a publish may have reset it. The receivers
    /// end when the first lookups of new clusters have.
    pub(crate) fn follow(&mut self, clusters: &[Arc<Cluster>]) -> Vec<oneshot::Receiver<()>> {
        let wanted: HashMap<&Name, &Discovery> = clusters
            .iter()
            .filter(|c| c.discovery != Discovery::Assigned)
            .map(|c| (&c.name, &c.discovery))
            .collect();
        self.tasks
            .retain(|name, lookup| wanted.get(name) == Some(&&lookup.discovery));
        {
            let mut latest = self.answers.lock();
            latest.retain(|name, _| self.tasks.contains_key(name));
            for (name, assignment) in latest.iter() {
                (self.answers.assign)(name, assignment.clone());
            }
        }
        let mut first = Vec::new();
        for (name, discovery) in wanted {
            if self.tasks.contains_key(name) {
                continue;
            }
            let (done, ended) = oneshot::channel();
            first.push(ended);
            let task = tokio::spawn(run(
                name.clone(),
                discovery.clone(),
                self.resolver.clone(),
                self.answers.clone(),
                done,
            ));
            let discovery = discovery.clone();
            self.tasks.insert(name.clone(), Lookup { discovery, task });
        }
        first
    }
}

async fn run(
    cluster: Name,
    discovery: Discovery,
    resolver: Arc<dyn Resolve>,
    answers: Arc<Answers>,
    first: oneshot::Sender<()>,
) {
    let (targets, logical) = match &discovery {
        Discovery::StrictDns { targets } => (&targets[..], false),
        Discovery::LogicalDns { target } => (std::slice::from_ref(target), true),
        _ => return,
    };
    let mut first = Some(first);
    // The latest answer of each target; `None` until there is one.
    let mut known: Vec<Option<Vec<IpAddr>>> = vec![None; targets.len()];
    for round in 0_u64.. {
        for (target, known) in targets.iter().zip(&mut known) {
            match lookup(&*resolver, target).await {
                Ok(addresses) if logical && addresses.is_empty() => {}
                Ok(addresses) => *known = Some(addresses),
                Err(error) => {
                    tracing::warn!(%cluster, host = %target.hostname, %error, "DNS lookup failed");
                }
            }
        }
        if known.iter().any(Option::is_some) {
            answers.put(&cluster, assignment(targets, &known, logical));
        }
        if let Some(first) = first.take() {
            // Nobody may be waiting.
            let _ = first.send(());
        }
        sleep(REFRESH + jitter(&cluster, round)).await;
    }
    future::pending().await
}

async fn lookup(resolver: &dyn Resolve, target: &DnsTarget) -> io::Result<Vec<IpAddr>> {
    if let Ok(ip) = target.hostname.parse() {
        return Ok(vec![ip]);
    }
    match timeout(LOOKUP_TIMEOUT, resolver.resolve(&target.hostname)).await {
        Ok(answer) => answer,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Different for each cluster and round, and the same every time.
fn jitter(cluster: &str, round: u64) -> Duration {
    let seed = cluster
        .bytes()
        .fold(round, |hash, byte| mix(hash ^ u64::from(byte)));
    JITTER.mul_f64((seed >> 11) as f64 / (1_u64 << 53) as f64)
}

fn assignment(
    targets: &[DnsTarget],
    known: &[Option<Vec<IpAddr>>],
    logical: bool,
) -> ClusterLoadAssignment {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for (target, addresses) in targets.iter().zip(known) {
        let addresses = addresses.iter().flatten();
        let used = if logical { 1 } else { usize::MAX };
        let mut addresses: Vec<_> = addresses.take(used).collect();
        // Servers rotate their answers; the order of endpoints should not follow.
        addresses.sort();
        for ip in addresses {
            let address = SocketAddr::new(*ip, target.port).into();
            // Two names for one address are one host.
            if endpoints.iter().any(|e| e.address == address) {
                continue;
            }
            let mut endpoint = Endpoint::new(address)
                .with_metadata(target.metadata.clone())
                .with_weight(target.weight);
            endpoint.hostname = target.hostname.clone();
            endpoints.push(endpoint);
        }
    }
    endpoints.into_iter().collect()
}
