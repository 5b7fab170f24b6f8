//! What a route does besides forwarding.

use std::time::Duration;

use mesh_tests::{Bed, Server, get, virtual_service};
use tokio::time::Instant;

/// A bed whose service `a` has one rule, made of these lines.
async fn ruled(rule: &str) -> (Bed, Server) {
    let server = Server::start("a").await;
    let bed = Bed::with(5, &[server.address]);
    let rule = rule.trim().replace('\n', "\n  ");
    bed.start(&virtual_service("a", &format!("- {rule}"))).await;
    (bed, server)
}

#[tokio::test]
async fn rewrites_reach_the_server() {
    let route = "route: [{destination: {host: a}}]";
    for (rule, path, seen) in [
        (
            "match: [{uri: {prefix: /old}}]\nrewrite: {uri: /new}",
            "/old/1?q=2",
            "/new/1?q=2",
        ),
        (
            "match: [{uri: {exact: /old}}]\nrewrite: {uri: /new}",
            "/old?q=2",
            "/new?q=2",
        ),
        (
            "rewrite: {uriRegexRewrite: {match: '/item/([0-9]+)', rewrite: '/i/\\1/x'}}",
            "/item/7?q=2",
            "/i/7/x?q=2",
        ),
    ] {
        let (bed, server) = ruled(&format!("{rule}\n{route}")).await;
        assert_eq!(bed.get(&format!("http://a{path}")).await.status, 200);
        let last = server.last();
        assert_eq!(last.uri, seen, "{rule}");
        assert_eq!(last.header("x-envoy-original-path"), path);
        assert_eq!(last.header("host"), "a");
    }
    let (bed, server) = ruled(&format!("rewrite: {{authority: b.com}}\n{route}")).await;
    assert_eq!(bed.get("http://a/").await.status, 200);
    assert_eq!(server.last().header("host"), "b.com");
}

#[tokio::test]
async fn redirects_and_direct_responses_ask_no_server() {
    let (bed, server) = ruled("redirect: {uri: /moved, authority: b.com, redirectCode: 302}").await;
    let reply = bed.get("http://a/here?q=1").await;
    assert_eq!(reply.outcome(), (302, ""));
    assert_eq!(reply.header("location"), "http://b.com/moved?q=1");
    assert_eq!(server.hits(), 0);

    let (bed, server) =
        ruled("directResponse: {status: 418, body: {string: short and stout}}").await;
    let reply = bed.get("http://a/").await;
    assert_eq!((reply.status, &*reply.text), (418, "short and stout"));
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn headers_are_changed_both_ways() {
    let (bed, server) = ruled(
        "route:\n- destination: {host: a}\n  headers: {request: {set: {from-destination: d}}}\n\
         headers:\n  request: {set: {user: masked}, add: {tag: two}, remove: [secret]}\n  \
         response: {set: {served-by: nobody}, add: {via: mesh}}",
    )
    .await;
    let headers = [("user", "jason"), ("tag", "one"), ("secret", "42")];
    let reply = get(&bed.client, "http://a/", &headers).await;
    let last = server.last();
    let tags: Vec<_> = last.headers.get_all("tag").iter().collect();
    assert_eq!(tags, ["one", "two"]);
    assert_eq!(last.header("user"), "masked");
    assert_eq!(last.header("from-destination"), "d");
    assert!(!last.headers.contains_key("secret"));
    assert_eq!((&*reply.by, &*reply.header("via")), ("nobody", "mesh"));
}

#[tokio::test]
async fn header_values_may_have_operators() {
    let (bed, server) = ruled(
        "name: first\nrewrite: {uri: /new}\nroute: [{destination: {host: a}}]\nheaders:\n  request: \
         {set: {asked: '%REQ(user?x-user)% by %REQ(:method)%', share: '100%%'}}\n  response: {set: {code: '%RESPONSE_CODE%', to: \
         '%UPSTREAM_CLUSTER%', by: '%UPSTREAM_HOST%', was: '%RESP(served-by):1%'}}",
    )
    .await;
    let reply = get(&bed.client, "http://a/old", &[("x-user", "jason")]).await;
    let last = server.last();
    assert_eq!(last.header("asked"), "jason by GET");
    assert_eq!(last.header("share"), "100%");
    let cluster = "outbound|80||a.default.svc.cluster.local";
    for (name, value) in [
        ("code", "200"),
        ("to", cluster),
        ("by", &*server.address.to_string()),
        ("was", "a"),
    ] {
        assert_eq!(reply.header(name), value, "{name}");
    }
}

#[tokio::test]
async fn faults_delay_and_abort() {
    let route = "route: [{destination: {host: a}}]";
    let (bed, server) = ruled(&format!(
        "fault: {{delay: {{fixedDelay: 200ms, percentage: {{value: 100}}}}}}\n{route}"
    ))
    .await;
    let began = Instant::now();
    assert_eq!(bed.get("http://a/").await.by, "a");
    assert!(began.elapsed() >= Duration::from_millis(200));
    assert_eq!(server.hits(), 1);

    let (bed, server) = ruled(&format!(
        "fault: {{abort: {{httpStatus: 429, percentage: {{value: 25}}}}}}\n{route}"
    ))
    .await;
    let mut aborted = 0;
    for _ in 0..400 {
        let reply = bed.get("http://a/").await;
        match reply.status {
            429 => aborted += 1,
            _ => assert_eq!(reply.by, "a"),
        }
    }
    // Binomial: 100 expected, standard deviation 8.7.
    assert!((57..=143).contains(&aborted), "{aborted}");
    assert_eq!(server.hits(), 400 - aborted);
    let flagged = bed.counters.flagged(
        mesh_core::telemetry::Side::Client,
        mesh_core::Flag::FaultInjected,
    );
    assert_eq!(flagged as usize, aborted);
}
