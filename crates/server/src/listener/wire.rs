//! What a client sends over HTTP/1.1, read along with the parser, for what that takes and hides afterwards.
//!
//! Two programs that read one request's length in different ways can be made to see different requests. RFC 9112 lets a
//! server choose in such cases, and hyper does: of `Content-Length` and `Transfer-Encoding` the latter, of two equal
//! lengths one, and a line may end without its CR. A proxy before this server may choose otherwise. So all of that is refused.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What came to light about a connection, for its service.
#[derive(Default)]
pub(super) struct Verdict(AtomicU8);

const AMBIGUOUS: u8 = 1;
const RELEASED: u8 = 2;

impl Verdict {
    /// Whether a request whose head came in must be refused, with all that follows it.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.0.load(Ordering::Relaxed) == AMBIGUOUS
    }

    /// From now on another protocol is spoken.
    pub(super) fn release(&self) {
        self.0.store(RELEASED, Ordering::Relaxed);
    }
}

/// A connection whose incoming bytes are read along.
pub(super) struct Wire<S> {
    stream: S,
    reading: Reading,
    verdict: Arc<Verdict>,
}

impl<S> Wire<S> {
    pub(super) fn new(stream: S) -> (Self, Arc<Verdict>) {
        let verdict = Arc::new(Verdict::default());
        (Self { stream, reading: Reading::default(), verdict: Arc::clone(&verdict) }, verdict)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        if this.verdict.0.load(Ordering::Relaxed) == 0 {
            match this.reading.read(buf.filled().get(before..).unwrap_or_default()) {
                Ok(()) => {}
                Err(Unsound::Head) => this.verdict.0.store(AMBIGUOUS, Ordering::Relaxed),
                Err(Unsound::Chunk) => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// What cannot be taken.
#[derive(Debug, PartialEq, Eq)]
enum Unsound {
    /// The request is refused before anybody acts on it.
    Head,
    /// The request may be under way; its body must not look whole.
    Chunk,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    Head,
    /// A body, or a chunk with its line end, of which so many bytes are to come; then `Head`, or the next chunk.
    Bytes {
        left: u64,
        chunked: bool,
    },
    ChunkSize,
    Trailers,
}

/// Where in the stream of requests the next byte belongs.
#[derive(Debug, Default)]
struct Reading {
    place: Place,
    /// The begin of a line whose end has not come.
    line: Vec<u8>,
    /// The request line has been read.
    begun: bool,
    length: Option<u64>,
    chunked: bool,
}

impl Reading {
    fn read(&mut self, mut bytes: &[u8]) -> Result<(), Unsound> {
        while !bytes.is_empty() {
            if let Place::Bytes { left, chunked } = self.place {
                let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                bytes = bytes.get(taken..).unwrap_or_default();
                let left = left - taken as u64;
                self.place = match (left, chunked) {
                    (0, false) => Place::Head,
                    (0, true) => Place::ChunkSize,
                    _ => Place::Bytes { left, chunked },
                };
                continue;
            }
            let Some(end) = memchr::memchr(b'\n', bytes) else {
                self.line.extend_from_slice(bytes);
                return Ok(());
            };
            let (line, rest) = bytes.split_at(end + 1);
            bytes = rest;
            if self.line.is_empty() {
                self.line(line)?;
            } else {
                let mut whole = std::mem::take(&mut self.line);
                whole.extend_from_slice(line);
                self.line(&whole)?;
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Unsound> {
        let unsound = if self.place == Place::Head { Unsound::Head } else { Unsound::Chunk };
        let Some(line) = line.strip_suffix(b"\r\n") else { return Err(unsound) };
        match self.place {
            Place::Head if line.is_empty() && self.begun => self.end_of_head(),
            Place::Head if self.begun => return self.header(line),
            // Lines may be empty before a request line.
            Place::Head => self.begun = !line.is_empty(),
            Place::Trailers if line.is_empty() => self.place = Place::Head,
            Place::ChunkSize => {
                self.place = match chunk_size(line).ok_or(unsound)? {
                    0 => Place::Trailers,
                    size => Place::Bytes { left: size.checked_add(2).ok_or(Unsound::Chunk)?, chunked: true },
                };
            }
            Place::Trailers | Place::Bytes { .. } => {}
        }
        Ok(())
    }

    fn header(&mut self, line: &[u8]) -> Result<(), Unsound> {
        // Most begin otherwise.
        if !matches!(line.first(), Some(b'c' | b'C' | b't' | b'T')) {
            return Ok(());
        }
        let mut parts = line.splitn(2, |&byte| byte == b':');
        let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default().trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = digits(value, 10).ok_or(Unsound::Head)?;
            if self.chunked || self.length.replace(length).is_some() {
                return Err(Unsound::Head);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.chunked || self.length.is_some() || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Unsound::Head);
            }
            self.chunked = true;
        }
        Ok(())
    }

    fn end_of_head(&mut self) {
        self.place = match (self.chunked, self.length.take()) {
            (true, _) => Place::ChunkSize,
            (false, None | Some(0)) => Place::Head,
            (false, Some(left)) => Place::Bytes { left, chunked: false },
        };
        (self.begun, self.chunked) = (false, false);
    }
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    // What follows the semicolon is the chunk's extension, which nobody needs.
    digits(line.split(|&byte| byte == b';').next().unwrap_or_default(), 16)
}

/// A number of nothing but digits: Rust's own parser takes a sign.
fn digits(text: &[u8], radix: u32) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, &byte| {
        let digit = char::from(byte).to_digit(radix)?;
        number.checked_mul(radix.into())?.checked_add(digit.into())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Place, Reading, Unsound};

    /// However the bytes come in, they mean the same.
    fn read(bytes: &str) -> Result<Place, Unsound> {
        let mut whole = Reading::default();
        let of_whole = whole.read(bytes.as_bytes()).map(|()| whole.place);
        let mut single = Reading::default();
        let of_single = bytes.as_bytes().chunks(1).try_for_each(|byte| single.read(byte)).map(|()| single.place);
        assert_eq!(of_whole, of_single, "{bytes:?}");
        of_whole
    }

    #[test]
    fn follows_requests_one_after_another() {
        for sound in [
            "GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "\r\n\r\nPOST / HTTP/1.1\r\nContent-Length:  5 \r\nte: trailers\r\n\r\na\nb\ncGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n5;a=b\r\na\nb\nc\r\n0a\r\n0123456789\r\n0\r\nt: x\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(read(sound), Ok(Place::Head), "{sound:?}");
        }
        assert_eq!(
            read("POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nab"),
            Ok(Place::Bytes { left: 1, chunked: false })
        );
    }

    #[test]
    fn refuses_what_can_be_read_in_two_ways() {
        for lines in [
            "content-length: 5\r\ncontent-length: 5",
            "content-length: 5\r\nCONTENT-LENGTH: 6",
            "content-length: 5, 5",
            "content-length: +5",
            "content-length:",
            "content-length: 18446744073709551616",
            "content-length: 5\r\ntransfer-encoding: chunked",
            "transfer-encoding: chunked\r\ncontent-length: 5",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
            "transfer-encoding: gzip, chunked",
            "transfer-encoding: xchunked",
            "transfer-encoding: \x0bchunked",
            "transfer-encoding:",
            "host: a\nx: y",
        ] {
            assert_eq!(read(&format!("POST / HTTP/1.1\r\n{lines}\r\n\r\n")), Err(Unsound::Head), "{lines:?}");
        }
        for chunk in [
            "0x5\r\n",
            "-5\r\n",
            "+5\r\n",
            " 5\r\n",
            "5 \r\n",
            "\r\n",
            "5\n",
            "5g\r\n",
            "10000000000000000\r\n",
            "ffffffffffffffff\r\n",
        ] {
            let request = format!("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n{chunk}");
            assert_eq!(read(&request), Err(Unsound::Chunk), "{chunk:?}");
        }
    }
}
