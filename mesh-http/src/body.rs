//! The one body type of the stack, and the tail that hears how it ended.
//!
//! Every layer speaks [`Body`]: empty, whole, hyper's own, a replay of a stream, or anything else in
//! a box. Converting costs an allocation only for the last. A body is also where a request really
//! ends, so what must live exactly that long hangs on it: the connection it is read from (returned
//! for reuse only when the body was read to its end) and the guards of [`Body::on_end`].

use std::{
    any::Any,
    fmt,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use mesh_core::{Failure, Flag};
use pin_project_lite::pin_project;

mod limits;

pub(crate) use self::limits::TimeLimits;
use crate::{BoxError, Error, connections::Lease, error::body_failure, replay::ReplayBody};

/// The body of every request and response in the stack.
#[derive(Default)]
pub struct Body {
    pub(crate) kind: Kind,
    tail: Tail,
}

/// Where the bytes come from.
#[derive(Default)]
pub(crate) enum Kind {
    #[default]
    Empty,
    /// Never empty.
    Whole(Bytes),
    Incoming(Incoming),
    Replay(ReplayBody),
    Boxed(Pin<Box<dyn HttpBody<Data = Bytes, Error = BoxError> + Send>>),
}

impl Body {
    /// A body without bytes.
    pub const fn empty() -> Self {
        Self {
            kind: Kind::Empty,
            tail: Tail {
                lease: None,
                guard: None,
                moved: false,
            },
        }
    }

    /// Any body. Costs no allocation when `body` is a [`Body`], hyper's [`Incoming`],
    /// `Full<Bytes>`, `Empty<Bytes>` or has already ended.
    pub fn new<B>(body: B) -> Self
    where
        B: HttpBody + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut body = Some(body);
        let any: &mut dyn Any = &mut body;
        if let Some(Some(body)) = any.downcast_mut::<Option<Self>>().map(Option::take) {
            return body;
        }
        if let Some(Some(body)) = any.downcast_mut::<Option<Incoming>>().map(Option::take) {
            return body.into();
        }
        if let Some(Some(full)) = any.downcast_mut::<Option<Full<Bytes>>>() {
            let mut cx = Context::from_waker(Waker::noop());
            return match Pin::new(full).poll_frame(&mut cx) {
                Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default().into(),
                _ => Self::empty(),
            };
        }
        if any.is::<Option<Empty<Bytes>>>() {
            return Self::empty();
        }
        match body {
            Some(body) if !body.is_end_stream() => Kind::Boxed(Box::pin(Erased { body })).into(),
            _ => Self::empty(),
        }
    }

    /// Keeps `guard` until the body has been read to its end, has failed or is dropped, and tells it
    /// which. A body that has already ended tells at once, without an allocation. A second guard
    /// joins the first.
    pub fn on_end<G: OnEnd>(&mut self, mut guard: G) {
        if self.is_end_stream() {
            guard.on_end(BodyEnd::Complete { grpc_status: None });
        } else {
            self.keep(Box::pin(Hears(guard)));
        }
    }

    /// [`on_end`](Self::on_end) for what lies in a box already.
    pub(crate) fn keep(&mut self, mut guard: Pin<Box<dyn Settle>>) {
        if self.is_end_stream() {
            let end = BodyEnd::Complete { grpc_status: None };
            return guard.as_mut().settle(end);
        }
        self.tail.guard = Some(match self.tail.guard.take() {
            None => guard,
            Some(first) => Box::pin(Both(first, guard)),
        });
    }

    /// Whether bytes may still be made while the body is read; whole ones are there already.
    pub(crate) const fn is_stream(&self) -> bool {
        !matches!(self.kind, Kind::Empty | Kind::Whole(_))
    }

    /// Reads the body to its end.
    ///
    /// # Errors
    /// When it breaks off.
    pub async fn bytes(self) -> Result<Bytes, Error> {
        match self.collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) => Err(Error::from_body(error)),
        }
    }

    /// Reads the body to its end, as text.
    ///
    /// # Errors
    /// When it breaks off, or is not UTF-8.
    pub async fn text(self) -> Result<String, Error> {
        String::from_utf8(self.bytes().await?.into()).map_err(|e| Error::from_body(e.into()))
    }

    /// A response body read from a leased connection.
    pub(crate) fn leased(body: Incoming, lease: Lease) -> Self {
        if body.is_end_stream() {
            lease.finish();
            return Self::empty();
        }
        Self {
            kind: Kind::Incoming(body),
            tail: Tail {
                lease: Some(lease),
                guard: None,
                moved: false,
            },
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let frame = match this.kind.poll_frame(cx) {
            Poll::Ready(frame) => {
                this.tail.moved = true;
                frame
            }
            // What has arrived wins over the timer.
            Poll::Pending => {
                let error = ready!(this.tail.poll_limits(cx));
                this.kind = Kind::Empty;
                Some(Err(error))
            }
        };
        if this.tail.is_armed() {
            let end = match &frame {
                None => Some(BodyEnd::Complete { grpc_status: None }),
                Some(Err(error)) => {
                    let (failure, flag) = body_failure(error);
                    Some(BodyEnd::Error { failure, flag })
                }
                // Trailers are last, and many readers stop at `is_end_stream`: neither need see
                // `None`.
                Some(Ok(frame)) => match frame.trailers_ref() {
                    Some(trailers) => Some(BodyEnd::Complete {
                        grpc_status: mesh_core::grpc_status(trailers),
                    }),
                    None => this
                        .kind
                        .is_end_stream()
                        .then_some(BodyEnd::Complete { grpc_status: None }),
                },
            };
            if let Some(end) = end {
                this.tail.end(end);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.kind.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Incoming(body) => body.size_hint(),
            Kind::Replay(body) => body.size_hint(),
            Kind::Boxed(body) => body.size_hint(),
        }
    }
}

impl Kind {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self {
            Self::Incoming(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Self::Replay(body) => body.poll_frame(cx),
            Self::Boxed(body) => body.as_mut().poll_frame(cx),
            Self::Empty => Poll::Ready(None),
            Self::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(_) => false,
            Self::Incoming(body) => body.is_end_stream(),
            Self::Replay(body) => body.is_end_stream(),
            Self::Boxed(body) => body.is_end_stream(),
        }
    }
}

pin_project! {
    /// A foreign body in our terms. Unlike http-body-util's adapters it keeps the size.
    struct Erased<B> {
        #[pin]
        body: B,
    }
}

impl<B> HttpBody for Erased<B>
where
    B: HttpBody,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(self.project().body.poll_frame(cx));
        Poll::Ready(frame.map(|frame| match frame {
            Ok(frame) => Ok(frame.map_data(|mut d| d.copy_to_bytes(d.remaining()))),
            Err(error) => Err(error.into()),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl From<Kind> for Body {
    fn from(kind: Kind) -> Self {
        Self {
            kind,
            tail: Tail::default(),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            Self::empty()
        } else {
            Kind::Whole(bytes).into()
        }
    }
}

impl From<Incoming> for Body {
    fn from(body: Incoming) -> Self {
        Kind::Incoming(body).into()
    }
}

macro_rules! from_bytes {
    ($($from:ty),*) => {$(
        impl From<$from> for Body {
            fn from(bytes: $from) -> Self {
                Bytes::from(bytes).into()
            }
        }
    )*};
}

from_bytes!(&'static str, &'static [u8], String, Vec<u8>);

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Empty => f.write_str("Body(empty)"),
            Kind::Whole(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Kind::Incoming(_) | Kind::Replay(_) | Kind::Boxed(_) => f.write_str("Body(stream)"),
        }
    }
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// It was read to its end.
    Complete {
        /// `grpc-status` of its trailers.
        grpc_status: Option<u8>,
    },
    /// It broke off.
    Error {
        /// How the endpoint failed; `None` when the caller's side did.
        failure: Option<Failure>,
        /// The reason in Envoy's words.
        flag: Flag,
    },
    /// It was dropped before its end.
    Dropped,
}

/// What hears how a body ended: a closure of [`BodyEnd`], or a layer's own guard.
pub trait OnEnd: Any + Send {
    /// Called once.
    fn on_end(&mut self, end: BodyEnd);
}

impl<F: FnMut(BodyEnd) + Any + Send> OnEnd for F {
    fn on_end(&mut self, end: BodyEnd) {
        self(end);
    }
}

/// What is settled when a body ends; pinned, for a call's future may be one.
pub(crate) trait Settle: Send {
    fn settle(self: Pin<&mut Self>, end: BodyEnd);

    /// Ready with the error once the body has taken too long; asked while it waits for a frame.
    /// `moved`: one came since it was asked last.
    fn poll_limits(self: Pin<&mut Self>, _moved: bool, _: &mut Context<'_>) -> Poll<BoxError> {
        Poll::Pending
    }
}

struct Hears<G>(G);

impl<G> Unpin for Hears<G> {}

impl<G: OnEnd> Settle for Hears<G> {
    fn settle(mut self: Pin<&mut Self>, end: BodyEnd) {
        self.0.on_end(end);
    }
}

struct Both(Pin<Box<dyn Settle>>, Pin<Box<dyn Settle>>);

impl Settle for Both {
    fn settle(mut self: Pin<&mut Self>, end: BodyEnd) {
        self.0.as_mut().settle(end);
        self.1.as_mut().settle(end);
    }

    fn poll_limits(mut self: Pin<&mut Self>, moved: bool, cx: &mut Context<'_>) -> Poll<BoxError> {
        match self.0.as_mut().poll_limits(moved, cx) {
            Poll::Pending => self.1.as_mut().poll_limits(moved, cx),
            error => error,
        }
    }
}

/// What lives as long as the body.
#[derive(Default)]
struct Tail {
    lease: Option<Lease>,
    guard: Option<Pin<Box<dyn Settle>>>,
    /// A frame came since the limits were asked.
    moved: bool,
}

impl Tail {
    const fn is_armed(&self) -> bool {
        self.lease.is_some() || self.guard.is_some()
    }

    /// Ready with the error once a limit in time is reached: the body then fails, as if it had been
    /// reset.
    fn poll_limits(&mut self, cx: &mut Context<'_>) -> Poll<BoxError> {
        match &mut self.guard {
            Some(guard) => {
                let moved = std::mem::take(&mut self.moved);
                guard.as_mut().poll_limits(moved, cx)
            }
            None => Poll::Pending,
        }
    }

    fn end(&mut self, end: BodyEnd) {
        if let Some(lease) = self.lease.take() {
            match end {
                BodyEnd::Complete { .. } => lease.finish(),
                BodyEnd::Error { .. } | BodyEnd::Dropped => lease.abandon(),
            }
        }
        if let Some(mut guard) = self.guard.take() {
            guard.as_mut().settle(end);
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        if self.is_armed() {
            self.end(BodyEnd::Dropped);
        }
    }
}

#[cfg(test)]
mod tests;
