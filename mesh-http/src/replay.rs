//! Request bodies that can be sent more than once.
//!
//! Empty and whole bodies are cloned. A stream is kept as its first attempt reads it, up to a limit;
//! a later attempt gets the kept part and then the rest of the stream. Past the limit what was kept
//! is freed, the running attempt goes on, and no other can start.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, Version, header};
use http_body::{Body as _, Frame, SizeHint};
use mesh_core::policy::HttpProtocol;

use crate::{
    BoxError,
    body::{Body, Kind},
    call::Call,
};

/// How many bytes of its body HTTP/1 sends, where that is known before. Whoever writes them stops
/// there (RFC 9112 §6.2; hyper does), and never asks whether the body has ended. `None` for HTTP/2,
/// where trailers may follow, and whose writer asks.
pub(crate) fn written_length(call: &Call) -> Option<u64> {
    let request = call.request().ok()?;
    match call.destination()?.cluster().policy().protocol {
        HttpProtocol::Http1 => {}
        HttpProtocol::Downstream if request.version() != Version::HTTP_2 => {}
        _ => return None,
    }
    let headers = request.headers();
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    match headers.get(header::CONTENT_LENGTH) {
        Some(length) => length.to_str().ok()?.trim().parse().ok(),
        None => request.body().size_hint().exact(),
    }
}

impl Body {
    /// A body that can be sent again while no more than `limit` bytes of it were read.
    pub fn into_replay(self, limit: usize) -> Replay {
        match self.kind {
            Kind::Empty => Replay(Source::Empty),
            Kind::Whole(bytes) => Replay(Source::Whole(bytes)),
            _ => Replay(Source::Stream(Arc::new(Mutex::new(Stream {
                rest: Some(self),
                kept: Vec::new(),
                kept_bytes: 0,
                trailers: None,
                state: State::Keeping { limit },
                attempt: 0,
            })))),
        }
    }
}

/// Makes the body of each attempt. Dropping it ends the keeping: the last attempt streams on.
pub struct Replay(Source);

enum Source {
    Empty,
    Whole(Bytes),
    Stream(Arc<Mutex<Stream>>),
}

impl Replay {
    /// Whether another attempt can have a body.
    pub fn can_replay(&self) -> bool {
        match &self.0 {
            Source::Stream(stream) => matches!(lock(stream).state, State::Keeping { .. }),
            _ => true,
        }
    }

    /// Whether the whole body was read, and kept; `length` is what its reader [reads](written_length)
    /// of it, if that is known.
    pub(crate) fn is_complete(&self, length: Option<u64>) -> bool {
        match &self.0 {
            Source::Stream(stream) => {
                let stream = lock(stream);
                let read = length.is_some_and(|length| stream.kept_bytes as u64 >= length)
                    || stream.rest.as_ref().is_none_or(|rest| rest.is_end_stream());
                read && matches!(stream.state, State::Keeping { .. })
            }
            _ => true,
        }
    }

    /// The body of the next attempt, `None` when it [cannot be replayed](Self::can_replay). Bodies
    /// of earlier attempts fail when they are read on.
    pub fn body(&self) -> Option<Body> {
        Some(match &self.0 {
            Source::Empty => Body::empty(),
            Source::Whole(bytes) => bytes.clone().into(),
            Source::Stream(stream) => {
                let mut locked = lock(stream);
                if !matches!(locked.state, State::Keeping { .. }) {
                    return None;
                }
                locked.attempt += 1;
                Kind::Replay(ReplayBody {
                    stream: stream.clone(),
                    attempt: locked.attempt,
                    next: 0,
                    trailers_done: false,
                })
                .into()
            }
        })
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        if let Source::Stream(stream) = &self.0 {
            lock(stream).state = State::Streaming;
        }
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay")
            .field("can_replay", &self.can_replay())
            .finish()
    }
}

struct Stream {
    /// `None` once read to its end.
    rest: Option<Body>,
    kept: Vec<Bytes>,
    kept_bytes: usize,
    trailers: Option<HeaderMap>,
    state: State,
    attempt: u32,
}

#[derive(Clone, Copy)]
enum State {
    /// What is read is kept.
    Keeping { limit: usize },
    /// Past the limit, failed, or no further attempt will come.
    Streaming,
}

/// One attempt's view of a kept stream.
pub(crate) struct ReplayBody {
    stream: Arc<Mutex<Stream>>,
    attempt: u32,
    /// Index into `kept`.
    next: usize,
    trailers_done: bool,
}

