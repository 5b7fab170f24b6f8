//! RequestHeaderModifier and ResponseHeaderModifier, of rules and of backends.

use crate::echo::{Echo, http_route, joined};

/// What each rule of the published cases does.
const CHANGES: [(&str, &str); 5] = [
    (
        "/set",
        "set: [{name: X-Header-Set, value: set-overwrites-values}]",
    ),
    (
        "/add",
        "add: [{name: X-Header-Add, value: add-appends-values}]",
    ),
    ("/remove", "remove: [X-Header-Remove]"),
    (
        "/multiple",
        "set: [{name: X-Header-Set-1, value: header-set-1}, {name: X-Header-Set-2, value: \
         header-set-2}], add: [{name: X-Header-Add-1, value: header-add-1}, {name: X-Header-Add-2, \
         value: header-add-2}, {name: X-Header-Add-3, value: header-add-3}], remove: \
         [X-Header-Remove-1, X-Header-Remove-2]",
    ),
    (
        "/case-insensitivity",
        "set: [{name: X-Header-Set, value: header-set}], add: [{name: X-Header-Add, value: \
         header-add}], remove: [X-Header-Remove]",
    ),
];

/// Requests, and the headers that the server must see; an empty value: none.
const CASES: [(&str, &[(&str, &str)]); 7] = [
    (
        "/set Some-Other-Header: val",
        &[
            ("some-other-header", "val"),
            ("x-header-set", "set-overwrites-values"),
        ],
    ),
    (
        "/set Some-Other-Header: val; X-Header-Set: some-other-value",
        &[
            ("some-other-header", "val"),
            ("x-header-set", "set-overwrites-values"),
        ],
    ),
    (
        "/add Some-Other-Header: val",
        &[
            ("some-other-header", "val"),
            ("x-header-add", "add-appends-values"),
        ],
    ),
    (
        "/add Some-Other-Header: val; X-Header-Add: some-other-value",
        &[("x-header-add", "some-other-value,add-appends-values")],
    ),
    ("/remove X-Header-Remove: val", &[("x-header-remove", "")]),
    (
        "/multiple X-Header-Set-2: set-val-2; X-Header-Add-2: add-val-2; X-Header-Remove-2: \
         remove-val-2; Another-Header: another-header-val",
        &[
            ("x-header-set-1", "header-set-1"),
            ("x-header-set-2", "header-set-2"),
            ("x-header-add-1", "header-add-1"),
            ("x-header-add-2", "add-val-2,header-add-2"),
            ("x-header-add-3", "header-add-3"),
            ("another-header", "another-header-val"),
            ("x-header-remove-1", ""),
            ("x-header-remove-2", ""),
        ],
    ),
    (
        "/case-insensitivity x-header-set: original-val-set; x-header-add: original-val-add; \
         x-header-remove: original-val-remove; Another-Header: another-header-val",
        &[
            ("x-header-set", "header-set"),
            ("x-header-add", "original-val-add,header-add"),
            ("x-header-remove", ""),
            ("another-header", "another-header-val"),
        ],
    ),
];

async fn requests(rules: &str) {
    let echo = Echo::new().await;
    echo.apply(&http_route("mesh-request-header-modifier", rules));
    for (line, headers) in CASES {
        let seen = echo.seen_by("echo-v1", &format!("GET {line}")).await;
        for (name, value) in headers {
            assert_eq!(joined(&seen, name), *value, "{line}: {name}");
        }
    }
}

/// MeshHTTPRouteRequestHeaderModifier.
#[tokio::test]
async fn mesh_http_route_request_header_modifier() {
    let rules: String = CHANGES
        .iter()
        .map(|(path, changes)| {
            format!(
                "- matches: [{{path: {{type: PathPrefix, value: {path}}}}}]\n  filters: [{{type: \
                 RequestHeaderModifier, requestHeaderModifier: {{{changes}}}}}]\n  backendRefs: \
                 [{{name: echo-v1, port: 8080}}]\n"
            )
        })
        .collect();
    requests(&rules).await;
}

/// MeshHTTPRouteBackendRequestHeaderModifier.
#[tokio::test]
async fn mesh_http_route_backend_request_header_modifier() {
    let rules: String = CHANGES
        .iter()
        .map(|(path, changes)| {
            format!(
                "- matches: [{{path: {{type: PathPrefix, value: {path}}}}}]\n  backendRefs: [{{name: \
                 echo-v1, port: 8080, filters: [{{type: RequestHeaderModifier, \
                 requestHeaderModifier: {{{changes}}}}}]}}]\n"
            )
        })
        .collect();
    requests(&rules).await;
}

/// HTTPRouteRequestHeaderModifierBackendWeights: each backend's changes are for its own share.
#[tokio::test]
async fn http_route_request_header_modifier_backend_weights() {
    let echo = Echo::new().await;
    let backend = |name: &str| {
        format!(
            "  - {{name: {name}, port: 8080, filters: [{{type: RequestHeaderModifier, \
             requestHeaderModifier: {{set: [{{name: Backend, value: {name}}}]}}}}]}}\n"
        )
    };
    let rules = format!(
        "- backendRefs:\n{}{}",
        backend("echo-v1"),
        backend("echo-v2")
    );
    echo.apply(&http_route("r", &rules));
    for _ in 0..20 {
        echo.send("GET /").await;
    }
    for name in ["echo-v1", "echo-v2"] {
        let seen = echo.server(name).seen();
        assert!(!seen.is_empty(), "{name}");
        assert!(seen.iter().all(|s| s.header("backend") == name), "{name}");
    }
}

/// HTTPRouteResponseHeaderModifier: to what the server answers, which is `served-by` here.
#[tokio::test]
async fn http_route_response_header_modifier() {
    let echo = Echo::new().await;
    let rules: String = [
        ("/set", "set: [{name: Served-By, value: set}]"),
        ("/add", "add: [{name: Served-By, value: add}]"),
        ("/remove", "remove: [Served-By]"),
        (
            "/all",
            "set: [{name: X-Set, value: set}], add: [{name: X-Add, value: add}], remove: [Served-By]",
        ),
    ]
    .iter()
    .map(|(path, changes)| {
        format!(
            "- matches: [{{path: {{type: PathPrefix, value: {path}}}}}]\n  filters: [{{type: \
             ResponseHeaderModifier, responseHeaderModifier: {{{changes}}}}}]\n  backendRefs: \
             [{{name: echo-v1, port: 8080}}]\n"
        )
    })
    .collect();
    echo.apply(&http_route("response-header-modifier", &rules));
    for (path, name, values) in [
        ("/set", "served-by", &["set"][..]),
        ("/add", "served-by", &["echo-v1", "add"]),
        ("/remove", "served-by", &[]),
        ("/all", "served-by", &[]),
        ("/all", "x-set", &["set"]),
        ("/all", "x-add", &["add"]),
    ] {
        let reply = echo.send(&format!("GET {path}")).await;
        assert_eq!(reply.status, 200);
        let got: Vec<&str> = reply
            .headers
            .get_all(name)
            .iter()
            .map(|v| v.to_str().unwrap())
            .collect();
        assert_eq!(got, values, "{path}: {name}");
    }
}
