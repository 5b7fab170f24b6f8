//! Endpoints that answer by script, and a mesh of them.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Request, Response, StatusCode};
use mesh_core::{Config, Mesh, Seeded, policy::*};
use mesh_http::{
    Body, Client,
    layer::{Connector, Outbound},
};
use tower::util::BoxCloneSyncService;

/// What an endpoint does with a request.
#[derive(Clone)]
pub(crate) enum Act {
    /// Answers with a status and its own port as the body.
    Answer(u16),
    /// Never answers.
    Stall,
    /// Answers this after a while.
    Slow(Duration, u16),
    /// Answers a head, then a body that never ends.
    HalfBody,
    /// Answers a head, then a body with a byte every second, for ever.
    Trickle,
    /// Answers a head, then a body that breaks off.
    BrokenBody,
    /// Redirects by this status to that place.
    Redirect(u16, &'static str),
    /// Answers with this status as gRPC, its `grpc-status` in no head.
    Grpc(u16),
}

/// Endpoints by port: each does its acts in turn, and repeats the last.
#[derive(Clone, Default)]
pub(crate) struct Endpoints(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    acts: HashMap<u16, Vec<Act>>,
    seen: Vec<(u16, Request<()>)>,
    bodies: Vec<(u16, String)>,
}

pub(crate) type TestClient =
    Client<Connector<BoxCloneSyncService<Outbound, Response<Body>, Infallible>>>;

impl Endpoints {
    pub(crate) fn act(&self, port: u16, acts: impl IntoIterator<Item = Act>) {
        let mut acts: Vec<_> = acts.into_iter().collect();
        acts.reverse();
        self.0.lock().unwrap().acts.insert(port, acts);
    }

    /// The ports that were called, in order.
    pub(crate) fn called(&self) -> Vec<u16> {
        self.0
            .lock()
            .unwrap()
            .seen
            .iter()
            .map(|(port, _)| *port)
            .collect()
    }

    /// The bodies that arrived, each with the port it arrived at.
    pub(crate) fn bodies(&self) -> Vec<(u16, String)> {
        self.0.lock().unwrap().bodies.clone()
    }

    /// The requests that arrived.
    pub(crate) fn requests(&self) -> Vec<Request<()>> {
        let inside = self.0.lock().unwrap();
        inside
            .seen
            .iter()
            .map(|(_, r)| {
                let (parts, ()) = r.clone().into_parts();
                Request::from_parts(parts, ())
            })
            .collect()
    }

    pub(crate) fn client(&self, mesh: &Mesh) -> TestClient {
        self.client_with(mesh, |builder| builder)
    }

    pub(crate) fn client_with(
        &self,
        mesh: &Mesh,
        with: impl FnOnce(mesh_http::ClientBuilder) -> mesh_http::ClientBuilder,
    ) -> TestClient {
        let endpoints = self.clone();
        let service = tower::service_fn(move |outbound: Outbound| {
            let endpoints = endpoints.clone();
            async move { Ok::<_, Infallible>(endpoints.serve(outbound).await) }
        });
        with(Client::builder(mesh).random(Seeded::new(7)))
            .connector(BoxCloneSyncService::new(service))
    }

    async fn serve(&self, outbound: Outbound) -> Response<Body> {
        let (parts, body) = outbound.request.into_parts();
        let Address::Socket(address) = outbound.endpoint.address() else {
            panic!("a socket address")
        };
        let port = address.port();
        // An upstream reads the request before it answers.
        let body = body.text().await.unwrap_or_default();
        let act = {
            let mut inside = self.0.lock().unwrap();
            inside.seen.push((port, Request::from_parts(parts, ())));
            inside.bodies.push((port, body));
            match inside.acts.get_mut(&port) {
                Some(acts) if acts.len() > 1 => acts.pop().unwrap(),
                Some(acts) => acts[0].clone(),
                None => Act::Answer(200),
            }
        };
        let answer = |status: u16, body: Body| {
            let mut response = Response::new(body);
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response
        };
        match act {
            Act::Answer(status) => answer(status, port.to_string().into()),
            Act::Stall => std::future::pending().await,
            Act::Slow(time, status) => {
                tokio::time::sleep(time).await;
                answer(status, port.to_string().into())
            }
            Act::Redirect(status, location) => {
                let mut response = answer(status, "moved".into());
                let location = http::HeaderValue::from_static(location);
                response
                    .headers_mut()
                    .insert(http::header::LOCATION, location);
                response
            }
            Act::HalfBody => answer(200, Body::new(NeverEnds)),
            Act::Trickle => {
                let frames = futures_util::stream::unfold((), |()| async {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    let data = bytes::Bytes::from_static(b"x");
                    Some((Ok::<_, Infallible>(http_body::Frame::data(data)), ()))
                });
                let frames = Box::pin(frames);
                answer(200, Body::new(http_body_util::StreamBody::new(frames)))
            }
            Act::BrokenBody => answer(200, Body::new(BreaksOff)),
            Act::Grpc(status) => {
                let mut response = answer(status, "?".into());
                let grpc = http::HeaderValue::from_static("application/grpc");
                response
                    .headers_mut()
                    .insert(http::header::CONTENT_TYPE, grpc);
                response
            }
        }
    }
}

/// A body that has begun and does not go on.
pub(crate) struct NeverEnds;

impl http_body::Body for NeverEnds {
    type Data = bytes::Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Infallible>>> {
        std::task::Poll::Pending
    }
}

/// A body that breaks off.
struct BreaksOff;

impl http_body::Body for BreaksOff {
    type Data = bytes::Bytes;
    type Error = &'static str;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, &'static str>>> {
        std::task::Poll::Ready(Some(Err("broken off")))
    }
}

pub(crate) fn endpoint(port: u16) -> Endpoint {
    Endpoint::new(std::net::SocketAddr::from(([127, 0, 0, 1], port)))
}

/// A mesh of one virtual host `svc` with these routes, and these clusters.
pub(crate) fn mesh(
    routes: Vec<Route>,
    clusters: impl IntoIterator<Item = (Cluster, Vec<Endpoint>)>,
) -> Mesh {
    let mesh = Mesh::new();
    mesh.publish(config(routes, clusters)).unwrap();
    mesh
}

pub(crate) fn config(
    routes: Vec<Route>,
    clusters: impl IntoIterator<Item = (Cluster, Vec<Endpoint>)>,
) -> Config {
    clusters.into_iter().fold(
        Config::default().routing(RouteConfiguration::new(
            "test",
            vec![VirtualHost::new(["svc"], routes)],
        )),
        |config, (cluster, endpoints)| config.cluster(cluster, endpoints),
    )
}

/// One route to cluster `c`, with `change` made to its action.
pub(crate) fn route(change: impl FnOnce(ForwardAction) -> ForwardAction) -> Vec<Route> {
    let action = ForwardAction::to(ClusterSpecifier::Cluster("c".into()));
    vec![Route::new(RouteMatch::any(), change(action).into())]
}

pub(crate) async fn text(response: Response<Body>) -> String {
    response.into_body().text().await.unwrap()
}
