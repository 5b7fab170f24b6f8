//! A call on its way through the client stack, and what a stack is made of.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderValue, Request, Response};
use mesh_core::{
    Random, SnapshotRef,
    cluster::{Cluster, Endpoint},
    policy::{ForwardAction, Name, RetryPolicy, Route, RouteAction, VirtualHost, WeightedCluster},
    resilience::ControlHeaders,
    routing::Router,
    telemetry::{NoRecorder, Recorder},
};

use crate::{Body, Error, ledger::Ledger, mirror::Pending};

/// One layer of the client stack, as the crate sees it: a service whose future borrows and is not
/// boxed, so that a whole stack of them costs one allocation, made at the top.
///
/// [`Tower`](crate::layer::Tower) turns a step into a `tower::Service`, and
/// [`Inner`](crate::layer::Inner) a service into a step.
pub trait Step: Send + Sync {
    /// Handles `call`: whoever sends the request takes it out, and puts the response in its place.
    /// Neither is moved from step to step, for they are large.
    fn call<'a>(
        &'a self,
        call: &'a mut Call,
    ) -> impl Future<Output = Result<(), Error>> + Send + 'a;
}

/// The state of one request, filled in on its way down.
pub struct Call {
    /// The request, then the response: one place, for they are never there both.
    pub exchange: Exchange,
    /// What must be settled when the call has ended; the response's body keeps it.
    pub(crate) ledger: Ledger,
    /// What retries tell the attempts below them, and what few calls have.
    pub(crate) retrying: Option<Box<Retrying>>,
}

/// What a call carries.
#[derive(Debug)]
pub enum Exchange {
    /// The request, until it is sent.
    Request(Request<Body>),
    /// Nothing: the request was sent, and there is no response yet.
    Sent,
    /// The response.
    Response(Response<Body>),
}

/// What holds for the attempts of a call with a retry policy, and what few others have.
#[derive(Default)]
pub(crate) struct Retrying {
    /// When this attempt's response head must be there.
    pub(crate) attempt_deadline: Option<Instant>,
    /// Endpoints tried, when retries must avoid them.
    pub(crate) tried: Option<Vec<Arc<Endpoint>>>,
    /// What few requests have.
    pub(crate) extras: Option<Box<Extras>>,
}

/// What only few requests have, so that the others pay for none of it.
#[derive(Default)]
pub(crate) struct Extras {
    /// What the request's headers ask for.
    control: Option<ControlHeaders>,
    /// The route's retry policy and what the headers ask for.
    pub(crate) retry_policy: Option<Arc<RetryPolicy>>,
    /// The request's hash, for balancers that hash.
    pub(crate) hash: Option<u64>,
    /// Cookies made for that hash; the response sets them.
    pub(crate) set_cookies: Vec<HeaderValue>,
    /// Copies to send once an endpoint is picked.
    pub(crate) mirrors: Option<Pending>,
    /// When the stream of this attempt must have ended, its response's body included.
    pub(crate) stream_ends: Option<Instant>,
}

impl Extras {
    pub(crate) fn set_control(&mut self, control: ControlHeaders, target: &Target) {
        let policy = control.retry_policy(target.retry_policy());
        self.retry_policy = policy.map(Arc::new);
        self.control = Some(control);
    }

    /// In place of the route's; 0 is none.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.control.as_ref()?.timeout
    }

    pub(crate) fn stream_duration(&self) -> Option<Duration> {
        let asked = self.control.as_ref()?.stream_duration;
        asked.filter(|limit| !limit.is_zero())
    }

    /// The error as the request's headers want it answered.
    pub(crate) fn answer_of(&self, error: Error) -> Error {
        match &self.control {
            Some(control) if control.timeout_alt_response => error.with_alternative_timeout(),
            _ => error,
        }
    }
}

impl Retrying {
    /// Sends the copies that wait for an endpoint to be picked.
    pub(crate) fn release_mirrors(&mut self) {
        let extras = self.extras.as_mut();
        if let Some(pending) = extras.and_then(|extras| extras.mirrors.take()) {
            pending.release();
        }
    }
}

/// A point in time and what it stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    pub(crate) kind: DeadlineKind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DeadlineKind {
    /// `RouteAction.timeout`.
    #[default]
    Route,
    /// `RouteAction.max_stream_duration`.
    MaxStreamDuration,
    /// `x-envoy-upstream-stream-duration-ms`.
    AttemptStreamDuration,
    /// The longest that a mirrored copy may take.
    Copy,
    /// The inbound request's.
    Inherited,
    /// `RetryPolicy.per_try_timeout`.
    PerTry,
    /// `RouteAction.idle_timeout`, or the client's default.
    Idle,
}

