//! Peers to talk to, and short ways to say what a test needs.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mesh_core::{
    Failure,
    policy::{Address, Cluster, HttpProtocol},
};
use mesh_http::{
    Body,
    connections::{ConnectionSet, Limits, SendError, SendErrorKind},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A hang is a failure, not a stuck test run.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("hangs")
}

/// A peer played by the test.
pub(crate) struct Raw(TcpListener);

impl Raw {
    pub(crate) async fn bind() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub(crate) async fn accept(&self) -> Peer {
        Peer(within(self.0.accept()).await.unwrap().0)
    }

    /// Whether a connection waits to be accepted.
    pub(crate) async fn has_another(&self) -> bool {
        std::future::poll_fn(|cx| std::task::Poll::Ready(self.0.poll_accept(cx).is_ready())).await
    }
}

pub(crate) struct Peer(pub(crate) TcpStream);

impl Peer {
    /// Reads up to the end of a request's head.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(within(self.0.read_u8()).await.expect("a request"));
        }
        String::from_utf8(head).unwrap()
    }

    pub(crate) async fn exactly<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        within(self.0.read_exact(&mut bytes)).await.unwrap();
        bytes
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        within(self.0.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Reads a request and answers it.
    pub(crate) async fn answer(&mut self, response: &str) -> String {
        let head = self.head().await;
        self.write(response).await;
        head
    }

    /// Waits until the other side has closed.
    pub(crate) async fn closed(&mut self) {
        let mut bytes = Vec::new();
        // A reset closes too.
        let _ = within(self.0.read_to_end(&mut bytes)).await;
    }

    /// Closes with an RST.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.0)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }
}

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A hyper server that answers with the request's body, and counts its connections.
pub(crate) struct Echo {
    pub(crate) address: SocketAddr,
    pub(crate) accepted: Arc<AtomicUsize>,
    pub(crate) open: Arc<AtomicUsize>,
}

impl Echo {
    pub(crate) async fn start(protocol: HttpProtocol, max_streams: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let echo = Self {
            address: listener.local_addr().unwrap(),
            accepted: Arc::default(),
            open: Arc::default(),
        };
        let (accepted, open) = (echo.accepted.clone(), echo.open.clone());
        tokio::spawn(async move {
            while let Ok((io, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::SeqCst);
                let open = open.clone();
                open.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let io = TokioIo::new(io);
                    let echo = service_fn(|request: Request<Incoming>| async {
                        Ok::<_, Infallible>(Response::new(Body::from(request.into_body())))
                    });
                    // However it ends, it is closed.
                    let _ = if protocol == HttpProtocol::Http2 {
                        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                            .max_concurrent_streams(max_streams)
                            // Cancelling often is what some tests do.
                            .max_pending_accept_reset_streams(10_000)
                            .serve_connection(io, echo)
                            .await
                    } else {
                        let server = hyper::server::conn::http1::Builder::new();
                        server.serve_connection(io, echo).await
                    };
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        echo
    }

    pub(crate) async fn http1() -> Self {
        Self::start(HttpProtocol::Http1, 0).await
    }

    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Waits until the server has seen all its connections closed.
    pub(crate) async fn all_closed(&self) {
        within(async {
            while self.open.load(Ordering::SeqCst) > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

pub(crate) fn cluster(protocol: HttpProtocol) -> Cluster {
    Cluster::new("test").with_protocol(protocol)
}

pub(crate) fn set_of(address: SocketAddr, cluster: &Cluster) -> Arc<ConnectionSet> {
    Arc::new(ConnectionSet::new(Address::Socket(address), cluster.into()))
}

pub(crate) fn http1_set(address: SocketAddr) -> Arc<ConnectionSet> {
    set_of(address, &cluster(HttpProtocol::Http1))
}

pub(crate) fn http2_set(address: SocketAddr) -> Arc<ConnectionSet> {
    set_of(address, &cluster(HttpProtocol::Http2))
}

pub(crate) fn get(path: &str) -> Request<Body> {
    post(path, Body::empty(), "GET")
}

pub(crate) fn post(path: &str, body: impl Into<Body>, method: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(format!("http://reviews:9080{path}"))
        .body(body.into())
        .unwrap()
}

pub(crate) async fn send(
    set: &ConnectionSet,
    request: Request<Body>,
) -> Result<Response<Body>, SendError> {
    within(set.send(request, Limits::default())).await
}

/// Sends in a task of its own.
pub(crate) fn spawn_send(
    set: &Arc<ConnectionSet>,
    request: Request<Body>,
) -> tokio::task::JoinHandle<Result<Response<Body>, SendError>> {
    let set = set.clone();
    tokio::spawn(async move { set.send(request, Limits::default()).await })
}

/// The whole body of a response.
pub(crate) async fn read(response: Response<Body>) -> Bytes {
    within(response.into_body().collect())
        .await
        .unwrap()
        .to_bytes()
}

pub(crate) async fn exchange(set: &ConnectionSet, request: Request<Body>) -> Bytes {
    read(send(set, request).await.unwrap()).await
}

pub(crate) fn failure(error: &SendError) -> Failure {
    match error.kind {
        SendErrorKind::Failure(failure) => failure,
        ref other => panic!("{other:?}: {error}"),
    }
}

/// Lets every task run until none can.
pub(crate) async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

/// A request body that the test feeds.
pub(crate) fn parts() -> (Body, Parts) {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    (Body::new(Fed(receiver)), Parts(sender))
}

pub(crate) struct Parts(tokio::sync::mpsc::Sender<Bytes>);

impl Parts {
    pub(crate) async fn send(&mut self, part: Bytes) {
        within(self.0.send(part)).await.unwrap();
    }

    /// Whether nobody reads the body any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

struct Fed(tokio::sync::mpsc::Receiver<Bytes>);

impl http_body::Body for Fed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        self.0
            .poll_recv(cx)
            .map(|part| part.map(|part| Ok(http_body::Frame::data(part))))
    }
}

/// A listener that accepts nothing and whose queue is full: the kernel drops further SYNs.
pub(crate) fn black_hole() -> (socket2::Socket, std::net::SocketAddr, Vec<socket2::Socket>) {
    let new = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let listener = new();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    listener.bind(&any.into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let queued = (0..4)
        .map(|_| {
            let socket = new();
            socket.set_nonblocking(true).unwrap();
            // In progress, some of them for ever.
            let _ = socket.connect(&address);
            socket
        })
        .collect();
    (listener, address.as_socket().unwrap(), queued)
}
