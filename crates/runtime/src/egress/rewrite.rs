//! Replacing what a [`Finder`] finds, in a text that comes in pieces.

use std::sync::Arc;

use bytes::Bytes;
use domain::find::Finder;
use zeroize::Zeroizing;

/// What to do with a form that was found.
pub(super) enum With {
    /// This stands in its place.
    Text(Zeroizing<Vec<u8>>),
    /// The text must not go on.
    Refuse,
}

/// A form was found that must not go on; nothing of it was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused(pub(super) usize);

/// Replaces in a stream. It holds back only what may be the beginning of a form: an event stream is not delayed.
pub(super) struct Rewrite {
    finder: Arc<Finder>,
    /// By the number of a form.
    with: Arc<[With]>,
    held: Zeroizing<Vec<u8>>,
}

impl Rewrite {
    pub(super) fn new(finder: Arc<Finder>, with: Arc<[With]>) -> Self {
        Self { finder, with, held: Zeroizing::default() }
    }

    /// Takes the next piece, of which `last` says that none follows, and returns what is settled. `hit` hears of each form.
    pub(super) fn push(&mut self, piece: &Bytes, last: bool, mut hit: impl FnMut(usize)) -> Result<Bytes, Refused> {
        let untouched = self.held.is_empty()
            && self.finder.search(piece).next(0).is_none()
            && (last || self.finder.hold(piece, 0) == piece.len());
        if untouched {
            return Ok(piece.clone());
        }
        self.held.extend_from_slice(piece);
        let text = self.held.as_slice();
        let hold = |from| if last { text.len() } else { self.finder.hold(text, from) };
        let mut settled = hold(0);
        let mut out = Vec::with_capacity(text.len());
        let mut search = self.finder.search(text);
        let mut at = 0;
        // What starts before the held part is decided: a longer form from there would be held itself.
        while let Some(found) = search.next(at).filter(|found| found.start < settled) {
            match self.with.get(found.form) {
                Some(With::Text(instead)) => {
                    out.extend_from_slice(text.get(at..found.start).unwrap_or_default());
                    out.extend_from_slice(instead);
                }
                _ => return Err(Refused(found.form)),
            }
            hit(found.form);
            at = found.end;
            if at > settled {
                settled = hold(at);
            }
        }
        out.extend_from_slice(text.get(at..settled).unwrap_or_default());
        self.held = Zeroizing::new(text.get(settled..).unwrap_or_default().to_vec());
        Ok(Bytes::from(out))
    }

    /// A whole text at once.
    pub(super) fn whole(mut self, text: &Bytes, hit: impl FnMut(usize)) -> Result<Bytes, Refused> {
        self.push(text, true, hit)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use std::sync::Arc;

    use bytes::Bytes;
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    use super::{Finder, Refused, Rewrite, With};

    fn rewrite(pairs: &[(String, Option<String>)]) -> Rewrite {
        let forms = pairs.iter().map(|(form, _)| Zeroizing::new(form.clone().into_bytes())).collect();
        let with = pairs.iter().map(|(_, with)| match with {
            Some(text) => With::Text(Zeroizing::new(text.clone().into_bytes())),
            None => With::Refuse,
        });
        Rewrite::new(Arc::new(Finder::new(forms)), with.collect())
    }

    /// At each place the longest form that stands there, one byte after the other.
    fn naive(text: &str, pairs: &[(String, Option<String>)]) -> Result<(String, Vec<usize>), ()> {
        let (mut out, mut hits, mut rest) = (String::new(), Vec::new(), text);
        while !rest.is_empty() {
            let here = pairs.iter().enumerate().filter(|(_, (form, _))| rest.starts_with(form.as_str()));
            match here.max_by_key(|(_, (form, _))| form.len()) {
                Some((number, (form, Some(with)))) => {
                    out.push_str(with);
                    hits.push(number);
                    rest = &rest[form.len()..];
                }
                Some((_, (_, None))) => return Err(()),
                None => {
                    out.push_str(&rest[..1]);
                    rest = &rest[1..];
                }
            }
        }
        Ok((out, hits))
    }

    fn streamed(text: &str, cuts: &[usize], pairs: &[(String, Option<String>)]) -> Result<(String, Vec<usize>), ()> {
        let (mut rewrite, mut out, mut hits, mut from) = (rewrite(pairs), Vec::new(), Vec::new(), 0);
        for &cut in cuts {
            let piece = Bytes::copy_from_slice(&text.as_bytes()[from..cut]);
            out.extend_from_slice(&rewrite.push(&piece, false, |form| hits.push(form)).map_err(|Refused(_)| ())?);
            from = cut;
        }
        let piece = Bytes::copy_from_slice(&text.as_bytes()[from..]);
        out.extend_from_slice(&rewrite.push(&piece, true, |form| hits.push(form)).map_err(|Refused(_)| ())?);
        assert!(rewrite.held.is_empty());
        Ok((String::from_utf8(out).unwrap(), hits))
    }

    fn some(pairs: &[(&str, &str)]) -> Vec<(String, Option<String>)> {
        pairs.iter().map(|(form, with)| ((*form).to_owned(), Some((*with).to_owned()))).collect()
    }

    #[test]
    fn every_border() {
        let pairs = some(&[("sk_live_placeholder", "sk_live_value"), ("sk_", "<short>"), ("holder!", "x")]);
        let text = "a sk_live_placeholder, sk_live_place sk_live_placeholder! and sk_live_placeholder";
        let whole = naive(text, &pairs).unwrap();
        assert_eq!(whole.0, "a sk_live_value, <short>live_place sk_live_value! and sk_live_value");
        for first in 0..=text.len() {
            for second in first..=text.len() {
                assert_eq!(streamed(text, &[first, second], &pairs).unwrap(), whole, "{first} {second}");
            }
        }
        let bytes: Vec<usize> = (0..=text.len()).collect();
        assert_eq!(streamed(text, &bytes, &pairs).unwrap(), whole);
    }

    #[test]
    fn only_what_may_begin_a_form_is_held() {
        let mut rewrite = rewrite(&some(&[("secret-value", "***")]));
        let mut push = |text: &'static str| rewrite.push(&Bytes::from_static(text.as_bytes()), false, |_| ()).unwrap();
        assert_eq!(push("data: one\n\n"), "data: one\n\n");
        assert_eq!(push("data: sec"), "data: ");
        assert_eq!(push("ond\n\n"), "second\n\n");
        assert_eq!(push("secret-valu"), "");
        assert_eq!(push("e\n\n"), "***\n\n");
    }

    #[test]
    fn nothing_of_a_refused_form_goes_on() {
        let pairs = [("placeholder".to_owned(), None)];
        let mut rewrite = rewrite(&pairs);
        assert_eq!(rewrite.push(&Bytes::from_static(b"x=place"), false, |_| ()).unwrap(), "x=");
        assert_eq!(rewrite.push(&Bytes::from_static(b"holder&"), false, |_| ()), Err(Refused(0)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn as_a_naive_replacement_of_the_whole(
            text in "[ab.]{0,60}",
            mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
            pairs in prop::collection::btree_map("[ab.]{1,20}", prop::option::weighted(0.9, "[AB]{0,4}"), 1..5),
        ) {
            let pairs: Vec<_> = pairs.into_iter().collect();
            let mut cuts: Vec<usize> = cuts.drain(..).map(|cut| cut.index(text.len() + 1)).collect();
            cuts.sort_unstable();
            prop_assert_eq!(streamed(&text, &cuts, &pairs), naive(&text, &pairs));
        }
    }
}
