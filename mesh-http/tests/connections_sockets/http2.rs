//! HTTP/2: sharing, limits of streams, refusals, GOAWAY.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Version};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use mesh_core::{
    Failure,
    policy::{Http2KeepAlive, HttpProtocol},
};
use mesh_http::{Body, BodyEnd, connections::SendErrorKind};
use tokio::net::TcpStream;

use super::{faults::Broken, support::*};

type Server = h2::server::Connection<TcpStream, Bytes>;
type Accepted = (Request<h2::RecvStream>, h2::server::SendResponse<Bytes>);

async fn handshake(raw: &Raw) -> Server {
    let peer = raw.accept().await;
    within(h2::server::handshake(peer.0)).await.unwrap()
}

async fn next(server: &mut Server) -> Accepted {
    within(server.accept()).await.unwrap().unwrap()
}

/// Drives the connection until it ends.
fn drive(mut server: Server) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move { while let Some(Ok(_)) = server.accept().await {} })
}

fn head() -> Response<()> {
    Response::new(())
}

#[tokio::test]
async fn requests_share_a_connection() {
    let echo = Echo::start(HttpProtocol::Http2, 1000).await;
    let set = http2_set(echo.address);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..64 {
        let set = set.clone();
        tasks.spawn(async move {
            for _ in 0..20 {
                let body = format!("task {n}");
                assert_eq!(exchange(&set, post("/", body.clone(), "POST")).await, body);
            }
        });
    }
    within(tasks.join_all()).await;
    assert_eq!(echo.accepted(), 1);
}

#[tokio::test]
async fn another_connection_is_opened_past_our_limit_of_streams() {
    let echo = Echo::start(HttpProtocol::Http2, 1000).await;
    let mut cluster = cluster(HttpProtocol::Http2);
    cluster.connection_pool.max_concurrent_streams = 2;
    let set = set_of(echo.address, &cluster);
    let mut held = Vec::new();
    for expected in [1, 1, 2, 2, 3] {
        let (body, parts) = parts();
        held.push((send(&set, post("/", body, "POST")).await.unwrap(), parts));
        assert_eq!(echo.accepted(), expected);
    }
    drop(held.remove(1));
    exchange(&set, get("/")).await;
    assert_eq!(echo.accepted(), 3);
}

#[tokio::test]
async fn the_peers_limit_of_streams_is_kept() {
    let echo = Echo::start(HttpProtocol::Http2, 2).await;
    let set = http2_set(echo.address);
    // Its SETTINGS arrive with the first response.
    exchange(&set, get("/")).await;
    exchange(&set, get("/")).await;
    let mut held = Vec::new();
    for expected in [1, 1, 2] {
        let (body, parts) = parts();
        held.push((send(&set, post("/", body, "POST")).await.unwrap(), parts));
        assert_eq!(echo.accepted(), expected);
    }
}

