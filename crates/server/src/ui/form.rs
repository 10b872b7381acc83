//! Forms: who may send one, and how one is read without leaving a copy of a value behind.
//!
//! A form must come from our own page. The session cookie is `SameSite=Strict`, `guard::same_site` refuses a foreign
//! `Origin`, and [`own_pages_only`] closes what is left: a browser that sends neither `Origin` nor `Sec-Fetch-Site`.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, StatusCode, header, request::Parts};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode;
use zeroize::Zeroizing;

use super::layout::ErrorPage;

/// Lets a change through only if the browser says that it comes from a page of this server or from its user.
pub(super) async fn own_pages_only(request: Request, next: Next) -> Response {
    if request.method().is_safe() || says_own(request.headers()) {
        return next.run(request).await;
    }
    let what = "This form did not come from a page of Tresor. Open the page again and repeat what you did.";
    ErrorPage::bare(StatusCode::FORBIDDEN, "That form was refused", what).into_response()
}

fn says_own(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    match site {
        Some("same-origin" | "none") => true,
        Some(_) => false,
        // `guard::same_site` has compared it with our own.
        None => headers.contains_key(header::ORIGIN),
    }
}

/// The fields of a form. Their texts are zeroized when dropped.
#[derive(Default)]
pub(super) struct Fields(Vec<(String, Zeroizing<String>)>);

impl Fields {
    /// Reads `application/x-www-form-urlencoded`. `None` if a field is not UTF-8 or comes twice.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Self::default();
        for pair in bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let (key, text) = match pair.iter().position(|byte| *byte == b'=') {
                Some(at) => (pair.get(..at)?, pair.get(at + 1..)?),
                None => (pair, [].as_slice()),
            };
            let key = decode(key)?.to_string();
            if fields.0.iter().any(|(known, _)| *known == key) {
                return None;
            }
            fields.0.push((key, decode(text)?));
        }
        Some(fields)
    }

    /// A field without the spaces around it; `None` if nothing is left.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, text)| text.trim()).filter(|text| !text.is_empty())
    }

    /// A field of several lines, as it was typed; empty if it is not there.
    pub(super) fn lines(&self, name: &str) -> String {
        let text = self.0.iter().find(|(key, _)| key == name).map(|(_, text)| text.as_str());
        text.unwrap_or_default().replace("\r\n", "\n")
    }

    /// As [`Fields::lines`], taken out.
    pub(super) fn take_lines(&mut self, name: &str) -> Zeroizing<String> {
        let Some(at) = self.0.iter().position(|(key, _)| key == name) else { return Zeroizing::default() };
        let (_, typed) = self.0.swap_remove(at);
        Zeroizing::new(typed.replace("\r\n", "\n"))
    }

    /// What follows `prefix` in the names of the fields that begin with it.
    pub(super) fn starting_with(&self, prefix: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(move |(key, _)| key.strip_prefix(prefix))
    }

    /// The value of a secret. Browsers send line breaks as CRLF, whatever was pasted: they become LF again. A single
    /// line loses the line break that came along when it was copied.
    pub(super) fn take_value(&mut self) -> String {
        self.take_value_of("value")
    }

    /// As [`Fields::take_value`], of a field of another name.
    pub(super) fn take_value_of(&mut self, name: &str) -> String {
        let Some(at) = self.0.iter().position(|(key, _)| key == name) else { return String::new() };
        let (_, typed) = self.0.swap_remove(at);
        let mut value = typed.replace("\r\n", "\n");
        let line = value.trim_end_matches('\n').len();
        if !value.get(..line).is_some_and(|line| line.contains('\n')) {
            value.truncate(line);
        }
        value
    }
}

fn decode(part: &[u8]) -> Option<Zeroizing<String>> {
    let spaced: Zeroizing<Vec<u8>> =
        Zeroizing::new(part.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect());
    let mut bytes = Zeroizing::new(Vec::with_capacity(spaced.len()));
    bytes.extend(percent_decode(&spaced));
    std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = ErrorPage;

    async fn from_request(request: Request, state: &S) -> Result<Self, ErrorPage> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("application/x-www-form-urlencoded") {
            let what = "Send the form from its page.";
            return Err(ErrorPage::bare(StatusCode::UNSUPPORTED_MEDIA_TYPE, "That is not a form", what));
        }
        let refused = |status, what: &str| ErrorPage::bare(status, "That form could not be read", what);
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => refused(
                StatusCode::PAYLOAD_TOO_LARGE,
                "It is too large. A value holds at most 65,536 bytes, a file of secrets 1 MiB.",
            ),
            status => refused(status, "It did not arrive whole. Go back and send it again."),
        })?;
        Self::parse(&bytes).ok_or_else(|| {
            refused(StatusCode::BAD_REQUEST, "A field is not UTF-8 text, or comes twice. Nothing was changed.")
        })
    }
}

/// The query of a page. One that cannot be read counts as none.
pub(super) struct Params(pub(super) Fields);

impl Params {
    /// A parameter, if it was given with any text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.text(name)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(Fields::parse(parts.uri.query().unwrap_or_default().as_bytes()).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Fields, says_own};
    use axum::http::HeaderMap;

    fn fields(body: &str) -> Fields {
        Fields::parse(body.as_bytes()).unwrap()
    }

    #[test]
    fn reads_what_browsers_send() {
        let form = fields("name=+A%2BB+&note=one%0D%0Atwo&empty=&bare");
        assert_eq!(form.text("name"), Some("A+B"));
        assert_eq!(form.lines("note"), "one\ntwo");
        assert_eq!((form.text("empty"), form.text("bare"), form.text("absent")), (None, None, None));
        assert!(Fields::parse(b"value=%ff").is_none(), "not UTF-8");
        assert!(Fields::parse(b"a=1&a=2").is_none(), "twice");
    }

    #[test]
    fn values_keep_their_spaces_and_lines() {
        assert_eq!(fields("value=+sk-1+%0D%0A").take_value(), " sk-1 ");
        assert_eq!(fields("value=-----BEGIN%0D%0Aabc%0D%0A").take_value(), "-----BEGIN\nabc\n");
        assert_eq!(fields("value=").take_value(), "");
        assert_eq!(fields("").take_value(), "");
    }

    #[test]
    fn only_our_own_pages_send_forms() {
        let headers = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
            pairs
                .iter()
                .map(|(name, text)| {
                    (axum::http::HeaderName::from_static(name), axum::http::HeaderValue::from_static(text))
                })
                .collect()
        };
        assert!(!says_own(&headers(&[])));
        assert!(says_own(&headers(&[("origin", "http://127.0.0.1:7200")])));
        assert!(says_own(&headers(&[("sec-fetch-site", "same-origin")])));
        assert!(says_own(&headers(&[("sec-fetch-site", "none")])));
        assert!(!says_own(&headers(&[("sec-fetch-site", "same-site")])));
        assert!(!says_own(&headers(&[("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:7200")])));
    }
}
