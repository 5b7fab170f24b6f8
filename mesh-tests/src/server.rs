//! A server that tells who it is and remembers what it was asked.

use std::{
    convert::Infallible,
    fmt,
    future::{Future, IntoFuture, Ready, ready},
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use mesh_core::telemetry::NoRecorder;
use mesh_http::{
    Body,
    server::{Drain, Drained, Listener, PeerAddr, ServerLayer, serve},
};
use tokio::{sync::watch, task::JoinHandle};
use tower::{Layer, Service, util::BoxCloneSyncService};

/// Answers with its name. It can be told to fail, and to hold its answers back.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Ends it gracefully.
    pub drain: Drain,
    shared: Arc<Shared>,
    /// One more reference for the server and one for each connection it has.
    connections: Arc<()>,
    task: Option<JoinHandle<Drained>>,
}

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its method.
    pub method: Method,
    /// Its path and query.
    pub uri: Uri,
    /// The protocol it came by.
    pub version: Version,
    /// Its headers.
    pub headers: HeaderMap,
    /// The other end of its connection.
    pub peer: SocketAddr,
}

impl Seen {
    /// A header's value, `""` when there is none.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|v| v.to_str().ok()).unwrap_or_default()
    }
}

struct Shared {
    name: String,
    status: AtomicU16,
    held: watch::Sender<bool>,
    seen: Mutex<Vec<Seen>>,
}

impl Server {
    /// A server that answers 200 and its name.
    pub async fn start(name: &str) -> Self {
        Self::with(name, Answer).await
    }

    /// A server whose requests `service` answers.
    ///
    /// # Panics
    /// When no port can be had.
    pub async fn with<S>(name: &str, service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send,
    {
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            status: AtomicU16::new(200),
            held: watch::Sender::new(false),
            seen: Mutex::default(),
        });
        let connections = Arc::new(());
        let drain = Drain::new();
        let listener = Listener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("a bound address");
        let app = Watched {
            shared: shared.clone(),
            inner: BoxCloneSyncService::new(service),
            _connection: connections.clone(),
        };
        let layer = ServerLayer::new(NoRecorder).with_drain(drain.clone());
        let server = serve(listener, layer.layer(app), drain.clone()).into_future();
        Self {
            address,
            drain,
            shared,
            connections,
            task: Some(tokio::spawn(server)),
        }
    }

    /// What it answers from now on.
    pub fn answer(&self, status: u16) {
        self.shared.status.store(status, Ordering::Relaxed);
    }

    /// Holds back all answers, or lets them go.
    pub fn hold(&self, held: bool) {
        self.shared.held.send_replace(held);
    }

    /// How many requests have reached it.
    pub fn hits(&self) -> usize {
        self.shared.seen().len()
    }

    /// All requests that have reached it.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen().clone()
    }

    /// The latest request.
    ///
    /// # Panics
    /// When there was none.
    pub fn last(&self) -> Seen {
        let last = self.shared.seen().last().cloned();
        last.unwrap_or_else(|| panic!("nothing reached {}", self.shared.name))
    }

    /// How many connections are open, once no request is under way.
    pub fn open(&self) -> usize {
        Arc::strong_count(&self.connections).saturating_sub(2)
    }

    /// Ends it gracefully; tells how many connections had to be cut.
    ///
    /// # Panics
    /// When its task did.
    pub async fn drained(mut self, grace: Duration) -> usize {
        self.drain.start(grace);
        match self.task.take() {
            Some(task) => task.await.expect("the server ended by itself").cut,
            None => 0,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Every hold ends with the server, and so does every connection.
        self.hold(false);
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Remembers, holds back, fails; else asks the service within.
#[derive(Clone)]
struct Watched {
    shared: Arc<Shared>,
    inner: BoxCloneSyncService<Request<Incoming>, Response<Body>, Infallible>,
    _connection: Arc<()>,
}

impl Service<Request<Incoming>> for Watched {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let shared = self.shared.clone();
        let peer = request.extensions().get::<PeerAddr>();
        let seen = Seen {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            headers: request.headers().clone(),
            peer: peer.expect("`serve` tells the peer").0,
        };
        shared.seen().push(seen);
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        Box::pin(async move {
            // Never an error, since `shared` holds the sender.
            let _ = shared.held.subscribe().wait_for(|held| !held).await;
            let status = shared.status.load(Ordering::Relaxed);
            if status != 200 {
                let mut failed = Response::new(Body::from(shared.name.clone()));
                *failed.status_mut() =
                    StatusCode::from_u16(status).expect("tests know their statuses");
                return Ok(failed);
            }
            let mut response = inner.call(request).await?;
            let name = shared.name.parse().expect("names are header values");
            response.headers_mut().insert("served-by", name);
            Ok(response)
        })
    }
}

/// 200; `served-by` tells the rest.
#[derive(Clone, Copy, Debug)]
struct Answer;

impl Service<Request<Incoming>> for Answer {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Incoming>) -> Self::Future {
        ready(Ok(Response::new(Body::from("hello"))))
    }
}
