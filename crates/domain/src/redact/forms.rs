//! How code commonly writes a value: each way is a text that is looked for.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::{LINE_BYTES, MIN_BYTES};
use crate::find::Form;

/// The value, and each long line of a value of several.
pub(super) fn pieces(value: &str) -> impl Iterator<Item = &str> {
    let several = value.trim().contains('\n');
    let lines = value
        .lines()
        .map(str::trim)
        .filter(move |line| several && line.len() >= LINE_BYTES && !line.starts_with("-----"));
    std::iter::once(value).chain(lines)
}

/// Which forms of a value are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Those that [`has_escapes`] is false of: few and short.
    Bare,
    All,
}

/// Whether `text` has a byte with which escapes begin. A text that has none holds no form that has one.
pub(super) fn has_escapes(text: &[u8]) -> bool {
    memchr::memchr3(b'%', b'\\', b'&', text).is_some()
}

/// The forms of `value`, the value itself first; none if it is too short.
pub(super) fn of(value: &str, extent: Extent) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::with_capacity(if extent == Extent::All { 40 } else { 10 });
    let trimmed = Some(value.trim()).filter(|trimmed| trimmed.len() < value.len());
    for value in std::iter::once(value).chain(trimmed).filter(|value| value.len() >= MIN_BYTES) {
        let mut add = |form: String| {
            let form = Zeroizing::new(form.into_bytes());
            let meant = extent == Extent::All || !has_escapes(&form);
            if meant && form.len() >= MIN_BYTES && !forms.contains(&form) {
                forms.push(form);
            }
        };
        bare(value, &mut add);
        if extent == Extent::All {
            escaped(value, &mut add);
        }
    }
    forms
}

/// Forms that may have no escape.
fn bare(value: &str, add: &mut impl FnMut(String)) {
    let bytes = value.as_bytes();
    add(value.to_owned());
    // Most keys need no escape anywhere, and there are many of them.
    if !bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte)) {
        partly_escaped(value, add);
    }
    for upper in [true, false] {
        add(every_byte(bytes, "", upper));
    }
    let base32 = base32(bytes);
    add(base32.to_ascii_lowercase());
    add(base32);
    base64(bytes, add);
}

/// Forms in which about all is escaped.
fn escaped(value: &str, add: &mut impl FnMut(String)) {
    let bytes = value.as_bytes();
    for upper in [true, false] {
        // Of who escapes all but letters and digits, and of who escapes these too.
        add(percent(bytes, upper, b""));
        for before in ["%", "\\x"] {
            add(every_byte(bytes, before, upper));
        }
        add(units(value, "\\u", upper));
        add(entities(value, upper));
    }
    add(value.chars().fold(String::with_capacity(bytes.len() * 6), |mut out, c| {
        let _ = write!(out, "&#{};", u32::from(c));
        out
    }));
}

/// Forms that differ from the value only if something in it has to be escaped.
fn partly_escaped(value: &str, add: &mut impl FnMut(String)) {
    let bytes = value.as_bytes();
    let json = Zeroizing::new(json(value, false));
    add(json.to_string());
    add(json.replace('/', "\\/"));
    // JSON within JSON.
    add(self::json(&json, false));
    add(self::json(value, true));
    add(self::json(value, true).replace('/', "\\/"));
    add(inspected(value));
    add(inspected(&json));
    for upper in [true, false] {
        // `encodeURIComponent`, RFC 3986, `encodeURI`, Python's `quote`, `escape`.
        for plain in ["-_.!~*'()", "-_.~", "-_.~!*'();:@&=+$,/?#", "-_.~/", "@*_+-./"] {
            add(percent(bytes, upper, plain.as_bytes()));
        }
        add(percent(bytes, upper, b"-_.* ").replace(' ', "+"));
        // Twice.
        add(percent(percent(bytes, upper, b"-_.~").as_bytes(), upper, b"-_.~"));
    }
    for (quote, apostrophe) in [
        ("&quot;", "&#39;"),
        ("&quot;", "&#039;"),
        ("&quot;", "&#x27;"),
        ("&quot;", "&apos;"),
        ("&quot;", "'"),
        ("&#34;", "&#39;"),
        ("&#34;", "&#x27;"),
        ("\"", "'"),
    ] {
        add(html(value, quote, apostrophe));
        add(html(value, quote, apostrophe).replace('/', "&#x2F;").replace('`', "&#x60;"));
    }
    base64(json.as_bytes(), add);
}

