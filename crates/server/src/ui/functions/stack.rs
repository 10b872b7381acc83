//! Error texts of functions: what they name of the source leads there, and the line is shown.

use maud::{Markup, html};

use super::source;
use crate::service::Service;
use crate::ui::highlight;
use crate::ui::session::Session;
use crate::ui::text::visible;

/// What the runtime writes before a path of the function's own.
const OWN: &str = "file:///";
/// Lines shown before and after the one that is meant.
const AROUND: usize = 3;

/// A place in the source.
#[derive(Debug, PartialEq, Eq)]
struct Frame<'a> {
    /// As it stands in the text.
    text: &'a str,
    path: &'a str,
    line: usize,
}

/// The text with a link at every place of the function's source.
pub(super) fn linked(function: &str, deployment: u64, text: &str) -> Markup {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some((before, frame, after)) = next(rest) {
        pieces.push((before, frame));
        rest = after;
    }
    html! {
        @for (before, frame) in &pieces {
            (visible(before)) a href=(source::address(function, deployment, frame.path, frame.line)) { (visible(frame.text)) }
        }
        (visible(rest))
    }
}

/// The lines around the first place that the text names, if that deployment's source has it.
pub(super) async fn place(
    service: &Service,
    session: &Session,
    function: &str,
    deployment: u64,
    text: &str,
) -> Option<Markup> {
    let detail = service.get_function(&session.caller, function, Some(deployment)).await.ok()?;
    let mut rest = text;
    while let Some((_, frame, after)) = next(rest) {
        rest = after;
        let Some(source) = detail.files.get(frame.path) else { continue };
        let lines = frame.line.saturating_sub(AROUND)..=frame.line + AROUND;
        return Some(html! {
            figure.figure {
                figcaption { a href=(source::address(function, deployment, frame.path, frame.line)) { (visible(frame.path)) ", line " (frame.line) } }
                pre.source tabindex="0" role="region" aria-label="Where it failed" {
                    code { (highlight::some_lines(frame.path, source, Some(frame.line), lines)) }
                }
            }
        });
    }
    None
}

/// The next place, with the text before and after it.
fn next(text: &str) -> Option<(&str, Frame<'_>, &str)> {
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.find(OWN)?;
        let tail = text.get(at..)?;
        let end = tail.find(|c: char| c.is_whitespace() || c == ')').unwrap_or(tail.len());
        let (whole, after) = tail.split_at(end);
        if let Some(frame) = frame(whole) {
            return Some((text.get(..at)?, frame, after));
        }
        from = at + OWN.len();
    }
}

/// `file:///index.ts:5:11`
fn frame(text: &str) -> Option<Frame<'_>> {
    let place = text.strip_prefix(OWN)?;
    let (place, _column) = place.rsplit_once(':').filter(|(_, column)| column.parse::<usize>().is_ok())?;
    let (path, line) = place.rsplit_once(':')?;
    Some(Frame { text, path, line: line.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::{Frame, linked, next};

    #[test]
    fn places_are_found_in_stacks() {
        let text = "Error: no <b>\n    at fail (file:///lib/a.ts:6:9)\n    at file:///index.ts:2:1";
        let (before, frame, after) = next(text).unwrap();
        assert_eq!(before, "Error: no <b>\n    at fail (");
        assert_eq!(frame, Frame { text: "file:///lib/a.ts:6:9", path: "lib/a.ts", line: 6 });
        assert_eq!(next(after).unwrap().1.path, "index.ts");
        assert!(next("at file:///index.ts and file:///x:y:z").is_none());
    }

    #[test]
    fn all_else_stays_as_it_is() {
        let html = linked("f", 3, "<i> (file:///index.ts:2:1) end").into_string();
        assert_eq!(
            html,
            "&lt;i&gt; (<a href=\"/functions/f/source?deployment=3&amp;line=index.ts%3A2#line\">file:///index.ts:2:1</a>) end"
        );
    }
}
