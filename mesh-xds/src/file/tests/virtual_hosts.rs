//! Hosts, namespaces, ports and who owns what.

use super::*;

fn route_to(host: &str) -> String {
    format!("http: [{{route: [{{destination: {{host: {host}}}}}]}}]")
}

fn rule(namespace: &str, name: &str, host: &str, to: &str) -> String {
    let spec = format!("hosts: [\"{host}\"]\n{}", route_to(to));
    document("VirtualService", namespace, name, &spec)
}

const REVIEWS: &str = "reviews.default.svc.cluster.local";

#[test]
fn a_host_with_a_dot_is_not_expanded() {
    let loaded = load(&rule("default", "a", "reviews.default", "reviews.default"));
    let virtual_host = loaded.virtual_host(80, "reviews.default");
    assert_eq!(
        virtual_host.domains,
        ["reviews.default".into(), "reviews.default.".into()]
    );
    assert_eq!(
        targets(&virtual_host.routes[0])[0].0,
        "outbound|80||reviews.default"
    );
}

#[test]
fn a_kubernetes_name_has_short_forms_by_the_clients_namespace() {
    let text = rule("default", "a", "reviews", "reviews");
    let domains = |client: &Client| -> Vec<String> {
        let loaded = load_as(client, &Registry::new(), &text);
        let domains = &loaded.virtual_host(80, REVIEWS).domains;
        domains.iter().map(ToString::to_string).collect()
    };
    let full = [REVIEWS, "reviews.default.svc.cluster.local."].map(str::to_owned);
    assert_eq!(
        domains(&client()),
        [
            &full[..],
            &["reviews", "reviews.default", "reviews.default.svc"].map(str::to_owned)
        ]
        .concat()
    );
    let elsewhere = Client {
        namespace: "other".into(),
        ..client()
    };
    assert_eq!(
        domains(&elsewhere),
        [
            &full[..],
            &["reviews.default", "reviews.default.svc"].map(str::to_owned)
        ]
        .concat()
    );
}

#[test]
fn a_short_destination_belongs_to_the_rules_namespace() {
    let loaded = load(&rule("tutorial", "a", "reviews.example.com", "ratings"));
    let routes = loaded.routes(80, "reviews.example.com");
    assert_eq!(
        targets(&routes[0])[0].0,
        "outbound|80||ratings.tutorial.svc.cluster.local"
    );
}

#[test]
fn the_first_of_several_rules_owns_the_host() {
    let dated = |text: String, date: &str| {
        text.replace("spec:", &format!("  creationTimestamp: \"{date}\"\nspec:"))
    };
    let young = dated(
        rule("default", "a", "example.com", "young"),
        "2026-02-01T00:00:00Z",
    );
    // Even from a third namespace.
    let old = dated(
        rule("third", "b", "example.com", "old"),
        "2026-01-01T00:00:00Z",
    );
    let loaded = load(&format!("{young}{old}"));
    let routes = loaded.routes(80, "example.com");
    assert_eq!(routes.len(), 1);
    assert_eq!(
        targets(&routes[0])[0].0,
        "outbound|80||old.third.svc.cluster.local"
    );
    assert_eq!(
        notes(&loaded),
        [
            "not applied: f.yaml:8: `example.com` belongs to VirtualService third/b at f.yaml:11; \
          rules for one host are not merged"
        ]
    );
    // A rule that is private to the client's namespace comes before any age.
    let private = young.replace("spec:\n", "spec:\n  exportTo: [\".\"]\n");
    let loaded = load(&format!("{private}{old}"));
    assert_eq!(
        targets(&loaded.routes(80, "example.com")[0])[0].0,
        "outbound|80||young.default.svc.cluster.local"
    );
}

