//! HTTP connections to one worker over its socket, kept open between invocations.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

/// Why the body of a request ended early.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type RequestBody = UnsyncBoxBody<Bytes, BodyError>;
pub(crate) type Connection = SendRequest<RequestBody>;

/// Most idle connections kept per worker.
const IDLE: usize = 64;

/// Why a request got no response.
pub(crate) enum SendError {
    /// The socket does not answer.
    Connect,
    /// The connection broke before the head of the response.
    Broken(hyper::Error),
}

pub(crate) struct Connections {
    socket: PathBuf,
    /// `None` when closed. The last one used is the first one taken: it is the warmest.
    idle: Mutex<Option<Vec<Connection>>>,
}

impl Connections {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self { socket, idle: Mutex::new(Some(Vec::new())) }
    }

    /// Sends `request` on an idle connection, or else on a new one. It is sent again only if the idle connection had
    /// closed before any byte of it was sent.
    pub(crate) async fn send(
        &self,
        mut request: Request<RequestBody>,
    ) -> Result<(Response<Incoming>, Connection), SendError> {
        while let Some(mut connection) = self.take() {
            match connection.try_send_request(request).await {
                Ok(response) => return Ok((response, connection)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(SendError::Broken(error.into_error())),
                },
            }
        }
        let stream = UnixStream::connect(&self.socket).await.map_err(|_| SendError::Connect)?;
        let (mut connection, driver) = handshake(TokioIo::new(stream)).await.map_err(SendError::Broken)?;
        tokio::spawn(driver);
        match connection.send_request(request).await {
            Ok(response) => Ok((response, connection)),
            Err(error) => Err(SendError::Broken(error)),
        }
    }

    /// Takes a connection back whose response has been read to the end.
    pub(crate) fn give_back(&self, connection: Connection) {
        // One that still sends its request's body is not ready and never waited for.
        if connection.is_ready()
            && let Some(idle) = self.lock().as_mut()
            && idle.len() < IDLE
        {
            idle.push(connection);
        }
    }

    /// Closes the idle connections and keeps none from now on.
    pub(crate) fn close(&self) {
        *self.lock() = None;
    }

    fn take(&self) -> Option<Connection> {
        let mut idle = self.lock();
        let idle = idle.as_mut()?;
        while let Some(connection) = idle.pop() {
            if connection.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
