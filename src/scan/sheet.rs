//! What one thread has found: places that look like credentials, and candidates for stored values with where they stand.

use std::collections::HashMap;
use std::sync::Arc;

use domain::Value;
use domain::scan::{self, Digest, Level, Rule};

use super::{ALLOW, Settings};

/// Most places that are kept of one candidate.
const PLACES: usize = 50;

/// A text's origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// Relative, with slashes.
    pub(crate) path: String,
    /// The commit that brought it.
    pub(crate) commit: Option<Arc<str>>,
}

/// A place in a source, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) source: u32,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// What a rule found.
pub(crate) struct Found {
    pub(crate) rule: &'static Rule,
    pub(crate) level: Level,
    pub(crate) at: At,
    pub(crate) mask: String,
    /// Tells this credential from others, and nothing more.
    pub(crate) print: String,
    /// As the server knows it.
    pub(crate) digest: Option<Digest>,
}

/// A candidate: what a mask may show of it, and where it stands.
pub(crate) struct Asked {
    pub(crate) mask: [u8; 8],
    pub(crate) places: Vec<At>,
}

/// One thread's results.
pub(crate) struct Sheet {
    salt: Option<Vec<u8>>,
    pub(crate) sources: Vec<Source>,
    pub(crate) found: Vec<Found>,
    pub(crate) asked: HashMap<Digest, Asked>,
    pub(crate) texts: u64,
    pub(crate) bytes: u64,
    pub(crate) binary: u64,
    pub(crate) large: u64,
    pub(crate) unreadable: u64,
}

impl Sheet {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            salt: settings.salt.clone(),
            sources: Vec::new(),
            found: Vec::new(),
            asked: HashMap::new(),
            texts: 0,
            bytes: 0,
            binary: 0,
            large: 0,
            unreadable: 0,
        }
    }

    /// Looks at `text`, whose first line is number `first` of its source.
    pub(crate) fn look(&mut self, source: &Source, text: &str, first: u32) {
        self.bytes += text.len() as u64;
        let mut lines = Lines { text, first, starts: Vec::new() };
        let mut number = None;
        for hit in scan::find(text, scan::is_settings(&source.path)) {
            let Some(at) = self.place(&mut lines, &mut number, source, hit.start) else { continue };
            let piece = text.get(hit.start..hit.end).unwrap_or_default();
            let print: String = domain::token::hash(piece).chars().take(16).collect();
            let digest = self.salt.as_ref().map(|salt| scan::digest(salt, piece));
            self.found.push(Found { rule: hit.rule, level: hit.level, at, mask: mask(piece), print, digest });
        }
        let Some(salt) = self.salt.take() else { return };
        scan::candidates(text, |start, piece| {
            let digest = scan::digest(&salt, piece);
            let known = self.asked.get(&digest).is_some_and(|asked| asked.places.len() >= PLACES);
            if known {
                return;
            }
            if let Some(at) = self.place(&mut lines, &mut number, source, start) {
                let asked = self.asked.entry(digest).or_insert_with(|| Asked { mask: ends(piece), places: Vec::new() });
                if asked.places.last() != Some(&at) {
                    asked.places.push(at);
                }
            }
        });
        self.salt = Some(salt);
    }

    /// Where `offset` is; `None` on a line that is allowed.
    fn place(&mut self, lines: &mut Lines<'_>, number: &mut Option<u32>, source: &Source, offset: usize) -> Option<At> {
        let (line, column, allowed) = lines.at(offset);
        if allowed {
            return None;
        }
        let source = *number.get_or_insert_with(|| {
            self.sources.push(source.clone());
            u32::try_from(self.sources.len() - 1).unwrap_or(u32::MAX)
        });
        Some(At { source, line, column })
    }
}

/// Finds lines by offsets; splits the text only if something is found in it.
struct Lines<'t> {
    text: &'t str,
    first: u32,
    starts: Vec<usize>,
}

