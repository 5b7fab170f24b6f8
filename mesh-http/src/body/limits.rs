//! How long a call may take, and then its response's body to be read: until a deadline, and between
//! two frames.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::time::{Sleep, sleep_until};

use crate::{
    BoxError,
    call::{Deadline, DeadlineKind, now},
    layer::{Activity, expired},
};

/// The limits of one call. Small, for every call has them.
#[derive(Debug)]
pub(crate) struct TimeLimits {
    /// When the whole exchange must have ended.
    pub(crate) deadline: Option<Deadline>,
    /// How long it may go without a byte either way.
    pub(crate) idle: Option<Duration>,
    /// How the upload of this attempt moves, when it takes time and `idle` watches it: it may move
    /// while the response does not.
    pub(crate) upload: Option<Arc<Activity>>,
    /// Whether they hold for the response's body, too.
    pub(crate) of_body: bool,
    /// Made when the body is first waited for: most never are.
    timer: Option<Pin<Box<Sleep>>>,
}

impl TimeLimits {
    pub(crate) const fn none() -> Self {
        Self {
            deadline: None,
            idle: None,
            upload: None,
            of_body: false,
            timer: None,
        }
    }

    /// Lowers the deadline to `at`.
    #[inline]
    pub(crate) fn lower(&mut self, at: Instant, kind: DeadlineKind) {
        if self.deadline.is_none_or(|d| at < d.at) {
            self.deadline = Some(Deadline { at, kind });
        }
    }

    /// Ready with the error once a limit on the response's body is reached; `moved` tells that a
    /// frame of it came since the last time.
    pub(crate) fn poll_body(&mut self, moved: bool, cx: &mut Context<'_>) -> Poll<BoxError> {
        if !self.of_body {
            return Poll::Pending;
        }
        if self.timer.is_none() || moved {
            let Some(until) = self.until(now()) else {
                return Poll::Pending;
            };
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(until.into()),
                None => self.timer = Some(Box::pin(sleep_until(until.into()))),
            }
        }
        loop {
            let Some(timer) = &mut self.timer else {
                return Poll::Pending;
            };
            ready!(timer.as_mut().poll(cx));
            let reached = timer.deadline().into_std();
            if let Some(deadline) = self.deadline.filter(|d| d.at <= reached) {
                return Poll::Ready(expired(deadline.kind).into());
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
        let idle = self.idle.and_then(|idle| last.checked_add(idle));
        idle.into_iter().chain(self.deadline.map(|d| d.at)).min()
    }
}
