//! HTTP/1.1: reuse, framing, upgrades, the head.

use std::sync::{Arc, Mutex};

use http::{Request, StatusCode, Version};
use http_body_util::BodyExt;
use mesh_core::policy::{Address, HttpProtocol};
use mesh_http::{
    Body, BodyEnd,
    connections::{ConnectionSet, SendErrorKind},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::support::*;

#[tokio::test]
async fn a_thousand_sequential_requests_use_one_connection() {
    let echo = Echo::http1().await;
    let set = http1_set(echo.address);
    for n in 0..1000 {
        let body = format!("request {n}");
        assert_eq!(exchange(&set, post("/", body.clone(), "POST")).await, body);
    }
    assert_eq!(echo.accepted(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_at_once_use_no_more_connections() {
    let echo = Echo::http1().await;
    let set = http1_set(echo.address);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let set = set.clone();
        tasks.spawn(async move {
            for _ in 0..50 {
                assert_eq!(exchange(&set, post("/", "hello", "POST")).await, "hello");
            }
        });
    }
    within(tasks.join_all()).await;
    assert!((1..=64).contains(&echo.accepted()), "{}", echo.accepted());
    drop(set);
    echo.all_closed().await;
}

#[tokio::test]
async fn the_connection_freed_last_is_used_first() {
    let raw = Raw::bind().await;
    let set = http1_set(raw.address());
    let first = spawn_send(&set, get("/1"));
    let mut a = raw.accept().await;
    a.head().await;
    let second = spawn_send(&set, get("/2"));
    let mut b = raw.accept().await;
    b.head().await;
    b.write(OK).await;
    read(within(second).await.unwrap().unwrap()).await;
    a.write(OK).await;
    read(within(first).await.unwrap().unwrap()).await;

    let third = spawn_send(&set, get("/3"));
    assert!(a.answer(OK).await.starts_with("GET /3 "));
    within(third).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_response_without_body_returns_the_connection_at_its_head() {
    let raw = Raw::bind().await;
    let set = http1_set(raw.address());
    let answers = [
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200),
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", 200),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", 204),
        (
            "GET",
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
            304,
        ),
        (
            "GET",
            "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            200,
        ),
    ];
    let mut held = Vec::new();
    let mut peer = None;
    for (method, answer, status) in answers {
        let request = spawn_send(&set, post("/", Body::empty(), method));
        if peer.is_none() {
            peer = Some(raw.accept().await);
        }
        if let Some(peer) = &mut peer {
            assert!(peer.answer(answer).await.starts_with(method));
        }
        let response = within(request).await.unwrap().unwrap();
        assert_eq!(response.status().as_u16(), status);
        held.push(response);
    }
    assert!(!raw.has_another().await);
}

#[tokio::test]
async fn chunked_bodies_and_trailers_pass() {
    let raw = Raw::bind().await;
    let set = http1_set(raw.address());
    let request = spawn_send(&set, get("/"));
    let mut peer = raw.accept().await;
    peer.answer(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: grpc-status\r\n\r\n\
         2\r\nab\r\n3\r\ncde\r\n0\r\ngrpc-status: 5\r\n\r\n",
    )
    .await;
    let ends = Arc::new(Mutex::new(Vec::new()));
    let told = ends.clone();
    let response = within(request).await.unwrap().unwrap();
    let mut body = response.into_body();
    body.on_end(move |end| told.lock().unwrap().push(end));
    let body = within(body.collect()).await.unwrap();
    assert_eq!(body.trailers().unwrap()["grpc-status"], "5");
    assert_eq!(body.to_bytes(), "abcde");
    let complete = BodyEnd::Complete {
        grpc_status: Some(5),
    };
    assert_eq!(*ends.lock().unwrap(), [complete]);

    let again = spawn_send(&set, get("/2"));
    peer.answer(OK).await;
    assert_eq!(read(within(again).await.unwrap().unwrap()).await, "ok");
}

#[tokio::test]
async fn a_peer_that_closes_after_its_response_is_not_reused() {
    let raw = Raw::bind().await;
    let set = http1_set(raw.address());
    for answer in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        // Delimited by the end of the connection.
        "HTTP/1.0 200 OK\r\n\r\nok",
    ] {
        let request = spawn_send(&set, get("/"));
        let mut peer = raw.accept().await;
        peer.answer(answer).await;
        peer.0.shutdown().await.unwrap();
        assert_eq!(read(within(request).await.unwrap().unwrap()).await, "ok");
        peer.closed().await;
    }
}

#[tokio::test]
async fn the_head_is_in_origin_form_with_a_host() {
    let raw = Raw::bind().await;
    let set = http1_set(raw.address());
    let with_host = |uri: &str, host: Option<&str>| {
        let mut request = Request::builder().uri(uri).version(Version::HTTP_2);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        request.body(Body::empty()).unwrap()
    };
    let cases = [
        (
            with_host("http://reviews:9080/a?b=c", None),
            "/a?b=c",
            "reviews:9080",
        ),
        (with_host("http://reviews:9080", None), "/", "reviews:9080"),
        (
            with_host("http://user:secret@reviews/x", None),
            "/x",
            "reviews",
        ),
        (
            with_host("http://reviews/x", Some("v2.reviews")),
            "/x",
            "v2.reviews",
        ),
        (with_host("/x", Some("v2.reviews")), "/x", "v2.reviews"),
    ];
    let mut peer = None;
    for (request, path, host) in cases {
        let request = spawn_send(&set, request);
        if peer.is_none() {
            peer = Some(raw.accept().await);
        }
        let head = peer.as_mut().unwrap().answer(OK).await;
        assert_eq!(head, format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n"));
        read(within(request).await.unwrap().unwrap()).await;
    }

    let nameless = send(&set, with_host("/x", None)).await.unwrap_err();
    assert_eq!(nameless.kind, SendErrorKind::Request);
    assert!(!nameless.sent && nameless.request.is_some());
}

#[tokio::test]
async fn an_upgraded_connection_is_the_callers() {
    let raw = Raw::bind().await;
    let set = http1_set(raw.address());
    let mut request = get("/chat");
    for (name, value) in [("connection", "upgrade"), ("upgrade", "websocket")] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let request = spawn_send(&set, request);
    let mut peer = raw.accept().await;
    assert!(peer.head().await.contains("upgrade: websocket"));
    peer.write(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhi",
    )
    .await;
    let mut response = within(request).await.unwrap().unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let upgraded = within(hyper::upgrade::on(&mut response)).await.unwrap();
    let mut upgraded = hyper_util::rt::TokioIo::new(upgraded);
    let mut greeting = [0; 2];
    within(upgraded.read_exact(&mut greeting)).await.unwrap();
    assert_eq!(&greeting, b"hi");
    upgraded.write_all(b"ping").await.unwrap();
    assert_eq!(&peer.exactly::<4>().await, b"ping");

    // A further request needs a connection of its own.
    let other = spawn_send(&set, get("/"));
    raw.accept().await.answer(OK).await;
    within(other).await.unwrap().unwrap();
    drop((upgraded, response));
    peer.closed().await;
}

#[tokio::test]
async fn a_unix_socket_is_an_address_too() {
    let path = std::env::temp_dir().join(format!("mesh-connections-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let options = (&cluster(HttpProtocol::Http1)).into();
    let set = Arc::new(ConnectionSet::new(Address::Unix(path.clone()), options));
    let request = spawn_send(&set, get("/"));
    let (mut peer, _) = within(listener.accept()).await.unwrap();
    peer.write_all(OK.as_bytes()).await.unwrap();
    assert_eq!(read(within(request).await.unwrap().unwrap()).await, "ok");
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn an_early_response_frees_the_connection_when_the_request_is_done() {
    let raw = Raw::bind().await;
    let set = http1_set(raw.address());
    let (body, mut parts) = parts();
    let request = spawn_send(&set, post("/", body, "POST"));
    let mut peer = raw.accept().await;
    peer.answer("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        .await;
    assert_eq!(read(within(request).await.unwrap().unwrap()).await, "ok");

    let other = spawn_send(&set, get("/2"));
    let mut second = raw.accept().await;
    second
        .answer("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")
        .await;
    read(within(other).await.unwrap().unwrap()).await;
    second.closed().await;

    parts.send("late".into()).await;
    drop(parts);
    let mut rest = Vec::new();
    while !rest.ends_with(b"0\r\n\r\n") {
        rest.extend(peer.exactly::<1>().await);
    }
    settle().await;
    let third = spawn_send(&set, get("/3"));
    assert!(peer.answer(OK).await.starts_with("GET /3"));
    within(third).await.unwrap().unwrap();
    assert!(!raw.has_another().await);
}

#[tokio::test]
async fn an_early_response_to_an_endless_request_frees_the_socket_in_time() {
    let raw = Raw::bind().await;
    let set = http1_set(raw.address());
    let (body, parts) = parts();
    let request = spawn_send(&set, post("/", body, "POST"));
    let mut peer = raw.accept().await;
    peer.answer("HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")
        .await;
    read(within(request).await.unwrap().unwrap()).await;
    settle().await;
    tokio::time::pause();
    tokio::time::sleep(cluster(HttpProtocol::Http1).connect_timeout).await;
    tokio::time::resume();
    peer.closed().await;
    assert!(parts.is_closed());
}
