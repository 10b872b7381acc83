//! Names that people choose. A secret's name becomes an environment variable, so it is attack surface
//! (`research/security.md` §3.6: `LD_PRELOAD`, `OTEL_*`, `SSLKEYLOGFILE` … each did harm from inside a worker).

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::{Invalid, limits};

/// Prefixes that a runtime, loader or proxy reads, each with what it could do. Compared without regard to case.
const RESERVED_PREFIXES: &[(&str, &str)] = &[
    ("LD_", "the dynamic loader would run code from it"),
    ("DYLD_", "the dynamic loader would run code from it"),
    ("DENO_", "it configures the Deno runtime"),
    ("NODE_", "it configures the Node.js compatibility layer"),
    ("OTEL_", "it would send telemetry to a host of its choosing"),
    ("SSL", "it changes which certificates are trusted or where TLS keys are written"),
    ("NPM_CONFIG_", "it configures package downloads"),
    ("MALLOC_", "it configures the memory allocator"),
    ("RUST_", "it configures the Rust runtime"),
    ("V8_", "it configures the JavaScript engine"),
    ("LC_", "it changes the locale"),
    ("TRESOR_", "it is Tresor's own"),
    ("GCONV_", "the C library would load code from it"),
    ("BASH_FUNC_", "a shell would run code from it"),
];

/// Exact names, likewise.
const RESERVED_NAMES: &[(&str, &str)] = &[
    ("HTTP_PROXY", "it redirects outgoing requests"),
    ("HTTPS_PROXY", "it redirects outgoing requests"),
    ("ALL_PROXY", "it redirects outgoing requests"),
    ("NO_PROXY", "it redirects outgoing requests"),
    ("FTP_PROXY", "it redirects outgoing requests"),
    ("PATH", "it decides which programs run"),
    ("HOME", "it decides which configuration is read"),
    ("USER", "the system sets it"),
    ("SHELL", "the system sets it"),
    ("PWD", "the system sets it"),
    ("TMPDIR", "it decides where temporary files go"),
    ("TMP", "it decides where temporary files go"),
    ("TEMP", "it decides where temporary files go"),
    ("LANG", "it changes the locale"),
    ("LANGUAGE", "it changes the locale"),
    ("TZ", "it changes the time zone and reads a file"),
    ("TERM", "it changes how output is written"),
    ("NO_COLOR", "it changes how output is written"),
    ("FORCE_COLOR", "it changes how output is written"),
    ("GLIBC_TUNABLES", "it configures the C library"),
    ("HOSTALIASES", "it redirects name lookups"),
    ("LOCALDOMAIN", "it redirects name lookups"),
    ("RES_OPTIONS", "it redirects name lookups"),
    ("RESOLV_HOST_CONF", "it redirects name lookups"),
    ("IFS", "a shell would split words by it"),
    ("ENV", "a shell would run code from it"),
    ("BASH_ENV", "a shell would run code from it"),
    ("_", "the shell sets it"),
];

/// The name of a secret: `[A-Z_][A-Z0-9_]*`, at most 128 characters, not reserved.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SecretName(String);

impl SecretName {
    /// Checks `text` against the rules above.
    ///
    /// # Errors
    /// `name_empty`, `name_too_long`, `name_invalid` or `name_reserved` (with the reason).
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid = |code, detail: String| Err(Invalid::new("name", code, detail));
        if text.is_empty() {
            return invalid("name_empty", "must not be empty".to_owned());
        }
        if text.chars().count() > limits::SECRET_NAME_CHARS {
            return invalid("name_too_long", format!("must be at most {} characters", limits::SECRET_NAME_CHARS));
        }
        let first_ok = text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
        if !first_ok || !text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_') {
            return invalid(
                "name_invalid",
                "must be capital letters, digits and underscores and not start with a digit, like STRIPE_SECRET_KEY"
                    .to_owned(),
            );
        }
        if let Some(reason) = reserved_reason(text) {
            return invalid("name_reserved", format!("{text} is reserved: {reason}; choose another name"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a name may not be a secret's, if so.
fn reserved_reason(name: &str) -> Option<&'static str> {
    let exact = RESERVED_NAMES.iter().find(|(reserved, _)| *reserved == name);
    let prefix = RESERVED_PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix));
    exact.or(prefix).map(|(_, reason)| *reason)
}

macro_rules! slug {
    ($(#[$doc:meta])* $name:ident, $field:literal $(, except $reserved:literal because $reason:literal)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Checks `text`: `[a-z][a-z0-9-]*`, at most 64 characters, no `-` at the end.
            ///
            /// # Errors
            /// `name_empty`, `name_too_long` or `name_invalid`, for the field this kind of name has in the API.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                $(if text == $reserved {
                    return Err(Invalid::new($field, "name_reserved", concat!($reserved, " is reserved: ", $reason, "; choose another name")));
                })?
                parse_slug($field, text).map(Self)
            }

            /// The name's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        name_traits!($name);
    };
}

