//! Confirmations: what an assistant wants to do that cannot be undone, and a person's yes or no to just that.

use crate::{Invalid, Timestamp};

/// How a confirmation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfirmationStatus {
    /// Nobody has answered.
    Pending,
    /// A person said yes; it has not been done yet.
    Approved,
    /// A person said no.
    Declined,
    /// It was done. A yes is good for once.
    Used,
    /// Its time is over: nobody answered, or what was approved was not done in time.
    Expired,
}

impl ConfirmationStatus {
    /// Reads the word that is stored.
    ///
    /// # Errors
    /// `status_unknown`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let all = [Self::Pending, Self::Approved, Self::Declined, Self::Used, Self::Expired];
        let known = all.into_iter().find(|status| status.as_str() == text);
        known.ok_or_else(|| {
            Invalid::new("status", "status_unknown", "must be `pending`, `approved`, `declined`, `used` or `expired`")
        })
    }

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Used => "used",
            Self::Expired => "expired",
        }
    }

    /// How it stands at `now`: what is stored does not tell that time has passed.
    #[must_use]
    pub fn at(self, now: Timestamp, expires_at: Timestamp) -> Self {
        match self {
            Self::Pending | Self::Approved if expires_at <= now => Self::Expired,
            status => status,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ConfirmationStatus::{self, Approved, Declined, Expired, Pending, Used};
    use crate::Timestamp;

    #[test]
    fn a_yes_ends_with_its_time() {
        let (before, after) = (Timestamp::from_millis(1), Timestamp::from_millis(2));
        assert_eq!([Pending, Approved].map(|status| status.at(after, after)), [Expired, Expired]);
        assert_eq!([Pending, Approved].map(|status| status.at(before, after)), [Pending, Approved]);
        assert_eq!([Declined, Used].map(|status| status.at(after, before)), [Declined, Used]);
        for status in [Pending, Approved, Declined, Used, Expired] {
            assert_eq!(ConfirmationStatus::parse(status.as_str()), Ok(status));
        }
        assert!(ConfirmationStatus::parse("yes").is_err());
    }
}
