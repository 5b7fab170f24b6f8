//! [`serve`]: a service on a listener, until it is drained.

use std::{
    error::Error,
    future::{Future, IntoFuture, poll_fn},
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::{
    net::TcpStream,
    task::{JoinError, JoinSet},
    time::timeout_at,
};
use tower_service::Service;

use super::{Drain, Listener, PeerAddr, connection::Connections};

type BoxError = Box<dyn Error + Send + Sync>;

/// Serves HTTP/1.1 and HTTP/2 (with prior knowledge) on `listener` until `drain` has started and
/// everything under way has ended, or its grace has passed.
///
/// What happens when the drain starts:
///
/// ```text
///  start        HTTP/2: GOAWAY. HTTP/1: every answer says `connection: close`, then the connection ends.
///  + lame duck  the listener closes; idle HTTP/1 connections close
///  + grace      what is still open is cut
/// ```
///
/// The [lame duck](Serve::with_lame_duck) time exists because closing a listener or an idle HTTP/1
/// connection breaks the request of a caller who has not heard yet. Nothing waits for an idle
/// connection longer than that; a request whose head has begun to arrive is under way.
///
/// Dropping the future cuts everything at once. Upgraded connections belong to the handler that
/// upgraded them.
pub fn serve<S>(listener: Listener, service: S, drain: Drain) -> Serve<S> {
    Serve {
        listener,
        service,
        drain,
        lame_duck: Serve::<S>::LAME_DUCK,
        header_read_timeout: Serve::<S>::HEADER_READ_TIMEOUT,
        max_concurrent_streams: Serve::<S>::MAX_CONCURRENT_STREAMS,
    }
}

/// A server that has not begun; `.await` it. See [`serve`].
#[derive(Debug)]
#[must_use = "a server does nothing until it is awaited"]
pub struct Serve<S> {
    listener: Listener,
    service: S,
    drain: Drain,
    lame_duck: Duration,
    header_read_timeout: Duration,
    max_concurrent_streams: u32,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Connections that were cut because the grace had passed.
    pub cut: usize,
}

impl<S> Serve<S> {
    const LAME_DUCK: Duration = Duration::from_millis(500);
    const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(75);
    const MAX_CONCURRENT_STREAMS: u32 = 1024;

    /// How long after the start of the drain connections are still accepted and idle ones kept, so
    /// that callers hear of the end before they meet it. 500 ms by default, enough for callers who
    /// are busy; where they learn from a control plane (in Kubernetes, say), the time that takes.
    pub const fn with_lame_duck(mut self, lame_duck: Duration) -> Self {
        self.lame_duck = lame_duck;
        self
    }

    /// How long the head of an HTTP/1 request, or the first bytes of any connection, may take. The
    /// time starts when the connection becomes idle, so it bounds idle connections as well, and
    /// should be longer than callers keep theirs. 75 s by default.
    pub const fn with_header_read_timeout(mut self, timeout: Duration) -> Self {
        self.header_read_timeout = timeout;
        self
    }

    /// Streams open at a time on one HTTP/2 connection. 1024 by default, as in Envoy.
    pub const fn with_max_concurrent_streams(mut self, max: u32) -> Self {
        self.max_concurrent_streams = max;
        self
    }
}

impl<S, B> IntoFuture for Serve<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Output = Drained;
    type IntoFuture = Pin<Box<dyn Future<Output = Drained> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(run(self))
    }
}

async fn run<S, B>(server: Serve<S>) -> Drained
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let Serve {
        mut listener,
        service,
        drain,
        lame_duck,
        header_read_timeout,
        max_concurrent_streams,
    } = server;
    let settings = Arc::new(Connections::new(
        header_read_timeout,
        max_concurrent_streams,
        lame_duck,
        drain.clone(),
    ));
    let mut connections = JoinSet::new();
    let spawn = move |connections: &mut JoinSet<()>, (io, peer): (TcpStream, SocketAddr)| {
        let settings = settings.clone();
        connections.spawn(settings.run(io, PeerAddr(peer), service.clone()));
    };

    let mut closing = pin!(drain.signalled_after(lame_duck));
    loop {
        let mut accepting = pin!(listener.accept());
        let accepted = poll_fn(|cx| {
            while let Poll::Ready(Some(ended)) = connections.poll_join_next(cx) {
                report(ended);
            }
            match closing.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => accepting.as_mut().poll(cx).map(Some),
            }
        });
        match accepted.await {
            Some(accepted) => spawn(&mut connections, accepted),
            None => break,
        }
    }
    for accepted in listener.close() {
        spawn(&mut connections, accepted);
    }

    let until = drain.started().await;
    let all_ended = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    // When the grace passes first, what is left is counted and cut.
    let _ = timeout_at(until, all_ended).await;
    let cut = connections.len();
    connections.shutdown().await;
    Drained { cut }
}

/// A handler's panic ends its connection, not the server.
fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(target: "mesh::server", %error, "a connection's task failed");
    }
}
