//! HTTP connections to one worker over its socket, kept open between invocations.
//!
//! A connection is driven by the task that uses it: handing each request to a task of the connection's own would cost two
//! wake-ups, mostly of another thread. Nobody drives an idle one; whether it still lives shows when it is taken.

use std::collections::HashMap;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::runtime::{Handle, Id};

/// Why the body of a request ended early.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type RequestBody = UnsyncBoxBody<Bytes, BodyError>;

/// Most idle connections kept per worker and runtime.
const IDLE: usize = 64;

/// Why a request got no response.
pub(crate) enum SendError {
    /// The socket does not answer.
    Connect,
    /// The connection broke before the head of the response.
    Broken(hyper::Error),
}

/// One connection, which makes progress only while it is polled.
pub(crate) struct Connection {
    /// The runtime whose driver tells of its socket: elsewhere each wake-up would come from another thread, and none any
    /// more when that one has ended.
    home: Id,
    sender: SendRequest<RequestBody>,
    driver: Pin<Box<http1::Connection<TokioIo<UnixStream>, RequestBody>>>,
    /// The driver has returned and must not be polled again.
    ended: bool,
}

impl Connection {
    async fn open(socket: &PathBuf) -> Result<Self, SendError> {
        let stream = UnixStream::connect(socket).await.map_err(|_| SendError::Connect)?;
        let (sender, driver) = handshake(TokioIo::new(stream)).await.map_err(SendError::Broken)?;
        Ok(Self { home: Handle::current().id(), sender, driver: Box::pin(driver), ended: false })
    }

    /// Reads and writes what can be read and written now.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        if !self.ended {
            // Its failure shows in the response and its body.
            self.ended = self.driver.as_mut().poll(cx).is_ready();
        }
    }

    /// Runs `answer`, which this connection has to bring about.
    async fn driven<T>(&mut self, answer: impl Future<Output = T>) -> T {
        let mut answer = pin!(answer);
        poll_fn(|cx| {
            self.drive(cx);
            answer.as_mut().poll(cx)
        })
        .await
    }

    fn is_ready(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        !self.ended && self.sender.is_ready()
    }
}

pub(crate) struct Connections {
    socket: PathBuf,
    /// `None` when closed. Of each runtime the last one used is the first one taken: it is the warmest.
    idle: Mutex<Option<HashMap<Id, Vec<Connection>>>>,
}

impl Connections {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self { socket, idle: Mutex::new(Some(HashMap::new())) }
    }

    /// Where the worker listens.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Sends `request` on an idle connection, or else on a new one. It is sent again only if the idle connection had
    /// closed before any byte of it was sent.
    pub(crate) async fn send(
        &self,
        mut request: Request<RequestBody>,
    ) -> Result<(Response<Incoming>, Connection), SendError> {
        while let Some(mut connection) = self.take() {
            let answer = connection.sender.try_send_request(request);
            match connection.driven(answer).await {
                Ok(response) => return Ok((response, connection)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(SendError::Broken(error.into_error())),
                },
            }
        }
        let mut connection = Connection::open(&self.socket).await?;
        let answer = connection.sender.send_request(request);
        match connection.driven(answer).await {
            Ok(response) => Ok((response, connection)),
            Err(error) => Err(SendError::Broken(error)),
        }
    }

    /// Takes a connection back whose response has been read to the end.
    pub(crate) fn give_back(&self, mut connection: Connection) {
        // One that still sends its request's body is not ready and never waited for.
        if connection.is_ready()
            && let Some(idle) = self.lock().as_mut()
        {
            let idle = idle.entry(connection.home).or_default();
            if idle.len() < IDLE {
                idle.push(connection);
            }
        }
    }

    /// Closes the idle connections and keeps none from now on.
    pub(crate) fn close(&self) {
        *self.lock() = None;
    }

    fn take(&self) -> Option<Connection> {
        let here = Handle::current().id();
        loop {
            let mut connection = self.lock().as_mut()?.get_mut(&here)?.pop()?;
            if connection.is_ready() {
                return Some(connection);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<HashMap<Id, Vec<Connection>>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
