//! What a pick is asked and answers.

use std::{fmt, sync::Arc, time::Instant};

use super::{
    endpoint::{Endpoint, InFlight},
    subset::Criteria,
};
use crate::{
    Outcome, Random,
    policy::{Metadata, Name},
};

/// The question.
#[derive(Clone, Copy, Debug)]
pub struct PickArgs<'a> {
    /// The time.
    pub now: Instant,
    /// The balancer's draws.
    pub random: &'a dyn Random,
    /// The route's subset criteria.
    pub metadata_match: &'a Metadata,
    /// The weighted cluster's, which win over the route's.
    pub weighted_metadata_match: &'a Metadata,
    /// Endpoints to avoid: those of earlier attempts (`previous_hosts`).
    pub tried: &'a [Arc<Endpoint>],
    /// How often to pick again when one of `tried` came out; the last pick stands
    /// (`host_selection_retry_max_attempts`).
    pub host_attempts: u32,
    /// The request's hash, for balancers that hash.
    pub hash: Option<u64>,
}

static NO_METADATA: Metadata = Metadata::EMPTY;

impl<'a> PickArgs<'a> {
    /// Any endpoint.
    pub const fn new(now: Instant, random: &'a dyn Random) -> Self {
        Self {
            now,
            random,
            metadata_match: &NO_METADATA,
            weighted_metadata_match: &NO_METADATA,
            tried: &[],
            host_attempts: 0,
            hash: None,
        }
    }

    pub(super) const fn criteria(&self) -> Criteria<'a> {
        Criteria {
            route: self.metadata_match,
            weighted: self.weighted_metadata_match,
        }
    }

    pub(super) fn was_tried(&self, endpoint: &Arc<Endpoint>) -> bool {
        self.tried.iter().any(|tried| Arc::ptr_eq(tried, endpoint))
    }
}

/// The answer: an endpoint, counted as having one more request.
#[derive(Debug)]
pub struct Pick {
    /// The endpoint; dropping this ends the request in its count.
    pub in_flight: InFlight,
    /// Whether panic made health irrelevant (`lb_healthy_panic`).
    pub panic: bool,
}

impl Pick {
    /// The endpoint.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.in_flight
    }
}

/// Why there is no endpoint. All are flag UH; nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PickError {
    /// The assignment is empty.
    NoEndpoints {
        /// The cluster.
        cluster: Name,
    },
    /// No endpoint has the labels the route asks for, and the cluster has no fallback.
    NoSubset {
        /// The cluster.
        cluster: Name,
        /// What was asked for; empty when nothing was.
        criteria: Metadata,
    },
    /// There are endpoints, but none may be used, and panic is off.
    AllUnhealthy {
        /// The cluster.
        cluster: Name,
        /// How many the request could have gone to.
        total: usize,
        /// Of these, ejected by outlier detection.
        ejected: usize,
        /// Of these, reported unhealthy.
        unhealthy: usize,
        /// An ejected endpoint's latest failure.
        last_error: Option<Outcome>,
    },
}

impl std::error::Error for PickError {}

impl fmt::Display for PickError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::NoEndpoints { cluster }
        | Self::NoSubset { cluster, .. }
        | Self::AllUnhealthy { cluster, .. }) = self;
        write!(f, "no healthy upstream in cluster {cluster:?}: ")?;
        match self {
            Self::NoEndpoints { .. } => f.write_str("it has no endpoints"),
            Self::NoSubset { criteria, .. } if criteria.is_empty() => {
                f.write_str("the route names no subset and the cluster has no fallback")
            }
            Self::NoSubset { criteria, .. } => {
                write!(f, "no subset {criteria} and no fallback")
            }
            Self::AllUnhealthy {
                total,
                ejected,
                unhealthy,
                last_error,
                ..
            } => {
                write!(f, "{total} endpoint{}", if *total == 1 { "" } else { "s" })?;
                for (n, what) in [(ejected, "ejected"), (unhealthy, "unhealthy")] {
                    if *n > 0 {
                        write!(f, ", {n} {what}")?;
                    }
                }
                match last_error {
                    Some(outcome) => write!(f, ", last error: {}", Short(*outcome)),
                    None => Ok(()),
                }
            }
        }
    }
}

/// An outcome in a word or two.
struct Short(Outcome);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Outcome::Response {
                grpc_status: Some(code),
                ..
            } => write!(f, "gRPC status {code}"),
            Outcome::Response { status, .. } => write!(f, "{}", status.as_u16()),
            Outcome::Failure(failure) => write!(f, "{failure:?}"),
            Outcome::Connected => f.write_str("connected"),
        }
    }
}
