//! What header values with operators are made of. Collected only for routes that have such values.

use std::{sync::OnceLock, time::Duration};

use http::{HeaderMap, HeaderValue, Request};
use mesh_core::{
    Flag,
    policy::{Name, RouteAction},
    routing::{Facts, redirected_request_path},
};

use super::{
    find::{Chain, Found},
    prepare::X_ENVOY_ORIGINAL_PATH,
};
use crate::{
    Body,
    call::{Call, now},
    layer::{head, wall_clock},
};

/// What is known before the request is changed.
pub(super) fn of_request(call: &Call, request: &Request<Body>, found: &Found) -> Facts {
    let head = head(request);
    let (route, cluster) = match found {
        Found::Forward(target) => (
            target.route().name.clone(),
            target.snapshot.clusters()[target.cluster as usize]
                .name()
                .clone(),
        ),
        Found::Other(other) => {
            let chain = &other.chain;
            let hosts = &chain.router().config().virtual_hosts;
            let route = chain.route.and_then(|(h, r)| hosts.get(h)?.routes.get(r));
            let name = route.map_or_else(|| Name::from(""), |route| route.name.clone());
            (name, Name::from(""))
        }
    };
    let elapsed = now().saturating_duration_since(call.ledger.started);
    Facts {
        method: head.method.clone(),
        scheme: head.scheme().to_owned(),
        authority: head.authority.to_owned(),
        path: head.path.to_owned(),
        request_headers: HeaderMap::new(),
        protocol: request.version(),
        start_time: wall_clock().checked_sub(elapsed).unwrap_or_else(wall_clock),
        elapsed,
        // A body that is there already took no time; how long a stream takes is not known yet.
        request_duration: (!request.body().is_stream()).then_some(Duration::ZERO),
        response_duration: None,
        response_code: 0,
        response_flags: Vec::new(),
        hostname: hostname(),
        source: call.env().source.address.clone(),
        route,
        cluster,
        endpoint: None,
        attempts: 1,
    }
}

/// What the response's values read of the request, as it is sent.
pub(super) fn keep_request(facts: &mut Facts, request: &Request<Body>) {
    let head = head(request);
    facts.authority = head.authority.to_owned();
    facts.path = head.path.to_owned();
    facts.request_headers = request.headers().clone();
}

/// A redirect that rewrites the path does so in the request, before its response's values read it.
pub(super) fn redirected(facts: &mut Facts, chain: &Chain) {
    let hosts = &chain.router().config().virtual_hosts;
    let route = chain.route.and_then(|(h, r)| hosts.get(h)?.routes.get(r));
    if let Some(route) = route
        && let RouteAction::Redirect(redirect) = &route.action
        && let Some(path) = redirected_request_path(redirect, &route.matches.path, &facts.path)
    {
        let old = std::mem::replace(&mut facts.path, path);
        if let Ok(old) = HeaderValue::try_from(old) {
            facts.request_headers.insert(X_ENVOY_ORIGINAL_PATH, old);
        }
    }
}

/// Adds what is known once there is a response.
pub(super) fn add_response(facts: &mut Facts, call: &Call, flags: Vec<Flag>) {
    facts.elapsed = now().saturating_duration_since(call.ledger.started);
    facts.attempts = call.ledger.attempts;
    facts.endpoint = call.endpoint().map(|e| e.address().clone());
    facts.response_flags = flags;
    if facts.endpoint.is_some() && call.response().is_some() {
        facts.response_duration = Some(facts.elapsed);
    }
}

/// This machine's name, read once.
fn hostname() -> Name {
    static HOSTNAME: OnceLock<Name> = OnceLock::new();
    let read = || {
        let file = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let variable = || std::env::var("HOSTNAME").ok();
        file.or_else(variable).unwrap_or_default().trim().into()
    };
    HOSTNAME.get_or_init(read).clone()
}
