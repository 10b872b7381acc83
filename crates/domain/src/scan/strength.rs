//! How hard a text is to guess, told low rather than high.
//!
//! What random generators make must be told from what people write, and where that is in doubt it was people. Words,
//! dates, runs and repeats count little; the order of what is left counts in full.

/// A random looking letter or digit, in hundredths of a bit: a little less than of 36 equally likely ones.
const RANDOM: u32 = 450;
/// A letter of what may be a word: people take one of some thousand.
const WORD: u32 = 100;
/// A letter of a part of three or fewer.
const SHORT: u32 = 320;
const DIGIT: u32 = 330;
/// A sign that people put between words.
const JOINT: u32 = 80;
const SIGN: u32 = 300;
/// Letters that stand side by side.
const ROWS: [&[u8]; 4] = [b"qwertyuiop", b"asdfghjkl", b"zxcvbnm", b"abcdefghijklmnopqrstuvwxyz"];
/// How far is looked; longer texts are no stronger than this.
const LOOKED_AT: usize = 512;
/// A text that came so long before is a repeat.
const REPEAT: usize = 4;

/// Bits that guessing `text` needs at least, as far as can be told from it alone.
pub fn strength(text: &str) -> u32 {
    let bytes: Vec<u8> = text.bytes().take(LOOKED_AT).collect();
    let mut cost = vec![0_u32; bytes.len()];
    let kind = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' => 0,
        b'0'..=b'9' => 1,
        // Letters of other alphabets: people type those, generators do not.
        128.. => 2,
        _ => 3,
    };
    let (mixed, foreign) = (is_mixed(&bytes), !text.is_ascii());
    let sentence = bytes.split(|byte| !byte.is_ascii_alphanumeric()).filter(|part| is_word(part)).count() >= 2;
    let mut at = 0;
    for run in bytes.chunk_by(|one, two| kind(one) == kind(two)) {
        let costs = cost.get_mut(at..at + run.len()).unwrap_or_default();
        match run.first().map(kind) {
            Some(0) if foreign => costs.fill(WORD),
            Some(0) => letters(run, mixed, sentence, costs),
            Some(1) => digits(run, costs),
            Some(2) => costs.fill(WORD / 2),
            _ => signs(run, mixed, costs),
        }
        at += run.len();
    }
    if let Some((scheme, _)) = text.split_once("://").filter(|(scheme, _)| scheme.len() <= 20) {
        cost.get_mut(..scheme.len()).unwrap_or_default().fill(20);
    }
    substitutes(&bytes, &mut cost);
    repeats(&bytes, &mut cost);
    cost.iter().sum::<u32>() / 100
}

/// Whether capitals stand among the small letters as chance puts them there: half of them, and seldom before a word.
fn is_mixed(bytes: &[u8]) -> bool {
    let capitals = bytes.iter().filter(|byte| byte.is_ascii_uppercase()).count();
    let letters = bytes.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let runs = bytes.chunk_by(|one, two| one.is_ascii_alphabetic() && two.is_ascii_alphabetic());
    let parts: usize = runs.filter(|run| run.iter().all(u8::is_ascii_alphabetic)).map(|run| parts(run).len()).sum();
    let by_capitals = letters >= 8 && (25..=75).contains(&(100 * capitals / letters)) && 2 * letters < 7 * parts;
    // Or whether what follows is seldom of the same kind.
    let kinds: Vec<u8> = bytes
        .iter()
        .map(|byte| match byte {
            b'a'..=b'z' => 0,
            b'A'..=b'Z' => 1,
            b'0'..=b'9' => 2,
            _ => 3,
        })
        .collect();
    let changes = kinds.windows(2).filter(|pair| matches!(pair, [one, two] if one != two)).count();
    let of_kinds = (0..4).filter(|kind| kinds.contains(kind)).count();
    by_capitals || (of_kinds >= 3 && 100 * changes >= 55 * kinds.len())
}

