//! What a route is attached to, and for whom.

use super::*;

/// A client in `namespace`.
fn in_namespace(namespace: &str) -> Client {
    Client {
        namespace: namespace.into(),
        ..client()
    }
}

/// The name of the only route of `host` on `port`, for a client in `namespace`.
#[track_caller]
fn only(namespace: &str, text: &str, port: u16, host: &str) -> String {
    let loaded = load_as(&in_namespace(namespace), &Registry::new(), text);
    let routes = loaded.routes(port, host);
    assert_eq!(routes.len(), 1, "{routes:?}");
    routes[0].name.to_string()
}

fn route(kind: &str, namespace: &str, name: &str, parents: &str) -> String {
    let rules = "rules: [{backendRefs: [{name: b, namespace: default, port: 80}]}]";
    let spec = format!("parentRefs: [{parents}]\n{rules}");
    resource(kind, namespace, name, &spec)
}

const GRANT: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: g, namespace: default}
spec:
  from:
  - {group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: web}
  - {group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: other}
  to: [{group: \"\", kind: Service}]
---
";

#[test]
fn a_consumers_routes_take_the_place_of_the_producers_for_its_clients() {
    let service_a = "{group: \"\", kind: Service, name: a, namespace: default}";
    let text = services()
        + GRANT
        + &route("HTTPRoute", "default", "producer", service_a)
        + &route("HTTPRoute", "web", "consumer", service_a);
    assert_eq!(only("web", &text, 80, "a.default"), "web/consumer/0");
    assert_eq!(only("default", &text, 80, "a"), "default/producer/0");
    assert_eq!(only("other", &text, 80, "a.default"), "default/producer/0");
    let said = |namespace| {
        let loaded = load_as(&in_namespace(namespace), &Registry::new(), &text);
        notes(&loaded).join("\n")
    };
    assert!(said("web").contains("clients in web have routes of their own for `a.default."));
    assert!(said("other").contains("is a consumer route: it is for clients in web alone"));

    let alone = services() + GRANT + &route("HTTPRoute", "web", "consumer", service_a);
    assert_eq!(only("other", &alone, 80, "a.default"), "default");
}

#[test]
fn a_parent_may_be_one_port_by_number_or_name() {
    let service = kubernetes_service("default", "a", &[80, 8080])
        + &kubernetes_service("default", "b", &[80]);
    for (parent, on_80, on_8080) in [
        ("", true, true),
        (", port: 8080", false, true),
        (", sectionName: http-80", true, false),
        (", port: 80, sectionName: http-80", true, false),
    ] {
        let parent = format!("{{group: \"\", kind: Service, name: a{parent}}}");
        let loaded = load(&(service.clone() + &route("HTTPRoute", "default", "r", &parent)));
        for (port, attached) in [(80, on_80), (8080, on_8080)] {
            let name = &loaded.routes(port, "a")[0].name;
            assert_eq!(
                &**name == "default/r/0",
                attached,
                "{parent} on {port}: {name}"
            );
        }
        let accepted = loaded.condition("r", ConditionType::Accepted);
        assert_eq!(accepted, (true, Reason::Accepted, ""));
    }
    for parent in [
        "port: 81",
        "port: 80, sectionName: http-8080",
        "sectionName: x",
    ] {
        let parent = format!("{{group: \"\", kind: Service, name: a, {parent}}}");
        let loaded = load(&(service.clone() + &route("HTTPRoute", "default", "r", &parent)));
        let (status, reason, message) = loaded.condition("r", ConditionType::Accepted);
        assert_eq!(
            (status, reason),
            (false, Reason::NoMatchingParent),
            "{parent}"
        );
        assert_eq!(message, "`a.default.svc.cluster.local` has no such port");
        assert_eq!(&*loaded.routes(80, "a")[0].name, "default", "{parent}");
    }
}

#[test]
fn several_parents_have_a_status_each() {
    let parents = "{group: \"\", kind: Service, name: a}, {group: \"\", kind: Service, name: \
                   gone}, {name: gateway}";
    let loaded = load(&(services() + &route("HTTPRoute", "default", "r", parents)));
    let shown: Vec<String> = loaded
        .status("r")
        .parents
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        shown,
        [
            "default/a: Accepted=True (Accepted), ResolvedRefs=True (ResolvedRefs)",
            "default/gone: Accepted=False (NoMatchingParent: there is no Service gone), \
             ResolvedRefs=True (ResolvedRefs)",
        ]
    );
    let said = notes(&loaded).join("\n");
    assert!(said.contains("a Gateway is no parent in a mesh"), "{said}");
    assert_eq!(&*loaded.routes(80, "a")[0].name, "default/r/0");
}

#[test]
fn a_service_port_that_is_no_http_is_no_parent() {
    let service = kubernetes_service("default", "a", &[80]).replace("name: http-80", "name: tcp");
    let text = service
        + &route(
            "HTTPRoute",
            "default",
            "r",
            "{group: \"\", kind: Service, name: a}",
        );
    let loaded = load(&text);
    let (status, reason, message) = loaded.condition("r", ConditionType::Accepted);
    assert_eq!((status, reason), (false, Reason::NoMatchingParent));
    assert!(
        message.contains("nothing there that can be routed"),
        "{message}"
    );
}

#[test]
fn a_grpc_route_goes_before_http_routes_of_the_same_port() {
    let a = "{group: \"\", kind: Service, name: a}";
    let grpc_of_a = route("GRPCRoute", "default", "g", a);
    let text = services() + &grpc_of_a + &route("HTTPRoute", "default", "h", a);
    assert_eq!(only("default", &text, 80, "a"), "default/g/0");
    let loaded = load(&text);
    let (status, reason, message) = loaded.condition("h", ConditionType::Accepted);
    assert_eq!((status, reason), (false, Reason::Conflicted));
    assert!(
        message.contains("a GRPCRoute is attached to port 80"),
        "{message}"
    );
    assert!(loaded.condition("g", ConditionType::Accepted).0);
}

#[test]
fn routes_take_the_place_of_a_virtual_service() {
    let text = services()
        + &route(
            "HTTPRoute",
            "default",
            "r",
            "{group: \"\", kind: Service, name: a}",
        )
        + &document(
            "VirtualService",
            "default",
            "v",
            "hosts: [a]\nhttp: [{route: [{destination: {host: c}}]}]",
        );
    assert_eq!(only("default", &text, 80, "a"), "default/r/0");
    let said = notes(&load(&text)).join("\n");
    assert!(
        said.contains("has routes of the Gateway API on port 80"),
        "{said}"
    );
}

/// The Service is known by whatever says so.
#[test]
fn registrations_and_service_entries_are_services_too() {
    let registry = Registry::new();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    let _a = registry.register("a", 80, address, Default::default());
    let text = service("default", "b.default.svc.cluster.local", 80)
        + &route(
            "HTTPRoute",
            "default",
            "r",
            "{group: \"\", kind: Service, name: a}",
        );
    let loaded = load_as(&client(), &registry, &text);
    assert_eq!(targets(&loaded.routes(80, "a")[0]), [(B.to_owned(), 0)]);
    assert!(loaded.condition("r", ConditionType::ResolvedRefs).0);
}

#[test]
fn a_sidecar_lets_in_where_the_routes_of_its_services_lead() {
    let rules = "- filters: [{type: RequestMirror, requestMirror: {backendRef: {name: c, port: \
                 80}}}]\n  backendRefs: [{name: b, port: 80}]";
    let hosts = "\"./a.default.svc.cluster.local\"";
    let sidecar = document(
        "Sidecar",
        "default",
        "s",
        &format!("egress: [{{hosts: [{hosts}]}}]"),
    );
    let loaded = load(&(services() + &http_route("r", rules) + &sidecar));
    for name in [A, B, C] {
        loaded.cluster(name);
    }
    assert_eq!(loaded.virtual_hosts(80).len(), 1);
    assert!(loaded.condition("r", ConditionType::ResolvedRefs).0);
}
