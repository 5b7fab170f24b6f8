//! `DestinationRule` into clusters.

use std::time::Duration;

use mesh_core::policy::{HttpProtocol, LbPolicy, Percent, Thresholds};

use super::*;

const HOST: &str = "a.default.svc.cluster.local";

fn rule(namespace: &str, name: &str, host: &str, rest: &str) -> String {
    document(
        "DestinationRule",
        namespace,
        name,
        &format!("host: \"{host}\"\n{rest}"),
    )
}

/// The cluster of host `a` on port 80 under a rule of that traffic policy.
#[track_caller]
fn cluster(policy: &str) -> Cluster {
    let rule = rule("default", "a", "a", &format!("trafficPolicy: {{{policy}}}"));
    let loaded = load(&format!("{}{rule}", service("default", HOST, 80)));
    loaded.cluster(&format!("outbound|80||{HOST}")).clone()
}

#[test]
fn without_a_rule_nothing_is_limited() {
    let loaded = load(&service("default", HOST, 80));
    let cluster = loaded.cluster(&format!("outbound|80||{HOST}"));
    assert_eq!(cluster.connect_timeout, Duration::from_secs(10));
    assert_eq!(cluster.circuit_breakers.default, Thresholds::UNLIMITED);
    assert_eq!(cluster.outlier_detection, None);
    assert_eq!(cluster.healthy_panic_threshold.get(), 50);
    assert_eq!(
        cluster.lb_policy,
        LbPolicy::LeastRequest { choice_count: 2 }
    );
    assert_eq!(cluster.protocol, HttpProtocol::Http1);
    assert_eq!(cluster.origin.to_string(), "f.yaml:1");
}

#[test]
fn load_balancers() {
    let of = |simple: &str| cluster(&format!("loadBalancer: {{simple: {simple}}}")).lb_policy;
    let least_request = LbPolicy::LeastRequest { choice_count: 2 };
    assert_eq!(of("ROUND_ROBIN"), LbPolicy::RoundRobin);
    assert_eq!(of("RANDOM"), LbPolicy::Random);
    for simple in ["UNSPECIFIED", "LEAST_REQUEST", "LEAST_CONN", "5"] {
        assert_eq!(of(simple), least_request);
    }
    let refused = problems(&rule(
        "default",
        "a",
        "a",
        "trafficPolicy: {loadBalancer: {simple: PASSTHROUGH}}",
    ));
    assert!(refused[0].contains("original destination"));
}

#[test]
fn connection_pools() {
    let c = cluster(
        "connectionPool: {tcp: {maxConnections: 1, connectTimeout: 2s, maxConnectionDuration: 3s, \
         idleTimeout: 4s, tcpKeepalive: {probes: 5, time: 6s}}, http: {http1MaxPendingRequests: \
         7, http2MaxRequests: 8, maxRequestsPerConnection: 9, maxRetries: 10, \
         maxConcurrentStreams: 11, http2KeepAlive: {interval: 12s, timeout: 13s}}}",
    );
    let t = &c.circuit_breakers.default;
    assert_eq!(
        (
            t.max_connections,
            t.max_pending_requests,
            t.max_requests,
            t.max_retries
        ),
        (1, 7, 8, 10)
    );
    assert_eq!(c.connect_timeout, Duration::from_secs(2));
    let p = &c.connection_pool;
    assert_eq!(p.max_connection_duration, Some(Duration::from_secs(3)));
    assert_eq!(p.idle_timeout, Some(Duration::from_secs(4)));
    assert_eq!(p.max_requests_per_connection, Some(9));
    assert_eq!(p.max_concurrent_streams, 11);
    assert_eq!(
        p.http2_keep_alive.unwrap().interval,
        Duration::from_secs(12)
    );
    let keepalive = p.tcp_keepalive.unwrap();
    assert_eq!((keepalive.probes, keepalive.interval), (Some(5), None));
}

#[test]
fn zero_is_unset_and_idle_timeouts_have_an_order() {
    let zero = cluster(
        "connectionPool: {tcp: {maxConnections: 0}, http: {maxRequestsPerConnection: 0, \
         maxRetries: 0}}",
    );
    assert_eq!(zero.circuit_breakers.default, Thresholds::UNLIMITED);
    assert_eq!(zero.connection_pool.max_requests_per_connection, None);
    assert_eq!(
        zero.connection_pool.idle_timeout,
        Some(Duration::from_secs(3600))
    );
    let both = cluster("connectionPool: {tcp: {idleTimeout: 1s}, http: {idleTimeout: 2s}}");
    assert_eq!(
        both.connection_pool.idle_timeout,
        Some(Duration::from_secs(2))
    );
}

