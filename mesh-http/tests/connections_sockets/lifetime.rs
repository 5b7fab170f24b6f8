//! When connections end, and that nothing outlives them.

use std::time::Duration;

use mesh_core::{
    Failure,
    policy::{Cluster, HttpProtocol},
};

use super::{
    limits::{breakers, spawn_limited},
    support::*,
};

const BOTH: [HttpProtocol; 2] = [HttpProtocol::Http1, HttpProtocol::Http2];

fn alive_tasks() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}

/// Time jumps as soon as every task waits.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::sleep(time).await;
    tokio::time::resume();
}

fn pooled(protocol: HttpProtocol, change: impl FnOnce(&mut Cluster)) -> Cluster {
    let mut cluster = cluster(protocol);
    change(&mut cluster);
    cluster
}

#[tokio::test]
async fn dropping_the_set_closes_idle_connections_and_ends_every_task() {
    for protocol in BOTH {
        let echo = Echo::start(protocol, 100).await;
        let tasks = alive_tasks();
        let set = set_of(echo.address, &cluster(protocol));
        exchange(&set, post("/", "hello", "POST")).await;
        assert!(alive_tasks() > tasks);
        drop(set);
        echo.all_closed().await;
        settle().await;
        assert_eq!(alive_tasks(), tasks, "{protocol:?}");
    }
}

#[tokio::test]
async fn dropping_the_set_lets_a_response_end() {
    let raw = Raw::bind().await;
    let set = http1_set(raw.address());
    let request = spawn_send(&set, get("/"));
    let mut peer = raw.accept().await;
    peer.answer("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
        .await;
    let response = within(request).await.unwrap().unwrap();
    drop(set);
    settle().await;
    peer.write(" whole").await;
    assert_eq!(read(response).await, "half whole");
    peer.closed().await;
}

#[tokio::test]
async fn dropping_the_set_lets_a_stream_end() {
    let echo = Echo::start(HttpProtocol::Http2, 100).await;
    let set = http2_set(echo.address);
    let (body, mut parts) = parts();
    let response = send(&set, post("/", body, "POST")).await.unwrap();
    drop(set);
    settle().await;
    parts.send("after the drop".into()).await;
    drop(parts);
    assert_eq!(read(response).await, "after the drop");
    echo.all_closed().await;
}

#[tokio::test]
async fn an_idle_connection_ends_at_its_timeout_and_not_before() {
    for protocol in BOTH {
        let echo = Echo::start(protocol, 100).await;
        let idle = Duration::from_secs(60);
        let set = set_of(
            echo.address,
            &pooled(protocol, |c| c.connection_pool.idle_timeout = Some(idle)),
        );
        exchange(&set, get("/")).await;
        pass(idle / 2).await;
        // Used: the time begins anew.
        exchange(&set, get("/")).await;
        pass(idle * 3 / 4).await;
        exchange(&set, get("/")).await;
        assert_eq!(echo.accepted(), 1);
        pass(idle + Duration::from_millis(10)).await;
        echo.all_closed().await;
        exchange(&set, get("/")).await;
        assert_eq!(echo.accepted(), 2);
    }
}

#[tokio::test]
async fn a_connection_in_use_is_not_idle() {
    for protocol in BOTH {
        let echo = Echo::start(protocol, 100).await;
        let idle = Duration::from_secs(60);
        let set = set_of(
            echo.address,
            &pooled(protocol, |c| c.connection_pool.idle_timeout = Some(idle)),
        );
        let (body, mut parts) = parts();
        let response = send(&set, post("/", body, "POST")).await.unwrap();
        pass(idle * 3).await;
        parts.send("still here".into()).await;
        drop(parts);
        assert_eq!(read(response).await, "still here");
        exchange(&set, get("/")).await;
        assert_eq!(echo.accepted(), 1);
    }
}

#[tokio::test]
async fn a_connection_ends_after_its_last_request() {
    for protocol in BOTH {
        let echo = Echo::start(protocol, 100).await;
        let set = set_of(
            echo.address,
            &pooled(protocol, |c| {
                c.connection_pool.max_requests_per_connection = Some(3);
            }),
        );
        for n in 0..9 {
            assert_eq!(exchange(&set, post("/", "hello", "POST")).await, "hello");
            assert_eq!(echo.accepted(), n / 3 + 1);
        }
        echo.all_closed().await;
    }
}

#[tokio::test]
async fn a_connection_takes_no_request_after_its_time() {
    for protocol in BOTH {
        let echo = Echo::start(protocol, 100).await;
        let duration = Duration::from_secs(60);
        let set = set_of(
            echo.address,
            &pooled(protocol, |c| {
                c.connection_pool.max_connection_duration = Some(duration);
            }),
        );
        exchange(&set, get("/")).await;
        let (body, mut parts) = parts();
        let response = send(&set, post("/", body, "POST")).await.unwrap();
        assert_eq!(echo.accepted(), 1);
        pass(duration + Duration::from_millis(10)).await;
        // The one under way ends in peace.
        exchange(&set, get("/")).await;
        assert_eq!(echo.accepted(), 2);
        parts.send("late".into()).await;
        drop(parts);
        assert_eq!(read(response).await, "late");
        pass(duration + Duration::from_millis(10)).await;
        echo.all_closed().await;
    }
}

#[tokio::test]
async fn no_idle_timeout_never_closes() {
    let echo = Echo::http1().await;
    let set = set_of(
        echo.address,
        &pooled(HttpProtocol::Http1, |c| {
            c.connection_pool.idle_timeout = None
        }),
    );
    exchange(&set, get("/")).await;
    pass(Duration::from_secs(7 * 24 * 3600)).await;
    exchange(&set, get("/")).await;
    assert_eq!(echo.accepted(), 1);
}

/// The connection lives in one runtime, and a request of another waits for it.
#[test]
fn a_runtime_that_stops_fails_those_who_wait() {
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
    };
    let (stopping, lasting) = (runtime(), runtime());
    let breakers = breakers(1, 10);
    let raw = lasting.block_on(Raw::bind());
    let set = http1_set(raw.address());
    let first = {
        let _entered = stopping.enter();
        spawn_limited(&set, &breakers, "/1")
    };
    let mut peer = lasting.block_on(async {
        let mut peer = raw.accept().await;
        peer.head().await;
        peer
    });
    lasting.block_on(async {
        let second = spawn_limited(&set, &breakers, "/2");
        while breakers.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        tokio::task::spawn_blocking(move || drop(stopping))
            .await
            .unwrap();
        let error = within(second).await.unwrap().unwrap_err();
        assert_eq!(failure(&error), Failure::Connect);
        assert!(error.to_string().contains("stopped"), "{error}");
        assert!(within(first).await.unwrap_err().is_cancelled());
        peer.closed().await;

        let third = spawn_limited(&set, &breakers, "/3");
        raw.accept().await.answer(OK).await;
        assert_eq!(read(within(third).await.unwrap().unwrap()).await, "ok");
    });
}
