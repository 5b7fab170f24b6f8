//! The future of a call, in the one allocation that a call makes: when its response has a body to
//! read, the same memory keeps the call's ledger until that has ended.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;

use crate::{Body, BodyEnd, Error, body::Settle, ledger::Ledger};

/// The future of every layer's service.
pub struct ResponseFuture(Option<Pin<Box<dyn Running>>>);

/// A call under way, then what is left of it while its response's body is read.
trait Running: Settle {
    fn poll_response(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer>;
}

/// The response, and whether its body must keep the call.
type Answer = Result<(Response<Body>, bool), Error>;

pin_project! {
    struct Task<F> {
        #[pin]
        call: F,
        ledger: Option<Ledger>,
    }
}

impl ResponseFuture {
    pub(super) fn new(
        call: impl Future<Output = Result<(Response<Body>, Ledger), Error>> + Send + 'static,
    ) -> Self {
        Self(Some(Box::pin(Task { call, ledger: None })))
    }
}

impl<F> Running for Task<F>
where
    F: Future<Output = Result<(Response<Body>, Ledger), Error>> + Send,
{
    fn poll_response(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let this = self.project();
        let (response, ledger) = ready!(this.call.poll(cx))?;
        let open = ledger.is_open();
        if open {
            *this.ledger = Some(ledger);
        }
        Poll::Ready(Ok((response, open)))
    }
}

impl<F: Send> Settle for Task<F> {
    fn settle(self: Pin<&mut Self>, end: BodyEnd) {
        if let Some(ledger) = self.project().ledger {
            ledger.settle(end);
        }
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<Body>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(call) = &mut self.0 else {
            return Poll::Ready(Err(Error::invalid("the response was taken already")));
        };
        let answer = ready!(call.as_mut().poll_response(cx));
        let call = self.0.take();
        let (mut response, open) = answer?;
        if let (true, Some(call)) = (open, call) {
            response.body_mut().keep(call);
        }
        Poll::Ready(Ok(response))
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}
