//! RequestRedirect.

use crate::echo::{Echo, http_route};

/// A rule for `path` with these fields of a redirect.
fn rule(path: &str, fields: &str) -> String {
    format!(
        "- matches: [{{path: {{type: PathPrefix, value: {path}}}}}]\n  filters: [{{type: \
         RequestRedirect, requestRedirect: {{{fields}}}}}]\n"
    )
}

/// Applies rules, and expects a status and a `Location` of each path.
async fn expect(rules: &[(&str, &str)], cases: &[(&str, u16, &str)]) {
    let echo = Echo::new().await;
    let rules: String = rules
        .iter()
        .map(|(path, fields)| rule(path, fields))
        .collect();
    echo.apply(&http_route("mesh-redirect", &rules));
    for (path, status, location) in cases {
        let reply = echo.send(&format!("GET {path}")).await;
        let got = (reply.status, &*reply.header("location"));
        assert_eq!(got, (*status, *location), "{path}");
    }
    for server in ["echo-v1", "echo-v2", "echo-v3"] {
        assert_eq!(echo.server(server).hits(), 0, "{server}");
    }
}

/// MeshHTTPRouteRedirectHostAndStatus.
#[tokio::test]
async fn mesh_http_route_redirect_host_and_status() {
    expect(
        &[
            ("/hostname-redirect", "hostname: example.org"),
            ("/host-and-status", "statusCode: 301, hostname: example.org"),
        ],
        &[
            (
                "/hostname-redirect",
                302,
                "http://example.org/hostname-redirect",
            ),
            (
                "/host-and-status",
                301,
                "http://example.org/host-and-status",
            ),
        ],
    )
    .await;
}

/// MeshHTTPRouteRedirectPath.
#[tokio::test]
async fn mesh_http_route_redirect_path() {
    let prefix = |to: &str| format!("path: {{type: ReplacePrefixMatch, replacePrefixMatch: {to}}}");
    let full = |to: &str| format!("path: {{type: ReplaceFullPath, replaceFullPath: {to}}}");
    let replaced = prefix("/replacement-prefix");
    expect(
        &[
            ("/original-prefix", &replaced),
            ("/full", &full("/full-path-replacement")),
            (
                "/path-and-host",
                &format!("hostname: example.org, {replaced}"),
            ),
            ("/path-and-status", &format!("statusCode: 301, {replaced}")),
            (
                "/full-path-and-host",
                &format!("hostname: example.org, {}", full("/replacement-full")),
            ),
            (
                "/full-path-and-status",
                &format!("statusCode: 301, {}", full("/replacement-full")),
            ),
        ],
        &[
            (
                "/original-prefix/lemon",
                302,
                "http://echo/replacement-prefix/lemon",
            ),
            (
                "/full/path/original",
                302,
                "http://echo/full-path-replacement",
            ),
            (
                "/path-and-host",
                302,
                "http://example.org/replacement-prefix",
            ),
            ("/path-and-status", 301, "http://echo/replacement-prefix"),
            (
                "/full-path-and-host",
                302,
                "http://example.org/replacement-full",
            ),
            ("/full-path-and-status", 301, "http://echo/replacement-full"),
        ],
    )
    .await;
}

/// MeshHTTPRouteRedirectPort.
#[tokio::test]
async fn mesh_http_route_redirect_port() {
    expect(
        &[
            ("/port", "port: 8083"),
            ("/port-and-host", "port: 8083, hostname: example.org"),
            ("/port-and-status", "port: 8083, statusCode: 301"),
            (
                "/port-and-host-and-status",
                "port: 8083, hostname: example.org, statusCode: 302",
            ),
        ],
        &[
            ("/port", 302, "http://echo:8083/port"),
            (
                "/port-and-host",
                302,
                "http://example.org:8083/port-and-host",
            ),
            ("/port-and-status", 301, "http://echo:8083/port-and-status"),
            (
                "/port-and-host-and-status",
                302,
                "http://example.org:8083/port-and-host-and-status",
            ),
        ],
    )
    .await;
}

/// MeshHTTPRouteSchemeRedirect.
#[tokio::test]
async fn mesh_http_route_scheme_redirect() {
    expect(
        &[
            ("/scheme", "scheme: https"),
            ("/scheme-and-host", "hostname: example.org, scheme: https"),
            ("/scheme-and-status", "scheme: https, statusCode: 301"),
            (
                "/scheme-and-host-and-status",
                "scheme: https, hostname: example.org, statusCode: 302",
            ),
        ],
        &[
            ("/scheme", 302, "https://echo/scheme"),
            (
                "/scheme-and-host",
                302,
                "https://example.org/scheme-and-host",
            ),
            ("/scheme-and-status", 301, "https://echo/scheme-and-status"),
            (
                "/scheme-and-host-and-status",
                302,
                "https://example.org/scheme-and-host-and-status",
            ),
        ],
    )
    .await;
}

/// MeshHTTPRoute303Redirect, MeshHTTPRoute307Redirect, MeshHTTPRoute308Redirect.
#[tokio::test]
async fn mesh_http_route_303_307_308_redirect() {
    expect(
        &[
            ("/redirect", "statusCode: 303"),
            ("/temporary", "statusCode: 307"),
            ("/permanent", "statusCode: 308"),
        ],
        &[
            ("/redirect", 303, "http://echo/redirect"),
            ("/temporary", 307, "http://echo/temporary"),
            ("/permanent", 308, "http://echo/permanent"),
        ],
    )
    .await;
}

/// HTTPRouteRedirectPortAndScheme: the cases of a listener on port 80, and the same on 8080.
#[tokio::test]
async fn http_route_redirect_port_and_scheme() {
    let rules = [
        ("/scheme-nil-and-port-nil", "hostname: example.org"),
        ("/scheme-nil-and-port-80", "hostname: example.org, port: 80"),
        (
            "/scheme-nil-and-port-8080",
            "hostname: example.org, port: 8080",
        ),
        (
            "/scheme-https-and-port-nil",
            "hostname: example.org, scheme: https",
        ),
        (
            "/scheme-https-and-port-443",
            "hostname: example.org, scheme: https, port: 443",
        ),
        (
            "/scheme-https-and-port-8443",
            "hostname: example.org, scheme: https, port: 8443",
        ),
    ];
    let echo = Echo::new().await;
    let rules: String = rules
        .iter()
        .map(|(path, fields)| rule(path, fields))
        .collect();
    // Both ports of the Service.
    echo.apply(&http_route("r", &rules).replace(", port: 80}]\n  rules", "}]\n  rules"));
    for (path, on_80, on_8080) in [
        (
            "/scheme-nil-and-port-nil",
            "http://example.org",
            "http://example.org:8080",
        ),
        (
            "/scheme-nil-and-port-80",
            "http://example.org",
            "http://example.org",
        ),
        (
            "/scheme-nil-and-port-8080",
            "http://example.org:8080",
            "http://example.org:8080",
        ),
        (
            "/scheme-https-and-port-nil",
            "https://example.org",
            "https://example.org",
        ),
        (
            "/scheme-https-and-port-443",
            "https://example.org",
            "https://example.org",
        ),
        (
            "/scheme-https-and-port-8443",
            "https://example.org:8443",
            "https://example.org:8443",
        ),
    ] {
        for (listener, origin) in [("http://echo", on_80), ("http://echo:8080", on_8080)] {
            let reply = echo.send(&format!("GET {listener}{path}")).await;
            let got = (reply.status, reply.header("location"));
            assert_eq!(got, (302, format!("{origin}{path}")), "{listener}");
        }
    }
}
