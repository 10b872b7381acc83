//! Who a client says it is: a document at its own address (a client ID metadata document), or a registration that it carries
//! with it, authenticated by this server, so that nothing is stored of who was never let in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{AccountId, AccountName, Invalid, acts_or_hides};
use envelope::AccountKey;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use crate::service::{Error, Service};

const PREFIX: &str = "trd_";
const NAME_CHARS: usize = 64;
const REDIRECTS: usize = 10;
const URI_BYTES: usize = 512;
/// Schemes that act in a browser instead of opening something.
const ACTING: [&str; 7] = ["javascript", "data", "vbscript", "file", "blob", "about", "filesystem"];

/// What a client says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Registration {
    #[serde(default)]
    pub(crate) client_name: String,
    pub(crate) redirect_uris: Vec<String>,
}

/// A client, as far as it is known.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) id: String,
    /// What it calls itself; never empty.
    pub(crate) name: String,
    /// The host that its id's document was read from; `None`: anybody can have registered it.
    pub(crate) host: Option<String>,
    redirect_uris: Vec<String>,
}

impl Registration {
    /// Checks and cleans what a client says.
    fn checked(mut self) -> Result<Self, Invalid> {
        let invalid = |rule: &str| Err(Invalid::new("redirect_uris", "invalid_redirect_uri", rule));
        if self.redirect_uris.is_empty() || self.redirect_uris.len() > REDIRECTS {
            return invalid("must be 1 to 10");
        }
        if !self.redirect_uris.iter().all(|uri| may_redirect(uri)) {
            return invalid("must be https, http of this machine, or a program's own scheme, without a fragment");
        }
        let name = self.client_name.trim().chars().filter(|c| !acts_or_hides(*c)).take(NAME_CHARS);
        self.client_name = name.collect();
        Ok(self)
    }
}

impl Client {
    fn new(id: String, host: Option<String>, registration: Registration) -> Self {
        let name = match (registration.client_name, &host) {
            (name, _) if !name.is_empty() => name,
            (_, Some(host)) => host.clone(),
            _ => "a program without a name".to_owned(),
        };
        Self { id, name, host, redirect_uris: registration.redirect_uris }
    }

    /// Whether the client may be answered at `uri`: one that it named, character by character. Of this machine, any port: a
    /// program takes the one that is free (RFC 8252, 7.3).
    pub(crate) fn is_redirect(&self, uri: &str) -> bool {
        may_redirect(uri) && self.redirect_uris.iter().any(|known| known == uri || same_but_port(known, uri))
    }
}

impl Service {
    /// Registers a client (RFC 7591). Its id holds all of it.
    pub(crate) async fn register_client(&self, registration: Registration) -> Result<(String, Registration), Error> {
        let registration = registration.checked()?;
        let body = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&registration).unwrap_or_default());
        let tag = self.client_tag(&body).await?;
        Ok((format!("{PREFIX}{body}.{tag}"), registration))
    }

    /// The client of that id. A document is fetched for it, from the internet only.
    pub(super) async fn client(&self, id: &str) -> Result<Client, Error> {
        let unknown = |rule: &str| Error::from(Invalid::new("client_id", "client_unknown", rule));
        if let Some(rest) = id.strip_prefix(PREFIX) {
            let (body, tag) = rest.split_once('.').ok_or_else(|| unknown("is cut"))?;
            if !self.has_tagged(body, tag).await? {
                return Err(unknown("was not registered here"));
            }
            let bytes = URL_SAFE_NO_PAD.decode(body).map_err(|_| unknown("is cut"))?;
            let registration = serde_json::from_slice(&bytes).map_err(|_| unknown("is cut"))?;
            return Ok(Client::new(id.to_owned(), None, registration));
        }
        let url = Url::parse(id).map_err(|_| unknown("must be registered here, or be the address of a document"))?;
        let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        if !plain || url.as_str() != id || url.path() == "/" || id.len() > URI_BYTES {
            return Err(unknown("must be an https address with a path, as it is written"));
        }
        let text = self.inner.jwts.document(id).await;
        let text = text.map_err(|error| unknown(&format!("names a document that {error}")))?;
        let document: Document =
            serde_json::from_slice(&text).map_err(|_| unknown("names something that is no client's document"))?;
        if document.client_id != id {
            return Err(unknown("names a document of another client"));
        }
        let registration = document.registration.checked()?;
        Ok(Client::new(id.to_owned(), url.host_str().map(str::to_owned), registration))
    }

    async fn client_tag(&self, body: &str) -> Result<String, Error> {
        let key = self.keyring.account(&self.store, &self.first_account().await?).await?;
        Ok(tag_by(&key, body))
    }

    /// Whether the tag is one of this server's: by the key of now, or by one before it. Clients keep their ids.
    async fn has_tagged(&self, body: &str, tag: &str) -> Result<bool, Error> {
        let is = |expected: &str| bool::from(expected.as_bytes().ct_eq(tag.as_bytes()));
        if is(&self.client_tag(body).await?) {
            return Ok(true);
        }
        let earlier = self.keyring.earlier(&self.store, &self.first_account().await?).await?;
        Ok(earlier.iter().any(|key| is(&tag_by(key, body))))
    }

    /// Whoever registers is of no account: the first one's key stands for the server.
    async fn first_account(&self) -> Result<AccountId, Error> {
        let first = self.store.account_by_name(&AccountName::default_account()).await?;
        Ok(first.ok_or(Error::Broken("there is no account `default`"))?.id)
    }
}

