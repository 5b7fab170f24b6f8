//! What the xDS clients of this process hold, as a gRPC service (CSDS, gRFC A40).

use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use futures_core::Stream;
use hyper::body::Body as HttpBody;
use prost::Message;
use tokio::sync::oneshot;
use tonic::{Request, Response, Status, Streaming, body::Body, server};
use tonic_prost::ProstCodec;

use super::{
    Kind, ProblemKind, ads::Entry, authorities::Authorities, decoder::Decoder, driver::Command,
    shared, token,
};
use crate::pb::{core::Node, protobuf::Any};

/// `envoy.service.status.v3.ClientStatusDiscoveryService`: what the xDS clients of this process hold,
/// resource by resource, as it came, with version and state. `grpcdebug` and `istioctl` read it.
///
/// It is a `tower` service of gRPC requests, for any server to mount: both methods are there. Each client
/// is one `ClientConfig`, whose `client_scope` names its control planes.
///
/// Whoever can call it reads the whole configuration: mount it where operators are alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Csds;

const SERVICE: &str = "/envoy.service.status.v3.ClientStatusDiscoveryService/";

impl Csds {
    /// Of all clients of this process.
    pub const fn new() -> Self {
        Self
    }
}

impl<B> tower_service::Service<http::Request<B>> for Csds
where
    B: HttpBody + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        Box::pin(async move {
            let codec = ProstCodec::<ClientStatusResponse, ClientStatusRequest>::default();
            let mut grpc = server::Grpc::new(codec);
            let method = request.uri().path().strip_prefix(SERVICE);
            Ok(match method {
                Some("FetchClientStatus") => grpc.unary(Fetch, request).await,
                Some("StreamClientStatus") => grpc.streaming(Fetch, request).await,
                _ => Status::unimplemented("only CSDS is here").into_http(),
            })
        })
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<ClientStatusResponse, Status>> + Send>>;

/// The methods; a type of its own, for neither may be a `tower` service as well.
struct Fetch;

impl server::UnaryService<ClientStatusRequest> for Fetch {
    type Response = ClientStatusResponse;
    type Future =
        Pin<Box<dyn Future<Output = Result<Response<ClientStatusResponse>, Status>> + Send>>;

    fn call(&mut self, request: Request<ClientStatusRequest>) -> Self::Future {
        Box::pin(async move { Ok(Response::new(answer(request.into_inner()).await?)) })
    }
}

impl server::StreamingService<ClientStatusRequest> for Fetch {
    type Response = ClientStatusResponse;
    type ResponseStream = Answers;
    type Future = std::future::Ready<Result<Response<Answers>, Status>>;

    fn call(&mut self, request: Request<Streaming<ClientStatusRequest>>) -> Self::Future {
        std::future::ready(Ok(Response::new(Answers {
            requests: request.into_inner(),
            answering: None,
        })))
    }
}

/// An answer for each request.
struct Answers {
    requests: Streaming<ClientStatusRequest>,
    answering: Option<Answer>,
}

impl Stream for Answers {
    type Item = Result<ClientStatusResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(answering) = &mut self.answering {
                let answer = ready!(answering.as_mut().poll(cx));
                self.answering = None;
                return Poll::Ready(Some(answer));
            }
            match ready!(Pin::new(&mut self.requests).poll_next(cx)) {
                Some(Ok(request)) => self.answering = Some(Box::pin(answer(request))),
                Some(Err(status)) => return Poll::Ready(Some(Err(status))),
                None => return Poll::Ready(None),
            }
        }
    }
}

async fn answer(request: ClientStatusRequest) -> Result<ClientStatusResponse, Status> {
    if !request.node_matchers.is_empty() {
        // A40: there is one node.
        return Err(Status::invalid_argument("node_matchers are not supported"));
    }
    let mut config = Vec::new();
    let mut clients: VecDeque<_> = shared::clients().into();
    while let Some(client) = clients.pop_front() {
        let (reply, answer) = oneshot::channel();
        // One that has ended in the meantime has nothing to say.
        if client.send(Command::Csds(reply)).is_ok()
            && let Ok(one) = answer.await
        {
            config.push(*one);
        }
    }
    Ok(ClientStatusResponse { config })
}

