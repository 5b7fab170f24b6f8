//! The services behind both meshes. Each attempt that arrives is written down under its request's
//! case, and answered as that case's script says.

use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use mesh_core::policy::{Address, Cluster, ClusterLoadAssignment, Endpoint};
use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};

use crate::{
    Result,
    wire::{self, Head, Message},
};

/// The request header that names the case a request belongs to.
pub const CASE: &str = "x-case";
/// The request header that says which status a request without a script is answered with.
pub const ANSWER: &str = "x-answer";
/// The request header that says where such an answer redirects to, until it was followed.
pub const LOCATION: &str = "x-location";

/// One attempt, as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Whose endpoint it reached.
    pub cluster: String,
    /// The request.
    pub head: Head,
    /// Its body.
    pub body: String,
}

/// What an upstream does with one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Answers with a status, these header lines and the cluster's name as the body.
    Answer(u16, Vec<(&'static str, &'static str)>),
    /// Sends RST in place of an answer.
    Reset,
    /// Closes (FIN) in place of an answer.
    Close,
    /// Sends RST in the middle of the answer's head.
    ResetInHead,
    /// Sends RST in the middle of the answer's body.
    ResetInBody,
    /// Sends half of the answer's body, and no more.
    StallInBody,
    /// Answers with something that is no HTTP.
    Garbage,
    /// Never answers.
    Stall,
}

/// The clusters of a test, with one endpoint each.
pub struct Upstreams {
    addresses: Vec<(String, SocketAddr)>,
    state: Arc<Mutex<State>>,
    tasks: Vec<AbortHandle>,
}

#[derive(Default)]
struct State {
    scripts: HashMap<String, Vec<Act>>,
    received: HashMap<String, Vec<Received>>,
    expected: HashMap<String, usize>,
    arrived: usize,
}

