//! Places where the obvious reading of Istio's API is wrong, a test for each.

use std::time::Duration;

use mesh_core::policy::{
    HeaderMatch, LbPolicy, PathMatcher, Percent, RetryOn, StringMatch, StringMatcher,
};

use super::*;

const HOST: &str = "a.default.svc.cluster.local";

fn rule(name: &str, spec: &str) -> String {
    document("VirtualService", "default", name, spec)
}

fn http(routes: &str) -> String {
    rule("a", &format!("hosts: [a]\nhttp: [{routes}]"))
}

/// What the first route of `text` answers for `domain`, from `directResponse`.
fn answer(loaded: &Loaded, domain: &str) -> u16 {
    match &loaded.routes(80, domain)[0].action {
        RouteAction::DirectResponse(response) => response.status.as_u16(),
        other => panic!("{other:?}"),
    }
}

fn answering(name: &str, hosts: &str, status: u16) -> String {
    rule(
        name,
        &format!("hosts: [{hosts}]\nhttp: [{{directResponse: {{status: {status}}}}}]"),
    )
}

#[test]
fn a_host_with_a_dot_is_never_expanded() {
    let loaded = load(&http("{route: [{destination: {host: reviews.default}}]}"));
    let to = targets(&loaded.routes(80, HOST)[0]);
    assert_eq!(to[0].0, "outbound|80||reviews.default");
    let loaded = load(&http("{route: [{destination: {host: reviews}}]}"));
    let to = targets(&loaded.routes(80, HOST)[0]);
    assert_eq!(to[0].0, "outbound|80||reviews.default.svc.cluster.local");
}

#[test]
fn one_rule_owns_a_host_and_rules_are_not_merged() {
    let exported =
        |namespace: &str, name: &str, to: &str, status: u16, created: &str| {
            document(
            "VirtualService",
            namespace,
            name,
            &format!(
                "hosts: [x.com]\nexportTo: [{to}]\nhttp: [{{directResponse: {{status: {status}}}}}]"
            ),
        )
        .replace("metadata:\n", &format!("metadata:\n  creationTimestamp: \"{created}\"\n"))
        };
    let public = exported("third", "a", "\"*\"", 201, "2020-01-01T00:00:00Z");
    let named = exported("other", "a", "default", 202, "2021-01-01T00:00:00Z");
    let private = exported("default", "a", "\".\"", 203, "2022-01-01T00:00:00Z");
    let all = format!("{public}{named}{private}");
    assert_eq!(answer(&load(&all), "x.com"), 203);
    assert_eq!(load(&all).routes(80, "x.com").len(), 1);
    assert_eq!(answer(&load(&format!("{public}{named}")), "x.com"), 202);
    // Within a group the oldest, whatever its namespace; then by name, then by namespace.
    let younger = exported("default", "a", "\"*\"", 204, "2023-01-01T00:00:00Z");
    assert_eq!(answer(&load(&format!("{younger}{public}")), "x.com"), 201);
    let same = |namespace: &str, name: &str, status| exported(namespace, name, "\"*\"", status, "");
    let by_name = format!("{}{}", same("a", "z", 205), same("z", "a", 206));
    assert_eq!(answer(&load(&by_name), "x.com"), 206);
    let by_namespace = format!("{}{}", same("z", "a", 207), same("b", "a", 208));
    assert_eq!(answer(&load(&by_namespace), "x.com"), 208);
}

#[test]
fn an_exact_host_beats_a_wildcard_even_if_younger() {
    let service = service("default", "a.foo.com", 80);
    let wildcard = answering("old", "\"*.foo.com\"", 201).replace(
        "metadata:\n",
        "metadata:\n  creationTimestamp: \"2020-01-01T00:00:00Z\"\n",
    );
    let exact = answering("young", "a.foo.com", 202).replace(
        "metadata:\n",
        "metadata:\n  creationTimestamp: \"2021-01-01T00:00:00Z\"\n",
    );
    let loaded = load(&format!("{service}{wildcard}{exact}"));
    assert_eq!(answer(&loaded, "a.foo.com"), 202);
    assert_eq!(
        answer(&load(&format!("{service}{wildcard}")), "a.foo.com"),
        201
    );
}

#[test]
fn a_prefix_is_one_of_bytes() {
    let loaded = load(&http(
        "{match: [{uri: {prefix: /foo}}], directResponse: {status: 200}}",
    ));
    let path = &loaded.routes(80, HOST)[0].matches.path;
    assert_eq!(*path, PathMatcher::Prefix("/foo".into()));
}

#[test]
fn a_regex_matches_the_whole_and_a_star_means_present() {
    let loaded = load(&http(
        "{match: [{headers: {x: {regex: ab}, y: {regex: \"*\"}}}], directResponse: {status: 200}}",
    ));
    let [x, y] = &loaded.routes(80, HOST)[0].matches.headers[..] else {
        panic!("{loaded:?}");
    };
    let HeaderMatch::String(StringMatcher {
        kind: StringMatch::Regex(regex),
        ..
    }) = &x.kind
    else {
        panic!("{x:?}");
    };
    assert!(regex.is_match(b"ab") && !regex.is_match(b"abc"));
    assert_eq!(y.kind, HeaderMatch::Present(true));
}

