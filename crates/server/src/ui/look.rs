//! Light or dark, if the person chose: a cookie, so that the first paint is right and no script is needed.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::form::Fields;

const COOKIE: &str = "tresor_look";
const YEAR_SECONDS: u32 = 365 * 24 * 60 * 60;

tokio::task_local! {
    static CURRENT: Look;
}

/// What was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// As the system asks.
    System,
    Light,
    Dark,
}

impl Look {
    /// With the words for people.
    pub(super) const ALL: [(Self, &'static str); 3] =
        [(Self::System, "System"), (Self::Light, "Light"), (Self::Dark, "Dark")];

    /// The word in the cookie, the form and the document.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    fn parse(word: &str) -> Self {
        Self::ALL.into_iter().map(|(look, _)| look).find(|look| look.word() == word).unwrap_or(Self::System)
    }

    /// That of the request which this task serves.
    pub(super) fn current() -> Self {
        CURRENT.try_with(|look| *look).unwrap_or(Self::System)
    }
}

/// Lets pages know what the visitor chose.
pub(super) async fn know(request: Request, next: Next) -> Response {
    let look = chosen(request.headers());
    CURRENT.scope(look, next.run(request)).await
}

fn chosen(headers: &HeaderMap) -> Look {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map_or(Look::System, |(_, word)| Look::parse(word))
}

/// `POST /look`: keeps the choice and goes back to where it was made.
pub(super) async fn choose(headers: HeaderMap, fields: Fields) -> Response {
    let look = Look::parse(fields.text("look").unwrap_or_default());
    let age = if look == Look::System { 0 } else { YEAR_SECONDS };
    let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}", look.word());
    let mut response = Redirect::to(&back(&headers)).into_response();
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// The page the form was on. Only its path: whatever host the header names, the answer stays here.
fn back(headers: &HeaderMap) -> String {
    let from = headers.get(header::REFERER).and_then(|from| from.to_str().ok()?.parse::<axum::http::Uri>().ok());
    let path = from.as_ref().and_then(|uri| uri.path_and_query()).map_or("/", |path| path.as_str());
    if path.starts_with('/') && !path.starts_with("//") { path.to_owned() } else { "/".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{Look, back, chosen};
    use axum::http::{HeaderMap, HeaderValue, header};

    #[test]
    fn unknown_words_are_the_systems_choice() {
        let with = |cookie: &'static str| HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(cookie))]);
        assert_eq!(chosen(&with("a=1; tresor_look=dark")), Look::Dark);
        assert_eq!(chosen(&with("tresor_look=\"><script>")), Look::System);
        assert_eq!(chosen(&HeaderMap::new()), Look::System);
    }

    #[test]
    fn the_way_back_stays_here() {
        let from =
            |text: &'static str| back(&HeaderMap::from_iter([(header::REFERER, HeaderValue::from_static(text))]));
        assert_eq!(from("http://127.0.0.1:7200/secrets?environment=test"), "/secrets?environment=test");
        assert_eq!(from("https://evil.example//evil.example/"), "/");
        assert_eq!(from("javascript:alert(1)"), "/");
        assert_eq!(back(&HeaderMap::new()), "/");
    }
}
