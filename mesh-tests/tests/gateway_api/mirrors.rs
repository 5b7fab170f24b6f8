//! RequestMirror.

use mesh_tests::{Seen, until};

use crate::{
    echo::{Echo, http_route, joined},
    filters::{MODIFIED, MODIFY, TO_MODIFY},
};

/// A filter that copies requests to a server; `share` is empty or one of its fields.
fn mirror(to: &str, share: &str) -> String {
    format!(
        "{{type: RequestMirror, requestMirror: {{backendRef: {{name: {to}, port: 8080}}{share}}}}}"
    )
}

/// A rule to `echo-v1` with these filters.
fn rule(path: &str, filters: &[String]) -> String {
    format!(
        "- matches: [{{path: {{type: PathPrefix, value: {path}}}}}]\n  filters: [{}]\n  backendRefs: \
         [{{name: echo-v1, port: 8080}}]\n",
        filters.join(", ")
    )
}

/// The copies of requests for `path` that reached a server.
fn copies(echo: &Echo, server: &str, path: &str) -> Vec<Seen> {
    let seen = echo.server(server).seen().into_iter();
    seen.filter(|s| s.uri.path() == path).collect()
}

/// The only copy of a request for `path`. Nobody waits for copies, so they may come later.
async fn copied(echo: &Echo, server: &str, path: &str) -> Seen {
    until("a copy arrives", || !copies(echo, server, path).is_empty()).await;
    let mut copies = copies(echo, server, path);
    assert_eq!(copies.len(), 1, "{server} {path}");
    copies.remove(0)
}

/// HTTPRouteRequestMirror.
#[tokio::test]
async fn http_route_request_mirror() {
    let echo = Echo::new().await;
    let to_v2 = || mirror("echo-v2", "");
    echo.apply(&http_route(
        "request-mirror",
        &(rule("/mirror", &[to_v2()])
            + &rule("/mirror-and-modify-headers", &[MODIFY.to_owned(), to_v2()])),
    ));
    let seen = echo.seen_by("echo-v1", "GET /mirror?q=1").await;
    let copy = copied(&echo, "echo-v2", "/mirror").await;
    assert_eq!((&copy.method, &copy.uri), (&seen.method, &seen.uri));
    // The host is what it was: there is no `-shadow` behind it.
    assert_eq!((copy.header("host"), seen.header("host")), ("echo", "echo"));

    let path = "/mirror-and-modify-headers";
    echo.seen_by("echo-v1", &format!("GET {path} {TO_MODIFY}"))
        .await;
    let copy = copied(&echo, "echo-v2", path).await;
    for (name, value) in MODIFIED {
        assert_eq!(joined(&copy, name), value, "{name}");
    }
    assert_eq!(echo.server("echo-v3").hits(), 0);
}

/// HTTPRouteRequestMultipleMirrors.
#[tokio::test]
async fn http_route_request_multiple_mirrors() {
    let echo = Echo::new().await;
    let both = [mirror("echo-v2", ""), mirror("echo-v3", "")];
    let [to_v2, to_v3] = both.clone();
    echo.apply(&http_route(
        "request-multiple-mirrors",
        &(rule("/multi-mirror", &both)
            + &rule(
                "/multi-mirror-and-modify-headers",
                &[MODIFY.to_owned(), to_v2, to_v3],
            )),
    ));
    for path in ["/multi-mirror", "/multi-mirror-and-modify-headers"] {
        echo.seen_by("echo-v1", &format!("GET {path} {TO_MODIFY}"))
            .await;
        for server in ["echo-v2", "echo-v3"] {
            let copy = copied(&echo, server, path).await;
            if path.contains("modify") {
                for (name, value) in MODIFIED {
                    assert_eq!(joined(&copy, name), value, "{server}: {name}");
                }
            }
        }
    }
}

/// HTTPRouteRequestPercentageMirror.
#[tokio::test]
async fn http_route_request_percentage_mirror() {
    let echo = Echo::new().await;
    let share = |to, share: &str| mirror(to, &format!(", {share}"));
    let last = [mirror("echo-v2", ""), mirror("echo-v3", "")];
    echo.apply(&http_route(
        "request-percentage-mirror",
        &(rule("/percent-mirror", &[share("echo-v2", "percent: 20")])
            + &rule(
                "/percent-mirror-fraction",
                &[share(
                    "echo-v2",
                    "fraction: {numerator: 25, denominator: 50}",
                )],
            )
            + &rule(
                "/percent-multi-mirror",
                &[
                    share("echo-v2", "percent: 35"),
                    share("echo-v3", "percent: 50"),
                ],
            )
            + &rule("/never", &[share("echo-v2", "percent: 0")])
            + &rule("/last", &last)),
    ));
    const COUNT: usize = 300;
    let paths = [
        "/percent-mirror",
        "/percent-mirror-fraction",
        "/percent-multi-mirror",
        "/never",
    ];
    for path in paths {
        for _ in 0..COUNT {
            echo.seen_by("echo-v1", &format!("GET {path}")).await;
        }
    }
    // Copies that are always made, after all others.
    echo.seen_by("echo-v1", "GET /last").await;
    for server in ["echo-v2", "echo-v3"] {
        copied(&echo, server, "/last").await;
    }
    for (path, server, percent) in [
        ("/percent-mirror", "echo-v2", 20.0),
        ("/percent-mirror-fraction", "echo-v2", 50.0),
        ("/percent-multi-mirror", "echo-v2", 35.0),
        ("/percent-multi-mirror", "echo-v3", 50.0),
        ("/never", "echo-v2", 0.0),
    ] {
        let got = 100.0 * copies(&echo, server, path).len() as f64 / COUNT as f64;
        // Binomial: the standard deviation is at most 2.9.
        let margin = if percent == 0.0 { 0.0 } else { 12.0 };
        assert!((got - percent).abs() <= margin, "{path} {server}: {got} %");
    }
}
