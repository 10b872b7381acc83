//! Answers of hosts that may have a secret: a value that comes back is turned into its placeholder again.
//!
//! The answer is asked for without compression and whole, since a part of a value cannot be told from other text. A host that
//! compresses nevertheless is decoded. A value shorter than six bytes is not looked for, nor is one in a WebSocket's frames.

use std::sync::Arc;
use std::time::Duration;

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use http_body_util::{BodyDataStream, BodyExt as _, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Response};
use tokio::io::{AsyncRead, BufReader};
use tokio_util::io::{ReaderStream, StreamReader};

use super::body::{Piped, Way};
use super::brokered::Plan;
use super::exchange::Exchange;
use super::refusal::Refusal;
use super::{BoxBody, BoxError};

/// Asks for an answer that can be searched.
pub(super) fn ask_plainly(headers: &mut HeaderMap) {
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.remove(header::RANGE);
    headers.remove(header::IF_RANGE);
    // Compressed frames could not be told from others.
    headers.remove(header::SEC_WEBSOCKET_EXTENSIONS);
}

/// The answer as the worker gets it. `coded` is what [`coding`] said of it before hop-by-hop headers were removed.
pub(super) fn cleaned(
    response: Response<Incoming>,
    coded: Coding,
    method: &Method,
    plan: &Plan<'_>,
    idle: Duration,
    exchange: Arc<Exchange>,
) -> Result<Response<BoxBody>, Refusal> {
    let (mut head, body) = response.into_parts();
    clean_headers(&mut head.headers, plan);
    if method == Method::HEAD || body.is_end_stream() {
        return Ok(Response::from_parts(head, Piped::new(body, Way::Back(idle), None, None, exchange).boxed_unsync()));
    }
    head.headers.remove(header::CONTENT_LENGTH);
    let body = body.map_err(Into::into).boxed_unsync();
    let body = match coded {
        Coding::Plain => body,
        Coding::Unknown => {
            return Err(Refusal::upstream(
                "response_encoding_unknown",
                "the host compressed its answer though it was asked not to, and in a way that cannot be searched for values",
            ));
        }
        known => {
            head.headers.remove(header::CONTENT_ENCODING);
            decoded(known, body)
        }
    };
    let body = Piped::new(body, Way::Back(idle), Some(plan.reflections()), None, exchange);
    Ok(Response::from_parts(head, body.boxed_unsync()))
}

/// Turns values in headers into placeholders.
pub(super) fn clean_headers(headers: &mut HeaderMap, plan: &Plan<'_>) {
    if !plan.opens() {
        return;
    }
    for value in headers.values_mut() {
        let text = Bytes::copy_from_slice(value.as_bytes());
        let mut hit = false;
        // Placeholders are ASCII, so what results is a header value too.
        if let Ok(clean) = plan.reflections().whole(&text, |_| hit = true)
            && hit
        {
            *value = HeaderValue::from_bytes(&clean).unwrap_or(HeaderValue::from_static("redacted"));
        }
    }
}

/// How an answer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Plain,
    Gzip,
    Deflate,
    Brotli,
    Zstd,
    /// In another way, or more than once.
    Unknown,
}

/// Reads `Content-Encoding` and `Transfer-Encoding`.
pub(super) fn coding(headers: &HeaderMap) -> Coding {
    let words = |name| {
        headers
            .get_all(name)
            .iter()
            .flat_map(|value| value.to_str().unwrap_or("?").split(','))
            .map(|word| word.trim().to_ascii_lowercase())
            .filter(|word| !word.is_empty() && word != "identity")
            .collect::<Vec<_>>()
    };
    if words(header::TRANSFER_ENCODING).iter().any(|word| word != "chunked") {
        return Coding::Unknown;
    }
    match words(header::CONTENT_ENCODING).as_slice() {
        [] => Coding::Plain,
        [one] => match one.as_str() {
            "gzip" | "x-gzip" => Coding::Gzip,
            "deflate" => Coding::Deflate,
            "br" => Coding::Brotli,
            "zstd" => Coding::Zstd,
            _ => Coding::Unknown,
        },
        _ => Coding::Unknown,
    }
}

fn decoded(coding: Coding, body: BoxBody) -> BoxBody {
    let reader = BufReader::new(StreamReader::new(BodyDataStream::new(body).map_err(std::io::Error::other)));
    let reader: Box<dyn AsyncRead + Send + Unpin> = match coding {
        Coding::Gzip => {
            let mut decoder = GzipDecoder::new(reader);
            decoder.multiple_members(true);
            Box::new(decoder)
        }
        Coding::Deflate => Box::new(ZlibDecoder::new(reader)),
        Coding::Brotli => Box::new(BrotliDecoder::new(reader)),
        Coding::Zstd => Box::new(ZstdDecoder::new(reader)),
        Coding::Plain | Coding::Unknown => Box::new(reader),
    };
    let pieces = ReaderStream::new(reader).map_ok(Frame::data).map_err(BoxError::from);
    StreamBody::new(pieces).boxed_unsync()
}
