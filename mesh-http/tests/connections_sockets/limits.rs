//! Circuit breakers and the queue for a connection.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::Response;
use mesh_core::{Failure, policy::HttpProtocol};
use mesh_http::{
    Body,
    connections::{ConnectionSet, Gate, Limits, Permit, SendError, SendErrorKind},
};
use tokio::task::JoinHandle;

use super::support::*;

/// Counts as a cluster's breakers do.
pub(crate) struct Breakers {
    max_connections: usize,
    max_pending: usize,
    connections: Arc<AtomicUsize>,
    pending: Arc<AtomicUsize>,
}

impl Breakers {
    pub(crate) fn waiting(&self) -> usize {
        self.pending.load(Ordering::SeqCst)
    }
}

struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn below(count: &Arc<AtomicUsize>, max: usize) -> Option<Permit> {
        let took = count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| {
            (n < max).then_some(n + 1)
        });
        took.ok().map(|_| Permit::new(Self(count.clone())))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Gate for Breakers {
    fn try_connection(&self, first: bool) -> Option<Permit> {
        let max = if first {
            usize::MAX
        } else {
            self.max_connections
        };
        Counted::below(&self.connections, max)
    }

    fn try_pending(&self) -> Option<Permit> {
        Counted::below(&self.pending, self.max_pending)
    }
}

pub(crate) fn breakers(max_connections: usize, max_pending: usize) -> Arc<Breakers> {
    Arc::new(Breakers {
        max_connections,
        max_pending,
        connections: Arc::default(),
        pending: Arc::default(),
    })
}

pub(crate) fn spawn_limited(
    set: &Arc<ConnectionSet>,
    breakers: &Arc<Breakers>,
    path: &str,
) -> JoinHandle<Result<Response<Body>, SendError>> {
    let (set, request) = (set.clone(), get(path));
    let gate: Arc<dyn Gate> = breakers.clone();
    tokio::spawn(async move {
        let limits = Limits {
            gate: Some(&gate),
            ..Limits::default()
        };
        set.send(request, limits).await
    })
}

#[tokio::test]
async fn those_who_wait_are_served_first_come_first_served() {
    let raw = Raw::bind().await;
    let set = http1_set(raw.address());
    let breakers = breakers(1, 10);
    let first = spawn_limited(&set, &breakers, "/0");
    let mut peer = raw.accept().await;
    peer.head().await;
    let mut waiting = Vec::new();
    for n in 1..=4 {
        waiting.push(spawn_limited(&set, &breakers, &format!("/{n}")));
        settle().await;
    }
    assert_eq!(breakers.waiting(), 4);
    // One gives up; its place in the queue and its permit are free at once.
    waiting.remove(1).abort();
    settle().await;
    assert_eq!(breakers.waiting(), 3);

    peer.write(OK).await;
    read(within(first).await.unwrap().unwrap()).await;
    for (n, request) in [1, 3, 4].into_iter().zip(waiting) {
        let head = peer.answer(OK).await;
        assert!(head.starts_with(&format!("GET /{n} ")), "{head}");
        read(within(request).await.unwrap().unwrap()).await;
    }
    assert_eq!(breakers.waiting(), 0);
    assert_eq!(breakers.connections.load(Ordering::SeqCst), 1);
    assert!(!raw.has_another().await);
    drop(set);
    settle().await;
    assert_eq!(breakers.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn one_too_many_overflows() {
    let (_listener, address, _queued) = black_hole();
    for protocol in [HttpProtocol::Http1, HttpProtocol::Http2] {
        let set = set_of(address, &cluster(protocol));
        let breakers = breakers(1, 1);
        // It waits for its connection, and so fills the queue.
        let first = spawn_limited(&set, &breakers, "/1");
        settle().await;
        let error = within(spawn_limited(&set, &breakers, "/2")).await.unwrap();
        let error = error.unwrap_err();
        assert_eq!(error.kind, SendErrorKind::Overflow);
        assert!(!error.sent && error.request.is_some());
        first.abort();
        let _ = within(first).await;
        assert_eq!(breakers.waiting(), 0);
    }
}

#[tokio::test]
async fn an_endpoint_without_connection_gets_one_over_the_limit() {
    let breakers = breakers(1, 10);
    let mut sets = Vec::new();
    for _ in 0..2 {
        let echo = Echo::http1().await;
        let set = http1_set(echo.address);
        let response = within(spawn_limited(&set, &breakers, "/")).await.unwrap();
        read(response.unwrap()).await;
        sets.push(set);
    }
    assert_eq!(breakers.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_connection_that_ends_makes_room_for_the_next() {
    let raw = Raw::bind().await;
    let set = http1_set(raw.address());
    let breakers = breakers(1, 10);
    let first = spawn_limited(&set, &breakers, "/1");
    let mut peer = raw.accept().await;
    peer.head().await;
    let second = spawn_limited(&set, &breakers, "/2");
    settle().await;
    assert!(!raw.has_another().await);
    drop(peer);
    within(first).await.unwrap().unwrap_err();
    assert!(raw.accept().await.answer(OK).await.starts_with("GET /2"));
    within(second).await.unwrap().unwrap();
}

#[tokio::test]
async fn nothing_is_connected_for_who_has_given_up() {
    let raw = Raw::bind().await;
    let set = http1_set(raw.address());
    let breakers = breakers(1, 10);
    let first = spawn_limited(&set, &breakers, "/1");
    let mut peer = raw.accept().await;
    peer.head().await;
    let second = spawn_limited(&set, &breakers, "/2");
    settle().await;
    second.abort();
    let _ = within(second).await;
    drop(peer);
    within(first).await.unwrap().unwrap_err();
    settle().await;
    assert!(!raw.has_another().await);
}

#[tokio::test]
async fn waiting_for_a_busy_connection_is_bounded() {
    let raw = Raw::bind().await;
    let set = http1_set(raw.address());
    let breakers = breakers(1, 10);
    let first = spawn_limited(&set, &breakers, "/1");
    let mut peer = raw.accept().await;
    peer.head().await;
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let second = spawn_limited(&set, &breakers, "/2").await.unwrap();
    let error = second.unwrap_err();
    assert_eq!(failure(&error), Failure::ConnectTimeout);
    assert!(error.to_string().contains("became free"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(6));
    tokio::time::resume();
    peer.write(OK).await;
    assert_eq!(read(within(first).await.unwrap().unwrap()).await, "ok");
}

#[tokio::test]
async fn a_stream_that_ends_serves_who_waits() {
    let echo = Echo::start(HttpProtocol::Http2, 100).await;
    let mut cluster = cluster(HttpProtocol::Http2);
    cluster.connection_pool.max_concurrent_streams = 1;
    let set = set_of(echo.address, &cluster);
    let breakers = breakers(1, 10);
    let first = within(spawn_limited(&set, &breakers, "/1")).await.unwrap();
    read(first.unwrap()).await;
    let (body, parts) = parts();
    let busy = send(&set, post("/", body, "POST")).await.unwrap();
    let waiting: Vec<_> = (0..3)
        .map(|_| spawn_limited(&set, &breakers, "/2"))
        .collect();
    settle().await;
    assert_eq!(breakers.waiting(), 3);
    drop(parts);
    read(busy).await;
    for request in waiting {
        read(within(request).await.unwrap().unwrap()).await;
    }
    assert_eq!(echo.accepted(), 1);
}
