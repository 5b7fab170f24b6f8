//! Peers that refuse, stall, break off or talk nonsense.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use http_body_util::BodyExt;
use mesh_core::{Failure, Flag, policy::HttpProtocol};
use mesh_http::{BodyEnd, connections::Limits};
use tokio::{io::AsyncReadExt, net::TcpListener};

use super::support::*;

#[tokio::test]
async fn a_refused_connect_fails_all_who_wait_and_says_why() {
    let address = Raw::bind().await.address();
    for protocol in [HttpProtocol::Http1, HttpProtocol::Http2] {
        let set = set_of(address, &cluster(protocol));
        let waiting: Vec<_> = (0..3).map(|_| spawn_send(&set, get("/a"))).collect();
        for request in waiting {
            let error = within(request).await.unwrap().unwrap_err();
            assert_eq!(failure(&error), Failure::Connect);
            assert!(!error.sent);
            let text = error.to_string().to_lowercase();
            assert!(
                text.contains("refused") && text.contains("127.0.0.1"),
                "{text}"
            );
            let request = error.request.unwrap();
            assert_eq!(request.uri(), "http://reviews:9080/a");
        }
    }
}

#[tokio::test]
async fn a_connect_without_answer_ends_at_its_timeout() {
    let (_listener, address, _queued) = black_hole();
    let set = http1_set(address);
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let waiting: Vec<_> = (0..2).map(|_| spawn_send(&set, get("/"))).collect();
    for request in waiting {
        let error = request.await.unwrap().unwrap_err();
        assert_eq!(failure(&error), Failure::ConnectTimeout);
        assert!(!error.sent && error.request.is_some());
        assert!(error.to_string().contains("within 5s"), "{error}");
    }
    assert!(start.elapsed() < Duration::from_secs(6));
}

#[tokio::test]
async fn a_caller_may_wait_less() {
    let (_listener, address, _queued) = black_hole();
    let set = http1_set(address);
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let limits = Limits {
        max_wait: Some(Duration::from_secs(1)),
        ..Limits::default()
    };
    let error = set.send(get("/"), limits).await.unwrap_err();
    assert_eq!(failure(&error), Failure::ConnectTimeout);
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_broken_response_is_no_response() {
    let raw = Raw::bind().await;
    let set = http1_set(raw.address());
    for (bytes, expected) in [
        ("garbage garbage garbage\r\n\r\n", Failure::Protocol),
        ("HTTP/1.1 two hundred\r\n\r\n", Failure::Protocol),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
            Failure::Protocol,
        ),
        ("HTTP/1.1 200 OK\r\ncontent-le", Failure::Disconnect),
        ("", Failure::Disconnect),
    ] {
        let request = spawn_send(&set, get("/"));
        let mut peer = raw.accept().await;
        peer.answer(bytes).await;
        drop(peer);
        let error = within(request).await.unwrap().unwrap_err();
        assert_eq!(failure(&error), expected, "{bytes:?}: {error}");
        assert!(error.sent && error.request.is_none());
    }
}

