//! GRPCRoute. A call is its request: what answers need not speak gRPC to show where that went.

use http::Version;
use mesh_core::{ConditionType, Reason};

use crate::echo::{Echo, condition, http_route, joined, route};

const SERVICE: &str = "gateway_api_conformance.echo_basic.grpcecho.GrpcEcho";

/// A GRPCRoute of `echo`, port 7070.
fn grpc_route(name: &str, rules: &str) -> String {
    route(
        "GRPCRoute",
        name,
        "{group: \"\", kind: Service, name: echo, port: 7070}",
        rules,
    )
}

/// A call of `service/method` with more headers.
fn call(method: &str, headers: &str) -> String {
    format!(
        "POST http://echo:7070/{method} content-type: application/grpc; te: trailers; {headers}"
    )
}

/// What a call ends with: who answered it, or the gRPC status.
async fn outcome(echo: &Echo, line: &str) -> String {
    let reply = echo.send(line).await;
    if !reply.by.is_empty() {
        return reply.by;
    }
    // The answers of the mesh itself are errors; their gRPC code is what their status maps to.
    match reply.status {
        404 => "UNIMPLEMENTED".to_owned(),
        503 => "UNAVAILABLE".to_owned(),
        _ => match &*reply.header("grpc-status") {
            "12" => "UNIMPLEMENTED".to_owned(),
            "14" => "UNAVAILABLE".to_owned(),
            other => panic!("{other}: {reply:?}"),
        },
    }
}

/// GRPCExactMethodMatching.
#[tokio::test]
async fn grpc_exact_method_matching() {
    let echo = Echo::new().await;
    let rules = format!(
        "- matches: [{{method: {{service: {SERVICE}, method: Echo}}}}]
  backendRefs: [{{name: echo-v1, port: 7070}}]
- matches: [{{method: {{service: {SERVICE}, method: EchoTwo}}}}]
  backendRefs: [{{name: echo-v2, port: 7070}}]"
    );
    echo.apply(&grpc_route("exact-matching", &rules));
    for (method, expected) in [
        ("Echo", "echo-v1"),
        ("EchoTwo", "echo-v2"),
        ("EchoThree", "UNIMPLEMENTED"),
    ] {
        let line = call(&format!("{SERVICE}/{method}"), "");
        assert_eq!(outcome(&echo, &line).await, expected, "{method}");
    }
    assert_eq!(echo.server("echo-v1").last().version, Version::HTTP_2);
    // What is no gRPC is none of a GRPCRoute's.
    let plain = echo
        .send(&format!("POST http://echo:7070/{SERVICE}/Echo"))
        .await;
    assert_eq!(plain.outcome(), (404, "NR"));
}

/// GRPCRouteHeaderMatching.
#[tokio::test]
async fn grpc_route_header_matching() {
    let echo = Echo::new().await;
    echo.apply(&grpc_route(
        "header-matching",
        "- matches: [{headers: [{name: version, value: one}]}]
  backendRefs: [{name: echo-v1, port: 7070}]
- matches: [{headers: [{name: version, value: two}]}]
  backendRefs: [{name: echo-v2, port: 7070}]
- matches: [{headers: [{name: version, value: two}, {name: color, value: orange}]}]
  backendRefs: [{name: echo-v1, port: 7070}]
- matches: [{headers: [{name: color, value: blue}]}, {headers: [{name: color, value: green}]}]
  backendRefs: [{name: echo-v1, port: 7070}]
- matches: [{headers: [{name: color, value: red}]}, {headers: [{name: color, value: yellow}]}]
  backendRefs: [{name: echo-v2, port: 7070}]",
    ));
    for (headers, expected) in [
        ("Version: one", "echo-v1"),
        ("Version: two", "echo-v2"),
        ("Version: two; Color: orange", "echo-v1"),
        ("Version: two; Color: blue", "echo-v2"),
        ("Color: orange", "UNIMPLEMENTED"),
        ("Some-Other-Header: one", "UNIMPLEMENTED"),
        ("Color: blue", "echo-v1"),
        ("Color: green", "echo-v1"),
        ("Color: red", "echo-v2"),
        ("Color: yellow", "echo-v2"),
        ("Color: purple", "UNIMPLEMENTED"),
    ] {
        let line = call(&format!("{SERVICE}/Echo"), headers);
        assert_eq!(outcome(&echo, &line).await, expected, "{headers}");
    }
}

/// MeshGRPCRouteWeight and GRPCRouteWeight: within five per cent of 70 and 30.
#[tokio::test]
async fn mesh_grpc_route_weight() {
    let echo = Echo::new().await;
    echo.apply(&grpc_route(
        "mesh-grpc-weighted-backends",
        "- backendRefs:
  - {name: echo-v1, port: 7070, weight: 70}
  - {name: echo-v2, port: 7070, weight: 30}
  - {name: echo-v3, port: 7070, weight: 0}",
    ));
    let [v1, v2, v3] = echo.shares(&call("s.S/M", ""), 500).await;
    assert!(
        (v1 - 70.0).abs() < 5.0 && (v2 - 30.0).abs() < 5.0,
        "{v1} {v2}"
    );
    assert!(v3 == 0.0, "{v3}");
}

