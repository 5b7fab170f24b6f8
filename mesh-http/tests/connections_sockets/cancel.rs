//! A request dropped at each point of its life.

use std::sync::{Arc, Mutex};

use http_body_util::BodyExt;
use mesh_core::policy::HttpProtocol;
use mesh_http::BodyEnd;

use super::support::*;

#[tokio::test]
async fn while_connecting_the_connection_is_kept_for_others() {
    let raw = Raw::bind().await;
    for protocol in [HttpProtocol::Http1, HttpProtocol::Http2] {
        let set = set_of(raw.address(), &cluster(protocol));
        let request = spawn_send(&set, get("/1"));
        tokio::task::yield_now().await;
        request.abort();
        assert!(within(request).await.unwrap_err().is_cancelled());
        let mut peer = raw.accept().await;
        let next = spawn_send(&set, get("/2"));
        match protocol {
            HttpProtocol::Http1 => assert!(peer.head().await.starts_with("GET /2")),
            _ => assert_eq!(&peer.exactly::<14>().await, b"PRI * HTTP/2.0"),
        }
        assert!(!raw.has_another().await);
        next.abort();
    }
}

#[tokio::test]
async fn before_the_response_the_connection_is_closed() {
    let raw = Raw::bind().await;
    let set = http1_set(raw.address());
    let request = spawn_send(&set, get("/1"));
    let mut peer = raw.accept().await;
    peer.head().await;
    request.abort();
    peer.closed().await;

    let next = spawn_send(&set, get("/2"));
    raw.accept().await.answer(OK).await;
    within(next).await.unwrap().unwrap();
}

#[tokio::test]
async fn within_the_body_the_connection_is_closed() {
    let raw = Raw::bind().await;
    let set = http1_set(raw.address());
    let request = spawn_send(&set, get("/1"));
    let mut peer = raw.accept().await;
    peer.answer("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nhalf")
        .await;
    let ends = Arc::new(Mutex::new(Vec::new()));
    let told = ends.clone();
    let response = within(request).await.unwrap().unwrap();
    let mut body = response.into_body();
    body.on_end(move |end| told.lock().unwrap().push(end));
    within(body.frame()).await.unwrap().unwrap();
    drop(body);
    assert_eq!(*ends.lock().unwrap(), [BodyEnd::Dropped]);
    peer.closed().await;
}

#[tokio::test]
async fn a_body_received_whole_keeps_its_connection_unread() {
    let raw = Raw::bind().await;
    let set = http1_set(raw.address());
    let request = spawn_send(&set, get("/1"));
    let mut peer = raw.accept().await;
    peer.answer(OK).await;
    drop(within(request).await.unwrap().unwrap());
    let next = spawn_send(&set, get("/2"));
    assert!(peer.answer(OK).await.starts_with("GET /2"));
    within(next).await.unwrap().unwrap();
}

/// Seeded chaos: nothing is lost, nothing is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_random_points_nothing_leaks() {
    for protocol in [HttpProtocol::Http1, HttpProtocol::Http2] {
        let echo = Echo::start(protocol, 10_000).await;
        let set = set_of(echo.address, &cluster(protocol));
        let mut tasks = tokio::task::JoinSet::new();
        for seed in 0..32 {
            let set = set.clone();
            tasks.spawn(async move {
                let mut random = fastrand::Rng::with_seed(seed);
                for _ in 0..50 {
                    let polls = random.u32(0..8);
                    let one = exchange(&set, post("/", "hello", "POST"));
                    let mut one = std::pin::pin!(one);
                    let mut left = polls;
                    let done = std::future::poll_fn(|cx| match one.as_mut().poll(cx) {
                        std::task::Poll::Ready(body) => std::task::Poll::Ready(Some(body)),
                        std::task::Poll::Pending if left == 0 => std::task::Poll::Ready(None),
                        std::task::Poll::Pending => {
                            left -= 1;
                            if random.bool() {
                                cx.waker().wake_by_ref();
                            }
                            std::task::Poll::Pending
                        }
                    });
                    if let Some(body) = done.await {
                        assert_eq!(body, "hello");
                    }
                }
            });
        }
        within(tasks.join_all()).await;
        assert_eq!(exchange(&set, post("/", "last", "POST")).await, "last");
        drop(set);
        echo.all_closed().await;
    }
}
