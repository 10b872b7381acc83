//! Redaction of bytes that come in pieces of any size: a value that is cut by their borders is found too.
//!
//! All that cannot be the beginning of a value is handed on at once. What can be is kept until more bytes, or the end, tell.

use zeroize::Zeroizing;

use super::{Redactor, Span, Spans};

/// The bytes of one stream on their way through a redactor.
pub struct Stream<'r> {
    redactor: &'r Redactor,
    kept: Zeroizing<Vec<u8>>,
    /// How many of the kept bytes belong to a value that was replaced already, and so may not be handed on.
    replaced: usize,
    /// The byte before the kept ones.
    before: Option<u8>,
}

impl<'r> Stream<'r> {
    /// The beginning of a stream.
    pub fn new(redactor: &'r Redactor) -> Self {
        Self { redactor, kept: Zeroizing::default(), replaced: 0, before: None }
    }

    /// Takes the next bytes, and gives what can be told of them.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.kept.extend_from_slice(bytes);
        self.hand_on(false)
    }

    /// The rest, when there is nothing more to come.
    pub fn finish(mut self) -> Vec<u8> {
        self.hand_on(true)
    }

    fn hand_on(&mut self, last: bool) -> Vec<u8> {
        let mut until = if last { self.kept.len() } else { self.redactor.hold(&self.kept) };
        let mut out = Vec::new();
        let mut from = self.replaced;
        let mut spans = Spans::of(self.redactor, &self.kept, self.before, last);
        while let Some(Span { start, end, secret, settled }) = spans.next().filter(|span| span.start < until) {
            if !settled {
                until = start;
                break;
            }
            if start >= from {
                out.extend_from_slice(self.kept.get(from..start).unwrap_or_default());
                self.redactor.shown(secret).iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
            }
            from = from.max(end);
        }
        out.extend_from_slice(self.kept.get(from..until).unwrap_or_default());
        self.replaced = from.saturating_sub(until);
        self.before = self.kept.get(..until).and_then(|gone| gone.last().copied()).or(self.before);
        self.kept.drain(..until);
        out
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::{Redactor, Stream};
    use crate::{SecretName, Value};

    fn redactor(values: &[&str]) -> Redactor {
        let secrets: Vec<_> = values
            .iter()
            .enumerate()
            .map(|(n, value)| (SecretName::parse(&format!("S{n}")).unwrap(), Value::new((*value).to_owned()).unwrap()))
            .collect();
        Redactor::new(secrets.iter().map(|(name, value)| (name, value, false)))
    }

    fn pieces(redactor: &Redactor, pieces: &[&[u8]]) -> String {
        let mut stream = Stream::new(redactor);
        let mut out: Vec<u8> = pieces.iter().flat_map(|piece| stream.push(piece)).collect();
        out.extend(stream.finish());
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn a_value_in_pieces_is_found() {
        let value = "sk-canary-0123456789-canary";
        let redactor = redactor(&[value]);
        let text = format!("key={value}; {} {value}", STANDARD.encode(format!("user:{value}")));
        for size in [1, 2, 3, 7, 16, 17, 64, 1000] {
            let chunks: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            let out = pieces(&redactor, &chunks);
            assert!(out.starts_with("key=[redacted S0]; ") && out.ends_with(" [redacted S0]"), "{size}: {out}");
            assert_eq!(out.matches("[redacted S0]").count(), 3, "{size}: {out}");
        }
    }

    #[test]
    fn what_is_no_value_goes_on_at_once() {
        let redactor = redactor(&["zz-canary-0123456789"]);
        let mut stream = Stream::new(&redactor);
        assert_eq!(stream.push(b"Continue? [y/N] "), b"Continue? [y/N] ");
        assert_eq!(stream.push(b"\xff\xfe\0bytes\n"), b"\xff\xfe\0bytes\n");
        assert_eq!(stream.push(b"almost zz-can"), b"almost ");
        assert_eq!(stream.push(b"teen\n"), b"zz-canteen\n");
        assert_eq!(stream.push(b"zz-canary-012345678"), b"");
        assert_eq!(stream.finish(), b"zz-canary-012345678", "the end tells that it is none");
    }

    /// The second value begins in the first and ends after it: no byte of it may follow its replacement.
    #[test]
    fn overlaps_across_a_border_leave_nothing() {
        let redactor = redactor(&["abcdefghijkl", "jklmnopqrstuv"]);
        assert_eq!(pieces(&redactor, &[b"<abcdefghijkl", b"mnopqrstuv>"]), "<[redacted S0]>");
        assert_eq!(pieces(&redactor, &[b"<abcdefghijkl", b"mno>"]), "<[redacted S0]mno>");
        let redactor = self::redactor(&["abcdefghijkl", "abcdefghijklmnop"]);
        assert_eq!(pieces(&redactor, &[b"abcdefghijkl", b"mnop abcdefghijkl"]), "[redacted S1] [redacted S0]");
    }

    /// Whether a short value is a word of its own is told by what follows, and by what came before.
    #[test]
    fn a_short_value_at_a_border() {
        let redactor = redactor(&["hunter2"]);
        for (cut, out) in [
            (&[&b"pw=hunter2"[..], b" "][..], "pw=[redacted S0] "),
            (&[b"pw=hunter2", b"x"], "pw=hunter2x"),
            (&[b"pw=hunter2"], "pw=[redacted S0]"),
            (&[b"x", b"hunter2 "], "xhunter2 "),
            (&[b"=", b"hunt", b"er2", b"!"], "=[redacted S0]!"),
        ] {
            assert_eq!(pieces(&redactor, cut), out);
        }
    }

    proptest! {
        /// In pieces as in one.
        #[test]
        fn borders_change_nothing(
            values in prop::collection::vec("[ab-]{6,40}", 1..4),
            text in "[ab-]{0,200}",
            borders in prop::collection::vec(0_usize..200, 0..6),
        ) {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let redactor = redactor(&values);
            let mut borders: Vec<usize> = borders.into_iter().filter(|at| *at < text.len()).collect();
            borders.extend([0, text.len()]);
            borders.sort_unstable();
            let cut: Vec<&[u8]> = borders.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]).collect();
            prop_assert_eq!(pieces(&redactor, &cut), redactor.redact(&text).into_owned());
        }
    }
}
