//! The connections of one protocol to one endpoint, and the requests waiting for them.
//!
//! ```text
//!  take ──▶ ready ◀── put ──────────────────┐
//!    │ none                                 │
//!    ▼            connect task ──▶ finish ──┤
//!  waiters (FIFO) ◀── serve ────────────────┘
//! ```
//!
//! One small lock, held for a few instructions and never across an await. While anything is ready
//! nobody waits, and the reverse. A connect runs in a task of the pool: the request that caused it
//! may be cancelled, or be served by another connection that came free first.

use std::{
    collections::VecDeque,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mesh_core::policy::{Address, HttpProtocol};
use tokio::{
    runtime::Handle,
    sync::oneshot,
    task::JoinSet,
    time::{Instant, timeout},
};

use super::{ConnectError, ConnectOptions, Gate, Limits, Permit, seat::Seat};
use crate::connect::{Io, connect};

/// What differs between HTTP/1.1 and HTTP/2.
pub(super) trait Protocol: Sized + Send + 'static {
    const PROTOCOL: HttpProtocol;
    /// A connection that can take a request, as the pool keeps it.
    type Connection: Send;
    /// The right to send one request.
    type Lease: Send;

    /// Takes the best connection's next request, and removes what cannot take another.
    fn take(ready: &mut Vec<Self::Connection>) -> Option<Self::Lease>;
    /// Returns a lease that was not used.
    fn give_back(lease: Self::Lease);
    fn id(connection: &Self::Connection) -> u64;
    /// Since when no request uses it.
    fn idle_since(connection: &Self::Connection) -> Option<Instant>;
    fn is_closed(connection: &Self::Connection) -> bool;
    /// How many waiting requests one more connection will serve.
    fn capacity(options: &ConnectOptions) -> usize;
    /// Begins to speak on a socket; `seat` goes to the connection's task.
    fn start(
        io: Io,
        seat: Seat<Self>,
        permit: Permit,
    ) -> impl Future<Output = hyper::Result<Self::Connection>> + Send;
}

pub(super) struct Pool<P: Protocol> {
    pub(super) address: Address,
    pub(super) options: ConnectOptions,
    state: Mutex<State<P>>,
    /// Locked before `state`, never after.
    connects: Mutex<JoinSet<()>>,
}

pub(super) struct State<P: Protocol> {
    pub(super) ready: Vec<P::Connection>,
    waiters: VecDeque<Waiter<P>>,
    connecting: usize,
    pub(super) open: usize,
    next_id: u64,
    closed: bool,
}

struct Waiter<P: Protocol> {
    id: u64,
    gate: Option<Arc<dyn Gate>>,
    served: oneshot::Sender<Result<Handoff<P>, ConnectError>>,
}

/// A lease on its way to a waiter, which may be gone when it arrives.
struct Handoff<P: Protocol>(Option<P::Lease>);

impl<P: Protocol> Drop for Handoff<P> {
    fn drop(&mut self) {
        if let Some(lease) = self.0.take() {
            P::give_back(lease);
        }
    }
}

/// Why a request got no lease.
pub(super) enum WaitError {
    Overflow,
    Connect(ConnectError),
}

impl<P: Protocol> Pool<P> {
    pub(super) fn new(address: Address, options: ConnectOptions) -> Self {
        Self {
            address,
            options,
            state: Mutex::new(State {
                ready: Vec::new(),
                waiters: VecDeque::new(),
                connecting: 0,
                open: 0,
                next_id: 0,
                closed: false,
            }),
            connects: Mutex::default(),
        }
    }

    /// A lease, if a connection is ready.
    pub(super) fn take(&self) -> Option<P::Lease> {
        P::take(&mut self.lock().ready)
    }

    /// A lease, once a connection is made or comes free.
    pub(super) async fn wait(self: &Arc<Self>, limits: Limits<'_>) -> Result<P::Lease, WaitError> {
        let _pending = match limits.gate {
            Some(gate) => gate.try_pending().ok_or(WaitError::Overflow)?,
            None => Permit::uncounted(),
        };
        let (served, outcome) = oneshot::channel();
        let _waiting = {
            let mut state = self.lock();
            if let Some(lease) = P::take(&mut state.ready) {
                return Ok(lease);
            }
            let id = state.new_id();
            state.waiters.push_back(Waiter {
                id,
                gate: limits.gate.cloned(),
                served,
            });
            Waiting { pool: self, id }
        };
        self.connect_if_needed();
        let address = || self.address.clone();
        let after = limits.max_wait.unwrap_or(self.options.connect_timeout);
        Err(WaitError::Connect(match timeout(after, outcome).await {
            Ok(Ok(Ok(mut handoff))) => match handoff.0.take() {
                Some(lease) => return Ok(lease),
                None => ConnectError::Stopped { address: address() },
            },
            Ok(Ok(Err(error))) => error,
            Ok(Err(_)) => ConnectError::Stopped { address: address() },
            Err(_) if self.lock().open == 0 => ConnectError::TimedOut {
                address: address(),
                after,
            },
            Err(_) => ConnectError::Busy {
                address: address(),
                after,
            },
        }))
    }

