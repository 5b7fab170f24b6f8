//! What a route changes in a request before it is sent.

use http::{
    HeaderName, HeaderValue, Request, Uri, header,
    uri::{PathAndQuery, Scheme},
};
use mesh_core::{
    policy::HostRewrite,
    routing::{self, Facts},
};

use super::levels;
use crate::{
    Body, Error,
    call::Target,
    layer::{balance::X_ENVOY_ATTEMPT_COUNT, head},
};

const X_ENVOY_ORIGINAL_HOST: HeaderName = HeaderName::from_static("x-envoy-original-host");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(super) const X_ENVOY_ORIGINAL_PATH: HeaderName =
    HeaderName::from_static("x-envoy-original-path");

/// Request header changes, then the host's rewrite, then the path's: Envoy's order.
pub(super) fn prepare(
    target: &Target,
    request: &mut Request<Body>,
    facts: Option<&Facts>,
) -> Result<(), Error> {
    if target.virtual_host().include_request_attempt_count {
        // Header changes see it, and may change it; copies have it.
        let first = HeaderValue::from_static("1");
        request.headers_mut().insert(X_ENVOY_ATTEMPT_COUNT, first);
    }
    if target.changes_headers() {
        change_headers(target, request, facts);
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
    let Some(rewrite) = &action.path_rewrite else {
        return Ok(());
    };
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", PathAndQuery::as_str);
    if let Some(new) = routing::rewrite_path(&target.route().matches.path, rewrite, path) {
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

/// All levels' changes. Envoy sets a weighted cluster's host right behind that level's, so that the
/// values of the others see it.
fn change_headers(target: &Target, request: &mut Request<Body>, facts: Option<&Facts>) {
    let levels = levels(target);
    let headers = request.headers_mut();
    let host = target
        .weighted()
        .and_then(|w| w.host_rewrite_literal.as_ref());
    let (Some(facts), Some(host)) = (facts, host) else {
        return levels.mutate_request(headers, facts);
    };
    let mut seen = facts.clone();
    for level in levels.iter() {
        routing::mutate_request(headers, level, Some(&seen));
        seen.authority = String::from_utf8_lossy(host.as_bytes()).into_owned();
    }
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
