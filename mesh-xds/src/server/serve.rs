//! The gRPC service: connections, and the two methods of `AggregatedDiscoveryService`.

use std::{convert::Infallible, marker::PhantomData, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::sleep,
};
use tonic::{Status, body::Body};
use tonic_prost::ProstCodec;

use super::{
    status::{Registry, Stream},
    stream::Service,
    view::Views,
    wire::{Delta, Sotw, Wire},
};

/// A larger request ends its stream: of 100,000 names, one is about this large.
const MAX_REQUEST: usize = 16 << 20;

/// What may be under way to the server on a stream.
const WINDOW: u32 = 1 << 20;

/// The streams of one connection: a client needs one.
const MAX_STREAMS: u32 = 16;

/// How soon a client that hangs is found.
const PING: Duration = Duration::from_secs(30);
const PONG: Duration = Duration::from_secs(20);

/// How long streams may take to end.
const GRACE: Duration = Duration::from_secs(2);

/// After a connection could not be accepted, as when there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What all streams share.
pub(super) struct Shared {
    pub(super) views: Box<dyn Views>,
    pub(super) registry: Arc<Registry>,
    pub(super) stop: watch::Sender<bool>,
    pub(super) connections: Arc<Semaphore>,
}

/// Serves until it is told to stop.
pub(super) async fn run(listener: TcpListener, shared: Arc<Shared>) {
    let mut stop = shared.stop.subscribe();
    let mut connections = JoinSet::new();
    loop {
        // More connections wait in the system's queue.
        let permit = tokio::select! {
            permit = shared.connections.clone().acquire_owned() => permit,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let shared = shared.clone();
                connections.spawn(async move {
                    let _permit = permit;
                    connection(stream, peer, shared).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to the control plane could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    let ended = async { while connections.join_next().await.is_some() {} };
    // What is left then is cut.
    let _ = tokio::time::timeout(GRACE, ended).await;
}

async fn connection(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
    // Without it, small responses wait for the client's acknowledgements. It is no reason to fail.
    let _ = stream.set_nodelay(true);
    let mut stop = shared.stop.subscribe();
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(answer(request, peer, shared).await) }
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(WINDOW)
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // How it ends is the client's affair.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn answer(
    request: http::Request<Incoming>,
    peer: SocketAddr,
    shared: Arc<Shared>,
) -> http::Response<Body> {
    const SERVICE: &str = "/envoy.service.discovery.v3.AggregatedDiscoveryService/";
    match request.uri().path().strip_prefix(SERVICE) {
        Some("StreamAggregatedResources") => stream::<Sotw>(request, peer, shared).await,
        Some("DeltaAggregatedResources") => stream::<Delta>(request, peer, shared).await,
        _ => Status::unimplemented("only the AggregatedDiscoveryService is served").into_http(),
    }
}

async fn stream<W: Wire>(
    request: http::Request<Incoming>,
    peer: SocketAddr,
    shared: Arc<Shared>,
) -> http::Response<Body> {
    let codec = ProstCodec::<W::Response, W::Request>::default();
    let stream = Stream {
        peer,
        protocol: W::PROTOCOL,
    };
    let service = Service {
        shared,
        stream,
        wire: PhantomData::<fn() -> W>,
    };
    tonic::server::Grpc::new(codec)
        .max_decoding_message_size(MAX_REQUEST)
        .max_encoding_message_size(usize::MAX)
        .streaming(service, request)
        .await
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("registry", &self.registry)
            .finish_non_exhaustive()
    }
}