#[test]
fn without_headers_reads_an_absent_header_as_empty() {
    let loaded = load(&http(
        "{match: [{withoutHeaders: {x: {exact: jason}, y: {}}}], directResponse: {status: 200}}",
    ));
    let [x, y] = &loaded.routes(80, HOST)[0].matches.headers[..] else {
        panic!("{loaded:?}");
    };
    assert!(x.invert_match && x.treat_missing_header_as_empty);
    assert!(y.invert_match && !y.treat_missing_header_as_empty);
}

#[test]
fn a_catch_all_ends_the_list_and_a_filtered_rule_leaves_the_default_route() {
    let known = service("default", HOST, 80);
    let loaded = load(&format!(
        "{known}{}",
        http(
            "{directResponse: {status: 200}}, {match: [{uri: {exact: /x}}], directResponse: {status: 201}}"
        )
    ));
    assert_eq!(loaded.routes(80, HOST).len(), 1);
    assert!(notes(&loaded)[0].contains("is never reached"));

    let filtered = http("{match: [{port: 81}], directResponse: {status: 200}}");
    let loaded = load(&format!("{known}{filtered}"));
    assert_eq!(&*loaded.routes(80, HOST)[0].name, "default");
    assert_eq!(
        targets(&loaded.routes(80, HOST)[0])[0].0,
        format!("outbound|80||{HOST}")
    );

    // One that survives but does not match is no reason for the default route.
    let closed = http("{match: [{uri: {exact: /x}}], directResponse: {status: 200}}");
    assert_eq!(load(&format!("{known}{closed}")).routes(80, HOST).len(), 1);
}

#[test]
fn attempts_are_retries_and_no_stanza_is_two() {
    let policy = |stanza: &str| {
        let loaded = load(&http(&format!(
            "{{{stanza}route: [{{destination: {{host: a}}}}]}}"
        )));
        forward(&loaded.routes(80, HOST)[0]).retry_policy.clone()
    };
    let default = policy("").unwrap();
    assert_eq!(default.num_retries, 2);
    assert_eq!(default.back_off.base(), Duration::from_millis(25));
    // Plain 503 responses are not retried.
    assert!(default.retry_on.has(RetryOn::RETRIABLE_STATUS_CODES));
    assert!(default.retriable_status_codes.is_empty());
    assert!(
        !default
            .retry_on
            .has(RetryOn::SERVER_ERROR.or(RetryOn::GATEWAY_ERROR))
    );
    assert_eq!(policy("retries: {attempts: 3}, ").unwrap().num_retries, 3);
    assert_eq!(policy("retries: {attempts: 0}, "), None);
    // And a service that no rule is about retries as well.
    let loaded = load(&service("default", HOST, 80));
    let retry = &forward(&loaded.routes(80, HOST)[0]).retry_policy;
    assert_eq!(retry.as_ref().unwrap().num_retries, 2);
}

#[test]
fn a_per_try_timeout_is_not_retried_by_the_default_policy() {
    let loaded = load(&http(
        "{retries: {attempts: 2, perTryTimeout: 1s}, route: [{destination: {host: a}}]}",
    ));
    let policy = forward(&loaded.routes(80, HOST)[0])
        .retry_policy
        .clone()
        .unwrap();
    assert_eq!(policy.per_try_timeout, Some(Duration::from_secs(1)));
    let resets = RetryOn::SERVER_ERROR
        .or(RetryOn::GATEWAY_ERROR)
        .or(RetryOn::RESET);
    assert!(!policy.retry_on.has(resets));
}

#[test]
fn there_is_no_timeout_by_default() {
    let timeouts = |fields: &str| {
        let loaded = load(&http(&format!(
            "{{{fields}route: [{{destination: {{host: a}}}}]}}"
        )));
        forward(&loaded.routes(80, HOST)[0]).timeouts.clone()
    };
    assert_eq!(timeouts("").timeout, None);
    // The whole exchange, its retries included; a try has a limit of its own.
    assert_eq!(
        timeouts("timeout: 5s, ").timeout,
        Some(Duration::from_secs(5))
    );
}

#[test]
fn a_timeout_of_0s_is_told_and_a_star_is_no_host() {
    let loaded = load(&http("{timeout: 0s, route: [{destination: {host: a}}]}"));
    assert!(notes(&loaded)[0].starts_with("warning: f.yaml:8: spec.http[0].timeout: 0s"));
    assert!(problems(&rule("a", "hosts: [\"*\"]"))[0].contains("only allowed on gateways"));
    assert!(problems(&rule("a", "hosts: [a]\nhtp: []"))[0].contains("did you mean `http`?"));
}

