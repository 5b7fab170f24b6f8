//! How long a body may take to be read: until a deadline, and between two frames.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::time::{Sleep, sleep_until};

use crate::{
    BoxError,
    call::{DeadlineKind, now},
    layer::expired,
};

/// The limits of one body. Small, for every response carries one.
#[derive(Debug, Default)]
pub(crate) struct TimeLimits {
    deadline: Option<Instant>,
    kind: DeadlineKind,
    /// 0 is no limit.
    idle_ms: u32,
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
            moved: false,
            timer: None,
        }
    }

    pub(crate) fn set_deadline(&mut self, at: Instant, kind: DeadlineKind) {
        self.deadline = Some(at);
        self.kind = kind;
    }

    pub(crate) fn set_idle(&mut self, idle: Duration) {
        self.idle_ms = u32::try_from(idle.as_millis()).unwrap_or(u32::MAX);
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
            let idle = Duration::from_millis(self.idle_ms.into());
            let idle = (self.idle_ms > 0)
                .then(|| now().checked_add(idle))
                .flatten();
            let Some(until) = idle.into_iter().chain(self.deadline).min() else {
                return Poll::Pending;
            };
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(until.into()),
                None => self.timer = Some(Box::pin(sleep_until(until.into()))),
            }
            self.moved = false;
        }
        let Some(timer) = &mut self.timer else {
            return Poll::Pending;
        };
        ready!(timer.as_mut().poll(cx));
        let kind = match self.deadline {
            Some(at) if at <= timer.deadline().into_std() => self.kind,
            _ => DeadlineKind::Idle,
        };
        Poll::Ready(expired(kind).into())
    }
}
