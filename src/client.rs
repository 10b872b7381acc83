//! The HTTP client of the API: paths in, wire types or a [`Failure`] out. Follows no redirects, keeps no cookies.

use std::time::Duration;

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use server::wire::{Page, Problem};

use crate::cli::Global;
use crate::credential::{self, Credential};
use crate::failure::{Done, Exit, Failure};
use crate::output::Output;

/// How long a control-plane call may take. Deployments bundle npm packages, so this is generous.
const CALL: Duration = Duration::from_secs(300);
const CONNECT: Duration = Duration::from_secs(10);

/// One server, with the token for it.
pub(crate) struct Client {
    http: reqwest::Client,
    url: Url,
    credential: Option<Credential>,
}

impl Client {
    /// A client for the server and token of the global options.
    ///
    /// # Errors
    /// Where the URL or the token cannot be used.
    pub(crate) fn new(global: &Global, output: Output) -> Done<Self> {
        let url = credential::server_url(global)?;
        let credential = credential::find(global, &url)?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("tresor/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT);
        if url.scheme() == "http" {
            // A proxy would see the token in clear. Without https no certificates are needed, and reading them takes
            // time and fails on machines that have none.
            builder = builder.no_proxy().tls_certs_only([]);
            if !credential::is_loopback(&url) {
                output
                    .warn(&format!("{url} is plain http: everyone on the way can read the token and every value sent"));
            }
        }
        let http = builder
            .build()
            .map_err(|error| Failure::failed("client", format!("could not set up https: {}", chain(&error))))?;
        Ok(Self { http, url, credential })
    }

    /// The server, without a slash at its end.
    pub(crate) fn url(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// Where the token came from, if there is one.
    pub(crate) fn token_source(&self) -> Option<&str> {
        self.credential.as_ref().map(|credential| credential.source.as_str())
    }

    /// A request without the token. `path` begins with a slash and is encoded already.
    pub(crate) fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url()))
    }

    /// As [`Client::anonymous`], with the token, if there is one.
    pub(crate) fn request(&self, method: Method, path: &str) -> Done<RequestBuilder> {
        let mut request = self.anonymous(method, path);
        if let Some(credential) = &self.credential {
            let mut header = HeaderValue::from_str(&format!("Bearer {}", credential.text.as_str())).map_err(|_| {
                Failure::new(Exit::Denied, "token_malformed", "the token holds characters that no token has")
            })?;
            header.set_sensitive(true);
            request = request.header(AUTHORIZATION, header);
        }
        Ok(request)
    }

    /// Sends a request; any answer is fine, having none is not.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Done<Response> {
        request.send().await.map_err(|error| self.unreachable(&error))
    }

    /// Sends a request and takes a success; a problem becomes the failure it describes.
    pub(crate) async fn succeed(&self, request: RequestBuilder) -> Done<Response> {
        let response = self.send(request).await?;
        if response.status().is_success() { Ok(response) } else { Err(self.refused(response).await) }
    }

    /// Reads a resource.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, Option<&str>)]) -> Done<T> {
        let request = self.request(Method::GET, path)?.query(&given(query)).timeout(CALL);
        self.read(self.succeed(request).await?).await
    }

    /// Reads a resource and the tag of its state.
    pub(crate) async fn get_with_etag<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, Option<&str>)],
    ) -> Done<(T, Option<HeaderValue>)> {
        let request = self.request(Method::GET, path)?.query(&given(query)).timeout(CALL);
        let response = self.succeed(request).await?;
        let etag = response.headers().get(ETAG).cloned();
        Ok((self.read(response).await?, etag))
    }

    /// All rows of a list, or the first `limit` of them, as one page.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, Option<&str>)],
        limit: Option<u32>,
    ) -> Done<Page<T>> {
        let wanted = limit.map_or(usize::MAX, |limit| limit as usize);
        let mut items: Vec<T> = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let rows = (wanted - items.len()).min(domain::limits::PAGE_ROWS as usize).to_string();
            let mut query = query.to_vec();
            query.extend([("limit", Some(rows.as_str())), ("cursor", cursor.as_deref())]);
            let page: Page<T> = self.get(path, &query).await?;
            items.extend(page.items);
            // The same cursor again would never end.
            if page.next_cursor.is_none() || page.next_cursor == cursor || items.len() >= wanted {
                items.truncate(wanted);
                return Ok(Page { items, next_cursor: page.next_cursor });
            }
            cursor = page.next_cursor;
        }
    }

    /// Sends `body` as JSON and reads the answer.
    pub(crate) async fn call<T: DeserializeOwned>(&self, method: Method, path: &str, body: &impl Serialize) -> Done<T> {
        let request = self.request(method, path)?.json(body).timeout(CALL);
        self.read(self.succeed(request).await?).await
    }

    /// Sends `body` as JSON with a request that was begun, and reads the answer.
    pub(crate) async fn send_json<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        body: &impl Serialize,
    ) -> Done<T> {
        self.read(self.succeed(request.json(body).timeout(CALL)).await?).await
    }

    /// Sends JSON that holds a value. The buffer is zeroized when the request is done with it.
    pub(crate) async fn call_sensitive<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        body: zeroize::Zeroizing<Vec<u8>>,
    ) -> Done<T> {
        let request = request.header(CONTENT_TYPE, "application/json").body(Bytes::from_owner(body)).timeout(CALL);
        self.read(self.succeed(request).await?).await
    }

    /// Sends a request that is complete and reads the answer.
    pub(crate) async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Done<T> {
        self.read(self.succeed(request.timeout(CALL)).await?).await
    }

    /// Sends a request without a body and reads the answer.
    pub(crate) async fn call_empty<T: DeserializeOwned>(&self, method: Method, path: &str) -> Done<T> {
        let request = self.request(method, path)?.timeout(CALL);
        self.read(self.succeed(request).await?).await
    }

    /// Deletes.
    pub(crate) async fn delete(&self, path: &str, query: &[(&str, Option<&str>)]) -> Done {
        let request = self.request(Method::DELETE, path)?.query(&given(query)).timeout(CALL);
        self.succeed(request).await.map(drop)
    }

    async fn read<T: DeserializeOwned>(&self, response: Response) -> Done<T> {
        let body = self.bytes(response).await?;
        serde_json::from_slice(&body).map_err(|_| {
            Failure::failed(
                "answer_unknown",
                format!("{} answered something that this version of tresor does not understand", self.url()),
            )
            .hint("`tresor doctor` compares the versions of server and command line")
        })
    }

    /// The whole body.
    pub(crate) async fn bytes(&self, response: Response) -> Done<Bytes> {
        response.bytes().await.map_err(|error| self.unreachable(&error))
    }

    /// The next piece of a body that arrives bit by bit.
    pub(crate) async fn chunk(&self, response: &mut Response) -> Done<Option<Bytes>> {
        response.chunk().await.map_err(|error| self.unreachable(&error))
    }

    /// What a response that is no success says.
    pub(crate) async fn refused(&self, response: Response) -> Failure {
        let status = response.status();
        match response.bytes().await.ok().and_then(|body| serde_json::from_slice::<Problem>(&body).ok()) {
            Some(problem) => Failure::from_problem(problem),
            None => self.no_problem(status),
        }
    }

    fn no_problem(&self, status: StatusCode) -> Failure {
        let mut failure = Failure::failed(
            "answer_unknown",
            format!("{} answered {status}, but not as a Tresor server does", self.url()),
        );
        failure.problem.status = status.as_u16();
        failure.hint("is --url (or TRESOR_URL) right, and does a proxy stand in between?")
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let what = if error.is_timeout() {
            format!("{} did not answer in time", self.url())
        } else if error.is_connect() {
            format!("could not reach a server at {}: {}", self.url(), chain(error))
        } else {
            format!("the connection to {} broke: {}", self.url(), chain(error))
        };
        Failure::new(Exit::Unreachable, "server_unreachable", what)
            .hint("start one with `tresor serve`, or name it with --url or TRESOR_URL")
    }
}

/// The innermost cause says the most, and the outer ones repeat the URL.
fn chain(error: &reqwest::Error) -> String {
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

fn given<'a>(query: &[(&'a str, Option<&'a str>)]) -> Vec<(&'a str, &'a str)> {
    query.iter().filter_map(|(name, value)| value.map(|value| (*name, value))).collect()
}

/// All but the unreserved characters of RFC 3986.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A name as one segment of a path.
///
/// # Errors
/// What would make it another path: nothing, `.` and `..`, which URLs resolve even when they are encoded.
pub(crate) fn segment(name: &str) -> Done<String> {
    if matches!(name, "" | "." | "..") {
        return Err(Failure::usage("name_invalid", format!("`{name}` is not a name")));
    }
    Ok(utf8_percent_encode(name, SEGMENT).to_string())
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn a_name_stays_one_segment() {
        assert_eq!(segment("A_KEY-1").ok().as_deref(), Some("A_KEY-1"));
        assert_eq!(segment("a/b?c#d e%").ok().as_deref(), Some("a%2Fb%3Fc%23d%20e%25"));
        assert!(["", ".", ".."].iter().all(|name| segment(name).is_err()));
    }
}
