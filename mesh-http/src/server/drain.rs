//! Ending a server without losing a request.
//!
//! A [`Drain`] is the one signal that everything on the server side listens to: the accept loop, the
//! connections, the [`ServerLayer`](super::ServerLayer), and a user's own parts. It also counts
//! requests under way. Until it starts it costs a request two additions on the thread's own cache
//! line and one read.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{HeaderValue, Response, StatusCode, Version, header::CONNECTION};
use mesh_core::{Sharded, thread_index};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout_at},
};

/// A handle to the end of a server; clones are the same drain.
#[derive(Clone, Debug, Default)]
pub struct Drain(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// The same as `started.is_some()`, for the hot path.
    draining: AtomicBool,
    /// When the grace ends.
    started: watch::Sender<Option<Instant>>,
    in_flight: Sharded<AtomicUsize>,
    ended: Notify,
}

impl Drain {
    /// A drain that has not started.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins to drain: new work is turned away, and what is under way has `grace` to end. Only the
    /// first call counts.
    pub fn start(&self, grace: Duration) {
        let now = Instant::now();
        // A grace past the end of time is as good as 30 years.
        let until = now
            .checked_add(grace)
            .unwrap_or_else(|| now + Duration::from_secs(86_400 * 365 * 30));
        // First the flag: whoever is woken by the channel must see it.
        self.0.draining.store(true, Ordering::SeqCst);
        self.0.started.send_if_modified(|started| {
            let first = started.is_none();
            started.get_or_insert(until);
            first
        });
    }

    /// Whether [`start`](Self::start) was called.
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::SeqCst)
    }

    /// Waits until the drain starts: for `axum::serve(…).with_graceful_shutdown(drain.signalled())`,
    /// and for hyper's `graceful_shutdown`. The future owns its handle.
    pub fn signalled(&self) -> impl Future<Output = ()> + Send + use<> {
        let drain = self.clone();
        async move {
            drain.started().await;
        }
    }

    /// Waits until `delay` after the start, or the end of the grace if that is sooner.
    pub(super) fn signalled_after(
        &self,
        delay: Duration,
    ) -> impl Future<Output = ()> + Send + use<> {
        let drain = self.clone();
        async move {
            let until = drain.started().await;
            // Only the grace's end ends the wait early; the delay itself is the normal way.
            let _ = timeout_at(until, sleep(delay)).await;
        }
    }

    /// Waits for the start, and returns the end of the grace.
    pub(super) async fn started(&self) -> Instant {
        let mut started = self.0.started.subscribe();
        loop {
            if let Some(until) = *started.borrow_and_update() {
                return until;
            }
            // Never an error, since `self` holds the sender.
            let _ = started.changed().await;
        }
    }

    /// Waits until the drain has started and then until no request is under way, or the grace has
    /// passed. Returns how many requests are left: 0 when all is well.
    pub async fn wait_idle(&self) -> usize {
        let until = self.started().await;
        loop {
            let ended = self.0.ended.notified();
            // From here on a request that ends is noticed (`Notified` hears `notify_waiters` from its
            // creation); those that ended before are missing from the sum.
            if self.in_flight() == 0 || timeout_at(until, ended).await.is_err() {
                return self.in_flight();
            }
        }
    }

    /// Requests under way. A request that is under way all through the call is always in the sum.
    pub fn in_flight(&self) -> usize {
        let shards = self.0.in_flight.iter();
        shards.map(|n| n.load(Ordering::SeqCst)).sum()
    }

    /// Counts something as under way until the guard is dropped: an upgraded connection, say, whose
    /// request has ended for the [`ServerLayer`](super::ServerLayer).
    pub fn enter(&self) -> InFlight {
        InFlight {
            drain: self.clone(),
            thread: self.begin(),
        }
    }

    /// The count without a guard, for one who holds a `Drain` anyway. The result goes to `end`.
    pub(super) fn begin(&self) -> usize {
        let thread = thread_index();
        self.0.in_flight.at(thread).fetch_add(1, Ordering::SeqCst);
        thread
    }

    /// On the shard where it began, so that no shard is ever negative and none hides another's.
    pub(super) fn end(&self, thread: usize) {
        // With the store in `start`, `SeqCst` here leaves two possibilities: the flag is seen, or the
        // waiter's sum does not hold this request any more.
        self.0.in_flight.at(thread).fetch_sub(1, Ordering::SeqCst);
        if self.is_draining() {
            self.0.ended.notify_waiters();
        }
    }

    /// While draining, asks an HTTP/1 client to use another connection next time. HTTP/2 has GOAWAY.
    pub(super) fn mark<B>(&self, version: Version, response: &mut Response<B>) {
        // A 101 must keep its `connection: upgrade`.
        if version <= Version::HTTP_11
            && self.is_draining()
            && response.status() != StatusCode::SWITCHING_PROTOCOLS
        {
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// Something under way; see [`Drain::enter`].
#[derive(Debug)]
#[must_use = "it counts only while it lives"]
pub struct InFlight {
    drain: Drain,
    thread: usize,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.drain.end(self.thread);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn idle_comes_when_the_last_request_ends_wherever_that_is() {
        let drain = Drain::new();
        let guards: Vec<_> = (0..3).map(|_| drain.enter()).collect();
        assert_eq!(drain.in_flight(), 3);
        let waiting = tokio::spawn({
            let drain = drain.clone();
            async move { drain.wait_idle().await }
        });
        drain.start(Duration::from_secs(60));
        let begun = Instant::now();
        for guard in guards {
            assert!(!waiting.is_finished());
            tokio::time::sleep(Duration::from_secs(1)).await;
            std::thread::spawn(move || drop(guard)).join().unwrap();
        }
        assert_eq!(waiting.await.unwrap(), 0);
        assert_eq!(begun.elapsed(), Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn the_grace_bounds_the_wait_and_the_first_start_counts() {
        let drain = Drain::new();
        let _stuck = drain.enter();
        assert!(!drain.is_draining());
        drain.start(Duration::from_secs(5));
        drain.start(Duration::from_secs(500));
        let begun = Instant::now();
        assert_eq!(drain.wait_idle().await, 1);
        assert_eq!(begun.elapsed(), Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn the_signal_reaches_early_and_late_listeners_and_needs_no_other_handle() {
        let drain = Drain::new();
        let early = tokio::spawn(drain.signalled());
        let never = tokio::spawn(Drain::new().signalled());
        tokio::task::yield_now().await;
        drain.start(Duration::MAX);
        early.await.unwrap();
        drain.signalled().await;
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(
            !never.is_finished(),
            "dropping the other handles is no signal"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_delay_is_cut_by_the_grace() {
        let drain = Drain::new();
        drain.start(Duration::from_secs(2));
        let begun = Instant::now();
        drain.signalled_after(Duration::from_secs(1)).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
        drain.signalled_after(Duration::from_secs(9)).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(2));
    }

    /// Starts and ends race with the wait; a lost wake-up would run into the grace.
    #[test]
    fn no_wake_up_is_lost() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        for _ in 0..2000 {
            let drain = Drain::new();
            let guard = drain.enter();
            let (other, third) = (drain.clone(), drain.clone());
            std::thread::scope(|scope| {
                scope.spawn(move || drop(guard));
                scope.spawn(move || other.start(Duration::from_secs(60)));
                assert_eq!(runtime.block_on(third.wait_idle()), 0);
            });
        }
    }
}
