//! Finding providers: by id, by a secret's name, by how a value looks, by what a person types.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use super::{Mode, Provider, Secret, all, paste};
use crate::{HostPattern, SecretName};

/// What people put after a name to tell two of the same kind apart.
const SUFFIXES: &[&str] = &[
    "_TEST",
    "_LIVE",
    "_PROD",
    "_PRODUCTION",
    "_STAGING",
    "_DEV",
    "_DEVELOPMENT",
    "_SANDBOX",
    "_OLD",
    "_NEW",
    "_PREVIOUS",
    "_NEXT",
];

/// What frameworks want before a name to send its value to browsers.
const BROWSER_PREFIXES: &[&str] = &[
    "NEXT_PUBLIC_",
    "NUXT_PUBLIC_",
    "EXPO_PUBLIC_",
    "REACT_APP_",
    "GATSBY_",
    "VUE_APP_",
    "VITE_",
    "PUBLIC_",
    "STORYBOOK_",
];

/// How few bytes of a beginning may tell a provider apart from chance.
const TELLING: usize = 4;
/// Most suggestions for one value.
const SUGGESTIONS: usize = 5;

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub struct Suggestion {
    /// Whose it is.
    pub provider: &'static Provider,
    /// Which of its secrets.
    pub secret: &'static Secret,
    /// The name to store it under.
    pub name: &'static SecretName,
    /// The provider's mode, if the value tells it.
    pub mode: Option<Mode>,
    /// The whole value fits, not only its beginning.
    pub certain: bool,
    /// Bytes of the beginning that tell it.
    telling: usize,
}

impl Suggestion {
    /// Whether this is worth telling a person who did not ask.
    pub(super) fn is_telling(&self) -> bool {
        self.certain && (self.telling >= TELLING || self.telling == TELLING - 1 && self.secret.format.is_some())
    }
}

/// The provider with this id.
pub fn find(id: &str) -> Option<&'static Provider> {
    all().iter().find(|provider| provider.id == id)
}

/// What a name is for, in the catalogue's order. An ending such as `_TEST` or `_2`, and what frameworks put before a
/// name (`NEXT_PUBLIC_`), are looked past if the name itself is not known.
pub fn secrets_for_name(name: &SecretName) -> Vec<(&'static Provider, &'static Secret)> {
    let text = name.as_str();
    let exact = named(text);
    if !exact.is_empty() {
        return exact;
    }
    let text = BROWSER_PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
    let text = SUFFIXES.iter().find_map(|suffix| text.strip_suffix(suffix)).unwrap_or(text);
    named(text.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('_'))
}

/// The beginning by which build tools would publish the value of a name, if it has one.
pub fn browser_prefix(name: &SecretName) -> Option<&'static str> {
    BROWSER_PREFIXES.iter().copied().find(|prefix| name.as_str().starts_with(*prefix))
}

/// The first of [`secrets_for_name`].
pub fn for_name(name: &SecretName) -> Option<(&'static Provider, &'static Secret)> {
    secrets_for_name(name).first().copied()
}

/// The secret that name and value agree on: the name is one of its own, and the value has its form or begins like one.
/// `None` where the catalogue knows neither form nor beginning: a name alone settles nothing.
pub fn agreed(name: &SecretName, value: &str) -> Option<(&'static Provider, &'static Secret)> {
    let agrees = |secret: &Secret| secret.fits(value) && (secret.format.is_some() || secret.prefix_len(value) > 0);
    secrets_for_name(name).into_iter().find(|(_, secret)| agrees(secret))
}

/// The hosts that a value may be sent to, where [`agreed`] tells whose it is; none of those that a person must complete.
pub fn hosts_for(name: &SecretName, value: &str) -> Vec<HostPattern> {
    let hosts = agreed(name, value).into_iter().flat_map(|(_, secret)| secret.ready_hosts());
    hosts.filter_map(|host| HostPattern::parse(host).ok()).collect()
}

/// Bytes of the longest beginning of `text` that the catalogue has for any value.
pub fn known_beginning(text: &str) -> usize {
    all().iter().flat_map(|provider| &provider.secrets).map(|secret| secret.prefix_len(text)).max().unwrap_or(0)
}

/// Every put asks this several times.
fn named(text: &str) -> Vec<(&'static Provider, &'static Secret)> {
    type Known = (&'static Provider, &'static Secret);
    static NAMED: LazyLock<HashMap<&'static str, Vec<Known>>> = LazyLock::new(|| {
        let mut named: HashMap<_, Vec<Known>> = HashMap::new();
        for (provider, secret) in all().iter().flat_map(|one| one.secrets.iter().map(move |secret| (one, secret))) {
            let names: BTreeSet<_> = secret.names.iter().map(SecretName::as_str).collect();
            names.into_iter().for_each(|name| named.entry(name).or_default().push((provider, secret)));
        }
        named
    });
    NAMED.get(text).cloned().unwrap_or_default()
}

/// What a pasted value may be, most likely first, at most five. Quotes, white space, `Bearer ` and `NAME=` around it are
/// looked past. Where whole values fit, mere beginnings are not given.
pub fn suggest(value: &str) -> Vec<Suggestion> {
    let core = paste::look(value).core;
    let mut found: Vec<Suggestion> = all()
        .iter()
        .flat_map(|provider| provider.secrets.iter().map(move |secret| (provider, secret)))
        .filter_map(|(provider, secret)| {
            let prefix = secret.prefix_len(core);
            let telling = if prefix == 0 && secret.distinct { TELLING } else { prefix };
            let known = telling >= TELLING || (telling > 0 && secret.format.is_some());
            let certain = known && secret.fits(core) && core.len() > prefix;
            let name = secret.name().filter(|_| certain || prefix >= TELLING)?;
            Some(Suggestion { provider, secret, name, mode: secret.mode(core), certain, telling })
        })
        .collect();
    if found.iter().any(|suggestion| suggestion.certain) {
        found.retain(|suggestion| suggestion.certain);
    }
    found.sort_by_key(|suggestion| std::cmp::Reverse(suggestion.telling));
    found.truncate(SUGGESTIONS);
    found
}

/// Providers for a picker: by id, name, category or a secret's name, best first; all of them for an empty text.
pub fn search(text: &str) -> Vec<&'static Provider> {
    let wanted = text.trim().to_lowercase();
    let rank = |provider: &Provider| {
        let name = provider.name.to_lowercase();
        let word = |text: &str| text.split(|c: char| !c.is_alphanumeric()).any(|word| word.starts_with(&wanted));
        let secret = || {
            let upper = wanted.to_uppercase().replace(['-', ' '], "_");
            provider.secrets.iter().flat_map(|secret| &secret.names).any(|name| name.as_str().contains(&upper))
        };
        match () {
            () if provider.id == wanted || name == wanted => Some(0),
            () if provider.id.starts_with(&wanted) || name.starts_with(&wanted) => Some(1),
            () if word(&name) => Some(2),
            () if provider.categories.iter().any(|category| category.starts_with(&wanted)) => Some(3),
            () if name.contains(&wanted) => Some(4),
            () if secret() => Some(5),
            // A sentence, as people and assistants write one.
            () if wanted.contains(' ') && words(&wanted).contains(&words(&name)) => Some(6),
            () => None,
        }
    };
    let mut found: Vec<(i32, &'static Provider)> =
        all().iter().filter_map(|provider| rank(provider).map(|rank| (rank, provider))).collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, provider)| provider).collect()
}

/// The words of a text, each between two spaces.
fn words(text: &str) -> String {
    let words: Vec<_> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    format!(" {} ", words.join(" "))
}
