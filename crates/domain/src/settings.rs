//! What an account decides once for all its functions. Each setting has a name, a rule and a default.
//!
//! To add one: a field here, a line in [`Settings::to_texts`] and in [`Settings::set`], and the same field in the API's
//! `Settings` and `PutSettings`. The database keeps names and texts, so it needs nothing.

use crate::Invalid;

/// What is done when a function would return a value of its secrets to its caller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResponseGuard {
    /// Nothing: responses are not looked at.
    Off,
    /// The response goes out, and the account is told.
    #[default]
    Report,
    /// The response does not go out, or ends before the value, and the account is told.
    Block,
}

impl ResponseGuard {
    /// Reads the API's word.
    ///
    /// # Errors
    /// `response_guard_unknown`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "off" => Ok(Self::Off),
            "report" => Ok(Self::Report),
            "block" => Ok(Self::Block),
            _ => Err(Invalid::new("response_guard", "response_guard_unknown", "must be `report`, `block` or `off`")),
        }
    }

    /// What holds for a function whose deployment says `own` in an account that says `self`: the stricter of the two. Who may
    /// deploy must not undo what the account decided.
    pub fn with(self, own: Option<Self>) -> Self {
        own.map_or(self, |own| self.max(own))
    }

    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Report => "report",
            Self::Block => "block",
        }
    }
}

/// What an assistant may do with a value that it was told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ConversationValues {
    /// It may store it; the secret is marked as one that it has seen.
    #[default]
    Allow,
    /// It may not: people enter values.
    Forbid,
}

impl ConversationValues {
    /// Reads the API's word.
    ///
    /// # Errors
    /// `conversation_values_unknown`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "allow" => Ok(Self::Allow),
            "forbid" => Ok(Self::Forbid),
            _ => Err(Invalid::new("conversation_values", "conversation_values_unknown", "must be `allow` or `forbid`")),
        }
    }

    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Forbid => "forbid",
        }
    }
}

/// What an assistant needs a person's yes for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Confirmations {
    /// Nothing.
    #[default]
    Never,
    /// What cannot be undone.
    Destructive,
}

impl Confirmations {
    /// Reads the API's word.
    ///
    /// # Errors
    /// `confirmations_unknown`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "never" => Ok(Self::Never),
            "destructive" => Ok(Self::Destructive),
            _ => Err(Invalid::new("confirmations", "confirmations_unknown", "must be `never` or `destructive`")),
        }
    }

    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Destructive => "destructive",
        }
    }
}

/// `never`, or days.
fn rotation(text: &str) -> Result<Option<u32>, Invalid> {
    if text == "never" {
        return Ok(None);
    }
    let digits = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let days = if digits { text.parse().ok().filter(|days| (1..=3650).contains(days)) } else { None };
    let rule = "must be `never`, or a number of days from 1 to 3650";
    days.map(Some).ok_or_else(|| Invalid::new("rotate_after_days", "out_of_range", rule))
}

/// The settings of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Of functions whose deployment says nothing else.
    pub response_guard: ResponseGuard,
    /// Of the tool `put_secret`.
    pub conversation_values: ConversationValues,
    /// Of tools that cannot be undone.
    pub confirmations: Confirmations,
    /// After how many days values are to be replaced of which nobody says it; never if it is not set.
    pub rotate_after_days: Option<u32>,
}

impl Settings {
    /// Each setting's name and text.
    pub fn to_texts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("response_guard", self.response_guard.as_str().to_owned()),
            ("conversation_values", self.conversation_values.as_str().to_owned()),
            ("confirmations", self.confirmations.as_str().to_owned()),
            ("rotate_after_days", self.rotate_after_days.map_or("never".to_owned(), |days| days.to_string())),
        ]
    }

    /// Changes the setting of that name.
    ///
    /// # Errors
    /// The rule that `text` broke, or `setting_unknown`.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), Invalid> {
        match name {
            "response_guard" => self.response_guard = ResponseGuard::parse(text)?,
            "conversation_values" => self.conversation_values = ConversationValues::parse(text)?,
            "rotate_after_days" => self.rotate_after_days = rotation(text)?,
            "confirmations" => self.confirmations = Confirmations::parse(text)?,
            _ => return Err(Invalid::new(name, "setting_unknown", "is no setting")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Confirmations, ConversationValues, ResponseGuard, Settings};

    #[test]
    fn texts_read_back() {
        let mut changed = Settings::default();
        assert_eq!(changed.set("response_guard", "block"), Ok(()));
        assert_eq!(changed.set("conversation_values", "forbid"), Ok(()));
        assert_eq!(changed.set("confirmations", "destructive"), Ok(()));
        assert_eq!(changed.set("rotate_after_days", "90"), Ok(()));
        let expected = Settings {
            response_guard: ResponseGuard::Block,
            conversation_values: ConversationValues::Forbid,
            confirmations: Confirmations::Destructive,
            rotate_after_days: Some(90),
        };
        assert_eq!(changed, expected);
        let mut read = Settings::default();
        for (name, text) in changed.to_texts() {
            assert_eq!(read.set(name, &text), Ok(()));
        }
        assert_eq!(read, changed);
    }

    #[test]
    fn a_function_asks_for_more_and_never_for_less() {
        use ResponseGuard::{Block, Off, Report};
        for (account, own, holds) in [
            (Off, None, Off),
            (Off, Some(Block), Block),
            (Report, Some(Off), Report),
            (Block, Some(Report), Block),
            (Block, None, Block),
        ] {
            assert_eq!(account.with(own), holds);
        }
    }

    #[test]
    fn rules() {
        let code = |name, text| Settings::default().set(name, text).err().map(|invalid| (invalid.field, invalid.code));
        assert_eq!(code("response_guard", "warn"), Some(("response_guard".to_owned(), "response_guard_unknown")));
        let unknown = Some(("conversation_values".to_owned(), "conversation_values_unknown"));
        assert_eq!(code("conversation_values", "yes"), unknown);
        let unknown = Some(("confirmations".to_owned(), "confirmations_unknown"));
        assert_eq!(code("confirmations", "always"), unknown);
        assert_eq!(code("colour", "red"), Some(("colour".to_owned(), "setting_unknown")));
    }
}