#[test]
fn protocols() {
    let pool = |http: &str| cluster(&format!("connectionPool: {{http: {{{http}}}}}")).protocol;
    assert_eq!(pool("h2UpgradePolicy: UPGRADE"), HttpProtocol::Http2);
    assert_eq!(pool("h2UpgradePolicy: DO_NOT_UPGRADE"), HttpProtocol::Http1);
    assert_eq!(
        pool("h2UpgradePolicy: UPGRADE, useClientProtocol: true"),
        HttpProtocol::Downstream
    );
    for (declared, protocol) in [
        ("HTTP", HttpProtocol::Http1),
        ("http2", HttpProtocol::Http2),
        ("GRPC", HttpProtocol::Http2),
    ] {
        let text = service("default", HOST, 80)
            .replace("protocol: HTTP", &format!("protocol: {declared}"));
        assert_eq!(
            load(&text)
                .cluster(&format!("outbound|80||{HOST}"))
                .protocol,
            protocol
        );
    }
    // Undeclared: what the request speaks.
    let text = service("default", HOST, 80).replace(", protocol: HTTP", "");
    assert_eq!(
        load(&text)
            .cluster(&format!("outbound|80||{HOST}"))
            .protocol,
        HttpProtocol::Downstream
    );
}

#[test]
fn outlier_detection_has_istios_defaults() {
    let c = cluster("outlierDetection: {}");
    let o = c.outlier_detection.unwrap();
    assert_eq!(
        (o.consecutive_5xx, o.enforcing_consecutive_5xx),
        (5, Percent::HUNDRED)
    );
    assert_eq!(o.enforcing_consecutive_gateway_failure, Percent::ZERO);
    assert_eq!(o.max_ejection_percent.get(), 10);
    assert!(o.always_eject_one_host);
    assert_eq!(o.origin.to_string(), "f.yaml:19");
    // Panic is off as soon as there is a stanza.
    assert_eq!(c.healthy_panic_threshold, Percent::ZERO);

    let c = cluster(
        "outlierDetection: {consecutive5xxErrors: 0, consecutiveGatewayErrors: 3, interval: 1s, \
         baseEjectionTime: 10m, maxEjectionPercent: 100, minHealthPercent: 30, \
         splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 2}",
    );
    let o = c.outlier_detection.unwrap();
    assert_eq!(
        (o.consecutive_5xx, o.enforcing_consecutive_5xx),
        (0, Percent::ZERO)
    );
    assert_eq!(
        (
            o.consecutive_gateway_failure,
            o.enforcing_consecutive_gateway_failure
        ),
        (3, Percent::HUNDRED)
    );
    assert_eq!(o.consecutive_local_origin_failure, 2);
    assert_eq!(o.max_ejection_time, Duration::from_secs(600));
    assert_eq!(c.healthy_panic_threshold.get(), 30);
}

#[test]
fn a_port_replaces_and_a_subset_overlays_whole_blocks() {
    let rule = rule(
        "default",
        "a",
        "a",
        "trafficPolicy:\n  loadBalancer: {simple: RANDOM}\n  connectionPool: {tcp: \
         {maxConnections: 1}, http: {maxRetries: 2}}\n  portLevelSettings:\n  - port: {number: \
         81}\n    connectionPool: {tcp: {maxConnections: 3}}\nsubsets:\n- name: plain\n- name: \
         pool\n  trafficPolicy: {connectionPool: {tcp: {maxConnections: 4}}}\n- name: port\n  \
         trafficPolicy:\n    loadBalancer: {simple: ROUND_ROBIN}\n    portLevelSettings: [{port: \
         {number: 80}, outlierDetection: {}}]",
    );
    let services = service("default", HOST, 80) + &service("default", HOST, 81);
    let loaded = load(&format!("{services}{rule}"));
    let of = |port: u16, subset: &str| {
        let c = loaded.cluster(&format!("outbound|{port}|{subset}|{HOST}"));
        let t = &c.circuit_breakers.default;
        let outlier = c.outlier_detection.is_some();
        (
            c.lb_policy.clone(),
            t.max_connections,
            t.max_retries,
            outlier,
        )
    };
    let (random, default, round) = (LbPolicy::Random, LbPolicy::default(), LbPolicy::RoundRobin);
    const NONE: u32 = u32::MAX;
    assert_eq!(of(80, ""), (random.clone(), 1, 2, false));
    // The port's entry inherits nothing.
    assert_eq!(of(81, ""), (default.clone(), 3, NONE, false));
    assert_eq!(of(80, "plain"), (random.clone(), 1, 2, false));
    // The whole block is replaced: `http.maxRetries` goes.
    assert_eq!(of(80, "pool"), (random, 4, NONE, false));
    assert_eq!(of(81, "pool"), (default.clone(), 4, NONE, false));
    // The subset's entry for the port replaces every block, the absent ones by defaults.
    assert_eq!(of(80, "port"), (default, NONE, NONE, true));
    assert_eq!(of(81, "port"), (round, 3, NONE, false));
}