#[test]
fn an_exact_host_beats_an_older_wildcard() {
    let service =
        service("default", "a.example.com", 8080) + &service("default", "b.example.com", 8080);
    let wildcard = rule("default", "a-wildcard", "*.example.com", "w");
    let exact = rule("default", "z-exact", "a.example.com", "e");
    let loaded = load(&format!("{service}{wildcard}{exact}"));
    let to = |host| targets(&loaded.routes(8080, host)[0])[0].0.clone();
    assert_eq!(
        to("a.example.com"),
        "outbound|8080||e.default.svc.cluster.local"
    );
    assert_eq!(
        to("b.example.com"),
        "outbound|8080||w.default.svc.cluster.local"
    );
    // The wildcard has found its services, so it is no virtual host of its own there.
    assert_eq!(loaded.virtual_hosts(8080).len(), 2);
    assert_eq!(to("a.example.com").split('|').count(), 4);
    assert_eq!(loaded.virtual_host(80, "*.example.com").routes.len(), 1);
}

#[test]
fn an_unclaimed_service_has_the_default_route() {
    let loaded = load(&service("default", "example.com", 8080));
    assert_eq!(loaded.config.listeners.len(), 1);
    let [route] = loaded.routes(8080, "example.com") else {
        panic!("one route");
    };
    assert_eq!(&*route.name, "default");
    assert_eq!(targets(route)[0].0, "outbound|8080||example.com");
    let action = forward(route);
    assert_eq!(action.timeouts.timeout, None);
    let retry = action.retry_policy.as_ref().unwrap();
    assert_eq!(retry.num_retries, 2);
    assert!(retry.previous_hosts);
}

#[test]
fn a_rule_counts_on_other_ports_only_for_services_there() {
    let service = service("default", "example.com", 8080);
    let spec = format!(
        "hosts: [example.com, other.com]\n{}",
        route_to("example.com")
    );
    let rule = document("VirtualService", "default", "a", &spec);
    let unrelated = self::rule("default", "b", "unrelated.com", "example.com");
    let loaded = load(&format!("{service}{rule}{unrelated}"));
    let names = |port| -> Vec<&str> {
        let hosts = loaded.virtual_hosts(port).iter();
        hosts.map(|v| &*v.name).collect()
    };
    assert_eq!(names(8080), ["example.com:8080", "other.com:8080"]);
    assert_eq!(
        names(80),
        ["example.com:80", "other.com:80", "unrelated.com:80"]
    );
    // The service's only port, whichever was dialled.
    let routes = loaded.routes(80, "unrelated.com");
    assert_eq!(targets(&routes[0])[0].0, "outbound|8080||example.com");
}

#[test]
fn rules_for_gateways_and_other_namespaces_do_not_apply() {
    let base = rule("other", "a", "example.com", "a");
    for (field, why) in [
        ("gateways: [my-gateway]", "is for gateways only"),
        ("exportTo: [\".\"]", "is not exported to namespace default"),
        ("exportTo: [\"~\"]", "is not exported to namespace default"),
        ("exportTo: [third]", "is not exported to namespace default"),
    ] {
        let loaded = load(&base.replace("spec:\n", &format!("spec:\n  {field}\n")));
        assert!(loaded.config.routes.is_empty(), "{field}");
        assert!(notes(&loaded)[0].contains(why), "{:?}", loaded.notes);
    }
    for field in ["gateways: [my-gateway, mesh]", "exportTo: [default]"] {
        let loaded = load(&base.replace("spec:\n", &format!("spec:\n  {field}\n")));
        assert_eq!(loaded.config.routes.len(), 1, "{field}");
    }
}

#[test]
fn a_rule_without_a_route_for_the_port_leaves_the_default() {
    let service = service("default", "example.com", 8080);
    let spec = "hosts: [example.com]\nhttp: [{match: [{port: 9090}], route: [{destination: {host: \
                other.com}}]}]";
    let rule = document("VirtualService", "default", "a", spec);
    let loaded = load(&format!("{service}{rule}"));
    let routes = loaded.routes(8080, "example.com");
    assert_eq!(&*routes[0].name, "default");
    assert!(loaded.virtual_hosts(80).is_empty());
}

