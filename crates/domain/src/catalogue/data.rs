//! The catalogue's files, read once. They are part of the program and tests check them, so nothing here fails.

use std::sync::LazyLock;

use regex_lite::Regex;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Kind, Obtain, Probe, Provider, Secret};
use crate::{SecretName, limits};

/// Where several providers' values begin alike, the one of the earlier file is suggested first.
pub(super) const FILES: &[(&str, &str)] = &[
    ("payments", include_str!("../../catalogue/payments.toml")),
    ("ai", include_str!("../../catalogue/ai.toml")),
    ("email", include_str!("../../catalogue/email.toml")),
    ("messaging", include_str!("../../catalogue/messaging.toml")),
    ("data", include_str!("../../catalogue/data.toml")),
    ("own", include_str!("../../catalogue/own.toml")),
    ("platforms", include_str!("../../catalogue/platforms.toml")),
    ("auth", include_str!("../../catalogue/auth.toml")),
    ("work", include_str!("../../catalogue/work.toml")),
    ("insight", include_str!("../../catalogue/insight.toml")),
];

const ROTATE: &str = "Create a second one, put it, see that functions still work, then revoke the first.";

pub(super) fn all() -> &'static [Provider] {
    // A file that cannot be read is left out rather than a panic; `every_file_is_read` sees to it that none is.
    static ALL: LazyLock<Vec<Provider>> =
        LazyLock::new(|| FILES.iter().flat_map(|(_, text)| parse(text).unwrap_or_default()).collect());
    &ALL
}

pub(super) fn parse(text: &str) -> Result<Vec<Provider>, toml::de::Error> {
    let file: File = toml::from_str(text)?;
    Ok(file.provider.into_iter().map(RawProvider::finish).collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    provider: Vec<RawProvider>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProvider {
    id: String,
    name: String,
    categories: Vec<String>,
    website: String,
    hosts: Vec<String>,
    get: Obtain,
    rotate: Option<String>,
    checked: Option<String>,
    secrets: Vec<RawSecret>,
}

/// What is not given is the provider's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSecret {
    names: Vec<SecretName>,
    what: String,
    #[serde(default)]
    kind: Kind,
    format: Option<Pattern>,
    #[serde(default)]
    prefixes: Vec<String>,
    #[serde(default)]
    test: Vec<String>,
    #[serde(default)]
    live: Vec<String>,
    #[serde(default)]
    distinct: bool,
    mask: String,
    hosts: Option<Vec<String>>,
    get: Option<Obtain>,
    rotate: Option<String>,
    probe: Option<Probe>,
}

impl RawProvider {
    fn finish(self) -> Provider {
        let rotate = self.rotate.unwrap_or_else(|| ROTATE.to_owned());
        let secret = |raw: RawSecret| Secret {
            names: raw.names,
            what: raw.what,
            kind: raw.kind,
            format: raw.format,
            prefixes: raw.prefixes,
            test: raw.test,
            live: raw.live,
            distinct: raw.distinct,
            mask: raw.mask,
            hosts: raw.hosts.unwrap_or_else(|| self.hosts.clone()),
            get: raw.get.unwrap_or_else(|| self.get.clone()),
            rotate: raw.rotate.unwrap_or_else(|| rotate.clone()),
            probe: raw.probe,
        };
        Provider {
            secrets: self.secrets.into_iter().map(secret).collect(),
            id: self.id,
            name: self.name,
            categories: self.categories,
            website: self.website,
            checked: self.checked,
        }
    }
}

/// A regular expression for a whole value. Takes linear time.
#[derive(Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Whether the whole value has this form.
    pub fn matches(&self, value: &str) -> bool {
        value.len() <= limits::VALUE_BYTES && self.0.is_match(value)
    }

    /// The expression, anchored at both ends.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if !text.starts_with('^') || !text.ends_with('$') {
            return Err(D::Error::custom("a format must begin with ^ and end with $"));
        }
        Regex::new(&text).map(Self).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{FILES, all, parse};

    #[test]
    fn every_file_is_read() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/catalogue");
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), FILES.len());
        let mut providers = 0;
        for (name, text) in FILES {
            match parse(text) {
                Ok(read) => providers += read.len(),
                Err(error) => assert_eq!(error.to_string(), "", "catalogue/{name}.toml"),
            }
        }
        assert_eq!(all().len(), providers);
    }

    #[test]
    fn a_format_must_be_anchored() {
        let text = |format: &str| {
            format!(
                "[[provider]]\nid='a'\nname='A'\ncategories=[]\nwebsite=''\nhosts=[]\nget={{help=''}}\nsecrets=[{{names=['A'],what='',mask='',format='{format}'}}]"
            )
        };
        assert!(parse(&text("^a$")).is_ok());
        for bad in ["a$", "^a", "^(a$"] {
            assert!(parse(&text(bad)).is_err(), "{bad}");
        }
    }
}
