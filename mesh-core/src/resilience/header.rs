//! Header conditions of a retry policy.
//!
//! Envoy 1.39 and later: a value matcher holds when any line does, and inversion negates that; a
//! missing header fails it, inverted or not, unless it counts as empty.

use http::HeaderMap;

use crate::{
    policy::{HeaderMatch, HeaderMatcher, HeaderMatcherName},
    routing::RequestHead,
};

/// Whether a request meets `matcher`.
pub(super) fn request_matches(matcher: &HeaderMatcher, request: &RequestHead<'_>) -> bool {
    let pseudo = match &matcher.name {
        HeaderMatcherName::Header(_) => return response_matches(matcher, request.headers),
        HeaderMatcherName::Method => request.method.as_str(),
        HeaderMatcherName::Authority => request.authority,
        HeaderMatcherName::Path => request.path,
        HeaderMatcherName::Scheme => request.scheme(),
    };
    let line = Some(pseudo.as_bytes()).filter(|value| !value.is_empty());
    lines_match(matcher, line.into_iter())
}

/// Whether a response does; it has none of the pseudo-headers.
pub(super) fn response_matches(matcher: &HeaderMatcher, headers: &HeaderMap) -> bool {
    match &matcher.name {
        HeaderMatcherName::Header(name) => {
            let lines = headers.get_all(name).into_iter();
            lines_match(matcher, lines.map(http::HeaderValue::as_bytes))
        }
        _ => lines_match(matcher, std::iter::empty()),
    }
}

fn lines_match<'a>(matcher: &HeaderMatcher, lines: impl Iterator<Item = &'a [u8]>) -> bool {
    let mut lines = lines.peekable();
    let missing = lines.peek().is_none();
    let as_empty: Option<&[u8]> = (missing && matcher.treat_missing_header_as_empty).then_some(b"");
    let mut lines = lines.chain(as_empty).peekable();
    let holds = match &matcher.kind {
        HeaderMatch::Present(wanted) => lines.peek().is_some() == *wanted,
        _ if lines.peek().is_none() => return false,
        HeaderMatch::String(string) => lines.any(|value| string.is_match(value)),
        HeaderMatch::Range { start, end } => {
            lines.any(|value| integer(value).is_some_and(|n| (*start..*end).contains(&n)))
        }
    };
    holds != matcher.invert_match
}

fn integer(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value.trim_ascii()).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, Method};

    use super::*;
    use crate::policy::StringMatcher;

    const X: HeaderName = HeaderName::from_static("x");

    fn matches(matcher: &HeaderMatcher, lines: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X, line.parse().unwrap());
        }
        response_matches(matcher, &headers)
    }

    #[test]
    fn any_line_matches_and_a_missing_header_fails() {
        let mut exact = HeaderMatcher::exact(X, "a");
        assert!(matches(&exact, &["b", "a"]) && !matches(&exact, &["b"]) && !matches(&exact, &[]));
        exact.invert_match = true;
        assert!(!matches(&exact, &["b", "a"]) && matches(&exact, &["b"]) && !matches(&exact, &[]));
        exact.treat_missing_header_as_empty = true;
        assert!(matches(&exact, &[]));

        let present =
            |wanted| HeaderMatcher::new(HeaderMatcherName::Header(X), HeaderMatch::Present(wanted));
        assert!(matches(&present(true), &[""]) && !matches(&present(true), &[]));
        assert!(!matches(&present(false), &[""]) && matches(&present(false), &[]));

        let range = HeaderMatch::Range { start: -1, end: 3 };
        let range = HeaderMatcher::new(HeaderMatcherName::Header(X), range);
        assert!(matches(&range, &["x", " -1 "]) && !matches(&range, &["3"]));
    }

    #[test]
    fn pseudo_headers_are_the_requests_alone() {
        let matcher = HeaderMatcher::new(
            HeaderMatcherName::Method,
            HeaderMatch::String(StringMatcher::exact("GET")),
        );
        let request = RequestHead {
            method: &Method::GET,
            scheme: "http",
            authority: "",
            path: "/",
            headers: &HeaderMap::new(),
        };
        assert!(request_matches(&matcher, &request));
        assert!(!response_matches(&matcher, &HeaderMap::new()));
        let host = HeaderMatcher::new(HeaderMatcherName::Authority, HeaderMatch::Present(false));
        assert!(request_matches(&host, &request));
    }
}
