//! A connection whose other side does not read: it must not hold a worker for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// While something waits to be written, so much must be taken in each such span. Less is no slow network: it is somebody who
/// holds an invocation by reading a byte now and then.
const SPAN: Duration = Duration::from_secs(60);
const LEAST: usize = 16 * 1024;

/// Ends writing when the other side has taken less than [`LEAST`] in [`SPAN`].
pub(super) struct Stall<S> {
    stream: S,
    /// Set while something waits.
    patience: Option<Patience>,
}

struct Patience {
    ends: Pin<Box<Sleep>>,
    taken: usize,
}

impl<S> Stall<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, patience: None }
    }

    /// What came of a write of `offered` bytes.
    fn watch(
        &mut self,
        cx: &mut Context<'_>,
        offered: usize,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let taken = match &written {
            Poll::Ready(Ok(taken)) if *taken < offered => *taken,
            Poll::Pending => 0,
            Poll::Ready(_) => {
                self.patience = None;
                return written;
            }
        };
        let fresh = || Patience { ends: Box::pin(tokio::time::sleep(SPAN)), taken: 0 };
        let patience = self.patience.get_or_insert_with(fresh);
        patience.taken += taken;
        if patience.taken >= LEAST {
            *patience = fresh();
        }
        match patience.ends.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => written,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stall<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stall<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.watch(cx, buf.len(), written)
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
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.watch(cx, bufs.iter().map(|buf| buf.len()).sum(), written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::ErrorKind;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::Stall;

    /// Whether all of `whole` is taken by somebody who takes `piece` bytes every 50 seconds.
    async fn taken(whole: usize, piece: usize) -> std::io::Result<()> {
        let (ours, mut theirs) = tokio::io::duplex(piece);
        let reading = tokio::spawn(async move {
            let mut piece = vec![0; piece];
            while theirs.read_exact(&mut piece).await.is_ok() {
                tokio::time::sleep(Duration::from_secs(50)).await;
            }
        });
        let written = Stall::new(ours).write_all(&vec![0; whole]).await;
        reading.abort();
        written
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_or_a_byte_now_and_then_is_left_and_who_is_slow_is_not() {
        taken(1 << 20, 16 * 1024).await.unwrap();
        assert_eq!(taken(1 << 20, 1).await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(taken(1 << 20, 4 * 1024).await.unwrap_err().kind(), ErrorKind::TimedOut);
        let (ours, _theirs) = tokio::io::duplex(4);
        let began = tokio::time::Instant::now();
        assert_eq!(Stall::new(ours).write_all(b"more").await.map_err(|error| error.kind()), Ok(()));
        let (ours, _theirs) = tokio::io::duplex(4);
        assert_eq!(Stall::new(ours).write_all(b"and more").await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(began.elapsed() < Duration::from_secs(62));
    }
}
