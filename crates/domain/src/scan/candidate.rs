//! Which pieces of a text may be stored values, and under which digest a server is asked about them.

use aws_lc_rs::digest::{Context, SHA256};
use zeroize::Zeroizing;

use super::strength::strength;
use crate::{catalogue, limits};

/// What a server is told of a candidate: 16 bytes of its SHA-256 under the account's salt.
pub type Digest = [u8; 16];

/// Of a longer run of one piece, such as a bundle's only line, nothing is asked.
const LONGEST: usize = 4096;

/// The digest of a candidate, or of a stored value. White space around it and the kind of its line ends do not matter.
pub fn digest(salt: &[u8], text: &str) -> Digest {
    let mut context = Context::new(&SHA256);
    context.update(b"tresor scan v1\0");
    context.update(&u64::try_from(salt.len()).unwrap_or_default().to_be_bytes());
    context.update(salt);
    for line in text.trim().split_inclusive('\n') {
        match line.strip_suffix("\r\n") {
            Some(line) => {
                context.update(line.as_bytes());
                context.update(b"\n");
            }
            None => context.update(line.as_bytes()),
        }
    }
    let mut digest = Digest::default();
    digest.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    digest
}

/// Whether a text is asked about at all: short and guessable ones never leave the machine.
pub fn is_candidate(text: &str) -> bool {
    (limits::SCAN_CHARS..=limits::VALUE_BYTES).contains(&text.len())
        && secret_part(text).unwrap_or_else(|| strength(text)) >= limits::SCAN_BITS
}

/// Whether a stored value may be confirmed to somebody who sends its digest: only if what a mask leaves unsaid is long and
/// hard to guess. Else asking would be a way to guess it.
pub fn is_findable(value: &str) -> bool {
    let text = value.trim();
    let shown = if text.len() < 20 { 2 } else { 4 };
    let unsaid = || {
        let start = catalogue::known_beginning(text).max(shown);
        text.get(start..text.len().saturating_sub(shown)).map_or(0, strength)
    };
    text.len() >= limits::SCAN_CHARS && secret_part(text).unwrap_or_else(unsaid) >= limits::SCAN_BITS
}

/// The strength of what is secret in a text that is put together of parts; `None` of any other.
fn secret_part(text: &str) -> Option<u32> {
    if let Some((_, rest)) = text.split_once("//") {
        // Of a connection string the mask shows all but the password.
        if let Some((user, _)) = rest.rsplit_once('@') {
            return Some(user.split_once(':').map_or(0, |(_, password)| strength(password)));
        }
        return Some(strongest(rest.split(['/', '?', '&', '=', '#', ':']).skip(1)));
    }
    let parts = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ',' | '{' | '}' | '[' | ']' | '\\');
    let composed = text.starts_with(['{', '[']) || text.chars().filter(|c| c.is_whitespace()).count() > 1;
    composed.then(|| strongest(text.split(parts)))
}

fn strongest<'t>(pieces: impl Iterator<Item = &'t str>) -> u32 {
    pieces.map(strength).max().unwrap_or(0)
}

/// Ends a piece, wherever it stands.
fn is_break(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || byte.is_ascii_control()
        || matches!(
            byte,
            b'"' | b'\'' | b'`' | b'<' | b'>' | b'(' | b')' | b'{' | b'}' | b'[' | b']' | b',' | b';' | b'\\' | b'|'
        )
}

/// Calls `found` with each piece of `text` that is a candidate and where it begins. One place can give several: what stands
/// there as a whole, what follows `name=`, what stands between slashes, what quotes enclose.
pub fn candidates(text: &str, mut found: impl FnMut(usize, &str)) {
    let mut give = |at: usize, piece: &str| {
        if is_candidate(piece) {
            found(at, piece);
        }
    };
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(start) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| !is_break(*byte))) {
        let start = at + start;
        let rest = bytes.get(start..).unwrap_or_default();
        let end = start + rest.iter().position(|byte| is_break(*byte)).unwrap_or(rest.len());
        if (limits::SCAN_CHARS..=LONGEST).contains(&(end - start))
            && let Some(piece) = text.get(start..end)
        {
            pieces(start, piece, &mut give);
        }
        at = end;
    }
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        enclosed(start, line.trim_end_matches(['\n', '\r']), &mut give);
        start += line.len();
    }
    blocks(text, &mut give);
}

/// What ends a sentence or a line of code rather than a value.
const TRAILING: [char; 6] = ['.', ':', '!', '?', '*', '…'];

