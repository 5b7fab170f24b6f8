//! A catalogue that fails: the last good state stays in force, and what is wrong is told.

use std::time::Duration;

use mesh_tests::{Fault, Server, get, until};
use tokio::time;

use super::{Alone, names, reached, until_healthy};

/// Waits until the status tells something, or that all is well.
async fn until_told(alone: &Alone, part: Option<&str>) {
    until(&format!("{part:?}"), || {
        let error = alone.mesh.status().last_error;
        match part {
            Some(part) => error.is_some_and(|error| error.contains(part)),
            None => error.is_none(),
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_of_no_use_keeps_the_last_good_state() {
    let alone = Alone::of_a().await;
    let asked = "/v1/health/service/a: ";
    for (fault, told) in [
        (
            Fault::Status(500, "No cluster leader"),
            "answered 500: No cluster leader",
        ),
        (
            Fault::Status(403, "ACL not found\r\n"),
            "answered 403: ACL not found",
        ),
        (Fault::Text("<html>"), "its answer is no JSON"),
        (Fault::Text("[{}]"), "its answer at [0].Service: is missing"),
        (
            Fault::Bytes((16 << 20) + 1),
            "its answer is larger than 16777216 bytes",
        ),
        (Fault::Filtered, "the token may not read its instances"),
        (Fault::WithoutIndex, "its answer has no X-Consul-Index"),
    ] {
        alone.catalogue.fault(Some(fault));
        until_told(&alone, Some(&format!("{asked}{told}"))).await;
        assert_eq!(
            reached(&alone.client, "http://a/").await,
            names(["one", "two"])
        );
        alone.catalogue.fault(None);
        until_told(&alone, None).await;
    }
    // It is live again.
    alone.catalogue.deregister("a", "a1");
    until_healthy(&alone.mesh, "a", 1).await;
}

#[tokio::test]
async fn a_catalogue_that_dies_costs_no_request_and_may_come_back_older() {
    let alone = Alone::of_a().await;
    until("it waits", || alone.catalogue.blocked() == 1).await;
    alone.catalogue.kill().await;
    until_told(&alone, Some("Connection refused")).await;
    assert_eq!(
        reached(&alone.client, "http://a/").await,
        names(["one", "two"])
    );

    let three = Server::start("three").await;
    alone.catalogue.restore(3);
    alone.catalogue.register("a", "a3", three.address, "");
    alone.catalogue.revive().await;
    until_healthy(&alone.mesh, "a", 1).await;
    until_told(&alone, None).await;
    assert_eq!(reached(&alone.client, "http://a/").await, names(["three"]));
}

#[tokio::test]
async fn an_index_that_goes_backwards_is_followed() {
    let alone = Alone::of_a().await;
    until("it waits", || alone.catalogue.blocked() == 1).await;
    // Restored while a question waits, which is answered with a smaller index.
    alone.catalogue.restore(7);
    until_healthy(&alone.mesh, "a", 0).await;
    let one = &alone.servers[0];
    alone.catalogue.register("a", "a1", one.address, "");
    until_healthy(&alone.mesh, "a", 1).await;
    assert_eq!(get(&alone.client, "http://a/", &[]).await.by, "one");
    let asked = alone.catalogue.asked();
    let after = asked.iter().rev().find(|(uri, _)| !uri.contains("index"));
    assert!(after.is_some() && alone.mesh.status().last_error.is_none());
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up() {
    let alone = Alone::of_a().await;
    until("it waits", || alone.catalogue.blocked() == 1).await;
    alone.catalogue.fault(Some(Fault::Stall));
    until("it is stalled", || alone.catalogue.blocked() == 0).await;
    // The longest that it may take: what was asked for, what the catalogue may add, and a margin.
    time::pause();
    time::advance(Duration::from_secs(300) * 17 / 16 + Duration::from_secs(11)).await;
    time::resume();
    until_told(&alone, Some("did not answer within")).await;
    assert_eq!(
        reached(&alone.client, "http://a/").await,
        names(["one", "two"])
    );
    alone.catalogue.fault(None);
    // The one that finds out whether it is back was stalled as well.
    time::pause();
    time::advance(Duration::from_secs(11)).await;
    time::resume();
    until_told(&alone, None).await;
}

#[tokio::test]
async fn an_outage_is_probed_by_one_question_at_a_time() {
    let catalogue = mesh_tests::Catalogue::start().await;
    let server = Server::start("one").await;
    for i in 0..200 {
        catalogue.register(&format!("s{i}"), "1", server.address, "");
    }
    let mesh = mesh_core::Mesh::new();
    let source = mesh_xds::CatalogSource::new(catalogue.url()).with_all_services();
    let source = source.with_start_timeout(Duration::from_secs(60));
    source.start(&mesh).await.unwrap();
    catalogue.kill().await;
    until("an error", || mesh.status().last_error.is_some()).await;
    let before = catalogue.asked().len();
    catalogue.fault(Some(Fault::Stall));
    catalogue.revive().await;
    until("a probe", || catalogue.asked().len() > before).await;
    assert_eq!(catalogue.connections(), 1);
    assert_eq!(catalogue.asked().len(), before + 1);
}
