//! Making a function's text safe to show: redacted, bounded, and harmless in a terminal.

use std::fmt::Write as _;

use domain::limits;
use domain::redact::Redactor;

/// `text` as it may leave this crate. `cut` says that its end is missing already.
///
/// Redaction comes first: any cut before it could leave the first half of a value, which nothing finds. Where the end
/// was cut before it came here, as much is dropped as the half of a value can be long.
pub(crate) fn clean(redactor: &Redactor, text: &str, cut: bool, folder_url: &str) -> String {
    let redacted = redactor.redact(text);
    let whole = redacted.len();
    let kept = if cut { head(&redacted, whole.saturating_sub(redactor.longest())) } else { &redacted };
    let kept = head(kept, limits::LOG_LINE_BYTES);
    let mut shown = printable(kept.strip_suffix('\n').unwrap_or(kept));
    if shown.contains(folder_url) {
        shown = shown.replace(folder_url, "");
    }
    if kept.len() < whole {
        let _ = write!(shown, " … [cut: {} bytes{}]", whole - kept.len(), if cut { " or more" } else { "" });
    }
    shown
}

/// The longest beginning of `text` of at most `bytes` bytes.
fn head(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

/// Control characters and those that reorder text would let a function write over other lines of a terminal.
fn printable(text: &str) -> String {
    let harmful = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}')
    };
    // Most text is plain, which is quicker seen byte by byte.
    let plain = |byte: u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
    if text.bytes().all(plain) || !text.contains(harmful) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.replace("\r\n", "\n").chars() {
        if harmful(c) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use domain::redact::Redactor;
    use domain::{SecretName, Value, limits};

    use super::clean;

    fn redactor(value: &str) -> Redactor {
        let name = SecretName::parse("KEY").unwrap();
        let value = Value::new(value.to_owned()).unwrap();
        Redactor::new([(&name, &value, false)])
    }

    #[test]
    fn control_characters_are_shown_not_obeyed() {
        let shown = clean(&Redactor::none(), "a\x1b[2Jb\tc\r\nd\u{9b}e\u{202e}f\n", false, "file:///w/");
        assert_eq!(shown, "a\\u{1b}[2Jb\tc\nd\\u{9b}e\\u{202e}f");
    }

    #[test]
    fn paths_of_the_worker_are_left_out() {
        assert_eq!(clean(&Redactor::none(), "at file:///w/main.mjs:1:2", false, "file:///w/"), "at main.mjs:1:2");
    }

    #[test]
    fn long_text_is_cut_at_a_character_after_redaction() {
        let value = "s3cret-".repeat(20);
        // The value lies across the limit: cut first, its first half would be shown.
        let text = format!("{}{value}{}", "é".repeat(limits::LOG_LINE_BYTES / 2 - 20), "x".repeat(100));
        let shown = clean(&redactor(&value), &text, false, "file:///w/");
        assert!(!shown.contains("s3cret"), "a part of the value is shown");
        assert!(
            shown.contains("[redacted KEY]")
                && shown.contains(" … [cut: ")
                && shown.len() < limits::LOG_LINE_BYTES + 64
        );
    }

    #[test]
    fn a_value_halved_by_the_reader_is_dropped() {
        let value = "s3cret-".repeat(20);
        let text = format!("start {}", &value[..70]);
        let shown = clean(&redactor(&value), &text, true, "file:///w/");
        assert!(!shown.contains("s3cret") && shown.contains("or more"), "{shown}");
    }
}
