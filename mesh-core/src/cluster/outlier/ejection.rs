//! How long an endpoint stays out, and the book that is kept of it.

use std::{collections::HashMap, time::Duration};

use foldhash::fast::FixedState;

use super::OutlierStats;
use crate::{
    Random,
    policy::{Address, OutlierDetection},
};

/// The ejections of one cluster name, by address. Times are nanoseconds since the detector's epoch.
#[derive(Debug, Default)]
pub(in crate::cluster) struct Book {
    ejections: HashMap<Address, Ejection, FixedState>,
    /// The last tick that was reviewed.
    tick: u64,
    pub(super) stats: OutlierStats,
}

/// An endpoint's history; kept until it leaves the cluster.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ejection {
    pub(super) ejected: bool,
    pub(super) until: u64,
    /// Grows with each ejection, shrinks with each tick spent healthy.
    multiplier: u32,
    pub(super) times: u32,
}

impl Book {
    /// The addresses that are ejected.
    pub(in crate::cluster) fn ejected(&self) -> impl Iterator<Item = &Address> {
        self.ejections
            .iter()
            .filter(|(_, ejection)| ejection.ejected)
            .map(|(address, _)| address)
    }

    pub(in crate::cluster) fn is_ejected(&self, address: &Address) -> bool {
        self.ejections
            .get(address)
            .is_some_and(|ejection| ejection.ejected)
    }

    pub(in crate::cluster) const fn stats(&self, active: usize) -> OutlierStats {
        OutlierStats {
            active,
            ..self.stats
        }
    }

    pub(super) fn get(&self, address: &Address) -> Option<&Ejection> {
        self.ejections.get(address)
    }

    pub(super) fn eject(
        &mut self,
        address: &Address,
        config: &OutlierDetection,
        now: u64,
        random: &dyn Random,
    ) {
        let ejection = self.ejections.entry(address.clone()).or_default();
        ejection.eject(config, now, random);
    }

    /// Forgets the endpoints that left; whether there were any.
    pub(super) fn retain(&mut self, stays: impl Fn(&Address) -> bool) -> bool {
        let before = self.ejections.len();
        self.ejections.retain(|address, _| stays(address));
        self.ejections.len() != before
    }

    /// When a review has something to do.
    pub(super) fn next_review(&self, interval: u64) -> Option<u64> {
        self.ejections
            .values()
            .any(|ejection| ejection.ejected || ejection.multiplier > 0)
            .then(|| self.tick.saturating_add(interval))
    }

    /// Applies the ticks since the last review; whom they freed.
    pub(super) fn review(&mut self, interval: u64, now: u64) -> Vec<Address> {
        let ticks = now.saturating_sub(self.tick) / interval;
        if ticks == 0 {
            return Vec::new();
        }
        let mut freed = Vec::new();
        for (address, ejection) in &mut self.ejections {
            if ejection.review(self.tick, interval, ticks) {
                freed.push(address.clone());
            }
        }
        self.tick += ticks * interval;
        freed
    }
}

impl Ejection {
    fn eject(&mut self, config: &OutlierDetection, now: u64, random: &dyn Random) {
        let base = nanos(config.base_ejection_time);
        let max = nanos(config.max_ejection_time);
        let so_far = base.saturating_mul(self.multiplier.into());
        if so_far < max.saturating_add(base) {
            self.multiplier = self.multiplier.saturating_add(1);
        }
        let jitter = match nanos(config.max_ejection_time_jitter) {
            0 => 0,
            most => random.next_u64() % most.saturating_add(1),
        };
        let time = base.saturating_mul(self.multiplier.into()).min(max);
        self.until = now.saturating_add(time).saturating_add(jitter);
        self.ejected = true;
        self.times = self.times.saturating_add(1);
    }

    /// Applies `ticks` ticks after `last`; whether one of them ended the ejection.
    fn review(&mut self, last: u64, interval: u64, ticks: u64) -> bool {
        let mut healthy = ticks;
        if self.ejected {
            let ends_at = self.until.saturating_sub(last).div_ceil(interval).max(1);
            if ends_at > ticks {
                return false;
            }
            healthy -= ends_at;
        }
        let healthy = u32::try_from(healthy).unwrap_or(u32::MAX);
        self.multiplier = self.multiplier.saturating_sub(healthy);
        std::mem::take(&mut self.ejected)
    }
}

/// Reviewing more often than this is reviewing all the time.
const LEAST_INTERVAL: Duration = Duration::from_millis(1);

pub(super) fn interval(config: &OutlierDetection) -> u64 {
    nanos(config.interval.max(LEAST_INTERVAL))
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Seeded;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn ejections_last_longer_each_time_up_to_the_maximum() {
        let config = OutlierDetection {
            max_ejection_time: Duration::from_secs(100),
            ..OutlierDetection::default()
        };
        let mut ejection = Ejection::default();
        let times: Vec<_> = (0..7)
            .map(|_| {
                ejection.eject(&config, 0, &Seeded::new(1));
                (ejection.until / SECOND, ejection.multiplier)
            })
            .collect();
        // The multiplier stops growing once multiplier × base reaches max + base.
        assert_eq!(
            times,
            [
                (30, 1),
                (60, 2),
                (90, 3),
                (100, 4),
                (100, 5),
                (100, 5),
                (100, 5)
            ]
        );
        assert_eq!(ejection.times, 7);
    }

    #[test]
    fn jitter_is_added_after_the_maximum() {
        let config = OutlierDetection {
            max_ejection_time_jitter: Duration::from_secs(5),
            ..OutlierDetection::default()
        };
        let random = Seeded::new(9);
        let mut ends = std::collections::BTreeSet::new();
        for _ in 0..50 {
            let mut ejection = Ejection::default();
            ejection.eject(&config, 0, &random);
            assert!((30 * SECOND..=35 * SECOND).contains(&ejection.until));
            ends.insert(ejection.until);
        }
        assert!(ends.len() > 40);
    }

    #[test]
    fn extreme_durations_saturate() {
        let config = OutlierDetection {
            base_ejection_time: Duration::MAX,
            max_ejection_time: Duration::MAX,
            max_ejection_time_jitter: Duration::MAX,
            interval: Duration::ZERO,
            ..OutlierDetection::default()
        };
        let mut ejection = Ejection::default();
        for _ in 0..3 {
            ejection.eject(&config, u64::MAX - 1, &Seeded::new(1));
        }
        assert_eq!(ejection.until, u64::MAX);
        assert_eq!(interval(&config), 1_000_000);
    }

    proptest! {
        /// However many ticks one late review covers, the result is that of reviewing each tick.
        #[test]
        fn late_reviews_equal_timely_ones(
            until in 0_u64..200,
            ejected: bool,
            multiplier in 0_u32..6,
            interval in 1_u64..20,
            ticks in 1_u64..30,
        ) {
            let start = Ejection { ejected, until, multiplier, times: 1 };
            let mut late = start;
            late.review(0, interval, ticks);

            let mut timely = start;
            for tick in 1..=ticks {
                if timely.ejected {
                    timely.ejected = timely.until > tick * interval;
                } else {
                    timely.multiplier = timely.multiplier.saturating_sub(1);
                }
            }
            prop_assert_eq!(
                (late.ejected, late.multiplier),
                (timely.ejected, timely.multiplier)
            );
        }
    }
}
