//! Finds a request's route, does what the route says before anything is sent, and changes the
//! response's headers on the way back.

use std::sync::Arc;

use http::{
    HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header,
    uri::{PathAndQuery, Scheme},
};
use mesh_core::{
    Flag, Mesh, SnapshotRef, is_grpc,
    policy::{ClusterNotFoundCode, Fault, ForwardAction, HostRewrite, Redirect, RouteAction},
    routing::{self, Filter, MutationLevels, RequestHead, Router},
};

use super::{dialled, fault::inject, head, root_path};
use crate::{
    Body, Error,
    call::{Call, Destination, Exchange, Step, Target},
    error::local_reply,
};

const X_ENVOY_ORIGINAL_HOST: HeaderName = HeaderName::from_static("x-envoy-original-host");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_ENVOY_ORIGINAL_PATH: HeaderName = HeaderName::from_static("x-envoy-original-path");

/// Routes by the current snapshot of a [`Mesh`]; what it learns steers the layers below.
#[derive(Clone, Debug)]
pub struct RouteLayer {
    mesh: Mesh,
}

impl RouteLayer {
    /// Routes as `mesh` says.
    pub fn new(mesh: &Mesh) -> Self {
        Self { mesh: mesh.clone() }
    }
}

/// See [`RouteLayer`].
#[derive(Debug)]
pub struct Route<S> {
    mesh: Mesh,
    inner: S,
}

super::step_layer!(RouteLayer => Route, |layer, inner| Route { mesh: layer.mesh.clone(), inner });

impl<S: Step> Step for Route<S> {
    async fn call(&self, call: &mut Call) -> Result<(), Error> {
        match begin(&self.mesh, call)? {
            Next::Answered => Ok(()),
            Next::Forward => finish(self.inner.call(call).await, call),
            // Boxed, so that the state of requests without faults stays small.
            Next::Fault(found) => Box::pin(self.through_fault(*found, call)).await,
        }
    }
}

impl<S: Step> Route<S> {
    async fn through_fault(&self, found: Found, call: &mut Call) -> Result<(), Error> {
        let fault = match &found {
            Found::Forward(target) => fault_of(target.filters()),
            Found::Reply { fault, .. } => fault.as_ref(),
        };
        if let Some(fault) = fault
            && let Some(response) = inject(fault, call).await
        {
            call.respond(response);
            return Ok(());
        }
        match found {
            Found::Forward(target) => {
                forward(target, call)?;
                finish(self.inner.call(call).await, call)
            }
            Found::Reply { response, .. } => {
                call.respond(*response);
                Ok(())
            }
        }
    }
}

/// What a route wants done with a request.
enum Next {
    /// Nothing: the response is there.
    Answered,
    Forward,
    /// Its fault comes first.
    Fault(Box<Found>),
}

fn begin(mesh: &Mesh, call: &mut Call) -> Result<Next, Error> {
    let draw = call.env().random.next_u64();
    let request = call.request_mut()?;
    root_path(request.uri_mut());
    match find(mesh.load(), request, draw)? {
        Found::Forward(target) if fault_of(target.filters()).is_none() => {
            forward(target, call)?;
            Ok(Next::Forward)
        }
        Found::Reply {
            response,
            fault: None,
        } => {
            call.respond(*response);
            Ok(Next::Answered)
        }
        found => Ok(Next::Fault(Box::new(found))),
    }
}

/// Makes the request what its route sends.
fn forward(target: Target, call: &mut Call) -> Result<(), Error> {
    prepare(&target, call.request_mut()?)?;
    call.ledger.destination = Some(Destination::Routed(target));
    Ok(())
}

/// The response header changes; a failure's reply has them too.
fn finish(result: Result<(), Error>, call: &mut Call) -> Result<(), Error> {
    let Some(target) = call.ledger.destination.as_ref().and_then(|d| d.target()) else {
        return result;
    };
    if !target.changes_headers() {
        return result;
    }
    let levels = levels(target);
    if !levels.change_responses() {
        return result;
    }
    if let Exchange::Response(response) = &mut call.exchange {
        levels.mutate_response(response.headers_mut(), None);
    }
    result.map_err(|error| error.with_reply_headers(levels))
}

enum Found {
    Forward(Target),
    /// The route answers; its fault comes first all the same.
    Reply {
        response: Box<Response<Body>>,
        fault: Option<Fault>,
    },
}