    /// Keeps a connection that can take a request.
    pub(super) fn put(&self, connection: P::Connection) {
        let mut state = self.lock();
        if state.closed {
            drop(state);
            return drop(connection);
        }
        state.ready.push(connection);
        if !state.waiters.is_empty() {
            drop(state);
            self.serve();
        }
    }

    /// Hands what is ready to those who wait, first come, first served.
    pub(super) fn serve(&self) {
        while let Some((mut waiter, lease)) = self.next_served() {
            let mut handoff = Handoff(Some(lease));
            while let Err(Ok(unserved)) = waiter.served.send(Ok(handoff)) {
                handoff = unserved;
                let next = self.lock().waiters.pop_front();
                match next {
                    Some(next) => waiter = next,
                    None => break,
                }
            }
        }
    }

    fn next_served(&self) -> Option<(Waiter<P>, P::Lease)> {
        let mut state = self.lock();
        let waiter = state.waiters.pop_front()?;
        match P::take(&mut state.ready) {
            Some(lease) => Some((waiter, lease)),
            None => {
                state.waiters.push_front(waiter);
                None
            }
        }
    }

    /// Lets go of what is idle; what is in use ends by itself.
    pub(super) fn close(&self) {
        let ready = {
            let mut state = self.lock();
            state.closed = true;
            std::mem::take(&mut state.ready)
        };
        let connects = std::mem::take(&mut *lock(&self.connects));
        drop((ready, connects));
    }

    pub(super) fn connect_if_needed(self: &Arc<Self>) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut connects = lock(&self.connects);
        while let Some((connecting, permit)) = self.next_connect() {
            while connects.try_join_next().is_some() {}
            // A runtime that is shutting down drops the task here, which locks the state.
            connects.spawn_on(connecting.run(permit), &runtime);
        }
    }

    /// The next connect to make, if more requests wait than the connects under way will serve and
    /// the breaker lets it.
    fn next_connect(self: &Arc<Self>) -> Option<(Connecting<P>, Permit)> {
        let mut state = self.lock();
        let served = state.connecting.saturating_mul(P::capacity(&self.options));
        if state.closed || state.waiters.len() <= served {
            return None;
        }
        let first = state.open + state.connecting == 0;
        let permit = match &state.waiters.front()?.gate {
            Some(gate) => gate.try_connection(first)?,
            None => Permit::uncounted(),
        };
        state.connecting += 1;
        let connecting = Connecting {
            pool: self.clone(),
            outcome: None,
        };
        Some((connecting, permit))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<P>> {
        lock(&self.state)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<P: Protocol> State<P> {
    pub(super) const fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

impl<T> From<WaitError> for Result<T, WaitError> {
    fn from(error: WaitError) -> Self {
        Err(error)
    }
}

/// A place in the queue; leaves it when the request is cancelled.
struct Waiting<'a, P: Protocol> {
    pool: &'a Pool<P>,
    id: u64,
}

impl<P: Protocol> Drop for Waiting<'_, P> {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        if let Ok(at) = state.waiters.binary_search_by_key(&self.id, |w| w.id) {
            let waiter = state.waiters.remove(at);
            drop(state);
            drop(waiter);
        }
    }
}

/// A connection being made.
struct Connecting<P: Protocol> {
    pool: Arc<Pool<P>>,
    outcome: Option<Result<P::Connection, ConnectError>>,
}

impl<P: Protocol> Connecting<P> {
    async fn run(mut self, permit: Permit) {
        let pool = self.pool.clone();
        let address = &pool.address;
        let after = pool.options.connect_timeout;
        let attempt = async {
            let refused = |source: std::io::Error| ConnectError::Refused {
                address: address.clone(),
                source: Arc::new(source),
            };
            let keepalive = pool.options.pool.tcp_keepalive.as_ref();
            let io = connect(address, keepalive).await.map_err(refused)?;
            let connection = P::start(io, Seat::new(&pool), permit)
                .await
                .map_err(|source| ConnectError::Handshake {
                    address: address.clone(),
                    protocol: P::PROTOCOL,
                    source: Arc::new(source),
                })?;
            if P::is_closed(&connection) {
                return Err(refused(std::io::ErrorKind::ConnectionReset.into()));
            }
            Ok(connection)
        };
        self.outcome = Some(timeout(after, attempt).await.unwrap_or_else(|_| {
            Err(ConnectError::TimedOut {
                address: address.clone(),
                after,
            })
        }));
    }
}

impl<P: Protocol> Drop for Connecting<P> {
    fn drop(&mut self) {
        let pool = &self.pool;
        let outcome = self.outcome.take().unwrap_or_else(|| {
            Err(ConnectError::Stopped {
                address: pool.address.clone(),
            })
        });
        let failed = {
            let mut state = pool.lock();
            state.connecting -= 1;
            match &outcome {
                Ok(_) => VecDeque::new(),
                // As in Envoy, a failed connect fails all who wait for the endpoint.
                Err(_) => std::mem::take(&mut state.waiters),
            }
        };
        match outcome {
            Ok(connection) => {
                pool.put(connection);
                pool.connect_if_needed();
            }
            Err(error) => {
                tracing::debug!(address = %pool.address, error = %error, "connect failed");
                for waiter in failed {
                    // One that is gone needs no answer.
                    let _ = waiter.served.send(Err(error.clone()));
                }
            }
        }
    }
}
