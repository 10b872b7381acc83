//! What the catalogue of providers knows, asked for. It is part of the program and the same for every account, so any
//! token may ask, and asking leaves no event.

use domain::Value;
use domain::catalogue::{self, Kind, Mode};

use super::{Caller, Error, Service};
use crate::wire::{self, Page};

impl Service {
    /// Providers by what a person typed, best first; all of them for nothing.
    pub(crate) fn list_providers(&self, _: &Caller, query: &str) -> Page<wire::ProviderSummary> {
        let summary = |provider: &'static catalogue::Provider| wire::ProviderSummary {
            id: provider.id.clone(),
            name: provider.name.clone(),
            categories: provider.categories.clone(),
            secrets: provider.secrets.iter().filter_map(|secret| secret.name()).map(ToString::to_string).collect(),
        };
        Page { items: catalogue::search(query).into_iter().map(summary).collect(), next_cursor: None }
    }

    /// One provider.
    pub(crate) fn get_provider(&self, _: &Caller, id: &str) -> Result<wire::Provider, Error> {
        let provider = catalogue::find(id).ok_or(Error::not_found("provider"))?;
        Ok(wire::Provider {
            id: provider.id.clone(),
            name: provider.name.clone(),
            categories: provider.categories.clone(),
            website: provider.website.clone(),
            secrets: provider.secrets.iter().map(secret).collect(),
        })
    }

    /// What a value may be, most likely first. Nothing of it is kept.
    pub(crate) fn suggest_providers(&self, _: &Caller, value: String) -> Result<Page<wire::ProviderSuggestion>, Error> {
        let value = Value::new(value)?;
        let suggestion = |found: &catalogue::Suggestion| wire::ProviderSuggestion {
            name: found.name.to_string(),
            provider: found.provider.id.clone(),
            provider_name: found.provider.name.clone(),
            what: found.secret.what.clone(),
            kind: kind(found.secret.kind),
            mode: found.mode.map(|mode| {
                match mode {
                    Mode::Test => "test",
                    Mode::Live => "live",
                }
                .to_owned()
            }),
            certain: found.certain,
        };
        let items = catalogue::suggest(value.expose()).iter().map(suggestion).collect();
        Ok(Page { items, next_cursor: None })
    }
}

fn secret(secret: &catalogue::Secret) -> wire::ProviderSecret {
    wire::ProviderSecret {
        names: secret.names.iter().map(ToString::to_string).collect(),
        what: secret.what.clone(),
        kind: kind(secret.kind),
        format: secret.format.as_ref().map(|format| format.as_str().to_owned()),
        prefixes: secret.prefixes.clone(),
        test_prefixes: secret.test.clone(),
        live_prefixes: secret.live.clone(),
        mask: secret.mask.clone(),
        hosts: secret.hosts.clone(),
        obtain_url: secret.get.url.clone(),
        obtain_help: secret.get.help.clone(),
        rotate: secret.rotate.clone(),
        can_check: secret.probe.is_some(),
    }
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Secret => "secret",
        Kind::Publishable => "publishable",
    }
    .to_owned()
}
