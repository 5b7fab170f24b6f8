//! Opens the sockets that [`connections`](crate::connections) speak HTTP on.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use mesh_core::policy::{Address, TcpKeepalive};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
};

/// An open connection. One type rather than a parameter, so that hyper's machinery is compiled once.
#[derive(Debug)]
pub(crate) enum Io {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Connects, without a limit of time.
pub(crate) async fn connect(address: &Address, keepalive: Option<&TcpKeepalive>) -> io::Result<Io> {
    match address {
        Address::Socket(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            if let Some(keepalive) = keepalive {
                SockRef::from(&stream).set_tcp_keepalive(&probes(keepalive))?;
            }
            Ok(Io::Tcp(stream))
        }
        Address::Unix(path) => UnixStream::connect(path).await.map(Io::Unix),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Held to what Linux takes (1 to 32,767 s, 127 probes): beyond that it refuses the option, and with
/// it every connection would fail.
fn probes(keepalive: &TcpKeepalive) -> socket2::TcpKeepalive {
    let held = |time: Duration| time.clamp(Duration::from_secs(1), Duration::from_secs(32_767));
    let mut probes = socket2::TcpKeepalive::new();
    if let Some(time) = keepalive.time {
        probes = probes.with_time(held(time));
    }
    if let Some(interval) = keepalive.interval {
        probes = probes.with_interval(held(interval));
    }
    if let Some(retries) = keepalive.probes {
        probes = probes.with_retries(retries.clamp(1, 127));
    }
    probes
}

macro_rules! delegate {
    ($self:ident, $io:ident => $call:expr) => {
        match &mut *$self {
            Io::Tcp(io) => {
                let $io = Pin::new(io);
                $call
            }
            Io::Unix(io) => {
                let $io = Pin::new(io);
                $call
            }
        }
    };
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        delegate!(self, io => io.poll_read(cx, buf))
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, io => io.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, io => io.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, io => io.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, io => io.poll_shutdown(cx))
    }
}
