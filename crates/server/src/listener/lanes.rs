//! Threads that connections live on, one for each processor. A connection stays on the thread it was given to, with all its
//! requests: a request that wanders between threads costs two wake-ups of another one, which is more than the request itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::{Shared, serve};

/// A timer that is always set. Without one that is due before it, each timer of a request wakes its own thread: a write and
/// a further turn of the loop for nothing.
const PULSE: Duration = Duration::from_secs(1);

type Accepted = (std::net::TcpStream, SocketAddr);

/// The threads. They end when this is dropped and their connections have ended.
pub(super) struct Lanes {
    lanes: Vec<mpsc::UnboundedSender<Accepted>>,
    next: usize,
}

impl Lanes {
    /// Starts the threads; connections are counted by `connections`.
    pub(super) fn start(shared: &Arc<Shared>, connections: &TaskTracker) -> std::io::Result<Self> {
        let count = std::thread::available_parallelism().map_or(2, usize::from);
        let lane = |number| {
            let (sender, accepted) = mpsc::unbounded_channel();
            let (shared, connections) = (Arc::clone(shared), connections.clone());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            std::thread::Builder::new()
                .name(format!("connections-{number}"))
                .spawn(move || runtime.block_on(run(accepted, shared, connections)))?;
            Ok(sender)
        };
        Ok(Self { lanes: (0..count).map(lane).collect::<std::io::Result<_>>()?, next: 0 })
    }

    /// Gives a connection to the next thread.
    pub(super) fn give(&mut self, stream: TcpStream, peer: SocketAddr) {
        self.next = (self.next + 1) % self.lanes.len().max(1);
        if let (Some(lane), Ok(stream)) = (self.lanes.get(self.next), stream.into_std()) {
            let _ = lane.send((stream, peer));
        }
    }
}

async fn run(mut accepted: mpsc::UnboundedReceiver<Accepted>, shared: Arc<Shared>, connections: TaskTracker) {
    tokio::spawn(async {
        loop {
            tokio::time::sleep(PULSE).await;
        }
    });
    while let Some((stream, peer)) = accepted.recv().await {
        if let Ok(stream) = TcpStream::from_std(stream) {
            connections.spawn(serve(stream, peer, Arc::clone(&shared)));
        }
    }
    connections.wait().await;
}
