//! How long a stream may last, and how long without a byte.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

use http::StatusCode;
use mesh_core::{Flag, policy::TcpProxy};
use tokio::time::{Sleep, sleep_until};

use crate::{Error, call::now};

/// A stream's time. Looked at when it is read or written: a stream that nobody touches keeps its
/// connection, and its next use reports that time has run out.
pub(super) struct Limits {
    clock: Clock,
    timer: Option<Timer>,
}

struct Clock {
    idle: Option<Duration>,
    ends: Option<(Instant, Duration)>,
    /// The last byte's time.
    moved: Instant,
}

/// Both sides of the stream may wait for it, each in a task of its own.
struct Timer {
    sleep: Pin<Box<Sleep>>,
    sides: Arc<Sides>,
    waker: Waker,
}

/// Which half of a stream is used.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Read,
    Write,
}

#[derive(Default)]
struct Sides(Mutex<[Option<Waker>; 2]>);

impl Sides {
    fn register(&self, side: Side, waker: &Waker) {
        let mut sides = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sides[side as usize] = Some(waker.clone());
    }
}

impl Wake for Sides {
    fn wake(self: Arc<Self>) {
        let mut sides = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let woken = std::mem::take(&mut *sides);
        drop(sides);
        woken.into_iter().flatten().for_each(Waker::wake);
    }
}

impl Limits {
    pub(super) fn new(proxy: &TcpProxy, now: Instant) -> Self {
        let ends = proxy
            .max_connection_duration
            .and_then(|most| Some((now.checked_add(most)?, most)));
        let clock = Clock {
            idle: proxy.idle_timeout,
            ends,
            moved: now,
        };
        Self { clock, timer: None }
    }

    /// A byte moved; or the stream has lasted long enough, however busy it is.
    pub(super) fn moved(&mut self) -> Option<Error> {
        if self.clock.idle.is_none() && self.clock.ends.is_none() {
            return None;
        }
        self.clock.moved = now();
        self.clock.expired(self.clock.moved)
    }

    /// Waits, with a side that has nothing to do.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, side: Side) -> Poll<Error> {
        loop {
            let Some(due) = self.clock.due() else {
                return Poll::Pending;
            };
            if let Some(error) = self.clock.expired(now()) {
                return Poll::Ready(error);
            }
            let timer = self.timer.get_or_insert_with(|| Timer::new(due));
            timer.sides.register(side, cx.waker());
            // Set anew only when it has run: while bytes move, that is rarely.
            if timer.sleep.is_elapsed() {
                timer.sleep.as_mut().reset(due.into());
            }
            let mut cx = Context::from_waker(&timer.waker);
            if timer.sleep.as_mut().poll(&mut cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Lets whoever waits look again.
    pub(super) fn wake(&self) {
        if let Some(timer) = &self.timer {
            timer.waker.wake_by_ref();
        }
    }
}

impl Clock {
    fn due(&self) -> Option<Instant> {
        let idle = self.idle.and_then(|idle| self.moved.checked_add(idle));
        let ends = self.ends.map(|(at, _)| at);
        idle.into_iter().chain(ends).min()
    }

    fn expired(&self, now: Instant) -> Option<Error> {
        let error = |flag, message| Error::new(flag, StatusCode::GATEWAY_TIMEOUT, message);
        if let Some((at, most)) = self.ends
            && now >= at
        {
            let message = format!("the stream reached its maximum duration of {most:?}");
            return Some(error(Flag::DurationTimeout, message));
        }
        let idle = self.idle?;
        (now.saturating_duration_since(self.moved) >= idle).then(|| {
            let message = format!("no byte moved on the stream for {idle:?}");
            error(Flag::StreamIdleTimeout, message)
        })
    }
}

impl Timer {
    fn new(due: Instant) -> Self {
        let sides = Arc::<Sides>::default();
        Self {
            sleep: Box::pin(sleep_until(due.into())),
            waker: sides.clone().into(),
            sides,
        }
    }
}