#[tokio::test]
async fn a_reset_before_the_head_is_a_disconnect() {
    let raw = Raw::bind().await;
    let set = http1_set(raw.address());
    let request = spawn_send(&set, get("/"));
    let mut peer = raw.accept().await;
    peer.head().await;
    peer.reset();
    let error = within(request).await.unwrap().unwrap_err();
    assert_eq!(failure(&error), Failure::Disconnect);
    assert!(error.sent);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error_and_ends_the_connection() {
    let raw = Raw::bind().await;
    let set = http1_set(raw.address());
    for reset in [false, true] {
        let request = spawn_send(&set, get("/"));
        let mut peer = raw.accept().await;
        peer.answer("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
            .await;
        let ends = Arc::new(Mutex::new(Vec::new()));
        let told = ends.clone();
        let response = within(request).await.unwrap().unwrap();
        let mut body = response.into_body();
        body.on_end(move |end| told.lock().unwrap().push(end));
        let half = within(body.frame()).await.unwrap().unwrap();
        assert_eq!(half.into_data().unwrap(), "half");
        if reset {
            peer.reset();
        } else {
            drop(peer);
        }
        within(body.frame()).await.unwrap().unwrap_err();
        let closed = BodyEnd::Error {
            failure: Some(Failure::Disconnect),
            flag: Flag::UpstreamConnectionTermination,
        };
        assert_eq!(*ends.lock().unwrap(), [closed]);
    }
}

#[tokio::test]
async fn a_connection_the_peer_closed_is_not_picked() {
    let raw = Raw::bind().await;
    let set = http1_set(raw.address());
    for n in 0..3 {
        let request = spawn_send(&set, get("/"));
        let mut peer = raw.accept().await;
        peer.answer(OK).await;
        assert_eq!(
            read(within(request).await.unwrap().unwrap()).await,
            "ok",
            "{n}"
        );
        drop(peer);
        settle().await;
    }
}

/// The mark and the closes arrive in one look at the sockets, after which the runtime of one thread
/// polls the test before hyper's tasks: the request is queued on a connection that hyper finds closed
/// when it gets to it.
#[tokio::test]
async fn a_request_never_written_goes_to_another_connection() {
    let raw = Raw::bind().await;
    let set = http1_set(raw.address());
    let mut peers = Vec::new();
    let mut requests = Vec::new();
    for _ in 0..2 {
        requests.push(spawn_send(&set, get("/")));
        let mut peer = raw.accept().await;
        peer.head().await;
        peers.push(peer);
    }
    for (request, peer) in requests.into_iter().zip(&mut peers) {
        peer.write(OK).await;
        read(within(request).await.unwrap().unwrap()).await;
    }
    let (body, mut parts) = parts();
    let (marker, mut mark) = tokio::net::UnixStream::pair().unwrap();
    drop(peers);
    marker.try_write(b"x").unwrap();
    within(mark.read_u8()).await.unwrap();
    let request = send(&set, post("/once", body, "POST"));
    let served = async {
        let mut peer = raw.accept().await;
        assert!(peer.head().await.starts_with("POST /once"));
        parts.send("body".into()).await;
        assert_eq!(&peer.exactly::<7>().await, b"4\r\nbody");
        peer.write(OK).await;
        peer
    };
    let (response, _peer) = tokio::join!(request, served);
    assert_eq!(read(response.unwrap()).await, "ok");
}

#[tokio::test]
async fn a_peer_that_hangs_up_on_every_connect_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let set = http1_set(listener.local_addr().unwrap());
    let hang_up = tokio::spawn(async move {
        while let Ok((io, _)) = listener.accept().await {
            drop(io);
        }
    });
    let error = send(&set, get("/")).await.unwrap_err();
    assert!(
        matches!(failure(&error), Failure::Disconnect | Failure::Connect),
        "{error}"
    );
    hang_up.abort();
}

#[tokio::test]
async fn a_peer_of_the_other_protocol_is_a_failure() {
    let echo = Echo::http1().await;
    let error = send(&http2_set(echo.address), get("/")).await.unwrap_err();
    assert!(
        matches!(failure(&error), Failure::Protocol | Failure::Disconnect),
        "{error}"
    );
    let echo = Echo::start(HttpProtocol::Http2, 100).await;
    let error = send(&http1_set(echo.address), get("/")).await.unwrap_err();
    assert!(
        matches!(failure(&error), Failure::Protocol | Failure::Disconnect),
        "{error}"
    );
}

#[tokio::test]
async fn a_request_body_that_fails_is_the_callers_failure() {
    let raw = Raw::bind().await;
    let set = http1_set(raw.address());
    let broken = mesh_http::Body::new(Broken);
    let request = spawn_send(&set, post("/", broken, "POST"));
    raw.accept().await.closed().await;
    let error = within(request).await.unwrap().unwrap_err();
    assert_eq!(
        error.kind,
        mesh_http::connections::SendErrorKind::Request,
        "{error}"
    );
}

/// A request body that fails.
pub(super) struct Broken;

impl http_body::Body for Broken {
    type Data = bytes::Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, std::io::Error>>> {
        std::task::Poll::Ready(Some(Err(std::io::ErrorKind::Other.into())))
    }
}
