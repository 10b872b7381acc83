//! Finding many texts in another at once: values in what must not show them, placeholders in what leaves.
//!
//! Of each form some windows, one after the other, are known to a table of bits; they are chosen where the form looks least like other
//! text. The text is looked at in strides of as many bytes as there are windows; where one may be known, the whole form is compared. So
//! the cost is that of the text, whatever the number of forms and their lengths. Short forms have no room for several windows and
//! are looked for apart.

use std::ops::RangeInclusive;
use std::sync::OnceLock;

use zeroize::Zeroizing;

/// A text that is looked for.
pub type Form = Zeroizing<Vec<u8>>;

/// Widest window, in bytes.
const WIDTH: usize = 8;
/// Narrowest, where forms allow.
const NARROW: usize = 4;
/// Stride of long forms.
const STRIDE: usize = 4;
/// How far into a form its window may stand.
const REACH: usize = 32;
/// Bits of the filter for each window that it knows, and how many it has at least.
const SPARSE: (usize, usize) = (32, 1 << 15);
/// Bytes that a search may compare beside those it looks at: so many for each byte of the text, and some. Only forms that repeat
/// themselves, in a text that does, need more; what is left of such a text counts as found.
const WORK: (usize, usize) = (16, 1 << 20);
/// Bytes that are compared between two looks at that bound.
const PIECE: usize = 64;
/// An odd number without pattern (2^64 divided by the golden ratio).
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// A form found at `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Where it begins.
    pub start: usize,
    /// Where it has ended.
    pub end: usize,
    /// Its number.
    pub form: usize,
}

/// Finds forms. Holds them, so it lives no longer than what they are secrets of.
#[derive(Default)]
pub struct Finder {
    forms: Vec<Form>,
    longest: usize,
    /// Those that are long, and those that are not.
    groups: [Option<Group>; 2],
    beginnings: OnceLock<Beginnings>,
}

impl Finder {
    /// A finder of `forms`; those that are empty are never found.
    pub fn new(forms: Vec<Form>) -> Self {
        let group = |range: RangeInclusive<usize>| {
            let own: Vec<_> = forms.iter().enumerate().filter(|(_, form)| range.contains(&form.len())).collect();
            (!own.is_empty()).then(|| Group::new(&own))
        };
        let long = WIDTH + STRIDE - 1;
        Self {
            longest: forms.iter().map(|form| form.len()).max().unwrap_or(0),
            groups: [group(long..=usize::MAX), group(1..=long - 1)],
            beginnings: OnceLock::new(),
            forms,
        }
    }

    /// No form is longer, in bytes.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// A search of `text`.
    pub fn search<'a>(&'a self, text: &'a [u8]) -> Search<'a> {
        let work = text.len().saturating_mul(WORK.0).saturating_add(WORK.1);
        Search { finder: self, text, work, ahead: [None; 2] }
    }

    /// Where, at `from` or later, a form may begin that `text` breaks off; its length if nowhere.
    pub fn hold(&self, text: &[u8], from: usize) -> usize {
        let earliest = text.len().saturating_sub(self.longest.saturating_sub(1)).max(from);
        let rest = text.get(earliest..).unwrap_or_default();
        let beginnings = self.beginnings.get_or_init(|| Beginnings::of(&self.forms));
        for (at, pair) in rest.array_windows().enumerate() {
            let continues = || beginnings.continue_as(rest.get(at..).unwrap_or_default(), &self.forms);
            if is_set(&beginnings.pairs, u16::from_be_bytes(*pair).into()) && continues() {
                return earliest + at;
            }
        }
        match rest.last() {
            Some(last) if beginnings.continue_as(std::slice::from_ref(last), &self.forms) => text.len() - 1,
            _ => text.len().max(from),
        }
    }
}

/// How forms begin. Few texts break off, so it is made when one does.
struct Beginnings {
    /// Numbers of the forms, by their bytes.
    sorted: Vec<usize>,
    /// Bits of the first two bytes.
    pairs: Vec<u64>,
}

