//! More services than connections.

use std::time::Duration;

use mesh_core::Mesh;
use mesh_http::Client;
use mesh_tests::{Catalogue, Server, get, until};
use mesh_xds::CatalogSource;
use tokio::time::{sleep, timeout};

use super::{Alone, healthy, until_healthy};

const SERVICES: usize = 2000;

#[tokio::test]
async fn thousands_of_services_share_few_connections() {
    let catalogue = Catalogue::start().await;
    let server = Server::start("one").await;
    for i in 0..SERVICES {
        catalogue.register(&format!("s{i}"), "1", server.address, "");
    }
    let mesh = Mesh::new();
    let source = CatalogSource::new(catalogue.url()).with_all_services();
    let source = source.with_start_timeout(Duration::from_secs(120));
    source.with_connections(16).start(&mesh).await.unwrap();
    assert_eq!(mesh.load().clusters().len(), SERVICES);
    let all = (0..SERVICES).all(|i| healthy(&mesh, &format!("s{i}")) == Some(1));
    assert!(all);
    assert!(catalogue.most_connections() <= 16);

    let client = Client::new(&mesh);
    assert_eq!(get(&client, "http://s1999/", &[]).await.by, "one");
    // A change waits for its turn, and is for one cluster.
    let version = mesh.status().version;
    let two = Server::start("two").await;
    catalogue.register("s1234", "1", two.address, "");
    let changed = async {
        while get(&client, "http://s1234/", &[]).await.by != "two" {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(120), changed).await.unwrap();
    assert_eq!(mesh.status().version, version);
    assert!(catalogue.most_connections() <= 16);
    assert_eq!(mesh.status().last_error, None);
}

#[tokio::test]
async fn one_service_more_than_connections_is_asked_about_at_once() {
    let alone = Alone::start(|source| source.with_all_services().with_connections(2)).await;
    until("both wait", || alone.catalogue.blocked() == 2).await;
    let b = Server::start("b").await;
    alone.catalogue.register("b", "b1", b.address, "");
    until_healthy(&alone.mesh, "b", 1).await;
    assert_eq!(get(&alone.client, "http://b/", &[]).await.by, "b");
    assert!(alone.catalogue.most_connections() <= 3);
}
