//! A body on its way through the broker: counted, searched, and ended if it falls silent.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::exchange::Exchange;
use super::refusal::Refusal;
use super::rewrite::{Refused, Rewrite};
use super::{BoxBody, BoxError};

/// So much of a refused body is still read, and for so long, that the worker gets to read the refusal.
const DRAIN_BYTES: u64 = 1024 * 1024;
const DRAIN: Duration = Duration::from_secs(2);

/// Names the secret of a form that was refused.
pub(super) type Refuse = Box<dyn Fn(usize) -> Refusal + Send>;

/// Which way a body goes.
pub(super) enum Way {
    /// To the host; what may not leave is refused.
    Out(Refuse),
    /// To the worker, within this silence.
    Back(Duration),
}

/// A body and what is done to it. Trailers are left out: `fetch` has none to give and shows none.
pub(super) struct Piped {
    /// `None` when it has ended.
    inner: Option<BoxBody>,
    exchange: Arc<Exchange>,
    way: Way,
    rewrite: Option<Rewrite>,
    /// How many bytes come out, if that is known before.
    length: Option<u64>,
    quiet: Option<Pin<Box<Sleep>>>,
}

impl Piped {
    pub(super) fn new<B>(
        inner: B,
        way: Way,
        rewrite: Option<Rewrite>,
        length: Option<u64>,
        exchange: Arc<Exchange>,
    ) -> Self
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let inner = (!inner.is_end_stream()).then(|| inner.map_err(Into::into).boxed_unsync());
        Self { inner, exchange, way, rewrite, length, quiet: None }
    }

    fn counter(&self) -> &AtomicU64 {
        match self.way {
            Way::Out(_) => &self.exchange.sent,
            Way::Back(_) => &self.exchange.received,
        }
    }

    fn settle(&mut self, piece: &Bytes, last: bool) -> Result<Bytes, BoxError> {
        let Some(rewrite) = &mut self.rewrite else { return Ok(piece.clone()) };
        let outward = matches!(self.way, Way::Out(_));
        let exchange = &self.exchange;
        let hit = |secret| {
            if outward {
                exchange.uses(secret);
            }
        };
        rewrite.push(piece, last, hit).map_err(|Refused(secret)| {
            if let Way::Out(refuse) = &self.way {
                exchange.refused(&refuse(secret));
            }
            if let Some(rest) = self.inner.take() {
                tokio::spawn(drain(rest));
            }
            "refused".into()
        })
    }

    /// Ends if nothing comes for too long.
    fn poll_quiet(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Way::Back(span) = self.way else { return Poll::Pending };
        self.quiet.get_or_insert_with(|| Box::pin(tokio::time::sleep(span))).as_mut().poll(cx)
    }

    fn moved(&mut self) {
        self.exchange.touch();
        if let (Way::Back(span), Some(quiet)) = (&self.way, &mut self.quiet) {
            quiet.as_mut().reset(Instant::now() + *span);
        }
    }

    fn fail(&mut self, code: &'static str, error: BoxError) -> BoxError {
        self.inner = None;
        if matches!(self.way, Way::Back(_)) {
            self.exchange.refused(&Refusal::upstream(code, "the host's answer ended early"));
        }
        error
    }
}

impl Body for Piped {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        loop {
            let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
            let (piece, last) = match Pin::new(inner).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(piece) => (piece, false),
                    Err(_trailers) => continue,
                },
                Poll::Ready(None) => {
                    this.inner = None;
                    (Bytes::new(), true)
                }
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Some(Err(this.fail("upstream_broke_off", error))));
                }
                Poll::Pending => {
                    std::task::ready!(this.poll_quiet(cx));
                    return Poll::Ready(Some(Err(this.fail("upstream_silent", "silent".into()))));
                }
            };
            this.moved();
            let piece = match this.settle(&piece, last) {
                Ok(piece) => piece,
                Err(error) => return Poll::Ready(Some(Err(error))),
            };
            if !piece.is_empty() {
                this.counter().fetch_add(piece.len() as u64, Ordering::Relaxed);
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            None => SizeHint::with_exact(0),
            Some(_) => self.length.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

/// Reads on for a while: a connection that is closed with unread bytes takes the answer with it.
pub(super) async fn drain<B: Body<Data = Bytes> + Unpin>(mut body: B) {
    let read = async {
        let mut left = DRAIN_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len) as u64) else { return };
            left = rest;
        }
    };
    let _ = tokio::time::timeout(DRAIN, read).await;
}
