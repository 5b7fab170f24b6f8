//! A small catalogue that speaks Consul's HTTP API over real sockets: blocking queries block until there is
//! news, or their time is up.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt::Write,
    future::pending,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{Instant, timeout_at},
};

/// A catalogue. It can be told to misbehave, to die, and to come back with another memory.
#[derive(Debug)]
pub struct Catalogue {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What a [`Catalogue`] does in place of answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status and text.
    Status(u16, &'static str),
    /// This text with status 200.
    Text(&'static str),
    /// As many bytes with status 200.
    Bytes(usize),
    /// Nothing.
    Stall,
    /// `[]`, since the token may not read more.
    Filtered,
    /// No `X-Consul-Index`.
    WithoutIndex,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<()>,
    connections: AtomicUsize,
    most_connections: AtomicUsize,
    blocked: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    /// Counts changes, as Raft does.
    index: u64,
    /// Of the list of services.
    listed: u64,
    services: BTreeMap<String, Service>,
    fault: Option<Fault>,
    asked: Vec<(String, String)>,
}

#[derive(Debug, Default)]
struct Service {
    index: u64,
    /// JSON by ID.
    instances: BTreeMap<String, String>,
}

impl Catalogue {
    /// An empty one.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start() -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                index: 100,
                listed: 100,
                ..State::default()
            }),
            changed: watch::Sender::new(()),
            connections: AtomicUsize::new(0),
            most_connections: AtomicUsize::new(0),
            blocked: AtomicUsize::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("a bound address");
        let task = tokio::spawn(serve(listener, shared.clone()));
        Self {
            address,
            shared,
            task: Mutex::new(Some(task)),
        }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Registers an instance, or replaces the one of this ID. `service` is more of its `Service`, as
    /// `"Tags": ["version=v1"]`, or nothing.
    pub fn register(&self, name: &str, id: &str, address: SocketAddr, service: &str) {
        self.register_checked(name, id, address, service, "passing");
    }