impl Beginnings {
    fn of(forms: &[Form]) -> Self {
        let mut sorted: Vec<usize> = (0..forms.len()).collect();
        sorted.sort_unstable_by_key(|number| forms.get(*number).map(|form| form.as_slice()));
        let mut pairs = vec![0; 65_536 / 64];
        for pair in forms.iter().filter_map(|form| form.first_chunk()) {
            set(&mut pairs, u16::from_be_bytes(*pair).into());
        }
        Self { sorted, pairs }
    }

    /// Whether a form begins with `start` and is longer.
    fn continue_as(&self, start: &[u8], forms: &[Form]) -> bool {
        let form = |number: &usize| forms.get(*number).map_or(&[][..], |form| form.as_slice());
        let at = self.sorted.partition_point(|number| form(number) <= start);
        self.sorted.get(at).is_some_and(|number| form(number).starts_with(start))
    }
}

/// One text being searched.
pub struct Search<'a> {
    finder: &'a Finder,
    text: &'a [u8],
    /// How many more bytes may be compared.
    work: usize,
    /// What each group found, if it was asked: from where on it looked, and what is next.
    ahead: [Option<(usize, Option<Found>)>; 2],
}

impl Search<'_> {
    /// The next form that starts at `from` or later: the leftmost, and of those the longest.
    pub fn next(&mut self, from: usize) -> Option<Found> {
        let mut best = None::<Found>;
        for (group, ahead) in self.finder.groups.iter().zip(&mut self.ahead) {
            let Some(group) = group else { continue };
            let found = match ahead {
                Some((since, found)) if *since <= from && found.is_none_or(|found| found.start >= from) => *found,
                _ => group.next(self.text, from, &self.finder.forms, &mut self.work),
            };
            *ahead = Some((from, found));
            if let Some(found) = found
                && best.is_none_or(|best| found.is_before(best))
            {
                best = Some(found);
            }
        }
        best
    }
}

impl Found {
    /// Whether it starts before `other`, or there and is longer.
    fn is_before(self, other: Self) -> bool {
        (self.start, other.end) < (other.start, self.end)
    }
}

/// Forms that are looked for together.
struct Group {
    stride: usize,
    /// Keeps the bytes of a window of eight that count.
    mask: u64,
    /// How far a window may begin after its form.
    reach: usize,
    /// One bit is set for each window.
    filter: Vec<u64>,
    slots: Zeroizing<Vec<Slot>>,
    anchors: Vec<Anchor>,
}

/// A window that is known, by its hash.
#[derive(Clone, Copy, Default)]
struct Slot {
    window: u64,
    /// The first anchor and one, or 0 where there is none.
    first: usize,
}

impl zeroize::DefaultIsZeroes for Slot {}

/// Where a window stands in a form.
struct Anchor {
    form: usize,
    offset: usize,
    /// The next one of the same window and one, or 0.
    next: usize,
}

impl Group {
    fn new(forms: &[(usize, &Form)]) -> Self {
        let shortest = forms.iter().map(|(_, form)| form.len()).min().unwrap_or(1);
        let width = shortest.saturating_sub(STRIDE - 1).clamp(shortest.min(NARROW), WIDTH);
        let stride = (shortest - width + 1).min(STRIDE);
        let windows = forms.len() * stride;
        let bits = (windows * SPARSE.0).next_power_of_two().max(SPARSE.1);
        let mut group = Self {
            stride,
            mask: u64::MAX >> (8 * (WIDTH - width)),
            reach: 0,
            filter: vec![0; bits / 64],
            slots: Zeroizing::new(vec![Slot::default(); (windows * 2).next_power_of_two()]),
            anchors: Vec::with_capacity(windows),
        };
        for (number, form) in forms {
            let first = rarest(form, width + stride - 1);
            group.reach = group.reach.max(first + stride - 1);
            for offset in first..first + stride {
                group.anchor(*number, offset, load(form, offset) & group.mask);
            }
        }
        group
    }