/// An attempt read on after a later one had begun.
#[derive(Debug, thiserror::Error)]
#[error("the request body is being sent by a later attempt")]
struct Superseded;

impl ReplayBody {
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut stream = lock(&self.stream);
        let stream = &mut *stream;
        if stream.attempt != self.attempt {
            return Poll::Ready(Some(Err(Superseded.into())));
        }
        if let Some(data) = stream.kept.get_mut(self.next) {
            self.next += 1;
            return Poll::Ready(Some(Ok(Frame::data(match stream.state {
                State::Keeping { .. } => data.clone(),
                State::Streaming => std::mem::take(data),
            }))));
        }
        let Some(rest) = &mut stream.rest else {
            let trailers = (!std::mem::replace(&mut self.trailers_done, true))
                .then(|| stream.trailers.clone())
                .flatten();
            return Poll::Ready(trailers.map(|t| Ok(Frame::trailers(t))));
        };
        let frame = ready!(std::pin::Pin::new(rest).poll_frame(cx));
        match &frame {
            None => stream.rest = None,
            Some(Err(_)) => stream.stop_keeping(),
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    stream.keep(data);
                    self.next = stream.kept.len();
                } else if let Some(trailers) = frame.trailers_ref() {
                    stream.trailers = Some(trailers.clone());
                    stream.rest = None;
                    self.trailers_done = true;
                }
            }
        }
        Poll::Ready(frame)
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        let stream = lock(&self.stream);
        self.next >= stream.kept.len()
            && match &stream.rest {
                Some(rest) => rest.is_end_stream(),
                None => self.trailers_done || stream.trailers.is_none(),
            }
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        let stream = lock(&self.stream);
        let kept = stream
            .kept
            .iter()
            .skip(self.next)
            .map(|data| data.len() as u64)
            .sum::<u64>();
        let rest = stream
            .rest
            .as_ref()
            .map_or(SizeHint::with_exact(0), |rest| rest.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + kept);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + kept);
        }
        hint
    }
}

impl Stream {
    fn keep(&mut self, data: &Bytes) {
        // Nothing of any number of empty frames counts against the limit.
        if data.is_empty() {
            return;
        }
        if let State::Keeping { limit } = self.state {
            self.kept_bytes += data.len();
            if self.kept_bytes > limit {
                self.stop_keeping();
            } else {
                self.kept.push(data.clone());
            }
        }
    }

    /// Called with nothing kept left to read.
    fn stop_keeping(&mut self) {
        self.state = State::Streaming;
        self.kept = Vec::new();
    }
}

