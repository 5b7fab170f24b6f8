//! Runs the HTTP filters of a route: requests meet them in order, responses in reverse.

use http::{HeaderMap, Request, Response, StatusCode};
use mesh_core::{
    Flag, is_grpc,
    routing::{self, CorsDecision, Facts, Filter},
};

use crate::{Body, Error, call::Call, layer::fault::inject, layer::head, reply::ReplyChange};

/// How a filter ended a request.
pub(super) enum Ended {
    /// With an answer of the mesh's own: the route's response headers are changed in it.
    LocalReply(Response<Body>),
    /// A CORS preflight's, which they are not.
    Preflight(Response<Body>),
}

/// Runs the requests' side; `cors` gets what the response is told.
pub(super) async fn on_request(
    filters: &[Filter],
    draw: u64,
    facts: Option<&Facts>,
    call: &mut Call,
    cors: &mut Option<HeaderMap>,
) -> Result<Option<Ended>, Error> {
    for filter in filters {
        match filter {
            Filter::Fault(fault) => {
                if let Some(response) = inject(fault, call).await {
                    return Ok(Some(Ended::LocalReply(response)));
                }
            }
            Filter::Cors(policies) => match routing::cors(policies, &head(call.request()?), draw) {
                CorsDecision::Pass => {}
                CorsDecision::Respond(headers) => *cors = Some(headers),
                CorsDecision::Preflight(headers) => {
                    let mut response = Response::new(Body::empty());
                    *response.headers_mut() = headers;
                    return Ok(Some(Ended::Preflight(response)));
                }
            },
            Filter::HeaderMutation(all) => {
                for mutations in all {
                    let headers = call.request_mut()?.headers_mut();
                    routing::edit_request(headers, &mutations.request, facts);
                }
            }
        }
    }
    Ok(None)
}

/// Runs the responses' side.
pub(super) fn on_response(
    filters: &[Filter],
    headers: &mut HeaderMap,
    facts: Option<&Facts>,
    cors: Option<&HeaderMap>,
) {
    for filter in filters.iter().rev() {
        match filter {
            Filter::Cors(_) => {
                if let Some(cors) = cors {
                    routing::cors_respond(headers, cors);
                }
            }
            Filter::HeaderMutation(all) => {
                for mutations in all {
                    routing::edit_response(headers, &mutations.response, facts);
                }
            }
            Filter::Fault(_) => {}
        }
    }
}

/// What the responses' side does to the reply that an error becomes.
pub(super) fn on_error(filters: &[Filter], cors: Option<&HeaderMap>) -> Vec<ReplyChange> {
    let mut changes = Vec::new();
    for filter in filters.iter().rev() {
        match filter {
            Filter::Cors(_) => changes.extend(cors.cloned().map(ReplyChange::Insert)),
            Filter::HeaderMutation(all) => {
                changes.extend(all.iter().cloned().map(ReplyChange::Edit));
            }
            Filter::Fault(_) => {}
        }
    }
    changes
}

/// Envoy's answer to an upgrade that may not be.
pub(super) fn upgrade_refused(request: &Request<Body>) -> Response<Body> {
    let error = Error::new(
        Flag::NoRoute,
        StatusCode::FORBIDDEN,
        "the route allows no such upgrade",
    );
    let mut response = error.into_response(is_grpc(request.headers()));
    response.extensions_mut().remove::<Flag>();
    response
}
