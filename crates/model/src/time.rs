//! Points in time as the wire shows them: ISO 8601 with microseconds and `+00:00`.
//!
//! Libraries parse with strict readers (`datetime.fromisoformat` before Python 3.11 refuses `Z`), so the output
//! has exactly one form. Input takes the RFC 3339 forms and date-only.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// 0001-01-01T00:00:00Z in microseconds.
const MIN_MICROS: i64 = -62_135_596_800 * MICROS_PER_SECOND;
/// 9999-12-31T23:59:59.999999Z in microseconds.
const MAX_MICROS: i64 = 253_402_300_800 * MICROS_PER_SECOND - 1;
/// Bytes of a time's text.
const TEXT_BYTES: usize = 32;

/// Microseconds since the Unix epoch, within years 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Makes a time from Unix microseconds, held within years 1 to 9999.
    pub const fn from_micros(micros: i64) -> Self {
        if micros < MIN_MICROS {
            Self(MIN_MICROS)
        } else if micros > MAX_MICROS {
            Self(MAX_MICROS)
        } else {
            Self(micros)
        }
    }

    /// Makes a time from Unix milliseconds.
    pub const fn from_ms(unix_ms: u64) -> Self {
        if unix_ms > (MAX_MICROS / 1000) as u64 { Self(MAX_MICROS) } else { Self(unix_ms as i64 * 1000) }
    }

    /// Makes a time from Unix seconds.
    pub const fn from_secs(unix_secs: i64) -> Self {
        Self::from_micros(unix_secs.saturating_mul(MICROS_PER_SECOND))
    }

    /// Returns Unix microseconds.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Returns Unix milliseconds, rounded down; times before 1970 count as 0.
    pub const fn ms(self) -> u64 {
        if self.0 < 0 { 0 } else { (self.0 / 1000) as u64 }
    }

    /// Returns Unix seconds, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND)
    }

    /// Returns the time `ms` milliseconds later.
    pub const fn plus_ms(self, ms: u64) -> Self {
        let micros = if ms > (i64::MAX / 1000) as u64 { i64::MAX } else { ms as i64 * 1000 };
        Self::from_micros(self.0.saturating_add(micros))
    }
}

/// Days since 1970-01-01 of a proleptic Gregorian date (Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `days_from_civil`).
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Inverse of [`days_from_civil`] (same source, `civil_from_days`).
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let doe = days.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + (month <= 2) as i64, month, doy - (153 * mp + 2) / 5 + 1)
}

