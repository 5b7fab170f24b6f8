//! The decision: listener, virtual host, route, cluster.

use std::sync::Arc;

use http::{HeaderValue, Request, Response, StatusCode, header};
use mesh_core::{
    Flag, SnapshotRef, is_grpc,
    policy::{ClusterNotFoundCode, ForwardAction, Redirect, RouteAction},
    routing::{self, Dialled, Filter, MutationLevels, RequestHead, Router},
};

use crate::{
    Body, Error,
    call::{Target, now},
    error::local_reply,
    layer::dialled,
};

/// Where a request goes.
pub(super) enum Found {
    Forward(Target),
    Other(Box<Other>),
}

/// A request that goes nowhere: its route answers, or it has none.
pub(super) struct Other {
    pub(super) chain: Chain,
    pub(super) answer: Result<Response<Body>, Error>,
}

/// What decides which filters a request runs.
#[derive(Clone)]
pub(super) struct Chain {
    pub(super) snapshot: SnapshotRef,
    pub(super) router: usize,
    /// Virtual host and route, when there is one.
    pub(super) route: Option<(usize, usize)>,
    pub(super) weighted: Option<usize>,
}

impl Chain {
    pub(super) fn router(&self) -> &Router {
        &self.snapshot.routers()[self.router]
    }

    pub(super) fn filters(&self) -> &[Filter] {
        self.router().filters(self.route, self.weighted)
    }

    pub(super) fn is_plain(&self) -> bool {
        self.router().is_plain(self.route)
    }

    /// The matched route's header changes.
    pub(super) fn levels(&self) -> Option<MutationLevels<'_>> {
        let (host, route) = self.route?;
        let config = self.router().config();
        let host = config.virtual_hosts.get(host)?;
        let route = host.routes.get(route)?;
        let weighted = match (&route.action, self.weighted) {
            (RouteAction::Forward(action), Some(index)) => action
                .cluster
                .weighted()
                .and_then(|w| w.clusters().get(index)),
            _ => None,
        };
        Some(MutationLevels::new(config, host, route, weighted))
    }
}

impl Found {
    pub(super) fn chain(&self) -> Chain {
        match self {
            Self::Other(other) => other.chain.clone(),
            Self::Forward(target) => Chain {
                snapshot: target.snapshot.clone(),
                router: target.router as usize,
                route: Some((target.host as usize, target.route as usize)),
                weighted: target.weighted.map(|index| index as usize),
            },
        }
    }
}

/// Finds the route of `request`, in `router` or that of the port it dials.
///
/// # Errors
/// When it names no host, or dials a port that has no listener.
pub(super) fn find(
    snapshot: SnapshotRef,
    router: Option<usize>,
    request: &Request<Body>,
    draw: u64,
    source: &str,
) -> Result<Found, Error> {
    let (mut head, dialled) = dialled(request)?;
    head.source = source;
    let router_index = match router {
        Some(index) => index,
        None => match snapshot.outbound(dialled) {
            Some((index, _)) => index,
            None => return Err(no_listener(&snapshot, dialled)),
        },
    };
    let router = &snapshot.routers()[router_index];
    let other = |route, weighted, answer| {
        let chain = Chain {
            snapshot: snapshot.clone(),
            router: router_index,
            route,
            weighted,
        };
        Ok(Found::Other(Box::new(Other { chain, answer })))
    };
    let config = router.config();
    let Some(host_index) = router.virtual_host(head.authority) else {
        return other(None, None, Err(no_virtual_host(router, &head)));
    };
    let host = &config.virtual_hosts[host_index];
    if let Some(location) = routing::tls_redirect(host, &head) {
        let status = StatusCode::MOVED_PERMANENTLY;
        return other(None, None, reply(status, Some(location), "", request));
    }
    let Some(index) = router.route(host_index, &head, draw) else {
        return other(None, None, Err(no_route(router, host_index, &head)));
    };
    let route = &host.routes[index];
    let place_of = Some((host_index, index));
    let action = match &route.action {
        RouteAction::Forward(action) => action,
        RouteAction::Redirect(redirect) => {
            let location = routing::redirect_location(redirect, &route.matches.path, &head);
            let status = redirect
                .response_code
                .unwrap_or(StatusCode::MOVED_PERMANENTLY);
            return other(place_of, None, reply(status, Some(location), "", request));
        }
        RouteAction::DirectResponse(direct) => {
            // RFC 9110 §15.3.2: what was created is the request's own URL.
            let located = direct.status == StatusCode::CREATED || direct.status.is_redirection();
            let itself = Redirect::default();
            let location =
                located.then(|| routing::redirect_location(&itself, &route.matches.path, &head));
            let answer = reply(direct.status, location, &direct.body, request);
            return other(place_of, None, answer);
        }
        _ => {
            let message = format!("{}: the route's action is unknown", route.origin);
            return Err(Error::no_route(message));
        }
    };
    let choice = routing::choose_cluster(action, &head, draw);
    let name = choice.as_ref().map_or("", |c| c.name);
    let weighted = choice.and_then(|c| c.weighted).map(|(index, _)| index);
    let Some(cluster) = snapshot.target_position(name, draw, now) else {
        return other(
            place_of,
            weighted,
            Err(no_cluster(action, name, &route.origin)),
        );
    };
    Ok(Found::Forward(Target {
        router: place(router_index),
        host: place(host_index),
        route: place(index),
        cluster: place(cluster),
        weighted: weighted.map(place),
        snapshot,
    }))
}

/// A reply of the mesh's own.
fn reply(
    status: StatusCode,
    location: Option<String>,
    body: &str,
    request: &Request<Body>,
) -> Result<Response<Body>, Error> {
    let mut response = local_reply(status, body, is_grpc(request.headers()));
    if let Some(location) = location {
        response
            .headers_mut()
            .insert(header::LOCATION, location_value(location)?);
    }
    Ok(response)
}

#[cold]
fn no_listener(snapshot: &SnapshotRef, dialled: Dialled<'_>) -> Error {
    Error::no_route(snapshot.no_outbound(dialled))
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
