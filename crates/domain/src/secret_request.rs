//! Secret requests: an open slot for a value that a person shall enter. What an assistant or a person writes into one, and
//! how it can end.

use serde::{Deserialize, Serialize};

use crate::{Invalid, Timestamp, catalogue, limits};

/// How a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretRequestStatus {
    /// Nobody has entered a value yet.
    Pending,
    /// A value was stored.
    Fulfilled,
    /// A person said no.
    Declined,
    /// Nobody answered in time.
    Expired,
    /// It was taken back.
    Cancelled,
}

impl SecretRequestStatus {
    /// Reads the API's word.
    ///
    /// # Errors
    /// `status_unknown`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "pending" => Ok(Self::Pending),
            "fulfilled" => Ok(Self::Fulfilled),
            "declined" => Ok(Self::Declined),
            "expired" => Ok(Self::Expired),
            "cancelled" => Ok(Self::Cancelled),
            _ => Err(Invalid::new(
                "status",
                "status_unknown",
                "must be `pending`, `fulfilled`, `declined`, `expired` or `cancelled`",
            )),
        }
    }

    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Fulfilled => "fulfilled",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// How it stands at `now`: what is stored does not tell that time has passed.
    #[must_use]
    pub fn at(self, now: Timestamp, expires_at: Timestamp) -> Self {
        if self == Self::Pending && expires_at <= now { Self::Expired } else { self }
    }
}

/// The reason that a request gives, without the spaces around it. It is shown to whoever is to enter the value, so nothing
/// in it may act on the page or hide, and it is kept in clear, so it must not hold a value itself.
///
/// # Errors
/// `reason_missing`, `reason_too_long`, `reason_has_control` or `reason_holds_value`, never quoting the text.
pub fn check_reason(text: &str) -> Result<String, Invalid> {
    let invalid = |code, rule: &str| Err(Invalid::new("reason", code, rule));
    let reason = text.trim().replace("\r\n", "\n");
    if reason.is_empty() {
        return invalid("reason_missing", "must say what the value is needed for");
    }
    if reason.chars().count() > limits::REASON_CHARS {
        return invalid("reason_too_long", &format!("must be at most {} characters", limits::REASON_CHARS));
    }
    if reason.chars().any(|c| c != '\n' && acts_or_hides(c)) {
        return invalid("reason_has_control", "must be plain text, without control or direction characters");
    }
    let looks_like_a_key = |word: &str| word.len() >= 16 && catalogue::suggest(word).iter().any(|found| found.certain);
    if reason.split_whitespace().any(looks_like_a_key) {
        return invalid("reason_holds_value", "seems to hold a key; the reason is shown and kept in clear");
    }
    Ok(reason)
}

/// Characters that act instead of show, or that nobody sees.
pub fn acts_or_hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::{SecretRequestStatus, check_reason};
    use crate::{Timestamp, limits};

    #[test]
    fn reasons() {
        assert_eq!(check_reason(" to send mail\r\nwith SendGrid ").as_deref(), Ok("to send mail\nwith SendGrid"));
        let code = |text: &str| check_reason(text).err().map(|error| error.code);
        assert_eq!(code(" \n"), Some("reason_missing"));
        assert_eq!(code(&"x".repeat(limits::REASON_CHARS + 1)), Some("reason_too_long"));
        for hidden in ["a\u{1b}[2J", "a\0", "a\u{202e}b", "a\u{200b}b", "a\u{e0041}b", "a\tb"] {
            assert_eq!(code(hidden), Some("reason_has_control"), "{hidden:?}");
        }
        let key = format!("the key is {}{}", "ghp_", "0123456789abcdefghijABCDEFGHIJ012345");
        assert_eq!(code(&key), Some("reason_holds_value"));
        assert!(!format!("{:?}", check_reason(&key)).contains("0123456789"));
        assert_eq!(code("for the nightly export to the warehouse-of-everything"), None);
    }

    #[test]
    fn only_what_waits_expires() {
        let (before, after) = (Timestamp::from_millis(1), Timestamp::from_millis(2));
        assert_eq!(SecretRequestStatus::Pending.at(before, after), SecretRequestStatus::Pending);
        assert_eq!(SecretRequestStatus::Pending.at(after, after), SecretRequestStatus::Expired);
        assert_eq!(SecretRequestStatus::Declined.at(after, before), SecretRequestStatus::Declined);
        for word in ["pending", "fulfilled", "declined", "expired", "cancelled"] {
            assert_eq!(SecretRequestStatus::parse(word).map(SecretRequestStatus::as_str), Ok(word));
        }
        assert!(SecretRequestStatus::parse("Pending").is_err());
    }
}
