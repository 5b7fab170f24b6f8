//! Echo servers, endpoints that do not answer, and meshes of them.

use std::{net::SocketAddr, time::Duration};

use mesh_core::{
    Config, Mesh,
    policy::{
        Cluster, Endpoint, LbPolicy, Listener, OutlierDetection, Percent, RoutingPriority, TcpProxy,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};

/// A hang is a failure, not a stuck test run.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("hangs")
}

pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An address where nobody listens.
pub(crate) async fn nobody() -> SocketAddr {
    listen().await.1
}

/// A server that says its name, then what it is told, and closes when told no more.
pub(crate) async fn echo(name: &'static str) -> SocketAddr {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((mut io, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = io.write_all(name.as_bytes()).await;
                let (mut read, mut write) = io.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    address
}

/// An address whose connects are never answered: nobody accepts, and nobody more can wait.
pub(crate) struct BlackHole {
    pub(crate) address: SocketAddr,
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

pub(crate) async fn black_hole() -> BlackHole {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    let short = Duration::from_millis(200);
    while let Ok(io) = tokio::time::timeout(short, TcpStream::connect(address)).await {
        waiting.push(io.unwrap());
    }
    BlackHole {
        address,
        _listener: listener,
        _waiting: waiting,
    }
}

pub(crate) fn cluster(name: &str) -> Cluster {
    Cluster::new(name).with_lb_policy(LbPolicy::RoundRobin)
}

/// Ejects after `errors` in a row, for as long as a test runs.
pub(crate) fn ejecting(errors: u32) -> OutlierDetection {
    OutlierDetection {
        consecutive_5xx: errors,
        max_ejection_percent: Percent::HUNDRED,
        ..OutlierDetection::default()
    }
}

pub(crate) fn endpoints(addresses: &[SocketAddr]) -> Vec<Endpoint> {
    addresses.iter().copied().map(Endpoint::new).collect()
}

pub(crate) fn listening(proxy: TcpProxy) -> Config {
    Config::default().listener(Listener::outbound_tcp(["mongo"], Some(27017), proxy))
}

pub(crate) fn publish(config: Config) -> Mesh {
    let mesh = Mesh::new();
    mesh.publish(config).unwrap();
    mesh
}

/// A mesh that leads `mongo:27017` to cluster `c` of these endpoints.
pub(crate) fn to(addresses: &[SocketAddr], cluster: Cluster) -> Mesh {
    let proxy = TcpProxy::to_cluster("c");
    publish(listening(proxy).cluster(cluster, endpoints(addresses)))
}

/// Streams in flight, and connections counted by the breaker, of cluster `c`.
pub(crate) fn counts(mesh: &Mesh) -> (u32, u32) {
    let cluster = mesh.load().cluster("c").unwrap().clone();
    let in_flight = cluster.endpoints().iter().map(|e| e.in_flight).sum();
    let breakers = cluster.state().breaker_status(RoutingPriority::Default);
    assert_eq!(breakers.pending_requests.active, 0, "nobody connects");
    (in_flight, breakers.connections.active)
}

/// The next `n` bytes, as text.
pub(crate) async fn read(io: &mut (impl AsyncReadExt + Unpin), n: usize) -> String {
    let mut bytes = vec![0; n];
    within(io.read_exact(&mut bytes)).await.unwrap();
    String::from_utf8(bytes).unwrap()
}
