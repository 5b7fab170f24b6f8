//! Short ways to write matchers in tests.

use http::HeaderName;
use mesh_core::{
    policy::{
        HeaderMatch, HeaderMatcher, HeaderMatcherName, PathMatcher, RouteMatch, StringMatcher,
    },
    routing::matches,
};

use crate::request::Request;

pub(crate) fn path(path: PathMatcher) -> RouteMatch {
    RouteMatch::new(path)
}

pub(crate) fn header(name: &'static str, kind: HeaderMatch) -> HeaderMatcher {
    HeaderMatcher::new(
        HeaderMatcherName::Header(HeaderName::from_static(name)),
        kind,
    )
}

pub(crate) fn exact(name: &'static str, value: &str) -> HeaderMatcher {
    header(name, HeaderMatch::String(StringMatcher::exact(value)))
}

pub(crate) fn with(header: &HeaderMatcher) -> RouteMatch {
    RouteMatch::any().with_header(header.clone())
}

pub(crate) fn inverted(mut header: HeaderMatcher) -> HeaderMatcher {
    header.invert_match = true;
    header
}

pub(crate) fn missing_as_empty(mut header: HeaderMatcher) -> HeaderMatcher {
    header.treat_missing_header_as_empty = true;
    header
}

/// Why `request` does not match, for the draw 7.
pub(crate) fn why(route_match: &RouteMatch, request: &Request) -> String {
    matches(route_match, &request.head(), 7)
        .unwrap_err()
        .to_string()
}
