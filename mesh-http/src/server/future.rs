//! The future of a [`Server`](super::Server)'s response head.

use std::{
    future::Future,
    pin::Pin,
    task::{Context as Task, Poll, ready},
    time::Instant,
};

use http::{HeaderValue, Response, StatusCode, Version, header::CONTENT_TYPE};
use http_body::Body;
use mesh_core::Flag;
use pin_project_lite::pin_project;

use super::{ServerBody, deadline::Timer, exchange::Exchange};
use crate::context::{Context, Scoped};

pin_project! {
    /// Runs the service with its context until the head of its response, or the deadline.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        // `None` once the deadline has passed: dropping it is how a handler is cancelled.
        #[pin]
        inner: Option<Scoped<F>>,
        #[pin]
        timer: Timer,
        // `None` after the end.
        exchange: Option<(Exchange, Context)>,
        version: Version,
        is_grpc: bool,
    }
}

impl<F: Future> ResponseFuture<F> {
    pub(super) fn new(
        future: F,
        exchange: Exchange,
        context: Context,
        deadline: Option<Instant>,
        version: Version,
        is_grpc: bool,
    ) -> Self {
        Self {
            inner: Some(context.clone().scope(future)),
            timer: Timer::new(deadline),
            exchange: Some((exchange, context)),
            version,
            is_grpc,
        }
    }
}

impl<F> ResponseFuture<F> {
    /// Answers without a service.
    pub(super) const fn expired(
        exchange: Exchange,
        context: Context,
        version: Version,
        is_grpc: bool,
    ) -> Self {
        Self {
            inner: None,
            timer: Timer::new(None),
            exchange: Some((exchange, context)),
            version,
            is_grpc,
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<ServerBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some((exchange, _)) = this.exchange else {
            // Polled after the end, which no caller may do.
            return Poll::Pending;
        };
        let answer = match this.inner.as_mut().as_pin_mut() {
            Some(inner) => {
                let _entered = exchange.span().enter();
                // The service first, so that a finished answer wins over the timer.
                match inner.poll(cx) {
                    Poll::Ready(answer) => Some(answer),
                    Poll::Pending => {
                        ready!(this.timer.as_mut().poll_expired(cx));
                        // The handler's own drops belong into its span, too.
                        this.inner.set(None);
                        None
                    }
                }
            }
            None => None,
        };
        let Some((mut exchange, context)) = this.exchange.take() else {
            return Poll::Pending;
        };
        let mut response = match answer {
            Some(Ok(mut response)) => {
                exchange.head(&response);
                exchange.settings().drain.mark(*this.version, &mut response);
                let deadline = this.timer.deadline();
                let response = ServerBody::wrap(response, exchange, context, deadline);
                return Poll::Ready(Ok(response));
            }
            Some(Err(error)) => {
                exchange.complete();
                return Poll::Ready(Err(error));
            }
            None => deadline_exceeded(*this.is_grpc),
        };
        exchange.fail(Flag::UpstreamTimeout);
        exchange.head(&response);
        exchange.settings().drain.mark(*this.version, &mut response);
        Poll::Ready(Ok(response.map(|()| ServerBody::empty(exchange))))
    }
}

/// What Envoy answers when a route's timeout ends: 504, and to gRPC the status that the protocol
/// itself has for this, in a head that is trailers as well.
fn deadline_exceeded(is_grpc: bool) -> Response<()> {
    let mut response = Response::new(());
    if is_grpc {
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", HeaderValue::from_static("4"));
        headers.insert(
            "grpc-message",
            HeaderValue::from_static("deadline exceeded"),
        );
    } else {
        *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
    }
    response
}
