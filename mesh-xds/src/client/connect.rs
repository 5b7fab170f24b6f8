//! One HTTP/2 connection to a control plane.

use std::{
    io,
    task::{Context, Poll},
    time::Duration,
};

use hyper::{body::Incoming, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tonic::body::Body;

use super::secure::Security;
use crate::bootstrap::{ServerAddress, ServerUri};

/// The probes that find a peer which is gone without a word; they cost the server nothing, unlike
/// PINGs, which gRPC servers count.
const TCP_IDLE: Duration = Duration::from_secs(15);
const TCP_INTERVAL: Duration = Duration::from_secs(5);

/// What may be under way on a stream: a response of many clusters does not wait for round trips.
const WINDOW: u32 = 4 << 20;

/// HTTP/2 PINGs. gRPC servers allow one in 5 min unless they are told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeepAlive {
    /// How often. Default 5 min.
    pub interval: Duration,
    /// How long the answer may take. Default 20 s.
    pub timeout: Duration,
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(300),
            timeout: Duration::from_secs(20),
        }
    }
}

/// Sends requests.
#[derive(Debug)]
pub(super) struct Http2(http2::SendRequest<Body>);

/// Has to be polled for anything to move; ends with the connection.
pub(super) type Driver = std::pin::Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

pub(super) async fn connect(
    uri: &ServerUri,
    security: Option<&Security>,
    keep_alive: KeepAlive,
) -> Result<(Http2, Driver), String> {
    if uri.is_secure() == Some(security.is_none()) {
        return Err("its credentials contradict its address".to_owned());
    }
    match uri.address() {
        ServerAddress::Tcp { host, port } => {
            let stream = TcpStream::connect((&**host, *port)).await;
            let stream = stream.and_then(configure).map_err(|e| e.to_string())?;
            secured(uri, security, stream, keep_alive).await
        }
        #[cfg(unix)]
        ServerAddress::Unix(path) => {
            let stream = tokio::net::UnixStream::connect(path).await;
            let stream = stream.map_err(|e| e.to_string())?;
            secured(uri, security, stream, keep_alive).await
        }
        #[cfg(not(unix))]
        ServerAddress::Unix(_) => Err("this system has no Unix sockets".to_owned()),
    }
}

fn configure(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    let probes = TcpKeepalive::new()
        .with_time(TCP_IDLE)
        .with_interval(TCP_INTERVAL);
    SockRef::from(&stream).set_tcp_keepalive(&probes)?;
    Ok(stream)
}

async fn secured(
    uri: &ServerUri,
    security: Option<&Security>,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    keep_alive: KeepAlive,
) -> Result<(Http2, Driver), String> {
    match security {
        Some(security) => handshake(security.secure(uri, stream).await?, keep_alive).await,
        None => handshake(stream, keep_alive).await,
    }
}

async fn handshake(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    keep_alive: KeepAlive,
) -> Result<(Http2, Driver), String> {
    let handshake = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .keep_alive_interval(keep_alive.interval)
        .keep_alive_timeout(keep_alive.timeout)
        .handshake(TokioIo::new(stream));
    let (send, driver) = handshake.await.map_err(|e| e.to_string())?;
    Ok((Http2(send), Box::pin(driver)))
}

impl tower_service::Service<http::Request<Body>> for Http2 {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}
