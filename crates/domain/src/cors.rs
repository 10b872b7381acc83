//! From which web pages a function may be called.

use std::collections::BTreeSet;

use crate::Invalid;

/// Most origins of one function.
const MOST: usize = 50;

/// The origins whose pages may call a function and read its answers. An empty set is none by the gateway's leave: the
/// function then answers browsers' questions itself (invariant 7).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CorsOrigins(BTreeSet<String>);

impl CorsOrigins {
    /// Reads the API's list: `*` alone, or origins as browsers send them (`https://app.example.com`, with a port if it
    /// is not the scheme's own).
    ///
    /// # Errors
    /// `origin_invalid`, `too_many`.
    pub fn parse<'a>(origins: impl IntoIterator<Item = &'a str>) -> Result<Self, Invalid> {
        let origins: BTreeSet<String> = origins.into_iter().map(str::to_owned).collect();
        if origins.len() > MOST {
            return Err(Invalid::new("cors_origins", "too_many", format!("must be at most {MOST}")));
        }
        let any = origins.contains("*");
        if (any && origins.len() > 1) || origins.iter().any(|origin| origin != "*" && !is_origin(origin)) {
            return Err(Invalid::new(
                "cors_origins",
                "origin_invalid",
                "must be `*` alone, or origins like `https://app.example.com` in small letters, without a path",
            ));
        }
        Ok(Self(origins))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether pages of every origin may call.
    pub fn is_any(&self) -> bool {
        self.0.contains("*")
    }

    /// Whether pages of this origin, as a browser sends it, may call.
    pub fn allow(&self, origin: &str) -> bool {
        self.is_any() || self.0.contains(origin)
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// As the database keeps it: parted by spaces.
    pub fn to_text(&self) -> String {
        self.iter().collect::<Vec<_>>().join(" ")
    }

    /// Reads [`CorsOrigins::to_text`].
    ///
    /// # Errors
    /// The rule that an origin broke.
    pub fn from_text(text: &str) -> Result<Self, Invalid> {
        Self::parse(text.split(' ').filter(|origin| !origin.is_empty()))
    }
}

/// `scheme://host` or `scheme://host:port`, as RFC 6454 writes origins. `null` is not among them: any page can have it.
fn is_origin(text: &str) -> bool {
    let Some((scheme, place)) = text.split_once("://") else { return false };
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (place, None),
    };
    let name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let in_brackets = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_fits = match in_brackets {
        Some(address) => !address.is_empty() && address.bytes().all(|byte| byte == b':' || byte == b'.' || name(byte)),
        None => !host.is_empty() && host.bytes().all(|byte| matches!(byte, b'.' | b'-' | b'_') || name(byte)),
    };
    let own = if scheme == "http" { 80 } else { 443 };
    let port_fits = port.is_none_or(|port| {
        let digits = !port.starts_with('0') && port.bytes().all(|byte| byte.is_ascii_digit());
        digits && port.parse::<u16>().is_ok_and(|port| port != own)
    });
    matches!(scheme, "http" | "https") && host_fits && port_fits && text.len() <= 300
}

#[cfg(test)]
mod tests {
    use super::CorsOrigins;

    #[test]
    fn origins_as_browsers_send_them_and_nothing_else() {
        for good in ["https://app.example.com", "http://localhost:3000", "https://[::1]:8443", "http://10.0.0.1"] {
            let origins = CorsOrigins::parse([good]);
            assert!(
                origins.is_ok_and(|origins| origins.allow(good) && !origins.allow("https://evil.example")),
                "{good}"
            );
        }
        for bad in [
            "",
            "null",
            "example.com",
            "https://",
            "https://a/",
            "https://a/b",
            "https://A.example",
            "ftp://a",
            "https://a:",
            "https://a:443",
            "http://a:80",
            "http://a:080",
            "https://a:99999",
            "https://u@a",
            "https://*.example.com",
            "https://a b",
            "https://[::1",
            "https://a?b",
            "https://a\r\nx: y",
            "*.example.com",
        ] {
            assert!(CorsOrigins::parse([bad]).is_err(), "{bad}");
        }
        assert!(CorsOrigins::parse(["*", "https://a"]).is_err());
        assert!(CorsOrigins::parse(["*"]).is_ok_and(|any| any.is_any() && any.allow("null")));
        let many: Vec<String> = (0..51).map(|n| format!("https://a{n}")).collect();
        assert!(CorsOrigins::parse(many.iter().map(String::as_str)).is_err());
    }

    #[test]
    fn none_is_none_also_from_the_database() {
        let none = CorsOrigins::from_text("");
        assert!(none.is_ok_and(|none| none.is_empty() && !none.allow("https://a")));
        let two = CorsOrigins::parse(["https://b", "https://a"]).unwrap_or_default();
        assert_eq!(two.to_text(), "https://a https://b");
        assert_eq!(CorsOrigins::from_text(&two.to_text()), Ok(two));
    }
}