impl DeadlineKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Route => "the route's timeout",
            Self::MaxStreamDuration => "the route's maximum stream duration",
            Self::AttemptStreamDuration => "the maximum stream duration of each attempt",
            Self::Copy => "the longest that a mirrored copy may take",
            Self::Inherited => "the deadline inherited from the inbound request",
            Self::PerTry => "the per-try timeout",
            Self::Idle => "the stream's idle timeout",
        }
    }
}

impl Call {
    /// The request, while it was not sent.
    ///
    /// # Errors
    /// When it was: a step below whatever sends it has nothing to do.
    #[inline]
    pub fn request(&self) -> Result<&Request<Body>, Error> {
        match &self.exchange {
            Exchange::Request(request) => Ok(request),
            _ => Err(sent_already()),
        }
    }

    /// The request, to be changed.
    ///
    /// # Errors
    /// When it was sent.
    #[inline]
    pub fn request_mut(&mut self) -> Result<&mut Request<Body>, Error> {
        self.exchange.request_mut()
    }

    /// The response, once there is one.
    #[inline]
    pub const fn response(&self) -> Option<&Response<Body>> {
        match &self.exchange {
            Exchange::Response(response) => Some(response),
            _ => None,
        }
    }

    /// The response, to be changed.
    #[inline]
    pub const fn response_mut(&mut self) -> Option<&mut Response<Body>> {
        match &mut self.exchange {
            Exchange::Response(response) => Some(response),
            _ => None,
        }
    }

    /// Takes the request out, to be sent.
    ///
    /// # Errors
    /// When it was sent.
    #[inline]
    pub fn take_request(&mut self) -> Result<Request<Body>, Error> {
        self.exchange.take_request()
    }

    /// Puts the response in.
    #[inline]
    pub fn respond(&mut self, response: Response<Body>) {
        self.exchange = Exchange::Response(response);
    }

    /// What few requests have.
    #[inline]
    pub(crate) fn extras(&self) -> Option<&Extras> {
        self.retrying.as_ref()?.extras.as_deref()
    }

    pub(crate) fn extras_mut(&mut self) -> &mut Extras {
        let retrying = self.retrying.get_or_insert_default();
        retrying.extras.get_or_insert_default()
    }

    /// Where it goes, once routed.
    #[inline]
    pub(crate) fn destination(&self) -> Option<&Destination> {
        self.ledger.destination.as_ref()
    }

    /// The endpoint of this attempt, once picked.
    #[inline]
    pub(crate) fn endpoint(&self) -> Option<&Arc<Endpoint>> {
        self.ledger.endpoint.as_deref()
    }

    #[inline]
    pub(crate) fn env(&self) -> &Environment {
        &self.ledger.env
    }

    /// When the whole exchange must have ended.
    #[inline]
    pub(crate) const fn deadline(&self) -> Option<Deadline> {
        self.ledger.limits.deadline
    }

    /// Lowers the deadline to `at`.
    #[inline]
    pub(crate) fn limit(&mut self, at: Instant, kind: DeadlineKind) {
        self.ledger.limits.lower(at, kind);
    }
}

impl Exchange {
    /// Takes the request out; see [`Call::take_request`].
    #[inline]
    pub(crate) fn take_request(&mut self) -> Result<Request<Body>, Error> {
        match std::mem::replace(self, Self::Sent) {
            Self::Request(request) => Ok(request),
            other => {
                *self = other;
                Err(sent_already())
            }
        }
    }

    /// The request, to be changed; see [`Call::request_mut`].
    #[inline]
    pub(crate) fn request_mut(&mut self) -> Result<&mut Request<Body>, Error> {
        match self {
            Self::Request(request) => Ok(request),
            _ => Err(sent_already()),
        }
    }
}

#[cold]
fn sent_already() -> Error {
    Error::invalid("the request was sent already")
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("exchange", &self.exchange)
            .field("destination", &self.ledger.destination)
            .field("attempts", &self.ledger.attempts)
            .finish_non_exhaustive()
    }
}

/// Where a call goes.
#[derive(Clone, Debug)]
pub(crate) enum Destination {
    /// A matched route, and the snapshot it is of.
    Routed(Target),
    /// A cluster given by hand.
    Cluster(Arc<Cluster>),
}

