//! The client side: what a generated client is made with.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use http::{
    HeaderMap, Request, Response, Uri, Version,
    uri::{Authority, Parts, PathAndQuery, Scheme},
};
use mesh_core::Mesh;
use mesh_http::{
    Client, Context as CallContext, Step, layer::Connections, server::parse_grpc_timeout,
};
use tonic::Status;
use tower_service::Service;

use crate::{
    ResponseBody, status,
    target::{TargetError, authority},
};

/// A channel to one service of the mesh. A handle: clone it into each generated client.
///
/// Calls are routed by the service's name and port, the method (its path) and the metadata. A call's
/// deadline (`tonic::Request::set_timeout`) bounds it with all its retries, as does the deadline of the
/// inbound request on whose behalf it is made.
pub struct Channel<C = Connections> {
    client: Client<C>,
    authority: Authority,
}

impl Channel {
    /// A channel to `target`: `xds:///host:port`, `xds://authority/host:port`, `dns:///host:port`,
    /// `http://host:port` or `host:port`. The scheme says nothing about where the endpoints come from:
    /// that is the mesh's source.
    ///
    /// # Errors
    /// When the target names no host.
    pub fn new(mesh: &Mesh, target: &str) -> Result<Self, TargetError> {
        Self::with_client(Client::builder(mesh).http2_only().build(), target)
    }
}

impl<C> Channel<C> {
    /// A channel over a client with settings of its own (telemetry, randomness): one that was built
    /// with [`http2_only`](mesh_http::ClientBuilder::http2_only), unless every cluster speaks HTTP/2.
    ///
    /// # Errors
    /// When the target names no host.
    pub fn with_client(client: Client<C>, target: &str) -> Result<Self, TargetError> {
        Ok(Self {
            client,
            authority: authority(target)?,
        })
    }

    /// The client that calls go through: for [`explain`](Client::explain), say.
    pub const fn client(&self) -> &Client<C> {
        &self.client
    }

    /// The whole URL of a call, for a generated client gives the method's path alone. One that was
    /// given an origin keeps it.
    fn absolute(&self, uri: Uri) -> Result<Uri, http::uri::InvalidUriParts> {
        let mut parts: Parts = uri.into_parts();
        parts.scheme.get_or_insert(Scheme::HTTP);
        parts
            .authority
            .get_or_insert_with(|| self.authority.clone());
        parts
            .path_and_query
            .get_or_insert(PathAndQuery::from_static("/"));
        Uri::from_parts(parts)
    }
}

impl<C> Clone for Channel<C> {
    fn clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            authority: self.authority.clone(),
        }
    }
}

impl<C> std::fmt::Debug for Channel<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channel")
            .field("authority", &self.authority)
            .finish_non_exhaustive()
    }
}

impl<C: Step + 'static> Service<Request<tonic::body::Body>> for Channel<C> {
    type Response = Response<ResponseBody>;
    type Error = Status;
    type Future = ResponseFuture;

    /// Always ready: what a call waits for depends on where it goes.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<tonic::body::Body>) -> ResponseFuture {
        match self.absolute(std::mem::take(request.uri_mut())) {
            Ok(uri) => *request.uri_mut() = uri,
            Err(error) => {
                let status = Status::internal(format!("no URL for the call: {error}"));
                return ResponseFuture(Err(Some(status)));
            }
        }
        *request.version_mut() = Version::HTTP_2;
        if let Some(at) = deadline(request.headers()) {
            let context = CallContext::for_request(request.extensions()).unwrap_or_default();
            let at = context.deadline().map_or(at, |inherited| inherited.min(at));
            request.extensions_mut().insert(context.with_deadline(at));
        }
        ResponseFuture(Ok(self.client.call(request)))
    }
}

/// When the caller gives up, from the header in which tonic puts it.
fn deadline(headers: &HeaderMap) -> Option<Instant> {
    let left = parse_grpc_timeout(headers.get("grpc-timeout")?.as_bytes())?;
    tokio::time::Instant::now().into_std().checked_add(left)
}

/// The future of a call.
pub struct ResponseFuture(Result<mesh_http::layer::ResponseFuture, Option<Status>>);

impl Future for ResponseFuture {
    type Output = Result<Response<ResponseBody>, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match &mut self.0 {
            Ok(call) => match ready!(Pin::new(call).poll(cx)) {
                Ok(response) => Ok(response.map(ResponseBody::new)),
                Err(error) => Err(status(error)),
            },
            Err(refused) => {
                let ended = || Status::internal("the call has ended already");
                Err(refused.take().unwrap_or_else(ended))
            }
        })
    }
}

impl std::fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ResponseFuture")
    }
}
