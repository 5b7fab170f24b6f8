//! How much of the traffic each priority gets: Envoy's integer arithmetic, number for number
//! (`LoadBalancerBase::recalculatePerPriorityState` and its panic rules).

use crate::policy::Percent;

/// The endpoints of one priority, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) hosts: usize,
    pub(super) healthy: usize,
    pub(super) degraded: usize,
}

/// Which of a priority's endpoints a pick may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Healthy,
    Degraded,
    /// Panic: whatever their health.
    All,
}

/// The shares of all priorities. They sum to 100 unless there is no priority.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Loads {
    levels: Box<[Load]>,
    /// How much of the traffic its endpoints could take in health, of 100.
    available: u8,
    /// Where every pick goes, when there is only one place.
    only: Option<(usize, Source)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Load {
    healthy: u64,
    degraded: u64,
    panic: bool,
}

impl Loads {
    pub(super) fn new(levels: &[Level], panic_threshold: Percent, overprovisioning: u32) -> Self {
        let share = |part: usize, whole: usize| {
            let scaled = u64::from(overprovisioning).saturating_mul(part as u64);
            scaled.checked_div(whole as u64).unwrap_or(0).min(100)
        };
        let healthy: Vec<_> = levels.iter().map(|l| share(l.healthy, l.hosts)).collect();
        let degraded: Vec<_> = levels.iter().map(|l| share(l.degraded, l.hosts)).collect();
        let available = healthy.iter().chain(&degraded).sum::<u64>().min(100);

        let mut loads = vec![Load::default(); levels.len()];
        if available > 0 {
            let mut left = 100;
            let mut take = |availability: u64| {
                let load = (availability * 100 / available).min(left);
                left -= load;
                load
            };
            for (load, availability) in loads.iter_mut().zip(&healthy) {
                load.healthy = take(*availability);
            }
            for (load, availability) in loads.iter_mut().zip(&degraded) {
                load.degraded = take(*availability);
            }
            // What integer division left over goes to the first available priority.
            if let Some(first) = healthy.iter().position(|h| *h > 0) {
                loads[first].healthy += left;
            } else if let Some(first) = degraded.iter().position(|d| *d > 0) {
                loads[first].degraded += left;
            }
        }

        if available == 0 && panic_threshold == Percent::ZERO {
            // The draw needs somewhere to go; it finds no endpoint there.
            if let Some(first) = loads.first_mut() {
                first.healthy = 100;
            }
        } else if available < 100 {
            for (load, level) in loads.iter_mut().zip(levels) {
                load.panic = in_panic(*level, panic_threshold);
            }
            if loads.iter().all(|load| load.panic) {
                share_by_size(&mut loads, levels);
            } else if available == 0 {
                all_to_first_usable(&mut loads, levels);
            }
        }
        Self {
            only: only(&loads),
            levels: loads.into(),
            available: u8::try_from(available).unwrap_or(100),
        }
    }

    /// Draws a priority; `None` when there is none. `draw` is called when there is a choice.
    pub(super) fn choose(&self, draw: impl FnOnce() -> u64) -> Option<(usize, Source)> {
        if self.only.is_some() {
            return self.only;
        }
        let mut left = draw() % 100 + 1;
        let healthy = self.levels.iter().map(|l| (l.healthy, Source::Healthy));
        let degraded = self.levels.iter().map(|l| (l.degraded, Source::Degraded));
        for (level, (load, source)) in healthy.enumerate().chain(degraded.enumerate()) {
            if left <= load {
                return Some((level, self.levels[level].source(source)));
            }
            left -= load;
        }
        None
    }

    /// How much of the traffic its endpoints could take in health, of 100.
    pub(super) const fn available(&self) -> u8 {
        self.available
    }

    /// Whether a priority's picks ignore health.
    pub(super) fn panics(&self, level: usize) -> bool {
        self.levels[level].panic
    }

    /// Whether any priority's picks ignore health.
    pub(super) fn is_panicking(&self) -> bool {
        self.levels.iter().any(|load| load.panic)
    }
}

