//! Whether to try again, when, and how much trying again there may be.
//!
//! - [`RetryState`]: one request's retries. It reads the attempt's [`Outcome`](crate::Outcome), the
//!   same value that outlier detection and metrics read.
//! - [`back_off`]: how long to wait first.
//! - [`budget`]: how many retries a cluster may have at once, given its requests.
//! - [`ControlHeaders`]: what a caller asks for in `x-envoy-*` headers.
//!
//! The counts that budgets are measured against are the cluster's:
//! [`ClusterState`](crate::cluster::ClusterState).

pub mod back_off;
pub mod budget;
mod control;
mod retry;

pub use self::control::{ControlHeaders, ORIGINAL_URL, strip_control_headers};
pub use self::retry::{
    AttemptResult, Decision, NoRetry, RetryContext, RetryState, is_idempotent, is_retriable,
};
