//! The body of a function's response: it carries the invocation to its end.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::connection::Connection;
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
}

impl WorkerBody {
    pub(super) fn new(inner: Incoming, connection: Connection, flight: Flight) -> Self {
        let left = flight.worker().limits.response_bytes;
        let mut body = Self { inner, connection: Some(connection), left, flight: Some(flight), obituary: None };
        if body.inner.is_end_stream() {
            body.finish();
        }
        body
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

impl Body for WorkerBody {
    type Data = Bytes;
    type Error = InvokeError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, InvokeError>>> {
        let this = self.get_mut();
        loop {
            let Some(flight) = &this.flight else { return Poll::Ready(None) };
            if let Some(obituary) = &mut this.obituary {
                let error = ready!(obituary.as_mut().poll(cx));
                return Poll::Ready(Some(Err(this.fail(error))));
            }
            // Also when there is more to send: a caller that reads slowly, or a stream without end, must not outlast its time.
            if let Some(error) = flight.overran() {
                return Poll::Ready(Some(Err(this.fail(error))));
            }
            let mut frame = Pin::new(&mut this.inner).poll_frame(cx);
            if frame.is_pending()
                && let Some(connection) = &mut this.connection
            {
                connection.drive(cx);
                frame = Pin::new(&mut this.inner).poll_frame(cx);
            }
            match frame {
                // Trailers are dropped: few callers ask for them, and the gateway's answer has not announced any.
                Poll::Ready(Some(Ok(frame))) if frame.is_data() => {
                    let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                    let Some(left) = this.left.checked_sub(bytes) else {
                        let limit = flight.worker().limits.response_bytes;
                        return Poll::Ready(Some(Err(this.fail(InvokeError::ResponseTooLarge { limit }))));
                    };
                    this.left = left;
                    if this.inner.is_end_stream() {
                        this.finish();
                    }
                    return Poll::Ready(Some(Ok(frame)));
                }
                Poll::Ready(Some(Ok(_trailers))) => {}
                Poll::Ready(None) => {
                    this.finish();
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Err(_))) => {
                    let worker = Arc::clone(flight.worker());
                    this.obituary = Some(Box::pin(async move { obituary(&worker).await }));
                }
                Poll::Pending => {
                    let error = ready!(flight.poll_overrun(cx));
                    return Poll::Ready(Some(Err(this.fail(error))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.flight.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