impl Load {
    const fn source(self, source: Source) -> Source {
        if self.panic { Source::All } else { source }
    }
}

/// `100·(healthy + degraded) / hosts < threshold`, without rounding.
fn in_panic(level: Level, threshold: Percent) -> bool {
    let available = (level.healthy + level.degraded) as u64;
    let threshold = u64::from(threshold.get());
    if level.hosts == 0 {
        threshold > 0
    } else {
        100 * available < threshold * level.hosts as u64
    }
}

/// Total panic: each priority gets what its number of endpoints is of all.
fn share_by_size(loads: &mut [Load], levels: &[Level]) {
    let total: u64 = levels.iter().map(|l| l.hosts as u64).sum();
    let mut left = 100;
    for (load, level) in loads.iter_mut().zip(levels) {
        load.healthy = (100 * level.hosts as u64).checked_div(total).unwrap_or(0);
        load.degraded = 0;
        left -= load.healthy;
    }
    let first = levels.iter().position(|l| l.hosts > 0).unwrap_or(0);
    if let Some(load) = loads.get_mut(first) {
        load.healthy += left;
    }
}

/// So few are available that each share rounds to 0, but not few enough for panic everywhere. Envoy
/// has no answer here.
fn all_to_first_usable(loads: &mut [Load], levels: &[Level]) {
    let usable = loads.iter_mut().zip(levels).find(|(load, _)| !load.panic);
    if let Some((load, level)) = usable {
        if level.healthy > 0 {
            load.healthy = 100;
        } else {
            load.degraded = 100;
        }
    }
}

