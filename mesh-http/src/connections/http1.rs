//! HTTP/1.1: one request at a time on a connection, the most recently freed connection first.
//!
//! A connection goes back to the pool from the response body's tail, so reuse costs no task. When
//! the body's reader is quicker than hyper's task, which must see the end of the message too, the
//! connection is parked beside that task, and the task returns it. An upgraded connection is never
//! ready again, so it never comes back.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use http::{HeaderValue, Request, Response};
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http1},
};
use hyper_util::rt::TokioIo;
use mesh_core::policy::HttpProtocol;
use tokio::time::Instant;

use super::{
    ConnectOptions, Permit,
    pool::{Pool, Protocol},
    request::{HeadError, to_http1},
    seat::Seat,
};
use crate::{body::Body, connect::Io};

pub(super) struct Http1;

/// A connection that no request uses, or the lease of the request that does.
pub(crate) struct Connection {
    sender: http1::SendRequest<Body>,
    shared: Arc<Shared>,
    requests_left: u32,
    idle_since: Option<Instant>,
    /// The last `Host` header made for it.
    host: Option<HeaderValue>,
}

/// What the connection and its task share.
struct Shared {
    pool: Arc<Pool<Http1>>,
    id: u64,
    retire_at: Option<Instant>,
    parked: Mutex<Parked>,
    has_parked: AtomicBool,
    task: OnceLock<Waker>,
}

enum Parked {
    Nothing,
    Connection(Box<Connection>),
    /// The task has ended: what is parked now would never be taken.
    TaskGone,
}

impl Protocol for Http1 {
    const PROTOCOL: HttpProtocol = HttpProtocol::Http1;
    type Connection = Box<Connection>;
    type Lease = Box<Connection>;

    fn take(ready: &mut Vec<Box<Connection>>) -> Option<Box<Connection>> {
        while let Some(connection) = ready.pop() {
            if !connection.sender.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    fn give_back(lease: Box<Connection>) {
        lease.put();
    }

    fn id(connection: &Box<Connection>) -> u64 {
        connection.shared.id
    }

    fn idle_since(connection: &Box<Connection>) -> Option<Instant> {
        connection.idle_since
    }

    fn is_closed(connection: &Box<Connection>) -> bool {
        connection.sender.is_closed()
    }

    fn capacity(_: &ConnectOptions) -> usize {
        1
    }

    async fn start(io: Io, seat: Seat<Self>, permit: Permit) -> hyper::Result<Box<Connection>> {
        let (sender, connection) = http1::Builder::new().handshake(TokioIo::new(io)).await?;
        let limits = &seat.pool.options.pool;
        let requests_left = limits.max_requests_per_connection.unwrap_or(u32::MAX);
        let shared = Arc::new(Shared {
            pool: seat.pool.clone(),
            id: seat.id,
            retire_at: seat.retire_at(),
            parked: Mutex::new(Parked::Nothing),
            has_parked: AtomicBool::new(false),
            task: OnceLock::new(),
        });
        tokio::spawn(drive(
            connection.with_upgrades(),
            Driven(shared.clone()),
            seat,
            permit,
        ));
        Ok(Box::new(Connection {
            sender,
            shared,
            requests_left,
            idle_since: Some(Instant::now()),
            host: None,
        }))
    }
}

impl Connection {
    /// Fits `request` to this connection.
    pub(super) fn prepare(&mut self, request: &mut Request<Body>) -> Result<(), HeadError> {
        to_http1(request, &mut self.host)
    }

    /// Sends one request.
    pub(super) fn send(
        &mut self,
        request: Request<Body>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<Body>>>> + use<> {
        self.requests_left = self.requests_left.saturating_sub(1);
        self.sender.try_send_request(request)
    }

    /// The response was read to its end.
    pub(super) fn finish(self: Box<Self>) {
        if self.sender.is_ready() {
            self.put();
        } else if !self.sender.is_closed() {
            let shared = self.shared.clone();
            shared.park(self);
        }
    }

    /// The response was dropped or broke off. If hyper had already read all of it, and only then, the
    /// connection can take another request.
    pub(super) fn abandon(self: Box<Self>) {
        if self.sender.is_ready() {
            self.put();
        }
    }

    /// Back to the pool, unless it has served its time.
    fn put(mut self: Box<Self>) {
        if self.requests_left == 0 {
            return;
        }
        let idle = self.shared.pool.options.pool.idle_timeout;
        let retire_at = self.shared.retire_at;
        if idle.is_some() || retire_at.is_some() {
            let now = Instant::now();
            if retire_at.is_some_and(|at| at <= now) {
                return;
            }
            self.idle_since = Some(now);
        }
        let pool = self.shared.pool.clone();
        pool.put(self);
    }
}

impl Shared {
    fn park(&self, connection: Box<Connection>) {
        {
            let mut parked = self.parked();
            if matches!(*parked, Parked::TaskGone) {
                return;
            }
            *parked = Parked::Connection(connection);
        }
        self.has_parked.store(true, Ordering::Release);
        if let Some(task) = self.task.get() {
            task.wake_by_ref();
        }
    }

    /// Returns the parked connection to the pool if hyper is ready for its next request. `true` when
    /// it is not and is still parked.
    fn unpark(&self) -> bool {
        let connection = {
            let mut parked = self.parked();
            match std::mem::replace(&mut *parked, Parked::Nothing) {
                Parked::Connection(connection) if !connection.sender.is_ready() => {
                    *parked = Parked::Connection(connection);
                    return true;
                }
                Parked::Connection(connection) => connection,
                other => {
                    *parked = other;
                    return false;
                }
            }
        };
        self.has_parked.store(false, Ordering::Relaxed);
        connection.put();
        false
    }

    fn parked(&self) -> MutexGuard<'_, Parked> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Marks the end of the task, however it ends.
struct Driven(Arc<Shared>);

impl Drop for Driven {
    fn drop(&mut self) {
        let parked = std::mem::replace(&mut *self.0.parked(), Parked::TaskGone);
        drop(parked);
    }
}

/// The connection's task.
async fn drive(
    connection: impl Future<Output = hyper::Result<()>>,
    driven: Driven,
    mut seat: Seat<Http1>,
    _permit: Permit,
) {
    let shared = &*driven.0;
    let mut connection = pin!(connection);
    let mut settle = Settle {
        limit: shared.pool.options.connect_timeout,
        timer: None,
    };
    poll_fn(|cx| {
        if let Poll::Ready(end) = connection.as_mut().poll(cx) {
            if let Err(error) = end {
                tracing::debug!(address = %shared.pool.address, %error, "connection ended");
            }
            return Poll::Ready(());
        }
        // A task keeps its waker for life.
        shared.task.get_or_init(|| cx.waker().clone());
        if shared.has_parked.load(Ordering::Acquire) && shared.unpark() {
            if settle.poll(cx).is_ready() {
                return Poll::Ready(());
            }
        } else {
            settle.timer = None;
        }
        seat.poll_limits(cx);
        Poll::Pending
    })
    .await;
}

/// Bounds how long a connection may stay parked: a peer may answer early and never read the rest of
/// the request. Envoy resets such a stream at once.
struct Settle {
    limit: Duration,
    timer: Option<std::pin::Pin<Box<tokio::time::Sleep>>>,
}

impl Settle {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let limit = self.limit;
        self.timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)))
            .as_mut()
            .poll(cx)
    }
}
