//! What the demo counts: attempts as the mesh reports them, pages as their reader sees them.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use mesh_core::{
    policy::Address,
    telemetry::{AttemptRecord, Recorder, RequestRecord, Side},
};

use crate::view::Numbers;

/// How far back rates and shares look. Short, so that an edit shows within a second.
const WINDOW: Duration = Duration::from_millis(1500);

/// The counts; clones share them. The mesh reports into it as a [`Recorder`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    attempts: HashMap<Address, u64>,
    recent_attempts: VecDeque<(Instant, Address)>,
    retries: u64,
    recent_pages: VecDeque<(Instant, Page)>,
    began: Option<Instant>,
}

/// One page as its reader got it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Page {
    /// The version of reviews that it shows, when it was whole.
    pub(crate) version: Result<String, String>,
    pub(crate) latency: Duration,
    /// Who answered, with whom they asked below them.
    pub(crate) text: String,
}

impl Tally {
    /// Notes a page.
    pub(crate) fn page(&self, page: Page, now: Instant) {
        let mut counts = self.counts();
        counts.began.get_or_insert(now);
        counts.recent_pages.push_back((now, page));
        counts.forget(now);
    }

    /// Attempts sent to `address` since the start.
    pub(crate) fn attempts(&self, address: &Address) -> u64 {
        self.counts().attempts.get(address).copied().unwrap_or(0)
    }

    /// Attempts after the first, of all requests.
    pub(crate) fn retries(&self) -> u64 {
        self.counts().retries
    }

    /// Attempts per second to each address.
    pub(crate) fn rates(&self, now: Instant) -> HashMap<Address, f64> {
        let mut counts = self.counts();
        counts.forget(now);
        let mut rates = HashMap::new();
        for (_, address) in &counts.recent_attempts {
            *rates.entry(address.clone()).or_insert(0.0) += 1.0 / counts.seconds(now);
        }
        rates
    }

    /// The share of whole pages that each version made.
    pub(crate) fn shares(&self, now: Instant) -> BTreeMap<String, f64> {
        let mut counts = self.counts();
        counts.forget(now);
        let versions = || {
            counts
                .recent_pages
                .iter()
                .filter_map(|(_, p)| p.version.as_ref().ok())
        };
        let total = versions().count() as f64;
        let mut shares = BTreeMap::new();
        for version in versions() {
            *shares.entry(version.clone()).or_insert(0.0) += 1.0 / total;
        }
        shares
    }

    /// Rate, success and latency of pages, and all retries.
    pub(crate) fn numbers(&self, now: Instant) -> Numbers {
        let mut counts = self.counts();
        counts.forget(now);
        let pages = &counts.recent_pages;
        let mut latencies: Vec<_> = pages.iter().map(|(_, p)| p.latency).collect();
        latencies.sort_unstable();
        let quantile = |q: f64| {
            let rank = (latencies.len() as f64 * q).ceil() as usize;
            latencies
                .get(rank.saturating_sub(1))
                .copied()
                .unwrap_or_default()
        };
        let whole = pages.iter().filter(|(_, p)| p.version.is_ok()).count();
        let total = pages.len() as f64;
        Numbers {
            rate: total / counts.seconds(now),
            success: (total > 0.0).then_some(whole as f64 / total),
            p50: quantile(0.5),
            p99: quantile(0.99),
            retries: counts.retries,
            ejections: 0,
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Counts stay counts when a thread that held them panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn forget(&mut self, now: Instant) {
        let old = |at: Instant| now.saturating_duration_since(at) > WINDOW;
        while self.recent_pages.front().is_some_and(|(at, _)| old(*at)) {
            self.recent_pages.pop_front();
        }
        while self.recent_attempts.front().is_some_and(|(at, _)| old(*at)) {
            self.recent_attempts.pop_front();
        }
    }

    /// What the window covers: less than all of it at the start.
    fn seconds(&self, now: Instant) -> f64 {
        let since = self
            .began
            .map_or(WINDOW, |began| now.saturating_duration_since(began));
        since
            .clamp(Duration::from_millis(100), WINDOW)
            .as_secs_f64()
    }
}

impl Recorder for Tally {
    fn request_started(&self, _: Side) {}

    fn request_ended(&self, _: &RequestRecord<'_>) {}

    fn attempt_ended(&self, record: &AttemptRecord<'_>) {
        let now = tokio::time::Instant::now().into_std();
        let address = record.endpoint.address();
        let mut counts = self.counts();
        counts.retries += u64::from(record.attempt > 1);
        *counts.attempts.entry(address.clone()).or_default() += 1;
        counts.recent_attempts.push_back((now, address.clone()));
        counts.forget(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(version: Result<&str, &str>, millis: u64) -> Page {
        Page {
            version: version.map(str::to_owned).map_err(str::to_owned),
            latency: Duration::from_millis(millis),
            text: String::new(),
        }
    }

    #[test]
    fn shares_rates_and_latencies_are_of_the_window() {
        let tally = Tally::default();
        let start = tokio::time::Instant::now().into_std();
        tally.page(page(Ok("v9"), 500), start);
        let now = start + Duration::from_secs(10);
        for i in 0..100 {
            tally.page(page(Ok(if i < 75 { "v1" } else { "v2" }), i + 1), now);
        }
        let shares = tally.shares(now);
        assert_eq!(shares.len(), 2, "{shares:?}");
        assert!((shares["v1"] - 0.75).abs() < 1e-9 && (shares["v2"] - 0.25).abs() < 1e-9);
        let numbers = tally.numbers(now);
        assert_eq!(numbers.p50, Duration::from_millis(50));
        assert_eq!(numbers.p99, Duration::from_millis(99));
        assert!((numbers.rate - 100.0 / 1.5).abs() < 1e-9);
        assert_eq!(numbers.success, Some(1.0));
        tally.page(page(Err("502"), 1), now);
        assert_eq!(tally.numbers(now).success, Some(100.0 / 101.0));
        assert_eq!(tally.numbers(now + Duration::from_secs(2)).success, None);
    }
}
