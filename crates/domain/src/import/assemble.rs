//! From what a format's reader found to entries: the rules for names and values, duplicates, and pieces of a PEM block
//! whose quotes were forgotten.

use std::collections::{HashMap, HashSet};

use super::{Entry, Import, Item, Pem, Problem, Rejected, Stray, refused};
use crate::{Invalid, SecretName, Value, limits};

/// What Doppler adds to every export about the export itself.
const DOPPLER: [&str; 3] = ["DOPPLER_PROJECT", "DOPPLER_ENVIRONMENT", "DOPPLER_CONFIG"];

pub(super) fn assemble(items: Vec<Item>, strays: Vec<Stray>) -> Result<Import, Invalid> {
    if items.len().max(strays.len()) > limits::IMPORT_ENTRIES {
        let detail = format!("must have at most {} entries, and as many other lines", limits::IMPORT_ENTRIES);
        return Err(refused("import_too_many", detail));
    }
    let last: HashMap<&str, usize> = items.iter().enumerate().map(|(index, item)| (item.key.as_str(), index)).collect();
    let doppler = DOPPLER.iter().all(|name| last.contains_key(name));
    let overriders: Vec<Option<usize>> = items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            let last = last.get(item.key.as_str()).copied().filter(|last| *last != index)?;
            items.get(last).map(|item| item.line)
        })
        .collect();
    let torn = torn_pem_lines(&items, &strays);
    let (mut entries, mut rejected) = (Vec::new(), Vec::new());
    for (item, overrider) in items.into_iter().zip(overriders) {
        let line = item.line;
        let refusal = if torn.contains(&line) {
            Some(Rejected { line, name: None, code: "pem_unquoted", detail: PEM_UNQUOTED.to_owned() })
        } else {
            overrider.map(|later| {
                let detail = format!("line {later} gives it again, and the last one counts");
                Rejected { line, name: SecretName::parse(&item.key).ok(), code: "overridden", detail }
            })
        };
        match refusal.map_or_else(|| check(item, doppler), Err) {
            Ok(entry) => entries.push(entry),
            Err(refusal) => rejected.push(refusal),
        }
    }
    rejected.extend(strays.iter().map(|stray| match stray.pem.is_some() || torn.contains(&stray.line) {
        true => Rejected { line: stray.line, name: None, code: "pem_unquoted", detail: PEM_UNQUOTED.to_owned() },
        false => Rejected {
            line: stray.line,
            name: None,
            code: "not_an_assignment",
            detail: "is neither NAME=value nor a comment; a value of several lines must stand in quotes".to_owned(),
        },
    }));
    rejected.sort_by_key(|refusal| refusal.line);
    Ok(Import { entries, rejected })
}

const PEM_UNQUOTED: &str = "belongs to a PEM key outside quotes; put the whole key in double quotes";

fn check(mut item: Item, doppler: bool) -> Result<Entry, Rejected> {
    let line = item.line;
    let rejected = |name: Option<SecretName>, code, detail: String| Rejected { line, name, code, detail };
    if doppler && DOPPLER.contains(&item.key.as_str()) {
        let detail = "is what Doppler says about the export, no secret".to_owned();
        return Err(rejected(SecretName::parse(&item.key).ok(), "export_metadata", detail));
    }
    let name = SecretName::parse(&item.key).map_err(|error| rejected(None, error.code, error.detail))?;
    let value = match &mut item.value {
        Ok(value) => std::mem::take(&mut **value),
        Err(problem) => return Err(rejected(Some(name), problem.code(), problem.detail().to_owned())),
    };
    match Value::new(value) {
        Ok(value) => Ok(Entry { line, name, value, warnings: item.warnings }),
        Err(error) => Err(rejected(Some(name), error.code, error.detail)),
    }
}

/// The lines from a value that begins a PEM block without ending it to the line that ends it: `dotenv` would store the
/// first line alone, and read the last one as a name if it ends in `=`.
fn torn_pem_lines(items: &[Item], strays: &[Stray]) -> HashSet<usize> {
    let torn = |item: &&Item| {
        item.value.as_ref().is_ok_and(|value| value.starts_with("-----BEGIN ") && !value.contains("-----END "))
    };
    let begins = items.iter().filter(torn).map(|item| item.line);
    let begins = begins.chain(strays.iter().filter(|stray| stray.pem == Some(Pem::Begin)).map(|stray| stray.line));
    let mut ends: Vec<usize> =
        strays.iter().filter(|stray| stray.pem == Some(Pem::End)).map(|stray| stray.line).collect();
    ends.sort_unstable();
    let mut lines = HashSet::new();
    for begin in begins {
        let end = ends.get(ends.partition_point(|end| *end < begin)).copied().unwrap_or(begin);
        // A block without an end must not swallow the file; the longest keys have some hundred lines.
        lines.extend(begin..=end.min(begin + 1_000));
    }
    lines
}

