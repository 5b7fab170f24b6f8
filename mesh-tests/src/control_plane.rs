//! A control plane in this process: it serves what it is given, state of the world, and can be told
//! to misbehave.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use hyper::{server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mesh_xds::pb::{
    discovery::{DiscoveryRequest, DiscoveryResponse},
    protobuf::Any,
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::sleep,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming, server::StreamingService};
use tonic_prost::ProstCodec;

/// Resources by type and name.
type World = BTreeMap<String, BTreeMap<String, Any>>;

/// A running control plane; ends when it is dropped.
#[derive(Debug)]
pub struct ControlPlane {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    task: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    world: Mutex<World>,
    changes: watch::Sender<u64>,
    requests: Mutex<Vec<DiscoveryRequest>>,
    streams: AtomicUsize,
    /// Accepts connections, and does not read from them.
    stalled: AtomicBool,
    /// Ends every connection after this.
    lifetime: Mutex<Option<Duration>>,
    /// Speaks TLS, as this.
    tls: Mutex<Option<Arc<ServerConfig>>>,
    /// The `authorization` that calls must have, and what they had.
    wanted: Mutex<Option<String>>,
    shown: Mutex<Vec<Option<String>>>,
}

impl ControlPlane {
    /// Serves these resources on a port of its own.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start(resources: impl IntoIterator<Item = Any>) -> Self {
        let shared = Arc::new(Shared {
            world: Mutex::default(),
            changes: watch::Sender::new(1),
            requests: Mutex::default(),
            streams: AtomicUsize::new(0),
            stalled: AtomicBool::new(false),
            lifetime: Mutex::default(),
            tls: Mutex::default(),
            wanted: Mutex::default(),
            shown: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("a bound address");
        let task = Some(tokio::spawn(accept(listener, shared.clone())));
        let control_plane = Self {
            address,
            shared,
            task,
        };
        control_plane.put(resources);
        control_plane
    }

    /// Adds or replaces resources, and pushes them.
    pub fn put(&self, resources: impl IntoIterator<Item = Any>) {
        for resource in resources {
            let mut world = self.shared.world();
            let of_type = world.entry(resource.type_url.clone()).or_default();
            of_type.insert(name_of(&resource), resource);
        }
        self.shared.changes.send_modify(|version| *version += 1);
    }

    /// Replaces everything.
    pub fn replace(&self, resources: impl IntoIterator<Item = Any>) {
        self.shared.world().clear();
        self.put(resources);
    }

    /// Ends listener and connections.
    pub async fn kill(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            // Its end is what was asked for.
            let _ = task.await;
        }
    }

    /// Listens again, where it did.
    ///
    /// # Panics
    /// When the port was taken in between.
    pub async fn revive(&mut self) {
        self.kill().await;
        let listener = TcpListener::bind(self.address).await.expect("the old port");
        self.task = Some(tokio::spawn(accept(listener, self.shared.clone())));
    }

    /// From the next connection on, accepts without reading.
    pub fn stall(&self, stalled: bool) {
        self.shared.stalled.store(stalled, Ordering::SeqCst);
    }

    /// Ends every connection that is made from now on after so long.
    pub fn flap(&self, lifetime: Option<Duration>) {
        *lock(&self.shared.lifetime) = lifetime;
    }

    /// Speaks TLS on every connection that is made from now on, or plain text.
    pub fn secure(&self, config: Option<Arc<ServerConfig>>) {
        *lock(&self.shared.tls) = config;
    }

    /// Refuses calls that do not have this `authorization`.
    pub fn demand(&self, authorization: Option<&str>) {
        *lock(&self.shared.wanted) = authorization.map(str::to_owned);
    }

    /// The `authorization` of every call.
    pub fn authorizations(&self) -> Vec<Option<String>> {
        lock(&self.shared.shown).clone()
    }

    /// All requests that have come, of all streams.
    pub fn requests(&self) -> Vec<DiscoveryRequest> {
        self.shared.requests().clone()
    }

    /// The reasons of all rejections.
    pub fn rejections(&self) -> Vec<String> {
        let requests = self.requests().into_iter();
        requests
            .filter_map(|r| Some(r.error_detail?.message))
            .collect()
    }

    /// Every name of a type that was ever asked for.
    pub fn asked(&self, kind: &str) -> BTreeSet<String> {
        let requests = self.requests().into_iter();
        let of_kind = requests.filter(|r| r.type_url.ends_with(kind));
        of_kind.flat_map(|r| r.resource_names).collect()
    }

