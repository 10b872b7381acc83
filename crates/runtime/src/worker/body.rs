//! The body of a function's response: it carries the invocation to its end.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use domain::SecretName;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::connection::Connection;
use super::guard::Watch;
use super::invocation::{Flight, InvokeError, obituary};

type Obituary = Pin<Box<dyn Future<Output = InvokeError> + Send>>;

/// The body of a function's response, as it streams. Dropping it before its end aborts the function's request.
pub struct WorkerBody {
    inner: Incoming,
    connection: Option<Connection>,
    /// How many more bytes it may have.
    left: u64,
    flight: Option<Flight>,
    obituary: Option<Obituary>,
    watch: Option<Watch>,
    /// What [`WorkerBody::begin`] has read already.
    first: Option<Bytes>,
    /// What comes after what goes out now.
    caught: Option<SecretName>,
}

impl WorkerBody {
    pub(super) fn new(inner: Incoming, connection: Connection, flight: Flight, watch: Option<Watch>) -> Self {
        let left = flight.worker().limits.response_bytes;
        let (connection, flight) = (Some(connection), Some(flight));
        let mut body = Self { inner, connection, left, flight, obituary: None, watch, first: None, caught: None };
        if body.inner.is_end_stream() {
            body.finish();
        }
        body
    }

    /// Where a response may not go out if it holds a value: looks at its beginning before any of it does. Of a stream, whose
    /// beginning may be long in coming, only at what is there.
    pub(super) async fn begin(&mut self) -> Result<(), InvokeError> {
        if self.flight.is_none() || !self.watch.as_ref().is_some_and(Watch::blocks) {
            return Ok(());
        }
        let stream = self.inner.size_hint().exact().is_none();
        let first = poll_fn(|cx| match self.poll_piece(cx) {
            Poll::Pending if stream => Poll::Ready(None),
            polled => polled,
        });
        match first.await {
            Some(Ok(piece)) => self.first = Some(piece),
            Some(Err(error)) => return Err(error),
            None => {}
        }
        match self.caught.take() {
            Some(secret) => {
                if let Some(flight) = &mut self.flight {
                    flight.unanswered();
                }
                Err(self.fail(InvokeError::ResponseBlocked { secret }))
            }
            None => Ok(()),
        }
    }

    fn finish(&mut self) {
        if let Some(mut flight) = self.flight.take() {
            if let Some(connection) = self.connection.take() {
                flight.worker().connections.give_back(connection);
            }
            flight.finish();
        }
    }

    fn fail(&mut self, error: InvokeError) -> InvokeError {
        self.connection = None;
        if let Some(mut flight) = self.flight.take() {
            flight.fail(&error);
        }
        error
    }
}

impl WorkerBody {
    /// The next piece of the body that may go out; never an empty one.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, InvokeError>>> {
        loop {
            let Some(flight) = &self.flight else { return Poll::Ready(None) };
            if let Some(secret) = self.caught.take() {
                return Poll::Ready(Some(Err(self.fail(InvokeError::ResponseBlocked { secret }))));
            }
            if let Some(obituary) = &mut self.obituary {
                let error = ready!(obituary.as_mut().poll(cx));
                return Poll::Ready(Some(Err(self.fail(error))));
            }
            // Also when there is more to send: a caller that reads slowly, or a stream without end, must not outlast its time.
            if let Some(error) = flight.overran() {
                return Poll::Ready(Some(Err(self.fail(error))));
            }
            let mut frame = Pin::new(&mut self.inner).poll_frame(cx);
            if frame.is_pending()
                && let Some(connection) = &mut self.connection
            {
                connection.drive(cx);
                frame = Pin::new(&mut self.inner).poll_frame(cx);
            }
            let (piece, last) = match frame {
                // Trailers are dropped: few callers ask for them, and the gateway's answer has not announced any.
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(piece) => (piece, self.inner.is_end_stream()),
                    Err(_trailers) => continue,
                },
                Poll::Ready(None) => (Bytes::new(), true),
                Poll::Ready(Some(Err(_))) => {
                    let worker = Arc::clone(flight.worker());
                    self.obituary = Some(Box::pin(async move { obituary(&worker).await }));
                    continue;
                }
                Poll::Pending => {
                    let error = ready!(flight.poll_overrun(cx));
                    return Poll::Ready(Some(Err(self.fail(error))));
                }
            };
            let Some(left) = self.left.checked_sub(piece.len() as u64) else {
                let limit = flight.worker().limits.response_bytes;
                return Poll::Ready(Some(Err(self.fail(InvokeError::ResponseTooLarge { limit }))));
            };
            self.left = left;
            let piece = self.watched(piece, last);
            if last && self.caught.is_none() {
                self.finish();
            }
            if !piece.is_empty() {
                return Poll::Ready(Some(Ok(piece)));
            }
        }
    }

    /// What of a piece may go out. What may not is remembered, to be told when that has gone.
    fn watched(&mut self, piece: Bytes, last: bool) -> Bytes {
        let Some(watch) = &mut self.watch else { return piece };
        let (bytes, returned) = match watch.push(piece, last) {
            Ok(passed) => (passed.bytes, passed.returned),
            Err(caught) => {
                self.caught = Some(caught.secret.clone());
                (caught.before, Some(caught.secret))
            }
        };
        if let (Some(flight), Some(secret)) = (&mut self.flight, returned) {
            flight.returned = Some(secret);
        }
        bytes
    }
}

impl Body for WorkerBody {
    type Data = Bytes;
    type Error = InvokeError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, InvokeError>>> {
        let this = self.get_mut();
        match this.first.take() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            None => this.poll_piece(cx).map(|piece| piece.map(|piece| piece.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.flight.is_none() && self.first.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let ours =
            self.first.as_ref().map_or(0, |piece| piece.len() as u64) + self.watch.as_ref().map_or(0, Watch::held);
        let rest = self.inner.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + ours);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + ours);
        }
        hint
    }
}