#[test]
fn addresses_are_names_too() {
    let text = service("default", "example.com", 8080).replace(
        "resolution:",
        "addresses: [10.1.1.1, \"fd00::1\", 10.2.0.0/16]\n  resolution:",
    );
    let loaded = load(&text);
    let domains = &loaded.virtual_host(8080, "example.com").domains;
    let domains: Vec<&str> = domains.iter().map(|d| &**d).collect();
    assert_eq!(
        domains,
        ["example.com", "example.com.", "10.1.1.1", "[fd00::1]"]
    );
    assert!(notes(&loaded)[0].contains("a range of addresses matches none"));
}

#[test]
fn a_domain_belongs_to_its_first_writer() {
    // Two hosts that share the short form `a.b`.
    let literal = rule("default", "x", "a.b", "one");
    let expanded = rule("b", "y", "a", "two");
    let loaded = load(&format!("{literal}{expanded}"));
    let to = |host| targets(&loaded.routes(80, host)[0])[0].0.clone();
    assert_eq!(to("a.b"), "outbound|80||one.default.svc.cluster.local");
    assert_eq!(to("a.b.svc"), "outbound|80||two.b.svc.cluster.local");
}

/// A rule of `default` whose `http` answers with this status, on `port` only if it says so.
fn answering(name: &str, hosts: &str, status: u16, port: Option<u16>) -> String {
    let matches = port.map_or(String::new(), |port| format!("match: [{{port: {port}}}], "));
    let http = format!("http: [{{{matches}directResponse: {{status: {status}}}}}]");
    document(
        "VirtualService",
        "default",
        name,
        &format!("hosts: [{hosts}]\n{http}"),
    )
}

#[track_caller]
fn status(loaded: &Loaded, port: u16, host: &str) -> Option<u16> {
    match &loaded.routes(port, host)[0].action {
        RouteAction::DirectResponse(response) => Some(response.status.as_u16()),
        _ => None,
    }
}

/// istiod builds nothing for a rule without routes on a port, so the next rule is the first there.
#[test]
fn a_rule_without_routes_for_a_port_leaves_the_host_to_the_next() {
    let text = service("default", "a.com", 80)
        + &service("default", "a.com", 81)
        + &answering("a", "a.com", 201, Some(80))
        + &answering("b", "a.com", 202, None);
    let loaded = load(&text);
    assert_eq!(status(&loaded, 80, "a.com"), Some(201));
    assert_eq!(status(&loaded, 81, "a.com"), Some(202));
    // Neither loses altogether.
    let said = notes(&loaded);
    assert!(!said.iter().any(|n| n.contains("belongs to")), "{said:?}");
}

/// istiod's `mostSpecificWildcardVsIndex` knows a host's rules, not what they are for.
#[test]
fn a_rule_for_connections_keeps_wildcards_from_its_host() {
    let tcp = "hosts: [a.com]\ntcp: [{route: [{destination: {host: b.com}}]}]";
    let text = service("default", "a.com", 80)
        + &service("default", "c.com", 80)
        + &answering("w", "\"*.com\"", 201, None)
        + &document("VirtualService", "default", "t", tcp);
    let loaded = load(&text);
    assert_eq!(status(&loaded, 80, "a.com"), None);
    assert_eq!(status(&loaded, 80, "c.com"), Some(201));
}

/// A rule counts on a port when it is about a service there, although another rule routes it.
#[test]
fn a_rules_other_hosts_are_there_although_its_service_is_anothers() {
    let text = service("default", "a.com", 81)
        + &answering("a", "a.com", 201, None)
        + &answering("b", "a.com, x.com", 202, None);
    let loaded = load(&text);
    assert_eq!(status(&loaded, 81, "a.com"), Some(201));
    assert_eq!(status(&loaded, 81, "x.com"), Some(202));
}

#[test]
fn a_services_own_name_is_nobodys_short_one() {
    let literal = "a.other";
    let text = service("default", literal, 80)
        + &service("other", "a.other.svc.cluster.local", 80)
        + &answering("r", "a.other.svc.cluster.local", 201, None);
    let loaded = load(&text);
    assert_eq!(status(&loaded, 80, literal), None);
    assert_eq!(status(&loaded, 80, "a.other.svc"), Some(201));
}
