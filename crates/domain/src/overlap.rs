//! For how long the value before the current one goes on being given to functions, and under which name.

use crate::{Delivery, Invalid, SecretName};

/// What a name gets at its end for the value before.
const ENDING: &str = "_PREVIOUS";
/// Seconds of each unit, by its letter.
const UNITS: [(char, u32); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
/// 30 days: what is to be replaced must end at some time.
const MOST_SECONDS: u32 = 30 * 86_400;

/// A time for which two values are in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap(u32);

impl Overlap {
    /// Reads a number and its unit, like `90s`, `10m`, `24h` or `7d`.
    ///
    /// # Errors
    /// `overlap_invalid`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let seconds = UNITS.iter().find_map(|(unit, seconds)| {
            let number = text.strip_suffix(*unit)?;
            let digits = (1..=8).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
            if digits { number.parse::<u32>().ok()?.checked_mul(*seconds) } else { None }
        });
        seconds.and_then(Self::of_seconds).ok_or_else(|| {
            Invalid::new("overlap", "overlap_invalid", "must be a time from 1s to 30d, like 90s, 10m, 24h or 7d")
        })
    }

    /// Of so many seconds, if that is a time that may be.
    pub fn of_seconds(seconds: u32) -> Option<Self> {
        (1..=MOST_SECONDS).contains(&seconds).then_some(Self(seconds))
    }

    /// In seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }

    /// In milliseconds.
    pub fn millis(self) -> i64 {
        i64::from(self.0) * 1000
    }
}

impl std::fmt::Display for Overlap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // In the largest unit that it is a whole number of; seconds always are.
        match UNITS.iter().find(|(_, seconds)| self.0.is_multiple_of(*seconds)) {
            Some((unit, seconds)) => write!(f, "{}{unit}", self.0 / seconds),
            None => write!(f, "{}s", self.0),
        }
    }
}

/// The name that the value before is given under. `None` if that would be no name.
pub fn previous_name(name: &SecretName) -> Option<SecretName> {
    SecretName::parse(&format!("{name}{ENDING}")).ok()
}

/// Whose value before is given under this name, if it is such a name.
pub fn previous_of(name: &SecretName) -> Option<SecretName> {
    name.as_str().strip_suffix(ENDING).and_then(|text| SecretName::parse(text).ok())
}

/// The rules that a secret with an overlap is in functions' environment, and that there is a name for the value before.
///
/// # Errors
/// `overlap_brokered` or `overlap_name_too_long`.
pub fn may_overlap(name: &SecretName, delivery: Delivery) -> Result<SecretName, Invalid> {
    let invalid = |code, rule: &str| Invalid::new("overlap", code, rule);
    if delivery == Delivery::Brokered {
        let rule = "is for secrets in functions' environment: the broker sends the current value only";
        return Err(invalid("overlap_brokered", rule));
    }
    previous_name(name).ok_or_else(|| {
        invalid("overlap_name_too_long", "needs a name that is short enough to get _PREVIOUS at its end")
    })
}

#[cfg(test)]
mod tests {
    use super::{Overlap, may_overlap, previous_name, previous_of};
    use crate::{Delivery, SecretName};

    #[test]
    fn times_are_read_and_written() {
        for (text, seconds, shown) in [
            ("1s", 1, "1s"),
            ("90s", 90, "90s"),
            ("120s", 120, "2m"),
            ("10m", 600, "10m"),
            ("24h", 86_400, "1d"),
            ("36h", 129_600, "36h"),
            ("30d", 2_592_000, "30d"),
        ] {
            let overlap = Overlap::parse(text).unwrap();
            assert_eq!((overlap.seconds(), overlap.to_string().as_str()), (seconds, shown));
        }
        for text in ["", "0s", "31d", "s", "10", "1w", "-1h", "+1h", "1.5h", "1 h", "99999999d", "999999999s", "١h"] {
            assert_eq!(Overlap::parse(text).unwrap_err().code, "overlap_invalid", "{text}");
        }
    }

    #[test]
    fn names() {
        let name = |text: &str| SecretName::parse(text).unwrap();
        assert_eq!(previous_name(&name("WEBHOOK_SECRET")), Some(name("WEBHOOK_SECRET_PREVIOUS")));
        assert_eq!(previous_of(&name("WEBHOOK_SECRET_PREVIOUS")), Some(name("WEBHOOK_SECRET")));
        assert_eq!(previous_of(&name("WEBHOOK_SECRET")), None);
        assert_eq!(previous_of(&name("_PREVIOUS")), None);
        let long = name(&"A".repeat(120));
        let code = |name, delivery| may_overlap(name, delivery).unwrap_err().code;
        assert_eq!(code(&long, Delivery::Env), "overlap_name_too_long");
        assert_eq!(code(&name("A"), Delivery::Brokered), "overlap_brokered");
        assert_eq!(may_overlap(&name("A"), Delivery::Env), Ok(name("A_PREVIOUS")));
    }
}