/// The decision: listener, virtual host, route, cluster.
fn find(snapshot: SnapshotRef, request: &Request<Body>, draw: u64) -> Result<Found, Error> {
    let (head, port) = dialled(request)?;
    let (router_index, router) = snapshot.outbound(port).ok_or_else(|| {
        Error::no_route(format!(
            "no listener for port {port} (asked for {}); known ports: {:?}",
            head.authority,
            snapshot.outbound_ports()
        ))
    })?;
    let grpc = || is_grpc(request.headers());
    let host = router
        .virtual_host(head.authority)
        .ok_or_else(|| no_virtual_host(router, &head))?;
    if let Some(location) = routing::tls_redirect(&router.config().virtual_hosts[host], &head) {
        let mut response = local_reply(StatusCode::MOVED_PERMANENTLY, "", grpc());
        response
            .headers_mut()
            .insert(header::LOCATION, location_value(location)?);
        return Ok(Found::Reply {
            response: Box::new(response),
            fault: None,
        });
    }
    let index = router
        .route(host, &head, draw)
        .ok_or_else(|| no_route(router, host, &head))?;
    let route = &router.config().virtual_hosts[host].routes[index];
    let action = match &route.action {
        RouteAction::Forward(action) => action,
        RouteAction::Redirect(redirect) => {
            let location = routing::redirect_location(redirect, &route.matches.path, &head);
            let status = redirect
                .response_code
                .unwrap_or(StatusCode::MOVED_PERMANENTLY);
            return reply_with(status, Some(location), "", grpc(), router, host, index);
        }
        RouteAction::DirectResponse(direct) => {
            // RFC 9110 §15.3.2: what was created is the request's own URL.
            let located = direct.status == StatusCode::CREATED || direct.status.is_redirection();
            let itself = Redirect::default();
            let location =
                located.then(|| routing::redirect_location(&itself, &route.matches.path, &head));
            return reply_with(
                direct.status,
                location,
                &direct.body,
                grpc(),
                router,
                host,
                index,
            );
        }
        _ => {
            return Err(Error::no_route(format!(
                "{}: the route's action is unknown",
                route.origin
            )));
        }
    };
    let choice = routing::choose_cluster(action, &head, draw);
    let name = choice.as_ref().map_or("", |c| c.name);
    let weighted = choice.and_then(|c| c.weighted);
    let Some(cluster) = snapshot.cluster_position(name) else {
        let (config, weighted) = (router.config(), weighted.map(|(_, entry)| entry));
        let levels = MutationLevels::new(config, &config.virtual_hosts[host], route, weighted);
        return Err(no_cluster(action, name, &route.origin).with_reply_headers(levels));
    };
    Ok(Found::Forward(Target {
        router: place(router_index),
        host: place(host),
        route: place(index),
        cluster: place(cluster),
        weighted: weighted.map(|(index, _)| place(index)),
        snapshot,
    }))
}

/// An index into a list of the snapshot, whose indexes hold 32-bit places.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a router has at most u32::MAX of each"
)]
const fn place(index: usize) -> u32 {
    index as u32
}

#[cold]
fn no_virtual_host(router: &Router, head: &RequestHead<'_>) -> Error {
    const SHOWN: usize = 8;
    let hosts = &router.config().virtual_hosts;
    let mut known: Vec<&str> = hosts
        .iter()
        .filter_map(|h| h.domains.first())
        .map(|d| &**d)
        .take(SHOWN)
        .collect();
    if hosts.len() > SHOWN {
        known.push("…");
    }
    Error::no_route(format!(
        "no virtual host for `{}` in route configuration `{}`; known: {}",
        head.authority,
        router.config().name,
        known.join(", ")
    ))
}

#[cold]
fn no_route(router: &Router, host: usize, head: &RequestHead<'_>) -> Error {
    let host = &router.config().virtual_hosts[host];
    Error::no_route(format!(
        "none of the {} routes of virtual host `{}` ({}) matches {} {}",
        host.routes.len(),
        host.name,
        host.origin,
        head.method,
        head.path
    ))
}