fn letters(run: &[u8], mixed: bool, sentence: bool, cost: &mut [u32]) {
    let parts = parts(run);
    let among_words =
        sentence || parts.iter().any(|(start, end)| end - start > 3 && run.get(*start..*end).is_some_and(is_wordlike));
    for (start, end) in parts {
        let (Some(part), Some(cost)) = (run.get(start..end), cost.get_mut(start..end)) else { continue };
        cost.fill(match part.len() {
            0..=3 if mixed => RANDOM + 80,
            0..=3 if among_words => WORD,
            0..=3 => SHORT,
            _ if is_wordlike(part) => WORD,
            _ => RANDOM,
        });
    }
    // `qwerty` and `abcd`.
    for (at, three) in run.windows(3).enumerate() {
        let small: Vec<u8> = three.iter().map(u8::to_ascii_lowercase).collect();
        let known = ROWS.iter().any(|row| row.windows(3).any(|row| row == small));
        if let Some(cost) = cost.get_mut(at..at + 3).filter(|_| known) {
            cost.fill(50);
        }
    }
}

/// `P4ssw0rd`: a word with signs for letters, and digits after it.
fn substitutes(bytes: &[u8], cost: &mut [u32]) {
    let letter = |byte: u8| match byte {
        b'0' => b'o',
        b'1' | b'!' => b'i',
        b'3' => b'e',
        b'4' | b'@' => b'a',
        b'5' | b'$' => b's',
        b'7' => b't',
        other => other,
    };
    let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'@' | b'$' | b'!');
    let mut at = 0;
    for run in bytes.chunk_by(|one, two| in_word(one) == in_word(two)) {
        let end = run.iter().rposition(u8::is_ascii_alphabetic).map_or(0, |last| last + 1);
        let word: Vec<u8> = run.get(..end).unwrap_or_default().iter().map(|byte| letter(*byte)).collect();
        let substituted = word.as_slice() != run.get(..end).unwrap_or_default();
        if substituted && word.len() > 3 && word.iter().all(u8::is_ascii_alphabetic) && is_wordlike(&word) {
            for cost in cost.get_mut(at..at + end).unwrap_or_default() {
                *cost = (*cost).min(WORD + 50);
            }
        }
        at += run.len();
    }
}

/// Where a run of letters parts into words: before a capital that begins one.
fn parts(run: &[u8]) -> Vec<(usize, usize)> {
    let capital = |at: usize| run.get(at).is_some_and(u8::is_ascii_uppercase);
    let small = |at: usize| run.get(at).is_some_and(u8::is_ascii_lowercase);
    let mut parts = Vec::new();
    let mut start = 0;
    for at in 1..run.len() {
        if capital(at) && (small(at - 1) || small(at + 1)) {
            parts.push((start, at));
            start = at;
        }
    }
    parts.push((start, run.len()));
    parts
}

/// Whether what stands between signs is a word.
fn is_word(part: &[u8]) -> bool {
    part.len() > 3 && part.iter().all(u8::is_ascii_alphabetic) && parts(part).len() == 1 && is_wordlike(part)
}

/// Whether letters may be a word: vowels and consonants as words have them.
fn is_wordlike(part: &[u8]) -> bool {
    let vowel = |byte: &u8| matches!(byte.to_ascii_lowercase(), b'a' | b'e' | b'i' | b'o' | b'u' | b'y');
    let vowels = part.iter().filter(|byte| vowel(byte)).count();
    let rare = part.iter().filter(|byte| matches!(byte.to_ascii_lowercase(), b'q' | b'x' | b'z' | b'j')).count();
    let longest = |wanted: bool| {
        part.chunk_by(|one, two| vowel(one) == vowel(two))
            .filter(|run| run.first().is_some_and(|byte| vowel(byte) == wanted))
            .map(<[u8]>::len)
            .max()
            .unwrap_or(0)
    };
    let share = 100 * vowels / part.len().max(1);
    (18..=70).contains(&share) && rare <= 1 + part.len() / 12 && longest(false) <= 4 && longest(true) <= 3
}

fn digits(run: &[u8], cost: &mut [u32]) {
    cost.fill(DIGIT);
    let year = |digits: Option<&[u8]>| digits.is_some_and(|two| two == b"19" || two == b"20");
    match run.len() {
        4 if year(run.get(..2)) => cost.fill(150),
        8 if year(run.get(..2)) || year(run.get(4..6)) => cost.fill(175),
        _ => {
            // 1234, 4321, 0000.
            for (at, three) in run.windows(3).enumerate() {
                if let [one, two, three] = three
                    && one.abs_diff(*two) <= 1
                    && i16::from(*two) - i16::from(*one) == i16::from(*three) - i16::from(*two)
                    && let Some(cost) = cost.get_mut(at + 1..at + 3)
                {
                    cost.fill(50);
                }
            }
        }
    }
}

