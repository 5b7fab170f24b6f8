//! Copies of requests: `mirror` with its shares, and `mirrors`.

use mesh_tests::{Bed, Seen, Server, until, virtual_service};

/// Services `a`, `b` and `c`, and the rules of `a`.
async fn mirrored(rules: &str) -> (Bed, [Server; 3]) {
    let servers = [
        Server::start("a").await,
        Server::start("b").await,
        Server::start("c").await,
    ];
    let mut bed = Bed::new(5);
    for (host, server) in ["a", "b", "c"].iter().zip(&servers) {
        bed.add(host, 80, "v1", server.address);
    }
    bed.start(&virtual_service("a", rules)).await;
    (bed, servers)
}

fn copies(server: &Server, path: &str) -> Vec<Seen> {
    let seen = server.seen().into_iter();
    seen.filter(|s| s.uri.path() == path).collect()
}

#[tokio::test]
async fn a_mirror_gets_what_the_server_got() {
    let (bed, [a, b, c]) = mirrored(
        "- match: [{uri: {prefix: /old}}]
  mirror: {host: b}
  rewrite: {uri: /new}
  headers: {request: {set: {added: by-the-route}}}
  route: [{destination: {host: a}}]",
    )
    .await;
    // What becomes of a copy is not the caller's business.
    b.answer(503);
    let reply = bed.get("http://a/old?q=1").await;
    assert_eq!((reply.status, &*reply.by), (200, "a"));
    until("the copy arrives", || b.hits() == 1).await;
    for seen in [a.last(), b.last()] {
        assert_eq!(seen.uri, "/new?q=1");
        assert_eq!(seen.header("host"), "a");
        assert_eq!(seen.header("added"), "by-the-route");
        assert_eq!(seen.header("x-envoy-attempt-count"), "1");
    }
    assert_eq!((a.hits(), b.hits(), c.hits()), (1, 1, 0));
}

#[tokio::test]
async fn mirrors_have_a_share_each() {
    let route = "route: [{destination: {host: a}}]";
    let exact = |path: &str| format!("- match: [{{uri: {{exact: {path}}}}}]\n  {route}\n  ");
    let rules = exact("/one")
        + "mirror: {host: b}\n  mirrorPercentage: {value: 25}\n"
        + &exact("/two")
        + "mirrors: [{destination: {host: b}, percentage: {value: 50}}, {destination: {host: c}}]\n"
        + &exact("/none")
        + "mirror: {host: b}\n  mirrorPercentage: {value: 0}\n"
        + &exact("/last")
        + "mirrors: [{destination: {host: b}}, {destination: {host: c}}]\n";
    let (bed, [a, b, c]) = mirrored(&rules).await;
    const COUNT: usize = 300;
    for path in ["/one", "/two", "/none"] {
        for _ in 0..COUNT {
            assert_eq!(bed.get(&format!("http://a{path}")).await.by, "a");
        }
    }
    // Copies that are always made, after all others.
    assert_eq!(bed.get("http://a/last").await.by, "a");
    for server in [&b, &c] {
        until("the last copy", || copies(server, "/last").len() == 1).await;
    }
    let (one, two) = (copies(&b, "/one").len(), copies(&b, "/two").len());
    // Binomial: 75 and 150 expected, standard deviations 7.5 and 8.7.
    assert!((40..=110).contains(&one), "{one}");
    assert!((110..=190).contains(&two), "{two}");
    assert_eq!(copies(&c, "/two").len(), COUNT);
    assert_eq!(
        (copies(&b, "/none").len(), copies(&c, "/one").len()),
        (0, 0)
    );
    assert_eq!(a.hits(), 3 * COUNT + 1);
}
