//! Text from people and functions, made harmless to look at, and links built from it.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but what RFC 3986 leaves as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `text` with characters that act instead of show (terminal escapes, NUL, direction overrides) turned into visible
/// ones. Tabs and line breaks stay.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| match u32::from(c) {
        _ if !acts(c) => c,
        control @ 0..0x20 => char::from_u32(0x2400 + control).unwrap_or('\u{fffd}'),
        0x7f => '\u{2421}',
        _ => '\u{fffd}',
    };
    Cow::Owned(text.chars().map(shown).collect())
}

fn acts(c: char) -> bool {
    let direction = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    direction || (c.is_control() && c != '\n' && c != '\t')
}

/// A sentence of its own from the words of an error: a capital first, a full stop last.
pub(super) fn sentence(words: &str) -> String {
    let text = self::words(words.trim_end_matches('.'));
    if text.is_empty() { text } else { text + "." }
}

/// With a capital first.
pub(super) fn words(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}

/// `1 secret`, `2 secrets`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A path with the query parameters that have text.
pub(super) fn link(path: &str, query: &[(&str, &str)]) -> String {
    let encode = |text| utf8_percent_encode(text, RESERVED);
    let pairs: Vec<_> = query
        .iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(key, text)| format!("{key}={}", encode(text)))
        .collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// What somebody listed, parted by spaces, lines or commas.
pub(super) fn listed(typed: &str) -> Vec<String> {
    let words = typed.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::{link, sentence, visible};

    #[test]
    fn acting_characters_become_visible() {
        assert_eq!(visible("plain ä\n\tüber"), "plain ä\n\tüber");
        assert_eq!(visible("\u{1b}[31mred\0\r\u{7f}"), "␛[31mred␀␍␡");
        assert_eq!(visible("a\u{202e}b\u{9b}c"), "a\u{fffd}b\u{fffd}c");
    }

    #[test]
    fn links_encode_what_they_carry() {
        assert_eq!(
            link("/secrets", &[("cursor", "a:B_1&x=\"y"), ("environment", "")]),
            "/secrets?cursor=a%3AB_1%26x%3D%22y"
        );
        assert_eq!(link("/secrets", &[]), "/secrets");
    }

    #[test]
    fn sentences() {
        assert_eq!(sentence("there is no secret."), "There is no secret.");
        assert_eq!(sentence(""), "");
    }
}
