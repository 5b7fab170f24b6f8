//! How the attempts on an endpoint ended: what Envoy calls a host's statistics.

use crate::telemetry::OutcomeKind;

/// How many attempts ended in which way, since the endpoint joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttemptCounts([u64; OutcomeKind::COUNT]);

impl AttemptCounts {
    pub(super) const fn new(counts: [u64; OutcomeKind::COUNT]) -> Self {
        Self(counts)
    }

    /// Those of one kind.
    pub const fn get(&self, kind: OutcomeKind) -> u64 {
        self.0[kind.index()]
    }

    /// All.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Those with an answer below 500.
    pub fn successes(&self) -> u64 {
        let ok = |kind: &OutcomeKind| kind.is_success();
        OutcomeKind::all().filter(ok).map(|k| self.get(k)).sum()
    }
}