/// MeshGRPCRouteRequestHeaderModifier.
#[tokio::test]
async fn mesh_grpc_route_request_header_modifier() {
    let echo = Echo::new().await;
    let rules: String = [
        ("set", "echo-v1", "set: [{name: x-header-set, value: set-overwrites-values}]"),
        ("add", "echo-v1", "add: [{name: x-header-add, value: add-appends-values}]"),
        ("remove", "echo-v1", "remove: [x-header-remove]"),
        (
            "multi",
            "echo-v2",
            "set: [{name: x-header-set-1, value: header-set-1}, {name: x-header-set-2, value: \
             header-set-2}], add: [{name: x-header-add-1, value: header-add-1}, {name: \
             x-header-add-2, value: header-add-2}], remove: [x-header-remove-1, x-header-remove-2]",
        ),
    ]
    .iter()
    .map(|(case, backend, changes)| {
        format!(
            "- matches: [{{headers: [{{name: x-test-case, value: {case}}}]}}]\n  filters: [{{type: \
             RequestHeaderModifier, requestHeaderModifier: {{{changes}}}}}]\n  backendRefs: [{{name: \
             {backend}, port: 7070}}]\n"
        )
    })
    .collect();
    echo.apply(&grpc_route("grpc-request-header-modifier", &rules));
    for (backend, headers, expected) in [
        (
            "echo-v1",
            "x-test-case: set; some-other-header: this-header-should-be-set; x-header-set: \
             this-value-should-be-overwritten",
            &[
                ("some-other-header", "this-header-should-be-set"),
                ("x-header-set", "set-overwrites-values"),
            ][..],
        ),
        (
            "echo-v1",
            "x-test-case: add; x-header-add: this-value-should-be-appended",
            &[(
                "x-header-add",
                "this-value-should-be-appended,add-appends-values",
            )],
        ),
        (
            "echo-v1",
            "x-test-case: remove; x-header-remove: this-should-be-removed",
            &[("x-header-remove", "")],
        ),
        (
            "echo-v2",
            "x-test-case: multi; x-header-set-2: set-header-2; x-header-add-2: add-header-2; \
             x-header-remove-2: should-be-removed-2",
            &[
                ("x-header-set-1", "header-set-1"),
                ("x-header-set-2", "header-set-2"),
                ("x-header-add-1", "header-add-1"),
                ("x-header-add-2", "add-header-2,header-add-2"),
                ("x-header-remove-1", ""),
                ("x-header-remove-2", ""),
            ],
        ),
    ] {
        let seen = echo.seen_by(backend, &call("s.S/M", headers)).await;
        for (name, value) in expected {
            assert_eq!(joined(&seen, name), *value, "{headers}: {name}");
        }
    }
}

/// GRPCRouteNamedRule.
#[tokio::test]
async fn grpc_route_named_rule() {
    let echo = Echo::new().await;
    echo.apply(&grpc_route(
        "grpc-named-rules",
        "- name: named-rule
  matches: [{method: {method: Echo}}]
  backendRefs: [{name: echo-v1, port: 7070}]
- matches: [{method: {method: EchoTwo}}]
  backendRefs: [{name: echo-v2, port: 7070}]",
    ));
    for (method, expected) in [("Echo", "echo-v1"), ("EchoTwo", "echo-v2")] {
        let line = call(&format!("{SERVICE}/{method}"), "");
        assert_eq!(outcome(&echo, &line).await, expected, "{method}");
    }
}

/// An invalid backend is UNAVAILABLE; and beside a GRPCRoute an HTTPRoute is not applied.
#[tokio::test]
async fn an_invalid_backend_is_unavailable_and_a_grpc_route_goes_before_others() {
    let echo = Echo::new().await;
    let beside = http_route("beside", "- backendRefs: [{name: echo-v1, port: 7070}]")
        .replace("port: 80}", "port: 7070}");
    let grpc = grpc_route("r", "- backendRefs: [{name: nonexistent, port: 7070}]");
    let loaded = echo.apply(&(beside + &grpc));
    assert_eq!(outcome(&echo, &call("s.S/M", "")).await, "UNAVAILABLE");
    let resolved = condition(&loaded, "r", ConditionType::ResolvedRefs);
    assert_eq!(resolved, (false, Reason::BackendNotFound));
    let accepted = condition(&loaded, "beside", ConditionType::Accepted);
    assert_eq!(accepted, (false, Reason::Conflicted));
}
