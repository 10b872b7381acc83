//! A database's address as a secret's value holds it: `postgres://user:password@host:port/database?…`.

use domain::Value;
use percent_encoding::percent_decode_str;
use reqwest::Url;
use zeroize::Zeroizing;

/// How a connection is encrypted, in libpq's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SslMode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// An address, taken apart. What cannot be read in one way only is none.
pub(super) struct Address {
    url: Url,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) password: Zeroizing<String>,
    pub(super) database: String,
    pub(super) mode: SslMode,
}

impl Address {
    /// # Errors
    /// The rule that it breaks, in words that hold nothing of it.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let url =
            Url::parse(text.trim()).map_err(|_| "must be a URL like postgres://user:password@host:5432/database")?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err("must be a URL that begins with postgres:// or postgresql://");
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("must name a host")?;
        let decoded = |text: &str, rule| {
            let text = percent_decode_str(text).decode_utf8().map_err(|_| rule)?;
            if text.is_empty() || text.chars().any(char::is_control) { Err(rule) } else { Ok(text.into_owned()) }
        };
        let host = decoded(host.trim_matches(['[', ']']), "must name a host")?;
        let user = decoded(url.username(), "must name a user")?;
        let password = url.password().ok_or("must have a password")?;
        let password =
            Zeroizing::new(decoded(password, "must have a password, in UTF-8 and without control characters")?);
        let database = match url.path().trim_start_matches('/') {
            "" => user.clone(),
            path => decoded(path, "must name its database in UTF-8")?,
        };
        let mut mode = SslMode::Prefer;
        for (name, value) in url.query_pairs() {
            mode = match (name.as_ref(), value.as_ref()) {
                ("sslmode", "disable") => SslMode::Disable,
                ("sslmode", "allow" | "prefer") => SslMode::Prefer,
                ("sslmode", "require" | "no-verify") | ("ssl", "true" | "1") => SslMode::Require,
                ("sslmode", "verify-ca") => SslMode::VerifyCa,
                ("sslmode", "verify-full") => SslMode::VerifyFull,
                ("sslmode", _) => return Err("must have an sslmode of PostgreSQL's"),
                ("host" | "hostaddr" | "port" | "user" | "password" | "dbname", _) => {
                    return Err("must have host, user, password and database in their places, and not in the query");
                }
                _ => mode,
            };
        }
        let port = url.port().unwrap_or(5432);
        Ok(Self { host, port, user, password, database, mode, url })
    }

    /// The same with another user and password; nothing else of it changes.
    pub(super) fn with(&self, user: &str, password: &str) -> Option<Value> {
        let mut url = self.url.clone();
        // The name as it stands, if it is the same.
        if user != self.user {
            url.set_username(user).ok()?;
        }
        url.set_password(Some(password)).ok()?;
        Value::new(url.into()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, SslMode};

    #[test]
    fn read_and_written_back() {
        let text = "postgresql://us%40er:p%2Fw@db.example.com:6432/my%20db?sslmode=verify-full&application_name=a%26b&schema=public";
        let address = Address::parse(text).unwrap();
        assert_eq!((address.host.as_str(), address.port), ("db.example.com", 6432));
        assert_eq!(
            (address.user.as_str(), address.password.as_str(), address.database.as_str()),
            ("us@er", "p/w", "my db")
        );
        assert_eq!(address.mode, SslMode::VerifyFull);
        let next = address.with("us@er", "new-_1").unwrap();
        assert_eq!(next.expose(), text.replace("p%2Fw", "new-_1"));
        let other = address.with("a \"b\"@c:/", "x").unwrap();
        let read = Address::parse(other.expose()).unwrap();
        assert_eq!(
            (read.user.as_str(), read.host.as_str(), read.database.as_str()),
            ("a \"b\"@c:/", "db.example.com", "my db")
        );
        let short = Address::parse("postgres://app:pw@[::1]").unwrap();
        assert_eq!((short.host.as_str(), short.port, short.database.as_str()), ("::1", 5432, "app"));
        assert_eq!(short.mode, SslMode::Prefer);
    }

    #[test]
    fn what_could_be_read_otherwise_is_refused() {
        for text in [
            "",
            "app",
            "mysql://a:b@h/d",
            "https://a:b@h/d",
            "postgres://h/d",
            "postgres://a@h/d",
            "postgres://:b@h/d",
            "postgres:///d?host=/run",
            "postgres://a:b@h/d?host=other",
            "postgres://a:b@h/d?user=x",
            "postgres://a:b@h1,h2/d?port=1",
            "postgres://a:b@h/d?sslmode=none",
            "postgres://a%00:b@h/d",
            "postgres://a:%00@h/d",
        ] {
            let refused = Address::parse(text).err();
            assert!(refused.is_some_and(|rule| rule.starts_with("must ")), "{text}");
        }
    }
}
