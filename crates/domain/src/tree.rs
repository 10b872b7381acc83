//! Trees of texts and numbers as files: JSON or YAML, read as data and nothing else, and written as YAML.
//!
//! What is read may be anything, so errors say where, and never what.

use std::fmt::Write as _;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};

use crate::Invalid;

/// Deepest nesting that is read.
const DEPTH: usize = 16;

/// Reads a file: JSON if it begins like it, else YAML. YAML's aliases and tags are refused: a file of a few lines could mean a
/// gigabyte, or a program's objects.
///
/// # Errors
/// `file_not_json`, `file_not_yaml`.
pub fn read(text: &str) -> Result<Value, Invalid> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text)
            .map_err(|error| refused("file_not_json", "is no JSON", error.line(), error.column()));
    }
    let mut tree = Tree::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event
            .map_err(|error| refused("file_not_yaml", "is no YAML", error.marker().line(), error.marker().col() + 1))?;
        tree.take(event).map_err(|()| {
            let rule =
                "must be one document of mappings, lists and texts, without aliases, tags and names that come twice";
            refused("file_not_yaml", rule, span.start.line(), span.start.col() + 1)
        })?;
    }
    tree.root.ok_or_else(|| Invalid::new("text", "file_not_yaml", "is empty"))
}

fn refused(code: &'static str, rule: &str, line: usize, column: usize) -> Invalid {
    Invalid::new("text", code, format!("{rule}: line {line}, column {column}"))
}

/// What was read so far.
#[derive(Default)]
struct Tree {
    open: Vec<Open>,
    root: Option<Value>,
}

enum Open {
    List(Vec<Value>),
    Map(Map<String, Value>, Option<String>),
}

impl Tree {
    fn take(&mut self, event: Event<'_>) -> Result<(), ()> {
        match event {
            Event::Scalar(text, style, _, None) => self.add(scalar(&text, style)),
            Event::MappingStart(_, None) if self.open.len() < DEPTH => {
                self.open.push(Open::Map(Map::new(), None));
                Ok(())
            }
            Event::SequenceStart(_, None) if self.open.len() < DEPTH => {
                self.open.push(Open::List(Vec::new()));
                Ok(())
            }
            Event::MappingEnd | Event::SequenceEnd => match self.open.pop() {
                Some(Open::List(items)) => self.add(Value::Array(items)),
                Some(Open::Map(map, None)) => self.add(Value::Object(map)),
                _ => Err(()),
            },
            Event::Scalar(..) | Event::MappingStart(..) | Event::SequenceStart(..) | Event::Alias(_) => Err(()),
            _ => Ok(()),
        }
    }

    fn add(&mut self, value: Value) -> Result<(), ()> {
        match self.open.last_mut() {
            None if self.root.is_none() => self.root = Some(value),
            None => return Err(()),
            Some(Open::List(items)) => items.push(value),
            Some(Open::Map(map, key)) => match (key.take(), value) {
                (None, Value::String(name)) if !map.contains_key(&name) => *key = Some(name),
                (None, _) => return Err(()),
                (Some(name), value) => {
                    map.insert(name, value);
                }
            },
        }
        Ok(())
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => text.parse().map_or_else(|_| Value::String(text.to_owned()), |number: i64| Value::Number(number.into())),
    }
}

/// Writes a tree as YAML. [`read`] reads it as it was, but for numbers with a fraction.
pub fn yaml(value: &Value) -> String {
    let mut text = String::new();
    block(&mut text, value, 0, false);
    text
}

/// Writes `value` so that it can follow a key or a dash at `depth`; `inline` if that stands on the same line.
fn block(text: &mut String, value: &Value, depth: usize, inline: bool) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            // By name, but for what names the thing.
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| (*key != "name", *key));
            for (at, (name, value)) in entries.into_iter().enumerate() {
                if at > 0 || !inline {
                    text.push_str(&"  ".repeat(depth));
                }
                word(text, name);
                text.push(':');
                nested(text, value, depth);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                text.push_str(&"  ".repeat(depth));
                text.push('-');
                match item {
                    Value::Object(map) if !map.is_empty() => {
                        text.push(' ');
                        block(text, item, depth + 1, true);
                    }
                    _ => nested(text, item, depth),
                }
            }
        }
        leaf => {
            scalar_text(text, leaf);
            text.push('\n');
        }
    }
}

fn nested(text: &mut String, value: &Value, depth: usize) {
    let has_lines = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if has_lines {
        text.push('\n');
        block(text, value, depth + 1, false);
    } else {
        text.push(' ');
        scalar_text(text, value);
        text.push('\n');
    }
}

fn scalar_text(text: &mut String, value: &Value) {
    match value {
        Value::String(string) => word(text, string),
        Value::Number(number) => text.push_str(&whole(number)),
        Value::Bool(bool) => text.push_str(if *bool { "true" } else { "false" }),
        Value::Null => text.push_str("null"),
        Value::Array(_) => text.push_str("[]"),
        Value::Object(_) => text.push_str("{}"),
    }
}

fn whole(number: &Number) -> String {
    number.as_i64().map_or_else(|| format!("\"{number}\""), |number| number.to_string())
}

/// A text: plain where nobody can take it for something else, else between quotes.
fn word(text: &mut String, word: &str) {
    let plain = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        && !["null", "true", "false", "yes", "no", "on", "off", "y", "n"].contains(&word.to_ascii_lowercase().as_str());
    if plain {
        return text.push_str(word);
    }
    text.push('"');
    for c in word.chars() {
        match c {
            '"' | '\\' => {
                text.push('\\');
                text.push(c);
            }
            '\n' => text.push_str("\\n"),
            ' '..='~' => text.push(c),
            c if c.is_alphanumeric() => text.push(c),
            c => {
                let _ = write!(text, "\\U{:08X}", u32::from(c));
            }
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{read, yaml};

    #[test]
    fn files_read_as_they_look() {
        let tree = json!({ "a": [{ "name": "NULL", "days": 30, "note": "yes: \"no\"\n\t# é 𝄞\u{7f}\u{2028}" }, {}, []], "b": null, "c": true });
        let text = yaml(&tree);
        assert_eq!(read(&text).unwrap(), tree, "{text}");
        assert_eq!(read(&tree.to_string()).unwrap(), tree);
        assert_eq!(
            yaml(&json!({ "structure": 1, "secrets": [{ "name": "KEY", "hosts": ["*.example.com", "a.example"] }] })),
            "secrets:\n  - name: KEY\n    hosts:\n      - \"*.example.com\"\n      - a.example\nstructure: 1\n"
        );
        assert_eq!(read("a: 1\nb: '1'\nc: x # y").unwrap(), json!({ "a": 1, "b": "1", "c": "x" }));
    }

    #[test]
    fn what_is_no_plain_data_is_refused_and_not_quoted() {
        let deep = format!("{}canary", "- ".repeat(40));
        for text in [
            "{canary",
            "a: &x [canary]\nb: *x",
            "a: !!binary canary",
            "a: !canary b",
            "a: canary\na: canary",
            "? [canary]\n: b",
            "a: canary\n---\nb: c",
            "a: \"canary",
            "",
            &deep,
        ] {
            let error = read(text).unwrap_err();
            assert!(error.code.starts_with("file_not_") && !error.detail.contains("canary"), "{text}: {error:?}");
        }
    }

    fn trees() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[a-zA-Z_:#'\"0-9 .~-]{0,9}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[ -~]{1,6}|[A-Z]{1,4}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(tree in trees()) {
            let text = yaml(&tree);
            prop_assert_eq!(read(&text).unwrap(), tree, "{}", text);
        }
    }
}
