//! Endpoints, their health and load, and the choice among them.
//!
//! ```text
//!  policy::Cluster ──┐                        pick: one load of the set, no lock
//!                    ├─▶ Cluster ─ ArcSwap ─▶ EndpointSet ─▶ Group ─▶ priority ─▶ Picker ─▶ Endpoint
//!  assignment ───────┘      │                 (immutable)   (subset)  (loads)    (balancer)  (handle)
//!                           └─▶ ClusterState: breakers, ejections, by cluster name
//! ```
//!
//! A [`Cluster`] is one policy's runtime. What must survive a change of policy is in its
//! [`ClusterState`] (by cluster name) and its [`Endpoint`]s (by address), which the next `Cluster` of
//! the name takes over. `docs/architecture.md` says what survives what.
//!
//! Writers (assignments, ejections, reviews) take turns by the one lock of the cluster's name, build
//! a new set and swap it in. A pick never waits for it. An ejection first sets a flag in the
//! endpoint, which every pick checks, so not even a pick from the last set uses it.

mod attempts;
mod breaker;
mod endpoint;
mod endpoint_set;
mod members;
mod outlier;
mod pick;
mod picker;
mod priority;
mod state;
mod status;
mod subset;
mod weights;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;

pub use self::{
    attempts::AttemptCounts,
    breaker::{BreakerStatus, Overflow, Permit, RequestToken, Resource, ResourceStatus},
    endpoint::{Endpoint, InFlight},
    outlier::{EjectionType, OutlierStats},
    pick::{Pick, PickArgs, PickError},
    state::ClusterState,
    status::{EndpointStatus, Health},
};
use self::{
    endpoint_set::{Census, EndpointSet},
    members::Members,
    outlier::{Book, Suspect},
    picker::Draw,
};
use crate::{
    Outcome, Random, Slot,
    policy::{self, ClusterLoadAssignment, ConnectionPool, HttpProtocol, Name, OutlierDetection},
};

/// The runtime of one [`policy::Cluster`].
pub struct Cluster {
    policy: Arc<policy::Cluster>,
    state: Arc<ClusterState>,
    set: ArcSwap<EndpointSet>,
}

impl Cluster {
    /// A cluster with the endpoints of `assignment`.
    ///
    /// From `previous`, when it has the same name, it takes over the [`ClusterState`] and the
    /// endpoints by address; if the policies differ in how they connect, each endpoint gets a fresh
    /// handle that takes over its health.
    pub fn new(
        policy: Arc<policy::Cluster>,
        assignment: Arc<ClusterLoadAssignment>,
        previous: Option<&Self>,
    ) -> Self {
        let previous = previous.filter(|previous| previous.policy.name == policy.name);
        let state = previous.map_or_else(Arc::default, |previous| previous.state.clone());
        state.set_limits(&policy.circuit_breakers);

        let mut book = state.outlier.lock();
        let old_set = previous.map(|previous| previous.set.load_full());
        let same_connections = previous
            .is_some_and(|previous| Connecting::of(&previous.policy) == Connecting::of(&policy));
        let members = Members::new(&policy, assignment, |endpoint| {
            let old = old_set.as_ref().map(|set| &*set.members);
            handle(old, endpoint, same_connections)
        });
        let detecting = policy.outlier_detection.is_some();
        state.outlier.retain(&mut book, |address| {
            detecting && members.find(address).is_some()
        });
        let set = build(
            &policy,
            &state,
            &book,
            Arc::new(members),
            old_set.as_deref(),
        );
        drop(book);
        Self {
            policy,
            state,
            set: ArcSwap::from_pointee(set),
        }
    }

    /// What it was told.
    #[inline]
    pub const fn policy(&self) -> &Arc<policy::Cluster> {
        &self.policy
    }

    /// Its name.
    #[inline]
    pub fn name(&self) -> &Name {
        &self.policy.name
    }

    /// What survives changes of its policy.
    #[inline]
    pub const fn state(&self) -> &Arc<ClusterState> {
        &self.state
    }

    /// The adapters' own state, such as metric handles; survives changes of its policy.
    pub fn slot(&self) -> &Slot {
        &self.state.slot
    }

    /// The endpoints it was given last.
    pub fn assignment(&self) -> Arc<ClusterLoadAssignment> {
        self.set.load().members.assignment.clone()
    }