fn only(loads: &[Load]) -> Option<(usize, Source)> {
    loads.iter().enumerate().find_map(|(level, load)| {
        if load.healthy == 100 {
            Some((level, load.source(Source::Healthy)))
        } else if load.degraded == 100 {
            Some((level, load.source(Source::Degraded)))
        } else {
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn level(hosts: usize, healthy: usize, degraded: usize) -> Level {
        Level {
            hosts,
            healthy,
            degraded,
        }
    }

    fn percent(n: u32) -> Percent {
        Percent::try_new(n).unwrap()
    }

    /// `(healthy, degraded, panic)` of each priority, with 140 % overprovisioning.
    fn loads(levels: &[Level], panic_threshold: u32) -> Vec<(u64, u64, bool)> {
        Loads::new(levels, percent(panic_threshold), 140)
            .levels
            .iter()
            .map(|l| (l.healthy, l.degraded, l.panic))
            .collect()
    }

    #[test]
    fn envoys_health_vectors() {
        // (percent healthy in P0, in P1), threshold → loads
        let cases = [
            ((100, 100), 50, [(100, 0, false), (0, 0, false)]),
            ((72, 72), 50, [(100, 0, false), (0, 0, false)]),
            ((71, 71), 50, [(99, 0, false), (1, 0, false)]),
            ((50, 100), 50, [(70, 0, false), (30, 0, false)]),
            ((20, 50), 50, [(29, 0, true), (71, 0, false)]),
            ((20, 50), 0, [(29, 0, false), (71, 0, false)]),
            ((25, 100), 50, [(35, 0, false), (65, 0, false)]),
            ((0, 100), 50, [(0, 0, false), (100, 0, false)]),
            ((0, 0), 50, [(50, 0, true), (50, 0, true)]),
            ((0, 0), 0, [(100, 0, false), (0, 0, false)]),
        ];
        for ((p0, p1), threshold, expected) in cases {
            let levels = [level(100, p0, 0), level(100, p1, 0)];
            assert_eq!(
                loads(&levels, threshold),
                expected,
                "{p0}/{p1} at {threshold}"
            );
        }
    }

    #[test]
    fn the_remainder_goes_to_the_first_healthy_priority() {
        // The example in Envoy's source: 10/20/10 % healthy, 20/10/0 % degraded, factor 100.
        let levels = [level(10, 1, 2), level(10, 2, 1), level(10, 1, 0)];
        let loads = Loads::new(&levels, Percent::ZERO, 100);
        let loads: Vec<_> = loads
            .levels
            .iter()
            .map(|l| (l.healthy, l.degraded))
            .collect();
        assert_eq!(loads, [(16, 28), (28, 14), (14, 0)]);
    }

    #[test]
    fn degraded_endpoints_take_the_rest() {
        // One healthy and one degraded host in P0.
        assert_eq!(loads(&[level(2, 1, 1)], 50), [(70, 30, false)]);
        assert_eq!(loads(&[level(3, 0, 3)], 50), [(0, 100, false)]);
    }

    #[test]
    fn total_panic_shares_by_size() {
        assert_eq!(
            loads(&[level(1, 0, 0), level(2, 0, 0)], 50),
            [(34, 0, true), (66, 0, true)]
        );
        // An empty first priority cannot take the remainder.
        assert_eq!(
            loads(&[level(0, 0, 0), level(1, 0, 0), level(2, 0, 0)], 50),
            [(0, 0, true), (34, 0, true), (66, 0, true)]
        );
    }

    #[test]
    fn panic_compares_strictly_and_never_at_full_availability() {
        // 50 % is not below 50 %; 40 % of 140 is 56 < 100, and 40 < 50.
        assert_eq!(loads(&[level(10, 5, 0)], 50), [(100, 0, false)]);
        assert_eq!(loads(&[level(10, 4, 0)], 50), [(100, 0, true)]);
        // P0 is far below its threshold, but both together are at 100.
        assert_eq!(
            loads(&[level(10, 1, 0), level(10, 10, 0)], 50),
            [(14, 0, false), (86, 0, false)]
        );
    }

    #[test]
    fn the_draw_is_cumulative_over_healthy_then_degraded() {
        let loads = Loads::new(&[level(2, 1, 1)], percent(50), 140);
        assert_eq!(loads.choose(|| 69), Some((0, Source::Healthy)));
        assert_eq!(loads.choose(|| 70), Some((0, Source::Degraded)));
        assert_eq!(loads.choose(|| 199), Some((0, Source::Degraded)));
        let panic = Loads::new(&[level(2, 0, 0), level(2, 0, 0)], percent(50), 140);
        assert_eq!(panic.choose(|| 0), Some((0, Source::All)));
        assert_eq!(panic.choose(|| 50), Some((1, Source::All)));
        assert_eq!(Loads::new(&[], percent(50), 140).choose(|| 0), None);
    }

    fn any_level() -> impl Strategy<Value = Level> {
        (0_usize..50, 0_usize..50, 0_usize..50).prop_map(|(healthy, degraded, rest)| Level {
            hosts: healthy + degraded + rest,
            healthy,
            degraded,
        })
    }

    proptest! {
        #[test]
        fn shares_sum_to_100_and_every_draw_lands(
            levels in prop::collection::vec(any_level(), 1..6),
            threshold in 0_u32..=100,
            overprovisioning in 1_u32..400,
        ) {
            let loads = Loads::new(&levels, percent(threshold), overprovisioning);
            let sum: u64 = loads.levels.iter().map(|l| l.healthy + l.degraded).sum();
            prop_assert_eq!(sum, 100);
            for draw in 0..100 {
                let (at, source) = loads.choose(|| draw).unwrap();
                let level = levels[at];
                let size = match source {
                    Source::Healthy => level.healthy,
                    Source::Degraded => level.degraded,
                    Source::All => level.hosts,
                };
                let nothing = match threshold {
                    // Shares that all round to 0 go to the first priority, as in Envoy.
                    0 => levels.iter().all(|l| {
                        let most = l.healthy.max(l.degraded) as u64;
                        u64::from(overprovisioning) * most < (l.hosts as u64).max(1)
                    }),
                    _ => levels.iter().all(|l| l.hosts == 0),
                };
                prop_assert!(size > 0 || nothing);
            }
        }
    }
}
