//! Route matches.

use http::{HeaderName, header};
use mesh_core::policy::{
    CookieMatcher, FractionalPercent, HeaderMatch, HeaderMatcher, HeaderMatcherName, PathMatcher,
    QueryMatch, QueryParameterMatcher, RouteMatch, StringMatch, StringMatcher,
};

use super::Draws;

pub(super) const X_A: HeaderName = HeaderName::from_static("x-a");
pub(super) const X_B: HeaderName = HeaderName::from_static("x-b");
pub(super) const X_C: HeaderName = HeaderName::from_static("x-c");

/// The request headers that are matched and changed.
pub(super) const HEADERS: [HeaderName; 5] = [X_A, X_B, X_C, header::USER_AGENT, header::ACCEPT];

const PATH_REGEXES: &[&str] = &[
    "/a.*",
    "/(a|b)+",
    "/[^/]+",
    "/[a-c]+/[0-9]+",
    ".*",
    "(?i)/AB",
    "/a\\.b",
    "/a/?",
    "a|/b",
    "/a.b",
    "/\\w+",
    "^/a$",
    "/a{1,2}b?",
    "/%61",
];

const VALUE_REGEXES: &[&str] = &[
    "a",
    "a.*",
    ".*b",
    "[a-c]+",
    "(?i)AB",
    "a|b",
    "\\d+",
    "^a$",
    "a?",
    ".",
    "a,b",
    "\\S+ \\S+",
];

impl Draws {
    pub(super) fn route_match(&self) -> RouteMatch {
        let mut route_match = RouteMatch::new(self.path_matcher());
        route_match.case_sensitive = !self.one_in(3);
        if self.one_in(2) {
            route_match.headers = self.several(&[0, 1, 1, 2], Self::header_matcher);
            route_match.query_parameters = self.several(&[0, 0, 0, 1, 2], Self::query_parameter);
            route_match.cookies = self.several(&[0, 0, 0, 1], Self::cookie_matcher);
            route_match.grpc = self.one_in(12);
        }
        route_match.runtime_fraction = self
            .one_in(10)
            .then(|| FractionalPercent::per_hundred(self.pick(&[0, 100, 100])));
        route_match
    }

    fn path_matcher(&self) -> PathMatcher {
        let path = self.path();
        match self.below(8) {
            0 => PathMatcher::Regex(self.regex(PATH_REGEXES)),
            1 | 2 => PathMatcher::Exact(path.into()),
            3 | 4 if !path.ends_with('/') => PathMatcher::SeparatedPrefix(path.into()),
            5 => PathMatcher::Prefix(self.pick(&["", "/", "/a?b", "/"]).into()),
            _ => PathMatcher::Prefix(path.into()),
        }
    }

    pub(super) fn string_matcher(&self) -> StringMatcher {
        let value = self.value();
        let mut matcher = StringMatcher::new(match self.below(6) {
            0 if !value.is_empty() => StringMatch::Prefix(value.into()),
            1 if !value.is_empty() => StringMatch::Suffix(value.into()),
            2 if !value.is_empty() => StringMatch::Contains(value.into()),
            3 => StringMatch::Regex(self.regex(VALUE_REGEXES)),
            _ => StringMatch::Exact(value.into()),
        });
        // Envoy rejects it for a regex, where it has no effect.
        let regex = matches!(matcher.kind, StringMatch::Regex(_));
        matcher.ignore_case = !regex && self.one_in(3);
        matcher
    }

    pub(super) fn header_matcher(&self) -> HeaderMatcher {
        let (name, kind) = match self.below(12) {
            0 => (
                HeaderMatcherName::Method,
                HeaderMatch::String(StringMatcher::exact(self.pick(&["GET", "POST", "get"]))),
            ),
            1 => (
                HeaderMatcherName::Authority,
                HeaderMatch::String(StringMatcher::exact(self.host())),
            ),
            2 => (
                HeaderMatcherName::Header(header::HOST),
                HeaderMatch::String(StringMatcher::prefix(self.pick(&["a", "b", "A"]))),
            ),
            3 => (
                HeaderMatcherName::Path,
                HeaderMatch::String(StringMatcher::regex(
                    self.regex(&["/a.*", ".*\\?.*", "/a\\?k=1"]),
                )),
            ),
            4 => (
                HeaderMatcherName::Scheme,
                HeaderMatch::String(StringMatcher::exact(self.pick(&["http", "https"]))),
            ),
            n => (
                HeaderMatcherName::Header(self.pick(&HEADERS)),
                match n {
                    5 | 6 => HeaderMatch::Present(self.one_in(2)),
                    7 => HeaderMatch::Range {
                        start: self.pick(&[-1, 0, 1, 2, i64::MIN]),
                        end: self.pick(&[0, 1, 2, 11, i64::MAX]),
                    },
                    _ => HeaderMatch::String(self.string_matcher()),
                },
            ),
        };
        let mut matcher = HeaderMatcher::new(name, kind);
        matcher.invert_match = self.one_in(3);
        matcher.treat_missing_header_as_empty = self.one_in(4);
        matcher
    }

    fn query_parameter(&self) -> QueryParameterMatcher {
        QueryParameterMatcher {
            name: self.pick(&["a", "k", "A"]).into(),
            kind: match self.one_in(2) {
                true => QueryMatch::Present(!self.one_in(3)),
                false => QueryMatch::String(self.string_matcher()),
            },
        }
    }

    fn cookie_matcher(&self) -> CookieMatcher {
        CookieMatcher {
            name: self.pick(&["a", "b"]).into(),
            value: self.string_matcher(),
            invert_match: self.one_in(3),
        }
    }
}