/// What one client holds.
pub(super) fn config(node: &Node, authorities: &Authorities, now: Instant) -> ClientConfig {
    let mut resources: Vec<_> = Kind::ALL
        .into_iter()
        .flat_map(|kind| {
            let entries = authorities.entries(kind);
            entries.map(move |(name, entry)| resource(kind, name, entry, now))
        })
        .collect();
    resources.sort_by(|a, b| (&a.type_url, &a.name).cmp(&(&b.type_url, &b.name)));
    let servers = authorities.all.iter().flat_map(|a| &a.servers);
    let servers: Vec<_> = servers.map(|server| server.uri.to_string()).collect();
    ClientConfig {
        node: Some(node.clone()),
        generic_xds_configs: resources,
        client_scope: servers.join(","),
    }
}

fn resource(kind: Kind, name: &str, entry: &Entry<Decoder>, now: Instant) -> GenericXdsConfig {
    let (held, problem) = (entry.held(), entry.problem());
    let status = match problem.map(|p| p.kind) {
        Some(ProblemKind::Rejected) => ClientResourceStatus::Nacked,
        Some(ProblemKind::DoesNotExist) => ClientResourceStatus::DoesNotExist,
        Some(ProblemKind::Timeout) => ClientResourceStatus::Timeout,
        Some(ProblemKind::ServerError) => ClientResourceStatus::ReceivedError,
        Some(ProblemKind::Unreachable) | None if held.is_none() => ClientResourceStatus::Requested,
        Some(ProblemKind::Unreachable) | None => ClientResourceStatus::Acked,
    };
    let rejected = entry.rejected();
    GenericXdsConfig {
        type_url: kind.type_url(),
        name: name.to_owned(),
        version_info: held.map(|h| h.version.to_string()).unwrap_or_default(),
        xds_config: held.map(|h| h.body.clone()),
        last_updated: held.map(|h| timestamp(h.at, now)),
        client_status: status.into(),
        error_state: problem.map(|problem| UpdateFailureState {
            last_update_attempt: rejected.map(|(_, at)| timestamp(*at, now)),
            details: problem.message.clone(),
            version_info: rejected.map(|(v, _)| v.to_string()).unwrap_or_default(),
        }),
    }
}

fn timestamp(at: Instant, now: Instant) -> Timestamp {
    let since = token::now().saturating_sub(now.saturating_duration_since(at));
    Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanos: Duration::subsec_nanos(&since).cast_signed(),
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answers")
    }
}

// `envoy.service.status.v3` and `envoy.admin.v3`, as far as they are written here: resources do not have
// these messages, so that they are not among those of `mesh-xds/proto`.

#[derive(Clone, PartialEq, Message)]
pub(super) struct ClientStatusRequest {
    #[prost(bytes = "vec", repeated, tag = "1")]
    node_matchers: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ClientStatusResponse {
    #[prost(message, repeated, tag = "1")]
    config: Vec<ClientConfig>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ClientConfig {
    #[prost(message, optional, tag = "1")]
    node: Option<Node>,
    #[prost(message, repeated, tag = "3")]
    generic_xds_configs: Vec<GenericXdsConfig>,
    #[prost(string, tag = "4")]
    client_scope: String,
}

#[derive(Clone, PartialEq, Message)]
struct GenericXdsConfig {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    version_info: String,
    #[prost(message, optional, tag = "4")]
    xds_config: Option<Any>,
    #[prost(message, optional, tag = "5")]
    last_updated: Option<Timestamp>,
    #[prost(enumeration = "ClientResourceStatus", tag = "7")]
    client_status: i32,
    #[prost(message, optional, tag = "8")]
    error_state: Option<UpdateFailureState>,
}

#[derive(Clone, PartialEq, Message)]
struct UpdateFailureState {
    #[prost(message, optional, tag = "2")]
    last_update_attempt: Option<Timestamp>,
    #[prost(string, tag = "3")]
    details: String,
    #[prost(string, tag = "4")]
    version_info: String,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
enum ClientResourceStatus {
    Unknown = 0,
    Requested = 1,
    DoesNotExist = 2,
    Acked = 3,
    Nacked = 4,
    ReceivedError = 5,
    Timeout = 6,
}
