//! A catalogue's endpoints under Istio's rules.

use std::time::Duration;

use mesh_tests::{Bed, Catalogue, Fault, Server, document, get, until, virtual_service};
use mesh_xds::{CatalogSource, catalog::Feed};

use super::{names, reached};

const CLUSTER: &str = "outbound|80||reviews.default.svc.cluster.local";

/// Users of Jason's name to v2, all others to v1.
fn rules() -> String {
    let subsets = "host: reviews\nsubsets:\n- {name: v1, labels: {version: v1}}\n\
                   - {name: v2, labels: {version: v2}}\n";
    let routes = "- match: [{headers: {end-user: {exact: jason}}}]\n  \
                  route: [{destination: {host: reviews, subset: v2}}]\n\
                  - route: [{destination: {host: reviews, subset: v1}}]\n";
    document("DestinationRule", "reviews", subsets) + &virtual_service("reviews", routes)
}

struct Fed {
    bed: Bed,
    catalogue: Catalogue,
    servers: [Server; 2],
    feed: Feed,
}

async fn fed() -> Fed {
    let catalogue = Catalogue::start().await;
    let servers = [Server::start("one").await, Server::start("two").await];
    for (server, version) in servers.iter().zip(["v1", "v2"]) {
        let tags = format!(r#""Tags": ["version={version}"]"#);
        catalogue.register("reviews", version, server.address, &tags);
    }
    let bed = Bed::new(1);
    let source = CatalogSource::new(catalogue.url()).with_all_services();
    let feed = source.feed(&bed.registry, |name| (name.to_owned(), 80));
    let feed = feed.unwrap();
    feed.ready(Duration::from_secs(20)).await.unwrap();
    bed.start(&rules()).await;
    Fed {
        bed,
        catalogue,
        servers,
        feed,
    }
}

async fn until_endpoints(bed: &Bed, cluster: &str, n: usize) {
    until(&format!("{n} endpoints of {cluster}"), || {
        let snapshot = bed.mesh.load();
        snapshot.cluster(cluster).map(|c| c.endpoints().len()) == Some(n)
    })
    .await;
}

#[tokio::test]
async fn istios_rules_route_over_the_catalogues_instances() {
    let fed = fed().await;
    let (bed, catalogue) = (&fed.bed, &fed.catalogue);
    assert_eq!(
        reached(&bed.client, "http://reviews/").await,
        names(["one"])
    );
    let jason = [("end-user", "jason")];
    let reply = get(&bed.client, "http://reviews/", &jason).await;
    assert_eq!(reply.by, "two");

    // Tags move an instance between subsets: endpoints of the one service, no new configuration.
    let version = bed.mesh.status().version;
    let two = fed.servers[1].address;
    catalogue.register("reviews", "v2", two, r#""Meta": {"version": "v1"}"#);
    let v1 = "outbound|80|v1|reviews.default.svc.cluster.local";
    until_endpoints(bed, v1, 2).await;
    assert_eq!(
        reached(&bed.client, "http://reviews/").await,
        names(["one", "two"])
    );
    let reply = get(&bed.client, "http://reviews/", &jason).await;
    assert_eq!(reply.outcome(), (503, "UH"));
    // What is down is not there at all: the rule's cluster could panic.
    catalogue.register_checked("reviews", "v2", two, "", "critical");
    until_endpoints(bed, CLUSTER, 1).await;
    assert_eq!(bed.mesh.status().version, version);

    // A service more is a configuration more.
    let b = Server::start("b").await;
    catalogue.register("b", "b1", b.address, "");
    until_endpoints(bed, "outbound|80||b.default.svc.cluster.local", 1).await;
    assert_eq!(bed.get("http://b/").await.by, "b");
    catalogue.deregister("b", "b1");
    until("b is gone", || {
        let snapshot = bed.mesh.load();
        snapshot
            .cluster("outbound|80||b.default.svc.cluster.local")
            .is_none()
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_feed_is_told_by_the_files_mesh() {
    let fed = fed().await;
    let (bed, catalogue) = (&fed.bed, &fed.catalogue);
    let error = || bed.mesh.status().last_error.unwrap_or_default();
    catalogue.fault(Some(Fault::Status(500, "No cluster leader")));
    until("an error", || {
        error().contains("answered 500: No cluster leader")
    })
    .await;
    // An edit takes effect all the same, and the error is not forgotten.
    let version = bed.mesh.status().version;
    bed.dir.write(
        "mesh.yaml",
        &virtual_service("reviews", "- route: [{destination: {host: reviews}}]\n"),
    );
    until("an edit", || bed.mesh.status().version > version).await;
    until("the error still", || error().contains("No cluster leader")).await;
    // One that cannot be loaded is told first.
    bed.dir.write("mesh.yaml", "kind: Nonsense\n");
    until("a broken edit", || {
        !error().contains("leader") && !error().is_empty()
    })
    .await;
    bed.dir.write("mesh.yaml", &rules());
    until("the error again", || error().contains("No cluster leader")).await;
    assert_eq!(
        reached(&bed.client, "http://reviews/").await,
        names(["one"])
    );
    catalogue.fault(None);
    until("no error", || error().is_empty()).await;

    // Notes are told as well.
    let local = r#""Address": "reviews.example.com""#;
    catalogue.register("reviews", "v3", fed.servers[0].address, local);
    until("a note", || bed.mesh.status().notes.len() == 1).await;
    let note = bed.mesh.status().notes[0].to_string();
    assert!(
        note.contains("`reviews`: instance `v3` has the address"),
        "{note}"
    );

    drop(fed.feed);
    until("the service is gone", || bed.mesh.status().notes.is_empty()).await;
    let reply = bed.get("http://reviews/").await;
    assert_eq!(reply.status, 503);
}
