//! Circuit breakers as the connection sets see them.

use std::{any::Any, fmt, sync::Arc, time::Duration};

/// Lets connections be made and requests wait for one. Implemented over the cluster's counts.
pub trait Gate: Send + Sync + 'static {
    /// May another connection be made? `first` tells that the endpoint has none: Envoy gives it one
    /// whatever the limit, and so must an implementation, or requests would wait in vain.
    fn try_connection(&self, first: bool) -> Option<Permit>;

    /// May another request wait for a connection?
    fn try_pending(&self) -> Option<Permit>;
}

/// Counts until it is dropped.
#[derive(Default)]
pub struct Permit(Option<Box<dyn Any + Send + Sync>>);

impl Permit {
    /// Keeps `guard`, which counts for itself.
    pub fn new(guard: impl Any + Send + Sync) -> Self {
        Self(Some(Box::new(guard)))
    }

    /// Counts nothing; costs nothing.
    pub const fn uncounted() -> Self {
        Self(None)
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit(counted: {})", self.0.is_some())
    }
}

/// What bounds a request while it has no connection.
#[derive(Clone, Copy, Default)]
pub struct Limits<'a> {
    /// The circuit breakers; `None` lets everything pass.
    pub gate: Option<&'a Arc<dyn Gate>>,
    /// How long to wait for a connection; `None` waits `connect_timeout`. A caller that bounds the
    /// whole exchange passes `Some(Duration::MAX)`: a single connect is bounded anyway.
    pub max_wait: Option<Duration>,
    /// Whether only HTTP/2 will do, whatever the protocol of the set: gRPC has no other.
    pub http2_only: bool,
}

impl fmt::Debug for Limits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits")
            .field("gate", &self.gate.is_some())
            .field("max_wait", &self.max_wait)
            .field("http2_only", &self.http2_only)
            .finish()
    }
}
