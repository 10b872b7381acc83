//! Where a login leads: a link that somebody sent (a request, a consent) goes through the login and back to its page.
//!
//! The page is remembered in a cookie of this browser and never in an address, so that nobody can send people elsewhere.

use axum::http::{HeaderMap, HeaderValue, Uri, header};

use crate::sites::Sites;

const COOKIE: &str = "tresor_next";
/// As long as a login link works.
const MAX_AGE_SECONDS: u32 = 3_600;
/// Pages that others link to. They show and ask; none of them acts when it is opened.
const PAGES: [&str; 3] = ["/requests/", "/confirmations/", "/oauth/authorize"];
const LONGEST: usize = 2_000;

/// The `Set-Cookie` header that remembers a page, if it is one that a login may lead to.
pub(super) fn remember(sites: &Sites, uri: &Uri) -> Option<HeaderValue> {
    let page = uri.path_and_query().map(|page| page.as_str()).filter(|page| may_lead_to(page))?;
    set(sites, page, MAX_AGE_SECONDS)
}

/// The `Set-Cookie` header that forgets it.
pub(super) fn forget(sites: &Sites) -> Option<HeaderValue> {
    set(sites, "", 0)
}

/// The page that a login in this browser leads to.
pub(super) fn page(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, page)| page.to_owned()).filter(|page| may_lead_to(page))
}

fn set(sites: &Sites, page: &str, max_age: u32) -> Option<HeaderValue> {
    let secure = if sites.is_https() { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={page}; Path=/login; HttpOnly; SameSite=Strict; Max-Age={max_age}{secure}");
    HeaderValue::from_str(&cookie).ok()
}

/// The cookie is the browser's word, and functions share our host: only these pages, and nothing that could leave them.
fn may_lead_to(page: &str) -> bool {
    let plain = page.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b';' | b',' | b'"' | b'\\'));
    let (path, _) = page.split_once('?').unwrap_or((page, ""));
    let stays = !path.contains("//") && !path.split('/').any(|part| matches!(part, "." | "..")) && !path.contains('%');
    page.len() <= LONGEST && plain && stays && PAGES.iter().any(|start| path.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::{forget, may_lead_to, page, remember};
    use crate::sites::Sites;
    use axum::http::{HeaderMap, HeaderValue, header};

    #[test]
    fn only_our_own_pages_are_led_to() {
        assert!(may_lead_to("/requests/0123456789abcdef"));
        for bad in [
            "",
            "/",
            "/secrets",
            "//evil.example/requests/",
            "/requests//evil.example",
            "/requests/../login",
            "/requests/%2e%2e/x",
            "https://evil.example/requests/1",
            "/\\evil.example",
            "/requests/1;x",
            "/requests/\u{e4}",
        ] {
            assert!(!may_lead_to(bad), "{bad}");
        }
        assert!(!may_lead_to(&format!("/requests/{}", "1".repeat(2_000))));
    }

    #[test]
    fn the_cookie_reads_back_and_ends() {
        let sites = Sites::new("127.0.0.1:7200".parse().unwrap(), false, None);
        let cookie = remember(&sites, &"/requests/1?late=1".parse().unwrap()).unwrap();
        assert_eq!(cookie, "tresor_next=/requests/1?late=1; Path=/login; HttpOnly; SameSite=Strict; Max-Age=3600");
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=b; tresor_next=/requests/1?late=1"));
        assert_eq!(page(&headers).as_deref(), Some("/requests/1?late=1"));
        assert_eq!(remember(&sites, &"/secrets".parse().unwrap()), None);
        assert!(forget(&sites).unwrap().to_str().unwrap().contains("Max-Age=0"));
    }
}
