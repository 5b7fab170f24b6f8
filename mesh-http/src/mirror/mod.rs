//! Copies of requests that nobody waits for (`request_mirror_policies`).
//!
//! A copy is sent once an endpoint was picked for the original and its body is complete; a request
//! that the mesh refuses is not copied, as in Envoy. A whole body is complete at once; a stream is
//! kept while the original reads it, up to the replay limit: past it there is no copy. The copy goes
//! through the stack below the route: time limits, breaker, balancer, outlier detection of its own
//! cluster. It is never tried again; its response is read and dropped, and what becomes of it never
//! reaches the caller.
//!
//! Each copy is a task. The [`Route`](crate::layer::Route) that sends it owns it: at most
//! [`MirrorTasks::LIMIT`] run at once, more are dropped, which the recorder hears, each for no longer
//! than its route's timeout or [`MirrorTasks::LONGEST`], and all end when the route layer (the
//! client's last clone) is dropped. Cancelling the original does not cancel a copy that was begun,
//! and begins none whose body did not arrive.

mod tee;

use std::{
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, header};
use http_body::Body as _;
use mesh_core::{
    cluster::Cluster,
    policy::RequestMirror,
    routing::{self, Facts},
    telemetry::MirrorDrop,
};
use tokio::sync::{Semaphore, watch};

use self::tee::{Kept, Tee, Teed};
use crate::{
    Body, Error,
    body::Kind,
    call::{Call, DeadlineKind, Destination, Env, Exchange, Extras, Step, Target, now},
    layer::{answer, head, max_stream_duration, timeout},
    ledger::Ledger,
    replay::written_length,
};

const X_ENVOY_INTERNAL: HeaderName = HeaderName::from_static("x-envoy-internal");

/// What bounds and ends the tasks of one route layer.
#[derive(Debug)]
pub(crate) struct MirrorTasks {
    permits: Arc<Semaphore>,
    /// Whether it was said that there are too many.
    warned: Arc<AtomicBool>,
    /// Dropped with its owner, which every task hears.
    stop: watch::Sender<()>,
}

impl MirrorTasks {
    /// How many copies one client sends at once.
    pub(crate) const LIMIT: usize = 1024;
    /// How long a copy may take whose route has no timeout: an answer that never ends would hold its
    /// place for ever.
    pub(crate) const LONGEST: Duration = Duration::from_secs(300);

    /// What sends copies through `inner`.
    pub(crate) fn launcher<S: Step + 'static>(&self, inner: Arc<S>) -> Arc<dyn Launch> {
        Arc::new(Launcher {
            inner,
            permits: self.permits.clone(),
            warned: self.warned.clone(),
            stop: self.stop.subscribe(),
        })
    }
}

impl Default for MirrorTasks {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(Self::LIMIT)),
            warned: Arc::default(),
            stop: watch::Sender::new(()),
        }
    }
}

/// Sends a copy.
pub(crate) trait Launch: Send + Sync {
    fn launch(&self, call: Call);
}

struct Launcher<S> {
    inner: Arc<S>,
    permits: Arc<Semaphore>,
    warned: Arc<AtomicBool>,
    stop: watch::Receiver<()>,
}

impl<S: Step + 'static> Launch for Launcher<S> {
    fn launch(&self, call: Call) {
        let Ok(permit) = self.permits.clone().try_acquire_owned() else {
            if let Some(destination) = call.destination() {
                let cluster = destination.cluster();
                let recorder = &call.ledger.env.recorder;
                recorder.mirror_dropped(cluster, MirrorDrop::Overflow);
                if !self.warned.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        cluster = &**cluster.name(),
                        limit = MirrorTasks::LIMIT,
                        "mirrored requests are dropped: too many are under way"
                    );
                }
            }
            return;
        };
        let (inner, mut stop) = (self.inner.clone(), self.stop.clone());
        tokio::spawn(async move {
            let mut sent = pin!(async {
                let _permit = permit;
                match answer(inner, call).await {
                    Ok(response) => read(response).await,
                    Err(error) => tracing::debug!(%error, "a mirrored request failed"),
                }
            });
            // An error says that the sender was dropped.
            let mut stopped = pin!(stop.changed());
            std::future::poll_fn(|cx| match sent.as_mut().poll(cx) {
                Poll::Pending => stopped.as_mut().poll(cx).map(drop),
                ready => ready,
            })
            .await;
        });
    }
}

/// Reads a response to its end, so that its connection can be used again.
async fn read(response: Response<Body>) {
    let mut body = pin!(response.into_body());
    while let Some(Ok(_)) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {}
}

/// A copy but for its body.
pub(crate) struct Copy {
    request: Request<()>,
    cluster: Arc<Cluster>,
}

