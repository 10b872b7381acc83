//! Which values are looked for. One that stands in every other line anyway hides nothing, and to replace it would turn logs to
//! confetti; one that a function is there to tell (its own address, a sender's) is none of the response guard's business.

use std::net::Ipv4Addr;

use super::{MIN_BYTES, SHORT_BYTES};

/// What settings are set to. Whoever guesses a password guesses these first.
const COMMON: [&str; 87] = [
    "access",
    "account",
    "accounts",
    "administrator",
    "anonymous",
    "application",
    "authenticated",
    "backend",
    "billing",
    "changeme",
    "client",
    "config",
    "console",
    "contact",
    "content",
    "customer",
    "customers",
    "dashboard",
    "database",
    "debugging",
    "default",
    "description",
    "development",
    "disabled",
    "domain",
    "enabled",
    "english",
    "environment",
    "errors",
    "example",
    "example.com",
    "external",
    "frontend",
    "function",
    "functions",
    "general",
    "google",
    "handler",
    "internal",
    "invalid",
    "localhost",
    "manager",
    "master",
    "memory",
    "message",
    "mongodb",
    "network",
    "no-reply",
    "nobody",
    "noreply",
    "notifications",
    "number",
    "object",
    "openai",
    "orders",
    "password",
    "payments",
    "postgres",
    "postgresql",
    "preview",
    "primary",
    "private",
    "production",
    "project",
    "projects",
    "public",
    "release",
    "request",
    "response",
    "sandbox",
    "secondary",
    "secret",
    "secrets",
    "server",
    "service",
    "staging",
    "standard",
    "string",
    "stripe",
    "support",
    "system",
    "testing",
    "undefined",
    "username",
    "verbose",
    "warning",
    "website",
];

/// Whether texts are searched for `value`.
pub(super) fn is_looked_for(value: &str) -> bool {
    value.len() >= MIN_BYTES && !is_common(value.trim())
}

/// Whether a response that holds `value` tells something that it should not.
pub(super) fn is_telling(value: &str) -> bool {
    let value = value.trim();
    value.len() >= SHORT_BYTES && is_looked_for(value) && !is_address(value)
}

/// A word of the list, or the name of a region: `us-east-1`, `europe-west4`, `eu-central-1a`.
fn is_common(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    COMMON.contains(&lower.as_str()) || {
        let mut parts = lower.trim_end_matches(|c: char| c.is_ascii_lowercase()).split('-');
        let (area, side, rest) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let word = |text: &str| (2..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase());
        let numbered = |text: &str| {
            let side = text.trim_end_matches(|c: char| c.is_ascii_digit());
            side.len() < text.len()
                && ["north", "south", "east", "west", "central"].iter().any(|name| side.contains(name))
        };
        match (side, rest) {
            (Some(side), None) => word(area) && numbered(side),
            (Some(side), Some(number)) => {
                word(area) && numbered(&format!("{side}{number}")) && number.len() <= 2 && parts.next().is_none()
            }
            _ => false,
        }
    }
}

/// A host, an e-mail address, or a URL that holds neither credentials nor anything below the host.
fn is_address(value: &str) -> bool {
    let host = |text: &str| {
        let name = text.split_once(':').map_or(text, |(name, _)| name);
        let labels: Vec<&str> = name.split('.').collect();
        let plain = |label: &&str| {
            !label.is_empty()
                && label.len() < 24
                && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        // No domain at the top has a digit in it; an address has digits only.
        let is_last = |last: &&str| {
            (last.len() < 12 && last.bytes().all(|byte| byte.is_ascii_lowercase())) || name.parse::<Ipv4Addr>().is_ok()
        };
        labels.iter().all(plain) && (labels.len() > 1 || name == "localhost") && labels.last().is_some_and(is_last)
    };
    let after = ["https://", "http://", "wss://", "ws://"].iter().find_map(|scheme| value.strip_prefix(scheme));
    match (after, value.split_once('@')) {
        (Some(rest), None) => host(rest.strip_suffix('/').unwrap_or(rest)),
        (None, Some((who, at))) => {
            (1..=64).contains(&who.len())
                && who.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-_".contains(&byte))
                && host(at)
        }
        (None, None) => host(value) && value.bytes().any(|byte| byte == b'.' || byte == b':'),
        (Some(_), Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{COMMON, is_looked_for, is_telling};

    #[test]
    fn ordinary_words_are_not_hidden() {
        for value in [
            "12345",
            "true",
            "production",
            "Production",
            "localhost\n",
            "us-east-1",
            "europe-west4",
            "eu-central-1a",
            "us-gov-west-1",
        ] {
            assert_eq!(is_looked_for(value), value == "us-gov-west-1", "{value}");
        }
        for value in
            ["hunter2", "123456", "correct-horse-1", "us-east-secret-1", "Tr0ub4dor", "sk-live", "productions-key"]
        {
            assert!(is_looked_for(value), "{value}");
        }
        let mut sorted = COMMON.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), COMMON.len());
    }

    #[test]
    fn what_a_response_may_hold() {
        for value in [
            "production",
            "hunter2",
            "short-value",
            "api.example.com",
            "db.internal.example.com:5432",
            "localhost:3000",
            "https://app.example.com",
            "192.168.100.200:5432",
            "https://app.example.com:8443/",
            "noreply@example.com",
            "ada.lovelace+news@mail.example.com",
        ] {
            assert!(!is_telling(value), "{value}");
        }
        for value in [
            "correct horse battery",
            "https://hooks.slack.com/services/T0/B0/abcdef",
            "https://user:pass@app.example.com",
            "https://app.example.com?key=1",
            "postgres://app:pw@db.example.com/app",
            "sk-proj-0123456789",
            "a1b2c3d4e5f6.g7h8i9j0",
            "SG.abcdefghijklmnopqrstuv.0123456789",
            "0123456789abcdef0123456789abcdef",
            "p4ssw0rd@example.com/x",
            "abcdefghijklmnopqrstuvwxyzabcdef.example.com",
        ] {
            assert!(is_telling(value), "{value}");
        }
    }
}
