//! Clusters for the tests beside this, with a clock and draws of their own.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use http::StatusCode;
use mesh_core::{
    Failure, Outcome, Seeded,
    cluster::{Cluster, Endpoint, EndpointStatus, Pick, PickArgs, PickError},
    policy::{
        self, ClusterLoadAssignment, HealthStatus, LbPolicy, LocalityEndpoints, Metadata, Percent,
    },
};

pub(crate) const FAILED: Outcome = Outcome::Failure(Failure::Reset);

pub(crate) fn response(status: u16) -> Outcome {
    Outcome::Response {
        status: StatusCode::from_u16(status).unwrap(),
        grpc_status: None,
    }
}

pub(crate) fn percent(n: u32) -> Percent {
    Percent::try_new(n).unwrap()
}

pub(crate) fn labels(text: &str) -> Metadata {
    text.split(',').filter_map(|p| p.split_once('=')).collect()
}

/// Endpoint `n` of a test.
pub(crate) fn endpoint(n: u16) -> policy::Endpoint {
    policy::Endpoint::new(SocketAddr::from(([10, 0, 0, 1], n)))
}

/// Istio's default.
pub(crate) const LEAST_REQUEST: LbPolicy = LbPolicy::LeastRequest { choice_count: 2 };

/// The cluster of most tests.
pub(crate) fn policy(lb_policy: LbPolicy) -> policy::Cluster {
    policy::Cluster::new("reviews").with_lb_policy(lb_policy)
}

pub(crate) fn with_health(n: u16, health_status: HealthStatus) -> policy::Endpoint {
    policy::Endpoint {
        health_status,
        ..endpoint(n)
    }
}

/// Endpoints 1 to `n`.
pub(crate) fn flat(n: u16) -> ClusterLoadAssignment {
    (1..=n).map(endpoint).collect()
}

/// By priority.
pub(crate) fn by_priority(priorities: Vec<Vec<policy::Endpoint>>) -> ClusterLoadAssignment {
    ClusterLoadAssignment {
        localities: (0..)
            .zip(priorities)
            .map(|(priority, endpoints)| LocalityEndpoints {
                priority,
                endpoints,
                ..LocalityEndpoints::default()
            })
            .collect(),
    }
}

/// A cluster with a clock and draws of its own.
pub(crate) struct Bed {
    pub(crate) cluster: Cluster,
    pub(crate) random: Seeded,
    start: Instant,
    pub(crate) now: Instant,
}

impl Bed {
    pub(crate) fn new(policy: policy::Cluster, assignment: ClusterLoadAssignment) -> Self {
        Self::with(Cluster::new(policy.into(), assignment.into(), None))
    }

    #[expect(clippy::disallowed_methods, reason = "a start to count from")]
    pub(crate) fn with(cluster: Cluster) -> Self {
        let now = Instant::now();
        Self {
            cluster,
            random: Seeded::new(1),
            start: now,
            now,
        }
    }

    /// Moves the clock to `seconds` after the start.
    pub(crate) fn at(&mut self, seconds: u64) -> &mut Self {
        self.now = self.start + Duration::from_secs(seconds);
        self
    }

    pub(crate) fn review(&self) {
        self.cluster.review(self.now);
    }

    pub(crate) fn args(&self) -> PickArgs<'_> {
        PickArgs::new(self.now, &self.random)
    }

    pub(crate) fn pick(&self) -> Result<Pick, PickError> {
        self.cluster.pick(&self.args())
    }

    /// The number of the endpoint picked.
    pub(crate) fn pick_number(&self) -> u16 {
        number(self.pick().unwrap().endpoint())
    }

    /// How many of `n` picks, each ended before the next, went to each endpoint 1 to `endpoints`.
    pub(crate) fn shares(&self, n: u32, endpoints: usize) -> Vec<u32> {
        let mut shares = vec![0; endpoints];
        for _ in 0..n {
            shares[usize::from(self.pick_number()) - 1] += 1;
        }
        shares
    }

    /// The handle of endpoint `n`, by picking until it comes.
    pub(crate) fn handle(&self, n: u16) -> Arc<Endpoint> {
        (0..10_000)
            .filter_map(|_| Some(self.pick().ok()?.endpoint().clone()))
            .find(|endpoint| number(endpoint) == n)
            .unwrap()
    }

    pub(crate) fn record(&self, endpoint: &Arc<Endpoint>, outcome: Outcome, times: u32) -> &Self {
        for _ in 0..times {
            self.cluster
                .record(endpoint, outcome, || self.now, &self.random);
        }
        self
    }

    pub(crate) fn status(&self, n: u16) -> EndpointStatus {
        let wanted = endpoint(n).address;
        let mut all = self.cluster.endpoints().into_iter();
        all.find(|status| status.address == wanted).unwrap()
    }
}

pub(crate) fn number(endpoint: &Endpoint) -> u16 {
    match endpoint.address() {
        policy::Address::Socket(addr) => addr.port(),
        other => panic!("unexpected address {other}"),
    }
}
