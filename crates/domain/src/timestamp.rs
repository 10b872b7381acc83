//! Time as a value. Nobody in this crate reads a clock.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A day of 24 hours.
pub const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// Milliseconds since 1970-01-01T00:00:00Z. Shown as RFC 3339 in UTC with millisecond precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From Unix milliseconds. Clamped to the years that RFC 3339 can write (0000 to 9999).
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(-62_167_219_200_000, 253_402_207_199_999))
    }

    /// Unix milliseconds.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// This time moved by `millis` (may be negative).
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// This time moved by `days` of 24 hours (may be negative).
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        self.plus_millis(days.saturating_mul(DAY_MILLIS))
    }

    /// Parses RFC 3339; any offset is accepted and turned into UTC.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|t| Self::from_millis(t.as_millisecond()))
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        write!(f, "{time:.3}")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("must be an RFC 3339 time, for example 2026-11-22T09:30:00Z"))
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn shows_utc_with_milliseconds_and_reads_itself_back() {
        let time = Timestamp::from_millis(1_795_512_600_042);
        assert_eq!(time.to_string(), "2026-11-24T09:30:00.042Z");
        assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
        assert_eq!(Timestamp::parse("2026-11-24T10:30:00.042+01:00"), Some(time));
        assert_eq!(Timestamp::parse("yesterday"), None);
    }

    #[test]
    fn extremes_do_not_overflow() {
        let late = Timestamp::from_millis(i64::MAX).plus_millis(i64::MAX);
        assert_eq!(late.to_string(), "9999-12-30T21:59:59.999Z");
        assert!(!Timestamp::from_millis(i64::MIN).to_string().is_empty());
    }
}
