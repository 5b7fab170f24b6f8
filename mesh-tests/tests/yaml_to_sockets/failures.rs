//! Bad input and faults: what the caller gets for each. `docs/failures.md` is the table; its last
//! test keeps it to these.

use std::{fs, future::pending, io, net::SocketAddr, time::Duration};

use http::Request;
use mesh_http::{Body, Client};
use mesh_tests::{
    Act, Bed, Closed, Peer, Reply, Server, Silent, document, line_of, until, virtual_service,
    within,
};
use mesh_xds::dns::{Resolve, ResolveFuture};
use tokio::time::Instant;
use tower::ServiceExt;

const URL: &str = "http://a/";

/// Status, flag, and whether the request may have reached somebody.
type Outcome = (u16, &'static str, bool);

/// Gives `yaml` to a mesh that works: it must be refused with `place` and `words`, at the start as
/// well as in an edit, and traffic must go on.
async fn refused(yaml: &str, line: usize, words: &str) {
    let server = Server::start("a").await;
    let bed = Bed::with(1, &[server.address]);
    bed.start(&virtual_service("a", "- route: [{destination: {host: a}}]"))
        .await;

    bed.dir.write("mesh.yaml", yaml);
    let began = Instant::now();
    let at_start = bed.source().load().unwrap_err().to_string();
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");

    let told = || bed.mesh.status().last_error;
    until("the error is told", || told().is_some()).await;
    for error in [at_start, told().unwrap()] {
        let place = format!("mesh.yaml:{line}: ");
        assert!(error.contains(&place), "{error}\nhas no {place}");
        assert!(error.contains(words), "{error}\nhas no {words}");
    }
    let reply = bed.get(URL).await;
    assert_eq!(
        (reply.status, &*reply.by),
        (200, "a"),
        "the last good config serves"
    );
    assert_eq!(bed.mesh.status().version, 1);
}

#[tokio::test]
async fn malformed_yaml() {
    let yaml = virtual_service("a", "- route: [{destination: {host: a}}]\n  timeout: [1s");
    refused(&yaml, line_of(&yaml, "[1s"), "unclosed").await;
}

#[tokio::test]
async fn alias_bomb() {
    let mut yaml = String::from("a: &a [x, x, x, x, x, x, x, x, x, x]\n");
    for (this, last) in ('b'..='i').zip('a'..) {
        let aliases = vec![format!("*{last}"); 10].join(", ");
        yaml += &format!("{this}: &{this} [{aliases}]\n");
    }
    // 10⁹ nodes, were they all made: it stops long before.
    refused(&yaml, 5, "alias").await;
}

#[tokio::test]
async fn bad_regex() {
    let yaml = virtual_service(
        "a",
        "- match:\n  - uri: {regex: '/item/(unclosed'}\n  route: [{destination: {host: a}}]",
    );
    refused(&yaml, line_of(&yaml, "unclosed"), "regex").await;
}

#[tokio::test]
async fn all_weights_zero() {
    let yaml = virtual_service(
        "a",
        "- route:\n  - {destination: {host: a}, weight: 0}\n  - {destination: {host: b}, weight: 0}",
    );
    refused(&yaml, line_of(&yaml, "route:"), "all weights are 0").await;
}

/// Of several rules for one host the oldest has it, then the first by name; the others are noted.
#[tokio::test]
async fn overlapping_hosts() {
    let server = Server::start("a").await;
    let bed = Bed::with(1, &[server.address]);
    let answer = |name: &str, status: u32| {
        let spec = format!("hosts: [a]\nhttp: [{{directResponse: {{status: {status}}}}}]");
        document("VirtualService", name, &spec)
    };
    let yaml = answer("second", 202) + &answer("first", 201);
    bed.start(&yaml).await;
    assert_eq!(bed.get(URL).await.status, 201);
    let notes = bed.source().load().unwrap().notes;
    let place = "mesh.yaml:6: ";
    let noted = notes.iter().find(|note| note.to_string().contains(place));
    let noted = noted
        .unwrap_or_else(|| panic!("nothing at {place} in {notes:?}"))
        .to_string();
    assert!(
        noted.starts_with("not applied: ") && noted.contains("first"),
        "{noted}"
    );
}

#[tokio::test]
async fn overlapping_hosts_of_one_rule() {
    let yaml = virtual_service("\"*.com\", a.com", "- directResponse: {status: 200}");
    let words = "`a.com` overlaps with `*.com` of the same rule";
    refused(&yaml, line_of(&yaml, "hosts:"), words).await;
}

/// What a GET to an `a` with these endpoints comes to, and how long it took.
async fn outcome(endpoints: &[SocketAddr], yaml: &str) -> (Outcome, Reply, Duration) {
    let bed = Bed::with(1, endpoints);
    bed.start(yaml).await;
    let began = Instant::now();
    let reply = bed.get(URL).await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    until("nothing is counted as under way", || {
        bed.counters.active(mesh_core::telemetry::Side::Client) == 0
    })
    .await;
    ((reply.status, reply.flag, reply.was_sent), reply, took)
}

fn route(rest: &str) -> String {
    virtual_service(
        "a",
        &format!("- route: [{{destination: {{host: a}}}}]\n  {rest}"),
    )
}

#[tokio::test]
async fn unknown_host() {
    let server = Server::start("a").await;
    let bed = Bed::with(1, &[server.address]);
    bed.start("").await;
    let reply = bed.get("http://nobody/").await;
    assert_eq!(
        (reply.status, reply.flag, reply.was_sent),
        (404, "NR", false)
    );
    assert!(
        reply.text.contains("no virtual host for `nobody`"),
        "{}",
        reply.text
    );
}

#[tokio::test]
async fn unknown_subset() {
    let server = Server::start("a").await;
    let rule = virtual_service("a", "- route: [{destination: {host: a, subset: v9}}]");
    let (outcome, reply, _) = outcome(&[server.address], &rule).await;
    assert_eq!(outcome, (503, "NC", false));
    // The line that leads there.
    assert!(reply.text.contains("mesh.yaml:8: "), "{}", reply.text);
    assert!(
        reply
            .text
            .contains("outbound|80|v9|a.default.svc.cluster.local"),
        "{}",
        reply.text
    );
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn empty_cluster() {
    let rule = document(
        "ServiceEntry",
        "a",
        "hosts: [a]\nports: [{number: 80, name: http, protocol: HTTP}]\nresolution: STATIC",
    );
    let (outcome, reply, _) = outcome(&[], &rule).await;
    assert_eq!(outcome, (503, "UH", false));
    assert!(reply.text.contains("it has no endpoints"), "{}", reply.text);
}

#[tokio::test]
async fn everybody_ejected() {
    let server = Server::start("a").await;
    server.answer(500);
    let bed = Bed::with(1, &[server.address]);
    let policy = "host: a\ntrafficPolicy: {outlierDetection: {consecutive5xxErrors: 1, maxEjectionPercent: 100}}";
    bed.start(&document("DestinationRule", "a", policy)).await;
    assert_eq!(bed.get(URL).await.status, 500);
    let reply = bed.get(URL).await;
    assert_eq!(
        (reply.status, reply.flag, reply.was_sent),
        (503, "UH", false)
    );
    assert!(
        reply
            .text
            .contains("1 endpoint, 1 ejected, last error: 500"),
        "{}",
        reply.text
    );
    assert_eq!(server.hits(), 1);
}

/// Knows nobody, or does not answer at all.
#[derive(Clone, Copy, Debug)]
enum Names {
    Unknown,
    Hang,
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, _: &'a str) -> ResolveFuture<'a> {
        Box::pin(async move {
            match self {
                Self::Unknown => Err(io::ErrorKind::NotFound.into()),
                Self::Hang => pending().await,
            }
        })
    }
}

/// Neither keeps a program from starting. (`discovery` has a failure after an answer.)
#[tokio::test]
async fn dns_failure() {
    for names in [Names::Unknown, Names::Hang] {
        let bed = Bed::new(1);
        let entry =
            "hosts: [a.com]\nports: [{number: 80, name: http, protocol: HTTP}]\nresolution: DNS";
        bed.dir
            .write("mesh.yaml", &document("ServiceEntry", "a", entry));
        let began = Instant::now();
        bed.source()
            .with_resolver(names)
            .start(&bed.mesh)
            .await
            .unwrap();
        let took = began.elapsed();
        assert!(took < Duration::from_secs(8), "{names:?} {took:?}");
        let reply = bed.get("http://a.com/").await;
        assert_eq!(
            (reply.status, reply.flag, reply.was_sent),
            (503, "UH", false)
        );
    }
}

#[tokio::test]
async fn refused_connection() {
    let closed = Closed::new();
    let (outcome, reply, _) = outcome(&[closed.address], "").await;
    assert_eq!(outcome, (503, "UF", false));
    assert_eq!(reply.flags, "URX,UF");
    // The default policy tried it three times.
    assert!(reply.text.contains("after 3 attempts"), "{}", reply.text);
    assert!(
        reply.text.contains(&closed.address.to_string()),
        "{}",
        reply.text
    );
}

#[tokio::test]
async fn connect_that_hears_nothing() {
    let silent = Silent::new();
    let pool = "host: a\ntrafficPolicy: {connectionPool: {tcp: {connectTimeout: 100ms}}}";
    let yaml = document("DestinationRule", "a", pool) + &route("retries: {attempts: 0}");
    let (outcome, reply, took) = outcome(&[silent.address], &yaml).await;
    assert_eq!(outcome, (503, "UF", false));
    assert!(reply.text.contains("within 100ms"), "{}", reply.text);
    assert!(took >= Duration::from_millis(100), "{took:?}");
}

#[tokio::test]
async fn peer_stalls() {
    let peer = Peer::start(Act::Stall).await;
    let (outcome, reply, took) = outcome(&[peer.address], &route("timeout: 200ms")).await;
    assert_eq!(outcome, (504, "UT", true));
    assert!(reply.text.contains("the route's timeout"), "{}", reply.text);
    assert!(took >= Duration::from_millis(200), "{took:?}");
    until("its connection is closed", || peer.open() == 0).await;
    assert_eq!(peer.hits(), 1, "a timeout is not retried by default");
}

/// Without any timeout configured, a call still does not wait for ever.
#[tokio::test]
async fn peer_stalls_without_a_timeout() {
    let peer = Peer::start(Act::Stall).await;
    let bed = Bed::with(1, &[peer.address]);
    bed.start("").await;
    let client = Client::builder(&bed.mesh)
        .idle_timeout(Duration::from_millis(200))
        .build();
    let reply = mesh_tests::get(&client, URL, &[]).await;
    assert_eq!(
        (reply.status, reply.flag, reply.was_sent),
        (504, "SI", true)
    );
    until("its connection is closed", || peer.open() == 0).await;
}

#[tokio::test]
async fn peer_resets() {
    for act in [Act::Reset, Act::Close] {
        let peer = Peer::start(act).await;
        let (outcome, _, _) = outcome(&[peer.address], "").await;
        assert_eq!(outcome, (503, "UC", true), "{act:?}");
        assert_eq!(peer.hits(), 1, "not retried: it may have been acted on");
        until("its connection is closed", || peer.open() == 0).await;
    }
}

#[tokio::test]
async fn peer_sends_garbage() {
    for text in ["SSH-2.0-OpenSSH_9.6\r\n", "HTTP/1.1 2x0 OK\r\n\r\n"] {
        let peer = Peer::start(Act::WriteAndStall(text)).await;
        let (outcome, _, _) = outcome(&[peer.address], "").await;
        assert_eq!(outcome, (502, "UPE", true), "{text:?}");
        until("its connection is closed", || peer.open() == 0).await;
    }
}

#[tokio::test]
async fn half_a_head() {
    let peer = Peer::start(Act::Write("HTTP/1.1 200 OK\r\ncontent-le")).await;
    let (outcome, _, _) = outcome(&[peer.address], "").await;
    assert_eq!(outcome, (503, "UC", true));
    until("its connection is closed", || peer.open() == 0).await;
}

const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";

/// The head was good and has been passed on: reading the body fails.
#[tokio::test]
async fn half_a_body() {
    let peer = Peer::start(Act::Write(HALF)).await;
    let bed = Bed::with(1, &[peer.address]);
    bed.start("").await;
    let response = within(bed.client.get(URL).send()).await.unwrap();
    assert_eq!(response.status(), 200);
    let error = within(response.into_body().text()).await.unwrap_err();
    assert_eq!(
        (error.status().as_u16(), error.flag().as_str()),
        (503, "UC")
    );
    assert!(error.was_sent());
    assert!(error.to_string().contains("broke off"), "{error}");
    until("its connection is closed", || peer.open() == 0).await;
    assert_eq!(bed.cluster().endpoints()[0].in_flight, 0);
}

#[tokio::test]
async fn body_stalls() {
    let peer = Peer::start(Act::WriteAndStall(HALF)).await;
    let bed = Bed::with(1, &[peer.address]);
    bed.start(&route("timeout: 300ms")).await;
    let response = within(bed.client.get(URL).send()).await.unwrap();
    let error = within(response.into_body().text()).await.unwrap_err();
    assert_eq!(
        (error.status().as_u16(), error.flag().as_str()),
        (504, "UT")
    );
    assert!(error.was_sent());
    until("its connection is closed", || peer.open() == 0).await;
    assert_eq!(bed.cluster().endpoints()[0].in_flight, 0);
}

/// Dropped at every point of a call: nothing stays behind, and nobody is blamed.
#[tokio::test]
async fn cancelled_request() {
    let server = Server::start("a").await;
    server.hold(true);
    let bed = Bed::with(1, &[server.address]);
    let detect = "host: a\ntrafficPolicy: {outlierDetection: {consecutive5xxErrors: 1}}";
    bed.start(&document("DestinationRule", "a", detect)).await;
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let client = bed.client.clone();
            tokio::spawn(async move { client.get(URL).send().await.map(drop) })
        })
        .collect();
    until("all are under way", || server.hits() == 20).await;
    for call in &calls {
        call.abort();
    }
    until("nothing is counted as under way", || {
        bed.counters.active(mesh_core::telemetry::Side::Client) == 0
            && bed.endpoint(server.address).in_flight == 0
    })
    .await;
    until("their connections are closed", || server.open() == 0).await;
    server.hold(false);
    assert_eq!(
        bed.get(URL).await.status,
        200,
        "the endpoint was not blamed"
    );
    assert_eq!(bed.endpoint(server.address).ejections, 0);
}

