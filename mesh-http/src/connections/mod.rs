//! The HTTP/1.1 and HTTP/2 connections to one endpoint.
//!
//! ```text
//!  send ─▶ pool: ready connection, or wait for one ─▶ hyper ─▶ Response<Body>
//!            ▲                                                    │ tail
//!            └──────────── HTTP/1.1: read to its end ─────────────┘
//! ```
//!
//! A [`ConnectionSet`] belongs to one endpoint and chooses nothing but a connection. It sends a
//! request once; only a request that hyper gave back unwritten, because the connection had closed
//! under it, goes to another connection at once. Everything else is a [`SendError`] that says
//! whether sending again is safe, and the retry layer decides.

mod error;
mod gate;
mod http1;
mod http2;
mod pool;
mod request;
mod seat;

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response, Version};
use hyper::client::conn::TrySendError;
use mesh_core::{
    Failure,
    policy::{Address, Cluster, ConnectionPool, HttpProtocol},
};
use pin_project_lite::pin_project;

pub(crate) use self::{
    error::classify,
    request::{has, without_userinfo},
};
pub use self::{
    error::{ConnectError, SendError, SendErrorKind},
    gate::{Gate, Limits, Permit},
};
use self::{
    http1::Http1,
    http2::Http2,
    pool::{Pool, Protocol, WaitError},
};
use crate::body::Body;

/// How often a request that was never written is tried on another connection.
const RESENDS: u32 = 3;

/// How connections are made and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectOptions {
    /// Bounds each connect, and how long a request waits for a connection unless
    /// [`Limits::max_wait`] says otherwise.
    pub connect_timeout: Duration,
    /// What is spoken.
    pub protocol: HttpProtocol,
    /// Limits of each connection.
    pub pool: ConnectionPool,
}

impl From<&Cluster> for ConnectOptions {
    fn from(cluster: &Cluster) -> Self {
        Self {
            connect_timeout: cluster.connect_timeout,
            protocol: cluster.protocol,
            pool: cluster.connection_pool.clone(),
        }
    }
}

/// The connections to one endpoint. Dropping it closes those that are idle; requests under way keep
/// theirs until they end.
pub struct ConnectionSet {
    protocol: HttpProtocol,
    http1: Arc<Pool<Http1>>,
    http2: Arc<Pool<Http2>>,
}

impl ConnectionSet {
    /// A set without connections: the first request makes one.
    pub fn new(address: Address, options: ConnectOptions) -> Self {
        Self {
            protocol: options.protocol,
            http1: Arc::new(Pool::new(address.clone(), options.clone())),
            http2: Arc::new(Pool::new(address, options)),
        }
    }

    /// Where the connections lead.
    pub fn address(&self) -> &Address {
        &self.http1.address
    }

