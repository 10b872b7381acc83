//! Invoking a function from here, to see what it answers: as the caller, with the values that it was given hidden in what
//! comes back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use domain::{AccountName, Action, FunctionName, Invalid, authorize_invoke};
use http_body_util::BodyExt as _;
use runtime::Cleaner;
use tokio::time::timeout_at;

use super::invoke::Target;
use super::secrets::environment_or_production;
use super::{Call, CallError, Caller, Error, Service, new_id};

/// Most bytes of an answer that are shown.
const SHOWN: usize = 64 * 1024;
/// An answer that streams for longer is shown as far as it came.
const WAITED: Duration = Duration::from_secs(30);
/// Most headers of the request.
const HEADERS: usize = 50;

/// What to send.
pub(crate) struct OnceInput {
    pub(crate) environment: Option<String>,
    /// `GET` if empty.
    pub(crate) method: String,
    /// Below the function's own path, with the query: empty, or with a `/` or `?` first.
    pub(crate) path: String,
    /// `Name: value`, a line each.
    pub(crate) headers: String,
    pub(crate) body: String,
}

/// What came of it.
pub(crate) struct Once {
    /// The invocation's id.
    pub(crate) id: String,
    pub(crate) took: Duration,
    /// The answer, or why there was none, in words.
    pub(crate) answer: Result<Answer, String>,
    /// The path, the headers and the body that were sent, cleaned like the answer: what a form shows again.
    pub(crate) sent: [String; 3],
}

/// A function's answer as it may be shown.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Shown,
}

/// A body as it may be shown.
pub(crate) enum Shown {
    /// Text; whether there was more of it.
    Text(String, bool),
    /// So many bytes that are no text; whether there were more.
    Bytes(usize, bool),
}

impl Service {
    /// Invokes a function and waits for its answer.
    ///
    /// # Errors
    /// Why it may not, or cannot, be invoked. A function that fails is no error but a [`Once`].
    pub(crate) async fn invoke_once(&self, caller: &Caller, name: &str, input: OnceInput) -> Result<Once, Error> {
        let function = FunctionName::parse(name)?;
        let environment = environment_or_production(input.environment.as_deref())?;
        self.permit(caller, Action::FunctionInvoke, Some(&environment), function.as_str()).await?;
        let request = Checked::of(&input)?;
        let account = AccountName::parse(&self.account_name(caller).await?)?;
        let target = Target { account, environment, function };
        let route = self.route(&target).await?;
        if let Err(denied) = authorize_invoke(&caller.actor, route.access(), &target.environment) {
            self.audit_denied(caller, Action::FunctionInvoke, Some(&target.environment), name).await?;
            return Err(denied.into());
        }
        let path = request.path.split('?').next().unwrap_or_default();
        let call = Arc::new(Call::of(route, Arc::new(caller.actor.clone()), new_id(), &request.method, path));
        let began = Instant::now();
        let request = request.into_request(self.sites().url(), &target, &call)?;
        let (answer, cleaner) = match self.call_cleaned(&call, request).await {
            Ok((response, cleaner)) => {
                let (head, body) = response.into_parts();
                let body = read(body, &cleaner).await;
                let headers = shown_headers(&head.headers, &cleaner);
                let answer = body.map(|body| Answer { status: head.status.as_u16(), headers, body });
                (answer.map_err(|why| cleaner.clean(&why)), Some(cleaner))
            }
            Err(CallError::Service(error)) => return Err(error),
            Err(error) => (Err(error.to_string()), None),
        };
        let typed = [&input.path, &input.headers, &input.body];
        let sent = cleaner.map(|cleaner| typed.map(|text| cleaner.clean_text(text, false))).unwrap_or_default();
        Ok(Once { id: call.id().to_owned(), took: began.elapsed(), answer, sent })
    }
}

/// A request whose parts were checked.
struct Checked<'a> {
    method: Method,
    path: &'a str,
    headers: HeaderMap,
    body: &'a str,
}

