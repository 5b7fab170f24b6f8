//! Copies of requests: when a body is complete, how long a copy may take, and what is dropped.

use std::{
    convert::Infallible,
    future::IntoFuture,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Request, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use hyper::body::Incoming;
use mesh_core::{
    Mesh,
    policy::{
        Cluster, Endpoint, InternalRedirectPolicy, PathMatcher, RequestMirror, RetryOn,
        RetryPolicy, Route, RouteMatch,
    },
    telemetry::{AttemptRecord, MirrorDrop, Recorder, RequestRecord, Side},
};
use mesh_http::{
    Body, Client, Context,
    server::{Drain, Listener, serve},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};
use tower_service::Service;

use crate::{
    script::{Act, Endpoints, endpoint, mesh, route, text},
    sockets::{OK, accept, head, listen, within},
};

const SECOND: Duration = Duration::from_secs(1);

/// A body whose end nobody knows before it was asked for.
fn streamed(parts: &'static [&'static str]) -> Body {
    let frames = parts.iter().map(|part| {
        let data = bytes::Bytes::from_static(part.as_bytes());
        Ok::<_, Infallible>(Frame::data(data))
    });
    Body::new(StreamBody::new(futures_util::stream::iter(frames)))
}

/// A mesh of `c` and `b`, by these addresses.
fn two(routes: Vec<Route>, addresses: [SocketAddr; 2]) -> Mesh {
    let [c, b] = addresses.map(|address| vec![Endpoint::new(address)]);
    mesh(routes, [(Cluster::new("c"), c), (Cluster::new("b"), b)])
}

fn mirrored() -> Vec<Route> {
    route(|mut action| {
        action.mirrors = vec![RequestMirror::to("b")];
        action
    })
}

async fn read(peer: &mut TcpStream, length: usize) -> String {
    let mut body = vec![0; length];
    within(peer.read_exact(&mut body)).await.unwrap();
    String::from_utf8(body).unwrap()
}

/// hyper writes `content-length` bytes, and does not ask for the body's end.
#[tokio::test]
async fn a_stream_of_known_length_is_copied_once_it_was_read() {
    for retries in [0, 1] {
        let (original, address) = listen().await;
        let (copy, copied) = listen().await;
        let mut routes = mirrored();
        if let mesh_core::policy::RouteAction::Forward(action) = &mut routes[0].action {
            let policy = RetryPolicy::new(RetryOn::SERVER_ERROR, retries);
            action.retry_policy = Some(Arc::new(policy));
        }
        let client = Client::new(&two(routes, [address, copied]));
        let request = client
            .post("http://svc/")
            .header("content-length", "7")
            .body(streamed(&["one ", "two"]));
        let sending = tokio::spawn(request.send());
        let mut peer = accept(&original).await;
        head(&mut peer).await;
        assert_eq!(read(&mut peer, 7).await, "one two");
        // The original has no answer yet.
        let mut shadow = accept(&copy).await;
        assert!(head(&mut shadow).await.contains("content-length: 7\r\n"));
        assert_eq!(read(&mut shadow, 7).await, "one two");
        peer.write_all(OK.as_bytes()).await.unwrap();
        assert_eq!(text(within(sending).await.unwrap().unwrap()).await, "ok");
    }
}

#[tokio::test]
async fn a_redirected_stream_of_known_length_is_sent_again() {
    let (first, address) = listen().await;
    let (second, redirected) = listen().await;
    let mut routes = route(|mut action| {
        action.internal_redirect = Some(Arc::new(InternalRedirectPolicy {
            redirect_response_codes: vec![StatusCode::TEMPORARY_REDIRECT],
            ..InternalRedirectPolicy::default()
        }));
        action
    });
    let to = RouteMatch::new(PathMatcher::Exact("/to".into()));
    routes.insert(0, Route::to_cluster(to, "b"));
    let client = Client::new(&two(routes, [address, redirected]));
    let request = client
        .post("http://svc/")
        .header("content-length", "7")
        .body(streamed(&["one ", "two"]));
    let sending = tokio::spawn(request.send());
    let mut peer = accept(&first).await;
    head(&mut peer).await;
    assert_eq!(read(&mut peer, 7).await, "one two");
    let moved = "HTTP/1.1 307 Moved\r\nlocation: http://svc/to\r\ncontent-length: 0\r\n\r\n";
    peer.write_all(moved.as_bytes()).await.unwrap();
    let mut peer = accept(&second).await;
    assert!(head(&mut peer).await.starts_with("POST /to "));
    assert_eq!(read(&mut peer, 7).await, "one two");
    peer.write_all(OK.as_bytes()).await.unwrap();
    assert_eq!(text(within(sending).await.unwrap().unwrap()).await, "ok");
}

