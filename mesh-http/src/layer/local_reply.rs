//! Turns the mesh's errors into the responses that Envoy would send.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use mesh_core::is_grpc;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{Body, Error};

/// Answers instead of failing: with the status, body and headers of Envoy's local reply, and the
/// response flag as an extension. For code that sat behind a sidecar and expects a 503, not an
/// error.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalReplyLayer;

/// See [`LocalReplyLayer`].
#[derive(Clone, Debug)]
pub struct LocalReply<S> {
    inner: S,
}

impl<S> Layer<S> for LocalReplyLayer {
    type Service = LocalReply<S>;

    fn layer(&self, inner: S) -> LocalReply<S> {
        LocalReply { inner }
    }
}

impl<S, B> Service<Request<B>> for LocalReply<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Error>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A failed readiness is answered by the call that follows.
        self.inner.poll_ready(cx).map(|_| Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture<S::Future> {
        ResponseFuture {
            grpc: is_grpc(request.headers()),
            inner: self.inner.call(request),
        }
    }
}

pin_project! {
    /// The future of [`LocalReply`].
    pub struct ResponseFuture<F> {
        grpc: bool,
        #[pin]
        inner: F,
    }
}

impl<F: Future<Output = Result<Response<Body>, Error>>> Future for ResponseFuture<F> {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        Poll::Ready(Ok(match ready!(this.inner.poll(cx)) {
            Ok(response) => response,
            Err(error) => error.into_response(*this.grpc),
        }))
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}
