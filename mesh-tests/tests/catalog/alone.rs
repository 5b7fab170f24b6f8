//! A catalogue by itself: names that can be called, and how they follow what is registered.

use std::time::Duration;

use mesh_core::{Mesh, policy::LbPolicy};
use mesh_http::Client;
use mesh_tests::{Catalogue, Server, get, until};
use mesh_xds::{CatalogSource, catalog::CatalogError};

use super::{Alone, names, reached, until_healthy};

#[tokio::test]
async fn a_catalogues_services_are_called_by_name() {
    let alone = Alone::start(|source| source.with_service("a").with_datacenter("dc1")).await;
    for url in [
        "http://a/",
        "http://A.service.consul:8080/",
        "http://a.service.dc1.consul/",
    ] {
        assert_eq!(reached(&alone.client, url).await, names(["one", "two"]));
    }
    for url in ["http://b/", "http://canary.a.service.consul/"] {
        let reply = get(&alone.client, url, &[]).await;
        assert_eq!(reply.outcome(), (404, "NR"), "{url}");
    }
    let status = alone.mesh.status();
    assert_eq!((status.last_error, status.notes), (None, Vec::new()));
    let source = status.source.unwrap();
    assert_eq!(
        *source,
        format!("the catalogue at {}", alone.catalogue.url())
    );
}

#[tokio::test]
async fn instances_come_and_go_within_their_cluster() {
    let alone = Alone::of_a().await;
    let (catalogue, mesh) = (&alone.catalogue, &alone.mesh);
    let version = mesh.status().version;
    let three = Server::start("three").await;
    catalogue.register("a", "a3", three.address, "");
    until_healthy(mesh, "a", 3).await;
    catalogue.deregister("a", "a1");
    until_healthy(mesh, "a", 2).await;
    assert_eq!(
        reached(&alone.client, "http://a/").await,
        names(["three", "two"])
    );
    catalogue.deregister("a", "a2");
    catalogue.deregister("a", "a3");
    until_healthy(mesh, "a", 0).await;
    // One that was asked for by name exists without instances.
    assert_eq!(
        get(&alone.client, "http://a/", &[]).await.outcome(),
        (503, "UH")
    );
    catalogue.register("a", "a1", alone.servers[0].address, "");
    until_healthy(mesh, "a", 1).await;
    assert_eq!(get(&alone.client, "http://a/", &[]).await.by, "one");
    // Nothing but the one cluster's endpoints was touched.
    assert_eq!(mesh.status().version, version);
}

#[tokio::test]
async fn checks_take_instances_out_and_weights_share() {
    let alone = Alone::of_a().await;
    let (catalogue, mesh) = (&alone.catalogue, &alone.mesh);
    let first = alone.servers[0].address;
    // All others are down: Envoy's default would send requests to those as well.
    catalogue.register_checked("a", "a1", first, "", "critical");
    until_healthy(mesh, "a", 1).await;
    assert_eq!(reached(&alone.client, "http://a/").await, names(["two"]));
    catalogue.register_checked("a", "a2", alone.servers[1].address, "", "critical");
    until_healthy(mesh, "a", 0).await;
    assert_eq!(
        get(&alone.client, "http://a/", &[]).await.outcome(),
        (503, "UH")
    );
    // A warning counts with its own weight.
    let weights = r#""Weights": {"Passing": 9, "Warning": 0}"#;
    catalogue.register("a", "a1", first, weights);
    until_healthy(mesh, "a", 1).await;
    let endpoint = |mesh: &Mesh| {
        let endpoints = mesh.load().cluster("a").unwrap().endpoints();
        let address = first.into();
        endpoints
            .into_iter()
            .find(|e| e.address == address)
            .unwrap()
    };
    assert_eq!(endpoint(mesh).weight, 9);
    catalogue.register_checked("a", "a1", first, weights, "warning");
    until_healthy(mesh, "a", 0).await;
}

#[tokio::test]
async fn all_services_are_followed_as_they_are_listed() {
    let alone = Alone::start(CatalogSource::with_all_services).await;
    let (catalogue, client) = (&alone.catalogue, &alone.client);
    let b = Server::start("b").await;
    catalogue.register("b", "b1", b.address, "");
    until_healthy(&alone.mesh, "b", 1).await;
    assert_eq!(get(client, "http://b/", &[]).await.by, "b");
    catalogue.deregister("b", "b1");
    until("b is gone", || alone.mesh.load().cluster("b").is_none()).await;
    assert_eq!(get(client, "http://b/", &[]).await.outcome(), (404, "NR"));
    assert_eq!(reached(client, "http://a/").await, names(["one", "two"]));
    // What cannot be called is told.
    catalogue.register("no host", "c1", b.address, "");
    catalogue.register("A", "c2", b.address, "");
    until("notes", || alone.mesh.status().notes.len() == 2).await;
    let notes = alone.mesh.status().notes;
    let notes: Vec<_> = notes.iter().map(ToString::to_string).collect();
    assert!(
        notes[0].contains("service `a` has the name of another"),
        "{notes:?}"
    );
    assert!(
        notes[1].contains("service `no host` is no host name"),
        "{notes:?}"
    );
}

