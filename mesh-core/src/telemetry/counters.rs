//! Built-in counters, for demos, tests and status pages that want numbers without an exporter.
//!
//! Counting touches only cache lines of the counting thread's own shard, takes no lock and allocates
//! nothing. Reading sums the shards: it sees every event that happened before it, and perhaps some
//! that happen meanwhile. Attempts are counted by each endpoint itself
//! ([`EndpointStatus::attempts`](crate::cluster::EndpointStatus::attempts)).

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{AttemptRecord, Recorder, RequestRecord, Side};
use crate::{Flag, sharded::OwnedShards};

/// Counts requests by side, status class and flag.
#[derive(Debug)]
pub struct Counters {
    requests: OwnedShards<[SideCounts; 2]>,
}

#[derive(Debug, Default)]
struct SideCounts {
    started: AtomicU64,
    /// No answer, 1xx, …, 5xx and above.
    ended: [AtomicU64; 6],
    /// By `Flag as usize`; the rest is room.
    flags: [AtomicU64; 32],
}

impl Counters {
    /// All zero.
    pub fn new() -> Self {
        Self {
            requests: OwnedShards::new(),
        }
    }

    /// Requests begun.
    pub fn started(&self, side: Side) -> u64 {
        self.sum(side, |s| &s.started)
    }

    /// Requests ended, however.
    pub fn ended(&self, side: Side) -> u64 {
        (0..6)
            .map(|class| self.sum(side, |s| &s.ended[class]))
            .sum()
    }

    /// Requests under way.
    pub fn active(&self, side: Side) -> u64 {
        // The ends first: a request that begins and ends between the two reads counts as under way,
        // never as a negative.
        let ended = self.ended(side);
        self.started(side).saturating_sub(ended)
    }

    /// Requests ended with a status of `class` (2 for 2xx; 5 takes everything above, too), or 0 for
    /// those without an answer.
    pub fn responses(&self, side: Side, class: u8) -> u64 {
        let class = usize::from(class.min(5));
        self.sum(side, |s| &s.ended[class])
    }

    /// Requests that the mesh ended for this reason.
    pub fn flagged(&self, side: Side, flag: Flag) -> u64 {
        let shards = self.requests.iter();
        shards
            .filter_map(|s| s[side as usize].flags.get(flag as usize))
            .map(|n| n.load(Relaxed))
            .sum()
    }

    fn sum(&self, side: Side, cell: impl Fn(&SideCounts) -> &AtomicU64) -> u64 {
        let shards = self.requests.iter();
        shards.map(|s| cell(&s[side as usize]).load(Relaxed)).sum()
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self::new()
    }
}

impl Recorder for Counters {
    fn reads_durations(&self) -> bool {
        false
    }

    fn request_started(&self, side: Side) {
        self.requests.local().count(|s| &s[side as usize].started);
    }

    fn request_ended(&self, record: &RequestRecord<'_>) {
        let local = self.requests.local();
        let side = record.side as usize;
        let class = match record.status {
            None => 0,
            Some(200..300) => 2,
            Some(status) => usize::from(status / 100).clamp(1, 5),
        };
        local.count(|s| &s[side].ended[class]);
        if let Some(flag) = record.flag {
            // There are fewer flags than places.
            local.count(|s| &s[side].flags[flag as usize % 32]);
        }
    }

    fn attempt_ended(&self, _: &AttemptRecord<'_>) {}
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Method;

    use super::*;

    #[test]
    fn requests_are_counted_by_side_class_and_flag() {
        let counters = Counters::new();
        let end = |side, status, flag| {
            counters.request_started(side);
            let mut record = RequestRecord::new(side, &Method::GET, Duration::ZERO);
            (record.status, record.flag) = (status, flag);
            counters.request_ended(&record);
        };
        end(Side::Client, Some(200), None);
        end(Side::Client, Some(503), Some(Flag::NoHealthyUpstream));
        end(Side::Client, Some(700), None);
        end(
            Side::Server,
            None,
            Some(Flag::DownstreamConnectionTermination),
        );
        counters.request_started(Side::Server);

        let classes = |side| {
            (0..7)
                .map(|class| counters.responses(side, class))
                .collect::<Vec<_>>()
        };
        assert_eq!(classes(Side::Client), [0, 0, 1, 0, 0, 2, 2]);
        assert_eq!(classes(Side::Server), [1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(counters.flagged(Side::Client, Flag::NoHealthyUpstream), 1);
        assert_eq!(counters.flagged(Side::Server, Flag::NoHealthyUpstream), 0);
        assert_eq!(
            (counters.active(Side::Client), counters.active(Side::Server)),
            (0, 1)
        );
        assert_eq!(
            (counters.started(Side::Client), counters.ended(Side::Client)),
            (3, 3)
        );
    }
}
