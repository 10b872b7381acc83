//! Placeholders in the head of a request: its target and its headers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::{self, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use zeroize::Zeroizing;

use super::brokered::{Plan, Syntax};
use super::exchange::Exchange;
use super::refusal::Refusal;

/// What a path segment holds unescaped (RFC 3986 `pchar`).
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');
/// What a query's value holds unescaped, whoever reads it.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Puts values in where placeholders stand in header values, also inside Basic credentials.
pub(super) fn fill_headers(headers: &mut HeaderMap, plan: &Plan<'_>, exchange: &Exchange) -> Result<(), Refusal> {
    if plan.is_empty() {
        return Ok(());
    }
    for (name, value) in headers.iter_mut() {
        let filled = match (name == header::AUTHORIZATION).then(|| basic(value)).flatten() {
            Some(credentials) => filled(&credentials, plan, exchange)?.map(|(text, secret)| {
                (Zeroizing::new(format!("Basic {}", STANDARD.encode(&*text)).into_bytes()), secret)
            }),
            None => filled(value.as_bytes(), plan, exchange)?,
        };
        if let Some((text, secret)) = filled {
            *value = HeaderValue::from_bytes(&text).map_err(|_| plan.unfit(secret, "a header"))?;
            // Such a value is kept out of HTTP/2's shared compression table.
            value.set_sensitive(true);
        }
    }
    Ok(())
}

fn basic(value: &HeaderValue) -> Option<Zeroizing<Vec<u8>>> {
    let (scheme, credentials) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(credentials.trim()).ok().map(Zeroizing::new))?
}

/// Path and query with values in, or `None` if there is no placeholder in them. One that is percent-encoded is found too.
pub(super) fn fill_target(
    text: &str,
    plan: &Plan<'_>,
    exchange: &Exchange,
) -> Result<Option<Zeroizing<String>>, Refusal> {
    if plan.is_empty() {
        return Ok(None);
    }
    let query = text.find('?').unwrap_or(text.len());
    let (decoded, starts) = decoded(text);
    let mut out = Zeroizing::new(String::new());
    let (mut at, mut done) = (0, 0);
    let mut search = plan.finder().search(&decoded);
    while let Some(found) = search.next(at) {
        let (Some(&start), Some(&end)) = (starts.get(found.start), starts.get(found.end)) else { break };
        let set = if start < query { PATH } else { QUERY };
        out.push_str(text.get(done..start).unwrap_or_default());
        out.extend(percent_encode(plan.value(found.form)?.as_bytes(), set));
        exchange.uses(found.form);
        (at, done) = (found.end, end);
    }
    out.push_str(text.get(done..).unwrap_or_default());
    Ok((at > 0).then_some(out))
}

/// The bytes that `text` stands for, and where in it each starts; one more at the end.
fn decoded(text: &str) -> (Vec<u8>, Vec<usize>) {
    let bytes = text.as_bytes();
    let (mut out, mut starts, mut at) = (Vec::new(), Vec::new(), 0);
    while let Some(&byte) = bytes.get(at) {
        let escape = (byte == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        let escaped = escape.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        starts.push(at);
        out.push(escaped.unwrap_or(byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    starts.push(at);
    (out, starts)
}

type Filled = Option<(Zeroizing<Vec<u8>>, usize)>;

fn filled(text: &[u8], plan: &Plan<'_>, exchange: &Exchange) -> Result<Filled, Refusal> {
    let mut out = Zeroizing::new(Vec::new());
    let (mut at, mut last) = (0, None);
    let mut search = plan.finder().search(text);
    while let Some(found) = search.next(at) {
        out.extend_from_slice(text.get(at..found.start).unwrap_or_default());
        out.extend_from_slice(plan.value(found.form)?.as_bytes());
        exchange.uses(found.form);
        (at, last) = (found.end, Some(found.form));
    }
    out.extend_from_slice(text.get(at..).unwrap_or_default());
    Ok(last.map(|secret| (out, secret)))
}

/// How the body that these headers announce is written; `None` if it is compressed, and so cannot be searched.
pub(super) fn syntax(headers: &HeaderMap) -> Option<Syntax> {
    if headers.get_all(header::CONTENT_ENCODING).iter().any(|coding| coding != "identity") {
        return None;
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Some(match kind.as_str() {
        "application/x-www-form-urlencoded" => Syntax::Form,
        "application/json" | "text/json" | "application/x-ndjson" | "application/jsonl" => Syntax::Json,
        _ if kind.ends_with("+json") => Syntax::Json,
        _ => Syntax::Raw,
    })
}