fn base64(bytes: &[u8], add: &mut impl FnMut(String)) {
    for alignment in 0..3 {
        add(aligned_base64(bytes, alignment, |padded| STANDARD_NO_PAD.encode(padded)));
        add(aligned_base64(bytes, alignment, |padded| URL_SAFE_NO_PAD.encode(padded)));
    }
}

/// As it stands between the quotes of a JSON string; with `ascii`, other characters are escaped too.
fn json(value: &str, ascii: bool) -> String {
    let mut out = String::with_capacity(value.len() + 16);
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            _ if c < ' ' || (ascii && !c.is_ascii()) => out.push_str(&units(c.encode_utf8(&mut [0; 4]), "\\u", false)),
            _ => out.push(c),
        }
    }
    out
}

/// As JavaScript consoles show a string inside an object: single quotes, backslash escapes.
fn inspected(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 16);
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\'' => out.push_str("\\'"),
            _ => out.push(c),
        }
    }
    out
}

fn percent(bytes: &[u8], upper: bool, plain: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 3);
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || (byte.is_ascii() && plain.contains(&byte)) {
            out.push(char::from(byte));
        } else {
            hex(&mut out, "%", byte, upper);
        }
    }
    out
}

fn every_byte(bytes: &[u8], before: &str, upper: bool) -> String {
    let mut out = String::with_capacity(bytes.len() * (2 + before.len()));
    bytes.iter().for_each(|&byte| hex(&mut out, before, byte, upper));
    out
}

fn hex(out: &mut String, before: &str, byte: u8, upper: bool) {
    out.push_str(before);
    let digits: &[u8; 16] = if upper { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
    for half in [byte >> 4, byte & 15] {
        out.push(digits.get(usize::from(half)).map_or('0', |digit| char::from(*digit)));
    }
}

/// Every character as its UTF-16 units, with four digits each.
fn units(value: &str, before: &str, upper: bool) -> String {
    let mut out = String::with_capacity(value.len() * (4 + before.len()));
    for unit in value.encode_utf16() {
        let [high, low] = unit.to_be_bytes();
        hex(&mut out, before, high, upper);
        hex(&mut out, "", low, upper);
    }
    out
}

/// Every character as an HTML entity of hexadecimal digits.
fn entities(value: &str, upper: bool) -> String {
    let mut out = String::with_capacity(value.len() * 6);
    for c in value.chars() {
        let _ = if upper { write!(out, "&#x{:X};", u32::from(c)) } else { write!(out, "&#x{:x};", u32::from(c)) };
    }
    out
}

fn html(value: &str, quote: &str, apostrophe: &str) -> String {
    let mut out = String::with_capacity(value.len() + 32);
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str(quote),
            '\'' => out.push_str(apostrophe),
            _ => out.push(c),
        }
    }
    out
}

/// The characters of base64 that depend on `bytes` alone when `alignment` unknown bytes stand before and any after.
fn aligned_base64(bytes: &[u8], alignment: usize, encode: impl Fn(&[u8]) -> String) -> String {
    let mut padded = Zeroizing::new(Vec::with_capacity(alignment + bytes.len()));
    padded.resize(alignment, 0);
    padded.extend_from_slice(bytes);
    let encoded = Zeroizing::new(encode(&padded));
    // 8 bits a byte, 6 a character: characters that also hold bits of a neighbour are left out.
    let first = (alignment * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    encoded.get(first..last).unwrap_or_default().to_owned()
}

pub(super) fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut out = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut buffer, mut bits) = (0_u32, 0);
    for &byte in bytes {
        buffer = (buffer << 8) | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            let index = (buffer >> bits) & 31;
            out.push(ALPHABET.get(index as usize).map_or('A', |&c| char::from(c)));
        }
    }
    // The last partial character also depends on padding only, so it is known; but a value inside a longer text would
    // differ there, so it is left out.
    out
}
