//! Backends that are not there, or not to be sent to.

use http::Version;
use mesh_core::{ConditionType, Reason};

use crate::echo::{Echo, NAMESPACE, condition, http_route};

/// A Service of another namespace with the server of `echo-v1`, and one with that of `echo-v2`.
fn elsewhere(echo: &Echo) -> String {
    let services = echo.services();
    let services = services.replace(NAMESPACE, "web");
    // The documents of `echo-v1` and `echo-v2` alone.
    services
        .split("---\n")
        .filter(|d| d.contains("name: echo-v1") || d.contains("name: echo-v2"))
        .map(|d| format!("{d}---\n"))
        .collect()
}

fn grant(namespace: &str, from: &str, to: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: ReferenceGrant\nmetadata: {{name: grant, \
         namespace: {namespace}}}\nspec: {{from: [{{{from}}}], to: [{{{to}}}]}}\n---\n"
    )
}

fn from(group: &str, kind: &str, namespace: &str) -> String {
    format!("group: {group}, kind: {kind}, namespace: {namespace}")
}

const GROUP: &str = "gateway.networking.k8s.io";
const TO_V1: &str = "group: '', kind: Service, name: echo-v1";
const TO_WEB: &str = "- backendRefs: [{name: echo-v1, namespace: web, port: 8080}]";

/// HTTPRouteReferenceGrant: with the grant it is reached, without it 500.
#[tokio::test]
async fn http_route_reference_grant() {
    let echo = Echo::new().await;
    let route = http_route("reference-grant", TO_WEB) + &elsewhere(&echo);
    let granted = grant("web", &from(GROUP, "HTTPRoute", NAMESPACE), TO_V1);
    let loaded = echo.apply(&(route.clone() + &granted));
    let resolved = condition(&loaded, "reference-grant", ConditionType::ResolvedRefs);
    assert_eq!(resolved, (true, Reason::ResolvedRefs));
    echo.expect(&[("GET /", "echo-v1")]).await;
    echo.apply(&route);
    echo.expect(&[("GET /", "500")]).await;
}

/// HTTPRouteInvalidCrossNamespaceBackendRef, and HTTPRouteInvalidReferenceGrant with each grant that
/// is none.
#[tokio::test]
async fn http_route_invalid_reference_grant() {
    let echo = Echo::new().await;
    let route = http_route("reference-grant", TO_WEB) + &elsewhere(&echo);
    let right = from(GROUP, "HTTPRoute", NAMESPACE);
    for grant in [
        String::new(),
        grant(NAMESPACE, &right, TO_V1),
        grant("web", &from("not-the-group", "HTTPRoute", NAMESPACE), TO_V1),
        grant("web", &from(GROUP, "Gateway", NAMESPACE), TO_V1),
        grant("web", &from(GROUP, "HTTPRoute", "not-the-namespace"), TO_V1),
        grant(
            "web",
            &right,
            "group: not-the-group, kind: Service, name: echo-v1",
        ),
        grant("web", &right, "group: '', kind: Secret, name: echo-v1"),
        grant(
            "web",
            &right,
            "group: '', kind: Service, name: not-the-service",
        ),
    ] {
        let loaded = echo.apply(&(route.clone() + &grant));
        let of = |kind| condition(&loaded, "reference-grant", kind);
        assert_eq!(of(ConditionType::Accepted), (true, Reason::Accepted));
        assert_eq!(
            of(ConditionType::ResolvedRefs),
            (false, Reason::RefNotPermitted),
            "{grant}"
        );
        echo.expect(&[("GET /", "500")]).await;
    }
    assert_eq!(echo.server("echo-v1").hits(), 0);
}

/// HTTPRoutePartiallyInvalidViaInvalidReferenceGrant: a rule's sibling goes on.
#[tokio::test]
async fn http_route_partially_invalid_via_invalid_reference_grant() {
    let echo = Echo::new().await;
    let rules = "- matches: [{path: {type: PathPrefix, value: /v2}}]
  backendRefs: [{name: echo-v2, namespace: web, port: 8080}]
- backendRefs: [{name: echo-v1, namespace: web, port: 8080}]";
    let yaml = http_route("r", rules)
        + &elsewhere(&echo)
        + &grant("web", &from(GROUP, "HTTPRoute", NAMESPACE), TO_V1);
    let loaded = echo.apply(&yaml);
    let resolved = condition(&loaded, "r", ConditionType::ResolvedRefs);
    assert_eq!(resolved, (false, Reason::RefNotPermitted));
    echo.expect(&[("GET /v2", "500"), ("GET /", "echo-v1")])
        .await;
}