fn pieces(start: usize, piece: &str, give: &mut impl FnMut(usize, &str)) {
    let whole = piece.trim_end_matches(TRAILING);
    give(start, whole);
    if whole.len() != piece.len() {
        give(start, piece);
    }
    let mut told = (start, whole.len());
    let mut part = |from: usize, to: usize| {
        if let Some(text) = piece.get(from..to)
            && told != (start + from, text.len())
        {
            told = (start + from, text.len());
            give(start + from, text);
        }
    };
    // `NAME=value`, `name:value`, `user:password@host`.
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'$');
    let head = piece.bytes().take_while(|byte| name(byte)).count();
    let rest = piece.get(head..).unwrap_or_default();
    if rest.starts_with(['=', ':']) && !rest.starts_with("://") && !rest.starts_with("::") {
        part(head + 1, piece.len());
        part(head + 1, whole.len());
    }
    // Runs of base64 and of hexadecimal digits, and what slashes, dots and the like part.
    let runs = |part: &mut dyn FnMut(usize, usize), of: fn(u8) -> bool| {
        let mut at = 0;
        for run in piece.as_bytes().chunk_by(|one, two| of(*one) == of(*two)) {
            if run.first().is_some_and(|byte| of(*byte)) && run.len() >= limits::SCAN_CHARS && run.len() < piece.len() {
                part(at, at + run.len());
                let value = run.iter().position(|byte| *byte == b'=').map_or(run.len(), |equals| equals + 1);
                if value + limits::SCAN_CHARS <= run.len() {
                    part(at + value, at + run.len());
                }
            }
            at += run.len();
        }
    };
    runs(&mut part, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b'.' | b'~')
    });
    runs(&mut part, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
    runs(&mut part, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~'));
    runs(&mut part, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    runs(&mut part, |byte| !matches!(byte, b'/' | b'?' | b'&' | b'=' | b'#' | b':' | b'@'));
}

/// Longest text in quotes, and of a line after its `=`, that is looked at as a whole.
const ENCLOSED: usize = 512;

/// Values that hold breaks themselves: in quotes, or all that follows the `=` or `:` of a line.
fn enclosed(start: usize, line: &str, give: &mut impl FnMut(usize, &str)) {
    if line.len() > 4 * ENCLOSED {
        return;
    }
    // With more than one space it is a sentence.
    let odd = |text: &str| {
        (limits::SCAN_CHARS..=ENCLOSED).contains(&text.len())
            && text.bytes().any(is_break)
            && text.bytes().filter(u8::is_ascii_whitespace).count() <= 1
    };
    for quote in ['"', '\'', '`'] {
        let mut at = 0;
        for (index, inner) in line.split(quote).enumerate() {
            if index % 2 == 1 && odd(inner) {
                give(start + at, inner);
            }
            at += inner.len() + 1;
        }
    }
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ' | '"' | '\'');
    let head = line.len() - line.trim_start_matches(name).len();
    let value = line.get(head..).and_then(|rest| rest.strip_prefix(['=', ':']));
    if let Some(value) = value.filter(|value| !value.starts_with([':', '='])) {
        let trimmed = value.trim();
        let quotes = ['"', '\'', '`'];
        let bare = trimmed.trim_start_matches(quotes).trim_end_matches([',', ';']).trim_end_matches(quotes);
        for text in [trimmed, bare] {
            if odd(text)
                && let Some(offset) = line.find(text)
            {
                give(start + offset, text);
            }
        }
    }
}

/// PEM keys, as they stand in files and as they stand in a JSON string.
fn blocks(text: &str, give: &mut impl FnMut(usize, &str)) {
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find("-----BEGIN ")) {
        let start = at + found;
        at = start + 11;
        let block = text.get(start..).unwrap_or_default();
        let Some(end) = block.find("-----END ").and_then(|end| {
            let tail = block.get(end + 9..)?;
            Some(end + 9 + tail.find("-----")? + 5)
        }) else {
            continue;
        };
        if end > limits::VALUE_BYTES {
            continue;
        }
        let Some(block) = block.get(..end) else { continue };
        if block.contains("\\n") {
            let plain = Zeroizing::new(block.replace("\\r", "").replace("\\n", "\n"));
            give(start, &plain);
        }
        give(start, block);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{candidates, digest, is_findable};

    const KEY: &str = "k3V8yT5rM2Lp6Nd4Zq9Jw7";
    /// In two, so that no scanner takes it for one.
    const STRIPE: &str = concat!("sk_l", "ive_k3V8yT5rM2Lp6Nd4Zq9Jw7");

    fn found(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        candidates(text, |at, piece| {
            assert!(text[at..].starts_with(piece) || piece.contains('\n'), "{piece} is not at {at}");
            found.push(piece.to_owned());
        });
        found
    }

    /// However a value stands in a file, it is one of the candidates.
    #[test]
    fn a_value_is_found_wherever_it_stands() {
        for around in [
            "{}",
            "KEY={}",
            "export KEY=\"{}\"\n",
            "key: {}\n",
            "key: '{}' # comment",
            "  \"key\": \"{}\",",
            "const key = `{}`;",
            "client = Client('{}', retries=3)",
            "curl -H \"Authorization: Bearer {}\" https://api.example.com",
            "https://api.example.com/v1/{}/send?x=1",
            "https://api.example.com/?key={}&x=1",
            "https://user:{}@api.example.com/x",
            "The key is {}.",
            "<key>{}</key>",
            "key={};",
            "--key={}",
            "[\"a\",\"{}\"]",
            "password {}",
            "\u{feff}KEY={}\r\n",
            "ä{}ä",
        ] {
            for value in [KEY, STRIPE, "ab+c3V8/T5rM2Lp6Nd4Zq9Jw7=="] {
                let text = around.replace("{}", value);
                // A letter of another alphabet is a part of a word, and a slash parts a path.
                if around.starts_with('ä') || (around.contains("/v1/") && value.contains('/')) {
                    continue;
                }
                assert!(found(&text).iter().any(|one| one == value), "{text}: {:?}", found(&text));
            }
        }
        let odd = "p(V8) y{T5}r,M2;Lp6'Nd4";
        for around in ["key = \"{}\"", "KEY={}", "KEY=\"{}\"", "key: {}"] {
            let text = around.replace("{}", odd);
            assert!(found(&text).iter().any(|one| one == odd), "{text}: {:?}", found(&text));
        }
    }

    #[test]
    fn keys_of_many_lines() {
        let body = "k3V8yT5rM2Lp6Nd4Zq9Jw7k3V8yT5rQ1\nX2Lp6Nd4Zq9Jw7B8s1V8yT5rM2Lp6Nd4";
        let pem = format!("-----BEGIN {0}-----\n{body}\n-----END {0}-----", concat!("PRIVATE", " KEY"));
        let salt = [7; 16];
        for text in [
            format!("{pem}\n"),
            format!("before\n{}\r\nafter", pem.replace('\n', "\r\n")),
            format!("{{\"private_key\": \"{}\\n\"}}", pem.replace('\n', "\\n")),
            format!("KEY=\"{}\"", pem.replace('\n', "\\n")),
        ] {
            let digests: Vec<_> = found(&text).iter().map(|one| digest(&salt, one)).collect();
            assert!(digests.contains(&digest(&salt, &format!("{pem}\n"))), "{text}");
        }
        assert!(is_findable(&pem));
    }

    #[test]
    fn a_digest_is_of_the_account_and_the_text() {
        let one = digest(&[1; 16], KEY);
        assert_eq!(one, digest(&[1; 16], &format!(" {KEY}\r\n")));
        assert_ne!(one, digest(&[2; 16], KEY));
        assert_ne!(one, digest(&[1; 16], &KEY.to_lowercase()));
        assert_eq!(digest(&[1; 16], "a\r\nb"), digest(&[1; 16], "a\nb"));
        // What is salt and what is text is not mixed up.
        assert_ne!(digest(b"ab", "c"), digest(b"a", "bc"));
    }

    /// What a mask shows is not counted, nor is what every such value has.
    #[test]
    fn what_could_be_guessed_is_never_confirmed() {
        for value in [
            "hunter2",
            "Summer2024!Summer2024!",
            "postgres://app:Summer2024!@k3v8yt5rm2lp6nd4.example.com/k3v8yt5rm2lp6nd4",
            "postgres://k3v8yt5rm2lp6nd4zq9@db.example.com/x",
            "https://k3v8yt5rm2lp6nd4zq9jw7.example.com/login",
            "{\"user\": \"k3V8\", \"password\": \"hunter2\", \"host\": \"db.example.com\", \"port\": 5432, \"tls\": true}",
            "k3V8-production-database-Jw7q",
            "sk_live_hunter2hunter2",
            "k3V8yT5rM2Lp6N",
        ] {
            assert!(!is_findable(value), "{value}");
        }
        for value in [
            KEY,
            STRIPE,
            concat!("postgres://app:k3V8y", "T5rM2Lp6Nd4@db.example.com/app"),
            "https://hooks.example.com/services/k3V8yT5rM2Lp6Nd4Zq9Jw7",
            concat!("{\"user\": \"app\", \"password\"", ": \"k3V8yT5rM2Lp6Nd4Zq9Jw7\"}"),
            "0f8fad5bd9cb469fa16570867728950e",
        ] {
            assert!(is_findable(value), "{value}");
        }
    }

    #[test]
    fn words_are_no_candidates() {
        for text in [
            "use crate::service::secrets::environment_or_production;",
            "pub(crate) async fn list_secrets(&self, caller: &Caller) -> Result<Page<wire::Secret>, Error> {",
            "<div class=\"container mx-auto px-4 sm:px-6 lg:px-8\">",
            "https://www.example.com/documentation/getting-started.html#installation",
            "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor",
        ] {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }
}
