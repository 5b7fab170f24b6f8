//! [`Listener`]: TCP connections, whatever goes wrong while accepting them.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream, ToSocketAddrs},
    time::sleep,
};

/// The pauses after errors that are not a single connection's (EMFILE, ENFILE, ENOBUFS, ENOMEM):
/// doubled from the first to the last, as Go's `net/http` does. Without them the loop would spin,
/// since the connection stays in the queue.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// A TCP listener that survives what can go wrong with `accept` and sets TCP_NODELAY.
///
/// With the feature `axum` it goes into `axum::serve`; `into_make_service_with_connect_info` takes
/// [`PeerAddr`] then.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
}

/// The address of the connection's other end. [`serve`](super::serve) puts it into each request's
/// extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

impl Listener {
    /// Listens on the first of the addresses that can be bound.
    ///
    /// # Errors
    /// When none can.
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        TcpListener::bind(addr).await.map(Self::from)
    }

    /// Where it listens: the real port when it was bound to port 0.
    ///
    /// # Errors
    /// The operating system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// The next connection. It may be dropped without losing one.
    pub async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let (stream, peer) = retrying(|cx| self.tcp.poll_accept(cx)).await;
        nodelay(&stream);
        (stream, peer)
    }

    /// Closes the listener and returns what was connected but not yet accepted: dropping those would
    /// reset callers who believe that they have a connection, and may have sent a request on it.
    pub(super) fn close(self) -> Vec<(TcpStream, SocketAddr)> {
        let Ok(tcp) = self.tcp.into_std() else {
            return Vec::new();
        };
        // tokio's listeners do not block, so this ends with `WouldBlock`.
        let accepted = std::iter::from_fn(|| tcp.accept().ok());
        let usable = accepted.filter_map(|(stream, peer)| {
            stream.set_nonblocking(true).ok()?;
            let stream = TcpStream::from_std(stream).ok()?;
            nodelay(&stream);
            Some((stream, peer))
        });
        usable.collect()
    }
}

impl From<TcpListener> for Listener {
    fn from(tcp: TcpListener) -> Self {
        Self { tcp }
    }
}

fn nodelay(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        // Slower, but a connection; it fails for one that is gone already.
        tracing::trace!(target: "mesh::server", %error, "no TCP_NODELAY");
    }
}

/// Calls `accept` until it succeeds.
async fn retrying<T>(mut accept: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>) -> T {
    let mut pause = FIRST_PAUSE;
    loop {
        match poll_fn(&mut accept).await {
            Ok(accepted) => return accepted,
            Err(error) if is_the_connections(&error) => {}
            Err(error) => {
                tracing::warn!(target: "mesh::server", %error, ?pause, "cannot accept connections");
                sleep(pause).await;
                pause = LAST_PAUSE.min(pause * 2);
            }
        }
    }
}

/// Whether only the connection that was being accepted is lost (accept(2), "Error handling").
fn is_the_connections(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

#[cfg(feature = "axum")]
mod axum_listener {
    use axum::{
        extract::connect_info::Connected,
        serve::{IncomingStream, Listener as AxumListener},
    };

    use super::{Listener, PeerAddr, SocketAddr, TcpStream, io};

    impl AxumListener for Listener {
        type Io = TcpStream;
        type Addr = SocketAddr;

        async fn accept(&mut self) -> (TcpStream, SocketAddr) {
            Self::accept(self).await
        }

        fn local_addr(&self) -> io::Result<SocketAddr> {
            Self::local_addr(self)
        }
    }

    impl Connected<IncomingStream<'_, Listener>> for PeerAddr {
        fn connect_info(stream: IncomingStream<'_, Listener>) -> Self {
            Self(*stream.remote_addr())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn out_of_descriptors_is_waited_out_with_growing_bounded_pauses() {
        // EMFILE, by the number: std has no stable kind for it.
        let mut times = Vec::new();
        let mut results: VecDeque<_> = (0..12)
            .map(|_| Err(io::Error::from_raw_os_error(24)))
            .collect();
        results.push_back(Ok("connection"));
        let begun = Instant::now();
        let accepted = retrying(|_| {
            times.push(begun.elapsed());
            Poll::Ready(results.pop_front().unwrap())
        });
        assert_eq!(accepted.await, "connection");
        let pauses: Vec<_> = times
            .windows(2)
            .map(|t| (t[1] - t[0]).as_millis())
            .collect();
        assert_eq!(
            pauses,
            [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000, 1000]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_gone_already_costs_no_pause() {
        let kinds = [io::ErrorKind::ConnectionAborted, io::ErrorKind::Interrupted];
        let mut results: VecDeque<_> = kinds.map(|kind| Err(kind.into())).into();
        results.push_back(Ok(()));
        let begun = Instant::now();
        retrying(|_| Poll::Ready(results.pop_front().unwrap())).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test]
    async fn closing_hands_over_the_queue() {
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let one = std::net::TcpStream::connect(addr).unwrap();
        let two = std::net::TcpStream::connect(addr).unwrap();
        let waiting = listener.close();
        let peers: Vec<_> = waiting.iter().map(|(_, peer)| *peer).collect();
        assert_eq!(
            peers,
            [one.local_addr().unwrap(), two.local_addr().unwrap()]
        );
        assert!(waiting.iter().all(|(stream, _)| stream.nodelay().unwrap()));
        assert!(std::net::TcpStream::connect(addr).is_err());
    }
}