/// A matched route, by its place in the snapshot: cheaper to hold than references to each part.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) snapshot: SnapshotRef,
    pub(crate) router: u32,
    pub(crate) host: u32,
    pub(crate) route: u32,
    pub(crate) cluster: u32,
    /// Its place among the weighted clusters.
    pub(crate) weighted: Option<u32>,
}

impl Target {
    /// Whether any level of its route configuration changes headers.
    #[inline]
    pub(crate) fn changes_headers(&self) -> bool {
        self.snapshot.routers()[self.router as usize].changes_headers()
    }

    #[inline]
    pub(crate) fn virtual_host(&self) -> &VirtualHost {
        &self.snapshot.routers()[self.router as usize]
            .config()
            .virtual_hosts[self.host as usize]
    }

    #[inline]
    pub(crate) fn route(&self) -> &Route {
        &self.virtual_host().routes[self.route as usize]
    }

    #[inline]
    pub(crate) fn router(&self) -> &Router {
        &self.snapshot.routers()[self.router as usize]
    }

    /// Whether its route only forwards: see [`Router::is_plain`].
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        let place = (self.host as usize, self.route as usize);
        self.router().is_plain(Some(place))
    }

    /// The route's policy, else its virtual host's.
    #[inline]
    pub(crate) fn retry_policy(&self) -> Option<&RetryPolicy> {
        let own = self.action()?.retry_policy.as_ref();
        own.or(self.virtual_host().retry_policy.as_ref())
            .map(|p| &**p)
    }

    #[inline]
    pub(crate) fn action(&self) -> Option<&ForwardAction> {
        match &self.route().action {
            RouteAction::Forward(action) => Some(action),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn weighted(&self) -> Option<&WeightedCluster> {
        use mesh_core::policy::ClusterSpecifier::Weighted;
        match (&self.action()?.cluster, self.weighted) {
            (Weighted(weighted), Some(index)) => weighted.clusters().get(index as usize),
            _ => None,
        }
    }
}

impl Destination {
    #[inline]
    pub(crate) fn cluster(&self) -> &Arc<Cluster> {
        match self {
            Self::Routed(target) => &target.snapshot.clusters()[target.cluster as usize],
            Self::Cluster(cluster) => cluster,
        }
    }

    #[inline]
    pub(crate) fn target(&self) -> Option<&Target> {
        match self {
            Self::Routed(target) => Some(target),
            Self::Cluster(_) => None,
        }
    }

    #[inline]
    pub(crate) fn action(&self) -> Option<&ForwardAction> {
        self.target()?.action()
    }

    /// The route's policy, else its virtual host's.
    #[inline]
    pub(crate) fn retry_policy(&self) -> Option<&RetryPolicy> {
        self.target()?.retry_policy()
    }
}

/// What a stack was built with. Two `Arc`s, so that each clone of a client counts its references
/// in memory of its own.
pub(crate) type Env = Arc<Arc<Environment>>;

/// Where telemetry goes and randomness comes from.
#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) recorder: Arc<dyn Recorder>,
    /// Whether the recorder reads durations: the clock is read for nobody else.
    pub(crate) timed: bool,
    pub(crate) random: Arc<dyn Random>,
    /// Where the route says nothing.
    pub(crate) idle_timeout: Option<Duration>,
    /// Whose requests they are.
    pub(crate) source: Source,
    /// Requests come from outside, so their control headers are not trusted.
    pub(crate) external_callers: bool,
    /// Connections speak nothing else.
    pub(crate) http2_only: bool,
}

/// Who makes the requests of a client.
#[derive(Debug)]
pub(crate) struct Source {
    /// This process's address, if the client was told it.
    pub(crate) address: Option<Name>,
    /// What is hashed for it: the address, else a number of the client's own.
    pub(crate) hashed: Name,
}

impl Source {
    /// A number of the client's own.
    pub(crate) fn drawn(random: &dyn Random) -> Self {
        Self {
            address: None,
            hashed: format!("{:016x}", random.next_u64()).into(),
        }
    }
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            recorder: Arc::new(NoRecorder),
            timed: false,
            random: Arc::new(ThreadRandom),
            idle_timeout: None,
            source: Source::drawn(&ThreadRandom),
            external_callers: false,
            http2_only: false,
        }
    }
}

/// The default randomness: a generator per thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThreadRandom;

impl Random for ThreadRandom {
    fn next_u64(&self) -> u64 {
        fastrand::u64(..)
    }
}

/// The clock of this crate: tokio's, so that paused tests move it.
#[inline]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
