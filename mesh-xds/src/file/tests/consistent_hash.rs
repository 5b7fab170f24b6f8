//! `consistentHash`: a balancer for the cluster, and a hash policy for every route that leads there.

use std::time::Duration;

use mesh_core::policy::{HashPolicyKind, LbPolicy, Maglev, RingHash};

use super::*;

const HOST: &str = "a.default.svc.cluster.local";

fn rule(rest: &str) -> String {
    document(
        "DestinationRule",
        "default",
        "a",
        &format!("host: a\n{rest}"),
    )
}

fn hashing(consistent_hash: &str) -> String {
    rule(&format!(
        "trafficPolicy: {{loadBalancer: {{consistentHash: {{{consistent_hash}}}}}}}"
    ))
}

fn known() -> String {
    service("default", HOST, 80)
}

fn lb_policy(table: &str) -> LbPolicy {
    let loaded = load(&(known() + &hashing(&format!("useSourceIp: true{table}"))));
    loaded
        .cluster(&format!("outbound|80||{HOST}"))
        .lb_policy
        .clone()
}

fn kinds(route: &Route) -> Vec<HashPolicyKind> {
    let policies = forward(route).hash_policy.iter();
    policies
        .map(|policy| {
            assert!(!policy.terminal);
            policy.kind.clone()
        })
        .collect()
}

fn header(name: &'static str) -> HashPolicyKind {
    HashPolicyKind::Header {
        name: http::HeaderName::from_static(name),
        regex_rewrite: None,
    }
}

#[test]
fn tables() {
    let ring = |size| LbPolicy::RingHash(RingHash::try_new(size, 8 << 20).unwrap());
    assert_eq!(lb_policy(""), ring(1024));
    assert_eq!(lb_policy(", ringHash: {}"), ring(1024));
    assert_eq!(lb_policy(", ringHash: {minimumRingSize: 0}"), ring(1024));
    assert_eq!(lb_policy(", ringHash: {minimumRingSize: 7}"), ring(7));
    assert_eq!(lb_policy(", minimumRingSize: 9"), ring(9));
    let maglev = |size| LbPolicy::Maglev(Maglev::try_new(size).unwrap());
    assert_eq!(lb_policy(", maglev: {}"), maglev(65_537));
    assert_eq!(lb_policy(", maglev: {tableSize: 251}"), maglev(251));
}

#[test]
fn keys() {
    let of = |key: &str| kinds(&load(&(known() + &hashing(key))).routes(80, HOST)[0]);
    assert_eq!(of("httpHeaderName: X-User"), [header("x-user")]);
    assert_eq!(of("useSourceIp: true"), [HashPolicyKind::SourceIp]);
    assert_eq!(of("useSourceIp: false"), []);
    let parameter = HashPolicyKind::QueryParameter("q".into());
    assert_eq!(of("httpQueryParameterName: q"), [parameter]);
    let cookie = |ttl: Option<Duration>, path: &str, attributes: &[(&str, &str)]| {
        let attributes = attributes.iter();
        HashPolicyKind::Cookie {
            name: "c".into(),
            ttl,
            path: path.into(),
            attributes: attributes
                .map(|(n, v)| ((*n).into(), (*v).into()))
                .collect(),
        }
    };
    assert_eq!(of("httpCookie: {name: c}"), [cookie(None, "", &[])]);
    let session = cookie(Some(Duration::ZERO), "", &[]);
    assert_eq!(of("httpCookie: {name: c, ttl: 0s}"), [session]);
    let all =
        "{name: c, ttl: 90s, path: /p, attributes: [{name: SameSite, value: Lax}, {name: Secure}]}";
    let attributes = [("SameSite", "Lax"), ("Secure", "")];
    let full = cookie(Some(Duration::from_secs(90)), "/p", &attributes);
    assert_eq!(of(&format!("httpCookie: {all}")), [full]);
}

#[test]
fn what_is_wrong_is_told_by_its_place() {
    for (text, says) in [
        (
            "httpHeaderName: \"a b\"",
            "httpHeaderName: `a b` is no header name",
        ),
        (
            "httpHeaderName: \"\"",
            "httpHeaderName: `` is no header name",
        ),
        (
            "httpQueryParameterName: \"\"",
            "httpQueryParameterName: must not be empty",
        ),
        (
            "httpCookie: {name: \"\"}",
            "httpCookie.name: must not be empty",
        ),
        (
            "useSourceIp: true, maglev: {tableSize: 65536}",
            "maglev.tableSize: must be a prime number of at most 5000011, not 65536",
        ),
        (
            "minimumRingSize: 3",
            "consistentHash: must say what is hashed",
        ),
    ] {
        let problems = problems(&hashing(text));
        assert!(
            problems.iter().any(|p| p.ends_with(says)),
            "{text}: {problems:#?}"
        );
    }
    let text =
        "trafficPolicy: {loadBalancer: {simple: RANDOM, consistentHash: {useSourceIp: true}}}";
    assert!(problems(&rule(text))[0].contains("exclude each other"));
}