    fn anchor(&mut self, form: usize, offset: usize, window: u64) {
        let (word, bit) = place(window, self.filter.len());
        if let Some(word) = self.filter.get_mut(word) {
            *word |= 1 << bit;
        }
        let mut at = place(window, self.slots.len()).0;
        while let Some(slot) = self.slots.get_mut(at) {
            if slot.first == 0 || slot.window == window {
                self.anchors.push(Anchor { form, offset, next: slot.first });
                *slot = Slot { window, first: self.anchors.len() };
                return;
            }
            at = (at + 1) % self.slots.len();
        }
    }

    /// As [`Search::next`].
    fn next(&self, text: &[u8], from: usize, forms: &[Form], work: &mut usize) -> Option<Found> {
        let (mut at, mut best) = (from, None::<Found>);
        loop {
            // What starts before the best one has a window before this.
            let until = best.map_or(text.len(), |best| (best.start + self.reach + 1).min(text.len()));
            let Some(hit) = self.candidate(text, at, until) else { return best };
            for found in self.starting(text, hit, forms, work) {
                if found.start >= from && best.is_none_or(|best| found.is_before(best)) {
                    best = Some(found);
                }
            }
            if *work == 0 {
                // Whatever started further back would have been found.
                let start = hit.saturating_sub(self.reach).max(from);
                let (start, form) = best.map_or((start, 0), |best| (best.start.min(start), best.form));
                return Some(Found { start, end: text.len(), form });
            }
            at = hit + self.stride;
        }
    }

    /// The first place from `at` on, in strides, and before `until`, whose window may be known.
    fn candidate(&self, text: &[u8], at: usize, until: usize) -> Option<usize> {
        // The end of a text has no whole window of eight.
        let whole = text.get(at..until.saturating_add(WIDTH - 1).min(text.len())).unwrap_or_default();
        let (found, seen) = match self.stride {
            1 => scan::<1>(whole, &self.filter, self.mask),
            2 => scan::<2>(whole, &self.filter, self.mask),
            3 => scan::<3>(whole, &self.filter, self.mask),
            _ => scan::<STRIDE>(whole, &self.filter, self.mask),
        };
        let mut next = at + seen;
        if found {
            return Some(next);
        }
        while next < until {
            if is_known(&self.filter, load(text, next) & self.mask) {
                return Some(next);
            }
            next += self.stride;
        }
        None
    }

    /// Forms of which a window stands at `at`, and which stand there whole.
    fn starting<'a>(
        &'a self,
        text: &'a [u8],
        at: usize,
        forms: &'a [Form],
        work: &'a mut usize,
    ) -> impl Iterator<Item = Found> + 'a {
        let window = load(text, at) & self.mask;
        let mut slot = place(window, self.slots.len()).0;
        let first = loop {
            match self.slots.get(slot) {
                Some(found) if found.first != 0 && found.window != window => slot = (slot + 1) % self.slots.len(),
                found => break found.map_or(0, |found| found.first),
            }
        };
        let anchors = std::iter::successors(self.anchors.get(first.wrapping_sub(1)), |anchor| {
            self.anchors.get(anchor.next.wrapping_sub(1))
        });
        anchors.filter_map(move |anchor| {
            let form = forms.get(anchor.form)?;
            let start = at.checked_sub(anchor.offset)?;
            let there = text.get(start..start + form.len())?;
            let equal = form.chunks(PIECE).zip(there.chunks(PIECE)).all(|(wanted, found)| {
                *work = work.saturating_sub(wanted.len());
                wanted == found
            });
            equal.then_some(Found { start, end: start + form.len(), form: anchor.form })
        })
    }
}

