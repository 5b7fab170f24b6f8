//! CORS.

use mesh_tests::Reply;

use crate::echo::{Echo, http_route};

fn rule(path: &str, cors: &str) -> String {
    format!(
        "- matches: [{{path: {{type: PathPrefix, value: {path}}}}}]\n  filters: [{{type: CORS, cors: \
         {{{cors}}}}}]\n  backendRefs: [{{name: echo-v1, port: 8080}}]\n"
    )
}

async fn preflight(echo: &Echo, path: &str, origin: &str, method: &str) -> Reply {
    let reply = echo
        .send(&format!(
            "OPTIONS {path} origin: {origin}; access-control-request-method: {method}; \
             access-control-request-headers: x-header-1, x-header-2"
        ))
        .await;
    // No server is asked.
    assert_eq!((reply.status, &*reply.by), (200, ""), "{path} {origin}");
    reply
}

/// HTTPRouteCORS.
#[tokio::test]
async fn http_route_cors() {
    let echo = Echo::new().await;
    let lists = "allowOrigins: ['https://www.foo.com', 'https://*.bar.com'], allowMethods: [GET, \
                 OPTIONS], allowHeaders: [x-header-1, x-header-2], exposeHeaders: [x-header-3, \
                 x-header-4], allowCredentials: true, maxAge: 3600";
    let foo = "allowOrigins: ['https://www.foo.com'], ";
    echo.apply(&http_route(
        "cors",
        &(rule("/cors-1", lists)
            + &rule("/cors-2", &format!("{foo}allowMethods: ['*']"))
            + &rule(
                "/cors-wildcard-origin",
                "allowOrigins: ['*'], allowMethods: ['*']",
            )
            + &rule(
                "/cors-wildcard-methods-headers",
                &format!("{foo}allowMethods: ['*'], allowHeaders: ['*'], exposeHeaders: ['*']"),
            )),
    ));
    let allowed = |reply: &Reply| reply.header("access-control-allow-origin");

    for origin in [
        "https://www.foo.com",
        "https://www.bar.com",
        "https://xpto.www.bar.com",
    ] {
        let reply = preflight(&echo, "/cors-1", origin, "GET").await;
        assert_eq!(allowed(&reply), origin);
        for (name, value) in [
            ("allow-methods", "GET,OPTIONS"),
            ("allow-headers", "x-header-1,x-header-2"),
            ("expose-headers", "x-header-3,x-header-4"),
            ("max-age", "3600"),
            ("allow-credentials", "true"),
        ] {
            let name = format!("access-control-{name}");
            assert_eq!(reply.header(&name), value, "{name}");
        }
    }
    let reply = preflight(&echo, "/cors-1", "https://foobar.com", "GET").await;
    assert_eq!(allowed(&reply), "");
    assert_eq!(echo.server("echo-v1").hits(), 0);

    for (origin, expected) in [
        ("https://www.foo.com", "https://www.foo.com"),
        ("https://www.bar.com", "https://www.bar.com"),
        ("https://foobar.com", ""),
    ] {
        let reply = echo.send(&format!("GET /cors-1 origin: {origin}")).await;
        assert_eq!((reply.status, &*reply.by), (200, "echo-v1"));
        assert_eq!(allowed(&reply), expected);
    }

    let reply = preflight(&echo, "/cors-2", "https://www.foo.com", "POST").await;
    assert_eq!(allowed(&reply), "https://www.foo.com");
    assert_eq!(reply.header("access-control-allow-methods"), "POST");
    assert_eq!(reply.header("access-control-allow-credentials"), "");

    for origin in ["https://foobar.com", "https://foobar.com:12345"] {
        let reply = preflight(&echo, "/cors-wildcard-origin", origin, "PUT").await;
        assert_eq!(allowed(&reply), origin);
        assert_eq!(reply.header("access-control-allow-methods"), "PUT");
        let line = format!("PUT /cors-wildcard-origin origin: {origin}");
        let reply = echo.send(&line).await;
        assert_eq!(
            (&*reply.by, &*allowed(&reply)),
            ("echo-v1", origin),
            "{line}"
        );
    }

    let path = "/cors-wildcard-methods-headers";
    let reply = preflight(&echo, path, "https://www.foo.com", "PATCH").await;
    assert_eq!(reply.header("access-control-allow-methods"), "PATCH");
    let headers = reply.header("access-control-allow-headers");
    assert_eq!(headers, "x-header-1, x-header-2");
}
