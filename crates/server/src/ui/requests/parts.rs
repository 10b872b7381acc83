//! Pieces of the pages of secret requests.

use domain::{SecretName, SecretRequestStatus, catalogue};
use maud::{Markup, html};
use reqwest::Url;

use crate::ui::text::visible;
use crate::wire::SecretRequest;

/// How a request stands, as a badge.
pub(super) fn badge(status: &str) -> Markup {
    let (class, word) = match status {
        "pending" => ("badge warn", "Waiting"),
        "fulfilled" => ("badge good", "Fulfilled"),
        "declined" => ("badge bad", "Declined"),
        "expired" => ("badge", "Expired"),
        _ => ("badge", "Cancelled"),
    };
    html! { span class=(class) { (word) } }
}

/// Who asks, at the start of a sentence.
pub(super) fn who(kind: &str, name: &str) -> Markup {
    let kind = if kind == "session" { "The session of" } else { "The token" };
    html! { (kind) " " b { (visible(name)) } }
}

/// How it ended, as a sentence about whoever asked.
pub(super) fn ending(status: SecretRequestStatus) -> &'static str {
    match status {
        SecretRequestStatus::Pending => "It waits for an answer.",
        SecretRequestStatus::Fulfilled => "A value was stored. Whoever asked was told only that.",
        SecretRequestStatus::Declined => "It was declined. Whoever asked was told only that.",
        SecretRequestStatus::Expired => "Nobody answered in time. If it is still needed, it can be asked for again.",
        SecretRequestStatus::Cancelled => "It was taken back.",
    }
}

/// Where to get the value: first as our own catalogue says, then as whoever asks says, which may be anything.
pub(super) fn where_to_get(request: &SecretRequest) -> Markup {
    let known = SecretName::parse(&request.name).ok();
    let known = known.as_ref().and_then(catalogue::for_name);
    let link = request.obtain_url.as_deref().and_then(|url| Url::parse(url).ok());
    html! {
        @if known.is_some() || link.is_some() {
            section.card aria-labelledby="get" {
                h2 #get { "Where to get it" }
                @if let Some((provider, secret)) = known {
                    p { "By its name it is of " b { (provider.name) } ": " (secret.what) ". " (secret.get.help) }
                    @if let Some(url) = &secret.get.url {
                        p { a href=(url) target="_blank" rel="noopener noreferrer" { (url) } }
                    }
                }
                @if let Some(link) = &link { (foreign_link(link, known.map(|(provider, _)| provider))) }
            }
        }
    }
}

fn foreign_link(link: &Url, provider: Option<&catalogue::Provider>) -> Markup {
    let host = link.host_str().unwrap_or_default();
    let theirs = provider.is_some_and(|provider| is_of(host, provider));
    html! {
        p {
            "Whoever asks says that it is to be got at " b { (visible(host)) } ":"
            br;
            a.address href=(link.as_str()) target="_blank" rel="noopener noreferrer nofollow" { (visible(link.as_str())) }
        }
        @if let Some(provider) = provider.filter(|_| !theirs) {
            p.problem { "That is not a site of " (provider.name) " that Tresor knows. Do not enter a password there unless you know the site." }
        } @else if provider.is_none() {
            p.muted { "Tresor does not know this site." }
        }
    }
}

/// Whether a host is the provider's, by the addresses in our own catalogue.
fn is_of(host: &str, provider: &catalogue::Provider) -> bool {
    let urls =
        provider.secrets.iter().filter_map(|secret| secret.get.url.as_deref()).chain([provider.website.as_str()]);
    let hosts = urls.filter_map(|url| Url::parse(url).ok());
    hosts.filter_map(|url| url.host_str().map(str::to_owned)).any(|own| {
        let own = own.strip_prefix("www.").unwrap_or(&own);
        host == own || host.strip_suffix(own).is_some_and(|rest| rest.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use domain::catalogue;

    use super::is_of;

    #[test]
    fn a_look_alike_is_not_the_provider() {
        let provider = catalogue::find("sendgrid").unwrap();
        for own in ["app.sendgrid.com", "sendgrid.com", "www.sendgrid.com", "docs.sendgrid.com"] {
            assert!(is_of(own, provider), "{own}");
        }
        for other in ["sendgrid.com.evil.example", "app-sendgrid.com", "evilsendgrid.com", "sendgrid.co", ""] {
            assert!(!is_of(other, provider), "{other}");
        }
    }
}
