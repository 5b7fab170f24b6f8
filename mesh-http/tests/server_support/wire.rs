//! Clients on real sockets.

use std::{error::Error, net::SocketAddr};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// One connection.
pub(crate) enum Client {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

/// What went wrong with a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    /// The server cannot have seen it: it may be sent again.
    #[error("not sent")]
    NotSent,
    /// It may have.
    #[error("sent, then {0}")]
    Sent(BoxError),
}

impl Client {
    pub(crate) async fn http1(addr: SocketAddr) -> Result<Self, BoxError> {
        let io = TokioIo::new(TcpStream::connect(addr).await?);
        let (sender, connection) = http1::handshake(io).await?;
        tokio::spawn(connection.with_upgrades());
        Ok(Self::Http1(sender))
    }

    pub(crate) async fn http2(addr: SocketAddr) -> Result<Self, BoxError> {
        let io = TokioIo::new(TcpStream::connect(addr).await?);
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
        tokio::spawn(connection);
        Ok(Self::Http2(sender))
    }

    /// The head of the response to a GET.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Response<Incoming>, Failed> {
        let uri = format!("http://test{path}");
        let request = Request::get(uri).header("host", "test").body(Empty::new());
        let request = request.map_err(|error| Failed::Sent(error.into()))?;
        let sent = match self {
            Self::Http1(sender) => {
                sender.ready().await.map_err(|_| Failed::NotSent)?;
                sender.try_send_request(request).await
            }
            Self::Http2(sender) => {
                sender.ready().await.map_err(|_| Failed::NotSent)?;
                sender.try_send_request(request).await
            }
        };
        sent.map_err(|mut error| {
            let returned = error.take_message().is_some();
            let error = error.into_error();
            if returned || is_goaway(&error) {
                return Failed::NotSent;
            }
            Failed::Sent(error.into())
        })
    }

    /// A GET whose whole body is read: status, whether the connection is to be closed, body.
    pub(crate) async fn read(&mut self, path: &str) -> Result<(u16, bool, Bytes), Failed> {
        let (head, body) = self.get(path).await?.into_parts();
        let body = body.collect().await.map_err(|e| Failed::Sent(e.into()))?;
        let close = head.headers.get("connection").is_some_and(|v| v == "close");
        Ok((head.status.as_u16(), close, body.to_bytes()))
    }
}

/// Whether a stream ended because the server said that it would not look at it (RFC 9113 §6.8).
/// hyper keeps the request when it meets the GOAWAY on its way out.
fn is_goaway(error: &hyper::Error) -> bool {
    let h2 = error.source().and_then(|e| e.downcast_ref::<h2::Error>());
    h2.is_some_and(|e| e.is_go_away() && e.is_remote() && e.reason() == Some(h2::Reason::NO_ERROR))
}