fn signs(run: &[u8], mixed: bool, cost: &mut [u32]) {
    let same = run.windows(2).all(|pair| matches!(pair, [one, two] if one == two));
    let joint = same && matches!(run.first(), Some(b'-' | b'_' | b'.' | b'/' | b' ' | b':' | b'=' | b'@'));
    cost.fill(match (joint, mixed) {
        (true, true) => SIGN,
        (true, false) => JOINT,
        (false, true) => RANDOM,
        (false, false) => SIGN,
    });
    // A line of dashes.
    for (at, pair) in run.windows(2).enumerate() {
        if let [one, two] = pair
            && one == two
            && let Some(cost) = cost.get_mut(at + 1)
        {
            *cost = 0;
        }
    }
}

fn repeats(bytes: &[u8], cost: &mut [u32]) {
    let mut seen = std::collections::HashSet::new();
    let mut free_to = 0;
    for (at, four) in bytes.windows(REPEAT).enumerate() {
        // What overlaps itself is a repeat too: `abababab`.
        let known = !seen.insert(four);
        if known {
            for cost in cost.get_mut(free_to.max(at)..at + REPEAT).unwrap_or_default() {
                *cost = (*cost).min(20);
            }
            free_to = at + REPEAT;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use proptest::strategy::{Strategy as _, ValueTree as _};
    use proptest::string::string_regex;
    use proptest::test_runner::TestRunner;

    use super::strength;
    use crate::limits::SCAN_BITS;

    /// The share of 400 random texts of this form that are strong.
    fn strong(form: &str) -> usize {
        let strategy = string_regex(form).unwrap();
        let mut runner = TestRunner::deterministic();
        let texts = (0..400).map(|_| strategy.new_tree(&mut runner).unwrap().current());
        texts.filter(|text| strength(text) >= SCAN_BITS).count() / 4
    }

    #[test]
    fn what_generators_make_is_strong() {
        for (form, share) in [
            ("[0-9a-f]{24}", 97),
            ("[a-z0-9]{24}", 97),
            ("[A-Z2-7]{26}", 97),
            ("[A-Za-z0-9]{20}", 95),
            ("[A-Za-z0-9+/]{24}", 98),
            ("[!-~]{20}", 97),
            ("[!-~]{16}", 85),
        ] {
            assert!(strong(form) >= share, "{form}: {}", strong(form));
        }
        // Where only letters of one case are, words cannot be excluded.
        assert!(strong("[a-z]{64}") >= 90, "{}", strong("[a-z]{64}"));
        for form in ["[0-9a-f]{10}", "[A-Za-z0-9]{8}", "[0-9]{14}", "[a-z]{10}"] {
            assert_eq!(strong(form), 0, "{form}");
        }
    }

    #[test]
    fn what_people_write_is_weak() {
        for text in [
            "",
            "password",
            "Summer2024!Summer2024!",
            "correct-horse-battery-staple-42",
            "MyCompany-Production-Database-2024!",
            "P@ssw0rd123456789",
            "S3cr3tP@ssw0rdF0rPr0d",
            "s3cr3tp4ssw0rdf0rpr0d",
            "admin_service_account_password",
            "thisIsMySuperSecretPasswordForTheDatabase",
            "qwertyuiopasdfghjkl",
            "1234567890123456789012345678901234567890",
            "00000000-0000-0000-0000-000000000000",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "abcabcabcabcabcabcabcabcabcabcabcabc",
            "deadbeefdeadbeefdeadbeefdeadbeef",
            "0123456789abcdef0123456789abcdef",
            "getElementsByClassNameAndSelector",
            "src/commands/provider/suggest.rs",
            "https://docs.example.com/installation",
            "node_modules/typescript/lib/tsserver",
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "-----------------------------------------",
            "passwort-für-die-datenbank-der-firma",
            "Welcome to the jungle 2023",
        ] {
            assert!(strength(text) < SCAN_BITS, "{text}: {}", strength(text));
        }
    }
}
