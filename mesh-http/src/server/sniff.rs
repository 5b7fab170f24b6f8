//! Which protocol a plaintext connection speaks, told from its first bytes.
//!
//! (With TLS, ALPN will tell instead.) hyper-util's automatic connection does the same, but waits for
//! those bytes without a limit, and keeps to itself what they said, on which the drain depends.

use std::{
    fmt,
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// RFC 9113 §3.4.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Reads until the HTTP/2 preface is whole or cannot be one. The bytes read are read again from what
/// is returned.
pub(super) async fn sniff<T: AsyncRead + Unpin>(mut io: T) -> io::Result<(Protocol, Replayed<T>)> {
    let mut bytes = [0; PREFACE.len()];
    let mut filled = 0;
    while filled < bytes.len() && bytes[..filled] == PREFACE[..filled] {
        let read = poll_fn(|cx| {
            let mut buf = ReadBuf::new(&mut bytes[filled..]);
            ready!(Pin::new(&mut io).poll_read(cx, &mut buf))?;
            Poll::Ready(io::Result::Ok(buf.filled().len()))
        });
        match read.await? {
            // HTTP/1 knows how to treat a connection that ends here.
            0 => break,
            n => filled += n,
        }
    }
    let protocol = if bytes == *PREFACE {
        Protocol::Http2
    } else {
        Protocol::Http1
    };
    let replayed = Replayed {
        bytes,
        unread: 0,
        filled,
        io,
    };
    Ok((protocol, replayed))
}

/// A connection whose first bytes are read again.
pub(super) struct Replayed<T> {
    bytes: [u8; PREFACE.len()],
    unread: usize,
    filled: usize,
    io: T,
}

impl<T> fmt::Debug for Replayed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replayed").finish_non_exhaustive()
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Replayed<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let unread = &this.bytes[this.unread..this.filled];
        if unread.is_empty() {
            return Pin::new(&mut this.io).poll_read(cx, buf);
        }
        let n = unread.len().min(buf.remaining());
        buf.put_slice(&unread[..n]);
        this.unread += n;
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Replayed<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// Sends `sent` in pieces of `piece` bytes and returns the protocol and all that is read.
    async fn sniffed(sent: &[u8], piece: usize) -> (Protocol, Vec<u8>) {
        // As wide as a piece, so that each write is a read.
        let (mut client, server) = duplex(piece);
        let sent = sent.to_vec();
        let sending = tokio::spawn(async move {
            client.write_all(&sent).await.unwrap();
        });
        let (protocol, mut io) = sniff(server).await.unwrap();
        let mut read = Vec::new();
        io.read_to_end(&mut read).await.unwrap();
        sending.await.unwrap();
        (protocol, read)
    }

    #[tokio::test]
    async fn protocols_are_told_apart_and_no_byte_is_lost() {
        let h2 = [PREFACE.as_slice(), b"and frames"].concat();
        let cases: [(&[u8], _); 6] = [
            (&h2, Protocol::Http2),
            (PREFACE, Protocol::Http2),
            (b"GET / HTTP/1.1\r\n\r\n", Protocol::Http1),
            (
                b"PRI * HTTP/1.1\r\nhost: a\r\nlonger: than the preface\r\n\r\n",
                Protocol::Http1,
            ),
            (&PREFACE[..10], Protocol::Http1),
            (b"", Protocol::Http1),
        ];
        for (sent, protocol) in cases {
            for piece in [1, 5, 1024] {
                assert_eq!(sniffed(sent, piece).await, (protocol, sent.to_vec()));
            }
        }
    }
}
