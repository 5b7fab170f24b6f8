//! From a catalogue of services, spoken to over real sockets, to requests that arrive.

#![cfg(test)]

mod alone;
mod outages;
mod scale;
mod with_files;

use std::collections::BTreeSet;

use mesh_core::{Mesh, cluster::Health};
use mesh_http::Client;
use mesh_tests::{Catalogue, Server, get, until};
use mesh_xds::CatalogSource;

/// Everything that `url` leads to, by many requests.
async fn reached(client: &Client, url: &str) -> BTreeSet<String> {
    let mut by = BTreeSet::new();
    for _ in 0..32 {
        by.insert(get(client, url, &[]).await.by);
    }
    by
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

/// Waits until the cluster has so many endpoints that take requests.
async fn until_healthy(mesh: &Mesh, cluster: &str, n: usize) {
    until(&format!("{n} endpoints of {cluster}"), || {
        healthy(mesh, cluster) == Some(n)
    })
    .await;
}

fn healthy(mesh: &Mesh, cluster: &str) -> Option<usize> {
    let snapshot = mesh.load();
    let endpoints = snapshot.cluster(cluster)?.endpoints();
    let healthy = endpoints.iter().filter(|e| e.health == Health::Healthy);
    Some(healthy.count())
}

/// A catalogue with service `a` on two servers, and a mesh that follows it.
struct Alone {
    catalogue: Catalogue,
    servers: [Server; 2],
    mesh: Mesh,
    client: Client,
}

impl Alone {
    async fn start(source: impl FnOnce(CatalogSource) -> CatalogSource) -> Self {
        let catalogue = Catalogue::start().await;
        let servers = [Server::start("one").await, Server::start("two").await];
        catalogue.register("a", "a1", servers[0].address, r#""Tags": ["version=v1"]"#);
        catalogue.register("a", "a2", servers[1].address, r#""Tags": ["canary"]"#);
        let mesh = Mesh::new();
        let followed = source(CatalogSource::new(catalogue.url()));
        followed.start(&mesh).await.unwrap();
        let client = Client::new(&mesh);
        Self {
            catalogue,
            servers,
            mesh,
            client,
        }
    }

    async fn of_a() -> Self {
        Self::start(|source| source.with_service("a")).await
    }
}