    /// Replaces the endpoints; those whose address stays keep their handle. `false` when nothing
    /// changed.
    pub fn assign(&self, assignment: Arc<ClusterLoadAssignment>) -> bool {
        let mut book = self.state.outlier.lock();
        let old = self.set.load_full();
        if old.members.assignment == assignment {
            return false;
        }
        let members = Members::new(&self.policy, assignment, |endpoint| {
            handle(Some(&old.members), endpoint, true)
        });
        self.state
            .outlier
            .retain(&mut book, |address| members.find(address).is_some());
        self.rebuild(&book, Arc::new(members));
        true
    }

    /// Chooses an endpoint and counts the request there.
    ///
    /// # Errors
    /// When there is no endpoint that may be used.
    pub fn pick(&self, args: &PickArgs<'_>) -> Result<Pick, PickError> {
        let mut set = self.set.load();
        if self.is_behind(&set, args.now) {
            self.keep_up(args.now);
            set = self.set.load();
        }
        let members = &*set.members;
        let Some(named) = members.named(args.criteria()) else {
            return Err(self.no_subset(members, args));
        };
        let group = set.group(named);
        let draw = Draw::new(&self.policy.lb_policy, args.random, args.hash);
        let mut picked = group.pick(members, draw, 0);
        for attempt in 1..=args.host_attempts {
            match picked {
                Some((endpoint, _)) if args.was_tried(endpoint) => {
                    picked = group.pick(members, draw, attempt);
                }
                _ => break,
            }
        }
        match picked {
            Some((endpoint, panic)) => Ok(Pick {
                in_flight: InFlight::new(endpoint.clone()),
                panic,
            }),
            None => Err(self.nobody(group.census)),
        }
    }

    /// Tells an attempt's outcome: feeds outlier detection. A cancelled attempt has none. The time
    /// is asked for only when an endpoint is to be ejected.
    #[inline]
    pub fn record(
        &self,
        endpoint: &Endpoint,
        outcome: Outcome,
        now: impl FnOnce() -> Instant,
        random: &dyn Random,
    ) {
        if outcome.is_server_error() {
            endpoint.note_failure(outcome);
        }
        if let Some(config) = &self.policy.outlier_detection {
            let reached = outlier::observe(config, endpoint, outcome);
            if reached != [None, None] {
                let now = now();
                for kind in reached.into_iter().flatten() {
                    self.eject(config, kind, endpoint, now, random);
                }
            }
        }
    }

    /// How much of its traffic the endpoints could take in health, of 100, with what is
    /// overprovisioned: 100 means that nothing needs to go elsewhere.
    pub(crate) fn availability(&self, now: Instant) -> u8 {
        let mut set = self.set.load();
        if self.is_behind(&set, now) {
            self.keep_up(now);
            set = self.set.load();
        }
        set.available()
    }

    /// Whether there are endpoints, in whatever health.
    pub(crate) fn has_endpoints(&self) -> bool {
        self.set.load().members.len() > 0
    }

    /// Ends the ejections whose time is over at `now`, as the next pick would.
    pub fn review(&self, now: Instant) {
        if let Some(config) = &self.policy.outlier_detection {
            self.review_locked(&mut self.state.outlier.lock(), config, now);
        }
    }

    /// Whether a review is due, or another `Cluster` of the name ejected or freed an endpoint.
    fn is_behind(&self, set: &EndpointSet, now: Instant) -> bool {
        let detector = &self.state.outlier;
        set.version != detector.version()
            || (self.policy.outlier_detection.is_some() && detector.is_due(now))
    }

    /// Does what is due, unless somebody is at it: a pick waits for nobody.
    #[cold]
    fn keep_up(&self, now: Instant) {
        if let Some(mut book) = self.state.outlier.try_lock() {
            match &self.policy.outlier_detection {
                Some(config) => self.review_locked(&mut book, config, now),
                None => self.renew(&book),
            }
        }
    }

    fn review_locked(&self, book: &mut Book, config: &OutlierDetection, now: Instant) {
        let freed = self.state.outlier.review(book, config, now);
        let set = self.set.load();
        for endpoint in freed.iter().filter_map(|address| set.members.find(address)) {
            // So that a counter near its threshold does not eject it again at once.
            endpoint.clear_errors(EjectionType::Consecutive5xx);
            endpoint.clear_errors(EjectionType::ConsecutiveGatewayFailure);
            endpoint.clear_errors(EjectionType::ConsecutiveLocalOriginFailure);
        }
        self.renew(book);
    }