#[cold]
fn no_cluster(action: &ForwardAction, name: &str, origin: &mesh_core::policy::Origin) -> Error {
    let status = match action.cluster_not_found {
        ClusterNotFoundCode::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        ClusterNotFoundCode::NotFound => StatusCode::NOT_FOUND,
        ClusterNotFoundCode::InternalServerError => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Error::new(
        Flag::NoCluster,
        status,
        format!("{origin}: the route leads to cluster `{name}`, which does not exist"),
    )
    .with_cluster(Arc::from(name))
}

fn location_value(location: String) -> Result<HeaderValue, Error> {
    HeaderValue::try_from(location)
        .map_err(|e| Error::invalid(format!("the redirect's Location: {e}")))
}

/// A reply that the route itself makes; response header changes apply to it too.
fn reply_with(
    status: StatusCode,
    location: Option<String>,
    body: &str,
    grpc: bool,
    router: &Router,
    host_index: usize,
    route_index: usize,
) -> Result<Found, Error> {
    let mut response = local_reply(status, body, grpc);
    if let Some(location) = location {
        response
            .headers_mut()
            .insert(header::LOCATION, location_value(location)?);
    }
    let config = router.config();
    let host = &config.virtual_hosts[host_index];
    let route = &host.routes[route_index];
    MutationLevels::new(config, host, route, None).mutate_response(response.headers_mut(), None);
    Ok(Found::Reply {
        response: Box::new(response),
        fault: fault_of(router.filters(Some((host_index, route_index)), None)).cloned(),
    })
}

/// The header changes of a target, in the order they apply.
fn levels(target: &Target) -> MutationLevels<'_> {
    MutationLevels::new(
        target.snapshot.routers()[target.router as usize].config(),
        target.virtual_host(),
        target.route(),
        target.weighted(),
    )
}

/// Request header changes, then the host's rewrite, then the path's: Envoy's order.
fn prepare(target: &Target, request: &mut Request<Body>) -> Result<(), Error> {
    if target.changes_headers() {
        levels(target).mutate_request(request.headers_mut(), None);
    }
    let Some(action) = target.action() else {
        return Ok(());
    };
    // Envoy's weighted clusters leave no trace of the old host.
    if let Some(host) = target
        .weighted()
        .and_then(|w| w.host_rewrite_literal.as_ref())
    {
        request.headers_mut().insert(header::HOST, host.clone());
    }
    let host = match &action.host_rewrite {
        Some(HostRewrite::Literal(value)) => Some(value.clone()),
        Some(HostRewrite::Header(name)) => {
            let value = request.headers().get(name);
            value.filter(|value| !value.is_empty()).cloned()
        }
        Some(HostRewrite::PathRegex {
            pattern,
            substitution,
        }) => {
            let host = pattern.replace_all(head(request).path_without_query(), substitution);
            HeaderValue::try_from(host).ok()
        }
        // `Auto` waits for the endpoint.
        _ => None,
    };
    if let Some(host) = host {
        rewrite_host(request, host, action.append_x_forwarded_host);
    }
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", PathAndQuery::as_str);
    if let Some(rewrite) = &action.path_rewrite
        && let Some(new) = routing::rewrite_path(&target.route().matches.path, rewrite, path)
    {
        let original = HeaderValue::from_str(path);
        let mut parts = request.uri().clone().into_parts();
        if parts.authority.is_some() && parts.scheme.is_none() {
            parts.scheme = Some(Scheme::HTTP);
        }
        parts.path_and_query = Some(PathAndQuery::try_from(new).map_err(|e| {
            Error::invalid(format!(
                "{}: the rewritten path: {e}",
                target.route().origin
            ))
        })?);
        *request.uri_mut() = Uri::from_parts(parts).map_err(|e| {
            Error::invalid(format!("{}: the rewritten URI: {e}", target.route().origin))
        })?;
        if let Ok(original) = original {
            request
                .headers_mut()
                .insert(X_ENVOY_ORIGINAL_PATH, original);
        }
    }
    Ok(())
}

/// Writes `host` over the request's, which goes on in a header, as Envoy does; in two if `forwarded`.
pub(crate) fn rewrite_host<B>(request: &mut Request<B>, host: HeaderValue, forwarded: bool) {
    let old = request.headers_mut().insert(header::HOST, host);
    let authority = || HeaderValue::from_str(request.uri().authority()?.as_str()).ok();
    let Some(old) = old.or_else(authority) else {
        return;
    };
    let headers = request.headers_mut();
    if forwarded {
        let value = match headers.get(&X_FORWARDED_HOST) {
            Some(before) => [before.as_bytes(), b",", old.as_bytes()].concat(),
            None => old.as_bytes().to_vec(),
        };
        // Two header values and a comma are one.
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            headers.insert(X_FORWARDED_HOST, value);
        }
    }
    headers.insert(X_ENVOY_ORIGINAL_HOST, old);
}

fn fault_of(filters: &[Filter]) -> Option<&Fault> {
    filters.iter().find_map(|filter| match filter {
        Filter::Fault(fault) => Some(fault),
        _ => None,
    })
}