    /// As [`register`](Self::register), with a check of this status.
    pub fn register_checked(
        &self,
        name: &str,
        id: &str,
        address: SocketAddr,
        service: &str,
        status: &str,
    ) {
        let (ip, port) = (address.ip(), address.port());
        let comma = if service.is_empty() { "" } else { ", " };
        let json = format!(
            r#"{{"Node": {{"ID": "n1", "Node": "node", "Address": "{ip}", "Datacenter": "dc1"}},
                "Service": {{"ID": "{id}", "Service": "{name}", "Address": "", "Port": {port}{comma}{service}}},
                "Checks": [{{"CheckID": "serfHealth", "Status": "passing"}},
                           {{"CheckID": "service:{id}", "Status": "{status}"}}]}}"#
        );
        self.change(|state| {
            state.index += 1;
            let index = state.index;
            if !state.services.contains_key(name) {
                state.listed = index;
            }
            let service = state.services.entry(name.to_owned()).or_default();
            service.index = index;
            service.instances.insert(id.to_owned(), json);
        });
    }

    /// Takes an instance out, and the service with the last one.
    pub fn deregister(&self, name: &str, id: &str) {
        self.change(|state| {
            state.index += 1;
            let index = state.index;
            if let Some(service) = state.services.get_mut(name) {
                service.index = index;
                service.instances.remove(id);
                if service.instances.is_empty() {
                    state.services.remove(name);
                    state.listed = index;
                }
            }
        });
    }

    /// Forgets everything and counts from `index`, as after a restored backup.
    pub fn restore(&self, index: u64) {
        self.change(|state| {
            state.services.clear();
            state.index = index;
            state.listed = index;
        });
    }

    /// Answers so from now on, also what waits.
    pub fn fault(&self, fault: Option<Fault>) {
        self.change(|state| state.fault = fault);
    }

    /// Closes its listener and all connections.
    pub async fn kill(&self) {
        let task = self.lock_task().take();
        if let Some(task) = task {
            task.abort();
            // Ended, one way or the other.
            let _ = task.await;
        }
    }

    /// Listens again, on the same port.
    ///
    /// # Panics
    /// When somebody took it.
    pub async fn revive(&self) {
        let listener = TcpListener::bind(self.address).await.expect("its port");
        let task = tokio::spawn(serve(listener, self.shared.clone()));
        *self.lock_task() = Some(task);
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many were open at once, at most.
    pub fn most_connections(&self) -> usize {
        self.shared.most_connections.load(Ordering::SeqCst)
    }

    /// How many questions wait for news.
    pub fn blocked(&self) -> usize {
        self.shared.blocked.load(Ordering::SeqCst)
    }

    /// All questions so far: URI and token.
    pub fn asked(&self) -> Vec<(String, String)> {
        self.shared.lock().asked.clone()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.lock());
        self.shared.changed.send_replace(());
    }

    fn lock_task(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Catalogue {
    fn drop(&mut self) {
        if let Some(task) = self.lock_task().take() {
            task.abort();
        }
    }
}

/// Counts while it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    // Its connections end with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        connections.spawn(async move {
            let _counted = Counted::new(&shared.connections);
            let open = shared.connections.load(Ordering::SeqCst);
            shared.most_connections.fetch_max(open, Ordering::SeqCst);
            let answer = service_fn(|request| answer(&shared, request));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
            // However it ends, it ends.
            let _ = connection.await;
        });
        while connections.try_join_next().is_some() {}
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(
    shared: &Shared,
    request: Request<Incoming>,
) -> Result<Response<String>, Infallible> {
    let mut changed = shared.changed.subscribe();
    let token = request.headers().get("x-consul-token");
    let token = token.and_then(|t| t.to_str().ok()).unwrap_or_default();
    let uri = request.uri().to_string();
    shared.lock().asked.push((uri, token.to_owned()));
    let query = |key: &str| {
        let pairs = request.uri().query().unwrap_or_default().split('&');
        let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
        pairs.find(|(k, _)| *k == key).map(|(_, value)| value)
    };
    let since: u64 = query("index").and_then(|i| i.parse().ok()).unwrap_or(0);
    let wait = query("wait").and_then(|wait| wait.strip_suffix("ms"));
    let wait = wait.and_then(|wait| wait.parse().ok());
    let until = Instant::now() + Duration::from_millis(wait.unwrap_or(300_000));
    let path = request.uri().path();
    let first = shared.lock().index;
    loop {
        let fault = shared.lock().fault;
        match fault {
            None => {}
            Some(Fault::Stall) => return pending().await,
            Some(fault) => return Ok(faulty(fault)),
        }
        let (index, body) = told(&shared.lock(), path);
        // A memory that went backwards is news as well.
        if index > since || shared.lock().index < first {
            return Ok(response(index, body));
        }
        let blocked = Counted::new(&shared.blocked);
        let news = timeout_at(until, changed.changed()).await;
        drop(blocked);
        if news.is_err() {
            return Ok(response(index, body));
        }
    }
}

fn told(state: &State, path: &str) -> (u64, String) {
    if path == "/v1/catalog/services" {
        let mut body = String::from("{");
        for (i, name) in state.services.keys().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            let _ = write!(body, r#"{comma}"{name}": []"#);
        }
        return (state.listed, body + "}");
    }
    let name = path.strip_prefix("/v1/health/service/").unwrap_or_default();
    match state.services.get(name) {
        Some(service) => {
            let instances: Vec<&str> = service.instances.values().map(|i| &**i).collect();
            (service.index, format!("[{}]", instances.join(",")))
        }
        // What does not exist changes whenever anything does.
        None => (state.index, "[]".to_owned()),
    }
}

fn response(index: u64, body: String) -> Response<String> {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert("x-consul-index", index.into());
    response
}

fn faulty(fault: Fault) -> Response<String> {
    match fault {
        Fault::Status(status, text) => {
            let mut response = Response::new(text.to_owned());
            *response.status_mut() = status.try_into().expect("tests know their statuses");
            response
        }
        Fault::Text(text) => response(9999, text.to_owned()),
        Fault::Bytes(n) => response(9999, " ".repeat(n)),
        Fault::Filtered | Fault::Stall => {
            let mut response = response(9999, "[]".to_owned());
            let filtered = "true".parse().expect("a header value");
            let headers = response.headers_mut();
            headers.insert("x-consul-results-filtered-by-acls", filtered);
            response
        }
        Fault::WithoutIndex => Response::new("[]".to_owned()),
    }
}