#[tokio::test]
async fn tags_are_hosts_when_asked_for() {
    let alone = Alone::start(|source| source.with_service("a").with_tag_hosts()).await;
    let client = &alone.client;
    let canary = "http://canary.a.service.consul/";
    assert_eq!(reached(client, canary).await, names(["two"]));
    assert_eq!(reached(client, "http://a/").await, names(["one", "two"]));
    let one = alone.servers[0].address;
    alone
        .catalogue
        .register("a", "a1", one, r#""Tags": ["canary", "blue"]"#);
    until_healthy(&alone.mesh, "a|blue", 1).await;
    assert_eq!(reached(client, canary).await, names(["one", "two"]));
    assert_eq!(
        reached(client, "http://blue.a.service.consul/").await,
        names(["one"])
    );
}

#[tokio::test]
async fn every_cluster_is_as_the_program_wants_it() {
    let alone = Alone::start(|source| {
        source.with_service("a").with_each(|cluster, host| {
            cluster.lb_policy = LbPolicy::RoundRobin;
            host.include_request_attempt_count = true;
        })
    })
    .await;
    let mut by = Vec::new();
    for _ in 0..4 {
        by.push(get(&alone.client, "http://a/", &[]).await.by);
    }
    assert_eq!(by[..2], by[2..]);
    assert_ne!(by[0], by[1]);
    assert_eq!(alone.servers[0].last().header("x-envoy-attempt-count"), "1");
}

#[tokio::test]
async fn questions_carry_token_and_datacenter() {
    let source = |source: CatalogSource| {
        let source = source.with_service("a").with_token("secret");
        source
            .with_datacenter("dc 2")
            .with_wait(Duration::from_secs(60))
    };
    let alone = Alone::start(source).await;
    until("it waits", || alone.catalogue.blocked() == 1).await;
    let asked = alone.catalogue.asked();
    let expected = [
        "/v1/health/service/a?dc=dc%202",
        "/v1/health/service/a?dc=dc%202&index=102&wait=60000ms",
    ];
    assert_eq!(asked.len(), 2);
    for ((uri, token), expected) in asked.iter().zip(expected) {
        assert_eq!((&**uri, &**token), (expected, "secret"));
    }
    let debug = format!("{:?}", source(CatalogSource::new("http://a")));
    assert!(!debug.contains("secret"), "{debug}");
}

#[tokio::test]
async fn it_claims_its_mesh_and_stops_with_it() {
    let alone = Alone::start(CatalogSource::with_all_services).await;
    let second = CatalogSource::new(alone.catalogue.url()).with_service("a");
    let error = second.start(&alone.mesh).await.unwrap_err();
    assert!(matches!(error, CatalogError::Claimed(_)), "{error}");
    until("it waits", || alone.catalogue.blocked() == 2).await;
    let Alone {
        catalogue,
        mesh,
        client,
        ..
    } = alone;
    drop((mesh, client));
    until("it has ended", || catalogue.connections() == 0).await;
}

#[tokio::test]
async fn what_is_wrong_with_the_settings_is_told() {
    let mesh = Mesh::new();
    let start = |source: CatalogSource| source.start_in_background(&mesh).unwrap_err();
    let at = CatalogSource::new;
    let url = "http://127.0.0.1:1";
    assert_eq!(start(at(url)), CatalogError::Nothing);
    let token = at(url).with_service("a").with_token("a\nb");
    assert_eq!(start(token), CatalogError::Token);
    let service = start(at(url).with_service("a b"));
    assert_eq!(
        service.to_string(),
        "the catalogue's service `a b` is no host name"
    );
    let address = start(at("https://c").with_service("a"));
    assert!(matches!(address, CatalogError::Address { .. }), "{address}");
    // Nothing of that has claimed it.
    assert_eq!(mesh.status().source, None);
}

#[tokio::test]
async fn a_start_without_catalogue_fails_by_name_and_goes_on_in_the_background() {
    let catalogue = Catalogue::start().await;
    let server = Server::start("one").await;
    catalogue.register("a", "a1", server.address, "");
    catalogue.kill().await;
    let mesh = Mesh::new();
    let source = CatalogSource::new(catalogue.url()).with_service("a");
    let source = source.with_start_timeout(Duration::from_millis(100));
    let error = source.clone().start(&mesh).await.unwrap_err().to_string();
    assert!(
        error.contains("within 0.1 s") && error.contains("refused"),
        "{error}"
    );

    source.start_in_background(&mesh).unwrap();
    until("an error", || mesh.status().last_error.is_some()).await;
    assert_eq!(mesh.status().version, 0);
    catalogue.revive().await;
    until_healthy(&mesh, "a", 1).await;
    until("no error", || mesh.status().last_error.is_none()).await;
    assert_eq!(get(&Client::new(&mesh), "http://a/", &[]).await.by, "one");
}
