//! `%START_TIME(format)%`: the strftime specifiers that a UTC time needs.

use std::{
    fmt::Write,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::super::Name;

/// How a time is written. Envoy's default is `2026-11-24T14:17:28.224Z`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeFormat(Arc<[Piece]>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Name),
    /// `%s`
    Epoch,
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    /// `%j`
    DayOfYear,
    /// `%b`
    MonthName,
    /// `%a`
    WeekdayName,
    /// So many digits of the second's fraction: `%f` has 9, `%3f` 3.
    Fraction(u8),
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

impl TimeFormat {
    /// Parses a format; an empty one is the default.
    ///
    /// # Errors
    /// The specifier that is not supported.
    pub(super) fn parse(format: &str) -> Result<Self, String> {
        let format = match format {
            "" => "%Y-%m-%dT%H:%M:%E3SZ",
            other => other,
        };
        let mut pieces = Vec::new();
        let mut rest = format;
        while let Some(at) = rest.find('%') {
            if at > 0 {
                pieces.push(Piece::Text(rest[..at].into()));
            }
            rest = specifier(&rest[at + 1..], &mut pieces)
                .ok_or_else(|| rest[at..].chars().take(2).collect::<String>())?;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.into()));
        }
        Ok(Self(pieces.into()))
    }

    /// Appends `time` to `out`.
    pub(crate) fn write(&self, time: SystemTime, out: &mut String) {
        // Before 1970 is no time that a request is made at.
        let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let (seconds, days) = (since.as_secs(), since.as_secs() / 86_400);
        let (year, month, day) = civil(days);
        for piece in &*self.0 {
            // Writing to a string does not fail.
            let _ = match piece {
                Piece::Text(text) => out.write_str(text),
                Piece::Epoch => write!(out, "{seconds}"),
                Piece::Year => write!(out, "{year}"),
                Piece::Month => write!(out, "{month:02}"),
                Piece::Day => write!(out, "{day:02}"),
                Piece::Hour => write!(out, "{:02}", seconds / 3600 % 24),
                Piece::Minute => write!(out, "{:02}", seconds / 60 % 60),
                Piece::Second => write!(out, "{:02}", seconds % 60),
                Piece::DayOfYear => write!(out, "{:03}", day_of_year(days, year)),
                Piece::MonthName => out.write_str(MONTHS[month as usize - 1]),
                // 1 January 1970 was a Thursday.
                Piece::WeekdayName => out.write_str(WEEKDAYS[((days + 4) % 7) as usize]),
                Piece::Fraction(digits) => {
                    let all = format!("{:09}", since.subsec_nanos());
                    out.write_str(&all[..usize::from(*digits)])
                }
            };
        }
    }
}

/// Reads what follows a `%`; returns what is left.
fn specifier<'a>(text: &'a str, pieces: &mut Vec<Piece>) -> Option<&'a str> {
    let mut chars = text.chars();
    let text_piece = |text: &str| Piece::Text(text.into());
    match chars.next()? {
        '%' => pieces.push(text_piece("%")),
        's' => pieces.push(Piece::Epoch),
        'Y' => pieces.push(Piece::Year),
        'm' => pieces.push(Piece::Month),
        'd' => pieces.push(Piece::Day),
        'H' => pieces.push(Piece::Hour),
        'M' => pieces.push(Piece::Minute),
        'S' => pieces.push(Piece::Second),
        'j' => pieces.push(Piece::DayOfYear),
        'b' | 'h' => pieces.push(Piece::MonthName),
        'a' => pieces.push(Piece::WeekdayName),
        'Z' => pieces.push(text_piece("UTC")),
        'z' => pieces.push(text_piece("+0000")),
        'f' => pieces.push(Piece::Fraction(9)),
        'T' => {
            let colon = || text_piece(":");
            pieces.extend([Piece::Hour, colon(), Piece::Minute, colon(), Piece::Second]);
        }
        'F' => {
            let dash = || text_piece("-");
            pieces.extend([Piece::Year, dash(), Piece::Month, dash(), Piece::Day]);
        }
        // `%3f`
        digit @ '1'..='9' => {
            (chars.next()? == 'f').then_some(())?;
            pieces.push(Piece::Fraction(digit as u8 - b'0'));
        }
        // `%E3S`
        'E' => {
            let digit = chars.next().filter(|c| matches!(c, '1'..='9'))?;
            (chars.next()? == 'S').then_some(())?;
            pieces.extend([
                Piece::Second,
                text_piece("."),
                Piece::Fraction(digit as u8 - b'0'),
            ]);
        }
        _ => return None,
    }
    Some(chars.as_str())
}

/// Year, month and day of a count of days since 1970, in the Gregorian calendar: counted in eras of
/// 400 years that begin on 1 March, so that the leap day comes last.
const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (year_of_era + era * 400 + (month <= 2) as u64, month, day)
}

/// From 1.
fn day_of_year(days: u64, year: u64) -> u64 {
    let before = year - 1;
    let first = before * 365 + before / 4 - before / 100 + before / 400 - 719_162;
    days - first + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(format: &str, seconds: u64, nanos: u32) -> String {
        let mut out = String::new();
        let time = UNIX_EPOCH + Duration::new(seconds, nanos);
        TimeFormat::parse(format).unwrap().write(time, &mut out);
        out
    }

    /// Observed on Envoy 1.40.
    #[test]
    fn as_envoy_writes_them() {
        let (s, n) = (1_795_529_848, 224_019_000);
        assert_eq!(at("", s, n), "2026-11-24T14:17:28.224Z");
        assert_eq!(at("%s", s, n), "1795529848");
        assert_eq!(at("%Y-%m-%d %3f", s, n), "2026-11-24 224");
        assert_eq!(at("%f", s, n), "224019000");
        assert_eq!(
            at("%a, %d %b %F %T %j %Z%z%%", s, n),
            "Tue, 24 Nov 2026-11-24 14:17:28 328 UTC+0000%"
        );
    }

    #[test]
    fn the_calendar_is_right_at_its_edges() {
        for (days, text) in [
            (0, "1970-01-01 001"),
            (11_016, "2000-02-29 060"),
            (11_017, "2000-03-01 061"),
            (11_322, "2000-12-31 366"),
            (47_540, "2100-02-28 059"),
            (47_541, "2100-03-01 060"),
        ] {
            assert_eq!(at("%F %j", days * 86_400, 0), text);
        }
    }

    #[test]
    fn what_is_not_supported_is_named() {
        assert_eq!(TimeFormat::parse("%Y %Q").unwrap_err(), "%Q");
        assert_eq!(TimeFormat::parse("%3x").unwrap_err(), "%3");
        assert_eq!(TimeFormat::parse("%").unwrap_err(), "%");
    }
}
