//! How long a body may take to be read: until a deadline, and between two frames.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::time::{Sleep, sleep_until};

use crate::{
    BoxError,
    call::{DeadlineKind, now},
    layer::{Activity, expired},
};

/// The limits of one body. Small, for every response carries one.
#[derive(Debug, Default)]
pub(crate) struct TimeLimits {
    deadline: Option<Instant>,
    kind: DeadlineKind,
    /// 0 is no limit.
    idle_ms: u32,
    /// The request's body, which may move while this one does not.
    upload: Option<Arc<Activity>>,
    /// A frame came since the timer was set.
    moved: bool,
    /// Made when the body is first waited for: most never are.
    timer: Option<Pin<Box<Sleep>>>,
}

impl TimeLimits {
    pub(crate) const fn none() -> Self {
        Self {
            deadline: None,
            kind: DeadlineKind::Route,
            idle_ms: 0,
            upload: None,
            moved: false,
            timer: None,
        }
    }

    pub(crate) fn set_deadline(&mut self, at: Instant, kind: DeadlineKind) {
        self.deadline = Some(at);
        self.kind = kind;
    }

    /// Limits the time without a frame here or of the request.
    pub(crate) fn set_idle(&mut self, idle: Duration, upload: Option<Arc<Activity>>) {
        self.idle_ms = u32::try_from(idle.as_millis()).unwrap_or(u32::MAX);
        self.upload = upload;
    }

    /// A frame came.
    pub(crate) const fn moved(&mut self) {
        self.moved = true;
    }

    /// Ready with the error once a limit is reached.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<BoxError> {
        if self.deadline.is_none() && self.idle_ms == 0 {
            return Poll::Pending;
        }
        if self.timer.is_none() || self.moved {
            let Some(until) = self.until(now()) else {
                return Poll::Pending;
            };
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(until.into()),
                None => self.timer = Some(Box::pin(sleep_until(until.into()))),
            }
            self.moved = false;
        }
        loop {
            let Some(timer) = &mut self.timer else {
                return Poll::Pending;
            };
            ready!(timer.as_mut().poll(cx));
            let reached = timer.deadline().into_std();
            if self.deadline.is_some_and(|at| at <= reached) {
                return Poll::Ready(expired(self.kind).into());
            }
            // The upload may have moved in the meantime, and the limit with it.
            let last = self.upload.as_ref().map(|upload| upload.last());
            match last.and_then(|last| self.until(last)) {
                Some(until) if until > reached => {
                    if let Some(timer) = &mut self.timer {
                        timer.as_mut().reset(until.into());
                    }
                }
                _ => return Poll::Ready(expired(DeadlineKind::Idle).into()),
            }
        }
    }

    /// The limit that comes first, if nothing has moved since `last`.
    fn until(&self, last: Instant) -> Option<Instant> {
        let idle = Duration::from_millis(self.idle_ms.into());
        let idle = (self.idle_ms > 0).then(|| last.checked_add(idle)).flatten();
        idle.into_iter().chain(self.deadline).min()
    }
}
