//! Sends one request through Envoy, and the same request through the mesh.

use std::net::SocketAddr;

use http::{HeaderName, HeaderValue, Request, Uri};
use mesh_core::{
    Config, Mesh, Seeded, is_grpc,
    policy::{
        Cluster, ClusterLoadAssignment, HttpConnectionManager, NetworkFilter, RouteConfiguration,
    },
};
use mesh_http::{Body, Client};
use mesh_xds::EnvoySource;
use serde_json::{Value, json};
use tokio::{io::BufReader, net::TcpStream};
use tower_service::Service;

use crate::{
    Result,
    answer::Answer,
    differences::Side,
    translate::static_resources,
    upstream::{CASE, Upstreams},
    wire::{self, Message},
};

/// What Envoy, listening at `address`, makes of `request`. The case is known to the upstreams by
/// `case`, which no other request has.
///
/// # Errors
/// When Envoy gives no answer at all.
pub async fn envoy(
    address: SocketAddr,
    case: &str,
    request: &Message,
    upstreams: &Upstreams,
) -> Result<Answer> {
    let mut io = BufReader::new(TcpStream::connect(address).await?);
    wire::write(&mut io, &with_case(request, case)).await?;
    let head = wire::read_head(&mut io).await?;
    let head = head.ok_or("Envoy closed the connection without an answer")?;
    let none = request.head.start[0] == "HEAD" || matches!(&*head.start[1], "204" | "304");
    let body = match none {
        true => Some(String::new()),
        false => wire::read_body(&mut io, &head).await.ok(),
    };
    let received = upstreams.settled(case).await;
    let status = head.start[1].parse()?;
    Ok(Answer::new(
        Side::Envoy,
        request,
        status,
        head.headers,
        body,
        received,
    ))
}

/// A client of a mesh with this policy, which the mesh reads from the JSON that Envoy gets.
///
/// # Errors
/// When the mesh rejects it.
pub fn client(
    routes: &RouteConfiguration,
    clusters: &[(Cluster, ClusterLoadAssignment)],
) -> Result<Client> {
    let clusters = clusters.iter().map(|(c, e)| (c, e));
    client_of(&static_resources([("mesh", routes)], clusters)?)
}

/// A client of a mesh with these static resources of an Envoy.
///
/// # Errors
/// When the mesh rejects them.
pub fn client_of(static_resources: &Value) -> Result<Client> {
    let bootstrap = json!({"static_resources": static_resources});
    let loaded = EnvoySource::parse("envoy.json", &bootstrap.to_string())?;
    let mesh = Mesh::new();
    mesh.publish(loaded.config)?;
    Ok(build(&mesh))
}

/// A client of a mesh with this policy and these filters, published as it is.
///
/// # Errors
/// When the mesh rejects it.
pub fn client_with(
    routes: &RouteConfiguration,
    manager: &HttpConnectionManager,
    clusters: &[(Cluster, ClusterLoadAssignment)],
) -> Result<Client> {
    let mesh = Mesh::new();
    let mut config = Config::default().routing(routes.clone());
    for listener in &mut config.listeners {
        listener.filter_chains[0].filter = NetworkFilter::Http(manager.clone());
    }
    let config = clusters
        .iter()
        .fold(config, |config, (cluster, endpoints)| {
            config.cluster(cluster.clone(), endpoints.endpoints().cloned())
        });
    mesh.publish(config)?;
    Ok(build(&mesh))
}

fn build(mesh: &Mesh) -> Client {
    let client = Client::builder(mesh).random(Seeded::new(1));
    client.source_address([127, 0, 0, 1].into()).build()
}

/// What the mesh makes of `request`.
///
/// # Errors
/// When the request cannot be written as an `http::Request`.
pub async fn mesh(
    client: &Client,
    case: &str,
    request: &Message,
    upstreams: &Upstreams,
) -> Result<Answer> {
    let http = http_request(&with_case(request, case))?;
    let grpc = is_grpc(http.headers());
    let mut client = client.clone();
    let (response, mut flags) = match client.call(http).await {
        Ok(response) => {
            let flag = response.extensions().get::<mesh_core::Flag>().copied();
            (response, Vec::from_iter(flag))
        }
        Err(error) => {
            let flags = error.flags();
            (error.into_response(grpc), flags)
        }
    };
    let (head, body) = response.into_parts();
    let headers = head.headers.iter();
    let headers = headers.map(|(n, v)| (n.as_str().to_owned(), wire::text(v.as_bytes())));
    let headers = headers.collect();
    let body = match request.head.start[0] == "HEAD" {
        true => Some(String::new()),
        false => match body.bytes().await {
            Ok(bytes) => Some(wire::text(&bytes)),
            Err(error) => {
                flags.extend(error.flags());
                None
            }
        },
    };
    let received = upstreams.settled(case).await;
    let status = head.status.as_u16();
    let mut answer = Answer::new(Side::Mesh, request, status, headers, body, received);
    let flags: Vec<_> = flags.into_iter().map(mesh_core::Flag::as_str).collect();
    answer.flags = Some(match &*flags {
        [] => "-".to_owned(),
        flags => flags.join(","),
    });
    Ok(answer)
}

fn with_case(request: &Message, case: &str) -> Message {
    let mut request = request.clone();
    request
        .head
        .headers
        .push((CASE.to_owned(), case.to_owned()));
    request
}

/// The same request as a program would write it: the path as its URI, the host as a header.
fn http_request(request: &Message) -> Result<Request<Body>> {
    let [method, path, _] = &request.head.start;
    let body = Body::from(request.body.clone());
    let mut http = Request::new(body);
    *http.method_mut() = method.parse()?;
    *http.uri_mut() = Uri::try_from(path)?;
    for (name, value) in &request.head.headers {
        let value = HeaderValue::from_bytes(&wire::bytes(value))?;
        http.headers_mut()
            .append(name.parse::<HeaderName>()?, value);
    }
    Ok(http)
}
