//! What a request brings along for the calls that its handler makes: deadline and trace.
//!
//! ```text
//!  inbound request ──▶ ServerLayer ──▶ Context ──┬─ request extensions ──▶ request.inherit(&incoming)
//!                                                └─ task-local ──▶ every call the handler's task makes
//! ```
//!
//! The task-local is the default, and needs no code. It does not follow `tokio::spawn`: there, either
//! spawn `context.scope(future)`, or say [`Inherit::inherit`] on the outgoing request. A context in the
//! outgoing request's extensions beats the task-local.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use http::{Extensions, Request, request};
use tokio::task::futures::TaskLocalFuture;

use crate::trace_context::TraceContext;

tokio::task_local!(static CURRENT: Context);

/// A future that runs with a [`Context`] of its own.
pub type Scoped<F> = TaskLocalFuture<Context, F>;

/// What is carried from an inbound request to outbound calls. Cheap to clone: no allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Context {
    deadline: Option<Instant>,
    trace: Option<TraceContext>,
}

impl Context {
    /// No deadline, no trace. In an outgoing request's extensions it cuts off the task-local's.
    pub const fn new() -> Self {
        Self {
            deadline: None,
            trace: None,
        }
    }

    /// With a deadline.
    pub const fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// With a trace context: the parent of the spans to come.
    pub fn with_trace(mut self, trace: TraceContext) -> Self {
        self.trace = Some(trace);
        self
    }

    /// When the answer is of no more use to the caller.
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The time left at `now`, 0 when it has run out; `None` without a deadline.
    pub fn remaining(&self, now: Instant) -> Option<Duration> {
        Some(self.deadline?.saturating_duration_since(now))
    }

    /// The trace.
    pub const fn trace(&self) -> Option<&TraceContext> {
        self.trace.as_ref()
    }

    /// The context of the task that runs.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// The context for an outgoing request: its own, else the task's.
    pub fn for_request(extensions: &Extensions) -> Option<Self> {
        extensions.get().cloned().or_else(Self::current)
    }

    /// Runs `future` with this context as the current one.
    pub fn scope<F: Future>(self, future: F) -> Scoped<F> {
        CURRENT.scope(self, future)
    }

    /// Runs `f` with this context as the current one.
    pub fn sync_scope<R>(self, f: impl FnOnce() -> R) -> R {
        CURRENT.sync_scope(self, f)
    }
}

/// Hands the context of an incoming request to an outgoing one, explicitly.
///
/// ```
/// use mesh_http::context::Inherit;
///
/// fn ratings(incoming: &http::request::Parts) -> http::Result<http::Request<()>> {
///     http::Request::get("http://ratings/1").inherit(incoming).body(())
/// }
/// ```
pub trait Inherit: Sized {
    /// With the context of `incoming`, if it has one.
    #[must_use]
    fn inherit(self, incoming: &impl ContextSource) -> Self;
}

impl<B> Inherit for Request<B> {
    fn inherit(mut self, incoming: &impl ContextSource) -> Self {
        if let Some(context) = incoming.context() {
            self.extensions_mut().insert(context);
        }
        self
    }
}

impl Inherit for request::Parts {
    fn inherit(mut self, incoming: &impl ContextSource) -> Self {
        if let Some(context) = incoming.context() {
            self.extensions.insert(context);
        }
        self
    }
}

impl Inherit for request::Builder {
    fn inherit(mut self, incoming: &impl ContextSource) -> Self {
        // A builder that already failed has no extensions; its error comes with `body`.
        if let (Some(context), Some(extensions)) = (incoming.context(), self.extensions_mut()) {
            extensions.insert(context);
        }
        self
    }
}

/// Something that may hold a [`Context`].
pub trait ContextSource: sealed::Sealed {
    /// A copy of it.
    fn context(&self) -> Option<Context>;
}

impl<B> ContextSource for Request<B> {
    fn context(&self) -> Option<Context> {
        self.extensions().context()
    }
}

impl ContextSource for request::Parts {
    fn context(&self) -> Option<Context> {
        self.extensions.context()
    }
}

impl ContextSource for Extensions {
    fn context(&self) -> Option<Context> {
        self.get().cloned()
    }
}

impl ContextSource for Context {
    fn context(&self) -> Option<Context> {
        Some(self.clone())
    }
}

mod sealed {
    pub trait Sealed {}
    impl<B> Sealed for http::Request<B> {}
    impl Sealed for http::request::Parts {}
    impl Sealed for http::Extensions {}
    impl Sealed for super::Context {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Context {
        Context::new().with_deadline(base() + Duration::from_secs(secs))
    }

    fn base() -> Instant {
        use std::sync::OnceLock;
        static BASE: OnceLock<Instant> = OnceLock::new();
        *BASE.get_or_init(|| tokio::time::Instant::now().into_std())
    }

    #[tokio::test]
    async fn the_scope_is_the_tasks_and_nests() {
        assert_eq!(Context::current(), None);
        at(1)
            .scope(async {
                tokio::task::yield_now().await;
                assert_eq!(Context::current(), Some(at(1)));
                at(2).sync_scope(|| assert_eq!(Context::current(), Some(at(2))));
                assert_eq!(Context::current(), Some(at(1)));
                // The reason for `Inherit`.
                let lost = tokio::spawn(async { Context::current() }).await.unwrap();
                assert_eq!(lost, None);
            })
            .await;
        assert_eq!(Context::current(), None);
    }

    #[test]
    fn the_requests_own_context_beats_the_tasks() {
        let bare = Request::new(());
        let own = Request::new(()).inherit(&at(1));
        assert_eq!(Context::for_request(bare.extensions()), None);
        at(2).sync_scope(|| {
            assert_eq!(Context::for_request(bare.extensions()), Some(at(2)));
            assert_eq!(Context::for_request(own.extensions()), Some(at(1)));
            let cut_off = Request::new(()).inherit(&Context::new());
            assert_eq!(
                Context::for_request(cut_off.extensions()),
                Some(Context::new())
            );
        });
    }

    #[test]
    fn every_kind_of_request_inherits_from_every_kind() {
        let incoming = Request::new("body").inherit(&at(3));
        let built = Request::get("/").inherit(&incoming).body(()).unwrap();
        assert_eq!(built.context(), Some(at(3)));
        let (parts, ()) = Request::new(()).into_parts();
        let parts = parts.inherit(built.extensions());
        assert_eq!(parts.context(), Some(at(3)));
        let kept = Request::new(()).inherit(&parts).inherit(&Request::new(()));
        assert_eq!(
            kept.context(),
            Some(at(3)),
            "a source without a context changes nothing"
        );

        let broken = Request::get("not a uri").inherit(&incoming).body(());
        assert!(broken.is_err());
    }

    #[test]
    fn remaining_never_goes_below_zero() {
        assert_eq!(Context::new().remaining(base()), None);
        assert_eq!(at(2).remaining(base()), Some(Duration::from_secs(2)));
        assert_eq!(
            at(2).remaining(base() + Duration::from_secs(5)),
            Some(Duration::ZERO)
        );
    }
}
