//! Deadlines: as headers, and as a timer.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep_until};

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const EXPECTED_RQ_TIMEOUT: HeaderName = HeaderName::from_static("x-envoy-expected-rq-timeout-ms");

/// The request's deadline passed while it was served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("the request's deadline has passed")]
pub struct DeadlineExceeded;

/// The deadline that a request which arrived at `now` carries: the earlier of `grpc-timeout` and
/// `x-envoy-expected-rq-timeout-ms`. A value that breaks its syntax counts as absent, as in Envoy.
pub fn deadline(headers: &HeaderMap, now: Instant) -> Option<Instant> {
    let grpc = headers
        .get(GRPC_TIMEOUT)
        .and_then(|v| parse_grpc_timeout(v.as_bytes()));
    let envoy = headers
        .get(EXPECTED_RQ_TIMEOUT)
        .and_then(|v| parse_digits(v.as_bytes(), 18))
        // Envoy sends at least 1; where it takes a 0, that stands for "no timeout".
        .filter(|ms| *ms > 0)
        .map(Duration::from_millis);
    let timeout = [grpc, envoy].into_iter().flatten().min()?;
    now.checked_add(timeout)
}

/// Reads a `grpc-timeout` (gRPC over HTTP/2, "Timeout"): 1 to 8 digits and a unit of `HMSmun`.
pub fn parse_grpc_timeout(text: &[u8]) -> Option<Duration> {
    let (unit, digits) = text.split_last()?;
    let n = parse_digits(digits, 8)?;
    Some(match unit {
        // Cannot overflow: 8 digits of hours are less than 2^39 seconds.
        b'H' => Duration::from_secs(n * 3600),
        b'M' => Duration::from_secs(n * 60),
        b'S' => Duration::from_secs(n),
        b'm' => Duration::from_millis(n),
        b'u' => Duration::from_micros(n),
        b'n' => Duration::from_nanos(n),
        _ => return None,
    })
}

/// Writes a `grpc-timeout` in the finest unit that fits into 8 digits, rounded down, so that nobody
/// downstream waits longer than its caller does.
pub fn format_grpc_timeout(timeout: Duration) -> HeaderValue {
    const MAX: u128 = 99_999_999;
    let nanos = timeout.as_nanos();
    let units = [
        (1, 'n'),
        (1_000, 'u'),
        (1_000_000, 'm'),
        (1_000_000_000, 'S'),
        (60_000_000_000, 'M'),
        (3_600_000_000_000, 'H'),
    ];
    let fits = units.iter().find(|(size, _)| nanos / size <= MAX);
    let text = match fits {
        Some((size, unit)) => format!("{}{unit}", nanos / size),
        None => format!("{MAX}H"),
    };
    // Digits and a letter are always a header value.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("99999999H"))
}

/// A number of at most `max` digits; zeros before it do not count, as in Envoy.
fn parse_digits(digits: &[u8], max: usize) -> Option<u64> {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    if digits.is_empty() || digits.len() - zeros > max {
        return None;
    }
    digits.iter().try_fold(0_u64, |n, digit| match digit {
        b'0'..=b'9' => Some(n * 10 + u64::from(digit - b'0')),
        _ => None,
    })
}

pin_project! {
    /// Waits for a deadline; costs nothing until it is asked for the first time, which the fast
    /// path (the answer is ready) never does.
    #[derive(Debug)]
    pub(super) struct Timer {
        deadline: Option<Instant>,
        #[pin]
        sleep: Option<Sleep>,
    }
}

impl Timer {
    /// `None` never ends.
    pub(super) const fn new(deadline: Option<Instant>) -> Self {
        Self {
            deadline,
            sleep: None,
        }
    }

    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Ready once the deadline has passed.
    pub(super) fn poll_expired(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(deadline) = *this.deadline else {
            return Poll::Pending;
        };
        if this.sleep.is_none() {
            this.sleep.set(Some(sleep_until(deadline.into())));
        }
        match this.sleep.as_pin_mut() {
            Some(sleep) => sleep.poll(cx),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn left(headers: &[(&'static str, &'static str)]) -> Option<Duration> {
        let now = tokio::time::Instant::now().into_std();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        deadline(&map, now).map(|deadline| deadline - now)
    }

    #[test]
    fn grpc_timeouts_are_read_in_every_unit() {
        let hour = Duration::from_secs(3600);
        for (text, expected) in [
            ("2H", Some(2 * hour)),
            ("99999999H", Some(99_999_999 * hour)),
            ("3M", Some(Duration::from_secs(180))),
            ("4S", Some(Duration::from_secs(4))),
            ("5m", Some(Duration::from_millis(5))),
            ("6u", Some(Duration::from_micros(6))),
            ("00000007n", Some(Duration::from_nanos(7))),
            ("000000000150m", Some(Duration::from_millis(150))),
            ("0n", Some(Duration::ZERO)),
            ("", None),
            ("S", None),
            ("1", None),
            ("1s", None),
            ("1 S", None),
            ("+1S", None),
            ("-1S", None),
            ("1.5S", None),
            ("100000000n", None),
        ] {
            assert_eq!(parse_grpc_timeout(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn the_earlier_header_wins_and_a_broken_one_is_absent() {
        let second = Some(Duration::from_secs(1));
        assert_eq!(left(&[]), None);
        let (grpc, envoy) = ("grpc-timeout", "x-envoy-expected-rq-timeout-ms");
        assert_eq!(left(&[(grpc, "1S"), (envoy, "2000")]), second);
        assert_eq!(left(&[(grpc, "2S"), (envoy, "1000")]), second);
        assert_eq!(left(&[(grpc, "1s"), (envoy, "1000")]), second);
        assert_eq!(left(&[(grpc, "1S"), (envoy, "0")]), second);
        assert_eq!(left(&[(grpc, "1S"), (envoy, "soon")]), second);
        assert_eq!(left(&[(envoy, "99999999999999999999999")]), None);
    }

    #[test]
    fn timeouts_are_written_in_the_finest_unit_that_fits() {
        for (nanos, text) in [
            (0, "0n"),
            (99_999_999, "99999999n"),
            (100_000_001, "100000u"),
            (1_500_000_000, "1500000u"),
            (100_000_000_000, "100000m"),
            (99_999_999_999_999_999, "99999999S"),
            (100_000_000_000_000_000, "1666666M"),
            (u64::MAX, "5124095H"),
        ] {
            assert_eq!(format_grpc_timeout(Duration::from_nanos(nanos)), text);
        }
        assert_eq!(format_grpc_timeout(Duration::MAX), "99999999H");
    }

    proptest! {
        #[test]
        fn a_written_timeout_is_read_back_never_longer(secs in 0..1_u64 << 38, nanos in 0..1_000_000_000_u32) {
            let timeout = Duration::new(secs, nanos);
            let read = parse_grpc_timeout(format_grpc_timeout(timeout).as_bytes()).unwrap();
            prop_assert!(read <= timeout);
            // The next unit is at most 1000 times coarser, so 5 digits are always left.
            prop_assert!(timeout - read <= timeout / 99_999);
        }

        #[test]
        fn any_bytes_are_read_without_panic(text in proptest::collection::vec(any::<u8>(), 0..12)) {
            let _ = parse_grpc_timeout(&text);
        }
    }
}
