//! A request's body, kept as it is read, for the copies that wait for all of it.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::{Body, BoxError};

/// A complete body.
pub(super) struct Kept {
    chunks: Vec<Bytes>,
    trailers: Option<HeaderMap>,
}

impl Kept {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self {
            chunks: vec![bytes],
            trailers: None,
        }
    }

    pub(super) fn body(&self) -> Body {
        match (&self.chunks[..], &self.trailers) {
            ([], None) => Body::empty(),
            ([one], None) => one.clone().into(),
            (chunks, trailers) => Body::new(Frames {
                frames: chunks
                    .iter()
                    .cloned()
                    .map(Frame::data)
                    .chain(trailers.clone().map(Frame::trailers))
                    .collect(),
            }),
        }
    }
}

/// What a stream's original has read, and who waits for the rest.
pub(super) struct Tee {
    limit: usize,
    /// How much of it is sent, where that is known before.
    length: Option<u64>,
    bytes: usize,
    chunks: Vec<Bytes>,
    trailers: Option<HeaderMap>,
    /// Called with `None` when the body is too long.
    pub(super) send: Option<Box<dyn FnOnce(Option<Kept>) + Send>>,
}

impl Tee {
    pub(super) fn new(limit: usize, length: Option<u64>) -> Self {
        Self {
            limit,
            length,
            bytes: 0,
            chunks: Vec::new(),
            trailers: None,
            send: None,
        }
    }

    fn keep(&mut self, frame: &Frame<Bytes>) {
        if let Some(data) = frame.data_ref() {
            self.bytes = self.bytes.saturating_add(data.len());
            if self.bytes > self.limit {
                self.chunks = Vec::new();
                if let Some(send) = self.send.take() {
                    tracing::debug!("a request is not mirrored: its body is too long");
                    send(None);
                }
            } else if !data.is_empty() {
                self.chunks.push(data.clone());
            }
        } else if let Some(trailers) = frame.trailers_ref() {
            self.trailers = Some(trailers.clone());
        }
    }

    /// Whether all was read that is sent.
    fn is_whole(&self) -> bool {
        self.length
            .is_some_and(|length| self.bytes as u64 >= length)
    }

    /// The original has failed, too.
    fn give_up(&mut self) {
        self.chunks = Vec::new();
        if self.send.take().is_some() {
            tracing::debug!("a request is not mirrored: its body broke off");
        }
    }

    fn complete(&mut self) {
        if let Some(send) = self.send.take() {
            send(Some(Kept {
                chunks: std::mem::take(&mut self.chunks),
                trailers: self.trailers.take(),
            }));
        }
    }
}

/// The original's body, which is kept as it is read.
pub(super) struct Teed {
    pub(super) inner: Body,
    pub(super) tee: Arc<Mutex<Tee>>,
}

impl HttpBody for Teed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        let mut tee = self.tee.lock().unwrap_or_else(PoisonError::into_inner);
        match &frame {
            Some(Ok(frame)) => {
                tee.keep(frame);
                // Many readers stop here, and never see the end.
                if frame.is_trailers() || self.inner.is_end_stream() || tee.is_whole() {
                    tee.complete();
                }
            }
            Some(Err(_)) => tee.give_up(),
            None => tee.complete(),
        }
        drop(tee);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A body in several parts.
struct Frames {
    frames: std::collections::VecDeque<Frame<Bytes>>,
}

impl HttpBody for Frames {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(self.frames.pop_front().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty()
    }
}
