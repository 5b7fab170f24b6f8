//! Header mutation, in one level and across levels, as seen on Envoy 1.40.

use http::{HeaderMap, HeaderName, HeaderValue};
use mesh_core::{
    policy::{
        AppendAction::{self, *},
        HeaderMutation, HeaderValueOption, Route, RouteConfiguration, RouteMatch, VirtualHost,
        WeightedCluster,
    },
    routing::{MutationLevels, mutate_request, mutate_response},
};

fn set(name: &'static str, value: &'static str, action: AppendAction) -> HeaderValueOption {
    HeaderValueOption::new(
        HeaderName::from_static(name),
        HeaderValue::from_static(value),
        action,
    )
}

fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    let lines = headers.get_all(name).iter();
    lines.map(|v| v.to_str().unwrap().to_owned()).collect()
}

#[test]
fn overwrites_come_before_additions_and_both_see_the_original_headers() {
    let mutation = HeaderMutation {
        response_add: vec![
            set("x", "1", AppendIfExistsOrAdd),
            set("x", "2", OverwriteIfExistsOrAdd),
            set("y", "1", AddIfAbsent),
            set("y", "2", AddIfAbsent),
            set("z", "1", AppendIfExistsOrAdd),
            set("z", "2", OverwriteIfExists),
            set("u", "1", OverwriteIfExistsOrAdd),
            set("u", "2", OverwriteIfExistsOrAdd),
        ],
        ..HeaderMutation::default()
    };
    let mut headers = HeaderMap::new();
    mutate_response(&mut headers, &mutation, None);
    assert_eq!(values(&headers, "x"), ["2", "1"]);
    assert_eq!(values(&headers, "y"), ["1", "2"]);
    assert_eq!(values(&headers, "z"), ["1"]);
    assert_eq!(values(&headers, "u"), ["2"]);
}

#[test]
fn removals_run_first_and_an_empty_value_does_nothing() {
    let mutation = HeaderMutation {
        request_remove: vec![HeaderName::from_static("a"), HeaderName::from_static("b")],
        request_add: vec![
            set("a", "new", AddIfAbsent),
            set("b", "new", OverwriteIfExists),
            set("c", "", OverwriteIfExistsOrAdd),
            set("d", "", AppendIfExistsOrAdd),
        ],
        ..HeaderMutation::default()
    };
    let mut headers = HeaderMap::new();
    for name in ["a", "a", "b", "c"] {
        headers.append(name, HeaderValue::from_static("old"));
    }
    mutate_request(&mut headers, &mutation, None);
    assert_eq!(values(&headers, "a"), ["new"]);
    assert_eq!(values(&headers, "c"), ["old"]);
    assert!(!headers.contains_key("b") && !headers.contains_key("d"));
    mutate_response(&mut headers, &mutation, None);
    assert_eq!(
        values(&headers, "a"),
        ["new"],
        "responses have mutations of their own"
    );
}

#[test]
fn the_least_specific_level_wins_unless_told_otherwise() {
    let level = |value| HeaderMutation {
        request_add: vec![
            set("won", value, OverwriteIfExistsOrAdd),
            set("order", value, AppendIfExistsOrAdd),
        ],
        response_add: vec![set("won", value, OverwriteIfExistsOrAdd)],
        ..HeaderMutation::default()
    };
    let mut route = Route::to_cluster(RouteMatch::any(), "c");
    route.headers = level("route");
    let mut host = VirtualHost::new(["*"], Vec::new());
    host.headers = level("host");
    let mut cluster = WeightedCluster::new("c", 1);
    cluster.headers = level("cluster");
    let mut config = RouteConfiguration::new("rc", Vec::new());
    config.headers = level("config");
    let apply = |config: &RouteConfiguration, weighted| {
        let levels = MutationLevels::new(config, &host, &route, weighted);
        let (mut request, mut response) = (HeaderMap::new(), HeaderMap::new());
        levels.mutate_request(&mut request, None);
        levels.mutate_response(&mut response, None);
        assert_eq!(values(&request, "won"), values(&response, "won"));
        (values(&request, "won"), values(&request, "order"))
    };
    let (won, order) = apply(&config, Some(&cluster));
    assert_eq!(won, ["config"]);
    assert_eq!(order, ["cluster", "route", "host", "config"]);
    config.most_specific_header_mutations_wins = true;
    // A weighted cluster is always first: Envoy's goes on with the route's once it has applied its
    // own.
    let (won, order) = apply(&config, Some(&cluster));
    assert_eq!(won, ["route"]);
    assert_eq!(order, ["cluster", "config", "host", "route"]);
    assert_eq!(apply(&config, None).0, ["route"]);
}