/// HTTPRouteInvalidBackendRefUnknownKind and HTTPRouteInvalidNonExistentBackendRef.
#[tokio::test]
async fn http_route_invalid_backend_ref() {
    let echo = Echo::new().await;
    for (backend, reason) in [
        (
            "group: unknownkind.example.com, kind: NonExistent, name: echo-v1, port: 8080",
            Reason::InvalidKind,
        ),
        ("name: nonexistent, port: 8080", Reason::BackendNotFound),
        ("name: echo-v1, port: 8081", Reason::BackendNotFound),
        ("name: echo-v1, port: 9090", Reason::UnsupportedProtocol),
    ] {
        let loaded = echo.apply(&http_route("r", &format!("- backendRefs: [{{{backend}}}]")));
        let of = |kind| condition(&loaded, "r", kind);
        assert_eq!(of(ConditionType::Accepted), (true, Reason::Accepted));
        assert_eq!(
            of(ConditionType::ResolvedRefs),
            (false, reason),
            "{backend}"
        );
        echo.expect(&[("GET /", "500"), ("GET /v2", "500")]).await;
    }
}

/// An invalid backend's share gets 500, the others' are served.
#[tokio::test]
async fn an_invalid_backends_share_gets_500() {
    let echo = Echo::new().await;
    echo.apply(&http_route(
        "r",
        "- backendRefs:
  - {name: echo-v1, port: 8080, weight: 60}
  - {name: nonexistent, port: 8080, weight: 40}",
    ));
    let mut failed = 0_u32;
    for _ in 0..500 {
        let reply = echo.send("GET /").await;
        match reply.status {
            500 => failed += 1,
            status => assert_eq!((status, &*reply.by), (200, "echo-v1")),
        }
    }
    assert!((175..225).contains(&failed), "{failed}");
}

/// HTTPRouteServiceTypes: Services whose endpoints are written by hand, headless or not.
#[tokio::test]
async fn http_route_service_types() {
    let echo = Echo::new().await;
    let address = echo.server("echo-v1").address;
    let mut yaml = String::new();
    let mut rules = String::new();
    for (name, ip) in [("manual", ""), ("headless", "clusterIP: None, ")] {
        yaml += &format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {NAMESPACE}}}\nspec: \
             {{{ip}ports: [{{name: first-port, protocol: TCP, port: 8080, targetPort: 3000}}]}}\n---\n\
             apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: {name}-ip4, \
             namespace: {NAMESPACE}, labels: {{kubernetes.io/service-name: {name}}}}}\naddressType: \
             IPv4\nports: [{{name: first-port, port: {}, protocol: TCP}}]\nendpoints: [{{addresses: \
             [{}], conditions: {{ready: true, serving: true, terminating: false}}}}]\n---\n",
            address.port(),
            address.ip(),
        );
        rules += &format!(
            "- matches: [{{path: {{type: Exact, value: /{name}}}}}]\n  backendRefs: [{{name: {name}, \
             port: 8080}}]\n"
        );
    }
    echo.apply(&(yaml + &http_route("service-types", &rules)));
    echo.expect(&[("GET /manual", "echo-v1"), ("GET /headless", "echo-v1")])
        .await;
}

/// HTTPRouteBackendProtocolH2C: a port's `appProtocol` says what is spoken to it.
#[tokio::test]
async fn http_route_backend_protocol_h2c() {
    let echo = Echo::new().await;
    echo.apply(&http_route(
        "backend-protocol-h2c",
        "- matches: [{path: {value: /h2c}}]
  backendRefs: [{name: echo-v1, port: 7070}]
- backendRefs: [{name: echo-v1, port: 8080}]",
    ));
    for (path, version) in [("/h2c", Version::HTTP_2), ("/", Version::HTTP_11)] {
        let seen = echo.seen_by("echo-v1", &format!("GET {path}")).await;
        assert_eq!(seen.version, version, "{path}");
    }
}

/// HTTPRouteNoBackendRefs: omitted or empty, they answer 500; and the references are resolved.
#[tokio::test]
async fn http_route_no_backend_refs() {
    let echo = Echo::new().await;
    let loaded = echo.apply(&http_route(
        "omitted-backendrefs",
        "- matches: [{path: {type: Exact, value: /omitted-no-forward}}]
- matches: [{path: {type: Exact, value: /empty-no-forward}}]
  backendRefs: []
- matches: [{path: {type: PathPrefix, value: /}}]
  backendRefs: [{name: echo-v1, port: 8080}]",
    ));
    let resolved = condition(&loaded, "omitted-backendrefs", ConditionType::ResolvedRefs);
    assert_eq!(resolved, (true, Reason::ResolvedRefs));
    echo.expect(&[
        ("GET /forward", "echo-v1"),
        ("GET /omitted-no-forward", "500"),
        ("GET /empty-no-forward", "500"),
    ])
    .await;
}
