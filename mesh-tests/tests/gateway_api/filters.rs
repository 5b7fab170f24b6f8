//! URLRewrite; filters of single backends.

use crate::echo::{Echo, http_route, joined};

pub(crate) const MODIFY: &str = "{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: \
                      X-Header-Set, value: set-overwrites-values}], add: [{name: X-Header-Add, \
                      value: header-val-1}, {name: X-Header-Add-Append, value: header-val-2}], \
                      remove: [X-Header-Remove]}}";

pub(crate) const TO_MODIFY: &str = "X-Header-Remove: remove-val; X-Header-Add-Append: append-val-1; \
                         X-Header-Set: set-val";

/// What `MODIFY` makes of `TO_MODIFY`.
pub(crate) const MODIFIED: [(&str, &str); 4] = [
    ("x-header-add", "header-val-1"),
    ("x-header-add-append", "append-val-1,header-val-2"),
    ("x-header-set", "set-overwrites-values"),
    ("x-header-remove", ""),
];

/// MeshHTTPRouteRewritePath and HTTPRouteRewritePath.
#[tokio::test]
async fn mesh_http_route_rewrite_path() {
    let echo = Echo::new().await;
    let prefix = |to: &str| format!("type: ReplacePrefixMatch, replacePrefixMatch: {to}");
    let full = |to: &str| format!("type: ReplaceFullPath, replaceFullPath: {to}");
    let rules: String = [
        ("/prefix/one", prefix("/one"), ""),
        ("/strip-prefix", prefix("/"), ""),
        ("/full/one", full("/one"), ""),
        ("/full/rewrite-path-and-modify-headers", full("/test"), MODIFY),
        ("/prefix/rewrite-path-and-modify-headers", prefix("/prefix"), MODIFY),
    ]
    .iter()
    .map(|(path, modifier, filter)| {
        format!(
            "- matches: [{{path: {{type: PathPrefix, value: {path}}}}}]\n  filters: [{{type: \
             URLRewrite, urlRewrite: {{path: {{{modifier}}}}}}}, {filter}]\n  backendRefs: [{{name: \
             echo-v1, port: 80}}]\n"
        )
        .replace(", ]", "]")
    })
    .collect();
    echo.apply(&http_route("mesh-rewrite-path", &rules));
    for (path, expected) in [
        ("/prefix/one/two", "/one/two"),
        ("/strip-prefix/three", "/three"),
        ("/strip-prefix", "/"),
        ("/full/one/two", "/one"),
        ("/full/rewrite-path-and-modify-headers/test", "/test"),
        ("/prefix/rewrite-path-and-modify-headers/one", "/prefix/one"),
    ] {
        let seen = echo
            .seen_by("echo-v1", &format!("GET {path} {TO_MODIFY}"))
            .await;
        assert_eq!(seen.uri.path(), expected, "{path}");
        if path.contains("modify") {
            for (name, value) in MODIFIED {
                assert_eq!(joined(&seen, name), value, "{path}: {name}");
            }
        }
    }
}

/// HTTPRouteRewriteHost.
#[tokio::test]
async fn http_route_rewrite_host() {
    let echo = Echo::new().await;
    let rewrite = |host: &str| format!("{{type: URLRewrite, urlRewrite: {{hostname: {host}}}}}");
    echo.apply(&http_route(
        "rewrite-host",
        &format!(
            "- matches: [{{path: {{type: PathPrefix, value: /one}}}}]
  filters: [{}]
  backendRefs: [{{name: echo-v1, port: 8080}}]
- filters: [{}]
  backendRefs: [{{name: echo-v2, port: 8080}}]
- matches: [{{path: {{type: PathPrefix, value: /rewrite-host-and-modify-headers}}}}]
  filters: [{}, {MODIFY}]
  backendRefs: [{{name: echo-v2, port: 8080}}]",
            rewrite("one.example.org"),
            rewrite("example.org"),
            rewrite("test.example.org"),
        ),
    ));
    for (path, by, host) in [
        ("/one", "echo-v1", "one.example.org"),
        ("/two", "echo-v2", "example.org"),
        (
            "/rewrite-host-and-modify-headers",
            "echo-v2",
            "test.example.org",
        ),
    ] {
        let seen = echo.seen_by(by, &format!("GET {path} {TO_MODIFY}")).await;
        assert_eq!((seen.uri.path(), seen.header("host")), (path, host));
        if path.contains("modify") {
            for (name, value) in MODIFIED {
                assert_eq!(joined(&seen, name), value, "{path}: {name}");
            }
        }
    }
}

/// HTTPRouteBackendURLRewrite: of one backend, whatever the other's is.
#[tokio::test]
async fn http_route_backend_url_rewrite() {
    let echo = Echo::new().await;
    echo.apply(&http_route(
        "backend-rewrite",
        "- backendRefs:
  - name: echo-v1
    port: 8080
    filters: [{type: URLRewrite, urlRewrite: {hostname: one.example.org, path: {type: ReplaceFullPath, replaceFullPath: /one}}}]
  - name: echo-v2
    port: 8080
    filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /two}}}]
  - name: echo-v3
    port: 8080",
    ));
    for _ in 0..40 {
        assert_eq!(echo.send("GET /path?q=1").await.status, 200);
    }
    for (name, host, path) in [
        ("echo-v1", "one.example.org", "/one?q=1"),
        ("echo-v2", "echo", "/two?q=1"),
        ("echo-v3", "echo", "/path?q=1"),
    ] {
        let seen = echo.server(name).seen();
        assert!(seen.len() > 5, "{name}: {}", seen.len());
        for seen in seen {
            assert_eq!(seen.header("host"), host, "{name}");
            assert_eq!(seen.uri.to_string(), path, "{name}");
        }
    }
}

/// HTTPRouteBackendRequestRedirect: the share of one backend is redirected.
#[tokio::test]
async fn http_route_backend_request_redirect() {
    let echo = Echo::new().await;
    echo.apply(&http_route(
        "backend-redirect",
        "- backendRefs:
  - {name: echo-v1, port: 8080}
  - name: echo-v2
    port: 8080
    filters: [{type: RequestRedirect, requestRedirect: {hostname: example.org}}]",
    ));
    let mut redirected = 0;
    for _ in 0..40 {
        let reply = echo.send("GET /path").await;
        match reply.status {
            302 => {
                assert_eq!(reply.header("location"), "http://example.org/path");
                redirected += 1;
            }
            status => assert_eq!((status, &*reply.by), (200, "echo-v1")),
        }
    }
    assert!((10..30).contains(&redirected), "{redirected}");
    assert_eq!(echo.server("echo-v2").hits(), 0);
}