#[tokio::test]
async fn the_authority_is_a_pseudo_header_and_hop_by_hop_headers_are_gone() {
    let raw = Raw::bind().await;
    let set = http2_set(raw.address());
    let mut request = get("/a?b");
    for (name, value) in [
        ("host", "v2.reviews"),
        ("connection", "keep-alive, x-hop"),
        ("x-hop", "1"),
        ("keep-alive", "5"),
        ("te", "gzip"),
        ("x-kept", "1"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let first = spawn_send(&set, request);
    let mut server = handshake(&raw).await;
    let (seen, mut respond) = next(&mut server).await;
    assert_eq!(seen.uri(), "http://v2.reviews/a?b");
    assert_eq!(seen.version(), Version::HTTP_2);
    assert_eq!(seen.headers().len(), 1, "{:?}", seen.headers());
    assert_eq!(seen.headers()["x-kept"], "1");
    respond.send_response(head(), true).unwrap();

    let mut request = get("/grpc");
    request
        .headers_mut()
        .insert("te", "trailers".parse().unwrap());
    let second = spawn_send(&set, request);
    let (seen, mut respond) = next(&mut server).await;
    assert_eq!(seen.uri(), "http://reviews:9080/grpc");
    assert_eq!(seen.headers()["te"], "trailers");
    respond.send_response(head(), true).unwrap();
    let server = drive(server);
    within(first).await.unwrap().unwrap();
    within(second).await.unwrap().unwrap();
    drop(set);
    within(server).await.unwrap();
}

#[tokio::test]
async fn trailers_tell_the_grpc_status() {
    let raw = Raw::bind().await;
    let set = http2_set(raw.address());
    let request = spawn_send(&set, get("/"));
    let mut server = handshake(&raw).await;
    let (_, mut respond) = next(&mut server).await;
    let mut stream = respond.send_response(head(), false).unwrap();
    stream.send_data("data".into(), false).unwrap();
    let trailers = [("grpc-status".parse().unwrap(), "14".parse().unwrap())];
    stream
        .send_trailers(HeaderMap::from_iter(trailers))
        .unwrap();
    drive(server);
    let ends = Arc::new(Mutex::new(Vec::new()));
    let told = ends.clone();
    let response = within(request).await.unwrap().unwrap();
    let mut body = response.into_body();
    body.on_end(move |end| told.lock().unwrap().push(end));
    within(body.collect()).await.unwrap();
    let complete = BodyEnd::Complete {
        grpc_status: Some(14),
    };
    assert_eq!(*ends.lock().unwrap(), [complete]);
}

#[tokio::test]
async fn a_refused_stream_was_not_sent_and_a_reset_one_was() {
    let raw = Raw::bind().await;
    let set = http2_set(raw.address());
    let first = spawn_send(&set, get("/1"));
    let mut server = handshake(&raw).await;
    let mut expected = vec![
        (h2::Reason::REFUSED_STREAM, Failure::RefusedStream, false),
        (h2::Reason::INTERNAL_ERROR, Failure::Reset, true),
    ];
    let mut request = Some(first);
    while let Some((reason, kind, sent)) = expected.pop() {
        let sending = request
            .take()
            .unwrap_or_else(|| spawn_send(&set, get("/2")));
        let (_, mut respond) = next(&mut server).await;
        respond.send_reset(reason);
        let error = tokio::select! {
            error = within(sending) => error.unwrap().unwrap_err(),
            _ = server.accept() => panic!("no further request"),
        };
        assert_eq!(failure(&error), kind, "{error}");
        assert_eq!(error.sent, sent);
    }
    assert!(!raw.has_another().await);
}

#[tokio::test]
async fn a_request_body_that_fails_is_the_callers_failure() {
    let raw = Raw::bind().await;
    let set = http2_set(raw.address());
    let request = spawn_send(&set, post("/", Body::new(Broken), "POST"));
    let mut server = handshake(&raw).await;
    let (_, _unanswered) = next(&mut server).await;
    drive(server);
    let error = within(request).await.unwrap().unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Request, "{error}");
}

#[tokio::test]
async fn the_authority_has_no_userinfo() {
    let raw = Raw::bind().await;
    let set = http2_set(raw.address());
    let mut request = get("/");
    *request.uri_mut() = "http://user:secret@reviews/".parse().unwrap();
    let _sending = spawn_send(&set, request);
    let mut server = handshake(&raw).await;
    let (seen, _) = next(&mut server).await;
    assert_eq!(seen.uri(), "http://reviews/");
}

/// A server that speaks frames.
struct Frames(Peer);

impl Frames {
    async fn accept(raw: &Raw) -> Self {
        let mut peer = raw.accept().await;
        assert_eq!(
            &peer.exactly::<24>().await,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        );
        let mut frames = Self(peer);
        frames.write(4, 0, 0, &[]).await;
        frames
    }

    async fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.0.write(frame).await;
    }

    /// The stream of the next frame of `kind`.
    async fn read(&mut self, kind: u8) -> u32 {
        loop {
            let head = self.0.exactly::<9>().await;
            for _ in 0..u32::from_be_bytes([0, head[0], head[1], head[2]]) {
                self.0.exactly::<1>().await;
            }
            if head[3] == kind {
                return u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            }
        }
    }

    async fn go_away(&mut self, last: u32, code: u32) {
        let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
        self.write(GOAWAY, 0, 0, &payload).await;
    }

    /// `:status: 200` and nothing else.
    async fn respond(&mut self, stream: u32) {
        self.write(HEADERS, 0x5, stream, &[0x88]).await;
    }
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;

#[tokio::test]
async fn goaway_refuses_streams_above_its_last_and_lets_the_others_end() {
    let raw = Raw::bind().await;
    for code in [0, 2] {
        let set = http2_set(raw.address());
        let first = spawn_send(&set, get("/1"));
        let mut old = Frames::accept(&raw).await;
        let first_stream = old.read(HEADERS).await;
        // A body that is a stream is gone once it was begun; whole ones are still at hand.
        let streamed = Request::post("http://svc/2")
            .body(Body::new(StreamBody::new(futures_util::stream::pending::<
                Result<Frame<Bytes>, std::io::Error>,
            >())))
            .unwrap();
        let second = spawn_send(&set, streamed);
        assert!(old.read(HEADERS).await > first_stream);
        let third = spawn_send(&set, get("/3"));
        assert!(old.read(HEADERS).await > first_stream);
        old.go_away(first_stream, code).await;
        let error = within(second).await.unwrap().unwrap_err();
        assert_eq!(failure(&error), Failure::RefusedStream, "{error}");
        assert!(!error.sent);

        // What was left out goes to a new connection at once, while the old one ends in peace.
        let mut new = Frames::accept(&raw).await;
        let stream = new.read(HEADERS).await;
        new.respond(stream).await;
        within(third).await.unwrap().unwrap();
        old.respond(first_stream).await;
        within(first).await.unwrap().unwrap();
        old.0.closed().await;
    }
}

#[tokio::test]
async fn goaway_on_an_idle_connection_costs_no_request() {
    let raw = Raw::bind().await;
    let set = http2_set(raw.address());
    for _ in 0..4 {
        let request = spawn_send(&set, get("/"));
        let mut peer = Frames::accept(&raw).await;
        let stream = peer.read(HEADERS).await;
        peer.respond(stream).await;
        within(request).await.unwrap().unwrap();
        peer.go_away(stream, 0).await;
        settle().await;
    }
}

#[tokio::test]
async fn a_connection_that_ends_disconnects_its_streams() {
    let raw = Raw::bind().await;
    let set = http2_set(raw.address());
    let requests: Vec<_> = (0..2).map(|_| spawn_send(&set, get("/"))).collect();
    let mut peer = Frames::accept(&raw).await;
    peer.read(HEADERS).await;
    peer.read(HEADERS).await;
    drop(peer);
    for request in requests {
        let error = within(request).await.unwrap().unwrap_err();
        assert_eq!(failure(&error), Failure::Disconnect, "{error}");
        assert!(error.sent);
    }
}

#[tokio::test]
async fn a_cancelled_request_resets_its_stream_only() {
    let raw = Raw::bind().await;
    let set = http2_set(raw.address());
    let cancelled = spawn_send(&set, get("/1"));
    let mut peer = Frames::accept(&raw).await;
    let stream = peer.read(HEADERS).await;
    cancelled.abort();
    assert_eq!(peer.read(RST_STREAM).await, stream);

    let half_read = spawn_send(&set, get("/2"));
    let stream = peer.read(HEADERS).await;
    peer.write(HEADERS, 0x4, stream, &[0x88]).await;
    peer.write(0, 0, stream, b"half").await;
    let mut body = within(half_read).await.unwrap().unwrap().into_body();
    within(body.frame()).await.unwrap().unwrap();
    drop(body);
    assert_eq!(peer.read(RST_STREAM).await, stream);

    let next = spawn_send(&set, get("/3"));
    let stream = peer.read(HEADERS).await;
    peer.respond(stream).await;
    within(next).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_silent_peer_is_found_by_ping() {
    let raw = Raw::bind().await;
    let mut cluster = cluster(HttpProtocol::Http2);
    cluster.connection_pool.http2_keep_alive = Some(Http2KeepAlive {
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(5),
    });
    let set = set_of(raw.address(), &cluster);
    let request = spawn_send(&set, get("/"));
    let mut peer = Frames::accept(&raw).await;
    peer.read(HEADERS).await;
    tokio::time::pause();
    let error = request.await.unwrap().unwrap_err();
    assert_eq!(failure(&error), Failure::Disconnect, "{error}");
}

#[tokio::test]
async fn the_requests_version_chooses_the_protocol() {
    let raw = Raw::bind().await;
    let set = set_of(raw.address(), &cluster(HttpProtocol::Downstream));
    let first = spawn_send(&set, get("/"));
    raw.accept().await.answer(OK).await;
    within(first).await.unwrap().unwrap();

    let mut request = get("/");
    *request.version_mut() = Version::HTTP_2;
    let second = spawn_send(&set, request);
    let mut peer = Frames::accept(&raw).await;
    let stream = peer.read(HEADERS).await;
    peer.respond(stream).await;
    let response = within(second).await.unwrap().unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    let _: &Body = response.body();
}