impl<'a> Checked<'a> {
    fn of(input: &'a OnceInput) -> Result<Self, Error> {
        let method = match input.method.as_str() {
            "" => Method::GET,
            word => Method::from_bytes(word.as_bytes())
                .map_err(|_| Invalid::new("method", "method_invalid", "must be a method of HTTP, such as GET"))?,
        };
        let path = input.path.trim();
        if !(path.is_empty() || path.starts_with(['/', '?'])) || format!("http://x/f{path}").parse::<Uri>().is_err() {
            let rule = "must begin with / or ?, and be written as in an address, without spaces";
            return Err(Invalid::new("path", "path_invalid", rule).into());
        }
        let mut headers = HeaderMap::new();
        for line in input.headers.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let parsed = line.split_once(':').and_then(|(name, value)| {
                Some((name.trim().parse::<HeaderName>().ok()?, HeaderValue::from_str(value.trim()).ok()?))
            });
            let (name, value) = parsed
                .ok_or_else(|| Invalid::new("headers", "header_invalid", "must be lines like `Accept: text/plain`"))?;
            if headers.len() >= HEADERS {
                let rule = format!("must be at most {HEADERS}");
                return Err(Invalid::new("headers", "too_many_headers", rule).into());
            }
            headers.append(name, value);
        }
        // What belongs to the connection, or says who calls, is said here.
        runtime::strip_hop_by_hop(&mut headers);
        let own = |name: &HeaderName| name.as_str().starts_with("x-tresor-") || name == header::CONTENT_LENGTH;
        let refused: Vec<_> = headers.keys().filter(|name| own(name)).cloned().collect();
        for name in refused {
            headers.remove(name);
        }
        Ok(Self { method, path, headers, body: &input.body })
    }

    fn into_request(self, own_url: &str, target: &Target, call: &Call) -> Result<Request<Body>, Error> {
        let broken = |_| Error::Broken("a checked request cannot be sent");
        let host = own_url.split_once("://").map_or(own_url, |(_, host)| host);
        let uri = format!("{own_url}/{}{}", target.function, self.path);
        let mut request = Request::builder().method(self.method).uri(uri).body(Body::from(self.body.to_owned()));
        if let Ok(request) = &mut request {
            let headers = request.headers_mut();
            *headers = self.headers;
            headers
                .insert(header::HOST, HeaderValue::from_str(host).map_err(|_| Error::Broken("the server's own host"))?);
            if let Ok(actor) = HeaderValue::from_str(&call.actor()) {
                headers.insert(HeaderName::from_static("x-tresor-actor"), actor);
            }
        }
        request.map_err(broken)
    }
}

/// The body, as far as it is shown; what broke it off if nothing of it came.
async fn read(mut body: runtime::WorkerBody, cleaner: &Cleaner) -> Result<Shown, String> {
    let deadline = tokio::time::Instant::now() + WAITED;
    let mut bytes = Vec::new();
    let mut more = false;
    loop {
        match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                bytes.extend(frame.into_data().unwrap_or_default());
                more = bytes.len() > SHOWN;
            }
            Ok(Some(Err(error))) if bytes.is_empty() => return Err(error.to_string()),
            Ok(None) => break,
            // It broke off, or it goes on for long.
            _ => more = true,
        }
        if more {
            break;
        }
    }
    bytes.truncate(SHOWN);
    let cut =
        std::str::from_utf8(&bytes).err().filter(|error| error.error_len().is_none()).map(|error| error.valid_up_to());
    if let Some(whole) = cut {
        bytes.truncate(whole);
    }
    Ok(match String::from_utf8(bytes) {
        Ok(text) => Shown::Text(cleaner.clean_text(&text, more), more),
        Err(error) => Shown::Bytes(error.into_bytes().len(), more),
    })
}

fn shown_headers(headers: &HeaderMap, cleaner: &Cleaner) -> Vec<(String, String)> {
    let shown = |value: &HeaderValue| cleaner.clean(&String::from_utf8_lossy(value.as_bytes()));
    headers.iter().map(|(name, value)| (name.to_string(), shown(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::{Checked, OnceInput};
    use crate::service::Error;

    fn input(method: &str, path: &str, headers: &str) -> OnceInput {
        OnceInput {
            environment: None,
            method: method.to_owned(),
            path: path.to_owned(),
            headers: headers.to_owned(),
            body: String::new(),
        }
    }

    #[test]
    fn requests_are_checked_before_they_are_sent() {
        for (method, path, headers, field) in [
            ("NO GOOD", "", "", "method"),
            ("GET", "x", "", "path"),
            ("GET", "/a b", "", "path"),
            ("GET", "@evil.example/", "", "path"),
            ("GET", "/", "no colon", "headers"),
            ("GET", "/", "Na me: x", "headers"),
        ] {
            let refused = Checked::of(&input(method, path, headers)).map(|_| ());
            let Err(Error::Invalid(broken)) = refused else { panic!("{method} {path} {headers} was taken") };
            assert_eq!(broken[0].field, field);
        }
        let good = input("POST", "/a?b=%20", "Accept: text/plain\n\nX-Tresor-Actor: admin\nConnection: close\n");
        let checked = Checked::of(&good).unwrap();
        let names: Vec<_> = checked.headers.keys().map(|name| name.as_str()).collect();
        assert_eq!(names, ["accept"], "who calls is not for the caller to say");
    }
}