macro_rules! name_traits {
    ($name:ident) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
            }
        }
    };
}

name_traits!(SecretName);
slug!(
    /// The name of a function, as it stands in its URL.
    FunctionName,
    "name",
    except "v1" because "it stands in the gateway's own paths"
);
slug!(
    /// The name of an environment: `production` (always there), `test`, …
    EnvironmentName,
    "environment"
);
slug!(
    /// The name of an account, as it stands in its gateway URL.
    AccountName,
    "account"
);
slug!(
    /// The name of a token, for people; it is not secret.
    TokenName,
    "name"
);
slug!(
    /// The name of a member: a person in an account.
    MemberName,
    "name"
);
slug!(
    /// The name of a group of members, which an access policy can name.
    GroupName,
    "group"
);
slug!(
    /// The name of an issuer of JWTs.
    IssuerName,
    "name"
);

slug!(
    /// The name of a webhook.
    WebhookName,
    "name"
);

impl EnvironmentName {
    /// The environment that every account has and that is meant when none is named.
    pub fn production() -> Self {
        Self("production".to_owned())
    }
}

impl AccountName {
    /// The account that the first start makes.
    pub fn default_account() -> Self {
        Self("default".to_owned())
    }
}

fn parse_slug(field: &'static str, text: &str) -> Result<String, Invalid> {
    if text.is_empty() {
        return Err(Invalid::new(field, "name_empty", "must not be empty"));
    }
    if text.chars().count() > limits::SLUG_CHARS {
        return Err(Invalid::new(field, "name_too_long", format!("must be at most {} characters", limits::SLUG_CHARS)));
    }
    let charset = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !charset || !text.starts_with(|c: char| c.is_ascii_lowercase()) || text.ends_with('-') {
        let rule =
            "must be small letters, digits and hyphens, start with a letter and not end with a hyphen, like send-mail";
        return Err(Invalid::new(field, "name_invalid", rule));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{EnvironmentName, FunctionName, SecretName};

    fn code(name: &str) -> &'static str {
        SecretName::parse(name).err().map_or("ok", |e| e.code)
    }

    #[test]
    fn secret_names() {
        for good in ["OPENAI_API_KEY", "A", "_X", "A1", "SL_X", "PATHS", "MY_PATH", "DATABASE_URL"] {
            assert_eq!(code(good), "ok", "{good}");
        }
        assert_eq!(code(""), "name_empty");
        assert_eq!(code(&"A".repeat(128)), "ok");
        assert_eq!(code(&"A".repeat(129)), "name_too_long");
        for bad in ["a", "Api_Key", "1A", "A-B", "A B", "A=B", "A\0", "Ä", "A\n", "${A}"] {
            assert_eq!(code(bad), "name_invalid", "{bad:?}");
        }
    }

    /// Every line of `research/security.md` §3.6.
    #[test]
    fn reserved_secret_names_say_why() {
        for reserved in [
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "DENO_V8_FLAGS",
            "DENO_PERMISSION_BROKER_PATH",
            "NODE_OPTIONS",
            "OTEL_DENO",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "SSLKEYLOGFILE",
            "SSL_CERT_FILE",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "ALL_PROXY",
            "NO_PROXY",
            "NPM_CONFIG_REGISTRY",
            "PATH",
            "HOME",
            "TMPDIR",
            "GLIBC_TUNABLES",
            "MALLOC_ARENA_MAX",
            "RUST_LOG",
            "V8_FLAGS",
            "NO_COLOR",
            "FORCE_COLOR",
            "LC_ALL",
            "LANG",
            "TZ",
            "TRESOR_TOKEN",
            "_",
        ] {
            let error = SecretName::parse(reserved).err();
            assert_eq!(error.as_ref().map(|e| e.code), Some("name_reserved"), "{reserved}");
            assert!(error.is_some_and(|e| e.detail.contains("reserved: ") && e.detail.contains("choose another")));
        }
    }

    #[test]
    fn slugs() {
        assert!(FunctionName::parse("send-mail2").is_ok());
        for bad in ["", "-a", "a-", "A", "1a", "a_b", "a/b", "..", "a.b", "é"] {
            assert!(FunctionName::parse(bad).is_err(), "{bad:?}");
        }
        assert!(FunctionName::parse(&"a".repeat(65)).is_err());
        assert_eq!(FunctionName::parse("v1").err().map(|e| e.code), Some("name_reserved"));
        assert_eq!(EnvironmentName::parse("Prod").err().map(|e| e.field), Some("environment".to_owned()));
    }
}
