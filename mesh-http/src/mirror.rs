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
//! [`MirrorTasks::LIMIT`] run at once, more are dropped, and all end when the route layer (the
//! client's last clone) is dropped. Cancelling the original does not cancel a copy that was begun,
//! and begins none whose body did not arrive.

use std::{
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use mesh_core::{
    cluster::Cluster,
    policy::RequestMirror,
    routing::{self, Facts},
};
use tokio::sync::{Semaphore, watch};

use crate::{
    Body, BoxError, Error,
    body::Kind,
    call::{Call, Deadline, Destination, Env, Exchange, Extras, Step, Target, now},
    layer::{answer, head},
    ledger::Ledger,
};

const X_ENVOY_INTERNAL: HeaderName = HeaderName::from_static("x-envoy-internal");

/// What bounds and ends the tasks of one route layer.
#[derive(Debug)]
pub(crate) struct MirrorTasks {
    permits: Arc<Semaphore>,
    /// Dropped with its owner, which every task hears.
    stop: watch::Sender<()>,
}

impl MirrorTasks {
    /// How many copies one client sends at once.
    pub(crate) const LIMIT: usize = 1024;

    /// What sends copies through `inner`.
    pub(crate) fn launcher<S: Step + 'static>(&self, inner: Arc<S>) -> Arc<dyn Launch> {
        Arc::new(Launcher {
            inner,
            permits: self.permits.clone(),
            stop: self.stop.subscribe(),
        })
    }
}

impl Default for MirrorTasks {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(Self::LIMIT)),
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
    stop: watch::Receiver<()>,
}

impl<S: Step + 'static> Launch for Launcher<S> {
    fn launch(&self, call: Call) {
        let Ok(permit) = self.permits.clone().try_acquire_owned() else {
            tracing::debug!("a mirrored request is dropped: too many are under way");
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
        let cluster = target.snapshot.cluster(name)?.clone();
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

/// The time that each copy has: what the original's route says.
#[derive(Clone, Copy)]
struct Limits {
    timeout: Option<std::time::Duration>,
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
        let timeouts = call.destination().and_then(Destination::action);
        let timeout = call.extras().and_then(Extras::timeout);
        let limits = Limits {
            timeout: match timeout {
                Some(asked) => Some(asked).filter(|t| !t.is_zero()),
                None => timeouts.and_then(|a| a.timeouts.timeout),
            },
        };
        let request = call.exchange.request_mut()?;
        let body = std::mem::take(request.body_mut());
        let source = match &body.kind {
            // hyper's own may have ended before it was read.
            _ if http_body::Body::is_end_stream(&body) => Source::Whole(Bytes::new()),
            Kind::Whole(bytes) => Source::Whole(bytes.clone()),
            _ => Source::Stream(Arc::new(Mutex::new(Tee::new(limit)))),
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
        let send = move |body: Kept| {
            for copy in copies {
                let Copy { request, cluster } = copy;
                let mut call = Call {
                    exchange: Exchange::Request(request.map(|()| body.body())),
                    ledger: Ledger::new(env.clone(), now()),
                    retrying: None,
                };
                let at = limits
                    .timeout
                    .and_then(|t| call.ledger.attempt_started.checked_add(t));
                call.ledger.limits.deadline = at.map(Deadline::route);
                call.ledger.destination = Some(Destination::Cluster(cluster));
                launcher.launch(call);
            }
        };
        match body {
            Source::Whole(bytes) => send(Kept {
                chunks: vec![bytes],
                trailers: None,
            }),
            Source::Stream(tee) => {
                let mut tee = tee.lock().unwrap_or_else(PoisonError::into_inner);
                tee.send = Some(Box::new(send));
            }
        }
    }
}

/// A complete body.
struct Kept {
    chunks: Vec<Bytes>,
    trailers: Option<HeaderMap>,
}

impl Kept {
    fn body(&self) -> Body {
        match (&self.chunks[..], &self.trailers) {
            ([], None) => Body::empty(),
            ([one], None) => one.clone().into(),
            (chunks, trailers) => Body::new(Frames {
                frames: chunks
                    .iter()
                    .cloned()
                    .map(Frame::data)
                    .chain(trailers.clone().map(Frame::trailers))
                    .collect(),
            }),
        }
    }
}

/// What a stream's original has read, and who waits for the rest.
struct Tee {
    limit: usize,
    bytes: usize,
    chunks: Vec<Bytes>,
    trailers: Option<HeaderMap>,
    send: Option<Box<dyn FnOnce(Kept) + Send>>,
}

impl Tee {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes: 0,
            chunks: Vec::new(),
            trailers: None,
            send: None,
        }
    }

    fn keep(&mut self, frame: &Frame<Bytes>) {
        if let Some(data) = frame.data_ref() {
            self.bytes = self.bytes.saturating_add(data.len());
            if self.bytes > self.limit {
                self.give_up();
            } else {
                self.chunks.push(data.clone());
            }
        } else if let Some(trailers) = frame.trailers_ref() {
            self.trailers = Some(trailers.clone());
        }
    }

    fn give_up(&mut self) {
        self.chunks = Vec::new();
        if self.send.take().is_some() {
            tracing::debug!("a request is not mirrored: its body broke off or is too long");
        }
    }

    fn complete(&mut self) {
        if let Some(send) = self.send.take() {
            send(Kept {
                chunks: std::mem::take(&mut self.chunks),
                trailers: self.trailers.take(),
            });
        }
    }
}

/// The original's body, which is kept as it is read.
struct Teed {
    inner: Body,
    tee: Arc<Mutex<Tee>>,
}

impl HttpBody for Teed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        let mut tee = self.tee.lock().unwrap_or_else(PoisonError::into_inner);
        match &frame {
            Some(Ok(frame)) => {
                tee.keep(frame);
                // Many readers stop here, and never see the end.
                if frame.is_trailers() || self.inner.is_end_stream() {
                    tee.complete();
                }
            }
            Some(Err(_)) => tee.give_up(),
            None => tee.complete(),
        }
        drop(tee);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A body in several parts.
struct Frames {
    frames: std::collections::VecDeque<Frame<Bytes>>,
}

impl HttpBody for Frames {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(self.frames.pop_front().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty()
    }
}
