//! The rules of one blocking query, without I/O: since which index to ask, and when.
//!
//! Consul's own advice: an index that goes backwards starts the loop anew; it is at least 1, or the next
//! query would not block; and answers that come thick and fast are slowed down, while a few in a row are not.

use std::time::Duration;

use tokio::time::Instant;

/// How often one question is asked when every answer is news.
const INTERVAL: Duration = Duration::from_secs(1);

/// How many answers in a row may come faster.
const BURST: u32 = 4;

/// The first pause after a failure, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Where a question stands.
#[derive(Debug)]
pub(super) struct Query {
    /// 0: ask for what is so now.
    index: u64,
    failures: u32,
    /// When the answers so far would have come, had they come in [`INTERVAL`]s.
    paced: Instant,
}

impl Query {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            index: 0,
            failures: 0,
            paced: now,
        }
    }

    pub(super) const fn index(&self) -> u64 {
        self.index
    }

    /// It was answered; when to ask again.
    pub(super) fn answered(&mut self, index: u64, now: Instant) -> Instant {
        let index = index.max(1);
        self.index = if index < self.index { 0 } else { index };
        self.failures = 0;
        self.paced = self.paced.max(now) + INTERVAL;
        let early = INTERVAL * BURST;
        self.paced.checked_sub(early).map_or(now, |at| at.max(now))
    }

    /// It was not answered; when to ask again. Whatever answers then may have lost its memory, so that it
    /// is asked for what is so now.
    pub(super) fn failed(&mut self, now: Instant, draw: f64) -> Instant {
        self.index = 0;
        self.failures = self.failures.saturating_add(1);
        now + pause(self.failures, draw)
    }

    /// It is asked for what is so now.
    pub(super) fn reset(&mut self) {
        self.index = 0;
    }
}

/// The pause after so many failures in a row: doubled with each, half of it by chance (`draw`, from 0 to 1).
pub(super) fn pause(failures: u32, draw: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let pause = (FIRST_PAUSE * (1 << doublings)).min(LONGEST_PAUSE);
    pause.mul_f64(0.5 + draw / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_goes_backwards_starts_anew() {
        let now = Instant::now();
        let mut query = Query::new(now);
        assert_eq!(query.index(), 0);
        query.answered(9, now);
        assert_eq!(query.index(), 9);
        query.answered(9, now);
        assert_eq!(query.index(), 9);
        query.answered(5, now);
        assert_eq!(query.index(), 0);
        query.answered(5, now);
        assert_eq!(query.index(), 5);
    }

    #[test]
    fn an_index_of_0_would_not_block() {
        let now = Instant::now();
        let mut query = Query::new(now);
        query.answered(0, now);
        assert_eq!(query.index(), 1);
    }

    #[test]
    fn a_few_answers_in_a_row_are_not_slowed_down() {
        let mut now = Instant::now();
        let mut query = Query::new(now);
        let fast: Vec<_> = (1..=6).map(|i| query.answered(i, now) - now).collect();
        let seconds = [0, 0, 0, 0, 1, 2].map(Duration::from_secs);
        assert_eq!(fast, seconds);
        // What was saved up by waiting is bounded too.
        now += Duration::from_secs(3600);
        let fast: Vec<_> = (7..=11).map(|i| query.answered(i, now) - now).collect();
        assert_eq!(fast, seconds[..5]);
    }

    #[test]
    fn failures_pause_longer_and_ask_for_what_is_so_now() {
        let now = Instant::now();
        let mut query = Query::new(now);
        query.answered(9, now);
        let mut pauses = Vec::new();
        for draw in [0.0, 1.0, 0.0, 1.0] {
            pauses.push((query.failed(now, draw) - now).as_millis());
            assert_eq!(query.index(), 0);
        }
        assert_eq!(pauses, [250, 1000, 1000, 4000]);
        for _ in 0..100 {
            query.failed(now, 1.0);
        }
        assert_eq!(query.failed(now, 1.0) - now, LONGEST_PAUSE);
        query.answered(3, now);
        assert_eq!(query.failed(now, 0.0) - now, FIRST_PAUSE / 2);
    }
}
