//! While the catalogue cannot be reached, one question at a time finds out when that ends: it costs the same
//! whether one service is followed or ten thousand.

use tokio::{task::Id, time::Instant};

use super::query::pause;

/// Whether the catalogue can be reached.
#[derive(Debug, Default)]
pub(super) struct Outage {
    failures: u32,
    error: Option<String>,
    until: Option<Instant>,
    probe: Option<Id>,
}

impl Outage {
    pub(super) const fn is_on(&self) -> bool {
        self.failures > 0
    }

    /// Why it cannot be reached.
    pub(super) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// `None`: a question may be asked now. Else when one may be, unless that depends on an answer.
    pub(super) fn closed(&self, now: Instant) -> Option<Option<Instant>> {
        let until = self.until.filter(|until| *until > now);
        match (self.is_on(), self.probe) {
            (true, Some(_)) => Some(None),
            (true, None) => until.map(Some),
            (false, _) => None,
        }
    }

    pub(super) fn probe(&mut self, id: Id) {
        self.probe = Some(id);
    }

    /// A question is not under way any more, and was not answered.
    pub(super) fn forget(&mut self, id: Id) {
        if self.probe == Some(id) {
            self.probe = None;
        }
    }

    /// The question was not answered. All that were under way when it began count as one failure.
    pub(super) fn failed(&mut self, id: Id, error: String, now: Instant, draw: f64) {
        if self.failures == 0 || self.probe == Some(id) {
            self.failures = self.failures.saturating_add(1);
            self.until = Some(now + pause(self.failures, draw));
            self.error = Some(error);
            self.probe = None;
        }
    }

    pub(super) fn ended(&mut self) {
        *self = Self::default();
    }
}