impl Problem {
    fn code(self) -> &'static str {
        match self {
            Self::Null => "value_null",
            Self::Nested => "value_nested",
            Self::Hidden => "value_hidden",
            Self::Alias => "yaml_alias",
            Self::Tag => "yaml_tag",
        }
    }

    fn detail(self) -> &'static str {
        match self {
            Self::Null => "has no value",
            Self::Nested => "is a list or an object; put it in quotes if its text is the secret",
            Self::Hidden => "was exported without its value; export it with a token that may read it",
            Self::Alias => "refers to another value; write the value itself",
            Self::Tag => "has a YAML tag; write the value as plain or quoted text",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use crate::import::{Format, Import, read};
    use crate::limits;

    fn dotenv(text: &str) -> Import {
        read(Format::Dotenv, text.as_bytes()).unwrap()
    }

    fn taken(import: &Import) -> Vec<(usize, &str, &str)> {
        import.entries.iter().map(|e| (e.line, e.name.as_str(), e.value.expose())).collect()
    }

    fn refused(import: &Import) -> Vec<(usize, Option<&str>, &str)> {
        import.rejected.iter().map(|r| (r.line, r.name.as_ref().map(|n| n.as_str()), r.code)).collect()
    }

    #[test]
    fn each_line_gets_its_own_verdict() {
        let import = dotenv("A=1\nb=2\nLD_PRELOAD=x\nC=\nD-E=f\nnonsense\nA=3\n");
        assert_eq!(taken(&import), [(7, "A", "3")]);
        assert_eq!(
            refused(&import),
            [
                (1, Some("A"), "overridden"),
                (2, None, "name_invalid"),
                (3, None, "name_reserved"),
                (4, Some("C"), "value_empty"),
                (5, None, "name_invalid"),
                (6, None, "not_an_assignment"),
            ]
        );
    }

    /// `dotenv` gives an empty value here, so the earlier one must not come back.
    #[test]
    fn the_last_one_counts_even_if_it_is_rejected() {
        let import = dotenv("A=1\nA=\n");
        assert_eq!(taken(&import), []);
        assert_eq!(refused(&import), [(1, Some("A"), "overridden"), (2, Some("A"), "value_empty")]);
    }

    #[test]
    fn a_pem_key_without_quotes_is_rejected_whole() {
        let import = dotenv("A=1\nKEY=-----BEGIN NO KEY-----\nCANARY+/x\nCANARY==\n-----END NO KEY-----\nB=2\n");
        assert_eq!(taken(&import), [(1, "A", "1"), (6, "B", "2")]);
        assert_eq!(refused(&import), [2, 3, 4, 5].map(|line| (line, None, "pem_unquoted")));
        assert!(!format!("{import:?}").contains("CANARY"));
        let import = dotenv("KEY=\"-----BEGIN NO KEY-----\nabc\n-----END NO KEY-----\"\n");
        assert_eq!(taken(&import), [(1, "KEY", "-----BEGIN NO KEY-----\nabc\n-----END NO KEY-----")]);
        let import = dotenv("KEY=-----BEGIN NO KEY-----\nA=1\n");
        assert_eq!((taken(&import).len(), refused(&import).len()), (1, 1));
    }

    #[test]
    fn what_is_rejected_is_never_quoted() {
        for text in ["canary", "canary=", "CANARY!=x", "A=canary\nA=", "LD_A=canary", "x=canary", "A='\0canary"] {
            if let Ok(import) = read(Format::Dotenv, text.as_bytes()) {
                assert!(!format!("{import:?}").to_lowercase().contains("canary"), "{text:?}");
            }
        }
    }

    #[test]
    fn limits_hold() {
        let many = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<String>();
        let code = |text: String| read(Format::Dotenv, text.as_bytes()).err().map_or("ok", |error| error.code);
        assert_eq!(code(many(limits::IMPORT_ENTRIES, &|n| format!("A{n}=1\n"))), "ok");
        assert_eq!(code(many(limits::IMPORT_ENTRIES + 1, &|n| format!("A{n}=1\n"))), "import_too_many");
        assert_eq!(code(many(limits::IMPORT_ENTRIES + 1, &|_| "x\n".to_owned())), "import_too_many");
    }

    #[test]
    fn dopplers_own_entries_are_left_out() {
        let import = dotenv("A=1\nDOPPLER_PROJECT=a\nDOPPLER_ENVIRONMENT=b\nDOPPLER_CONFIG=c\n");
        assert_eq!(taken(&import), [(1, "A", "1")]);
        assert_eq!(import.rejected[0].code, "export_metadata");
        assert_eq!(taken(&dotenv("DOPPLER_PROJECT=a")).len(), 1);
    }
}
