//! Allocations per request on a warm connection: they do not depend on the machine.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Empty, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mesh_core::policy::{Cluster, HttpProtocol};
use mesh_http::{
    Body,
    connections::{ConnectionSet, Limits},
};

/// The server has its own thread, which the counter does not see.
#[cfg(test)]
fn server(protocol: HttpProtocol) -> std::net::SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        runtime().block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            while let Ok((io, _)) = listener.accept().await {
                let hello = service_fn(|_: Request<Incoming>| async {
                    Ok::<_, Infallible>(Response::new(Body::from("hello world!")))
                });
                tokio::spawn(async move {
                    let io = TokioIo::new(io);
                    if protocol == HttpProtocol::Http2 {
                        let exec = TokioExecutor::new();
                        let server = hyper::server::conn::http2::Builder::new(exec);
                        server.serve_connection(io, hello).await
                    } else {
                        let server = hyper::server::conn::http1::Builder::new();
                        server.serve_connection(io, hello).await
                    }
                });
            }
        });
    });
    told.recv().unwrap()
}

#[cfg(test)]
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[cfg(test)]
async fn exchange(set: &ConnectionSet, uri: &http::Uri) {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = uri.clone();
    *request.version_mut() = Version::HTTP_11;
    let response = set.send(request, Limits::default()).await.unwrap();
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        frame.unwrap();
    }
}

#[cfg(test)]
fn allocations_per_request(protocol: HttpProtocol) -> f64 {
    const REQUESTS: u64 = 1_000;
    const TASKS: u64 = 8;
    let address = server(protocol);
    let uri: http::Uri = format!("http://{address}/hello").parse().unwrap();
    let cluster = Cluster::new("a").with_protocol(protocol);
    let runtime = runtime();
    let set = Arc::new(ConnectionSet::new(address.into(), (&cluster).into()));
    let round = |requests: u64| {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..TASKS {
            let (set, uri) = (set.clone(), uri.clone());
            tasks.spawn_on(
                async move {
                    for _ in 0..requests {
                        exchange(&set, &uri).await;
                    }
                },
                runtime.handle(),
            );
        }
        runtime.block_on(tasks.join_all());
    };
    round(100);
    let counted = allocation_counter::measure(|| round(REQUESTS));
    counted.count_total as f64 / (REQUESTS * TASKS) as f64
}

#[test]
fn an_http1_request_allocates_at_most_7_times() {
    let per_request = allocations_per_request(HttpProtocol::Http1);
    println!("HTTP/1.1: {per_request:.2} allocations per request");
    assert!(per_request < 7.0, "{per_request}");
}

#[test]
fn an_http2_request_allocates_at_most_9_times() {
    let per_request = allocations_per_request(HttpProtocol::Http2);
    println!("HTTP/2: {per_request:.2} allocations per request");
    assert!(per_request < 9.0, "{per_request}");
}

#[test]
fn converting_a_body_allocates_only_to_erase_its_type() {
    let of = |convert: fn() -> Body| allocation_counter::measure(|| drop(convert())).count_total;
    assert_eq!(of(|| Body::new(Body::from("whole"))), 0);
    assert_eq!(of(|| Body::new(Full::<Bytes>::from("whole"))), 0);
    assert_eq!(of(|| Body::new(Empty::<Bytes>::new())), 0);
    assert_eq!(of(|| Body::new(Empty::<&[u8]>::new())), 0);
    assert_eq!(of(|| Body::from(Bytes::from_static(b"whole"))), 0);
    assert_eq!(of(|| Body::new(Full::new(&b"whole"[..]))), 1);
}

#[test]
fn futures_and_bodies_stay_small() {
    let set = ConnectionSet::new("127.0.0.1:1".parse().unwrap(), (&Cluster::new("a")).into());
    let sending = set.send(Request::new(Body::empty()), Limits::default());
    println!("send: {} bytes", std::mem::size_of_val(&sending));
    println!("Body: {} bytes", std::mem::size_of::<Body>());
    assert!(std::mem::size_of_val(&sending) <= 1024);
    assert!(std::mem::size_of::<Body>() <= 80);
}
