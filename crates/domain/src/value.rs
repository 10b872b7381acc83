//! The plaintext of a secret.

use zeroize::Zeroizing;

use crate::{Invalid, limits};

/// The bytes of a secret: UTF-8, not empty, at most 64 KiB, without NUL. Zeroized when dropped.
///
/// The only type that holds plaintext. It has no `Clone`, `Serialize`, `Display` or comparison, and its `Debug`
/// prints nothing of it; [`Value::expose`] is the single way in, so that `grep expose` lists every use.
pub struct Value(Zeroizing<String>);

impl Value {
    /// Takes ownership of `text` and zeroizes it if a rule is broken.
    ///
    /// # Errors
    /// `value_empty`, `value_too_large` or `value_has_nul`, never quoting the text.
    pub fn new(text: String) -> Result<Self, Invalid> {
        let text = Zeroizing::new(text);
        if text.is_empty() {
            return Err(Invalid::new("value", "value_empty", "must not be empty"));
        }
        if text.len() > limits::VALUE_BYTES {
            return Err(Invalid::new(
                "value",
                "value_too_large",
                format!("must be at most {} bytes", limits::VALUE_BYTES),
            ));
        }
        if text.contains('\0') {
            return Err(Invalid::new(
                "value",
                "value_has_nul",
                "must not contain NUL bytes: no environment variable can hold one",
            ));
        }
        Ok(Self(text))
    }

    /// As [`Value::new`], from bytes that may not be UTF-8.
    ///
    /// # Errors
    /// Also `value_not_utf8`.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Invalid> {
        match String::from_utf8(bytes) {
            Ok(text) => Self::new(text),
            Err(error) => {
                drop(Zeroizing::new(error.into_bytes()));
                Err(Invalid::new("value", "value_not_utf8", "must be UTF-8 text; encode binary keys as base64 first"))
            }
        }
    }

    /// The plaintext. Whoever calls this must not store, log, format or return it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Value(****)")
    }
}

#[cfg(test)]
mod tests {
    use super::Value;
    use crate::limits;

    fn code(text: &str) -> &'static str {
        Value::new(text.to_owned()).err().map_or("ok", |e| e.code)
    }

    #[test]
    fn rules() {
        assert_eq!(code("x"), "ok");
        assert_eq!(code(""), "value_empty");
        assert_eq!(code("a\0b"), "value_has_nul");
        assert_eq!(code(&"x".repeat(limits::VALUE_BYTES)), "ok");
        assert_eq!(code(&"x".repeat(limits::VALUE_BYTES + 1)), "value_too_large");
        assert_eq!(Value::from_bytes(vec![0xff, 0xfe]).err().map(|e| e.code), Some("value_not_utf8"));
    }

    #[test]
    fn neither_debug_nor_errors_quote_the_value() {
        let value = Value::new("sk-canary-canary-canary".to_owned());
        assert!(!format!("{value:?}").contains("canary"));
        let error = Value::new("sk-canary\0".to_owned());
        assert!(!format!("{error:?}").contains("canary"));
    }
}
