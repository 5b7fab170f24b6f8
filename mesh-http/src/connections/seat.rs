//! An open connection's place in its pool, and its limits of time.

use std::{future::Future, pin::Pin, sync::Arc, task::Context};

use tokio::time::{Instant, Sleep};

use super::pool::{Pool, Protocol};

/// Held by the connection's task, and gone with it. It watches the limits of time on the task's own
/// polls and one timer, so that a request sets none.
pub(super) struct Seat<P: Protocol> {
    pub(super) pool: Arc<Pool<P>>,
    pub(super) id: u64,
    retire_at: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    /// Whether the timer knows the task: polling it again before it fires would be in vain.
    armed: bool,
}

impl<P: Protocol> Seat<P> {
    pub(super) fn new(pool: &Arc<Pool<P>>) -> Self {
        let id = {
            let mut state = pool.lock();
            state.open += 1;
            state.new_id()
        };
        let now = Instant::now();
        let limits = &pool.options.pool;
        let retire_at = limits
            .max_connection_duration
            .and_then(|after| now.checked_add(after));
        let idle_at = limits.idle_timeout.and_then(|after| now.checked_add(after));
        let first = [retire_at, idle_at].into_iter().flatten().min();
        Self {
            pool: pool.clone(),
            id,
            retire_at,
            timer: first.map(|at| Box::pin(tokio::time::sleep_until(at))),
            armed: false,
        }
    }

    /// When `max_connection_duration` ends.
    pub(super) const fn retire_at(&self) -> Option<Instant> {
        self.retire_at
    }

    /// Removes the connection from the pool when its time is over. If it is idle, that closes it.
    pub(super) fn poll_limits(&mut self, cx: &mut Context<'_>) {
        while let Some(timer) = &mut self.timer {
            if self.armed && !timer.is_elapsed() {
                return;
            }
            self.armed = true;
            if timer.as_mut().poll(cx).is_pending() {
                return;
            }
            match Self::check_limits(&self.pool, self.id, self.retire_at) {
                Ok(Some(at)) => {
                    timer.as_mut().reset(at);
                    self.armed = false;
                }
                Ok(None) => self.timer = None,
                Err(over) => {
                    self.timer = None;
                    drop(over);
                }
            }
        }
    }

    /// When to look again; or the connection, taken out of the pool for good (`None` while an
    /// HTTP/1.1 request has it).
    fn check_limits(
        pool: &Pool<P>,
        id: u64,
        retire_at: Option<Instant>,
    ) -> Result<Option<Instant>, Option<P::Connection>> {
        let now = Instant::now();
        let ready = &mut pool.lock().ready;
        let own = ready.iter().position(|c| P::id(c) == id);
        let idle_since = own.and_then(|at| P::idle_since(ready.get(at)?));
        let idle_timeout = pool.options.pool.idle_timeout;
        let idle_at = idle_timeout.and_then(|after| idle_since.unwrap_or(now).checked_add(after));
        let next = [retire_at, idle_at].into_iter().flatten().min();
        if next.is_some_and(|at| at <= now) {
            Err(own.map(|at| ready.remove(at)))
        } else {
            Ok(next)
        }
    }
}

impl<P: Protocol> Drop for Seat<P> {
    fn drop(&mut self) {
        let gone = {
            let mut state = self.pool.lock();
            state.open -= 1;
            let at = state.ready.iter().position(|c| P::id(c) == self.id);
            at.map(|at| state.ready.remove(at))
        };
        drop(gone);
        self.pool.connect_if_needed();
    }
}
