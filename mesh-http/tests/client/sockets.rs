//! The whole client over real sockets: what a peer's faults, upgrades and config changes come to.

use std::{convert::Infallible, future::IntoFuture, net::SocketAddr, sync::Arc, time::Duration};

use http::{Request, StatusCode, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use mesh_core::{
    Flag, Mesh,
    policy::{
        Cluster, Endpoint, ForwardAction, HttpProtocol, LbPolicy, RetryOn, RetryPolicy,
        RoutingPriority, Timeouts,
    },
};
use mesh_http::{
    Body, Client, Error,
    server::{Drain, Listener, serve},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::script::{NeverEnds, mesh, route, text};

/// A hang is a failure, not a stuck test run.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("hangs")
}

pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An address where nobody listens.
async fn nobody() -> SocketAddr {
    listen().await.1
}

pub(crate) async fn accept(listener: &TcpListener) -> TcpStream {
    within(listener.accept()).await.unwrap().0
}

/// A request's head.
pub(crate) async fn head(io: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(io.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Waits until the client has closed.
async fn closed(io: &mut TcpStream) {
    // A reset closes too.
    let _ = within(io.read_to_end(&mut Vec::new())).await;
}

fn to(
    addresses: &[SocketAddr],
    cluster: Cluster,
    change: impl FnOnce(ForwardAction) -> ForwardAction,
) -> Mesh {
    let endpoints = addresses.iter().copied().map(Endpoint::new).collect();
    mesh(route(change), [(cluster, endpoints)])
}

fn cluster() -> Cluster {
    Cluster::new("c").with_lb_policy(LbPolicy::RoundRobin)
}

/// Requests under way and connections open, by the mesh's own counts.
fn counts(mesh: &Mesh) -> (u32, u32) {
    let cluster = mesh.load().cluster("c").unwrap().clone();
    let in_flight = cluster.endpoints().iter().map(|e| e.in_flight).sum();
    let breakers = cluster.state().breaker_status(RoutingPriority::Default);
    (in_flight, breakers.connections.active)
}

async fn until(what: impl Fn() -> bool) {
    within(async {
        while !what() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn an_upgrade_passes_through_and_is_the_callers() {
    let (listener, address) = listen().await;
    let mesh = to(&[address], cluster(), |a| {
        a.with_timeouts(Timeouts::total(Duration::from_millis(300)))
            .with_retry(RetryPolicy::new(RetryOn::SERVER_ERROR, 1))
    });
    let sending = tokio::spawn(
        Client::new(&mesh)
            .get("http://svc/chat")
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .send(),
    );
    let mut peer = accept(&listener).await;
    let asked = head(&mut peer).await;
    for line in ["connection: upgrade\r\n", "upgrade: websocket\r\n"] {
        assert!(asked.contains(line), "{asked}");
    }
    let switching = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nfirst";
    peer.write_all(switching.as_bytes()).await.unwrap();
    let response = within(sending).await.unwrap().unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(response.headers()["upgrade"], "websocket");
    assert_eq!(counts(&mesh).0, 0, "the request has ended with its head");

    let mut io = TokioIo::new(within(hyper::upgrade::on(response)).await.unwrap());
    until(|| counts(&mesh).1 == 0).await;
    // The route's timeout was the request's.
    tokio::time::sleep(Duration::from_millis(400)).await;
    io.write_all(b"ping").await.unwrap();
    let (mut ping, mut first) = ([0; 4], [0; 5]);
    within(peer.read_exact(&mut ping)).await.unwrap();
    within(io.read_exact(&mut first)).await.unwrap();
    assert_eq!((&ping, &first), (b"ping", b"first"));
    drop(io);
    closed(&mut peer).await;
}

#[tokio::test]
async fn http2_carries_bodies_and_trailers() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let drain = Drain::new();
    let echo = tower::service_fn(|request: Request<Incoming>| async move {
        assert_eq!(request.version(), Version::HTTP_2);
        assert_eq!(request.uri().authority().unwrap(), "svc");
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
        let body = request.into_body();
        let body = body.with_trailers(async { Some(Ok(trailers)) });
        Ok::<_, Infallible>(http::Response::new(body))
    });
    let server = tokio::spawn(serve(listener, echo, drain.clone()).into_future());
    let mesh = to(
        &[address],
        cluster().with_protocol(HttpProtocol::Http2),
        |a| a,
    );
    let client = Client::new(&mesh);
    let calls = (0..50).map(|n| client.post("http://svc/").body(format!("body {n}")).send());
    let answers = within(futures_util::future::join_all(calls)).await;
    for (n, response) in answers.into_iter().enumerate() {
        let response = response.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        let whole = within(response.into_body().collect()).await.unwrap();
        assert_eq!(whole.trailers().unwrap()["grpc-status"], "0");
        assert_eq!(whole.to_bytes(), format!("body {n}"));
    }
    assert_eq!(counts(&mesh), (0, 1));
    drain.start(Duration::from_secs(5));
    assert_eq!(within(server).await.unwrap().cut, 0);
    until(|| counts(&mesh).1 == 0).await;
}

/// Envoy's table of local replies, from the wire to the reply.
#[tokio::test]
async fn each_fault_of_a_peer_has_its_flag_and_status() {
    let limit = Duration::from_millis(200);
    let (listener, address) = listen().await;
    let mesh = to(&[address], cluster(), |a| {
        a.with_timeouts(Timeouts::total(limit))
    });
    let client = Client::new(&mesh);
    enum Then {
        Close,
        Reset,
        Stall,
    }
    let prefix = "upstream connect error or disconnect/reset before headers. reset reason: ";
    for (bytes, then, flag, status, body) in [
        ("garbage\r\n\r\n", Then::Stall, "UPE", 502, "protocol error"),
        (
            "HTTP/1.1 200 OK\r\nx-ha",
            Then::Close,
            "UC",
            503,
            "connection termination",
        ),
        ("", Then::Close, "UC", 503, "connection termination"),
        ("", Then::Reset, "UC", 503, "connection termination"),
        ("", Then::Stall, "UT", 504, ""),
        ("HTTP/1.1 200 OK\r\nx-ha", Then::Stall, "UT", 504, ""),
    ] {
        let started = tokio::time::Instant::now();
        let sending = tokio::spawn(client.get("http://svc/").send());
        let mut peer = accept(&listener).await;
        head(&mut peer).await;
        peer.write_all(bytes.as_bytes()).await.unwrap();
        match then {
            Then::Close => drop(peer),
            Then::Reset => {
                let linger = Some(Duration::ZERO);
                socket2::SockRef::from(&peer).set_linger(linger).unwrap();
                drop(peer);
            }
            Then::Stall => closed(&mut peer).await,
        }
        let error: Error = within(sending).await.unwrap().unwrap_err();
        assert_eq!(
            (
                error.flag().as_str(),
                error.status().as_u16(),
                error.was_sent()
            ),
            (flag, status, true),
            "{bytes:?}: {error}"
        );
        assert_eq!((error.cluster(), error.attempts()), (Some("c"), 1));
        assert!(started.elapsed() < 10 * limit);
        let reply = text(error.into_response(false)).await;
        match body {
            "" => assert_eq!(reply, "upstream request timeout"),
            reason => assert_eq!(reply, format!("{prefix}{reason}")),
        }
        until(|| counts(&mesh) == (0, 0)).await;
    }
}

#[tokio::test]
async fn half_a_body_is_a_failure_with_its_reason() {
    let (listener, address) = listen().await;
    let mesh = to(&[address], cluster(), |a| {
        a.with_timeouts(Timeouts::total(Duration::from_millis(200)))
    });
    let client = Client::new(&mesh);
    for (stalls, flag) in [(false, "UC"), (true, "UT")] {
        let sending = tokio::spawn(client.get("http://svc/").send());
        let mut peer = accept(&listener).await;
        head(&mut peer).await;
        let half = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nha";
        peer.write_all(half.as_bytes()).await.unwrap();
        let response = within(sending).await.unwrap().unwrap();
        assert_eq!(counts(&mesh), (1, 1));
        let held = stalls.then_some(peer);
        let error = within(response.into_body().bytes()).await.unwrap_err();
        assert_eq!(error.flag().as_str(), flag, "{error}");
        assert!(error.was_sent());
        until(|| counts(&mesh) == (0, 0)).await;
        drop(held);
    }
}

#[tokio::test]
async fn a_refused_connection_is_uf_and_another_endpoint_is_tried() {
    let refusing = nobody().await;
    let mesh = to(&[refusing], cluster(), |a| a);
    let error = Client::new(&mesh)
        .get("http://svc/")
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.flag(), Flag::UpstreamConnectionFailure);
    assert!(error.is_safe_to_resend() && error.status() == 503);

    // Twice refused: the reply tells of the retry.
    let retry = |n| RetryPolicy {
        previous_hosts: true,
        host_selection_retry_max_attempts: 5,
        ..RetryPolicy::new(RetryOn::CONNECT_FAILURE, n)
    };
    let mesh = to(&[refusing], cluster(), |a| a.with_retry(retry(1)));
    let error = Client::new(&mesh)
        .get("http://svc/")
        .send()
        .await
        .unwrap_err();
    assert_eq!(
        (error.flags(), error.attempts()),
        (
            vec![
                Flag::UpstreamRetryLimitExceeded,
                Flag::UpstreamConnectionFailure
            ],
            2
        )
    );
    assert_eq!(
        text(error.into_response(false)).await,
        "upstream connect error or disconnect/reset before headers. \
         retried and the latest reset reason: remote connection failure"
    );

    let (listener, alive) = listen().await;
    let mesh = to(&[refusing, alive], cluster(), |a| a.with_retry(retry(1)));
    let client = Client::new(&mesh);
    let server = tokio::spawn(async move {
        let mut peer = accept(&listener).await;
        for _ in 0..4 {
            head(&mut peer).await;
            peer.write_all(OK.as_bytes()).await.unwrap();
        }
    });
    for _ in 0..4 {
        // Not idempotent, but never sent.
        let sent = within(client.post("http://svc/").send()).await;
        assert_eq!(text(sent.unwrap()).await, "ok");
    }
    within(server).await.unwrap();
}

#[tokio::test]
async fn an_endpoint_that_leaves_ends_its_requests_and_closes_its_connections() {
    let (old, old_address) = listen().await;
    let (new, new_address) = listen().await;
    let mesh = to(&[old_address], cluster(), |a| a);
    let client = Client::new(&mesh);
    let send = || tokio::spawn(client.get("http://svc/").send());

    let under_way = send();
    let mut busy = accept(&old).await;
    head(&mut busy).await;
    let done = send();
    let mut idle = accept(&old).await;
    head(&mut idle).await;
    idle.write_all(OK.as_bytes()).await.unwrap();
    assert_eq!(text(within(done).await.unwrap().unwrap()).await, "ok");

    let moved = Arc::new([Endpoint::new(new_address)].into_iter().collect());
    assert!(mesh.assign("c", moved));
    let next = send();
    let mut peer = accept(&new).await;
    head(&mut peer).await;
    peer.write_all(OK.as_bytes()).await.unwrap();
    assert_eq!(text(within(next).await.unwrap().unwrap()).await, "ok");

    busy.write_all(OK.as_bytes()).await.unwrap();
    assert_eq!(text(within(under_way).await.unwrap().unwrap()).await, "ok");
    // The last request under way held the endpoint, and with it what was idle.
    closed(&mut busy).await;
    closed(&mut idle).await;
    until(|| counts(&mesh) == (0, 1)).await;
}

#[tokio::test]
async fn cancelled_calls_leave_nothing_behind() {
    for protocol in [HttpProtocol::Http1, HttpProtocol::Http2] {
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let drain = Drain::new();
        let counted = drain.clone();
        // Every other answer has no head, the rest no end.
        let stalls = tower::service_fn(move |request: Request<Incoming>| {
            let guard = counted.enter();
            async move {
                let _counted = guard;
                if request.uri().path() == "/head" {
                    std::future::pending::<()>().await;
                }
                Ok::<_, Infallible>(http::Response::new(Body::new(NeverEnds)))
            }
        });
        let server = tokio::spawn(serve(listener, stalls, drain.clone()).into_future());
        let mesh = to(&[address], cluster().with_protocol(protocol), |a| a);
        let client = Client::new(&mesh);
        for round in 0..50 {
            // Before it is connected, before the head, and in the body.
            let head = tokio::spawn(client.get("http://svc/head").send());
            for _ in 0..round % 7 {
                tokio::task::yield_now().await;
            }
            head.abort();
            let _ = head.await;
            drop(within(client.get("http://svc/body").send()).await.unwrap());
        }
        until(|| counts(&mesh).0 == 0 && drain.in_flight() == 0).await;
        // What is left of connections is idle, and closes with the endpoint.
        mesh.assign("c", Arc::default());
        until(|| counts(&mesh).1 == 0).await;
        drain.start(Duration::from_secs(5));
        assert_eq!(within(server).await.unwrap().cut, 0, "{protocol:?}");
    }
}

#[tokio::test]
async fn https_is_refused_rather_than_sent_in_plain_text() {
    let mesh = mesh(
        crate::script::route(|a| a),
        [(
            mesh_core::policy::Cluster::new("c"),
            vec![crate::script::endpoint(1)],
        )],
    );
    let error = mesh_http::Client::new(&mesh)
        .get("https://svc:80/")
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.flag(), mesh_core::Flag::InvalidRequest);
    assert!(error.to_string().contains("TLS"), "{error}");
    assert!(error.is_safe_to_resend());
}

/// What a GOAWAY or REFUSED_STREAM leaves out was not processed (RFC 9113 §8.7), so even a POST is
/// sent again under `refused-stream`; hyper keeps the request, the retry layer has it.
#[tokio::test]
async fn a_refused_stream_is_sent_again_with_its_body() {
    use mesh_core::policy::{Cluster, Endpoint, HttpProtocol, RetryOn, RetryPolicy};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut server = h2::server::handshake(socket).await.unwrap();
        let (_, mut refused) = server.accept().await.unwrap().unwrap();
        refused.send_reset(h2::Reason::REFUSED_STREAM);
        let (request, mut respond) = server.accept().await.unwrap().unwrap();
        let reading = tokio::spawn(async move {
            let mut body = request.into_body();
            let data = body.data().await.unwrap().unwrap();
            respond
                .send_response(http::Response::new(()), true)
                .unwrap();
            data
        });
        while let Some(Ok(_)) = server.accept().await {}
        reading.await.unwrap()
    });
    let mesh = mesh(
        crate::script::route(|a| a.with_retry(RetryPolicy::new(RetryOn::REFUSED_STREAM, 1))),
        [(
            Cluster::new("c").with_protocol(HttpProtocol::Http2),
            vec![Endpoint::new(address)],
        )],
    );
    let client = mesh_http::Client::new(&mesh);
    let response = client.post("http://svc/").body("whole").send();
    let response = tokio::time::timeout(Duration::from_secs(20), response)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(response.status(), 200);
    drop((response, client, mesh));
    let received = tokio::time::timeout(Duration::from_secs(20), server).await;
    assert_eq!(received.unwrap().unwrap(), "whole");
}