#[test]
fn the_clients_namespace_shadows_the_owners() {
    let owner = rule("owner", "o", "a", "subsets: [{name: exact}]");
    let service = service("owner", "a.owner.svc.cluster.local", 80);
    let subsets = |text: &str| -> Vec<String> {
        let loaded = load(text);
        let names = loaded.config.clusters.iter().map(|c| c.name.to_string());
        names
            .filter_map(|n| n.split('|').nth(2).map(str::to_owned))
            .collect()
    };
    assert_eq!(subsets(&format!("{service}{owner}")), ["", "exact"]);
    // Even by a mere wildcard.
    let wide = rule("default", "w", "*.local", "subsets: [{name: wide}]");
    let text = format!("{service}{owner}{wide}");
    assert_eq!(subsets(&text), ["", "wide"]);
    assert!(notes(&load(&text))[0].contains("a rule of a nearer namespace covers it"));
    // The root namespace comes last.
    let root = rule("istio-system", "r", "*.local", "subsets: [{name: root}]");
    assert_eq!(subsets(&format!("{service}{owner}{root}")), ["", "exact"]);
    assert_eq!(subsets(&format!("{service}{root}")), ["", "root"]);
    // A rule that its owner keeps to himself is not seen.
    let private = owner.replace("spec:\n", "spec:\n  exportTo: [\".\"]\n");
    assert_eq!(subsets(&format!("{service}{private}")), [""]);
}

#[test]
fn rules_of_one_namespace_and_host_are_merged() {
    let one = rule(
        "default",
        "one",
        "a",
        "trafficPolicy: {loadBalancer: {simple: RANDOM}}\nsubsets: [{name: v1, labels: {v: \
         \"1\"}}]",
    );
    let two = rule(
        "default",
        "two",
        HOST,
        "trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}\nsubsets: [{name: v1, labels: {v: \
         \"9\"}}, {name: v2}]",
    );
    let loaded = load(&format!("{}{two}{one}", service("default", HOST, 80)));
    let main = loaded.cluster(&format!("outbound|80||{HOST}"));
    assert_eq!(main.lb_policy, LbPolicy::Random);
    loaded.cluster(&format!("outbound|80|v2|{HOST}"));
    let notes = notes(&loaded);
    assert!(
        notes
            .iter()
            .any(|n| n.contains("subset `v1` is defined at")),
        "{notes:?}"
    );
    assert!(
        notes.iter().any(|n| n.contains("an older rule for")),
        "{notes:?}"
    );
}

#[test]
fn a_rule_for_nobody_is_listed() {
    let loaded = load(&rule("default", "a", "typo", ""));
    assert!(loaded.config.clusters.is_empty());
    assert!(notes(&loaded)[0].contains("`typo.default.svc.cluster.local`"));
}

#[test]
fn retry_budgets() {
    let budget = |b: &str| {
        let c = cluster(&format!("retryBudget: {b}"));
        let budget = c.circuit_breakers.default.retry_budget.unwrap();
        (budget.budget_percent.get(), budget.min_retry_concurrency)
    };
    assert_eq!(budget("{}"), (20, 3));
    assert_eq!(budget("{percent: 50, minRetryConcurrency: 1}"), (50, 1));
}
