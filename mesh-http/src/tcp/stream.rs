//! An open connection.

use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use mesh_core::{
    Flag,
    cluster::{Cluster, Endpoint},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    limits::{Limits, Side},
    session::Session,
};
use crate::{Error, connect::Io};

/// A stream of bytes to and from an endpoint.
///
/// Either half can be closed alone: `shutdown` ends what is sent, and reading goes on until the
/// endpoint ends its half. The stream counts as in flight until both are done or it is dropped.
///
/// Errors are the socket's own, but for two, of kind `TimedOut`, which hold a
/// [`mesh_http::Error`](crate::Error): the idle timeout (SI) and the maximum duration (DT) of the
/// listener's policy. The connection is closed then.
pub struct Stream {
    io: Option<Io>,
    session: Option<Session>,
    limits: Limits,
    cluster: Option<Arc<Cluster>>,
    endpoint: Option<Arc<Endpoint>>,
    bytes: Bytes,
    /// Why it was closed, when the mesh closed it.
    closed: Option<(Flag, String)>,
}

/// What moved so far, and whether more can.
#[derive(Clone, Copy, Debug, Default)]
struct Bytes {
    sent: u64,
    received: u64,
    read_done: bool,
    write_done: bool,
}

impl Stream {
    pub(super) fn new(io: Io, session: Session, limits: Limits) -> Self {
        let endpoint = session
            .held
            .as_ref()
            .map(|(pick, _)| pick.endpoint().clone());
        Self {
            io: Some(io),
            cluster: session.cluster.clone(),
            endpoint,
            session: Some(session),
            limits,
            bytes: Bytes::default(),
            closed: None,
        }
    }

    /// The name of the cluster it goes to.
    pub fn cluster(&self) -> &str {
        self.cluster.as_ref().map_or("", |c| c.name())
    }

    /// The endpoint it is connected to.
    pub fn endpoint(&self) -> Option<&Arc<Endpoint>> {
        self.endpoint.as_ref()
    }

    /// Bytes written so far.
    pub const fn sent(&self) -> u64 {
        self.bytes.sent
    }

    /// Bytes read so far.
    pub const fn received(&self) -> u64 {
        self.bytes.received
    }

    /// Does `io` on the socket, under the stream's limits; `done` notes what it came to.
    fn drive<T>(
        &mut self,
        cx: &mut Context<'_>,
        side: Side,
        io: impl FnOnce(Pin<&mut Io>, &mut Context<'_>) -> Poll<io::Result<T>>,
        done: impl FnOnce(&mut Bytes, &T),
    ) -> Option<Poll<io::Result<T>>> {
        if let Some((flag, message)) = &self.closed {
            return Some(Poll::Ready(Err(timed_out(*flag, message))));
        }
        let result = io(Pin::new(self.io.as_mut()?), cx);
        let expired = match &result {
            Poll::Pending => match self.limits.poll(cx, side) {
                Poll::Ready(error) => Some(error),
                Poll::Pending => None,
            },
            Poll::Ready(result) => {
                if let Ok(value) = result {
                    done(&mut self.bytes, value);
                }
                self.limits.moved()
            }
        };
        if let Some(error) = expired {
            let (flag, message) = (error.flag(), error.to_string());
            let error = timed_out(flag, &message);
            self.closed = Some((flag, message));
            self.end(Some(flag));
            self.limits.wake();
            return Some(Poll::Ready(Err(error)));
        }
        if self.bytes.read_done && self.bytes.write_done {
            self.end(None);
        }
        Some(result)
    }

    /// Closes the socket and ends every count.
    fn end(&mut self, flag: Option<Flag>) {
        self.io = None;
        if let Some(mut session) = self.session.take() {
            session.flag = flag;
            session.sent = self.bytes.sent;
            session.received = self.bytes.received;
        }
    }
}

fn timed_out(flag: Flag, message: &str) -> io::Error {
    let error = Error::new(flag, http::StatusCode::GATEWAY_TIMEOUT, message);
    io::Error::new(io::ErrorKind::TimedOut, error)
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.end(None);
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (before, room) = (buf.filled().len(), buf.remaining());
        let result = self.drive(
            cx,
            Side::Read,
            |io, cx| {
                let result = io.poll_read(cx, buf);
                result.map_ok(|()| buf.filled().len() - before)
            },
            |bytes, read| {
                bytes.received += *read as u64;
                bytes.read_done |= *read == 0 && room > 0;
            },
        );
        // `None`: both halves were done already.
        result.map_or(Poll::Ready(Ok(())), |result| result.map_ok(|_| ()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.drive(
            cx,
            Side::Write,
            |io, cx| io.poll_write(cx, buf),
            |bytes, n| bytes.sent += *n as u64,
        )
        .unwrap_or_else(broken_pipe)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.drive(
            cx,
            Side::Write,
            |io, cx| io.poll_write_vectored(cx, bufs),
            |bytes, n| bytes.sent += *n as u64,
        )
        .unwrap_or_else(broken_pipe)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Moves no byte: what is written is in the system's hands.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        match (&this.closed, &mut this.io) {
            (Some((flag, message)), _) => Poll::Ready(Err(timed_out(*flag, message))),
            (None, Some(io)) => Pin::new(io).poll_flush(cx),
            (None, None) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.drive(
            cx,
            Side::Write,
            |io, cx| io.poll_shutdown(cx),
            |bytes, ()| bytes.write_done = true,
        )
        .unwrap_or(Poll::Ready(Ok(())))
    }
}

fn broken_pipe<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("cluster", &self.cluster())
            .field("endpoint", &self.endpoint.as_ref().map(|e| e.address()))
            .field("sent", &self.bytes.sent)
            .field("received", &self.bytes.received)
            .finish_non_exhaustive()
    }
}
