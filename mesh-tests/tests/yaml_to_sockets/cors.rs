//! `corsPolicy`: what browsers are told.

use http::{Method, Request};
use mesh_http::Body;
use mesh_tests::{Bed, Reply, Server, get, virtual_service, within};
use tower::ServiceExt;

async fn preflight(bed: &Bed, origin: &str) -> Reply {
    let request = Request::builder()
        .method(Method::OPTIONS)
        .uri("http://a/")
        .header("origin", origin)
        .header("access-control-request-method", "GET")
        .body(Body::empty())
        .unwrap();
    within(async { Reply::of(bed.client.clone().oneshot(request).await).await }).await
}

async fn with_policy(more: &str) -> (Bed, Server) {
    let server = Server::start("a").await;
    let bed = Bed::with(5, &[server.address]);
    let rule = format!(
        "- corsPolicy: {{allowOrigins: [{{exact: 'https://a.com'}}, {{prefix: 'https://b.'}}], \
         allowMethods: [GET, PUT], allowHeaders: [x-a], exposeHeaders: [x-b, x-c], maxAge: 2m, \
         allowCredentials: true{more}}}\n  route: [{{destination: {{host: a}}}}]"
    );
    bed.start(&virtual_service("a", &rule)).await;
    (bed, server)
}

#[tokio::test]
async fn a_preflight_is_answered_here_and_a_response_is_marked() {
    let (bed, server) = with_policy("").await;
    for origin in ["https://a.com", "https://b.org"] {
        let reply = preflight(&bed, origin).await;
        assert_eq!((reply.status, &*reply.by, &*reply.text), (200, "", ""));
        for (name, value) in [
            ("allow-origin", origin),
            ("allow-methods", "GET,PUT"),
            ("allow-headers", "x-a"),
            ("expose-headers", "x-b,x-c"),
            ("max-age", "120"),
            ("allow-credentials", "true"),
        ] {
            assert_eq!(reply.header(&format!("access-control-{name}")), value);
        }
    }
    assert_eq!(server.hits(), 0);
    for (origin, allowed, exposed) in [
        ("https://a.com", "https://a.com", "x-b,x-c"),
        ("https://c.com", "", ""),
    ] {
        let reply = get(&bed.client, "http://a/", &[("origin", origin)]).await;
        assert_eq!(reply.by, "a");
        assert_eq!(reply.header("access-control-allow-origin"), allowed);
        assert_eq!(reply.header("access-control-expose-headers"), exposed);
    }
}

#[tokio::test]
async fn preflights_of_others_go_to_the_server_unless_they_are_ignored() {
    for (more, by) in [
        ("", "a"),
        (", unmatchedPreflights: FORWARD", "a"),
        (", unmatchedPreflights: IGNORE", ""),
    ] {
        let (bed, server) = with_policy(more).await;
        let reply = preflight(&bed, "https://c.com").await;
        assert_eq!((reply.status, &*reply.by), (200, by), "{more}");
        assert_eq!(reply.header("access-control-allow-origin"), "", "{more}");
        assert_eq!(server.hits(), usize::from(by == "a"), "{more}");
    }
}
