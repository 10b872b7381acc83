//! Replacing a value by a rotator: the steps, how a rotation stands, and when a step that failed is tried again.

use crate::Invalid;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $code:literal: $($(#[$each:meta])* $variant:ident = $text:literal,)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$each])* $variant,)*
        }

        impl $name {
            /// Each of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The API's word, which the database has too.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Reads the API's word.
            ///
            /// # Errors
            /// That it is none.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                let known = Self::ALL.iter().copied().find(|word| word.as_str() == text);
                known.ok_or_else(|| {
                    let all: Vec<_> = Self::ALL.iter().map(|word| word.as_str()).collect();
                    Invalid::new("kind", $code, format!("must be one of {}", all.join(", ")))
                })
            }
        }
    };
}

words! {
    /// What replaces the value.
    RotatorKind, "rotator_kind_unknown":
    /// A function of the account, which is asked for each step.
    Function = "function",
    /// The server itself, which gives a PostgreSQL role another password.
    Postgres = "postgres",
}

words! {
    /// A step of a rotation. Each can be taken again without harm; the order is theirs.
    RotationStep, "rotation_step_unknown":
    /// The new value is made, where it is made.
    Create = "create",
    /// It is tried whether it works.
    Verify = "verify",
    /// It becomes the secret's current version.
    Activate = "activate",
    /// The value before stops working, once nothing uses it any more.
    Retire = "retire",
}

impl RotationStep {
    /// The step after this one.
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Create => Some(Self::Verify),
            Self::Verify => Some(Self::Activate),
            Self::Activate => Some(Self::Retire),
            Self::Retire => None,
        }
    }
}

words! {
    /// How a rotation stands.
    RotationStatus, "rotation_status_unknown":
    /// Its steps are taken.
    Running = "running",
    /// A step failed too often, or in a way that trying again does not mend. Somebody must retry or cancel it.
    Failed = "failed",
    /// All steps are taken.
    Done = "done",
    /// It was given up.
    Cancelled = "cancelled",
}

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;

/// How long after the try of that number, from 1, a step is tried again. `None` after the last.
pub fn again_after_millis(tries: u32) -> Option<i64> {
    const PAUSES: [i64; 6] = [SECOND, 5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE];
    PAUSES.get(usize::try_from(tries).ok()?.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::{RotationStatus, RotationStep, RotatorKind, again_after_millis};

    #[test]
    fn words_read_back() {
        for step in RotationStep::ALL {
            assert_eq!(RotationStep::parse(step.as_str()), Ok(*step));
        }
        assert!(RotationStatus::ALL.iter().all(|status| RotationStatus::parse(status.as_str()) == Ok(*status)));
        assert_eq!(RotatorKind::parse("cron").unwrap_err().code, "rotator_kind_unknown");
    }

    #[test]
    fn steps_follow_each_other_and_end() {
        let mut step = RotationStep::Create;
        let mut seen = vec![step];
        while let Some(next) = step.next() {
            assert!(next > step);
            seen.push(next);
            step = next;
        }
        assert_eq!(seen, RotationStep::ALL);
    }

    #[test]
    fn pauses_grow_and_end() {
        let pauses: Vec<_> = (1..).map_while(again_after_millis).collect();
        assert!(pauses.len() >= 5 && pauses.is_sorted());
        assert_eq!(again_after_millis(0), None);
    }
}
