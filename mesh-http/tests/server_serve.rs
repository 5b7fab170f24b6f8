//! `serve` on real sockets: protocols, limits, and how it ends.

#[path = "server_support/wire.rs"]
mod wire;

use std::{convert::Infallible, future::Future, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full, combinators::BoxBody};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use mesh_http::server::{Drain, Drained, Listener, PeerAddr, Serve, serve};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
    task::JoinHandle,
    time::{Instant, timeout},
};
use tower::{Service, service_fn};
use wire::{Client, Failed};

/// Much longer than anything here should take.
const LONG: Duration = Duration::from_secs(30);

type Body = BoxBody<Bytes, Infallible>;

struct Running {
    addr: SocketAddr,
    drain: Drain,
    /// Lets a request to `/wait` end.
    gate: Arc<Semaphore>,
    /// One permit for each request that has reached `/wait`.
    arrived: Arc<Semaphore>,
    server: JoinHandle<Drained>,
}

impl Running {
    async fn start() -> Self {
        Self::with(|serve| serve).await
    }

    async fn with<F>(configure: F) -> Self
    where
        F: FnOnce(Serve<Handler>) -> Serve<Handler>,
    {
        let listener = Listener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let (gate, arrived) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let handler = Handler {
            gate: gate.clone(),
            arrived: arrived.clone(),
        };
        let drain = Drain::new();
        let serve =
            serve(listener, handler, drain.clone()).with_lame_duck(Duration::from_millis(50));
        let server = tokio::spawn(configure(serve).into_future());
        Self {
            addr,
            drain,
            gate,
            arrived,
            server,
        }
    }

    /// Waits until another request has reached `/wait`.
    async fn arrived(&self) {
        within(self.arrived.acquire()).await.expect("open").forget();
    }

    /// Drains with a long grace, and returns how it ended.
    async fn drained(self) -> Drained {
        self.drain.start(LONG * 2);
        within(self.server).await.expect("no panic")
    }
}

async fn within<F: Future>(future: F) -> F::Output {
    timeout(LONG, future).await.expect("in time")
}

#[derive(Clone)]
struct Handler {
    gate: Arc<Semaphore>,
    arrived: Arc<Semaphore>,
}

impl Service<Request<Incoming>> for Handler {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let text = match request.uri().path() {
                "/wait" => {
                    this.arrived.add_permits(1);
                    this.gate.acquire().await.expect("open").forget();
                    "waited".to_owned()
                }
                "/panic" => panic!("on purpose"),
                "/upgrade" => return Ok(upgrade(request)),
                "/peer" => {
                    let PeerAddr(addr) = request.extensions().get().expect("a peer");
                    addr.to_string()
                }
                path => format!("{path} {:?}", request.version()),
            };
            Ok(Response::new(Full::from(text).boxed()))
        })
    }
}

/// Echoes bytes after a 101.
fn upgrade(request: Request<Incoming>) -> Response<Body> {
    tokio::spawn(async move {
        let upgraded = hyper::upgrade::on(request).await.expect("upgraded");
        let (mut read, mut write) = tokio::io::split(TokioIo::new(upgraded));
        tokio::io::copy(&mut read, &mut write).await
    });
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header("connection", "upgrade")
        .header("upgrade", "echo");
    response.body(Empty::new().boxed()).expect("valid")
}

/// Sends raw bytes and reads until the server closes.
async fn raw(addr: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(addr).await.expect("connected");
    stream.write_all(bytes).await.expect("sent");
    let mut read = Vec::new();
    // A reset counts as an end, too.
    let _ = within(stream.read_to_end(&mut read)).await;
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test]
async fn both_protocols_are_served_on_one_port() {
    let running = Running::start().await;
    let mut one = Client::http1(running.addr).await.unwrap();
    let mut two = Client::http2(running.addr).await.unwrap();
    for _ in 0..2 {
        assert_eq!(
            one.read("/a").await.unwrap(),
            (200, false, "/a HTTP/1.1".into())
        );
        assert_eq!(
            two.read("/b").await.unwrap(),
            (200, false, "/b HTTP/2.0".into())
        );
    }
    let (_, _, peer) = one.read("/peer").await.unwrap();
    assert!(
        peer.starts_with(b"127.0.0.1:")
            && !peer.ends_with(format!(":{}", running.addr.port()).as_bytes())
    );
}

/// What axum's graceful shutdown is reported to hang on.
#[tokio::test]
async fn idle_connections_do_not_hold_up_the_end() {
    let running = Running::start().await;
    let mut keep_alive = Client::http1(running.addr).await.unwrap();
    keep_alive.read("/").await.unwrap();
    let mut idle = Client::http2(running.addr).await.unwrap();
    idle.read("/").await.unwrap();
    let _no_stream_yet = Client::http2(running.addr).await.unwrap();
    let _silent = TcpStream::connect(running.addr).await.unwrap();
    let mut half_a_preface = TcpStream::connect(running.addr).await.unwrap();
    half_a_preface.write_all(b"PRI * HT").await.unwrap();

    let begun = Instant::now();
    assert_eq!(running.drained().await.cut, 0);
    assert!(begun.elapsed() < LONG, "the grace is twice as long");
    assert!(matches!(keep_alive.get("/").await, Err(Failed::NotSent)));
    assert!(matches!(idle.get("/").await, Err(Failed::NotSent)));
}

