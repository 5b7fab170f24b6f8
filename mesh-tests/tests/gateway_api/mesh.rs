//! What is attached where: the cases of the mesh profile without a route kind in their name.

use crate::echo::{Echo, NAMESPACE, http_route, route};

const CONSUMERS: &str = "gateway-conformance-mesh-consumer";

/// MeshBasic: without any configuration.
#[tokio::test]
async fn mesh_basic() {
    let echo = Echo::new().await;
    echo.apply("");
    for _ in 0..4 {
        assert_eq!(echo.send("GET /").await.status, 200);
    }
    for name in ["echo-v1", "echo-v2"] {
        assert!(echo.server(name).hits() > 0, "{name}");
    }
}

fn sets(value: &str, backend: &str) -> String {
    format!(
        "- filters:
  - type: ResponseHeaderModifier
    responseHeaderModifier: {{set: [{{name: X-Header-Set, value: {value}}}]}}
  backendRefs: [{{name: {backend}, port: 80}}]"
    )
}

/// MeshConsumerRoute: a route in another namespace than its parent's affects that namespace's
/// requests alone.
#[tokio::test]
async fn mesh_consumer_route() {
    let echo = Echo::new().await;
    let parent = format!("{{group: \"\", kind: Service, name: echo-v1, namespace: {NAMESPACE}}}");
    let rules =
        sets("set", "echo-v1").replace("port: 80", &format!("namespace: {NAMESPACE}, port: 80"));
    let yaml = route("HTTPRoute", "mesh-echo-add-header", &parent, &rules).replace(
        &format!("namespace: {NAMESPACE}}}\nspec"),
        &format!("namespace: {CONSUMERS}}}\nspec"),
    );
    for (client, header) in [(CONSUMERS, "set"), (NAMESPACE, "")] {
        echo.apply_in(client, &yaml);
        let reply = echo.send(&format!("GET http://echo-v1.{NAMESPACE}/")).await;
        assert_eq!((reply.status, &*reply.by), (200, "echo-v1"), "{client}");
        assert_eq!(reply.header("x-header-set"), header, "{client}");
    }
}

/// MeshFrontend: rules apply to the frontend they are attached to, not to another with the same
/// endpoints (the published case sends to a Pod's address, which is no service here).
#[tokio::test]
async fn mesh_frontend() {
    let echo = Echo::new().await;
    let parent = "{group: \"\", kind: Service, name: echo-v2}";
    let other = http_route("other", "- backendRefs: [{name: echo-v2, port: 80}]");
    echo.apply(
        &(route(
            "HTTPRoute",
            "mesh-split-v1",
            parent,
            &sets("set", "echo-v2"),
        ) + &other),
    );
    for (host, header) in [("echo-v2", "set"), ("echo", "")] {
        let reply = echo.send(&format!("GET http://{host}/")).await;
        assert_eq!((reply.status, &*reply.by), (200, "echo-v2"), "{host}");
        assert_eq!(reply.header("x-header-set"), header, "{host}");
    }
}

/// MeshPorts: a parent may be one port.
#[tokio::test]
async fn mesh_ports() {
    let echo = Echo::new().await;
    let v1 = "{group: \"\", kind: Service, name: echo-v1, port: 80}";
    let v2 = "{group: \"\", kind: Service, name: echo-v2}";
    echo.apply(
        &(route("HTTPRoute", "mesh-split-v1", v1, &sets("v1", "echo-v1"))
            + &route("HTTPRoute", "mesh-split-v2", v2, &sets("v2", "echo-v2"))),
    );
    for (authority, by, header) in [
        ("echo-v1", "echo-v1", "v1"),
        ("echo-v1:8080", "echo-v1", ""),
        ("echo-v2", "echo-v2", "v2"),
        ("echo-v2:8080", "echo-v2", "v2"),
    ] {
        let reply = echo.send(&format!("GET http://{authority}/")).await;
        assert_eq!((reply.status, &*reply.by), (200, by), "{authority}");
        assert_eq!(reply.header("x-header-set"), header, "{authority}");
    }
}

/// MeshTrafficSplit.
#[tokio::test]
async fn mesh_traffic_split() {
    let echo = Echo::new().await;
    let parent = "{group: \"\", kind: Service, name: echo}";
    let rules = "- matches: [{path: {type: Exact, value: /v1}}]
  backendRefs: [{name: echo-v1, port: 80}]
- matches: [{path: {type: Exact, value: /v2}}]
  backendRefs: [{name: echo-v2, port: 80}]";
    echo.apply(&route("HTTPRoute", "mesh-split", parent, rules));
    echo.expect(&[
        ("GET /v1", "echo-v1"),
        ("GET /v2", "echo-v2"),
        ("GET /v3", "404"),
    ])
    .await;
}

/// MeshHTTPRouteSimpleSameNamespace.
#[tokio::test]
async fn mesh_http_route_simple_same_namespace() {
    let echo = Echo::new().await;
    echo.apply(&http_route(
        "r",
        "- backendRefs: [{name: echo-v1, port: 8080}]",
    ));
    for _ in 0..10 {
        echo.expect(&[("GET /", "echo-v1")]).await;
    }
}

/// MeshHTTPRouteNamedRule.
#[tokio::test]
async fn mesh_http_route_named_rule() {
    let echo = Echo::new().await;
    echo.apply(&http_route(
        "mesh-http-named-rules",
        "- name: named-rule
  matches: [{path: {type: PathPrefix, value: /named}}]
  backendRefs: [{name: echo-v1, port: 8080}]
- matches: [{path: {type: PathPrefix, value: /unnamed}}]
  backendRefs: [{name: echo-v2, port: 8080}]",
    ));
    echo.expect(&[("GET /named", "echo-v1"), ("GET /unnamed", "echo-v2")])
        .await;
}

/// MeshHTTPRouteWeight: within five per cent of 70 and 30.
#[tokio::test]
async fn mesh_http_route_weight() {
    let echo = Echo::new().await;
    echo.apply(&http_route(
        "mesh-weighted-backends",
        "- backendRefs:
  - {name: echo-v1, port: 8080, weight: 70}
  - {name: echo-v2, port: 8080, weight: 30}",
    ));
    let [v1, v2, v3] = echo.shares("GET /", 500).await;
    assert!(
        (v1 - 70.0).abs() < 5.0 && (v2 - 30.0).abs() < 5.0,
        "{v1} {v2}"
    );
    assert!(v3 == 0.0, "{v3}");
}