/// istiod looks for a route's hash where it does not look for the cluster's balancer.
#[test]
fn a_routes_hash_is_found_by_its_own_rules() {
    let hash = |name: &str| format!("loadBalancer: {{consistentHash: {{httpHeaderName: {name}}}}}");
    let port = |rest: &str| format!("portLevelSettings: [{{port: {{number: 80}}, {rest}}}]");
    let rules = rule(&format!(
        "trafficPolicy: {{{}, {}}}\nsubsets:\n- name: plain\n- name: random\n  trafficPolicy: \
         {{loadBalancer: {{simple: RANDOM}}}}\n- name: own\n  trafficPolicy: {{{}, {}}}",
        hash("x-rule"),
        port(&hash("x-port")),
        hash("x-subset"),
        port(&hash("x-subset-port")),
    ));
    let known = known() + &service("default", "other.example", 80) + &rules;
    let routes = |destinations: &str| {
        let spec = format!("hosts: [a]\nhttp: [{{route: [{destinations}]}}]");
        load(&(known.clone() + &document("VirtualService", "default", "a", &spec)))
    };
    let of = |destinations: &str| kinds(&routes(destinations).routes(80, HOST)[0]);
    // The port's counts where the destination names the port.
    assert_eq!(of("{destination: {host: a}}"), [header("x-rule")]);
    let with_port = "{destination: {host: a, port: {number: 80}}}";
    assert_eq!(of(with_port), [header("x-port")]);
    assert_eq!(
        of("{destination: {host: a, subset: plain}}"),
        [header("x-rule")]
    );
    // A subset that balances otherwise still has the rule's.
    assert_eq!(
        of("{destination: {host: a, subset: random}}"),
        [header("x-rule")]
    );
    assert_eq!(
        of("{destination: {host: a, subset: own}}"),
        [header("x-subset")]
    );
    let own_port = "{destination: {host: a, subset: own, port: {number: 80}}}";
    assert_eq!(of(own_port), [header("x-subset-port")]);
    // Of several destinations, each that gets requests.
    let several = "{destination: {host: a}, weight: 1}, {destination: {host: a, subset: own}, \
                   weight: 1}, {destination: {host: other.example}, weight: 1}, {destination: \
                   {host: a, port: {number: 80}}, weight: 0}";
    assert_eq!(of(several), [header("x-rule"), header("x-subset")]);
    // A service without a rule of routes names its port.
    assert_eq!(kinds(&load(&known).routes(80, HOST)[0]), [header("x-port")]);
}

#[test]
fn a_hashed_request_is_retried_where_it_was() {
    let hash = hashing("httpHeaderName: x");
    let of = |rule: &str, route: &str| {
        let spec = format!("hosts: [a]\nhttp: [{{{route}}}]");
        let text = known() + rule + &document("VirtualService", "default", "a", &spec);
        let retry = forward(&load(&text).routes(80, HOST)[0])
            .retry_policy
            .clone();
        retry.unwrap().previous_hosts
    };
    let one = "route: [{destination: {host: a}}]";
    let two = "route: [{destination: {host: a}, weight: 1}, {destination: {host: a}, weight: 1}]";
    let retries = |rest: &str| format!("{one}, retries: {{attempts: 2{rest}}}");
    assert!(of("", one) && !of(&hash, one));
    assert!(!of(&hash, &retries("")));
    assert!(of(&hash, &retries(", retryIgnorePreviousHosts: true")));
    assert!(of(&hash, two), "istiod looks at routes of one destination");
    let default = load(&(known() + &hash));
    let retry = forward(&default.routes(80, HOST)[0]).retry_policy.clone();
    assert!(
        retry.unwrap().previous_hosts,
        "and not at services without routes"
    );
}

#[test]
fn connections_are_not_hashed_and_the_rule_is_told() {
    let service = "hosts: [b.example]\nports: [{number: 7000, name: tcp, protocol: TCP}]\n\
                   resolution: STATIC\nendpoints: [{address: 10.0.0.1}]";
    let rule =
        "host: b.example\ntrafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true}}}";
    let text = document("ServiceEntry", "default", "b", service)
        + &document("DestinationRule", "default", "b", rule);
    let notes = load(&text).notes;
    let told = |note: &&Note| {
        note.to_string()
            .contains("port 7000 of `b.example` are not hashed")
    };
    assert_eq!(notes.iter().filter(told).count(), 1, "{notes:?}");
}