    /// How many streams there are.
    pub fn streams(&self) -> usize {
        self.shared.streams.load(Ordering::SeqCst)
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    fn wanted(&self, type_url: &str, watch: &Watch) -> Vec<Any> {
        let world = self.world();
        let resources = world.get(type_url).into_iter().flatten();
        let wanted = resources.filter(|(n, _)| watch.wildcard || watch.names.contains(*n));
        wanted.map(|(_, resource)| resource.clone()).collect()
    }

    fn requests(&self) -> MutexGuard<'_, Vec<DiscoveryRequest>> {
        lock(&self.requests)
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The first field, which every type of resource has its name in, though the rest be broken.
fn name_of(resource: &Any) -> String {
    let name = match &resource.value[..] {
        [10, length, rest @ ..] => rest.get(..usize::from(*length)),
        _ => None,
    };
    String::from_utf8_lossy(name.unwrap_or(b"?")).into_owned()
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        let lifetime = *lock(&shared.lifetime);
        let tls = lock(&shared.tls).clone();
        connections.spawn(async move {
            if shared.stalled.load(Ordering::SeqCst) {
                let _held = stream;
                std::future::pending::<()>().await;
                return;
            }
            let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let ads = Ads(shared.clone());
                async move {
                    let codec = ProstCodec::<DiscoveryResponse, DiscoveryRequest>::default();
                    let mut grpc = tonic::server::Grpc::new(codec);
                    Ok::<_, Infallible>(grpc.streaming(ads, request).await)
                }
            });
            let builder = http2::Builder::new(TokioExecutor::new());
            let connection = async {
                // How it ends is the client's affair.
                let _ = match tls {
                    None => {
                        builder
                            .serve_connection(TokioIo::new(stream), service)
                            .await
                    }
                    Some(config) => match TlsAcceptor::from(config).accept(stream).await {
                        Ok(stream) => {
                            builder
                                .serve_connection(TokioIo::new(stream), service)
                                .await
                        }
                        Err(_) => return,
                    },
                };
            };
            tokio::select! {
                () = connection => {}
                () = async {
                    match lifetime {
                        Some(lifetime) => sleep(lifetime).await,
                        None => std::future::pending().await,
                    }
                } => {}
            }
        });
    }
}

#[derive(Clone)]
struct Ads(Arc<Shared>);

impl StreamingService<DiscoveryRequest> for Ads {
    type Response = DiscoveryResponse;
    type ResponseStream = ReceiverStream<Result<DiscoveryResponse, Status>>;
    type Future =
        Pin<Box<dyn Future<Output = Result<Response<Self::ResponseStream>, Status>> + Send>>;

    fn call(&mut self, request: Request<Streaming<DiscoveryRequest>>) -> Self::Future {
        let shared = self.0.clone();
        let shown = request.metadata().get("authorization");
        let shown = shown.and_then(|v| v.to_str().ok()).map(str::to_owned);
        let wanted = lock(&shared.wanted).clone();
        let refused = wanted.is_some() && wanted != shown;
        lock(&shared.shown).push(shown);
        if refused {
            return Box::pin(async { Err(Status::unauthenticated("who are you?")) });
        }
        let (sender, receiver) = mpsc::channel(16);
        tokio::spawn(serve(shared, request.into_inner(), sender));
        Box::pin(async { Ok(Response::new(ReceiverStream::new(receiver))) })
    }
}

/// What a stream wants of a type.
#[derive(Default)]
struct Watch {
    begun: bool,
    names: BTreeSet<String>,
    wildcard: bool,
    nonce: String,
    sent: Option<Vec<Any>>,
}

async fn serve(
    shared: Arc<Shared>,
    mut requests: Streaming<DiscoveryRequest>,
    responses: mpsc::Sender<Result<DiscoveryResponse, Status>>,
) {
    let mut changes = shared.changes.subscribe();
    let mut watches: HashMap<String, Watch> = HashMap::new();
    let mut nonces = 0;
    shared.streams.fetch_add(1, Ordering::SeqCst);
    loop {
        tokio::select! {
            request = requests.next() => {
                let Some(Ok(request)) = request else { break };
                shared.requests().push(request.clone());
                let watch = watches.entry(request.type_url.clone()).or_default();
                if watch.begun && request.response_nonce != watch.nonce {
                    continue; // Stale.
                }
                let names: BTreeSet<String> = request.resource_names.into_iter().collect();
                watch.wildcard = !watch.begun && names.is_empty() || watch.wildcard;
                watch.begun = true;
                if !watch.names.is_superset(&names) {
                    watch.sent = None;
                }
                watch.names = names;
            }
            changed = changes.changed() => if changed.is_err() { break },
            () = responses.closed() => break,
        }
        let version = *changes.borrow_and_update();
        for (type_url, watch) in &mut watches {
            let wanted = shared.wanted(type_url, watch);
            if watch.sent.as_ref() == Some(&wanted) {
                continue;
            }
            nonces += 1;
            watch.nonce = nonces.to_string();
            watch.sent = Some(wanted.clone());
            let response = DiscoveryResponse {
                version_info: version.to_string(),
                resources: wanted,
                type_url: type_url.clone(),
                nonce: watch.nonce.clone(),
                ..DiscoveryResponse::default()
            };
            if responses.send(Ok(response)).await.is_err() {
                break;
            }
        }
    }
    shared.streams.fetch_sub(1, Ordering::SeqCst);
}
