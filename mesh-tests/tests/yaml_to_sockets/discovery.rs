//! Endpoints from files and from DNS.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use mesh_tests::{Bed, Server, document, until};
use mesh_xds::dns::{Resolve, ResolveFuture};

/// `ServiceEntry` of `ext.com` on port 80.
fn service_entry(rest: &str) -> String {
    document(
        "ServiceEntry",
        "ext",
        &format!("hosts: [ext.com]\nports: [{{number: 80, name: http, protocol: HTTP}}]\n{rest}"),
    )
}

async fn answers(bed: &Bed) -> BTreeSet<String> {
    let mut answers = BTreeSet::new();
    for _ in 0..40 {
        let reply = bed.get("http://ext.com/").await;
        assert_eq!(reply.outcome(), (200, ""), "{}", reply.text);
        answers.insert(reply.by);
    }
    answers
}

fn both() -> BTreeSet<String> {
    ["one", "two"].map(str::to_owned).into()
}

#[tokio::test]
async fn static_endpoints_with_their_labels() {
    let (one, two) = (Server::start("one").await, Server::start("two").await);
    let bed = Bed::new(1);
    let endpoints = format!(
        "resolution: STATIC\nendpoints:\n\
         - {{address: 127.0.0.1, ports: {{http: {}}}, labels: {{version: v1}}}}\n\
         - {{address: 127.0.0.1, ports: {{http: {}}}, labels: {{version: v2}}}}",
        one.address.port(),
        two.address.port()
    );
    let subsets = document(
        "DestinationRule",
        "ext",
        "host: ext.com\nsubsets: [{name: v2, labels: {version: v2}}]",
    );
    bed.start(&(service_entry(&endpoints) + &subsets)).await;
    assert_eq!(answers(&bed).await, both());
    let pinned = mesh_tests::virtual_service(
        "ext.com",
        "- route: [{destination: {host: ext.com, subset: v2}}]",
    );
    bed.dir.write("pin.yaml", &pinned);
    until("the edit shows", || bed.mesh.status().version == 2).await;
    assert_eq!(answers(&bed).await, ["two".to_owned()].into());
}

#[tokio::test]
async fn workload_entries_by_selector() {
    let servers = [
        Server::start("one").await,
        Server::start("two").await,
        Server::start("other").await,
    ];
    let bed = Bed::new(1);
    let mut yaml = service_entry("resolution: STATIC\nworkloadSelector: {labels: {app: ext}}");
    for (server, app) in servers.iter().zip(["ext", "ext", "other"]) {
        let port = server.address.port();
        yaml += &document(
            "WorkloadEntry",
            &format!("w{port}"),
            &format!("address: 127.0.0.1\nports: {{http: {port}}}\nlabels: {{app: {app}}}"),
        );
    }
    bed.start(&yaml).await;
    assert_eq!(answers(&bed).await, both());
}

/// Answers 127.0.0.1 as often as it is told to, and fails from then on.
#[derive(Clone, Debug)]
struct Script {
    good: usize,
    lookups: Arc<AtomicUsize>,
}

impl Resolve for Script {
    fn resolve<'a>(&'a self, host: &'a str) -> ResolveFuture<'a> {
        assert_eq!(host, "ext.com");
        let failed = self.lookups.fetch_add(1, Ordering::SeqCst) >= self.good;
        Box::pin(async move {
            match failed {
                false => Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]),
                true => Err(io::ErrorKind::NotFound.into()),
            }
        })
    }
}

/// The real refresh is waited for: five seconds.
#[tokio::test]
async fn a_dns_failure_keeps_the_hosts_there_were() {
    let server = Server::start("one").await;
    let bed = Bed::new(1);
    let port = server.address.port();
    bed.dir.write(
        "mesh.yaml",
        &service_entry("resolution: DNS")
            .replace("number: 80", &format!("number: 80, targetPort: {port}")),
    );
    let lookups = Arc::new(AtomicUsize::new(0));
    let script = Script {
        good: 1,
        lookups: lookups.clone(),
    };
    let source = bed.source().with_resolver(script);
    source.start(&bed.mesh).await.unwrap();
    assert_eq!(bed.get("http://ext.com/").await.by, "one");
    until("a lookup has failed", || {
        lookups.load(Ordering::SeqCst) >= 2
    })
    .await;
    // The task that looks up may still be on its way from the failure to what it makes of it.
    for _ in 0..20 {
        assert_eq!(bed.get("http://ext.com/").await.by, "one");
    }
}