/// An inbound request without a body is carried on as hyper gives it, and nobody reads its end.
#[tokio::test]
async fn a_body_that_ended_before_it_was_read_is_copied() {
    let (original, address) = listen().await;
    let (copy, copied) = listen().await;
    let client = Client::new(&two(mirrored(), [address, copied]));
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap();
    let drain = Drain::new();
    let forward = tower::service_fn(move |mut request: Request<Incoming>| {
        let mut client = client.clone();
        async move {
            *request.uri_mut() = "http://svc/".parse().unwrap();
            Ok::<_, Infallible>(client.call(request).await.unwrap())
        }
    });
    let server = tokio::spawn(serve(listener, forward, drain.clone()).into_future());
    let mut caller = TcpStream::connect(proxy).await.unwrap();
    let request = "GET / HTTP/1.1\r\nhost: svc\r\n\r\n";
    caller.write_all(request.as_bytes()).await.unwrap();
    let mut peer = accept(&original).await;
    head(&mut peer).await;
    let mut shadow = accept(&copy).await;
    assert!(head(&mut shadow).await.contains("x-envoy-internal: true"));
    peer.write_all(OK.as_bytes()).await.unwrap();
    assert!(head(&mut caller).await.starts_with("HTTP/1.1 200"));
    drop((caller, peer, shadow));
    drain.start(SECOND);
    within(server).await.unwrap();
}

fn scripted() -> [(Cluster, Vec<Endpoint>); 2] {
    [
        (Cluster::new("c"), vec![endpoint(1)]),
        (Cluster::new("b"), vec![endpoint(2)]),
    ]
}

fn copies(mesh: &Mesh) -> u32 {
    let endpoints = mesh.load().cluster("b").unwrap().endpoints();
    endpoints.iter().map(|e| e.in_flight).sum()
}

/// A route without a timeout, as Istio's are, and an answer that is never idle and never ends.
#[tokio::test(start_paused = true)]
async fn an_endless_answer_ends_its_copy_after_five_minutes() {
    let endpoints = Endpoints::default();
    endpoints.act(2, [Act::Trickle]);
    let mesh = mesh(mirrored(), scripted());
    let client = endpoints.client(&mesh);
    let response = client.get("http://svc/").send().await.unwrap();
    assert_eq!(text(response).await, "1");
    tokio::time::sleep(299 * SECOND).await;
    assert_eq!(copies(&mesh), 1);
    let requests = endpoints.requests();
    let announced = "x-envoy-expected-rq-timeout-ms";
    assert!(
        requests
            .iter()
            .all(|r| !r.headers().contains_key(announced))
    );
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(copies(&mesh), 0);
}

/// The original is not sent, and neither is its copy.
#[tokio::test(start_paused = true)]
async fn a_request_whose_time_is_up_is_not_copied() {
    let endpoints = Endpoints::default();
    let client = endpoints.client(&mesh(mirrored(), scripted()));
    let late = Context::new().with_deadline(Instant::now().into_std());
    tokio::time::advance(SECOND).await;
    let sending = late.scope(client.get("http://svc/").send());
    let error = sending.await.unwrap_err();
    assert!(error.is_safe_to_resend());
    // A copy would have its turn.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(endpoints.called().is_empty(), "{:?}", endpoints.called());
}

/// Writes down the copies that are not sent.
#[derive(Clone, Debug, Default)]
struct Drops(Arc<Mutex<Vec<(String, MirrorDrop)>>>);

impl Recorder for Drops {
    fn request_started(&self, _: Side) {}
    fn request_ended(&self, _: &RequestRecord<'_>) {}
    fn attempt_ended(&self, _: &AttemptRecord<'_>) {}

    fn mirror_dropped(&self, cluster: &mesh_core::cluster::Cluster, why: MirrorDrop) {
        let drop = (cluster.name().to_string(), why);
        self.0.lock().unwrap().push(drop);
    }
}

#[tokio::test(start_paused = true)]
async fn copies_that_are_not_sent_are_told() {
    const LIMIT: usize = 1024;
    let endpoints = Endpoints::default();
    endpoints.act(2, [Act::Stall]);
    let drops = Drops::default();
    let mesh = mesh(mirrored(), scripted());
    let client = endpoints.client_with(&mesh, |builder| {
        let recorder: Arc<dyn Recorder> = Arc::new(drops.clone());
        builder.recorder(recorder).replay_limit(4)
    });
    let send = |body| client.post("http://svc/").body(body).send();
    send(streamed(&["one ", "two"])).await.unwrap();
    let told = || std::mem::take(&mut *drops.0.lock().unwrap());
    assert_eq!(told(), [("b".to_owned(), MirrorDrop::TooLong)]);
    for _ in 0..LIMIT {
        send(Body::empty()).await.unwrap();
    }
    assert_eq!(told(), []);
    send(Body::empty()).await.unwrap();
    assert_eq!(told(), [("b".to_owned(), MirrorDrop::Overflow)]);
    // The next have room again.
    tokio::time::sleep(301 * SECOND).await;
    send(Body::empty()).await.unwrap();
    assert_eq!(told(), []);
}
