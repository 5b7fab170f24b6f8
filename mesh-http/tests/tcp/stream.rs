//! What a stream does until it ends.

use std::{io, time::Duration};

use mesh_core::{Config, Flag, policy::TcpProxy};
use mesh_http::tcp::{Connector, Stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::*;

/// A stream and the other end of it.
async fn pair(proxy: TcpProxy) -> (mesh_core::Mesh, Stream, TcpStream) {
    let (listener, address) = listen().await;
    let mesh = publish(listening(proxy).cluster(cluster("c"), endpoints(&[address])));
    let connector = Connector::new(&mesh);
    let connecting = connector.connect("mongo:27017");
    let (stream, peer) = within(async { tokio::join!(connecting, listener.accept()) }).await;
    (mesh, stream.unwrap(), peer.unwrap().0)
}

fn flag(error: &io::Error) -> Flag {
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    let ours = error
        .get_ref()
        .and_then(|e| e.downcast_ref::<mesh_http::Error>());
    ours.expect("the mesh's own error").flag()
}

#[tokio::test]
async fn bytes_go_both_ways_and_each_half_closes_alone() {
    for peer_first in [false, true] {
        let (mesh, mut stream, mut peer) = pair(TcpProxy::to_cluster("c")).await;
        stream.write_all(b"ask").await.unwrap();
        assert_eq!(read(&mut peer, 3).await, "ask");
        if peer_first {
            peer.write_all(b"answer").await.unwrap();
            peer.shutdown().await.unwrap();
            let mut text = String::new();
            within(stream.read_to_string(&mut text)).await.unwrap();
            assert_eq!(text, "answer");
            assert_eq!(counts(&mesh), (1, 1), "half is open");
            stream.write_all(b"more").await.unwrap();
            assert_eq!(read(&mut peer, 4).await, "more");
            stream.shutdown().await.unwrap();
        } else {
            stream.shutdown().await.unwrap();
            assert_eq!(within(peer.read(&mut [0])).await.unwrap(), 0);
            assert_eq!(counts(&mesh), (1, 1), "half is open");
            peer.write_all(b"answer").await.unwrap();
            peer.shutdown().await.unwrap();
            let mut text = String::new();
            within(stream.read_to_string(&mut text)).await.unwrap();
            assert_eq!(text, "answer");
        }
        assert_eq!(
            counts(&mesh),
            (0, 0),
            "both are closed, though it is not dropped"
        );
        assert_eq!(stream.received(), 6);
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        let error = stream.write(b"x").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}

#[tokio::test]
async fn a_dropped_stream_closes_the_connection_and_leaves_no_count() {
    let (mesh, stream, mut peer) = pair(TcpProxy::to_cluster("c")).await;
    assert_eq!(counts(&mesh), (1, 1));
    drop(stream);
    assert_eq!(counts(&mesh), (0, 0));
    assert_eq!(within(peer.read(&mut [0])).await.unwrap(), 0);
}

#[tokio::test]
async fn a_peer_that_goes_away_is_seen_as_the_sockets_own_error() {
    let (_mesh, mut stream, peer) = pair(TcpProxy::to_cluster("c")).await;
    #[expect(
        deprecated,
        reason = "a zero linger resets at once, as a dead peer does"
    )]
    peer.set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    let error = within(stream.read(&mut [0])).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_live_stream_survives_config_changes() {
    let (mesh, mut stream, mut peer) = pair(TcpProxy::to_cluster("c")).await;
    // Its listener now leads elsewhere, and then everything is gone.
    let elsewhere = listening(TcpProxy::to_cluster("d")).cluster(cluster("d"), []);
    for config in [elsewhere, Config::default()] {
        mesh.publish(config).unwrap();
        stream.write_all(b"still").await.unwrap();
        assert_eq!(read(&mut peer, 5).await, "still");
        peer.write_all(b"here").await.unwrap();
        assert_eq!(read(&mut stream, 4).await, "here");
    }
    let connector = Connector::new(&mesh);
    let error = connector.connect("mongo:27017").await.unwrap_err();
    assert_eq!(error.flag(), Flag::NoRoute);
}

#[tokio::test]
async fn an_idle_stream_is_closed_and_both_halves_hear_of_it() {
    let proxy = TcpProxy::to_cluster("c").with_idle_timeout(Some(Duration::from_secs(60)));
    let (mesh, stream, mut peer) = pair(proxy).await;
    let started = tokio::time::Instant::now();
    tokio::time::pause();
    let (mut read, mut write) = tokio::io::split(stream);
    // One byte after 40 s starts the clock again.
    tokio::time::advance(Duration::from_secs(40)).await;
    write.write_all(b"x").await.unwrap();
    assert_eq!(peer.read(&mut [0]).await.unwrap(), 1);
    let reading = tokio::spawn(async move { read.read(&mut [0]).await });
    // Far more than the sockets hold, to a peer that does not read.
    let writing = tokio::spawn(async move {
        loop {
            if let Err(error) = write.write(&[0; 65536]).await {
                return error;
            }
        }
    });
    let error = reading.await.unwrap().unwrap_err();
    assert_eq!(flag(&error), Flag::StreamIdleTimeout);
    assert_eq!(error.to_string(), "no byte moved on the stream for 60s");
    assert_eq!(flag(&writing.await.unwrap()), Flag::StreamIdleTimeout);
    assert!(started.elapsed() >= Duration::from_secs(100));
    assert_eq!(counts(&mesh), (0, 0));
}

#[tokio::test]
async fn a_busy_stream_ends_at_its_maximum_duration() {
    let mut proxy = TcpProxy::to_cluster("c").with_idle_timeout(None);
    proxy.max_connection_duration = Some(Duration::from_secs(60));
    let (mesh, mut stream, mut peer) = pair(proxy).await;
    tokio::time::pause();
    for _ in 0..5 {
        tokio::time::advance(Duration::from_secs(11)).await;
        peer.write_all(b"x").await.unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 1);
    }
    tokio::time::advance(Duration::from_secs(11)).await;
    peer.write_all(b"x").await.unwrap();
    let error = stream.read(&mut [0]).await.unwrap_err();
    assert_eq!(flag(&error), Flag::DurationTimeout);
    assert_eq!(counts(&mesh), (0, 0));
    assert_eq!(
        flag(&stream.write(b"x").await.unwrap_err()),
        Flag::DurationTimeout
    );
}

#[tokio::test]
async fn without_limits_a_stream_waits_for_ever() {
    let proxy = TcpProxy::to_cluster("c").with_idle_timeout(None);
    let (_mesh, mut stream, mut peer) = pair(proxy).await;
    tokio::time::pause();
    let reading = tokio::spawn(async move { stream.read(&mut [0]).await });
    tokio::time::sleep(Duration::from_secs(1_000_000)).await;
    assert!(!reading.is_finished());
    peer.write_all(b"x").await.unwrap();
    assert_eq!(reading.await.unwrap().unwrap(), 1);
}
