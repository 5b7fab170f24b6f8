//! The choice of a cluster.

use http::HeaderName;
use mesh_core::{
    policy::{ClusterSpecifier, ForwardAction, WeightedCluster, WeightedClusters},
    routing::choose_cluster,
};

use crate::request::Request;

#[test]
fn weights_split_the_draw_and_a_header_may_dictate_it() {
    let weighted = |header_name| {
        let entries = [("a", 30), ("zero", 0), ("b", 70)];
        let entries = entries.map(|(name, weight)| WeightedCluster::new(name, weight));
        let mut weighted = WeightedClusters::try_new(entries.into()).unwrap();
        weighted.header_name = header_name;
        ForwardAction::to(ClusterSpecifier::Weighted(weighted))
    };
    let plain = weighted(None);
    let choose = |action: &ForwardAction, request: &Request, draw| {
        let head = request.head();
        let choice = choose_cluster(action, &head, draw).unwrap();
        (choice.name.to_owned(), choice.weighted.unwrap().0)
    };
    let request = Request::get("/").with("w", "129");
    assert_eq!(choose(&plain, &request, 29), ("a".into(), 0));
    assert_eq!(choose(&plain, &request, 30), ("b".into(), 2));
    assert_eq!(choose(&plain, &request, 199), ("b".into(), 2));
    let dictated = weighted(Some(HeaderName::from_static("w")));
    // 129 of 100 acts as 29; `+5` is a number to Envoy.
    for (value, expected) in [
        ("129", "a"),
        ("30", "b"),
        ("+5", "a"),
        ("x", "b"),
        ("-1", "b"),
    ] {
        let request = Request::get("/").with("w", value);
        assert_eq!(choose(&dictated, &request, 50).0, expected, "{value}");
    }
}

#[test]
fn a_cluster_header_names_the_cluster() {
    let name = HeaderName::from_static("to");
    let action = ForwardAction::to(ClusterSpecifier::ClusterHeader(name));
    let request = Request::get("/").with("to", "a").with("to", "b");
    let head = request.head();
    assert_eq!(choose_cluster(&action, &head, 0).unwrap().name, "a");
    let absent = Request::get("/");
    assert_eq!(choose_cluster(&action, &absent.head(), 0), None);
    let host = ForwardAction::to(ClusterSpecifier::ClusterHeader(http::header::HOST));
    assert_eq!(
        choose_cluster(&host, &head, 0).unwrap().name,
        "reviews:9080"
    );
}