#[tokio::test]
async fn requests_under_way_end_and_close_their_connections() {
    let running = Running::start().await;
    let mut one = Client::http1(running.addr).await.unwrap();
    let mut two = Client::http2(running.addr).await.unwrap();
    let one = tokio::spawn(async move { one.read("/wait").await });
    let two = tokio::spawn(async move { two.read("/wait").await });
    running.arrived().await;
    running.arrived().await;
    running.drain.start(LONG * 2);
    // Past the lame-duck time, when idle connections are closed: the listener is closed by then.
    while TcpStream::connect(running.addr).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!running.server.is_finished());
    running.gate.add_permits(2);
    assert_eq!(
        within(one).await.unwrap().unwrap(),
        (200, true, "waited".into())
    );
    assert_eq!(
        within(two).await.unwrap().unwrap(),
        (200, false, "waited".into())
    );
    assert_eq!(within(running.server).await.unwrap().cut, 0);
}

#[tokio::test]
async fn past_the_grace_connections_are_cut() {
    let running = Running::start().await;
    let mut one = Client::http1(running.addr).await.unwrap();
    let mut two = Client::http2(running.addr).await.unwrap();
    let one = tokio::spawn(async move { one.read("/wait").await });
    let two = tokio::spawn(async move { two.read("/wait").await });
    running.arrived().await;
    running.arrived().await;
    running.drain.start(Duration::from_millis(100));
    assert_eq!(within(running.server).await.unwrap().cut, 2);
    assert!(matches!(within(one).await.unwrap(), Err(Failed::Sent(_))));
    assert!(matches!(within(two).await.unwrap(), Err(Failed::Sent(_))));
}

#[tokio::test]
async fn a_caller_who_has_not_heard_is_served_in_the_lame_duck_time() {
    let running = Running::with(|serve| serve.with_lame_duck(LONG / 2)).await;
    let mut early = Client::http1(running.addr).await.unwrap();
    early.read("/").await.unwrap();
    running.drain.start(LONG);
    let mut late = Client::http1(running.addr).await.unwrap();
    let mut late2 = Client::http2(running.addr).await.unwrap();
    for client in [&mut early, &mut late] {
        let (status, close, _) = client.read("/").await.unwrap();
        assert_eq!((status, close), (200, true));
        assert!(matches!(client.get("/").await, Err(Failed::NotSent)));
    }
    // GOAWAY may come before the first stream; it never breaks one.
    match late2.read("/").await {
        Ok((200, false, _)) | Err(Failed::NotSent) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn dropping_the_server_cuts_everything() {
    let running = Running::start().await;
    let mut one = Client::http1(running.addr).await.unwrap();
    let one = tokio::spawn(async move { one.read("/wait").await });
    running.arrived().await;
    running.server.abort();
    assert!(matches!(within(one).await.unwrap(), Err(Failed::Sent(_))));
    assert!(TcpStream::connect(running.addr).await.is_err());
}

#[tokio::test]
async fn slow_heads_and_silent_connections_are_closed() {
    let fast = Duration::from_millis(50);
    let running = Running::with(|serve| serve.with_header_read_timeout(fast)).await;
    // Each `raw` ends only when the server closes; the client never does.
    for bytes in [
        &b""[..],
        b"PRI * HTTP/2.0\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\n",
    ] {
        assert!(!raw(running.addr, bytes).await.contains("200"));
    }
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let running = Running::start().await;
    let long = format!(
        "GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n",
        "x".repeat(64 * 1024)
    );
    let many = format!(
        "GET / HTTP/1.1\r\nhost: a\r\n{}\r\n",
        "x: 1\r\n".repeat(101)
    );
    for (bytes, status) in [
        ("this is no HTTP\r\n\r\n", "400"),
        (long.as_str(), "431"),
        (many.as_str(), "431"),
    ] {
        let answer = raw(running.addr, bytes.as_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
    }
    let mut client = Client::http1(running.addr).await.unwrap();
    assert_eq!(
        client.read("/").await.unwrap().0,
        200,
        "the server lives on"
    );
}

#[tokio::test]
async fn a_panic_ends_its_own_connection_only() {
    let running = Running::start().await;
    let mut bad = Client::http1(running.addr).await.unwrap();
    let mut good = Client::http1(running.addr).await.unwrap();
    good.read("/").await.unwrap();
    assert!(matches!(
        within(bad.get("/panic")).await,
        Err(Failed::Sent(_))
    ));
    assert_eq!(good.read("/").await.unwrap().0, 200);
    assert_eq!(running.drained().await.cut, 0);
}

#[tokio::test]
async fn upgrades_pass_through_and_belong_to_the_handler() {
    let running = Running::start().await;
    let mut stream = TcpStream::connect(running.addr).await.unwrap();
    // The first words of the new protocol may come with the request.
    let request =
        b"GET /upgrade HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nearly ";
    stream.write_all(request).await.unwrap();
    let mut read = Vec::new();
    while !read.ends_with(b"early ") {
        assert_ne!(within(stream.read_buf(&mut read)).await.unwrap(), 0);
    }
    let head = String::from_utf8_lossy(&read);
    assert!(
        head.starts_with("HTTP/1.1 101") && head.contains("connection: upgrade"),
        "{head}"
    );

    assert_eq!(
        running.drained().await.cut,
        0,
        "the server does not wait for it"
    );
    stream.write_all(b"late").await.unwrap();
    let mut echo = [0; 4];
    within(stream.read_exact(&mut echo)).await.unwrap();
    assert_eq!(&echo, b"late");
}

#[tokio::test]
async fn a_plain_tower_service_will_do() {
    let service = service_fn(|_: Request<Incoming>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("plain")))
    });
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = tokio::spawn(serve(listener, service, Drain::new()).into_future());
    let mut client = Client::http1(addr).await.unwrap();
    assert_eq!(client.read("/").await.unwrap().2, "plain");
    server.abort();
}