fn tag_by(key: &AccountKey, body: &str) -> String {
    hex::encode(key.fingerprint("oauth client", body.as_bytes()))
}

/// A client ID metadata document.
#[derive(Deserialize)]
struct Document {
    client_id: String,
    #[serde(flatten)]
    registration: Registration,
}

/// Where answers may go at all.
fn may_redirect(uri: &str) -> bool {
    let Ok(url) = Url::parse(uri) else { return false };
    let plain = url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    // RFC 3986 has no place for these; a page or a program could take them for something else.
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    let clean = uri.len() <= URI_BYTES && uri.bytes().all(fits);
    let place = match url.scheme() {
        "https" => url.has_host(),
        "http" => is_this_machine(&url),
        scheme => !ACTING.contains(&scheme),
    };
    plain && clean && place
}

fn is_this_machine(url: &Url) -> bool {
    matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"))
}

fn same_but_port(known: &str, uri: &str) -> bool {
    let (Ok(mut known), Ok(mut uri)) = (Url::parse(known), Url::parse(uri)) else { return false };
    let local = |url: &Url| url.scheme() == "http" && is_this_machine(url);
    local(&known) && local(&uri) && known.set_port(None).is_ok() && uri.set_port(None).is_ok() && known == uri
}

#[cfg(test)]
mod tests {
    use super::{Client, Registration};

    fn client(uris: &[&str]) -> Option<Client> {
        let redirect_uris = uris.iter().map(|uri| (*uri).to_owned()).collect();
        let registration = Registration { client_name: "A\u{202e}b\u{0} ".to_owned(), redirect_uris };
        Some(Client::new("x".to_owned(), None, registration.checked().ok()?))
    }

    #[test]
    fn answers_go_where_the_client_said() {
        let known = client(&["https://a.example/cb?x=1", "http://127.0.0.1/cb", "cursor://app/cb"]).unwrap();
        assert_eq!(known.name, "Ab");
        for good in ["https://a.example/cb?x=1", "http://127.0.0.1:1234/cb", "http://127.0.0.1/cb", "cursor://app/cb"] {
            assert!(known.is_redirect(good), "{good}");
        }
        for bad in [
            "https://a.example/cb",
            "https://a.example/cb?x=1&y=2",
            "https://a.example:444/cb?x=1",
            "https://a.example.evil.example/cb?x=1",
            "https://a.example@evil.example/cb?x=1",
            "http://a.example/cb?x=1",
            "http://127.0.0.1:1234/cb/../evil",
            "http://127.0.0.1:1234/cb?x",
            "http://127.0.0.1:1234/other",
            "http://localhost:1234/cb",
            "http://127.0.0.1.evil.example/cb",
            "https://127.0.0.1:1234/cb",
            "cursor://app/other",
            "",
        ] {
            assert!(!known.is_redirect(bad), "{bad}");
        }
    }

    #[test]
    fn what_acts_is_no_place_for_answers() {
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "http://evil.example/cb",
            "https://a.example/cb#x",
            "https://user:pass@a.example/cb",
            "https://a.example/\"onload=",
            "not a uri",
        ] {
            assert!(client(&[bad]).is_none(), "{bad}");
        }
        assert!(client(&[]).is_none() && client(&["https://a.example/"; 11]).is_none());
    }
}
