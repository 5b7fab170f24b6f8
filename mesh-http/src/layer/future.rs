//! The future of a call, in the one allocation that a call makes: when its response has a body to
//! read, the same memory keeps the call's ledger until that has ended.

use std::{
    fmt,
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;

use crate::{Body, BodyEnd, BoxError, Error, body::Settle, ledger::Ledger};

/// The future of every layer's service.
pub struct ResponseFuture(Option<Pin<Box<dyn Running>>>);

/// A call under way, then what is left of it while its response's body is read.
trait Running: Settle {
    fn poll_response(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<Body>, Error>>;
}

pin_project! {
    /// See the module.
    #[project = Stage]
    pub(super) enum Task<F> {
        Running {
            #[pin]
            call: F,
        },
        Answered {
            ledger: Ledger,
        },
    }
}

/// Boxes the future of a step that few calls need, so that the state of the others stays small. As
/// [`Task::place`]: it is made in its place, not copied there.
#[inline(always)]
pub(super) fn boxed<F>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    let place = Box::new_uninit();
    Box::into_pin(Box::write(place, make()))
}

impl<F> Task<F> {
    /// The memory of a task. It is made before the call that goes there, for the call is large:
    /// what is made after its place is made in its place.
    #[inline(always)]
    pub(super) fn place() -> Box<MaybeUninit<Self>> {
        Box::new_uninit()
    }
}

impl ResponseFuture {
    #[inline(always)]
    pub(super) fn new<F>(place: Box<MaybeUninit<Task<F>>>, call: F) -> Self
    where
        F: Future<Output = Result<(Response<Body>, Ledger), Error>> + Send + 'static,
    {
        let task = Box::write(place, Task::Running { call });
        Self(Some(Box::into_pin(task)))
    }
}

impl<F> Running for Task<F>
where
    F: Future<Output = Result<(Response<Body>, Ledger), Error>> + Send,
{
    fn poll_response(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<Body>, Error>> {
        let Stage::Running { call } = self.as_mut().project() else {
            return Poll::Ready(Err(taken()));
        };
        let (response, ledger) = ready!(call.poll(cx))?;
        self.set(Self::Answered { ledger });
        Poll::Ready(Ok(response))
    }
}

impl<F: Send> Settle for Task<F> {
    fn settle(self: Pin<&mut Self>, end: BodyEnd) {
        if let Stage::Answered { ledger } = self.project() {
            ledger.settle(end);
        }
    }

    fn poll_limits(self: Pin<&mut Self>, moved: bool, cx: &mut Context<'_>) -> Poll<BoxError> {
        match self.project() {
            Stage::Answered { ledger } => ledger.limits.poll_body(moved, cx),
            Stage::Running { .. } => Poll::Pending,
        }
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<Body>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut answer = match &mut self.0 {
            Some(call) => call.as_mut().poll_response(cx),
            None => Poll::Ready(Err(taken())),
        };
        // Changed where it is: a response is large.
        if let Poll::Ready(answer) = &mut answer {
            let call = self.0.take();
            if let (Ok(response), Some(call)) = (answer, call) {
                response.body_mut().keep(call);
            }
        }
        answer
    }
}

#[cold]
fn taken() -> Error {
    Error::invalid("the response was taken already")
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}
