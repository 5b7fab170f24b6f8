//! Go's duration syntax, which is what Istio's decoder reads: `1.5s`, `1h10m`, `100ms`.

use std::time::Duration;

/// Parses what Go's `time.ParseDuration` accepts, except for negative values.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration such as 1.5s, 100ms or 1h10m");
    if text.starts_with('-') {
        return Err(format!("`{text}` is negative"));
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(wrong());
        }
        let (unit, after) = unit(after).ok_or_else(wrong)?;
        rest = after;
        let too_long = || format!("`{text}` is too long a duration");
        let whole: u128 = if whole.is_empty() {
            0
        } else {
            whole.parse().map_err(|_| too_long())?
        };
        nanos = whole
            .checked_mul(unit)
            .and_then(|n| n.checked_add(nanos))
            .ok_or_else(too_long)?
            + part(fraction, unit);
        // Go counts in 64-bit nanoseconds.
        if nanos > i64::MAX as u128 {
            return Err(too_long());
        }
    }
    u64::try_from(nanos)
        .map(Duration::from_nanos)
        .map_err(|_| wrong())
}

fn digits(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

/// `.fraction` of a unit; digits below a nanosecond are dropped.
fn part(fraction: &str, unit: u128) -> u128 {
    let mut scale = unit;
    let mut sum = 0;
    for digit in fraction.bytes() {
        scale /= 10;
        sum += u128::from(digit - b'0') * scale;
    }
    sum
}

fn unit(text: &str) -> Option<(u128, &str)> {
    const UNITS: [(&str, u128); 8] = [
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("μs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    UNITS
        .iter()
        .find_map(|(name, nanos)| Some((*nanos, text.strip_prefix(name)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_parse() {
        for (text, nanos) in [
            ("0", 0),
            ("0s", 0),
            ("1.5s", 1_500_000_000),
            ("100ms", 100_000_000),
            ("1h10m", 4_200_000_000_000),
            (".5s", 500_000_000),
            ("2m3.25s", 123_250_000_000),
            ("1.0000000019s", 1_000_000_001),
            ("7us", 7_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "1",
            "s",
            "1.s.",
            "-1s",
            "1 s",
            "1d",
            "99999999999h",
            "٣s",
            "1e3s",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"9".repeat(100)).is_err());
        assert!(parse(&format!("{}s", "9".repeat(100))).is_err());
    }
}
