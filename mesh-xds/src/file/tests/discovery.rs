//! `ServiceEntry`, `WorkloadEntry` and registrations into endpoints.

use std::net::SocketAddr;

use mesh_core::policy::{Discovery, DnsTarget, HealthStatus};

use super::*;

fn entry(name: &str, spec: &str) -> String {
    document("ServiceEntry", "default", name, spec)
}

fn workload(namespace: &str, name: &str, spec: &str) -> String {
    document("WorkloadEntry", namespace, name, spec)
}

fn at(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn labels(version: &str) -> mesh_core::policy::Metadata {
    [("version", version.to_owned())].into_iter().collect()
}

#[test]
fn static_endpoints_have_ports_labels_weights_and_localities() {
    let loaded = load(&entry(
        "a",
        "hosts: [A.example.com]\nports: [{number: 80, name: http, protocol: HTTP, targetPort: \
         8080}, {number: 81, name: admin, protocol: HTTP}]\nresolution: STATIC\nendpoints:\n- \
         {address: 10.0.0.1, labels: {version: v1}, weight: 3, locality: eu/a}\n- {address: \
         10.0.0.2, ports: {http: 9090}}\n- {address: \"unix:///run/a.sock\"}\n- {address: \
         \"fd00::1\"}",
    ));
    assert_eq!(
        loaded.endpoints("outbound|80||a.example.com"),
        [
            "10.0.0.2:9090",
            "unix:///run/a.sock",
            "[fd00::1]:8080",
            "10.0.0.1:8080"
        ]
    );
    assert_eq!(
        loaded.endpoints("outbound|81||a.example.com"),
        [
            "10.0.0.2:81",
            "unix:///run/a.sock",
            "[fd00::1]:81",
            "10.0.0.1:81"
        ]
    );
    let assignment = &loaded.config.assignments["outbound|80||a.example.com"];
    let eu = &assignment.localities[1];
    assert_eq!((&*eu.locality.region, &*eu.locality.zone), ("eu", "a"));
    assert_eq!(eu.endpoints[0].weight, 3);
    assert_eq!(eu.endpoints[0].metadata.get("version"), Some("v1"));
    assert_eq!(eu.endpoints[0].origin.to_string(), "f.yaml:11");
}

#[test]
fn a_selector_takes_workloads_of_its_namespace() {
    let service = entry(
        "a",
        "hosts: [a.com]\nports: [{number: 80, name: http, protocol: HTTP}]\nresolution: \
         STATIC\nworkloadSelector: {labels: {app: a}}",
    );
    let labelled = workload("default", "w1", "address: 10.0.0.1\nlabels: {app: a}");
    // The resource's own labels count, and win.
    let by_meta = workload("default", "w2", "address: 10.0.0.2\nlabels: {app: b}")
        .replace("  namespace:", "  labels: {app: a}\n  namespace:");
    let other = workload("default", "w3", "address: 10.0.0.3\nlabels: {app: b}");
    let foreign = workload("other", "w4", "address: 10.0.0.4\nlabels: {app: a}");
    let named = workload(
        "default",
        "w5",
        "address: name.example.com\nlabels: {app: a}",
    );
    let loaded = load(&format!(
        "{service}{labelled}{by_meta}{other}{foreign}{named}"
    ));
    assert_eq!(
        loaded.endpoints("outbound|80||a.com"),
        ["10.0.0.1:80", "10.0.0.2:80"]
    );
    assert!(notes(&loaded)[0].contains("needs a ServiceEntry with resolution DNS"));
}

#[test]
fn dns_services_look_up_their_endpoints_or_themselves() {
    let discovery = |spec: &str, cluster: &str| {
        let rule = document(
            "DestinationRule",
            "default",
            "a",
            "host: a.com\nsubsets: [{name: v1, labels: {version: v1}}]",
        );
        let ports = "ports: [{number: 80, protocol: HTTP, targetPort: 8080}]";
        let text = entry("a", &format!("hosts: [a.com]\n{ports}\n{spec}"));
        load(&format!("{text}{rule}"))
            .cluster(cluster)
            .discovery
            .clone()
    };
    let target = |hostname: &str, port| DnsTarget::new(hostname, port);
    const MAIN: &str = "outbound|80||a.com";
    assert_eq!(
        discovery("resolution: DNS", MAIN),
        Discovery::StrictDns {
            targets: vec![target("a.com", 8080)]
        }
    );
    assert_eq!(
        discovery("resolution: DNS_ROUND_ROBIN", MAIN),
        Discovery::LogicalDns {
            target: target("a.com", 8080)
        }
    );
    let endpoints = "resolution: DNS\nendpoints: [{address: b.com}, {address: c.com, labels: \
                     {version: v1}}, {address: 10.0.0.1}]";
    let v1 = DnsTarget {
        metadata: labels("v1"),
        ..target("c.com", 8080)
    };
    assert_eq!(
        discovery(endpoints, MAIN),
        Discovery::StrictDns {
            targets: vec![target("b.com", 8080), v1.clone(), target("10.0.0.1", 8080)]
        }
    );
    assert_eq!(
        discovery(endpoints, "outbound|80|v1|a.com"),
        Discovery::StrictDns { targets: vec![v1] }
    );
}

#[test]
fn a_subset_without_names_to_look_up_is_no_cluster() {
    let entry = |fields: &str| {
        let spec = format!("hosts: [a.com]\nports: [{{number: 80}}]\n{fields}");
        document("ServiceEntry", "default", "a", &spec)
    };
    let rule = "host: a.com\nsubsets: [{name: v1, labels: {version: v1}}]";
    let rule = document("DestinationRule", "default", "a", rule);
    for fields in ["resolution: DNS", "resolution: DNS_ROUND_ROBIN"] {
        let loaded = load(&format!("{}{rule}", entry(fields)));
        loaded.cluster("outbound|80||a.com");
        assert!(
            loaded.find_cluster("outbound|80|v1|a.com").is_none(),
            "{fields}"
        );
    }
}

#[test]
fn entries_that_cannot_work_are_refused() {
    for (spec, part) in [
        (
            "resolution: NONE\nendpoints: [{address: 10.0.0.1}]",
            "needs resolution STATIC or DNS",
        ),
        (
            "resolution: STATIC\nendpoints: [{address: b.com}]",
            "needs resolution DNS",
        ),
        (
            "resolution: DNS\nendpoints: [{address: \"unix:///a\"}]",
            "needs resolution STATIC",
        ),
        (
            "resolution: STATIC\nsubjectAltNames: [a]",
            "is not supported yet",
        ),
        (
            "resolution: DNS_ROUND_ROBIN\nendpoints: [{address: a.com}, {address: b.com}]",
            "one endpoint at most",
        ),
        (
            "resolution: STATIC\nendpoints: [{address: 10.0.0.1}]\nworkloadSelector: {}",
            "exclude each other",
        ),
    ] {
        let text = entry(
            "a",
            &format!("hosts: [a.com]\nports: [{{number: 80}}]\n{spec}"),
        );
        let said = problems(&text);
        assert!(said[0].contains(part), "{part}: {said:?}");
    }
    let wildcard = "hosts: [\"*.com\"]\nports: [{number: 80}]\nresolution: ";
    let dns = entry("a", &format!("{wildcard}DNS"));
    assert!(problems(&dns)[0].contains("has no address to look up"));
    let none = entry("a", &format!("{wildcard}NONE"));
    assert!(problems(&none)[0].contains("a wildcard host is not supported yet"));
    let ports = "hosts: [a.com]\nports: [{number: 80}, {number: 80}]\nresolution: STATIC";
    assert!(problems(&entry("a", ports))[0].contains("port 80 is defined already"));
}

#[test]
fn entries_of_one_namespace_and_host_share_their_endpoints() {
    let text = service("default", "a.com", 80);
    let more = text
        .replace("se-a.com-80", "z-more")
        .replace("10.0.0.1", "10.0.0.2");
    let foreign = more.replace("namespace: default", "namespace: other");
    let loaded = load(&format!("{text}{more}{foreign}"));
    assert_eq!(
        loaded.endpoints("outbound|80||a.com"),
        ["10.0.0.1:80", "10.0.0.2:80"]
    );
    assert_eq!(
        notes(&loaded),
        ["not applied: f.yaml:23: `a.com` is described already, by f.yaml:1"]
    );
}

#[test]
fn a_port_that_is_not_http_has_a_cluster_and_no_virtual_host() {
    let text = service("default", "a.com", 443).replace("HTTP", "HTTPS");
    let loaded = load(&text);
    assert!(loaded.config.routes.is_empty());
    assert_eq!(loaded.endpoints("outbound|443||a.com"), ["10.0.0.1:443"]);
}

#[test]
fn a_registered_service_exists_like_a_kubernetes_service() {
    let registry = Registry::new();
    let one = registry.register("reviews", 9080, at(1), labels("v1"));
    let _two = registry.register("reviews.default", 9080, at(2), labels("v2"));
    let text = document(
        "DestinationRule",
        "default",
        "a",
        "host: reviews\nsubsets: [{name: v2, labels: {version: v2}}]",
    );
    let loaded = load_as(&client(), &registry, &text);
    let routes = loaded.routes(9080, "reviews");
    assert_eq!(&*routes[0].name, "default");
    let name = "outbound|9080||reviews.default.svc.cluster.local";
    assert_eq!(targets(&routes[0])[0].0, name);
    assert_eq!(loaded.endpoints(name), ["127.0.0.1:1", "127.0.0.1:2"]);
    let v2 = "outbound|9080|v2|reviews.default.svc.cluster.local";
    assert_eq!(loaded.endpoints(v2), ["127.0.0.1:2"]);
    one.set_health(HealthStatus::Unhealthy);
    let loaded = load_as(&client(), &registry, &text);
    let first = loaded.config.assignments[name].endpoints().next().cloned();
    assert_eq!(first.unwrap().health_status, HealthStatus::Unhealthy);
}

#[test]
fn registrations_join_the_service_of_a_file() {
    let registry = Registry::new();
    let _one = registry.register("a.com", 80, at(1), labels("v1"));
    let _same = registry.register("a.com", 80, at(1), labels("v2"));
    let loaded = load_as(&client(), &registry, &service("default", "a.com", 80));
    assert_eq!(
        loaded.endpoints("outbound|80||a.com"),
        ["10.0.0.1:80", "127.0.0.1:1"]
    );
    // And that of a DNS service, as one more target.
    let dns = service("default", "a.com", 80)
        .replace("STATIC", "DNS")
        .replace("  endpoints: [{address: 10.0.0.1}]\n", "");
    let loaded = load_as(&client(), &registry, &dns);
    let Discovery::StrictDns { targets } = &loaded.cluster("outbound|80||a.com").discovery else {
        panic!("no DNS");
    };
    let names: Vec<&str> = targets.iter().map(|t| &*t.hostname).collect();
    assert_eq!(names, ["a.com", "127.0.0.1", "127.0.0.1"]);
}

#[test]
fn a_registered_name_is_literal_where_a_rule_names_it() {
    let registry = Registry::new();
    let _one = registry.register("example.com", 80, at(1), labels("v1"));
    let loaded = load_as(&client(), &registry, "");
    let cluster = "outbound|80||example.com.svc.cluster.local";
    assert_eq!(loaded.endpoints(cluster), ["127.0.0.1:1"]);
    // Either way a request finds it.
    loaded.virtual_host(80, "example.com");
    let rule = document(
        "VirtualService",
        "default",
        "a",
        "hosts: [example.com]\nhttp: [{route: [{destination: {host: example.com}}]}]",
    );
    let loaded = load_as(&client(), &registry, &rule);
    assert_eq!(
        loaded.endpoints("outbound|80||example.com"),
        ["127.0.0.1:1"]
    );
    loaded.virtual_host(80, "example.com");
}

#[test]
fn a_service_entrys_host_is_literal() {
    let rule = document(
        "VirtualService",
        "default",
        "a",
        "hosts: [reviews]\nhttp: [{directResponse: {status: 200}}]",
    );
    let loaded = load(&format!("{}{rule}", service("default", "reviews", 8080)));
    // The rule is about `reviews.default.svc.cluster.local`, which is another service.
    let routes = loaded.routes(8080, "reviews");
    assert_eq!(&*routes[0].name, "default");
    loaded.virtual_host(80, "reviews.default.svc.cluster.local");
}
