//! Finding texts in a stream: placeholders in what leaves, values in what comes back.

use aho_corasick::{AhoCorasick, Input, MatchKind};
use zeroize::Zeroizing;

/// How many bytes of a form the automaton knows: a value of 64 KiB costs no more states than a short one.
const HEAD_BYTES: usize = 16;

/// Finds forms, the leftmost first and of those the longest.
pub(super) struct Finder {
    /// `None` if it could not be built: each place is then tried.
    heads: Option<AhoCorasick>,
    forms: Vec<Zeroizing<Vec<u8>>>,
    /// Numbers of the forms, by their first byte.
    by_first: Vec<Vec<usize>>,
    longest: usize,
}

/// A form found at `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) form: usize,
}

impl Finder {
    /// A finder of `forms`, none of which is empty.
    pub(super) fn new(forms: Vec<Zeroizing<Vec<u8>>>) -> Self {
        let heads = forms.iter().map(|form| form.get(..HEAD_BYTES).unwrap_or(form));
        let heads = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(heads).ok();
        let mut by_first = vec![Vec::new(); 256];
        for (number, form) in forms.iter().enumerate() {
            if let Some(same) = form.first().and_then(|&first| by_first.get_mut(usize::from(first))) {
                same.push(number);
            }
        }
        let longest = forms.iter().map(|form| form.len()).max().unwrap_or(0);
        Self { heads, forms, by_first, longest }
    }

    /// The next form in `text` that starts at `from` or later.
    pub(super) fn find(&self, text: &[u8], from: usize) -> Option<Found> {
        let mut at = from;
        while at < text.len() {
            if let Some(heads) = &self.heads {
                at = heads.find(Input::new(text).range(at..))?.start();
            }
            let rest = text.get(at..)?;
            let here = self.starting(rest).filter(|(_, form)| rest.starts_with(form));
            if let Some((form, found)) = here.max_by_key(|(_, form)| form.len()) {
                return Some(Found { start: at, end: at + found.len(), form });
            }
            at += 1;
        }
        None
    }

    /// Where, at `from` or later, a form may begin that `text` breaks off; its length if nowhere.
    pub(super) fn hold(&self, text: &[u8], from: usize) -> usize {
        let earliest = text.len().saturating_sub(self.longest.saturating_sub(1)).max(from);
        (earliest..text.len())
            .find(|&at| {
                let tail = text.get(at..).unwrap_or_default();
                self.starting(tail).any(|(_, form)| form.len() > tail.len() && form.starts_with(tail))
            })
            .unwrap_or(text.len())
    }

    fn starting(&self, text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
        let numbers = text.first().and_then(|&first| self.by_first.get(usize::from(first)));
        numbers.into_iter().flatten().filter_map(|&number| Some((number, self.forms.get(number)?.as_slice())))
    }
}