/// The eight bytes at `at`, filled up with zeros where the text ends.
fn load(text: &[u8], at: usize) -> u64 {
    let rest = text.get(at..).unwrap_or_default();
    let mut bytes = [0; WIDTH];
    for (byte, found) in bytes.iter_mut().zip(rest) {
        *byte = *found;
    }
    u64::from_le_bytes(bytes)
}

/// Goes through `text` in strides to the first window that may be known, or to where none is whole any more. Apart from all else
/// so that what it works with stays in registers: this is where the time goes.
#[inline(never)]
fn scan<const STRIDE: usize>(text: &[u8], filter: &[u64], mask: u64) -> (bool, usize) {
    let mut rest = text;
    while let Some(window) = rest.first_chunk::<WIDTH>() {
        if is_known(filter, u64::from_le_bytes(*window) & mask) {
            return (true, text.len() - rest.len());
        }
        rest = rest.get(STRIDE..).unwrap_or_default();
    }
    (false, text.len() - rest.len())
}

#[inline]
fn is_known(filter: &[u64], window: u64) -> bool {
    let (word, bit) = place(window, filter.len());
    filter.get(word).is_some_and(|word| word >> bit & 1 == 1)
}

/// Where a window goes among `size` places, a power of two, and the number of a bit.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "cut to `size`")]
fn place(window: u64, size: usize) -> (usize, u32) {
    let hash = window.wrapping_mul(MIX);
    ((hash >> 32) as usize & size.wrapping_sub(1), (hash >> 26) as u32 & 63)
}

fn set(bits: &mut [u64], bit: usize) {
    if let Some(word) = bits.get_mut(bit / 64) {
        *word |= 1 << (bit % 64);
    }
}

fn is_set(bits: &[u64], bit: usize) -> bool {
    bits.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
}

