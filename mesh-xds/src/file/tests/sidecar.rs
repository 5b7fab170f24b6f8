//! `Sidecar`s: what a workload sees, as istiod's `SidecarScope`.

use super::*;

const HOST: &str = "a.default.svc.cluster.local";

fn sidecar(hosts: &str) -> String {
    let spec = format!("egress: [{{hosts: [{hosts}]}}]");
    document("Sidecar", "default", "s", &spec)
}

/// The clusters' names without `outbound`, and with it the ports and hosts.
fn clusters(loaded: &Loaded) -> Vec<String> {
    let names = loaded.config.clusters.iter();
    names
        .map(|c| c.name.trim_start_matches("outbound|").to_owned())
        .collect()
}

#[test]
fn a_sidecar_says_what_its_workloads_see() {
    let services = service("default", HOST, 80)
        + &service("other", "b.other.svc.cluster.local", 80)
        + &service("other", "c.example.com", 80);
    let seen = |hosts: &str| -> Vec<String> {
        let loaded = load(&format!("{services}{}", sidecar(hosts)));
        let names = loaded.config.clusters.iter();
        names
            .map(|c| {
                c.name
                    .rsplit('|')
                    .next()
                    .unwrap()
                    .split('.')
                    .next()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    };
    assert_eq!(seen("\"*/*\""), ["a", "b", "c"]);
    assert_eq!(seen("\"./*\""), ["a"]);
    assert_eq!(seen("other/*"), ["b", "c"]);
    assert_eq!(seen("\"*/*.example.com\""), ["c"]);
    assert_eq!(seen("\"./*\", other/c.example.com"), ["a", "c"]);
    assert_eq!(seen("\"~/*\""), [""; 0]);
    // A namespace after `~` takes out again what the other entries let in.
    assert_eq!(seen("\"*/*\", \"~*/*.example.com\""), ["a", "b"]);
    assert_eq!(seen("\"*/*\", ~other/*"), ["a"]);
    assert_eq!(seen("\"*/*\", \"~./*\""), ["b", "c"]);
    assert_eq!(seen("\"*/*\", ~default/c.example.com"), ["a", "b", "c"]);
    assert_eq!(seen("\"*/*\", \"~/c.example.com\""), ["a", "b"]);
    let wrong = problems(&sidecar("\"*/*\", \"*/~*.example.com\""));
    assert!(wrong[0].contains("before the namespace"), "{wrong:?}");
}

#[test]
fn a_sidecar_imports_whole_rules_by_any_of_their_hosts() {
    let rule = document(
        "VirtualService",
        "other",
        "r",
        "hosts: [x.example.com, y.example.com]\nhttp: [{directResponse: {status: 200}}]",
    );
    let loaded = load(&format!("{rule}{}", sidecar("other/x.example.com")));
    loaded.virtual_host(80, "x.example.com");
    loaded.virtual_host(80, "y.example.com");
    let loaded = load(&format!("{rule}{}", sidecar("default/x.example.com")));
    assert!(loaded.config.routes.is_empty());
    assert!(notes(&loaded)[0].contains("the Sidecar of this client does not list it"));
    // What is taken out is a host, not the rule: another of its hosts lets it in.
    let without = |host: &str| load(&format!("{rule}{}", sidecar(&format!("other/*, {host}"))));
    without("~other/x.example.com").virtual_host(80, "x.example.com");
    assert!(without("~other/*.example.com").config.routes.is_empty());
    // A wildcard host is within no exact one that is taken out.
    let rule = rule.replace("hosts: [x.example.com, y", "hosts: [\"*.y");
    let rule = rule.replace(".example.com]", ".example.com\"]");
    let text = format!("{rule}{}", sidecar("other/*, ~other/a.y.example.com"));
    load(&text).virtual_host(80, "*.y.example.com");
}

#[test]
fn what_a_rule_leads_to_is_reached_through_the_rule_alone() {
    let services = service("default", HOST, 80)
        + &service("other", "b.com", 80)
        + &service("other", "c.com", 80)
        + &service("other", "d.com", 9000).replace("protocol: HTTP", "protocol: TCP")
        + &service("other", "unnamed.com", 80);
    let rule = document(
        "VirtualService",
        "default",
        "r",
        &format!(
            "hosts: [{HOST}]\nhttp:\n- {{match: [{{uri: {{prefix: /d}}}}], delegate: {{name: d}}}}\n- \
             {{route: [{{destination: {{host: b.com}}}}], mirrors: [{{destination: {{host: c.com, \
             port: {{number: 80}}}}}}]}}\ntcp: [{{route: [{{destination: {{host: d.com}}}}]}}]"
        ),
    );
    let delegate = document(
        "VirtualService",
        "default",
        "d",
        "http: [{route: [{destination: {host: e.com}}]}]",
    );
    let text = format!(
        "{services}{}{rule}{delegate}",
        service("other", "e.com", 80)
    );
    let loaded = load(&format!("{text}{}", sidecar("./*")));
    let expected = ["80||a.default.svc.cluster.local", "80||b.com", "80||c.com"];
    let all: Vec<&str> = expected
        .into_iter()
        .chain(["9000||d.com", "80||e.com"])
        .collect();
    assert_eq!(clusters(&loaded), all);
    assert_eq!(loaded.endpoints("outbound|80||b.com"), ["10.0.0.1:80"]);
    // They may not be called by their own names.
    let hosts: Vec<_> = loaded.virtual_hosts(80).iter().map(|v| &*v.name).collect();
    assert_eq!(hosts, [format!("{HOST}:80")]);
    assert!(!loaded.config.listeners.iter().any(|l| l.port == Some(9000)));
    let said = notes(&loaded);
    assert!(
        said.iter()
            .any(|n| n.contains("does not list `b.com`: it is reached through"))
    );
    assert!(
        said.iter()
            .any(|n| n.ends_with("does not list `unnamed.com`"))
    );
    // Nothing leads there when the rule is not let in, either.
    let loaded = load(&format!("{text}{}", sidecar("other/x.com")));
    assert_eq!(clusters(&loaded), [""; 0]);
}

#[test]
fn of_what_a_rule_leads_to_the_ports_that_it_names_are_seen() {
    let two = service("other", "b.com", 80).replace("ports: [", "ports: [{number: 81, name: x}, ");
    let seen = |destination: &str| {
        let route = format!("route: [{{destination: {{host: b.com{destination}}}}}]");
        let spec = format!("hosts: [a.com]\nhttp: [{{{route}}}]");
        let rule = document("VirtualService", "default", "r", &spec);
        let loaded = load(&format!("{two}{rule}{}", sidecar("./*")));
        clusters(&loaded)
    };
    assert_eq!(seen(""), ["81||b.com", "80||b.com"]);
    assert_eq!(seen(", port: {number: 81}"), ["81||b.com"]);
    // As istiod does not send the service: there is nothing there to send to.
    assert_eq!(seen(", port: {number: 82}"), ["82||b.com"]);
}

#[test]
fn routes_for_other_namespaces_let_nothing_in() {
    let seen = |matches: &str| {
        let route = format!("match: [{matches}], route: [{{destination: {{host: b.com}}}}]");
        let spec = format!("hosts: [a.com]\nhttp: [{{{route}}}]");
        let rule = document("VirtualService", "default", "r", &spec);
        let loaded = load(&format!(
            "{}{rule}{}",
            service("other", "b.com", 80),
            sidecar("./*")
        ));
        clusters(&loaded)
    };
    assert_eq!(seen("{sourceNamespace: other}"), [""; 0]);
    let both = "{sourceNamespace: other}, {sourceNamespace: default}";
    assert_eq!(seen(both), ["80||b.com"]);
}

#[test]
fn registered_services_are_let_in_by_rules_too() {
    let registry = Registry::new();
    let address: std::net::SocketAddr = "10.0.0.9:80".parse().unwrap();
    let _registered = registry.register("b.other", 80, address, Default::default());
    let spec = "hosts: [a.com]\nhttp: [{route: [{destination: {host: \
                b.other.svc.cluster.local}}]}]";
    let rule = document("VirtualService", "default", "r", spec);
    let text = format!("{rule}{}", sidecar("./*"));
    let loaded = load_as(&client(), &registry, &text);
    let cluster = "outbound|80||b.other.svc.cluster.local";
    assert_eq!(loaded.endpoints(cluster), ["10.0.0.9:80"]);
    assert_eq!(loaded.virtual_hosts(80).len(), 1);
}

#[test]
fn the_nearest_sidecar_applies() {
    let in_namespace = |namespace: &str, name: &str, selector: &str, hosts: &str| {
        let spec = format!("{selector}egress: [{{hosts: [\"{hosts}\"]}}]");
        document("Sidecar", namespace, name, &spec)
    };
    let services = service("default", HOST, 80) + &service("default", "b.com", 80);
    let root = in_namespace("istio-system", "r", "", "~/*");
    let own = in_namespace("default", "o", "", "*/a.default.svc.cluster.local");
    let selected = in_namespace(
        "default",
        "s",
        "workloadSelector: {labels: {app: web}}\n",
        "*/b.com",
    );
    let web = Client {
        labels: [("app", "web")].into_iter().collect(),
        ..client()
    };
    let clusters = |client: &Client, text: &str| {
        let loaded = load_as(client, &Registry::new(), &format!("{services}{text}"));
        let names = loaded.config.clusters.iter();
        names.map(|c| c.name.to_string()).collect::<Vec<_>>()
    };
    let all = format!("{root}{own}{selected}");
    assert_eq!(clusters(&web, &all), ["outbound|80||b.com"]);
    assert_eq!(clusters(&client(), &all), [format!("outbound|80||{HOST}")]);
    assert_eq!(clusters(&client(), &root), [""; 0]);
}