impl Lines<'_> {
    fn at(&mut self, offset: usize) -> (u32, u32, bool) {
        if self.starts.is_empty() {
            let ends = memchr::memchr_iter(b'\n', self.text.as_bytes()).map(|end| end + 1);
            self.starts = std::iter::once(0).chain(ends).collect();
        }
        let index = self.starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.starts.get(index).copied().unwrap_or(0);
        let end = self.starts.get(index + 1).copied().unwrap_or(self.text.len());
        let line = self.text.get(start..end).unwrap_or_default();
        let column = self.text.get(start..offset).map_or(1, |before| before.chars().count() + 1);
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        (self.first.saturating_add(number(index)), number(column), line.contains(ALLOW))
    }
}

/// As values are shown everywhere.
fn mask(piece: &str) -> String {
    let text = piece.trim();
    if text.starts_with("-----BEGIN ") {
        return "PEM ****".to_owned();
    }
    Value::new(text.to_owned()).map_or_else(|_| "****".to_owned(), |value| domain::mask::mask(&value, ""))
}

/// The characters of a candidate that a mask shows, or zeros where it shows none.
fn ends(piece: &str) -> [u8; 8] {
    let mut ends = [0; 8];
    let shown = if piece.len() < 20 { 2 } else { 4 };
    if piece.is_ascii() && !piece.contains("://") && !piece.contains('\n') && !piece.starts_with("-----") {
        let (head, tail) = (piece.bytes().take(shown), piece.bytes().rev().take(shown));
        ends.iter_mut().zip(head).for_each(|(to, from)| *to = from);
        ends.iter_mut().rev().zip(tail).for_each(|(to, from)| *to = from);
    }
    ends
}

impl Asked {
    /// The mask of the candidate.
    pub(crate) fn mask(&self) -> String {
        let (head, tail) = self.mask.split_at(4);
        let text =
            |part: &[u8]| part.iter().filter(|byte| **byte != 0).map(|byte| char::from(*byte)).collect::<String>();
        format!("{}****{}", text(head), text(tail))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Sheet, Source};
    use crate::scan::{ALLOW, Progress, Settings};

    fn sheet(salt: Option<Vec<u8>>, text: &str) -> Sheet {
        let mut sheet = Sheet::new(&Settings { salt, progress: Arc::new(Progress::silent()) });
        sheet.look(&Source { path: "a".to_owned(), commit: None }, text, 10);
        sheet
    }

    #[test]
    fn places_are_lines_and_columns_and_masks_tell_no_more_than_masks() {
        let key = concat!("sk_l", "ive_k3V8yT5rM2Lp6Nd4");
        let found = sheet(None, &format!("one\nä = \"{key}\"\nthree {key}"));
        let told: Vec<_> = found.found.iter().map(|one| (one.at.line, one.at.column, one.mask.as_str())).collect();
        assert_eq!(told, [(11, 6, "sk_l****6Nd4"), (12, 7, "sk_l****6Nd4")]);
        assert!(found.asked.is_empty(), "without a server there are no candidates");
        let asked = sheet(Some(vec![7; 16]), &format!("x {key}\n{key}"));
        // The whole and its part behind the prefix are both candidates.
        let masks: Vec<_> =
            asked.asked.values().filter(|asked| asked.places.len() == 2).map(super::Asked::mask).collect();
        assert!(masks.contains(&"sk_l****6Nd4".to_owned()), "{masks:?}");
    }

    #[test]
    fn a_line_can_be_allowed() {
        let key = concat!("sk_l", "ive_k3V8yT5rM2Lp6Nd4");
        let found = sheet(Some(vec![7; 16]), &format!("a = {key} // {ALLOW}\nb = {key}"));
        assert_eq!(found.found.iter().map(|one| one.at.line).collect::<Vec<_>>(), [11]);
        assert!(found.asked.values().all(|asked| asked.places.iter().all(|at| at.line == 11)));
    }
}
