//! The shown stand-in of a value.
//!
//! The rule (DESIGN, introduction): from 20 characters up the first four, `****` and the last four; 12 to 19 characters
//! show two and two; fewer show none. Always four asterisks, so the length is not told. Two kinds of value read better
//! another way: a connection string shows all but its password and its query, a PEM or JSON key shows its kind and a
//! short keyed fingerprint.

use crate::Value;

/// Schemes whose URLs carry `user:password@` and whose other parts are no secret. An `https` URL is not here: webhook
/// URLs and basic-auth URLs often keep their secret in the path or in the user.
const CONNECTION_SCHEMES: &[&str] = &[
    "amqp",
    "amqps",
    "clickhouse",
    "cockroachdb",
    "mariadb",
    "mongodb",
    "mongodb+srv",
    "mssql",
    "mysql",
    "nats",
    "postgres",
    "postgresql",
    "redis",
    "rediss",
    "smtp",
    "smtps",
    "sqlserver",
];

/// Masks `value`. `fingerprint` is a keyed digest of it (hex); its first eight characters are shown for PEM and JSON
/// keys only. It must be keyed, or a guessable JSON value could be confirmed from its mask.
pub fn mask(value: &Value, fingerprint: &str) -> String {
    let text = value.expose();
    if let Some(masked) = connection_string(text) {
        return masked;
    }
    if let Some(kind) = key_kind(text) {
        let short: String = fingerprint.chars().filter(char::is_ascii_hexdigit).take(8).collect();
        return format!("{kind} ****{short}");
    }
    plain(text)
}

fn plain(text: &str) -> String {
    let shown = match text.chars().count() {
        0..12 => return "****".to_owned(),
        12..20 => 2,
        _ => 4,
    };
    let visible = |c: char| if c.is_control() || c.is_whitespace() || c == '\u{feff}' { '·' } else { c };
    let first: String = text.chars().take(shown).map(visible).collect();
    let mut last: Vec<char> = text.chars().rev().take(shown).map(visible).collect();
    last.reverse();
    format!("{first}****{}", last.into_iter().collect::<String>())
}

fn connection_string(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    if !CONNECTION_SCHEMES.contains(&scheme) {
        return None;
    }
    // A password may hold `@` or `/` unescaped, so the host begins after the *last* `@`: that can hide more, never less.
    let (userinfo, target) = rest.rsplit_once('@')?;
    let (user, _password) = userinfo.split_once(':')?;
    let (target, query) = match target.split_once('?') {
        Some((target, _)) => (target, "?****"),
        None => (target, ""),
    };
    let harmless = |part: &str, also: &str| {
        part.len() <= 255 && part.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
    };
    let user = if harmless(user, "_.-") { user } else { "****" };
    let target = if harmless(target, "_.-:,/[]") { target } else { "****" };
    Some(format!("{scheme}://{user}:****@{target}{query}"))
}

fn key_kind(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix("-----BEGIN ") {
        let (label, _) = rest.split_once("-----")?;
        let fits = label.len() <= 40 && label.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == ' ');
        return fits.then(|| format!("PEM {label}"));
    }
    if text.starts_with('{') && text.len() >= 20 {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).ok()?;
        let known = object
            .get("type")
            .and_then(|kind| kind.as_str())
            .filter(|kind| ["service_account", "authorized_user"].contains(kind));
        return Some(known.map_or_else(|| "JSON".to_owned(), |kind| format!("JSON {kind}")));
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::mask;
    use crate::Value;

    fn masked(text: &str) -> String {
        mask(&Value::new(text.to_owned()).unwrap(), "3f9a12bc77")
    }

    #[test]
    fn lengths() {
        assert_eq!(masked("sk-proj-abc123xyz789"), "sk-p****z789");
        assert_eq!(masked("sk-proj-abc123xyz78"), "sk****78");
        assert_eq!(masked("123456789012"), "12****12");
        assert_eq!(masked("12345678901"), "****");
        assert_eq!(masked("x"), "****");
        assert_eq!(masked("ääääääääääääääääääää"), "ääää****ääää");
        assert_eq!(masked("key-with-line-break-at-the-end\n"), "key-****end·");
    }

    #[test]
    fn connection_strings_hide_password_and_query() {
        assert_eq!(masked("postgres://app:hunter2@db.example.com/app"), "postgres://app:****@db.example.com/app");
        assert_eq!(masked("postgres://app:p@ss/w@db:5432/app?sslpassword=x"), "postgres://app:****@db:5432/app?****");
        assert_eq!(masked("redis://:hunter2@cache:6379/0"), "redis://:****@cache:6379/0");
        assert_eq!(masked("mongodb+srv://a%40b:hunter2@c.example/x"), "mongodb+srv://****:****@c.example/x");
        assert_eq!(masked("postgres://db.example.com/application"), "post****tion");
        assert_eq!(masked("https://hooks.slack.com/services/T000/B000/XXXX"), "http****XXXX");
        assert_eq!(masked("https://ghp_secretsecretsecret:x@github.com/a"), "http****om/a");
    }

    #[test]
    fn keys_show_their_kind() {
        assert_eq!(
            masked("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n"),
            "PEM RSA PRIVATE KEY ****3f9a12bc"
        );
        assert_eq!(masked(r#"{"type":"service_account","private_key":"x"}"#), "JSON service_account ****3f9a12bc");
        assert_eq!(masked(r#"{"type":"hunter2hunter2","a":"b"}"#), "JSON ****3f9a12bc");
        assert_eq!(masked(r#"{"not json, so masked plainly"#), "{\"no****inly");
    }

    proptest! {
        #[test]
        fn never_more_than_eight_characters_never_more_than_half(text in "\\PC{1,200}") {
            prop_assume!(super::connection_string(&text).is_none() && super::key_kind(&text).is_none());
            let masked = masked(&text);
            prop_assert!(masked.contains("****"));
            let shown = masked.chars().count() - 4;
            prop_assert!(shown <= 8);
            prop_assert!(shown * 2 <= text.chars().count());
        }

        #[test]
        fn a_connection_strings_password_never_shows(user in "[a-z]{1,10}", password in "[!-~]{6,40}", host in "[a-z.]{1,20}") {
            let masked = masked(&format!("postgres://{user}:{password}@{host}/db"));
            // Compared with a run that only the password has, since it may by chance be part of the host.
            prop_assert!(!masked.contains(&password) || host.contains(&password));
        }

        #[test]
        fn equal_masks_for_lengths_that_differ(middle in "[a-z]{20,40}") {
            prop_assert_eq!(masked(&format!("abcd{middle}wxyz")), "abcd****wxyz");
        }
    }
}
