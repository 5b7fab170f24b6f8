//! Endpoints by DNS: one task per cluster looks its names up again and again.
//!
//! Envoy's rules: a lookup that fails keeps the endpoints it had; one that succeeds with nothing
//! removes them (STRICT_DNS) or keeps them (LOGICAL_DNS).

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt, future, io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use mesh_core::{
    mix,
    policy::{
        Cluster, ClusterLoadAssignment, Discovery, DnsTarget, Endpoint, Locality,
        LocalityEndpoints, Name,
    },
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
            .filter(|c| {
                let discovery = &c.discovery;
                matches!(
                    discovery,
                    Discovery::StrictDns { .. } | Discovery::LogicalDns { .. }
                )
            })
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
    let mut localities: BTreeMap<(u32, &Locality), Vec<Endpoint>> = BTreeMap::new();
    let mut seen = HashSet::new();
    for (target, addresses) in targets.iter().zip(known) {
        let addresses = addresses.iter().flatten();
        let used = if logical { 1 } else { usize::MAX };
        let mut addresses: Vec<_> = addresses.take(used).collect();
        // Servers rotate their answers; the order of endpoints should not follow.
        addresses.sort();
        for ip in addresses {
            let address = SocketAddr::new(*ip, target.port);
            // Two names for one address are one host of a priority.
            if !seen.insert((target.priority, address)) {
                continue;
            }
            let mut endpoint = Endpoint::new(address)
                .with_metadata(target.metadata.clone())
                .with_weight(target.weight);
            endpoint.hostname = target.hostname.clone();
            let place = (target.priority, &target.locality);
            localities.entry(place).or_default().push(endpoint);
        }
    }
    let localities = localities.into_iter();
    let localities = localities.map(|((priority, locality), endpoints)| LocalityEndpoints {
        locality: locality.clone(),
        priority,
        endpoints,
        ..LocalityEndpoints::default()
    });
    ClusterLoadAssignment {
        localities: localities.collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::Instant;

    use super::*;

    /// What a lookup of the script does.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Answer(&'static [u8]),
        Fail,
        Hang,
    }

    /// Answers lookups in order; the last step repeats.
    #[derive(Clone, Debug)]
    struct Script {
        steps: &'static [Step],
        lookups: Arc<AtomicUsize>,
    }

    impl Resolve for Script {
        fn resolve<'a>(&'a self, _: &'a str) -> ResolveFuture<'a> {
            let n = self.lookups.fetch_add(1, Ordering::SeqCst);
            let step = self.steps[n.min(self.steps.len() - 1)];
            Box::pin(async move {
                match step {
                    Step::Answer(last) => Ok(last.iter().map(|n| [10, 0, 0, *n].into()).collect()),
                    Step::Fail => Err(io::ErrorKind::NotFound.into()),
                    Step::Hang => future::pending().await,
                }
            })
        }
    }

    type Assigned = Arc<Mutex<Vec<(Duration, String, Vec<String>)>>>;

    struct Scripted {
        lookups: Lookups,
        assigned: Assigned,
        count: Arc<AtomicUsize>,
    }

    fn scripted(steps: &'static [Step]) -> Scripted {
        let count = Arc::new(AtomicUsize::new(0));
        let script = Script {
            steps,
            lookups: count.clone(),
        };
        let assigned = Assigned::default();
        let (into, start) = (assigned.clone(), Instant::now());
        let assign: Assign = Arc::new(move |cluster: &str, assignment| {
            let addresses = assignment.endpoints().map(|e| e.address.to_string());
            let assigned = (start.elapsed(), cluster.to_owned(), addresses.collect());
            into.lock().unwrap().push(assigned);
        });
        Scripted {
            lookups: Lookups::new(Arc::new(script), assign),
            assigned,
            count,
        }
    }

    fn cluster(name: &str, discovery: Discovery) -> Arc<Cluster> {
        let mut cluster = Cluster::new(name);
        cluster.discovery = discovery;
        Arc::new(cluster)
    }

    fn target(hostname: &str) -> DnsTarget {
        DnsTarget::new(hostname, 80)
    }

    fn strict(names: &[&str]) -> Discovery {
        Discovery::StrictDns {
            targets: names.iter().map(|n| target(n)).collect(),
        }
    }

    /// The endpoints after each change.
    fn history(scripted: &Scripted) -> Vec<Vec<String>> {
        let assigned = scripted.assigned.lock().unwrap();
        assigned.iter().map(|(_, _, e)| e.clone()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn failures_keep_and_empty_answers_remove() {
        let mut s = scripted(&[
            Step::Answer(&[2, 1]),
            Step::Fail,
            Step::Answer(&[1, 2]),
            Step::Hang,
            Step::Answer(&[]),
            Step::Answer(&[3]),
        ]);
        s.lookups.follow(&[cluster("c", strict(&["a.com"]))]);
        sleep(Duration::from_secs(60)).await;
        let expected: Vec<Vec<String>> = vec![
            vec!["10.0.0.1:80".into(), "10.0.0.2:80".into()],
            vec![],
            vec!["10.0.0.3:80".into()],
        ];
        assert_eq!(history(&s), expected);
        // Six lookups to there, one of them ended by its own bound.
        let at = s.assigned.lock().unwrap()[2].0;
        assert!(
            at > Duration::from_secs(30) && at < Duration::from_secs(33),
            "{at:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_logical_host_is_the_first_address_and_survives_an_empty_answer() {
        let mut s = scripted(&[
            Step::Answer(&[2, 1]),
            Step::Answer(&[]),
            Step::Answer(&[1, 2]),
        ]);
        let discovery = Discovery::LogicalDns {
            target: target("a.com"),
        };
        s.lookups.follow(&[cluster("c", discovery)]);
        sleep(Duration::from_secs(20)).await;
        let expected: Vec<Vec<String>> =
            vec![vec!["10.0.0.2:80".into()], vec!["10.0.0.1:80".into()]];
        assert_eq!(history(&s), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_need_no_lookup_and_names_may_share_one() {
        let mut s = scripted(&[Step::Answer(&[1])]);
        let names = ["10.0.0.9", "a.com", "b.com"];
        let first = s.lookups.follow(&[cluster("c", strict(&names))]);
        for answer in first {
            answer.await.unwrap();
        }
        assert_eq!(
            history(&s),
            [["10.0.0.9:80", "10.0.0.1:80"].map(str::to_owned).to_vec()]
        );
        assert_eq!(s.count.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cluster_that_stays_keeps_its_task_and_is_handed_on_again() {
        let mut s = scripted(&[Step::Answer(&[1])]);
        let (c, d) = (
            cluster("c", strict(&["a.com"])),
            cluster("d", strict(&["b.com"])),
        );
        s.lookups.follow(&[c.clone(), d]);
        sleep(Duration::from_secs(1)).await;
        assert_eq!((history(&s).len(), s.count.load(Ordering::SeqCst)), (2, 2));
        assert!(
            s.lookups
                .follow(&[c, cluster("plain", Discovery::Assigned)])
                .is_empty()
        );
        assert_eq!(s.assigned.lock().unwrap()[2].1, "c");
        // Only `c` is looked up from here on.
        sleep(Duration::from_secs(6)).await;
        assert_eq!(s.count.load(Ordering::SeqCst), 3);
        drop(s.lookups);
        sleep(Duration::from_secs(60)).await;
        assert_eq!(s.count.load(Ordering::SeqCst), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn endpoints_keep_the_locality_and_priority_of_their_name() {
        let latest: Arc<Mutex<Option<Arc<ClusterLoadAssignment>>>> = Arc::default();
        let into = latest.clone();
        let assign: Assign = Arc::new(move |_: &str, assignment| {
            *into.lock().unwrap() = Some(assignment);
        });
        let mut lookups = Lookups::new(Arc::new(SystemResolver), assign);
        let at = |hostname: &str, region: &str, priority| DnsTarget {
            locality: Locality {
                region: region.into(),
                ..Locality::default()
            },
            priority,
            ..target(hostname)
        };
        let targets = vec![
            at("10.0.0.1", "far", 1),
            at("10.0.0.2", "near", 0),
            at("10.0.0.3", "far", 1),
            // The same host again, where it is a host of another priority.
            at("10.0.0.1", "near", 0),
        ];
        let first = lookups.follow(&[cluster("c", Discovery::StrictDns { targets })]);
        for answer in first {
            answer.await.unwrap();
        }
        let assignment = latest.lock().unwrap().clone().unwrap();
        let seen = assignment.localities.iter().map(|l| {
            let addresses = l.endpoints.iter().map(|e| e.address.to_string());
            let addresses: Vec<_> = addresses.collect();
            (
                l.priority,
                l.locality.region.to_string(),
                addresses.join(" "),
            )
        });
        assert_eq!(
            seen.collect::<Vec<_>>(),
            [
                (0, "near".to_owned(), "10.0.0.2:80 10.0.0.1:80".to_owned()),
                (1, "far".to_owned(), "10.0.0.1:80 10.0.0.3:80".to_owned()),
            ]
        );
    }

    #[tokio::test]
    async fn the_system_knows_localhost() {
        let addresses = SystemResolver.resolve("localhost").await.unwrap();
        assert!(addresses.iter().all(IpAddr::is_loopback) && !addresses.is_empty());
    }
}