/// The copies that this request gets, changed as their policies say.
pub(crate) fn copies(
    mirrors: &[RequestMirror],
    target: &Target,
    draw: u64,
    facts: Option<&Facts>,
    original: &Request<Body>,
) -> Vec<Copy> {
    let head = head(original);
    let copy = |mirror: &RequestMirror| {
        let name = routing::mirror_cluster(mirror, &head, draw)?;
        let cluster = target.snapshot.target(name, draw, now)?.clone();
        let mut request = Request::new(());
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = original.uri().clone();
        *request.version_mut() = original.version();
        *request.headers_mut() = head.headers.clone();
        let headers = request.headers_mut();
        routing::edit_request(headers, &mirror.request_headers, facts);
        let host = match &mirror.host_rewrite_literal {
            Some(host) => Some(host.clone()),
            None if mirror.disable_shadow_host_suffix_append => None,
            None => HeaderValue::try_from(routing::shadow_host(head.authority)).ok(),
        };
        if let Some(host) = host {
            headers.insert(header::HOST, host);
        }
        headers.insert(X_ENVOY_INTERNAL, HeaderValue::from_static("true"));
        Some(Copy { request, cluster })
    };
    mirrors.iter().filter_map(copy).collect()
}

/// Copies that wait for the original's endpoint.
pub(crate) struct Pending {
    copies: Vec<Copy>,
    body: Source,
    env: Env,
    limits: Limits,
    launcher: Arc<dyn Launch>,
}

/// The time that each copy has: what the original's route says, else the longest.
#[derive(Clone, Copy)]
struct Limits {
    time: Duration,
    kind: DeadlineKind,
}

impl Limits {
    fn of(call: &Call) -> Self {
        let routed = call.destination().and_then(Destination::action);
        let routed = routed.map(|action| &action.timeouts);
        let timeout = match call.extras().and_then(Extras::timeout) {
            Some(asked) => Some(asked).filter(|t| !t.is_zero()),
            None => routed.and_then(|timeouts| timeout(timeouts, call)),
        };
        let longest = routed.and_then(|timeouts| max_stream_duration(timeouts, call));
        match (timeout, longest) {
            (Some(time), _) => Self {
                time,
                kind: DeadlineKind::Route,
            },
            (None, longest) => Self {
                time: longest.unwrap_or(MirrorTasks::LONGEST),
                kind: DeadlineKind::Copy,
            },
        }
    }
}

enum Source {
    Whole(Bytes),
    Stream(Arc<Mutex<Tee>>),
}

impl Pending {
    /// Takes its share of the original's body.
    pub(crate) fn new(
        copies: Vec<Copy>,
        limit: usize,
        launcher: Arc<dyn Launch>,
        call: &mut Call,
    ) -> Result<Self, Error> {
        let limits = Limits::of(call);
        let length = written_length(call);
        let request = call.exchange.request_mut()?;
        let body = std::mem::take(request.body_mut());
        let source = match &body.kind {
            // hyper's own may have ended before it was read, and some are not read at all.
            _ if body.is_end_stream() || length == Some(0) => Source::Whole(Bytes::new()),
            Kind::Whole(bytes) => Source::Whole(bytes.clone()),
            _ => Source::Stream(Arc::new(Mutex::new(Tee::new(limit, length)))),
        };
        *request.body_mut() = match &source {
            Source::Whole(_) => body,
            Source::Stream(tee) => Body::new(Teed {
                inner: body,
                tee: tee.clone(),
            }),
        };
        Ok(Self {
            copies,
            body: source,
            env: call.ledger.env.clone(),
            limits,
            launcher,
        })
    }

    /// The original has an endpoint: its copies go as soon as the body is complete.
    pub(crate) fn release(self) {
        let Self {
            copies,
            body,
            env,
            limits,
            launcher,
        } = self;
        let send = move |body: Option<Kept>| {
            for copy in copies {
                let Copy { request, cluster } = copy;
                let Some(body) = &body else {
                    env.recorder.mirror_dropped(&cluster, MirrorDrop::TooLong);
                    continue;
                };
                let mut call = Call {
                    exchange: Exchange::Request(request.map(|()| body.body())),
                    ledger: Ledger::new(env.clone(), now()),
                    retrying: None,
                };
                if let Some(at) = call.ledger.started.checked_add(limits.time) {
                    call.limit(at, limits.kind);
                }
                call.ledger.destination = Some(Destination::Cluster(cluster));
                launcher.launch(call);
            }
        };
        match body {
            Source::Whole(bytes) => send(Some(Kept::whole(bytes))),
            Source::Stream(tee) => {
                let mut tee = tee.lock().unwrap_or_else(PoisonError::into_inner);
                tee.send = Some(Box::new(send));
            }
        }
    }
}