#[test]
fn weights_are_relative_and_an_unknown_subset_is_no_fallback() {
    let loaded = load(&http(
        "{route: [{destination: {host: a, subset: v9}, weight: 3}, {destination: {host: b}, \
         weight: 0}, {destination: {host: c}, weight: 1}]}",
    ));
    let to = targets(&loaded.routes(80, HOST)[0]);
    let weights: Vec<u32> = to.iter().map(|(_, weight)| *weight).collect();
    assert_eq!(weights, [3, 1]);
    assert_eq!(loaded.find_cluster(&to[0].0), None);
}

#[test]
fn a_ports_policy_replaces_and_a_subsets_overlays_blocks() {
    let spec = "host: a\ntrafficPolicy:\n  loadBalancer: {simple: RANDOM}\n  outlierDetection: {}\n  \
                portLevelSettings: [{port: {number: 81}, connectionPool: {tcp: {maxConnections: \
                1}}}]\nsubsets:\n- name: v1\n  trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}";
    let text = service("default", HOST, 80)
        + &service("default", HOST, 81)
        + &document("DestinationRule", "default", "a", spec);
    let loaded = load(&text);
    let of = |port: u16, subset: &str| {
        let cluster = loaded.cluster(&format!("outbound|{port}|{subset}|{HOST}"));
        (
            cluster.lb_policy.clone(),
            cluster.outlier_detection.is_some(),
        )
    };
    assert_eq!(of(80, ""), (LbPolicy::Random, true));
    assert_eq!(of(81, ""), (LbPolicy::default(), false));
    assert_eq!(of(80, "v1"), (LbPolicy::RoundRobin, true));
}

#[test]
fn a_rule_of_the_clients_namespace_shadows_the_owners() {
    let owner = document(
        "DestinationRule",
        "owner",
        "o",
        "host: a\ntrafficPolicy: {loadBalancer: {simple: RANDOM}}",
    );
    let mine = document("DestinationRule", "default", "m", "host: \"*.local\"");
    let known = service("owner", "a.owner.svc.cluster.local", 80);
    let policy = |text: &str| {
        let loaded = load(&format!("{known}{text}"));
        let cluster = loaded.cluster("outbound|80||a.owner.svc.cluster.local");
        cluster.lb_policy.clone()
    };
    assert_eq!(policy(&owner), LbPolicy::Random);
    assert_eq!(policy(&format!("{owner}{mine}")), LbPolicy::default());
}

#[test]
fn outlier_detection_counts_5xx_only_and_switches_panic_off() {
    let spec = "host: a\ntrafficPolicy: {outlierDetection: {}}";
    let text = service("default", HOST, 80) + &document("DestinationRule", "default", "a", spec);
    let loaded = load(&text);
    let cluster = loaded.cluster(&format!("outbound|80||{HOST}"));
    let outlier = cluster.outlier_detection.as_ref().unwrap();
    assert_eq!(outlier.consecutive_5xx, 5);
    assert_eq!(outlier.enforcing_consecutive_5xx, Percent::HUNDRED);
    assert_eq!(outlier.enforcing_consecutive_gateway_failure, Percent::ZERO);
    assert_eq!(cluster.healthy_panic_threshold, Percent::ZERO);
    // Locality failover: see `outlier_detection_alone_switches_on_failover_between_localities`.
}

#[test]
fn a_fault_without_a_percentage_never_happens_and_a_mirror_always() {
    let loaded = load(&http(
        "{fault: {abort: {httpStatus: 500}}, mirror: {host: b}, route: [{destination: {host: a}}]}",
    ));
    let route = &loaded.routes(80, HOST)[0];
    let abort = route.fault().unwrap().abort.as_ref().unwrap();
    assert_eq!(abort.percentage.ratio(), 0.0);
    assert_eq!(forward(route).mirrors[0].fraction.ratio(), 1.0);
}

#[test]
fn the_winner_of_a_header_depends_on_how_many_destinations_there_are() {
    let set = |value: &str| format!("headers: {{request: {{set: {{x: {value}}}}}}}");
    let of = |more: &str| {
        let loaded = load(&http(&format!(
            "{{{}, route: [{{destination: {{host: a}}, weight: 1, {}}}{more}]}}",
            set("route"),
            set("destination")
        )));
        loaded.routes(80, HOST)[0].clone()
    };
    let values = |route: &Route| -> Vec<String> {
        let added = route.headers.request_add.iter();
        added.map(|h| h.value.to_string()).collect()
    };
    // One list, of which the last wins.
    assert_eq!(values(&of("")), ["route", "destination"]);
    // Several: the destination's own are applied first, so the route's win.
    let several = of(", {destination: {host: b}, weight: 1}");
    assert_eq!(values(&several), ["route"]);
}

#[test]
fn hosts_of_a_service_entry_are_literal() {
    let loaded = load(&service("default", "a", 80));
    loaded.cluster("outbound|80||a");
    assert!(notes(&loaded)[0].contains("write it in full"));
}

#[test]
fn the_default_balancer_is_least_request() {
    let loaded = load(&service("default", HOST, 80));
    let cluster = loaded.cluster(&format!("outbound|80||{HOST}"));
    assert_eq!(
        cluster.lb_policy,
        LbPolicy::LeastRequest { choice_count: 2 }
    );
}