fn lock(stream: &Mutex<Stream>) -> MutexGuard<'_, Stream> {
    stream.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{pin::Pin, task::Waker};

    use http_body_util::BodyExt;
    use tokio::sync::mpsc;

    use super::*;

    type Item = Result<Frame<Bytes>, BoxError>;

    /// A stream the test feeds.
    fn fed() -> (mpsc::UnboundedSender<Item>, Body) {
        struct Fed(mpsc::UnboundedReceiver<Item>);
        impl http_body::Body for Fed {
            type Data = Bytes;
            type Error = BoxError;
            fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
                self.0.poll_recv(cx)
            }
        }
        let (sender, receiver) = mpsc::unbounded_channel();
        (sender, Body::new(Fed(receiver)))
    }

    fn data(bytes: &'static str) -> Item {
        Ok(Frame::data(Bytes::copy_from_slice(bytes.as_bytes())))
    }

    /// What can be read without waiting.
    fn available(body: &mut Body) -> Vec<Item> {
        let mut cx = Context::from_waker(Waker::noop());
        let mut frames = Vec::new();
        while let Poll::Ready(Some(frame)) = Pin::new(&mut *body).poll_frame(&mut cx) {
            frames.push(frame);
            if frames.last().is_some_and(Result::is_err) {
                break;
            }
        }
        frames
    }

    fn text(frames: Vec<Item>) -> String {
        let data = frames.into_iter().map(|f| f.unwrap().into_data().unwrap());
        String::from_utf8(data.flatten().collect()).unwrap()
    }

    #[tokio::test]
    async fn whole_and_empty_bodies_are_cloned_whatever_their_size() {
        for text in ["", "whole"] {
            let replay = Body::from(text).into_replay(0);
            for _ in 0..3 {
                assert!(replay.can_replay());
                let body = replay.body().unwrap();
                assert_eq!(body.size_hint().exact(), Some(text.len() as u64));
                assert_eq!(body.collect().await.unwrap().to_bytes(), text);
            }
        }
    }

    #[tokio::test]
    async fn a_later_attempt_reads_what_was_kept_and_then_the_rest() {
        let (feed, body) = fed();
        let replay = body.into_replay(100);
        let mut first = replay.body().unwrap();
        feed.send(data("one ")).unwrap();
        feed.send(data("two ")).unwrap();
        assert_eq!(text(available(&mut first)), "one two ");

        let mut second = replay.body().unwrap();
        assert!(available(&mut first).pop().unwrap().is_err(), "superseded");
        assert_eq!(text(available(&mut second)), "one two ");
        feed.send(data("three")).unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("checksum", http::HeaderValue::from_static("7"));
        feed.send(Ok(Frame::trailers(trailers))).unwrap();
        drop(feed);
        let rest = second.collect().await.unwrap();
        assert_eq!(rest.trailers().unwrap()["checksum"], "7");
        assert_eq!(rest.to_bytes(), "three");

        let third = replay.body().unwrap();
        assert_eq!(third.size_hint().exact(), Some(13));
        let all = third.collect().await.unwrap();
        assert_eq!(all.trailers().unwrap()["checksum"], "7");
        assert_eq!(all.to_bytes(), "one two three");
    }

    #[tokio::test]
    async fn past_the_limit_nothing_is_kept_and_the_attempt_goes_on() {
        let (feed, body) = fed();
        let replay = body.into_replay(4);
        let mut first = replay.body().unwrap();
        let four = Bytes::copy_from_slice(b"four");
        feed.send(Ok(Frame::data(four.clone()))).unwrap();
        assert_eq!(text(available(&mut first)), "four");
        assert!(replay.can_replay() && !four.is_unique());
        feed.send(data("!")).unwrap();
        feed.send(data(" and more")).unwrap();
        assert_eq!(text(available(&mut first)), "! and more");
        assert!(!replay.can_replay() && replay.body().is_none());
        assert!(four.is_unique());
        drop(feed);
        assert!(first.collect().await.unwrap().to_bytes().is_empty());
    }

    #[test]
    fn empty_frames_are_not_kept() {
        let (feed, body) = fed();
        let replay = body.into_replay(100);
        let mut first = replay.body().unwrap();
        for part in ["", "a", "", ""] {
            feed.send(data(part)).unwrap();
        }
        assert_eq!(text(available(&mut first)), "a");
        let Source::Stream(stream) = &replay.0 else {
            panic!("a stream")
        };
        assert_eq!(lock(stream).kept, ["a"]);
        assert_eq!(text(available(&mut replay.body().unwrap())), "a");
    }

    #[test]
    fn a_stream_that_failed_cannot_be_replayed() {
        let (feed, body) = fed();
        let replay = body.into_replay(100);
        let mut first = replay.body().unwrap();
        feed.send(data("part")).unwrap();
        feed.send(Err("cut".into())).unwrap();
        assert_eq!(available(&mut first).len(), 2);
        assert!(!replay.can_replay());
    }

    #[test]
    fn without_further_attempts_what_was_read_is_freed() {
        let (feed, body) = fed();
        let replay = body.into_replay(100);
        let kept = Bytes::copy_from_slice(b"kept");
        feed.send(Ok(Frame::data(kept.clone()))).unwrap();
        assert_eq!(text(available(&mut replay.body().unwrap())), "kept");
        let mut last = replay.body().unwrap();
        drop(replay);
        assert_eq!(text(available(&mut last)), "kept");
        assert!(kept.is_unique());
        feed.send(Ok(Frame::data(kept.clone()))).unwrap();
        assert_eq!(text(available(&mut last)), "kept");
        assert!(kept.is_unique());
    }

    #[tokio::test]
    async fn a_known_length_stays_known() {
        let replay = Body::new(http_body_util::Full::new(&b"12345"[..])).into_replay(100);
        for _ in 0..2 {
            let body = replay.body().unwrap();
            assert_eq!(body.size_hint().exact(), Some(5));
            assert!(!body.is_end_stream());
            assert_eq!(body.collect().await.unwrap().to_bytes(), "12345");
        }
    }
}
