//! What routing reads of a request, and the port that it dials.

use http::{HeaderValue, Method, Request, Uri, header, uri::PathAndQuery};
use mesh_core::routing::{Dialled, RequestHead};

use crate::{
    Error,
    connections::{has, without_userinfo},
};

/// An empty path is `/` (RFC 9112 §3.2.1), before a query too: `http://service?q` asks for `/?q`.
pub(crate) fn root_path(uri: &mut Uri) {
    let path = uri.path_and_query().map_or("", PathAndQuery::as_str);
    if !path.starts_with('?') {
        return;
    }
    let rooted = PathAndQuery::try_from(format!("/{path}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = rooted.ok().or(parts.path_and_query);
    if let Ok(rooted) = Uri::from_parts(parts) {
        *uri = rooted;
    }
}

/// What routing reads of a request. The authority is empty if the request names no host.
pub(crate) fn head<B>(request: &Request<B>) -> RequestHead<'_> {
    with_host(request, request.headers().get(header::HOST))
}

/// `host`: its first Host header.
fn with_host<'a, B>(request: &'a Request<B>, host: Option<&'a HeaderValue>) -> RequestHead<'a> {
    let uri = request.uri();
    RequestHead {
        method: request.method(),
        scheme: uri.scheme_str().unwrap_or("http"),
        authority: match host {
            Some(host) => host.to_str().unwrap_or_default(),
            None => uri.authority().map_or("", without_userinfo),
        },
        path: match uri.path_and_query() {
            Some(path) => path.as_str(),
            None if request.method() == Method::CONNECT => "",
            None => "/",
        },
        headers: request.headers(),
        source: "",
    }
}

/// The head, and what the call dials: the URI's host and port, or the `Host` header's without those.
pub(crate) fn dialled<B>(request: &Request<B>) -> Result<(RequestHead<'_>, Dialled<'_>), Error> {
    let uri = request.uri();
    let host = request.headers().get(header::HOST);
    // Most clients' requests have none, and are not searched for a second.
    if host.is_some()
        && request
            .headers()
            .get_all(header::HOST)
            .iter()
            .nth(1)
            .is_some()
    {
        return Err(Error::invalid(
            "the request has more than one Host header (RFC 9112 §3.2)",
        ));
    }
    let head = with_host(request, host);
    if head.authority.is_empty() {
        return Err(Error::invalid(format!(
            "the request names no host: use an absolute URI (http://service/path) or a Host header, not {uri}"
        )));
    }
    let port = match uri.authority() {
        Some(authority) => match port(authority.as_str()) {
            Some(Err(port)) => {
                return Err(Error::invalid(format!(
                    "`{port}` is no port, in `{authority}`"
                )));
            }
            Some(Ok(port)) => Some(port),
            None => None,
        },
        // A Host header names no listener unless it says a port; to Envoy it is a text like any.
        None => port(head.authority).and_then(Result::ok),
    };
    let port = port.unwrap_or(if head.scheme == "https" { 443 } else { 80 });
    let host = uri.authority().map_or(head.authority, without_userinfo);
    Ok((head, Dialled { host, port }))
}

/// The port at the end of an authority, or what stands there in its place.
fn port(authority: &str) -> Option<Result<u16, &str>> {
    // Most name none, and looking for it from the end takes longer than seeing that.
    if !has(authority, b':') {
        return None;
    }
    let (_, port) = authority.rsplit_once(':')?;
    // An IPv6 address ends in `]`, userinfo in `@`: their colons begin no port.
    (!port.is_empty() && !port.contains([']', '@'])).then(|| port.parse().map_err(|_| port))
}
