//! What a function holds in place of a brokered value.

use std::fmt;

use aws_lc_rs::digest;

use crate::Value;

/// How hard a placeholder must be to guess.
const MIN_BITS: f64 = 96.0;
/// A known prefix ends within so many characters,
const PREFIX_CHARS: usize = 12;
/// and so many must come after it.
const REST_CHARS: usize = 16;
/// A longer value gets a placeholder of another shape: no header carries it, and searching streams for it costs time.
const SHAPED_BYTES: usize = 4096;
const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &[u8] = b"0123456789";
const ALPHANUMERIC: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// A stand-in for a value: public, worth nothing elsewhere, and shaped so that client libraries accept it.
///
/// It has the value's length. A known prefix stays (`sk_live_`, `sk-proj-`, `SG.`, `xoxb-`): the value's start up to and
/// including the last of the separators `_ - .` within its first 12 characters, if each part before a separator has at
/// most seven characters and two digits among them (so the start of a UUID is no prefix), and 16 characters or more follow.
/// Of the rest, each digit becomes a random digit, each letter a random letter of its case, `+`, `/` and `=` a random letter or digit;
/// separators stay. So it never needs escaping in a header, a URL, a form or JSON.
///
/// A value of other characters, above 4 KiB, or too short for 96 random bits gets `tresor_placeholder_` and 32 random characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Placeholder(String);

impl Placeholder {
    /// Makes the placeholder of `value` that `seed`, 32 random bytes used for nothing else, determines.
    pub fn new(value: &Value, seed: &[u8; 32]) -> Self {
        let mut random = Random { seed, block: 0, bytes: Vec::new() };
        let text = value.expose();
        let rest = prefix_bytes(text);
        let bits: f64 = text.bytes().skip(rest).map(|byte| class(byte).map_or(0.0, bits)).sum();
        let shaped = text.len() <= SHAPED_BYTES && text.bytes().all(|byte| class(byte).is_some() || is_separator(byte));
        if !shaped || bits < MIN_BITS {
            let random = (0..32).map(|_| random.one_of(ALPHANUMERIC));
            return Self("tresor_placeholder_".chars().chain(random).collect());
        }
        let stand_in = |(at, byte)| match class(byte) {
            Some(class) if at >= rest => random.one_of(class),
            _ => char::from(byte),
        };
        Self(text.bytes().enumerate().map(stand_in).collect())
    }

    /// The text that goes into the worker's environment.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its prefix is the value's.
        f.write_str("Placeholder(****)")
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'_' | b'-' | b'.')
}

/// How many bytes of `text` are a known prefix.
fn prefix_bytes(text: &str) -> usize {
    let mut prefix = 0;
    let (mut chars, mut digits) = (0, 0);
    for (at, byte) in text.bytes().enumerate().take(PREFIX_CHARS) {
        match byte {
            _ if is_separator(byte) => {
                prefix = at + 1;
                (chars, digits) = (0, 0);
            }
            b'0'..=b'9' => (chars, digits) = (chars + 1, digits + 1),
            b'a'..=b'z' | b'A'..=b'Z' => chars += 1,
            _ => break,
        }
        if chars > 7 || digits > 2 {
            break;
        }
    }
    if text.len() - prefix >= REST_CHARS { prefix } else { 0 }
}

fn class(byte: u8) -> Option<&'static [u8]> {
    match byte {
        b'a'..=b'z' => Some(LOWER),
        b'A'..=b'Z' => Some(UPPER),
        b'0'..=b'9' => Some(DIGITS),
        b'+' | b'/' | b'=' => Some(ALPHANUMERIC),
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "at most 62")]
fn bits(class: &[u8]) -> f64 {
    (class.len() as f64).log2()
}

/// Bytes drawn from a seed: SHA-256 of it and a counter.
struct Random<'a> {
    seed: &'a [u8; 32],
    block: u64,
    bytes: Vec<u8>,
}

impl Random<'_> {
    fn byte(&mut self) -> u8 {
        loop {
            if let Some(byte) = self.bytes.pop() {
                return byte;
            }
            let mut hash = digest::Context::new(&digest::SHA256);
            hash.update(self.seed);
            hash.update(&self.block.to_be_bytes());
            self.block += 1;
            self.bytes = hash.finish().as_ref().to_vec();
        }
    }

    fn one_of(&mut self, class: &[u8]) -> char {
        loop {
            let byte = usize::from(self.byte());
            // The uneven end of a byte's range would make some characters likelier.
            if byte < 256 - 256 % class.len()
                && let Some(&chosen) = class.get(byte % class.len())
            {
                return char::from(chosen);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::{Placeholder, class, prefix_bytes};
    use crate::Value;

    fn like(text: &str, seed: u8) -> String {
        Placeholder::new(&Value::new(text.to_owned()).unwrap(), &[seed; 32]).as_str().to_owned()
    }

    #[test]
    fn known_prefixes_stay() {
        for (value, prefix) in [
            ("sk-proj-abcDEF0123456789abcDEF0123456789", "sk-proj-"),
            ("sk_live_51H8abcdefGHIJKL0123456789", "sk_live_"),
            ("SG.abcdefghijklmnopqrstuv.ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefg", "SG."),
            ("xoxb-1234567890123-1234567890123-abcdefghijklmnopqrstuvwx", "xoxb-"),
            ("github_pat_11ABCDEFG0abcdefghijklmnop", "github_pat_"),
            ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "ghp_"),
            ("550e8400-e29b-41d4-a716-446655440000", ""),
            ("abcdefghijklmnopqrstuvwxyz", ""),
            ("sk_live_short", ""),
        ] {
            assert_eq!(&value[..prefix_bytes(value)], prefix);
            let placeholder = like(value, 1);
            assert!(placeholder.starts_with(prefix), "{placeholder}");
            assert_ne!(placeholder, like(value, 2));
        }
    }

    #[test]
    fn what_could_be_guessed_or_needs_escapes_gets_another_shape() {
        for value in [
            "hunter2",
            "1234567890123456",
            "-----BEGIN KEY-----\nabcdefghijklmnopqrstuvwxyz",
            "pässword-pässword-pässword-pässword",
            "postgres://app:pw@db.example.com/abcdefghijklmnop",
        ] {
            let placeholder = like(value, 1);
            assert_eq!((&placeholder[..19], placeholder.len()), ("tresor_placeholder_", 51));
        }
        assert!(
            !format!("{:?}", Placeholder::new(&Value::new("sk-canary".to_owned()).unwrap(), &[0; 32])).contains("sk")
        );
    }

    proptest! {
        #[test]
        fn the_shape_is_kept_and_the_rest_is_not(value in "[a-z]{2,4}_[A-Za-z0-9]{45,60}[A-Za-z0-9_.-]{0,30}", seed in any::<[u8; 32]>()) {
            let placeholder = Placeholder::new(&Value::new(value.clone()).unwrap(), &seed);
            let placeholder = placeholder.as_str();
            prop_assert_eq!(placeholder.len(), value.len());
            for (a, b) in value.bytes().zip(placeholder.bytes()) {
                prop_assert_eq!(class(a), class(b));
            }
            prop_assert!(value[prefix_bytes(&value)..] != placeholder[prefix_bytes(&value)..]);
        }
    }
}