    /// Handles a threshold that `endpoint` reached.
    #[cold]
    fn eject(
        &self,
        config: &OutlierDetection,
        kind: EjectionType,
        endpoint: &Endpoint,
        now: Instant,
        random: &dyn Random,
    ) {
        let mut book = self.state.outlier.lock();
        self.review_locked(&mut book, config, now);
        let set = self.set.load();
        let address = endpoint.address();
        // Ejected in the meantime, or gone.
        if set.members.find(address).is_none_or(|e| e.is_ejected()) {
            return;
        }
        endpoint.clear_errors(kind);
        let suspect = Suspect {
            kind,
            address,
            ejected: set.ejected,
            hosts: set.members.len(),
        };
        let detector = &self.state.outlier;
        if detector.judge(&mut book, config, &suspect, now, random) {
            endpoint.set_ejected(true);
            self.renew(&book);
        }
    }

    /// Rebuilds the set if it does not know the latest ejections.
    fn renew(&self, book: &Book) {
        let set = self.set.load();
        if set.version != self.state.outlier.version() {
            self.rebuild(book, set.members.clone());
        }
    }

    fn rebuild(&self, book: &Book, members: Arc<Members>) {
        let old = self.set.load();
        let set = build(&self.policy, &self.state, book, members, Some(&old));
        self.set.store(Arc::new(set));
    }

    #[cold]
    fn no_subset(&self, members: &Members, args: &PickArgs<'_>) -> PickError {
        if members.len() == 0 {
            return self.nobody(Census::default());
        }
        PickError::NoSubset {
            cluster: self.name().clone(),
            criteria: args.metadata_match.merged(args.weighted_metadata_match),
        }
    }

    #[cold]
    fn nobody(&self, census: Census) -> PickError {
        let cluster = self.name().clone();
        if census.total == 0 {
            return PickError::NoEndpoints { cluster };
        }
        PickError::AllUnhealthy {
            cluster,
            total: census.total,
            ejected: census.ejected,
            unhealthy: census.unhealthy,
            last_error: census.last_failure,
        }
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = self.set.load();
        f.debug_struct("Cluster")
            .field("name", &self.policy.name)
            .field("endpoints", &set.members.len())
            .field("ejected", &set.ejected)
            .finish_non_exhaustive()
    }
}

/// The set of `members`, their flags brought in line with the book first: another `Cluster` of the
/// name may have ejected or freed them, by handles of its own.
fn build(
    policy: &policy::Cluster,
    state: &ClusterState,
    book: &Book,
    members: Arc<Members>,
    previous: Option<&EndpointSet>,
) -> EndpointSet {
    let detecting = policy.outlier_detection.is_some();
    for endpoint in &members.endpoints {
        if endpoint.is_ejected() && !(detecting && book.is_ejected(endpoint.address())) {
            endpoint.set_ejected(false);
        }
    }
    for endpoint in book.ejected().filter_map(|address| members.find(address)) {
        endpoint.set_ejected(detecting);
    }
    EndpointSet::new(policy, members, state.outlier.version(), previous)
}

/// The old handle if its connections still serve, else a fresh one that takes over its health.
fn handle(
    old: Option<&Members>,
    endpoint: &policy::Endpoint,
    same_connections: bool,
) -> Arc<Endpoint> {
    let hostname = endpoint.hostname.clone();
    match old.and_then(|members| members.find(&endpoint.address)) {
        Some(old) if same_connections && *old.hostname() == *hostname => old.clone(),
        Some(old) => Arc::new(old.renewed(hostname)),
        None => Arc::new(Endpoint::new(endpoint.address.clone()).with_hostname(hostname)),
    }
}

/// All that connections are made by; a change of it needs new ones.
#[derive(PartialEq)]
struct Connecting<'a> {
    protocol: HttpProtocol,
    connect_timeout: Duration,
    pool: &'a ConnectionPool,
    max_connections: [u32; 2],
}

impl<'a> Connecting<'a> {
    fn of(policy: &'a policy::Cluster) -> Self {
        let breakers = &policy.circuit_breakers;
        Self {
            protocol: policy.protocol,
            connect_timeout: policy.connect_timeout,
            pool: &policy.connection_pool,
            max_connections: [
                breakers.default.max_connections,
                breakers.high.max_connections,
            ],
        }
    }
}