/// Where the `bytes` of a form begin that look least like other text: prefixes such as `sk-` and `postgres://` are common,
/// capitals, digits and what changes from one to the other are not.
fn rarest(form: &[u8], bytes: usize) -> usize {
    let rarity = |pair: &[u8]| match pair {
        [before, byte] if before == byte => 0,
        [_, b'A'..=b'Z'] => 4,
        [_, b'0'..=b'9'] => 3,
        [_, b'a'..=b'z' | b' ' | b'/' | b':' | b'.' | b'-' | b'_' | b'"' | b'='] => 1,
        _ => 2,
    };
    if bytes < 2 {
        return 0;
    }
    let seen = form.get(..REACH + bytes).unwrap_or(form);
    let (mut sum, mut best) = (0_u32, (0, 0));
    for (at, pair) in seen.windows(2).enumerate() {
        sum += rarity(pair);
        // The window ends with this pair; its first pair leaves the sum with the next.
        if let Some(offset) = (at + 2).checked_sub(bytes) {
            if sum > best.0 {
                best = (sum, offset);
            }
            sum -= seen.get(offset..offset + 2).map_or(0, rarity);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    use super::{Finder, Found, WORK};

    fn finder<F: AsRef<[u8]>>(forms: &[F]) -> Finder {
        Finder::new(forms.iter().map(|form| Zeroizing::new(form.as_ref().to_vec())).collect())
    }

    fn naive(text: &[u8], from: usize, forms: &[Vec<u8>]) -> Option<(usize, usize)> {
        (from..text.len()).find_map(|start| {
            let here = forms.iter().filter(|form| !form.is_empty() && text[start..].starts_with(form));
            here.map(|form| (start, start + form.len())).max()
        })
    }

    fn naive_hold(text: &[u8], from: usize, forms: &[Vec<u8>]) -> usize {
        let breaks_off =
            |at: &usize| forms.iter().any(|form| form.len() > text.len() - at && form.starts_with(&text[*at..]));
        (from..text.len()).find(breaks_off).unwrap_or(text.len().max(from))
    }

    #[test]
    fn nothing_to_find() {
        assert_eq!(finder::<&str>(&[]).search(b"anything").next(0), None);
        assert_eq!(finder(&[""]).search(b"anything").next(0), None);
        assert_eq!(finder(&["x"]).search(b"").next(0), None);
        assert_eq!(finder(&["abc"]).search(b"abc").next(1), None);
        assert_eq!(finder(&["abc"]).search(b"abc").next(9), None);
        assert_eq!((finder::<&str>(&[]).hold(b"abc", 0), finder(&["abc"]).hold(b"xab", 0)), (3, 1));
    }

    /// Of every length, at every place, in texts of every length around it.
    #[test]
    fn wherever_it_stands() {
        let value: Vec<u8> = (0..120_u8).map(|n| b'!' + n % 90).collect();
        for length in 1..=value.len() {
            let form = &value[..length];
            let (one, among) = (finder(&[form]), finder(&[form, b"zzzzzzzzzzzzzzzzzzzzz", b"yyyyyyyyyyyyyyyyyyyyy"]));
            for before in 0..12 {
                for after in [0, 1, 7, 8, 30] {
                    let text = [&vec![b'~'; before], form, &vec![b'~'; after]].concat();
                    let found = Some(Found { start: before, end: before + length, form: 0 });
                    assert_eq!(one.search(&text).next(0), found, "{length} {before} {after}");
                    assert_eq!(among.search(&text).next(0), found, "{length} {before} {after}");
                    assert_eq!(one.search(&text).next(before), found);
                    assert_eq!(one.search(&text).next(before + 1), None);
                }
            }
        }
    }

    #[test]
    fn the_leftmost_and_of_those_the_longest() {
        let found = |forms: &[&str], text: &str| {
            finder(forms).search(text.as_bytes()).next(0).map(|found| &text[found.start..found.end]).map(str::to_owned)
        };
        // The window of the one that starts first comes last.
        let (early, late) = ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaA1B2C3D4", "aaA1B2C3D4E5");
        assert_eq!(found(&[early, late], &format!("{early}E5")).unwrap(), early);
        assert_eq!(found(&["abcdef", "abcdefghij", "bcdefghijk"], "abcdefghijk").unwrap(), "abcdefghij");
        assert_eq!(found(&["abcdefghij", "abcdef"], "abcdefghi").unwrap(), "abcdef");
    }

    /// A form that repeats itself in a text that does: the search ends in time, and what it did not look at counts as found.
    #[test]
    fn a_costly_text_is_found_whole() {
        let form = "ab".repeat(30_000);
        let finder = finder(&[&form]);
        let text = format!("x{}", format!("{}c", &form[..59_000]).repeat(100));
        let began = std::time::Instant::now();
        let found = finder.search(text.as_bytes()).next(0).unwrap();
        assert_eq!(found.end, text.len());
        let compared = WORK.0 * text.len() + WORK.1;
        assert!(found.start < 118_001, "{compared} bytes are compared within the first or second piece");
        assert!(began.elapsed() < std::time::Duration::from_secs(20));
        // One that is there costs no more than itself.
        assert_eq!(finder.search(form.as_bytes()).next(0), Some(Found { start: 0, end: 60_000, form: 0 }));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn as_one_byte_after_the_other(
            text in prop::collection::vec(prop::sample::select(b"abA1.".to_vec()), 0..90),
            mut forms in prop::collection::vec(prop::collection::vec(prop::sample::select(b"abA1.".to_vec()), 0..24), 0..6),
            parts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..4),
            from in 0_usize..12,
        ) {
            // Random forms are seldom there, so some are taken from the text.
            for (a, b) in parts {
                let (a, b) = (a.index(text.len() + 1), b.index(text.len() + 1));
                forms.push(text[a.min(b)..a.max(b)].to_vec());
            }
            let finder = finder(&forms);
            let found = finder.search(&text).next(from).map(|found| (found.start, found.end));
            prop_assert_eq!(found, naive(&text, from, &forms));
            prop_assert_eq!(finder.hold(&text, from), naive_hold(&text, from, &forms));
        }
    }
}
