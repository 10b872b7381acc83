//! Reading files that hold many secrets: `.env`, JSON and YAML, and what other vaults export. What lives here decides
//! what a file says; storing it, and comparing it with what is stored, is the service's.
//!
//! Nothing is expanded and no command is run. Nothing here quotes the file: a rejected line is named by its number, and
//! by its name only where that is a name that a secret may have, since half a secret can stand where a name should.

mod assemble;
pub mod dotenv;
mod json;
mod text;
mod yaml;

use zeroize::Zeroizing;

pub use text::decode;

use crate::{Invalid, SecretName, Value};

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As npm `dotenv` reads it. Supabase, Infisical (`dotenv`, `dotenv-export`), Doppler (`env`) and Vercel write it.
    Dotenv,
    /// A flat object, or the JSON of Doppler, Infisical or Vault: which one is seen from its shape.
    Json,
    /// A flat mapping.
    Yaml,
}

impl Format {
    /// The format as the API spells it.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "dotenv" => Some(Self::Dotenv),
            "json" => Some(Self::Json),
            "yaml" => Some(Self::Yaml),
            _ => None,
        }
    }

    /// How the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dotenv => "dotenv",
            Self::Json => "json",
            Self::Yaml => "yaml",
        }
    }

    /// The format that a file's name tells by its ending, if it does.
    pub fn of_file_name(name: &str) -> Option<Self> {
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
        match ending.as_str() {
            "json" => Some(Self::Json),
            "yaml" | "yml" => Some(Self::Yaml),
            "env" => Some(Self::Dotenv),
            _ => None,
        }
    }

    /// The format that a text looks like. One in YAML without its `---` is read as `dotenv` reads it, which knows
    /// `NAME: value` too.
    pub fn of_text(text: &str) -> Self {
        let text = text.trim_start_matches('\u{feff}').trim_start();
        match text.as_bytes() {
            [b'{' | b'[', ..] => Self::Json,
            _ if text.starts_with("---\n") || text.starts_with("---\r") || text.starts_with("%YAML") => Self::Yaml,
            _ => Self::Dotenv,
        }
    }
}

/// What a file says.
#[derive(Debug)]
pub struct Import {
    /// Each name once, in the order of the file.
    pub entries: Vec<Entry>,
    /// Every line or entry that is not taken, in the order of the file.
    pub rejected: Vec<Rejected>,
}

/// One secret of a file.
#[derive(Debug)]
pub struct Entry {
    /// Where its name stands; the first line is 1.
    pub line: usize,
    /// Its name.
    pub name: SecretName,
    /// Its value: exactly what npm `dotenv` would give, for a `.env` file.
    pub value: Value,
    /// What the person should look at, though it is taken.
    pub warnings: Vec<Warning>,
}

/// One line or entry that is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Where it stands; the first line is 1.
    pub line: usize,
    /// Its name, if it has one that a secret may have.
    pub name: Option<SecretName>,
    /// Stable machine-readable reason, for example `not_an_assignment` or `name_reserved`.
    pub code: &'static str,
    /// The reason for people, without a word of the line.
    pub detail: String,
}

impl Rejected {
    /// Whether nothing that a person meant to store is lost with it: it is told, and need not be corrected.
    pub fn is_harmless(&self) -> bool {
        matches!(self.code, "overridden" | "export_metadata")
    }
}

/// Something odd about an entry that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// It begins with a quote that is not closed, or text follows the closing one: the quotes are part of the value.
    QuoteUnclosed,
    /// An unquoted value was followed at once by `#`, which ends it.
    CutAtHash,
    /// It holds `${` or `$(`, which other readers would expand.
    NotExpanded,
    /// Name and value stand on different lines.
    OnLaterLine,
}

impl Warning {
    /// Stable machine-readable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::QuoteUnclosed => "quote_unclosed",
            Self::CutAtHash => "cut_at_hash",
            Self::NotExpanded => "not_expanded",
            Self::OnLaterLine => "on_later_line",
        }
    }

    /// The same for people.
    pub fn detail(self) -> &'static str {
        match self {
            Self::QuoteUnclosed => {
                "the opening quote has no closing one at the end, so the quotes are part of the value, as in npm dotenv"
            }
            Self::CutAtHash => "the value ends before an unquoted #; put it in quotes if the # belongs to it",
            Self::NotExpanded => "${…} and $(…) are stored as written: nothing is expanded or run",
            Self::OnLaterLine => {
                "the value stands on a later line than its name, as npm dotenv reads it: is that meant?"
            }
        }
    }
}

/// An entry as a format's reader found it, before the rules for names and values.
struct Item {
    line: usize,
    /// Zeroized, since a stray piece of a key can stand here.
    key: Zeroizing<String>,
    value: Result<Zeroizing<String>, Problem>,
    warnings: Vec<Warning>,
}

/// Why an item has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Problem {
    Null,
    Nested,
    Hidden,
    Alias,
    Tag,
}

/// A line that is neither an assignment nor a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stray {
    /// Its number; the first line is 1.
    pub line: usize,
    /// Whether it is the first or last line of a PEM block.
    pub pem: Option<Pem>,
}

/// The boundary lines of a PEM block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pem {
    /// `-----BEGIN …-----`
    Begin,
    /// `-----END …-----`
    End,
}

/// Reads a file of the given format. UTF-8 and, with a byte order mark, UTF-16 are understood.
///
/// # Errors
/// `import_too_large`, `import_not_text`, `import_not_json`, `import_not_yaml`, `import_not_flat`, `import_digests`,
/// `import_too_many`, all of field `text`. None quotes the file; a line that breaks a rule by itself is no error.
pub fn read(format: Format, bytes: &[u8]) -> Result<Import, Invalid> {
    let text = decode(bytes)?;
    let (items, strays) = match format {
        Format::Dotenv => {
            let parsed = dotenv::parse(&text);
            (parsed.assignments.into_iter().map(Item::from).collect(), parsed.strays)
        }
        Format::Json => (json::read(&text)?, Vec::new()),
        Format::Yaml => (yaml::read(&text)?, Vec::new()),
    };
    assemble::assemble(items, strays)
}

/// An error of the whole file.
fn refused(code: &'static str, detail: impl Into<String>) -> Invalid {
    Invalid::new("text", code, detail)
}
