//! A mesh between YAML and sockets.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderMap, Response};
use mesh_core::{
    Flag, Mesh, Seeded,
    cluster::{Cluster, EndpointStatus},
    telemetry::Counters,
};
use mesh_http::{Body, Client, Error};
use mesh_xds::{FileSource, Registration, Registry};
use tokio::time::{sleep, timeout};

use crate::{Dir, Server};

/// The longest that anything may take: a loaded machine's allowance, not an expectation.
const BOUND: Duration = Duration::from_secs(20);

/// A directory, the mesh that follows it, and a client whose draws repeat.
#[derive(Debug)]
pub struct Bed {
    /// The YAML.
    pub dir: Dir,
    /// What it is published into.
    pub mesh: Mesh,
    /// Of that mesh.
    pub client: Client,
    /// What the client counts.
    pub counters: Arc<Counters>,
    /// Endpoints inside the process.
    pub registry: Registry,
    registrations: Vec<Registration>,
    servers: Vec<Server>,
}

impl Bed {
    /// A mesh that knows nothing yet.
    pub fn new(seed: u64) -> Self {
        let mesh = Mesh::new();
        let counters = Arc::new(Counters::new());
        let builder = Client::builder(&mesh).random(Seeded::new(seed));
        Self {
            dir: Dir::new(),
            client: builder.recorder(counters.clone()).build(),
            counters,
            mesh,
            registry: Registry::new(),
            registrations: Vec::new(),
            servers: Vec::new(),
        }
    }

    /// Makes `address` an endpoint of `host` on service port `port`.
    pub fn add(&mut self, host: &str, port: u16, version: &str, address: SocketAddr) {
        let labels = [("version", version)].into_iter().collect();
        let registration = self.registry.register(host, port, address, labels);
        self.registrations.push(registration);
    }

    /// Lets a server that nobody asks about run on.
    pub fn keep(&mut self, server: Server) {
        self.servers.push(server);
    }

    /// Takes out what was added.
    pub fn leave(&mut self) {
        self.registrations.clear();
    }

    /// A mesh whose service `a` has these endpoints on port 80.
    pub fn with(seed: u64, addresses: &[SocketAddr]) -> Self {
        let mut bed = Self::new(seed);
        for address in addresses {
            bed.add("a", 80, "v1", *address);
        }
        bed
    }

    /// The directory as a source.
    pub fn source(&self) -> FileSource {
        FileSource::new(self.dir.path()).with_registry(self.registry.clone())
    }

    /// Writes `mesh.yaml`, then loads and follows the directory.
    ///
    /// # Panics
    /// When it does not load.
    pub async fn start(&self, yaml: &str) {
        self.dir.write("mesh.yaml", yaml);
        let started = self.source().start(&self.mesh).await;
        started.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Writes `mesh.yaml`, loads it and publishes it, without following it.
    ///
    /// # Panics
    /// When it does not load.
    pub fn publish(&self, source: &FileSource, yaml: &str) {
        self.dir.write("mesh.yaml", yaml);
        let loaded = source.load().unwrap_or_else(|error| panic!("{error}"));
        let published = self.mesh.publish(loaded.config);
        published.unwrap_or_else(|error| panic!("{error}"));
    }

    /// A GET.
    pub async fn get(&self, url: &str) -> Reply {
        get(&self.client, url, &[]).await
    }

    /// The only cluster of service `a` without subset.
    ///
    /// # Panics
    /// When there is none.
    pub fn cluster(&self) -> Arc<Cluster> {
        let snapshot = self.mesh.load();
        let cluster = snapshot.cluster("outbound|80||a.default.svc.cluster.local");
        cluster.expect("service `a` has a cluster").clone()
    }

    /// The status of that cluster's endpoint at `address`.
    ///
    /// # Panics
    /// When there is none.
    pub fn endpoint(&self, address: SocketAddr) -> EndpointStatus {
        let address = address.into();
        let mut endpoints = self.cluster().endpoints().into_iter();
        let found = endpoints.find(|e| e.address == address);
        found.expect("the endpoint is in the cluster")
    }
}

/// What a caller got.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status: the response's, or the one that Envoy would answer for the error.
    pub status: u16,
    /// Why, in Envoy's words; `""` when the upstream's own response came.
    pub flag: &'static str,
    /// All flags of an error, as an access log prints them.
    pub flags: String,
    /// Whether the request may have reached an upstream.
    pub was_sent: bool,
    /// Who answered; `""` for the mesh itself.
    pub by: String,
    /// The body; the error's message.
    pub text: String,
    /// The response's headers.
    pub headers: HeaderMap,
}

impl Reply {
    /// What a caller makes of `result`, body included.
    pub async fn of(result: Result<Response<Body>, Error>) -> Self {
        let response = match result {
            Ok(response) => response,
            Err(error) => return Self::failed(&error),
        };
        let flag = response.extensions().get::<Flag>().copied();
        let (head, body) = response.into_parts();
        match body.text().await {
            Ok(text) => Self {
                status: head.status.as_u16(),
                flag: flag.map_or("", Flag::as_str),
                flags: String::new(),
                was_sent: true,
                by: header(&head.headers, "served-by"),
                text,
                headers: head.headers,
            },
            Err(error) => Self::failed(&error),
        }
    }

    fn failed(error: &Error) -> Self {
        Self {
            status: error.status().as_u16(),
            flag: error.flag().as_str(),
            flags: error
                .flags()
                .iter()
                .map(|f| f.as_str())
                .collect::<Vec<_>>()
                .join(","),
            was_sent: error.was_sent(),
            by: String::new(),
            text: error.to_string(),
            headers: HeaderMap::new(),
        }
    }

    /// Status and flag.
    pub const fn outcome(&self) -> (u16, &'static str) {
        (self.status, self.flag)
    }

    /// A header of the response, `""` when there is none.
    pub fn header(&self, name: &str) -> String {
        header(&self.headers, name)
    }
}

fn header(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).and_then(|v| v.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// A GET with headers.
pub async fn get(client: &Client, url: &str, headers: &[(&str, &str)]) -> Reply {
    let request = headers
        .iter()
        .fold(client.get(url), |r, (k, v)| r.header(*k, *v));
    within(async { Reply::of(request.send().await).await }).await
}

/// Waits for `future`, which must end within 20 seconds.
///
/// # Panics
/// When it does not.
pub async fn within<F: Future>(future: F) -> F::Output {
    let ended = timeout(BOUND, future).await;
    ended.unwrap_or_else(|_| panic!("nothing within {BOUND:?}"))
}

/// Waits until `condition` holds, which must be within 20 seconds.
///
/// # Panics
/// When it does not.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let held = timeout(BOUND, async {
        while !condition() {
            sleep(Duration::from_millis(2)).await;
        }
    });
    held.await
        .unwrap_or_else(|_| panic!("not within {BOUND:?}: {what}"));
}
