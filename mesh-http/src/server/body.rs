//! The response body that carries a request to its end.

use std::{
    error::Error,
    pin::Pin,
    task::{Context as Task, Poll, ready},
    time::Instant,
};

use bytes::Buf;
use http::{HeaderMap, HeaderValue, Response, header::CONTENT_LENGTH};
use http_body::{Body, Frame, SizeHint};
use mesh_core::{Flag, is_grpc};
use pin_project_lite::pin_project;

use super::{DeadlineExceeded, deadline::Timer, exchange::Exchange};
use crate::context::Context;

pin_project! {
    /// A response body under the mesh's eyes: telemetry and the in-flight count end with it (read to
    /// its end, failed or dropped), the deadline goes on through it, and the service's own stream is
    /// polled with the request's [`Context`].
    #[derive(Debug)]
    pub struct ServerBody<B> {
        // `None` for answers of the mesh itself, and after the deadline.
        #[pin]
        inner: Option<B>,
        #[pin]
        timer: Timer,
        exchange: Option<Exchange>,
        context: Context,
        // What `content-length` promised and is not yet sent.
        remaining: Option<u64>,
        is_grpc: bool,
    }
}

impl<B: Body> ServerBody<B> {
    pub(super) fn wrap(
        response: Response<B>,
        mut exchange: Exchange,
        context: Context,
        deadline: Option<Instant>,
    ) -> Response<Self> {
        let (head, inner) = response.into_parts();
        let remaining = head.headers.get(CONTENT_LENGTH);
        let remaining = remaining.and_then(|v| v.to_str().ok()?.parse().ok());
        if exchange.is_bodiless(head.status) || is_done(&inner, remaining) {
            exchange.complete();
        }
        let body = Self {
            inner: Some(inner),
            timer: Timer::new(deadline),
            exchange: Some(exchange),
            context,
            remaining,
            is_grpc: is_grpc(&head.headers),
        };
        Response::from_parts(head, body)
    }
}

impl<B> ServerBody<B> {
    pub(super) const fn empty(exchange: Exchange) -> Self {
        Self {
            inner: None,
            timer: Timer::new(None),
            exchange: Some(exchange),
            context: Context::new(),
            remaining: None,
            is_grpc: false,
        }
    }
}

impl<B> Body for ServerBody<B>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = B::Data;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Task<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Self::Error>>> {
        let mut this = self.project();
        let (Some(mut inner), Some(exchange)) =
            (this.inner.as_mut().as_pin_mut(), this.exchange.as_mut())
        else {
            *this.exchange = None;
            return Poll::Ready(None);
        };
        let polled = {
            let _entered = exchange.span().enter();
            let context = this.context.clone();
            context.sync_scope(|| inner.as_mut().poll_frame(cx))
        };
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(data), Some(remaining)) = (frame.data_ref(), this.remaining.as_mut()) {
                    *remaining = remaining.saturating_sub(data.remaining() as u64);
                }
                if let Some(trailers) = frame.trailers_ref() {
                    exchange.trailers(trailers);
                    exchange.complete();
                }
                // A sender stops reading when it has all it promised: it may never ask for the end.
                if is_done(&*inner, *this.remaining) {
                    exchange.complete();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                exchange.fail(Flag::UpstreamRemoteReset);
                *this.exchange = None;
                Poll::Ready(Some(Err(error.into())))
            }
            Poll::Ready(None) => {
                exchange.complete();
                *this.exchange = None;
                Poll::Ready(None)
            }
            Poll::Pending => {
                ready!(this.timer.poll_expired(cx));
                this.inner.set(None);
                exchange.fail(Flag::UpstreamTimeout);
                if !*this.is_grpc {
                    *this.exchange = None;
                    return Poll::Ready(Some(Err(DeadlineExceeded.into())));
                }
                let mut trailers = HeaderMap::with_capacity(2);
                trailers.insert("grpc-status", HeaderValue::from_static("4"));
                trailers.insert(
                    "grpc-message",
                    HeaderValue::from_static("deadline exceeded"),
                );
                exchange.trailers(&trailers);
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.inner.as_ref().map(Body::size_hint);
        hint.unwrap_or_else(|| SizeHint::with_exact(0))
    }
}

fn is_done(body: &impl Body, remaining: Option<u64>) -> bool {
    remaining == Some(0) || body.is_end_stream() || body.size_hint().upper() == Some(0)
}