#[tokio::test]
async fn breaker_open() {
    let server = Server::start("a").await;
    server.hold(true);
    let bed = Bed::with(1, &[server.address]);
    let pool = "host: a\ntrafficPolicy: {connectionPool: {http: {http2MaxRequests: 1}}}";
    bed.start(&document("DestinationRule", "a", pool)).await;
    let client = bed.client.clone();
    let first = tokio::spawn(async move { Reply::of(client.get(URL).send().await).await });
    until("the first is under way", || server.hits() == 1).await;
    let reply = bed.get(URL).await;
    assert_eq!(
        (reply.status, reply.flag, reply.was_sent),
        (503, "UO", false)
    );
    server.hold(false);
    assert_eq!(within(first).await.unwrap().status, 200);
}

#[tokio::test]
async fn request_without_a_host() {
    let bed = Bed::new(1);
    bed.start("").await;
    let request = Request::get("/path").body(Body::empty()).unwrap();
    let reply = Reply::of(within(bed.client.clone().oneshot(request)).await).await;
    assert_eq!(
        (reply.status, reply.flag, reply.was_sent),
        (400, "IH", false)
    );
}

/// The page and these tests name each other: a row without its test, or a test without its row,
/// fails here.
#[test]
fn the_page_lists_these_tests() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/failures.md");
    let page = fs::read_to_string(page).unwrap();
    let rows = page.lines().filter_map(|line| {
        let cell = line.strip_suffix(" |")?.rsplit(" | ").next()?;
        cell.strip_prefix('`')?.strip_suffix('`')
    });
    let mut rows: Vec<&str> = rows.collect();
    let tests = include_str!("failures.rs").lines();
    let mut tests: Vec<&str> = tests
        .filter_map(|line| line.strip_prefix("async fn ")?.strip_suffix("() {"))
        .collect();
    // Those of connections are among the tests of all that connections do.
    let connections = include_str!("connections.rs");
    rows.retain(|row| !connections.contains(&format!("async fn {row}() {{")));
    rows.sort_unstable();
    tests.sort_unstable();
    assert_eq!(rows, tests);
}
