//! The browser's session: its cookie, and the extractor that every page but the login asks for.

use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, HeaderValue, header, request::Parts};
use axum::response::{IntoResponse, Redirect, Response};
use domain::{RequestId, Timestamp};

use super::layout::{self, ErrorPage};
use super::{SESSION_COOKIES, next, time};
use crate::clock;
use crate::service::{Caller, Error, Service};
use crate::sites::Sites;

/// Who looks at a page, and when.
pub(super) struct Session {
    pub(super) caller: Caller,
    /// The account's name.
    pub(super) account: String,
    /// One time for the whole page.
    pub(super) now: Timestamp,
}

impl Session {
    /// A time as the page shows it.
    pub(super) fn ago(&self, text: &str) -> maud::Markup {
        time::ago(text, self.now)
    }

    /// The environment to show when none was asked for: a session limited to some may not look at all at once.
    pub(super) fn default_environment(&self) -> Option<String> {
        let own = self.caller.actor.environments.as_ref()?;
        own.first().map(|environment| environment.as_str().to_owned())
    }

    /// The page that says why a use case failed.
    pub(super) fn failed(&self, error: Error) -> ErrorPage {
        ErrorPage::of(self, error)
    }

    /// As [`Session::failed`], of a page about one thing: a name that none can have is that of one that is not here.
    pub(super) fn not_here(&self, noun: &'static str, error: Error) -> ErrorPage {
        self.failed(if matches!(error, Error::Invalid(_)) { Error::not_found(noun) } else { error })
    }
}

/// Over TLS the prefix makes browsers insist on `Secure`, on this host alone, and on the whole site.
pub(super) fn cookie_name(sites: &Sites) -> &'static str {
    let [plain, secure] = SESSION_COOKIES;
    if sites.is_https() { secure } else { plain }
}

/// The `Set-Cookie` header that begins a session, or ends one by an empty text and no age.
pub(super) fn set_cookie(sites: &Sites, text: &str, max_age_seconds: i64) -> Option<HeaderValue> {
    let secure = if sites.is_https() { "; Secure" } else { "" };
    let cookie =
        format!("{}={text}; Path=/; HttpOnly; SameSite=Strict; Max-Age={max_age_seconds}{secure}", cookie_name(sites));
    HeaderValue::from_str(&cookie).ok()
}

/// A redirect that also sets or ends cookies.
pub(super) fn redirect_with_cookies(to: &str, cookies: impl IntoIterator<Item = Option<HeaderValue>>) -> Response {
    let mut response = Redirect::to(to).into_response();
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// To the login, which leads back to the page that was asked for if that is one that others link to.
fn to_login(parts: &Parts, service: &Service, ended: bool) -> Response {
    let page = parts.method.is_safe().then(|| next::remember(service.sites(), &parts.uri)).flatten();
    if !ended {
        return redirect_with_cookies("/login", [page]);
    }
    redirect_with_cookies("/login?ended=1", [set_cookie(service.sites(), "", 0), page])
}

/// The session cookie of a request.
pub(super) fn cookie(headers: &HeaderMap, sites: &Sites) -> Option<String> {
    let cookies =
        headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
    let mut named =
        cookies.filter_map(|pair| pair.trim().split_once('=')).filter(|(name, _)| *name == cookie_name(sites));
    named.next().map(|(_, text)| text.to_owned())
}

/// The id of a request, as its audit events have it.
pub(super) fn request_id(parts: &Parts) -> RequestId {
    parts.extensions.get::<RequestId>().cloned().unwrap_or_else(|| RequestId::new(""))
}

impl FromRequestParts<Service> for Session {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Response> {
        let Some(cookie) = cookie(&parts.headers, service.sites()) else {
            // A link on another site does not bring a SameSite=Strict cookie along; loading the page again from here does.
            let site = parts.headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
            let may_have_cookie = parts.method.is_safe() && matches!(site, Some("cross-site" | "same-site"));
            return Err(if may_have_cookie { layout::load_again() } else { to_login(parts, service, false) });
        };
        let actor = match service.session(&cookie).await {
            Ok(actor) => actor,
            Err(Error::Unauthenticated(_)) => {
                return Err(to_login(parts, service, true));
            }
            Err(error) => return Err(ErrorPage::without_session(error).into_response()),
        };
        let caller = Caller { actor, request_id: request_id(parts) };
        let account =
            service.account_name(&caller).await.map_err(|error| ErrorPage::without_session(error).into_response())?;
        Ok(Self { caller, account, now: clock::now() })
    }
}

#[cfg(test)]
mod tests {
    use super::{cookie, set_cookie};
    use crate::sites::Sites;
    use axum::http::{HeaderMap, HeaderValue, header};

    fn sites(public: Option<&str>) -> Sites {
        Sites::new("127.0.0.1:7200".parse().unwrap(), false, public)
    }

    #[test]
    fn cookies_are_strict_and_hidden_from_scripts() {
        let plain = set_cookie(&sites(None), "trc_1", 60).unwrap();
        assert_eq!(plain, "tresor_session=trc_1; Path=/; HttpOnly; SameSite=Strict; Max-Age=60");
        let secure = set_cookie(&sites(Some("https://tresor.example.com")), "trc_1", 60).unwrap();
        assert_eq!(secure, "__Host-tresor_session=trc_1; Path=/; HttpOnly; SameSite=Strict; Max-Age=60; Secure");
    }

    #[test]
    fn only_the_cookie_of_this_scheme_counts() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("other=1; tresor_session=trc_1"));
        assert_eq!(cookie(&headers, &sites(None)).as_deref(), Some("trc_1"));
        assert_eq!(cookie(&headers, &sites(Some("https://tresor.example.com"))), None);
        assert_eq!(cookie(&HeaderMap::new(), &sites(None)), None);
    }
}