impl Timestamp {
    /// The text, always so long and always ASCII.
    pub fn text(self) -> [u8; TEXT_BYTES] {
        let seconds = self.secs();
        let (year, month, day) = civil_from_days(seconds.div_euclid(SECONDS_PER_DAY));
        let of_day = seconds.rem_euclid(SECONDS_PER_DAY);
        let micros = self.0.rem_euclid(MICROS_PER_SECOND);
        let mut text = *b"0000-00-00T00:00:00.000000+00:00";
        for (at, digits, number) in [
            (0, 4, year),
            (5, 2, month),
            (8, 2, day),
            (11, 2, of_day / 3600),
            (14, 2, of_day / 60 % 60),
            (17, 2, of_day % 60),
            (20, 6, micros),
        ] {
            let mut left = number as u32;
            for place in text[at..at + digits].iter_mut().rev() {
                *place = b'0' + (left % 10) as u8;
                left /= 10;
            }
        }
        text
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

/// The text is no RFC 3339 time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseTimestampError;

impl fmt::Display for ParseTimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an ISO 8601 time")
    }
}
impl std::error::Error for ParseTimestampError {}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (head, rest) = self.0.split_at_checked(count)?;
        let value = head.iter().try_fold(0i64, |value, byte| {
            byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0'))
        })?;
        self.0 = rest;
        Some(value)
    }

    fn take(&mut self, accepted: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        accepted.contains(first).then(|| {
            self.0 = rest;
            *first
        })
    }

    /// Reads a fraction of any length, keeping microseconds.
    fn fraction(&mut self) -> Option<i64> {
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return None;
        }
        let mut micros = self.digits(count.min(6))?;
        for _ in count..6 {
            micros *= 10;
        }
        self.0 = &self.0[count.saturating_sub(6).min(self.0.len())..];
        Some(micros)
    }

    /// Reads `Z`, `+hh:mm`, `+hhmm`, `+hh` or nothing; returns seconds east of UTC.
    fn offset(&mut self) -> Option<i64> {
        if self.0.is_empty() || self.take(b"Zz").is_some() {
            return Some(0);
        }
        let sign = if self.take(b"+-")? == b'-' { -1 } else { 1 };
        let hours = self.digits(2)?;
        let minutes = match (self.take(b":"), self.0.is_empty()) {
            (None, true) => 0,
            _ => self.digits(2)?,
        };
        (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let mut reader = Reader(text.as_bytes());
    let year = reader.digits(4)?;
    reader.take(b"-")?;
    let month = reader.digits(2)?;
    reader.take(b"-")?;
    let day = reader.digits(2)?;
    if year < 1 || !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
        return None;
    }
    let mut seconds = days_from_civil(year, month, day) * SECONDS_PER_DAY;
    let mut micros = 0;
    if !reader.0.is_empty() {
        reader.take(b"Tt ")?;
        let hour = reader.digits(2)?;
        reader.take(b":")?;
        let minute = reader.digits(2)?;
        let second = match reader.take(b":") {
            Some(_) => reader.digits(2)?,
            None => 0,
        };
        // A leap second is read as the first moment of the next minute.
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        if reader.take(b".,").is_some() {
            micros = reader.fraction()?;
        }
        seconds += hour * 3600 + minute * 60 + second - reader.offset()?;
    }
    let total = seconds * MICROS_PER_SECOND + micros;
    (reader.0.is_empty() && (MIN_MICROS..=MAX_MICROS).contains(&total)).then_some(Timestamp(total))
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    /// Parses `2026-01-31`, `2026-01-31T09:05Z`, `2026-01-31 09:05:00.123+01:00` and forms between; without an
    /// offset the time is UTC.
    fn from_str(text: &str) -> Result<Self, ParseTimestampError> {
        parse(text).ok_or(ParseTimestampError)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimestampVisitor;
        impl Visitor<'_> for TimestampVisitor {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an ISO 8601 time")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(TimestampVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn output_has_microseconds_and_a_numeric_offset() {
        let time: Timestamp = "2026-01-31T09:05:00.123Z".parse().unwrap();
        assert_eq!(time.to_string(), "2026-01-31T09:05:00.123000+00:00");
        assert_eq!(serde_json::to_string(&time).unwrap(), "\"2026-01-31T09:05:00.123000+00:00\"");
        assert_eq!(Timestamp::from_ms(0).to_string(), "1970-01-01T00:00:00.000000+00:00");
    }

    #[test]
    fn input_takes_the_usual_forms() {
        let expected = "2026-01-31T09:05:00Z".parse::<Timestamp>().unwrap();
        for text in [
            "2026-01-31T09:05:00.000000+00:00",
            "2026-01-31T10:05:00+01:00",
            "2026-01-31T10:05:00+0100",
            "2026-01-31T10:05+01",
            "2026-01-31 09:05:00",
            "2026-01-31t09:05:00.0000000z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Ok(expected), "{text}");
        }
        assert_eq!(
            "2026-01-31".parse::<Timestamp>().unwrap().to_string(),
            "2026-01-31T00:00:00.000000+00:00"
        );
    }

    #[test]
    fn input_refuses_what_is_no_time() {
        for text in [
            "",
            "2026",
            "2026-02-29",
            "2026-13-01",
            "2026-01-31T",
            "2026-01-31T25:00:00",
            "2026-01-31T09:05:00.Z",
            "2026-01-31T09:05:00+",
            "2026-01-31T09:05:00Zx",
            "0000-01-01",
            "2026-01-31T09:05:00+99:00",
            "é026-01-31",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(micros in MIN_MICROS..=MAX_MICROS) {
            let time = Timestamp::from_micros(micros);
            prop_assert_eq!(time.to_string().parse::<Timestamp>(), Ok(time));
        }

        #[test]
        fn no_input_panics(text in ".{0,40}") {
            let _ = text.parse::<Timestamp>();
        }
    }
}
