//! Whether a request meets a `RouteMatch`: the one set of matcher functions that the router, the
//! explanation and the tests' naive scan share.
//!
//! All conditions are pure, so the order in which they are tried (here: path first, being cheapest)
//! cannot change the answer.

use std::ops::ControlFlow;

use http::{HeaderMap, header::HOST};

use super::{Mismatch, RequestHead};
use crate::{
    is_grpc,
    policy::{
        CookieMatcher, FractionalPercent, HeaderMatch, HeaderMatcher, HeaderMatcherName,
        PathMatcher, QueryMatch, QueryParameterMatcher, RouteMatch,
    },
};

/// One condition of a [`RouteMatch`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Condition<'a> {
    /// The path specifier.
    Path(&'a RouteMatch),
    /// `runtime_fraction`.
    RuntimeFraction(FractionalPercent),
    /// `grpc`.
    Grpc,
    /// One of `headers`.
    Header(&'a HeaderMatcher),
    /// One of `query_parameters`.
    QueryParameter(&'a QueryParameterMatcher),
    /// One of `cookies`.
    Cookie(&'a CookieMatcher),
}

/// Whether `head` meets every condition of `route_match`; `random` is the request's one draw.
///
/// # Errors
/// The first condition that does not hold. It borrows, and becomes a sentence only when displayed.
pub fn matches<'a>(
    route_match: &'a RouteMatch,
    head: &RequestHead<'a>,
    random: u64,
) -> Result<(), Mismatch<'a>> {
    let mut failed = |condition| ControlFlow::Break(Mismatch::new(condition, head, random));
    if !path_matches(route_match, head.path_without_query()) {
        failed(Condition::Path(route_match))
    } else {
        failures(route_match, head, random, &mut failed)
    }
    .break_value()
    .map_or(Ok(()), Err)
}

/// Calls `failed` for each condition other than the path that does not hold, until it breaks.
pub(super) fn failures<'a, B>(
    route_match: &'a RouteMatch,
    head: &RequestHead<'_>,
    random: u64,
    failed: &mut impl FnMut(Condition<'a>) -> ControlFlow<B>,
) -> ControlFlow<B> {
    // Spelled out, so that a new condition cannot be forgotten here or below.
    let RouteMatch {
        path: _,
        case_sensitive: _,
        headers,
        query_parameters,
        cookies,
        runtime_fraction,
        grpc,
    } = route_match;
    if let Some(fraction) = *runtime_fraction
        && !fraction.contains(random)
    {
        failed(Condition::RuntimeFraction(fraction))?;
    }
    if *grpc && !is_grpc(head.headers) {
        failed(Condition::Grpc)?;
    }
    for matcher in headers {
        if !header_matches(matcher, head) {
            failed(Condition::Header(matcher))?;
        }
    }
    for matcher in query_parameters {
        if !query_matches(matcher, head) {
            failed(Condition::QueryParameter(matcher))?;
        }
    }
    for matcher in cookies {
        if !cookie_matches(matcher, head) {
            failed(Condition::Cookie(matcher))?;
        }
    }
    ControlFlow::Continue(())
}

/// Whether the path alone decides, so that [`failures`] is never called.
pub(super) fn is_path_only(route_match: &RouteMatch) -> bool {
    let RouteMatch {
        path: _,
        case_sensitive: _,
        headers,
        query_parameters,
        cookies,
        runtime_fraction,
        grpc,
    } = route_match;
    headers.is_empty()
        && query_parameters.is_empty()
        && cookies.is_empty()
        && runtime_fraction.is_none()
        && !grpc
}

/// `path` is without its query. A request without a path (plain CONNECT) matches none of these,
/// not even `prefix: ""`.
pub(super) fn path_matches(route_match: &RouteMatch, path: &str) -> bool {
    let path = path.as_bytes();
    let same = |a: &[u8], b: &str| {
        if route_match.case_sensitive {
            a == b.as_bytes()
        } else {
            a.eq_ignore_ascii_case(b.as_bytes())
        }
    };
    let begins = |prefix: &str| path.get(..prefix.len()).is_some_and(|p| same(p, prefix));
    !path.is_empty()
        && match &route_match.path {
            PathMatcher::Exact(exact) => same(path, exact),
            PathMatcher::Prefix(prefix) => begins(prefix),
            PathMatcher::SeparatedPrefix(prefix) => {
                begins(prefix) && matches!(path.get(prefix.len()), None | Some(b'/'))
            }
            PathMatcher::Regex(regex) => regex.is_match(path),
            PathMatcher::Template(template) => template.is_match(path),
        }
}

/// Whether a request's header meets `matcher`.
pub(crate) fn header_matches(matcher: &HeaderMatcher, head: &RequestHead<'_>) -> bool {
    lines_match(matcher, Some(head), head.headers)
}

/// Whether a response's does; it has none of the pseudo-headers.
pub(crate) fn response_header_matches(matcher: &HeaderMatcher, headers: &HeaderMap) -> bool {
    lines_match(matcher, None, headers)
}

/// Envoy ≥ 1.39: a value matcher holds when **any** line does, and inversion negates that. A
/// missing header fails every value matcher, inverted or not, unless it counts as empty.
fn lines_match(
    matcher: &HeaderMatcher,
    request: Option<&RequestHead<'_>>,
    headers: &HeaderMap,
) -> bool {
    let any = |test: &dyn Fn(&[u8]) -> bool| any_line(&matcher.name, request, headers, test);
    let found = match &matcher.kind {
        HeaderMatch::Present(_) => any(&|_| true),
        HeaderMatch::String(string) => any(&|value| string.is_match(value)),
        HeaderMatch::Range { start, end } => {
            any(&|value| integer(value).is_some_and(|n| (*start..*end).contains(&n)))
        }
    };
    let empty = matcher.treat_missing_header_as_empty;
    let holds = match &matcher.kind {
        HeaderMatch::Present(wanted) => Some((found.is_some() || empty) == *wanted),
        HeaderMatch::String(string) => found.or_else(|| empty.then(|| string.is_match(b""))),
        HeaderMatch::Range { .. } => found.or_else(|| empty.then_some(false)),
    };
    holds.is_some_and(|holds| holds != matcher.invert_match)
}

/// Whether `test` holds for any line of a header; `None` when it has no line. A request's
/// pseudo-header has one, or none when it is empty; a response has no pseudo-header to match.
fn any_line(
    name: &HeaderMatcherName,
    request: Option<&RequestHead<'_>>,
    headers: &HeaderMap,
    test: &dyn Fn(&[u8]) -> bool,
) -> Option<bool> {
    let one = |value: &str| (!value.is_empty()).then(|| test(value.as_bytes()));
    match (name, request) {
        (HeaderMatcherName::Method, request) => one(request?.method.as_str()),
        (HeaderMatcherName::Authority, request) => one(request?.authority),
        (HeaderMatcherName::Path, request) => one(request?.path),
        (HeaderMatcherName::Scheme, request) => one(request?.scheme()),
        (HeaderMatcherName::Header(name), Some(request)) if *name == HOST => one(request.authority),
        (HeaderMatcherName::Header(name), _) => {
            let mut lines = headers.get_all(name).iter();
            let first = lines.next()?;
            Some(test(first.as_bytes()) || lines.any(|value| test(value.as_bytes())))
        }
    }
}

/// The whole of `value` as a decimal, as `absl::SimpleAtoi` reads it: blanks around it and a sign
/// are allowed.
pub(super) fn integer<N: std::str::FromStr>(value: &[u8]) -> Option<N> {
    std::str::from_utf8(value.trim_ascii()).ok()?.parse().ok()
}

fn query_matches(matcher: &QueryParameterMatcher, head: &RequestHead<'_>) -> bool {
    let value = head.query_parameter(&matcher.name);
    match &matcher.kind {
        QueryMatch::Present(wanted) => value.is_some() == *wanted,
        QueryMatch::String(string) => value.is_some_and(|v| string.is_match(v.as_bytes())),
    }
}

/// Unlike a header matcher, an inverted one holds for a missing cookie.
fn cookie_matches(matcher: &CookieMatcher, head: &RequestHead<'_>) -> bool {
    let value = head.cookie(&matcher.name);
    value.is_some_and(|v| matcher.value.is_match(v)) != matcher.invert_match
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::policy::StringMatcher;

    #[test]
    fn pseudo_headers_are_the_requests_alone() {
        let matcher = HeaderMatcher::new(
            HeaderMatcherName::Method,
            HeaderMatch::String(StringMatcher::exact("GET")),
        );
        let headers = HeaderMap::new();
        let request = RequestHead {
            method: &Method::GET,
            scheme: "http",
            authority: "",
            path: "/",
            headers: &headers,
            source: "",
        };
        assert!(header_matches(&matcher, &request));
        assert!(!response_header_matches(&matcher, &headers));
        let host = HeaderMatcher::new(HeaderMatcherName::Authority, HeaderMatch::Present(false));
        assert!(header_matches(&host, &request) && response_header_matches(&host, &headers));
    }
}