impl Upstreams {
    /// One service for each of these clusters.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(clusters: &[&str]) -> Result<Self> {
        let mut upstreams = Self {
            addresses: Vec::new(),
            state: Arc::default(),
            tasks: Vec::new(),
        };
        for &cluster in clusters {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            let address = listener.local_addr()?;
            upstreams.addresses.push((cluster.to_owned(), address));
            let serve = serve(listener, Arc::from(cluster), upstreams.state.clone());
            upstreams.tasks.push(tokio::spawn(serve).abort_handle());
        }
        Ok(upstreams)
    }

    /// The clusters and their endpoints, as policy.
    pub fn clusters(&self) -> Vec<(Cluster, ClusterLoadAssignment)> {
        let policy = |(name, address): &(String, SocketAddr)| {
            let endpoint = Endpoint::new(Address::from(*address));
            (
                Cluster::new(name.as_str()),
                [endpoint].into_iter().collect(),
            )
        };
        self.addresses.iter().map(policy).collect()
    }

    /// What the attempts of `case` get, in order; the last act serves all that follow. Without a
    /// script each gets a 200.
    pub fn script(&self, case: &str, acts: Vec<Act>) {
        lock(&self.state).scripts.insert(case.to_owned(), acts);
    }

    /// How many attempts have arrived so far, of all cases.
    pub fn arrived(&self) -> usize {
        lock(&self.state).arrived
    }

    /// Says that `case` makes so many attempts, some of which may arrive after its answer (mirrors).
    pub fn expect(&self, case: &str, attempts: usize) {
        lock(&self.state).expected.insert(case.to_owned(), attempts);
    }

    /// Takes what has arrived of `case`, once all that is [expected](Self::expect) has, or a while has
    /// passed. What may arrive in any order is sorted.
    pub async fn settled(&self, case: &str) -> Vec<Received> {
        let Some(expected) = lock(&self.state).expected.remove(case) else {
            return self.take(case);
        };
        let all = async {
            while lock(&self.state).received.get(case).map_or(0, Vec::len) < expected {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        // What is missing then shows in the comparison.
        let _ = tokio::time::timeout(Duration::from_secs(3), all).await;
        let mut received = self.take(case);
        received.sort_by(|a, b| {
            let key = |r: &Received| (r.cluster.clone(), r.head.header("host").map(str::to_owned));
            key(a).cmp(&key(b))
        });
        received
    }

    /// Takes what has arrived of `case`.
    pub fn take(&self, case: &str) -> Vec<Received> {
        lock(&self.state).received.remove(case).unwrap_or_default()
    }
}

impl Drop for Upstreams {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl fmt::Debug for Upstreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstreams")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, cluster: Arc<str>, state: Arc<Mutex<State>>) {
    while let Ok((io, _)) = listener.accept().await {
        let (cluster, state) = (cluster.clone(), state.clone());
        tokio::spawn(async move {
            let mut io = BufReader::new(io);
            // A peer that breaks off says all there is to say.
            while let Ok(true) = one(&mut io, &cluster, &state).await {}
        });
    }
}

/// Serves one request; whether another may follow.
async fn one(
    io: &mut BufReader<TcpStream>,
    cluster: &str,
    state: &Mutex<State>,
) -> std::io::Result<bool> {
    let Some(head) = wire::read_head(io).await? else {
        return Ok(false);
    };
    let body = wire::read_body(io, &head).await?;
    let case = head.header(CASE).unwrap_or_default().to_owned();
    let no_body = head.start[0] == "HEAD";
    let status = head.header(ANSWER).and_then(|status| status.parse().ok());
    let location = head.header(LOCATION).map(str::to_owned);
    let redirected = head.header("x-envoy-original-url").is_some();
    let location = location.filter(|_| !redirected);
    let act = {
        let mut state = lock(state);
        state.arrived += 1;
        let received = state.received.entry(case.clone()).or_default();
        received.push(Received {
            cluster: cluster.to_owned(),
            head,
            body,
        });
        let attempt = received.len() - 1;
        let script = state.scripts.get(&case);
        script.and_then(|acts| acts.get(attempt).or(acts.last()).cloned())
    };
    let answer = |status: u16, headers: &[(&str, &str)]| {
        let length = cluster.len().to_string();
        let fixed = [("content-type", "text/echo"), ("content-length", &length)];
        let headers = headers.iter().copied().chain(fixed);
        Message {
            head: Head {
                start: ["HTTP/1.1".to_owned(), status.to_string(), "Said".to_owned()],
                headers: headers.map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
            },
            body: if no_body {
                String::new()
            } else {
                cluster.to_owned()
            },
        }
    };
    let plain = || {
        let mut headers = vec![("x-r", "up"), ("x-s", "up1"), ("x-s", "up2")];
        headers.extend(location.as_deref().map(|to| ("location", to)));
        let status = if redirected {
            200
        } else {
            status.unwrap_or(200)
        };
        answer(status, &headers)
    };
    let Some(act) = act else {
        wire::write(io, &plain()).await?;
        return Ok(true);
    };
    match act {
        Act::Answer(status, headers) => {
            wire::write(io, &answer(status, &headers)).await?;
            return Ok(true);
        }
        Act::Close => {}
        Act::Reset => io.get_ref().set_zero_linger()?,
        Act::ResetInHead => {
            io.write_all(b"HTTP/1.1 200 OK\r\nx-r: u").await?;
            reset_later(io).await?;
        }
        Act::ResetInBody => {
            io.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
                .await?;
            reset_later(io).await?;
        }
        Act::StallInBody => {
            io.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
                .await?;
            io.flush().await?;
            std::future::pending().await
        }
        Act::Garbage => io.write_all(b"\x00garbage\r\n\r\n").await?,
        Act::Stall => std::future::pending().await,
    }
    Ok(false)
}

/// An RST overtakes bytes that the peer has not read yet; so it is given time to.
async fn reset_later(io: &mut BufReader<TcpStream>) -> std::io::Result<()> {
    io.flush().await?;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    io.get_ref().set_zero_linger()
}
