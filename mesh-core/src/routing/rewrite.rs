//! What a route makes of the request's path, and of its whole URL.

use super::{RequestHead, head::path_without_query};
use crate::policy::{
    Name, PathMatcher, PathRewrite, Redirect, RedirectPath, Regex, TlsRequirement, VirtualHost,
};

/// The path that replaces `path_and_query` (which `matcher` matched), query kept. `None` leaves it
/// as it is: an empty `prefix_rewrite` is none, as in proto3.
///
/// The replaced part is the matched prefix, or the whole path of an exact or regex match. Nothing is
/// added or merged: prefix `/a` → `/` turns `/a/b` into `//b`, as in Envoy.
pub fn rewrite_path(
    matcher: &PathMatcher,
    rewrite: &PathRewrite,
    path_and_query: &str,
) -> Option<String> {
    match rewrite {
        PathRewrite::Prefix(to) => replace_matched(matcher, to, path_and_query),
        PathRewrite::Regex {
            pattern,
            substitution,
        } => Some(replace_regex(pattern, substitution, path_and_query)),
        PathRewrite::Template(rewrite) => {
            let PathMatcher::Template(template) = matcher else {
                return None;
            };
            let path = path_without_query(path_and_query);
            let new = rewrite.rewrite(template, path)?;
            Some(new + &path_and_query[path.len()..])
        }
    }
}

/// The `Location` of a redirect: `scheme://host[:port]path[?query]`.
///
/// Observed on Envoy 1.40: the request's host keeps its port, unless the scheme changes and it is
/// the old scheme's default, or `port_redirect` sets another; `host_redirect` drops it;
/// `port_redirect` is written even when it is the new scheme's default.
pub fn redirect_location(
    redirect: &Redirect,
    matcher: &PathMatcher,
    head: &RequestHead<'_>,
) -> String {
    let old_scheme = head.scheme();
    let scheme = redirect.scheme.as_deref().unwrap_or(old_scheme);
    let port = redirect.port.map(|port| format!(":{port}"));
    let host = redirect.host.as_deref().unwrap_or_else(|| {
        let (host, old_port) = split_port(head.authority);
        let default = match old_scheme {
            "http" => ":80",
            "https" => ":443",
            _ => "",
        };
        if port.is_some() || redirect.strip_port || (scheme != old_scheme && old_port == default) {
            host
        } else {
            head.authority
        }
    });
    let path = redirect_path(redirect, matcher, head.path);
    // Without it the path would go on with the host.
    let slash = if path.starts_with('/') { "" } else { "/" };
    let port = port.unwrap_or_default();
    format!("{scheme}://{host}{port}{slash}{path}")
}

/// Where a plain request to a virtual host that demands TLS is redirected (301), before any of its
/// routes is tried. The host stays as it is, port included, as in Envoy.
pub fn tls_redirect(virtual_host: &VirtualHost, head: &RequestHead<'_>) -> Option<String> {
    match virtual_host.require_tls {
        TlsRequirement::All if head.scheme() != "https" => {
            Some(format!("https://{}{}", head.authority, head.path))
        }
        TlsRequirement::All | TlsRequirement::None => None,
    }
}

/// The path that a redirect leaves its request with, where it rewrites one: what header values with
/// operators read of it, as in Envoy.
pub fn redirected_request_path(
    redirect: &Redirect,
    matcher: &PathMatcher,
    path: &str,
) -> Option<String> {
    match redirect.path.as_ref()? {
        RedirectPath::Path(_) => None,
        RedirectPath::Prefix(to) => replace_matched(matcher, to, path),
        RedirectPath::Regex {
            pattern,
            substitution,
        } => Some(replace_regex(pattern, substitution, path)),
    }
}

fn redirect_path(redirect: &Redirect, matcher: &PathMatcher, path: &str) -> String {
    let rewritten = match &redirect.path {
        // A query of its own replaces the request's and is never stripped.
        Some(RedirectPath::Path(to)) if to.contains('?') => return to.to_string(),
        Some(RedirectPath::Path(to)) => {
            let query = path.find('?').map_or("", |at| &path[at..]);
            Some(format!("{to}{query}"))
        }
        _ => redirected_request_path(redirect, matcher, path),
    };
    let mut path = rewritten.unwrap_or_else(|| path.to_owned());
    if redirect.strip_query
        && let Some(at) = path.find('?')
    {
        path.truncate(at);
    }
    path
}

fn replace_matched(matcher: &PathMatcher, to: &Name, path_and_query: &str) -> Option<String> {
    let matched = match matcher {
        PathMatcher::Prefix(prefix) | PathMatcher::SeparatedPrefix(prefix) => prefix.len(),
        PathMatcher::Exact(_) | PathMatcher::Regex(_) | PathMatcher::Template(_) => {
            path_without_query(path_and_query).len()
        }
    };
    let rest = path_and_query.get(matched..)?;
    (!to.is_empty()).then(|| format!("{to}{rest}"))
}

fn replace_regex(pattern: &Regex, substitution: &str, path_and_query: &str) -> String {
    let path = path_without_query(path_and_query);
    let rest = &path_and_query[path.len()..];
    pattern.replace_all(path, substitution) + rest
}

/// The host and `:port` of an authority; the port is empty when there is none.
pub(super) fn split_port(authority: &str) -> (&str, &str) {
    let colon = if authority.starts_with('[') {
        authority.rfind("]:").map(|at| at + 1)
    } else {
        authority.rfind(':')
    };
    authority.split_at(colon.unwrap_or(authority.len()))
}
