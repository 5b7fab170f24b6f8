//! The contenders other than the mesh: each sends one request and reads the whole answer.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::net::TcpStream;

use super::{Envoy, Protocol, REPLY};
use crate::{Result, memory, policy::Scale};

/// Sends requests.
pub trait Caller: Clone + Send + 'static {
    /// Sends one and reads the answer to its end.
    fn call(&mut self, number: usize) -> impl Future<Output = Result> + Send;

    /// CPU time of the process between client and server, if there is one.
    ///
    /// # Errors
    /// When that process is gone.
    fn sidecar_cpu(&self) -> Result<Duration> {
        Ok(Duration::ZERO)
    }
}

/// Reads an answer to its end and checks it.
pub(crate) async fn finish<B>(response: Response<B>) -> Result
where
    B: http_body::Body<Error: Into<crate::Error>>,
{
    let status = response.status();
    let body = response.into_body().collect().await.map_err(Into::into)?;
    if status == StatusCode::OK && body.to_bytes().len() == REPLY.len() {
        Ok(())
    } else {
        Err(format!("the answer is not the server's: {status}").into())
    }
}

/// Which server each request goes to, without a mesh: the shares that the mesh's 90/10 split over
/// two and one endpoints comes to, so that every contender has the same connections.
fn turn(number: usize) -> usize {
    match number % 20 {
        9 | 19 => 2,
        other => other % 2,
    }
}

/// hyper-util's pooled client, alone.
#[derive(Clone, Debug)]
pub struct Bare {
    client: Client<HttpConnector, Full<Bytes>>,
    uris: Arc<[Uri]>,
}

impl Bare {
    /// A client of `servers`.
    ///
    /// # Errors
    /// Never: an address is always a valid authority.
    pub fn new(protocol: Protocol, servers: &[SocketAddr]) -> Result<Self> {
        let uris: std::result::Result<_, _> = servers
            .iter()
            .map(|s| format!("http://{s}/reviews/1").parse())
            .collect();
        Ok(Self {
            client: client(protocol),
            uris: uris?,
        })
    }
}

impl Caller for Bare {
    async fn call(&mut self, number: usize) -> Result {
        let request = memory::request(self.uris[turn(number)].clone());
        finish(self.client.request(request).await?).await
    }
}

/// The same client, with an Envoy between it and the servers.
#[derive(Clone, Debug)]
pub struct Sidecar {
    client: Client<HttpConnector, Full<Bytes>>,
    uri: Uri,
    envoy: Arc<Envoy>,
}

impl Sidecar {
    /// A client of `envoy`'s listener for `protocol`.
    ///
    /// # Errors
    /// Never: an address is always a valid authority.
    pub fn new(protocol: Protocol, envoy: Arc<Envoy>) -> Result<Self> {
        let path = Scale::default().last().path().to_owned();
        Ok(Self {
            client: client(protocol),
            uri: format!("http://{}{path}", envoy.address(protocol)).parse()?,
            envoy,
        })
    }
}

impl Caller for Sidecar {
    async fn call(&mut self, _: usize) -> Result {
        finish(
            self.client
                .request(memory::request(self.uri.clone()))
                .await?,
        )
        .await
    }

    fn sidecar_cpu(&self) -> Result<Duration> {
        self.envoy.cpu()
    }
}

fn client(protocol: Protocol) -> Client<HttpConnector, Full<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new())
        .http2_only(protocol == Protocol::Http2)
        .build(connector)
}

/// hyper's own connections under the smallest pool there can be: what a client costs that decides
/// nothing, and so the room there is below hyper-util's.
#[derive(Clone, Debug)]
pub struct Floor(Arc<Pools>);

#[derive(Debug)]
struct Pools {
    protocol: Protocol,
    servers: Vec<(SocketAddr, Uri)>,
    http1: Vec<Mutex<Vec<http1::SendRequest<Full<Bytes>>>>>,
    http2: Vec<Mutex<Option<http2::SendRequest<Full<Bytes>>>>>,
}

impl Floor {
    /// A client of `servers`.
    ///
    /// # Errors
    /// Never: an address is always a valid authority.
    pub fn new(protocol: Protocol, servers: &[SocketAddr]) -> Result<Self> {
        let mut uris = Vec::new();
        for server in servers {
            // HTTP/1.1 sends the target as it stands here; HTTP/2 needs scheme and authority.
            let uri = match protocol {
                Protocol::Http1 => Uri::from_static("/reviews/1"),
                Protocol::Http2 => format!("http://{server}/reviews/1").parse()?,
            };
            uris.push((*server, uri));
        }
        Ok(Self(Arc::new(Pools {
            protocol,
            http1: uris.iter().map(|_| Mutex::default()).collect(),
            http2: uris.iter().map(|_| Mutex::default()).collect(),
            servers: uris,
        })))
    }
}

impl Caller for Floor {
    async fn call(&mut self, number: usize) -> Result {
        let pools = &*self.0;
        let index = turn(number);
        let (server, uri) = &pools.servers[index];
        let mut request = memory::request(uri.clone());
        match pools.protocol {
            Protocol::Http1 => {
                let host = http::HeaderValue::from_static("127.0.0.1");
                request.headers_mut().insert(http::header::HOST, host);
                let idle = lock(&pools.http1[index]).pop();
                let mut sender = match idle {
                    Some(sender) => sender,
                    None => connect_http1(*server).await?,
                };
                sender.ready().await?;
                finish(sender.send_request(request).await?).await?;
                lock(&pools.http1[index]).push(sender);
                Ok(())
            }
            Protocol::Http2 => {
                let known = lock(&pools.http2[index]).clone();
                let mut sender = match known {
                    Some(sender) => sender,
                    None => {
                        let sender = connect_http2(*server).await?;
                        *lock(&pools.http2[index]) = Some(sender.clone());
                        sender
                    }
                };
                finish(send_http2(&mut sender, request).await?).await
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn send_http2(
    sender: &mut http2::SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>> {
    sender.ready().await?;
    Ok(sender.send_request(request).await?)
}

async fn connect_http1(server: SocketAddr) -> Result<http1::SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn connect_http2(server: SocketAddr) -> Result<http2::SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let io = TokioIo::new(stream);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
    tokio::spawn(connection);
    Ok(sender)
}
