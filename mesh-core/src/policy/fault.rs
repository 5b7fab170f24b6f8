use std::time::Duration;

use http::StatusCode;

use super::FractionalPercent;

/// `envoy.extensions.filters.http.fault.v3.HTTPFault`: delay first, then abort, drawn apart.
/// A faulted request is never retried, since the fault filter precedes the router.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// Waits before the request goes on.
    pub delay: Option<Delay>,
    /// Answers in the upstream's place.
    pub abort: Option<Abort>,
}

/// `HTTPFault.delay.fixed_delay`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delay {
    /// How long.
    pub fixed_delay: Duration,
    /// The share of requests delayed.
    pub percentage: FractionalPercent,
}

/// `HTTPFault.abort`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abort {
    /// The answer's status.
    pub http_status: StatusCode,
    /// The share of requests aborted.
    pub percentage: FractionalPercent,
}
