//! YAML: one flat mapping. The events of the parser are read, not a tree: an alias is refused where it stands, so a
//! "billion laughs" costs nothing, and a plain number keeps the text it was written with.

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use zeroize::Zeroizing;

use super::{Item, Problem, refused};
use crate::Invalid;

/// # Errors
/// `import_not_yaml`, `import_not_flat`.
pub(super) fn read(text: &str) -> Result<Vec<Item>, Invalid> {
    let mut items: Vec<Item> = Vec::new();
    let mut key: Option<(usize, Zeroizing<String>)> = None;
    let mut depth = 0_usize;
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        // The parser's own message may quote the text.
        let (event, span) = event.map_err(|error| {
            refused(
                "import_not_yaml",
                format!("is no YAML: line {}, column {}", error.marker().line(), error.marker().col() + 1),
            )
        })?;
        let not_flat =
            || refused("import_not_flat", format!("must be one mapping of names to texts: line {}", span.start.line()));
        match &event {
            Event::DocumentStart(_) => documents += 1,
            Event::MappingStart(..) if depth == 0 => depth = 1,
            Event::MappingEnd | Event::SequenceEnd => depth = depth.saturating_sub(1),
            Event::Scalar(value, style, _, tag) if depth == 1 => match key.take() {
                None => key = Some((span.start.line(), Zeroizing::new(value.to_string()))),
                Some((line, name)) => {
                    let value = scalar(value, *style, tag.as_deref());
                    items.push(Item { line, key: name, value, warnings: Vec::new() });
                }
            },
            Event::MappingStart(..) | Event::SequenceStart(..) | Event::Alias(_) if depth == 1 => {
                let (line, name) = key.take().ok_or_else(not_flat)?;
                let alias = matches!(event, Event::Alias(_));
                let problem = if alias { Problem::Alias } else { Problem::Nested };
                items.push(Item { line, key: name, value: Err(problem), warnings: Vec::new() });
                depth += usize::from(!alias);
            }
            Event::MappingStart(..) | Event::SequenceStart(..) if depth > 1 => depth += 1,
            // An empty document is a plain null.
            Event::Scalar(value, ScalarStyle::Plain, ..) if depth == 0 && is_null(value) => {}
            Event::Scalar(..) | Event::Alias(_) | Event::SequenceStart(..) if depth == 0 => return Err(not_flat()),
            _ => {}
        }
        if documents > 1 {
            return Err(not_flat());
        }
    }
    Ok(items)
}

fn scalar(value: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Zeroizing<String>, Problem> {
    let plain_tag =
        |tag: &Tag| tag.is_yaml_core_schema() && matches!(tag.suffix.as_str(), "str" | "int" | "float" | "bool");
    match tag {
        Some(tag) if !plain_tag(tag) => Err(Problem::Tag),
        None if style == ScalarStyle::Plain && is_null(value) => Err(Problem::Null),
        _ => Ok(Zeroizing::new(value.to_owned())),
    }
}

fn is_null(plain: &str) -> bool {
    matches!(plain, "" | "~" | "null" | "Null" | "NULL")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::import::{Format, Import, read};

    fn yaml(text: &str) -> Import {
        read(Format::Yaml, text.as_bytes()).unwrap()
    }

    fn taken(text: &str) -> Vec<(usize, String, String)> {
        let entry = |e: &crate::import::Entry| (e.line, e.name.to_string(), e.value.expose().to_owned());
        yaml(text).entries.iter().map(entry).collect()
    }

    fn refused(text: &str) -> Vec<(usize, &'static str)> {
        yaml(text).rejected.iter().map(|r| (r.line, r.code)).collect()
    }

    #[test]
    fn a_flat_mapping_keeps_its_text() {
        let text = "# c\n---\nA: plain # c\nB: 'it''s'\nC: \"x\\n\\u00e4\"\nD: |\n  one\n  two\nE: 0123\nF: 1.10\nG: yes\nH: !!str 5\n";
        let expected = [
            (3, "A", "plain"),
            (4, "B", "it's"),
            (5, "C", "x\nä"),
            (6, "D", "one\ntwo\n"),
            (9, "E", "0123"),
            (10, "F", "1.10"),
            (11, "G", "yes"),
            (12, "H", "5"),
        ];
        let expected: Vec<_> = expected.map(|(line, name, value)| (line, name.to_owned(), value.to_owned())).into();
        assert_eq!(taken(text), expected);
        assert_eq!(taken("{A: 1, B: x}").len(), 2);
        assert_eq!(taken("").len(), 0);
    }

    #[test]
    fn what_is_not_flat_text_is_refused_where_it_stands() {
        let text = "A: [1, [2]]\nB: {x: {y: 1}}\nC: ~\nD:\nE: &e v\nF: *e\nG: !!binary aGk=\nH: !x y\nI: ok\n";
        let expected = [
            (1, "value_nested"),
            (2, "value_nested"),
            (3, "value_null"),
            (4, "value_null"),
            (6, "yaml_alias"),
            (7, "yaml_tag"),
            (8, "yaml_tag"),
        ];
        assert_eq!(refused(text), expected);
        assert_eq!(taken(text).len(), 2);
    }

    #[test]
    fn refused_as_a_whole_without_a_quote() {
        for (text, code) in [
            ("canary", "import_not_flat"),
            ("- canary", "import_not_flat"),
            ("? [canary]\n: x", "import_not_flat"),
            ("A: 1\n---\nB: canary", "import_not_flat"),
            ("A: \"canary", "import_not_yaml"),
            ("A: *canary", "import_not_yaml"),
            ("A: {canary", "import_not_yaml"),
        ] {
            let error = read(Format::Yaml, text.as_bytes()).unwrap_err();
            assert_eq!(error.code, code, "{text}");
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        }
    }

    #[test]
    fn hostile_text_ends_soon() {
        let laughs: String = (1..60).map(|n| format!("A{n}: &a{n} [*a{p}, *a{p}]\n", p = n - 1)).collect();
        let began = std::time::Instant::now();
        let import = yaml(&format!("A0: &a0 x\n{laughs}"));
        assert_eq!((import.entries.len(), import.rejected.len()), (1, 59));
        for deep in ["[", "{", "- ", "? ", "&a ", "!a "] {
            let _ = read(Format::Yaml, format!("A: {}", deep.repeat(100_000 / deep.len())).as_bytes());
        }
        assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    }
}