    /// Sends `request` and waits for the response's head. The request's URI has scheme, authority
    /// and path; a `Host` header wins over the authority.
    ///
    /// Only the wait for a connection is bounded here; the response is the caller's to bound.
    /// Dropping the future cancels the request.
    ///
    /// # Errors
    /// When there is no response head.
    pub fn send<'a>(
        &'a self,
        request: Request<Body>,
        limits: Limits<'a>,
    ) -> impl Future<Output = Result<Response<Body>, SendError>> + Send + use<'a> {
        let http2 = match self.protocol {
            _ if limits.http2_only => true,
            HttpProtocol::Http1 => false,
            HttpProtocol::Http2 => true,
            HttpProtocol::Downstream => request.version() == Version::HTTP_2,
        };
        if http2 {
            Sending::Http2 {
                sending: self.send_http2(request, limits),
            }
        } else {
            Sending::Http1 {
                sending: self.send_http1(request, limits),
            }
        }
    }

    async fn send_http1(
        &self,
        mut request: Request<Body>,
        limits: Limits<'_>,
    ) -> Result<Response<Body>, SendError> {
        let version = request.version();
        let mut resends = 0;
        let mut failed = loop {
            let mut lease = match self.http1.take() {
                Some(lease) => lease,
                None => match lease(&self.http1, limits).await {
                    Ok(lease) => lease,
                    Err(error) => break unleased(error, request),
                },
            };
            if let Err(error) = lease.prepare(&mut request) {
                Http1::give_back(lease);
                break SendError::unsent(SendErrorKind::Request, error, request);
            }
            match lease.send(request).await {
                Ok(response) => {
                    return Ok(response.map(|body| Body::leased(body, Lease::Http1(lease))));
                }
                Err(error) => match unwritten(error, &mut resends) {
                    Ok(unwritten) => request = unwritten,
                    Err(error) => break error,
                },
            }
        };
        if let Some(request) = &mut failed.request {
            request::to_absolute(request, version);
        }
        Err(failed)
    }

    async fn send_http2(
        &self,
        mut request: Request<Body>,
        limits: Limits<'_>,
    ) -> Result<Response<Body>, SendError> {
        if let Err(error) = request::to_http2(&mut request) {
            return Err(SendError::unsent(SendErrorKind::Request, error, request));
        }
        let mut resends = 0;
        loop {
            let lease = match self.http2.take() {
                Some(lease) => lease,
                None => match lease(&self.http2, limits).await {
                    Ok(lease) => lease,
                    Err(error) => return Err(unleased(error, request)),
                },
            };
            match lease.send(request).await {
                Ok(response) => {
                    return Ok(response.map(|body| Body::leased(body, Lease::Http2(lease))));
                }
                // What hyper has written it keeps. A copy of every request would cost more than
                // the few that a GOAWAY leaves out: those are refused, unsent, and the retry
                // layer, which has the request, sends them again.
                Err(error) => request = unwritten(error, &mut resends)?,
            }
        }
    }
}

pin_project! {
    /// Either future; an `async fn` over both would hold the request twice.
    #[project = SendingProjected]
    enum Sending<F1, F2> {
        Http1 { #[pin] sending: F1 },
        Http2 { #[pin] sending: F2 },
    }
}

impl<F1: Future, F2: Future<Output = F1::Output>> Future for Sending<F1, F2> {
    type Output = F1::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F1::Output> {
        match self.project() {
            SendingProjected::Http1 { sending } => sending.poll(cx),
            SendingProjected::Http2 { sending } => sending.poll(cx),
        }
    }
}

impl Drop for ConnectionSet {
    fn drop(&mut self) {
        self.http1.close();
        self.http2.close();
    }
}

impl fmt::Debug for ConnectionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionSet")
            .field("address", self.address())
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

/// The slow path, boxed so that the future of every request is not as large as this one.
async fn lease<P: Protocol>(
    pool: &Arc<Pool<P>>,
    limits: Limits<'_>,
) -> Result<P::Lease, WaitError> {
    Box::pin(pool.wait(limits)).await
}

/// The circuit breaker's answer.
#[derive(Debug, thiserror::Error)]
#[error("too many requests wait for a connection")]
struct Overflow;

fn unleased(error: WaitError, request: Request<Body>) -> SendError {
    match error {
        WaitError::Overflow => SendError::unsent(SendErrorKind::Overflow, Overflow, request),
        WaitError::Connect(error) => {
            SendError::unsent(SendErrorKind::Failure(error.failure()), error, request)
        }
    }
}

/// The request, if hyper gave it back and may be given it again.
fn unwritten(
    mut error: TrySendError<Request<Body>>,
    resends: &mut u32,
) -> Result<Request<Body>, SendError> {
    match error.take_message() {
        Some(request) if *resends < RESENDS => {
            *resends += 1;
            Ok(request)
        }
        Some(request) => Err(SendError::unsent(
            SendErrorKind::Failure(Failure::Disconnect),
            error.into_error(),
            request,
        )),
        None => Err(SendError::taken(error.into_error())),
    }
}

/// A request's hold on its connection, kept by the response body.
pub(crate) enum Lease {
    Http1(Box<http1::Connection>),
    Http2(http2::Stream),
}

impl Lease {
    /// The response was read to its end.
    pub(crate) fn finish(self) {
        match self {
            Self::Http1(connection) => connection.finish(),
            Self::Http2(stream) => drop(stream),
        }
    }

    /// The response was dropped or broke off: closes an HTTP/1.1 connection on which more of it would
    /// come.
    pub(crate) fn abandon(self) {
        match self {
            Self::Http1(connection) => connection.abandon(),
            Self::Http2(stream) => drop(stream),
        }
    }
}
