//! The pause before a retry. Envoy draws in whole milliseconds; here in nanoseconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;

use crate::{
    Random,
    policy::{RateLimitedBackOff, ResetHeader, ResetHeaderFormat, RetryBackOff},
};

/// The pause before retry `n` (1 for the first): uniform in `[0, min(base·2^(n-1), max))`, but no
/// shorter than the policy's minimum.
pub fn exponential(policy: RetryBackOff, n: u32, random: &dyn Random) -> Duration {
    let doubled = 1_u32
        .checked_shl(n.saturating_sub(1))
        .and_then(|factor| policy.base().checked_mul(factor))
        .unwrap_or(Duration::MAX);
    below(doubled.min(policy.max()), random).max(policy.minimum())
}

/// The pause that the upstream asked for: D from the first header that parses and is not above the
/// maximum, then uniform in `[D, 1.5·D)`. `None`: it asked for none, so back off exponentially.
pub fn rate_limited(
    policy: &RateLimitedBackOff,
    headers: &HeaderMap,
    wall_clock: fn() -> SystemTime,
    random: &dyn Random,
) -> Option<Duration> {
    let pause = policy
        .reset_headers
        .iter()
        .filter_map(|header| asked_for(header, headers, wall_clock))
        .find(|pause| *pause <= policy.max_interval)?;
    // A pause of 0 is none, as in Envoy.
    (!pause.is_zero()).then(|| pause.saturating_add(below(pause / 2, random)))
}

fn asked_for(
    header: &ResetHeader,
    headers: &HeaderMap,
    wall_clock: fn() -> SystemTime,
) -> Option<Duration> {
    let number = headers.get(&header.name)?.to_str().ok()?.trim();
    let seconds: u64 = number.parse().ok()?;
    match header.format {
        ResetHeaderFormat::Seconds => Some(Duration::from_secs(seconds)),
        ResetHeaderFormat::UnixTimestamp => {
            let now = wall_clock().duration_since(UNIX_EPOCH).ok()?.as_secs();
            seconds.checked_sub(now).map(Duration::from_secs)
        }
    }
}

/// Uniform in `[0, most)`.
fn below(most: Duration, random: &dyn Random) -> Duration {
    let most = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
    let drawn = (u128::from(random.next_u64()) * u128::from(most)) >> 64;
    Duration::from_nanos(drawn as u64)
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use proptest::prelude::*;

    use super::*;
    use crate::Seeded;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// The largest of many pauses before retry `n`.
    fn longest(policy: RetryBackOff, n: u32) -> Duration {
        let random = Seeded::new(u64::from(n));
        (0..2_000)
            .map(|_| exponential(policy, n, &random))
            .max()
            .unwrap()
    }

    #[test]
    fn the_bound_doubles_from_the_base_to_the_maximum() {
        let default = RetryBackOff::default();
        for (n, bound) in [(1, 25), (2, 50), (3, 100), (4, 200), (5, 250), (40, 250)] {
            let longest = longest(default, n);
            assert!(longest < ms(bound), "retry {n}: {longest:?}");
            assert!(longest > ms(bound) * 99 / 100, "retry {n}: {longest:?}");
        }
    }

    #[test]
    fn no_pause_is_shorter_than_the_minimum() {
        let policy = RetryBackOff::try_new(ms(10), None).unwrap();
        let policy = policy.with_minimum(ms(10));
        let random = Seeded::new(1);
        let pauses: Vec<_> = (0..1_000)
            .map(|_| exponential(policy, 2, &random))
            .collect();
        assert!(pauses.iter().all(|p| (ms(10)..ms(20)).contains(p)));
        assert!(pauses.contains(&ms(10)) && pauses.iter().any(|p| *p > ms(19)));
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(k, v)| (HeaderName::from_static(k), (*v).parse().unwrap()))
            .collect()
    }

    fn policy(names: &[(&'static str, ResetHeaderFormat)]) -> RateLimitedBackOff {
        RateLimitedBackOff {
            reset_headers: names
                .iter()
                .map(|(name, format)| ResetHeader {
                    name: HeaderName::from_static(name),
                    format: *format,
                })
                .collect(),
            max_interval: Duration::from_secs(300),
        }
    }

    #[test]
    fn the_upstream_names_its_pause() {
        use ResetHeaderFormat::{Seconds, UnixTimestamp};
        let policy = policy(&[("retry-after", Seconds), ("reset-at", UnixTimestamp)]);
        let now: fn() -> SystemTime = || UNIX_EPOCH + Duration::from_secs(1_000);
        let random = Seeded::new(2);
        let pause = |pairs: &[_]| rate_limited(&policy, &headers(pairs), now, &random);
        for (pairs, expected) in [
            (&[("retry-after", "2")][..], Some(2)),
            (&[("reset-at", "1007")], Some(7)),
            (&[("retry-after", "2"), ("reset-at", "1007")], Some(2)),
            (&[("retry-after", "soon"), ("reset-at", "1007")], Some(7)),
            (&[("retry-after", "301"), ("reset-at", "1007")], Some(7)),
            (&[("retry-after", "300")], Some(300)),
            (&[("retry-after", "301")], None),
            (&[("retry-after", "0")], None),
            (&[("reset-at", "999")], None),
            (&[("retry-after", "18446744073709551615")], None),
            (&[], None),
        ] {
            let drawn = pause(pairs);
            assert_eq!(drawn.is_some(), expected.is_some(), "{pairs:?}");
            if let (Some(drawn), Some(expected)) = (drawn, expected) {
                let asked = Duration::from_secs(expected);
                assert!(
                    (asked..asked * 3 / 2).contains(&drawn),
                    "{pairs:?}: {drawn:?}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn a_pause_is_always_below_its_bound(
            base in 1_u64..u64::MAX,
            times in 1_u32..1_000,
            n: u32,
            seed: u64,
        ) {
            let base = Duration::from_nanos(base);
            let max = base.saturating_mul(times);
            let policy = RetryBackOff::try_new(base, Some(max)).unwrap();
            let pause = exponential(policy, n, &Seeded::new(seed));
            let factor = 2_f64.powi(n.saturating_sub(1).min(100) as i32);
            prop_assert!(pause < max);
            prop_assert!(pause.as_secs_f64() <= base.as_secs_f64() * factor);
        }
    }
}
