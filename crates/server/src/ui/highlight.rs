//! JavaScript and TypeScript with their words, texts, numbers and comments marked. What is marked is told by the parser that
//! reads the source anyway; what does not parse is shown as it is. Everything is escaped by `maud`, line by line.

use std::ops::RangeInclusive;

use maud::{Markup, html};
use oxc_allocator::Allocator;
use oxc_parser::config::RuntimeParserConfig;
use oxc_parser::{Kind, Parser};
use oxc_span::SourceType;

use super::text::visible;

/// A part of the text and the class it has.
struct Part {
    start: usize,
    end: usize,
    class: &'static str,
}

/// The lines of `text`, numbered from 1; `marked` has the id `line`.
pub(super) fn lines(path: &str, text: &str, marked: Option<usize>) -> Markup {
    some_lines(path, text, marked, 1..=usize::MAX)
}

/// As [`lines`], only those of these numbers.
pub(super) fn some_lines(path: &str, text: &str, marked: Option<usize>, numbers: RangeInclusive<usize>) -> Markup {
    let parts = parts(path, text);
    let mut parts = parts.iter().peekable();
    let mut at = 0;
    let mut shown = Vec::new();
    for line in text.split_inclusive('\n') {
        let (start, end) = (at, at + line.trim_end_matches(['\n', '\r']).len());
        at += line.len();
        let mut pieces = Vec::new();
        let mut from = start;
        while let Some(part) = parts.peek() {
            if part.start >= end {
                break;
            }
            let (begin, stop) = (part.start.max(start), part.end.min(end));
            pieces.push((text.get(from..begin).unwrap_or_default(), None));
            pieces.push((text.get(begin..stop).unwrap_or_default(), Some(part.class)));
            from = stop;
            // One that goes on is of the next line too.
            if part.end > end {
                break;
            }
            parts.next();
        }
        pieces.push((text.get(from..end).unwrap_or_default(), None));
        shown.push(pieces);
    }
    html! {
        @for (number, pieces) in (1..).zip(&shown).filter(|(number, _)| numbers.contains(number)) {
            span.line.at[marked == Some(number)] id=[(marked == Some(number)).then_some("line")] data-n=(number) {
                @for (piece, class) in pieces.iter().filter(|(piece, _)| !piece.is_empty()) {
                    @match class { Some(class) => i class=(class) { (visible(piece)) }, None => (visible(piece)) }
                }
                "\n"
            }
        }
    }
}

fn parts(path: &str, text: &str) -> Vec<Part> {
    let Ok(kind) = SourceType::from_path(path) else { return Vec::new() };
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, text, kind).with_config(RuntimeParserConfig::new(true)).parse();
    let mut after_dot = false;
    let mut parts = Vec::new();
    for token in &parsed.tokens {
        if let Some(class) = class(token.kind(), after_dot) {
            parts.push(Part { start: token.start() as usize, end: token.end() as usize, class });
        }
        after_dot = matches!(token.kind(), Kind::Dot | Kind::QuestionDot);
    }
    let note = |span: oxc_span::Span| Part { start: span.start as usize, end: span.end as usize, class: "c" };
    parts.extend(parsed.program.comments.iter().map(|comment| note(comment.span)));
    parts.sort_by_key(|part| part.start);
    parts
}

fn class(kind: Kind, after_dot: bool) -> Option<&'static str> {
    match kind {
        Kind::Str
        | Kind::RegExp
        | Kind::NoSubstitutionTemplate
        | Kind::TemplateHead
        | Kind::TemplateMiddle
        | Kind::TemplateTail => Some("t"),
        kind if kind.is_number() => Some("n"),
        Kind::True | Kind::False | Kind::Null => Some("n"),
        _ if after_dot => None,
        Kind::Async | Kind::Let | Kind::Of | Kind::Static | Kind::Interface => Some("w"),
        kind if kind.is_reserved_keyword() => Some("w"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::lines;

    fn shown(path: &str, text: &str) -> String {
        lines(path, text, None).into_string()
    }

    #[test]
    fn words_texts_numbers_and_comments_are_marked() {
        let html = shown("a.ts", "const a: number = 1; // <b>\nconst b = `x${a}\ny`;\n");
        for part in [
            "<span class=\"line\" data-n=\"1\"><i class=\"w\">const</i> a: number = <i class=\"n\">1</i>; ",
            "<i class=\"c\">// &lt;b&gt;</i>\n</span>",
            "<i class=\"t\">`x${</i>a<i class=\"t\">}</i>\n</span>",
            "<span class=\"line\" data-n=\"3\"><i class=\"t\">y`</i>;\n</span>",
        ] {
            assert!(html.contains(part), "{part}\n{html}");
        }
        assert!(shown("a.ts", "a.delete(b.default)").contains("a.delete(b.default)"), "names of members are no words");
    }

    #[test]
    fn nothing_of_a_source_acts() {
        let hostile = "const x = \"</script><script>alert(1)</script>\u{202e}\";";
        for path in ["a.ts", "a.json", "no-ending"] {
            let html = shown(path, hostile);
            assert!(!html.contains("<script") && !html.contains('\u{202e}'), "{html}");
        }
        // What does not parse is shown whole.
        let html = shown("a.ts", "const = {{{ <b>\nnext line");
        assert!(html.contains("&lt;b&gt;") && html.contains("next line"), "{html}");
        assert_eq!(shown("a.ts", ""), "");
    }

    #[test]
    fn every_character_comes_once() {
        let source = "/* ä\n ö */ const a = `ü\n${ `in ${1}` }\r\nz`;\r\n\tclass B { #p = /x/g; }";
        let html = shown("a.ts", source);
        let mut text = String::new();
        let mut rest = html.as_str();
        while let Some((before, after)) = rest.split_once('<') {
            text.push_str(before);
            rest = after.split_once('>').unwrap().1;
        }
        text.push_str(rest);
        assert_eq!(text.trim_end(), source.replace('\r', ""));
    }

    #[test]
    fn a_line_can_be_marked() {
        assert!(
            lines("a.ts", "a\nb", Some(2)).into_string().contains("<span class=\"line at\" id=\"line\" data-n=\"2\">b")
        );
    }
}
