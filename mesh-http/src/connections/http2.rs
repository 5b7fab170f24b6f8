//! HTTP/2 with prior knowledge: requests share a connection up to its limit of streams, then another
//! is opened.
//!
//! The limit is the smaller of ours and the peer's SETTINGS. A connection leaves the pool when
//! hyper's task for it ends, which a GOAWAY brings about before any further request is written:
//! those come back whole and go to another connection. Streams under way keep it open.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use mesh_core::policy::HttpProtocol;
use tokio::time::Instant;

use super::{
    ConnectOptions, Permit,
    pool::{Pool, Protocol},
    seat::Seat,
};
use crate::{body::Body, connect::Io};

/// What one slow reader may hold up, and what a whole connection may buffer. Envoy's 16 MiB and
/// 24 MiB are for links of high latency; inside a data centre (1 ms at 10 Gbit/s) 1.25 MiB fill the
/// pipe.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 5 << 20;
/// Envoy's `max_response_headers_kb` is 60.
const MAX_HEADER_LIST: u32 = 60 << 10;

pub(super) struct Http2;

pub(crate) struct Connection {
    id: u64,
    sender: http2::SendRequest<Body>,
    pool: Arc<Pool<Http2>>,
    streams: AtomicU32,
    max_streams: AtomicU32,
    requests_left: AtomicU32,
    since: Instant,
    /// Nanoseconds after `since`; meant only while there are no streams.
    idle_since: AtomicU64,
    _permit: Permit,
}

/// One stream of a connection.
pub(crate) struct Stream(Arc<Connection>);

impl Protocol for Http2 {
    const PROTOCOL: HttpProtocol = HttpProtocol::Http2;
    type Connection = Arc<Connection>;
    type Lease = Stream;

    fn take(ready: &mut Vec<Arc<Connection>>) -> Option<Stream> {
        let mut at = 0;
        while let Some(connection) = ready.get(at) {
            if connection.sender.is_closed() {
                ready.remove(at);
            } else if connection.has_room() {
                let connection = connection.clone();
                connection.streams.fetch_add(1, Ordering::AcqRel);
                if connection.requests_left.fetch_sub(1, Ordering::Relaxed) == 1 {
                    ready.remove(at);
                }
                return Some(Stream(connection));
            } else {
                at += 1;
            }
        }
        None
    }

    fn give_back(lease: Stream) {
        drop(lease);
    }

    fn id(connection: &Arc<Connection>) -> u64 {
        connection.id
    }

    fn idle_since(connection: &Arc<Connection>) -> Option<Instant> {
        (connection.streams.load(Ordering::Acquire) == 0).then(|| {
            let after = Duration::from_nanos(connection.idle_since.load(Ordering::Relaxed));
            connection.since + after
        })
    }

    fn is_closed(connection: &Arc<Connection>) -> bool {
        connection.sender.is_closed()
    }

    fn capacity(options: &ConnectOptions) -> usize {
        options.pool.max_concurrent_streams.max(1) as usize
    }

    async fn start(io: Io, seat: Seat<Self>, permit: Permit) -> hyper::Result<Arc<Connection>> {
        let limits = &seat.pool.options.pool;
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(MAX_HEADER_LIST);
        if let Some(ping) = limits.http2_keep_alive {
            builder
                .timer(TokioTimer::new())
                .keep_alive_interval(ping.interval)
                .keep_alive_timeout(ping.timeout)
                .keep_alive_while_idle(true);
        }
        let (sender, connection) = builder.handshake(TokioIo::new(io)).await?;
        let ours = limits.max_concurrent_streams.max(1);
        let requests = limits.max_requests_per_connection.unwrap_or(u32::MAX);
        let shared = Arc::new(Connection {
            id: seat.id,
            sender,
            pool: seat.pool.clone(),
            streams: AtomicU32::new(0),
            max_streams: AtomicU32::new(at_most(ours, connection.current_max_send_streams())),
            requests_left: AtomicU32::new(requests),
            since: Instant::now(),
            idle_since: AtomicU64::new(0),
            _permit: permit,
        });
        tokio::spawn(drive(connection, Arc::downgrade(&shared), seat, ours));
        Ok(shared)
    }
}

impl Connection {
    fn has_room(&self) -> bool {
        self.streams.load(Ordering::Acquire) < self.max_streams.load(Ordering::Relaxed)
    }
}

impl Stream {
    /// Sends one request.
    pub(super) fn send(
        &self,
        request: Request<Body>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<Body>>>> + use<> {
        self.0.sender.clone().try_send_request(request)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let connection = &*self.0;
        if connection.pool.options.pool.idle_timeout.is_some()
            && connection.streams.load(Ordering::Relaxed) == 1
        {
            let after = connection.since.elapsed().as_nanos();
            let after = u64::try_from(after).unwrap_or(u64::MAX);
            connection.idle_since.store(after, Ordering::Relaxed);
        }
        let streams = connection.streams.fetch_sub(1, Ordering::AcqRel);
        // Only a full connection makes requests wait.
        if streams >= connection.max_streams.load(Ordering::Relaxed) {
            connection.pool.serve();
        }
    }
}

/// The connection's task. It holds the connection weakly: the last lease ends it.
async fn drive(
    connection: http2::Connection<TokioIo<Io>, Body, TokioExecutor>,
    shared: Weak<Connection>,
    mut seat: Seat<Http2>,
    ours: u32,
) {
    let mut connection = pin!(connection);
    let mut known = None;
    poll_fn(|cx| {
        if let Poll::Ready(end) = connection.as_mut().poll(cx) {
            if let Err(error) = end {
                tracing::debug!(address = %seat.pool.address, %error, "connection ended");
            }
            return Poll::Ready(());
        }
        let limit = at_most(ours, connection.current_max_send_streams());
        if known.replace(limit) != Some(limit)
            && let Some(shared) = shared.upgrade()
            && shared.max_streams.swap(limit, Ordering::Relaxed) < limit
        {
            seat.pool.serve();
        }
        seat.poll_limits(cx);
        Poll::Pending
    })
    .await;
}

fn at_most(ours: u32, peers: usize) -> u32 {
    u32::try_from(peers).map_or(ours, |peers| peers.min(ours))
}
