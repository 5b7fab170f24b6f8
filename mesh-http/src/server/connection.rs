//! One connection, from its first byte to its graceful end.

use std::{
    error::Error,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Request, Response, Version};
use http_body::Body;
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use pin_project_lite::pin_project;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tower_service::Service;

use super::{
    Drain, PeerAddr,
    sniff::{Protocol, sniff},
};

type BoxError = Box<dyn Error + Send + Sync>;

/// Envoy's `max_request_headers_kb`; the number of headers (100) is hyper's default and Envoy's.
const MAX_HEADER_BYTES: u32 = 60 * 1024;

/// How connections are served; shared by all of a server's.
#[derive(Debug)]
pub(super) struct Connections {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    first_byte: Duration,
    lame_duck: Duration,
    drain: Drain,
}

impl Connections {
    pub(super) fn new(
        header_read_timeout: Duration,
        max_concurrent_streams: u32,
        lame_duck: Duration,
        drain: Drain,
    ) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(header_read_timeout)
            .max_header_size(MAX_HEADER_BYTES as usize);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(max_concurrent_streams)
            .max_header_list_size(MAX_HEADER_BYTES);
        Self {
            http1,
            http2,
            first_byte: header_read_timeout,
            lame_duck,
            drain,
        }
    }

    /// Serves `io` until it is closed, or drained.
    pub(super) async fn run<T, S, B>(self: Arc<Self>, io: T, peer: PeerAddr, service: S)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Service<Request<Incoming>, Response = Response<B>> + Clone,
        S::Future: Send + 'static,
        S: Send + 'static,
        S::Error: Into<BoxError>,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        // A TLS handshake will stand here: `let (io, identity) = acceptor.accept(io).await?`.
        let (protocol, io) = match self.sniff(io).await {
            Ok(sniffed) => sniffed,
            Err(error) => {
                tracing::debug!(target: "mesh::server", ?peer, error, "no request");
                return;
            }
        };
        let service = Peer {
            service: TowerToHyperService::new(service),
            connection: Arc::new((peer, self.drain.clone())),
        };
        let io = TokioIo::new(io);
        let ended: Result<(), hyper::Error> = match protocol {
            Protocol::Http1 => {
                let connection = self.http1.serve_connection(io, service).with_upgrades();
                let close = |c: Pin<&mut http1::UpgradeableConnection<_, _>>| c.graceful_shutdown();
                drive(connection, close, &self.drain, self.lame_duck).await
            }
            // GOAWAY loses nothing, so there is nothing to wait for: streams that cross it on the
            // way are still served, by the two-step shutdown of RFC 9113 §6.8.
            Protocol::Http2 => {
                let connection = self.http2.serve_connection(io, service);
                let close = |c: Pin<&mut http2::Connection<_, _, _>>| c.graceful_shutdown();
                drive(connection, close, &self.drain, Duration::ZERO).await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(target: "mesh::server", ?peer, %error, "connection failed");
        }
    }

    /// The protocol, within the time for a request's head and before the drain closes idle
    /// connections.
    async fn sniff<T: AsyncRead + Unpin>(
        &self,
        io: T,
    ) -> Result<(Protocol, super::sniff::Replayed<T>), String> {
        let mut closing = pin!(self.drain.signalled_after(self.lame_duck));
        let mut sniffing = pin!(timeout(self.first_byte, sniff(io)));
        poll_fn(|cx| {
            if let Poll::Ready(sniffed) = sniffing.as_mut().poll(cx) {
                return Poll::Ready(match sniffed {
                    Ok(sniffed) => sniffed.map_err(|error| error.to_string()),
                    Err(elapsed) => Err(elapsed.to_string()),
                });
            }
            ready!(closing.as_mut().poll(cx));
            Poll::Ready(Err("draining".to_owned()))
        })
        .await
    }
}

/// Runs a connection; `delay` after the drain has started, `close` asks it to end.
async fn drive<C: Future>(
    connection: C,
    close: impl Fn(Pin<&mut C>),
    drain: &Drain,
    delay: Duration,
) -> C::Output {
    let mut connection = pin!(connection);
    let mut closing = pin!(drain.signalled_after(delay));
    let (mut registered, mut closed) = (false, false);
    poll_fn(|cx| {
        // Waiting for the drain takes a lock that all connections share. Once the first poll has
        // left this task's waker there, the flag tells as well, without it. (The task is ours from
        // `JoinSet::spawn`, so the waker does not change.)
        if !closed && (!registered || drain.is_draining()) {
            registered = true;
            if closing.as_mut().poll(cx).is_ready() {
                closed = true;
                close(connection.as_mut());
            }
        }
        connection.as_mut().poll(cx)
    })
    .await
}

/// Adds what a request cannot know of its connection, and the connection's end to the response.
struct Peer<S> {
    service: TowerToHyperService<S>,
    /// In an `Arc` of the connection's own: requests of different connections share no count.
    connection: Arc<(PeerAddr, Drain)>,
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Peer<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future =
        Answer<<TowerToHyperService<S> as hyper::service::Service<Request<Incoming>>>::Future>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.connection.0);
        Answer {
            version: request.version(),
            inner: self.service.call(request),
            connection: self.connection.clone(),
        }
    }
}

pin_project! {
    struct Answer<F> {
        #[pin]
        inner: F,
        version: Version,
        connection: Arc<(PeerAddr, Drain)>,
    }
}

impl<F, B, E> Future for Answer<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        this.connection.1.mark(*this.version, &mut response);
        Poll::Ready(Ok(response))
    }
}
