//! Requests under way while the configuration changes under them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use mesh_tests::{Bed, Reply, Server, document, virtual_service, within};
use tokio::{
    task::JoinSet,
    time::{Instant, interval},
};

const TASKS: usize = 64;
const TIME: Duration = Duration::from_secs(2);
const EVERY: Duration = Duration::from_millis(20);

/// 64 tasks that send until they are stopped, and count.
struct Load {
    tasks: JoinSet<Vec<Reply>>,
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
}

impl Load {
    fn start(bed: &Bed) -> Self {
        let (stop, sent) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let mut tasks = JoinSet::new();
        for _ in 0..TASKS {
            let (client, stop, sent) = (bed.client.clone(), stop.clone(), sent.clone());
            tasks.spawn(async move {
                let mut failed = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let reply = Reply::of(client.get("http://a/").send().await).await;
                    sent.fetch_add(1, Ordering::Relaxed);
                    if reply.outcome() != (200, "") {
                        failed.push(reply);
                    }
                }
                failed
            });
        }
        Self { tasks, stop, sent }
    }

    async fn end_without_failure(self) {
        self.stop.store(true, Ordering::Relaxed);
        let failed: Vec<_> = within(self.tasks.join_all())
            .await
            .into_iter()
            .flatten()
            .collect();
        let sent = self.sent.load(Ordering::Relaxed);
        println!("{sent} requests");
        assert!(
            failed.is_empty(),
            "{} of {sent} failed: {:?}",
            failed.len(),
            failed[0]
        );
        assert!(sent >= TASKS, "{sent}");
    }
}

async fn versions() -> (Bed, [Server; 2]) {
    let servers = [Server::start("v1").await, Server::start("v2").await];
    let mut bed = Bed::new(1);
    bed.add("a", 80, "v1", servers[0].address);
    bed.add("a", 80, "v2", servers[1].address);
    (bed, servers)
}

/// Every part of the policy changes from one to the next: weights, subsets, pool limits (which make
/// fresh endpoints), balancer, outlier detection.
fn yaml(n: u32) -> String {
    let (balancer, time) =
        [("RANDOM", 5), ("ROUND_ROBIN", 6), ("LEAST_REQUEST", 7)][n as usize % 3];
    document(
        "DestinationRule",
        "a",
        &format!(
            "host: a\ntrafficPolicy:\n  loadBalancer: {{simple: {balancer}}}\n  connectionPool: \
             {{tcp: {{connectTimeout: {time}s}}}}\n  outlierDetection: {{consecutive5xxErrors: \
             {time}}}\nsubsets:\n- {{name: s{n}, labels: {{version: v1}}}}\n\
             - {{name: other, labels: {{version: v2}}}}"
        ),
    ) + &virtual_service(
        "a",
        &format!(
            "- route:\n  - {{destination: {{host: a, subset: s{n}}}, weight: {}}}\n  \
             - {{destination: {{host: a, subset: other}}, weight: {}}}",
            n % 100,
            100 - n % 100
        ),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_the_yaml_is_rewritten() {
    let (bed, servers) = versions().await;
    // A followed directory is read a few times a second; here every rewrite is published, so that as
    // many swaps meet the requests as there are rewrites.
    let source = bed.source();
    bed.publish(&source, &yaml(1));
    let load = Load::start(&bed);
    let (mut tick, began, mut n) = (interval(EVERY), Instant::now(), 1);
    while began.elapsed() < TIME {
        tick.tick().await;
        n += 1;
        bed.publish(&source, &yaml(n));
    }
    load.end_without_failure().await;
    let version = bed.mesh.status().version;
    assert!(version > 20, "{version} versions");
    assert!(servers.iter().all(|server| server.hits() > 0));
    assert_eq!(bed.mesh.status().last_error, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_endpoints_come_and_go() {
    let (bed, servers) = versions().await;
    bed.start("").await;
    let coming = [Server::start("v3").await, Server::start("v4").await];
    let load = Load::start(&bed);
    let (mut tick, began, mut n) = (interval(EVERY), Instant::now(), 0);
    let mut registered = [None, None];
    while began.elapsed() < TIME {
        tick.tick().await;
        let at = n % 2;
        registered[at] = match registered[at].take() {
            Some(registration) => {
                drop(registration);
                None
            }
            None => Some(
                bed.registry
                    .register("a", 80, coming[at].address, Default::default()),
            ),
        };
        n += 1;
    }
    load.end_without_failure().await;
    for server in servers.iter().chain(&coming) {
        assert!(server.hits() > 0);
    }
    // One change after the other was told to the mesh, without a new configuration.
    assert_eq!(bed.mesh.status().version, 1);
}
