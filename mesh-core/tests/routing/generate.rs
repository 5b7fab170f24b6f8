//! Configurations and requests made of bytes, from few words so that they collide often.

use std::sync::LazyLock;

use http::{HeaderName, Method};
use mesh_core::{
    mix,
    policy::{
        ClusterSpecifier, CookieMatcher, DirectResponse, ForwardAction, FractionalPercent,
        HeaderMatch, HeaderMatcher, HeaderMatcherName, Name, PathMatcher, QueryMatch,
        QueryParameterMatcher, Redirect, RedirectPath, Regex, Route, RouteAction,
        RouteConfiguration, RouteMatch, StringMatch, StringMatcher, VirtualHost, WeightedCluster,
        WeightedClusters,
    },
};

use crate::request::Request;

static REGEXES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    ["/a.*", ".*", "/(a|b)+", "/a/b", "(?i)/A.*", "1|", "[^/]+"]
        .map(|pattern| Regex::try_new(pattern).unwrap())
        .into()
});

const HEADERS: [HeaderName; 4] = [
    http::header::ACCEPT,
    http::header::HOST,
    http::header::VIA,
    http::header::CONTENT_TYPE,
];

/// Reads choices from bytes; when they run out, from a fixed sequence.
pub(crate) struct Bytes<'a> {
    bytes: &'a [u8],
    past: u64,
}

impl<'a> Bytes<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, past: 0 }
    }

    fn next(&mut self) -> usize {
        if let Some((&first, rest)) = self.bytes.split_first() {
            self.bytes = rest;
            usize::from(first)
        } else {
            self.past += 1;
            (mix(self.past) % 256) as usize
        }
    }

    fn pick<T: Clone>(&mut self, options: &[T]) -> T {
        options[self.next() % options.len()].clone()
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.next().is_multiple_of(n)
    }

    fn several<T>(&mut self, counts: &[usize], make: impl Fn(&mut Self) -> T) -> Vec<T> {
        (0..self.pick(counts)).map(|_| make(self)).collect()
    }

    fn words(&mut self, words: &[&'static str], counts: &[usize], separator: &str) -> String {
        self.several(counts, |b| b.pick(words)).join(separator)
    }

    fn host(&mut self) -> String {
        self.words(&["a", "b", "B", "ab", "a-b", ""], &[1, 2, 2, 3], ".")
    }

    fn domain(&mut self) -> Name {
        let host = self.host();
        match self.next() % 16 {
            0 => "*".into(),
            1..=4 => format!("*.{host}").into(),
            5 => format!("*{host}").into(),
            6..=8 => format!("{host}.*").into(),
            9 => format!("{host}:*").into(),
            10 => format!("{host}:80").into(),
            11 => self.pick(&["[::1]", "[::1]:80", "[::1]:*"]).into(),
            12 if self.one_in(16) => format!("a*{host}").into(),
            _ => host.into(),
        }
    }

    fn authority(&mut self) -> String {
        match self.next() % 16 {
            0 => self.pick(&["[::1]", "[::1]:80", "::1", ":", ""]).to_owned(),
            1 => format!("{}.b", "a".repeat(300)),
            2 => "é.b".to_owned(),
            _ => self.host() + self.pick(&["", "", ":80", ":"]),
        }
    }

    fn path(&mut self) -> String {
        let path = self.words(&["a", "b", "ab", "A", "aB", ""], &[0, 1, 2, 2, 3], "/");
        format!("/{path}")
    }

    fn path_matcher(&mut self) -> PathMatcher {
        let path = self.path();
        match self.next() % 8 {
            0 => PathMatcher::Regex(self.pick(&REGEXES)),
            1 | 2 => PathMatcher::Exact(path.into()),
            3 | 4 if path.ends_with('/') && !self.one_in(64) => PathMatcher::Exact(path.into()),
            3 | 4 => PathMatcher::SeparatedPrefix(path.into()),
            5 => PathMatcher::Prefix(self.pick(&["", "/", "/a?b"]).into()),
            _ => PathMatcher::Prefix(path.into()),
        }
    }

    fn value(&mut self) -> &'static str {
        self.pick(&["", "a", "A", "b", "ab", "1", "+2", "application/grpc"])
    }

    fn string(&mut self) -> StringMatcher {
        let value = self.value().into();
        let mut matcher = StringMatcher::new(match self.next() % 5 {
            0 => StringMatch::Prefix(value),
            1 => StringMatch::Suffix(value),
            2 => StringMatch::Contains(value),
            3 => StringMatch::Regex(self.pick(&REGEXES)),
            _ => StringMatch::Exact(value),
        });
        matcher.ignore_case = self.one_in(2);
        matcher
    }

    fn header_matcher(&mut self) -> HeaderMatcher {
        let header = HeaderMatcherName::Header(self.pick(&HEADERS));
        let name = match self.next() % 8 {
            0 => HeaderMatcherName::Authority,
            1 => HeaderMatcherName::Path,
            2 => HeaderMatcherName::Scheme,
            3 => {
                let method = StringMatcher::exact(self.pick(&["GET", "POST"]));
                return HeaderMatcher::new(HeaderMatcherName::Method, HeaderMatch::String(method));
            }
            _ => header,
        };
        let kind = match self.next() % 4 {
            0 => HeaderMatch::Present(self.one_in(2)),
            1 => HeaderMatch::Range {
                start: self.pick(&[-1, 0, 2]),
                end: self.pick(&[0, 2, 3]),
            },
            _ => HeaderMatch::String(self.string()),
        };
        let mut matcher = HeaderMatcher::new(name, kind);
        matcher.invert_match = self.one_in(3);
        matcher.treat_missing_header_as_empty = self.one_in(4);
        matcher
    }

    fn route_match(&mut self) -> RouteMatch {
        let mut route_match = RouteMatch::new(self.path_matcher());
        route_match.case_sensitive = !self.one_in(3);
        if self.one_in(2) {
            route_match.headers = self.several(&[0, 1, 1, 2], Self::header_matcher);
            route_match.query_parameters = self.several(&[0, 0, 1], |b| QueryParameterMatcher {
                name: b.pick(&["a", "k"]).into(),
                kind: match b.one_in(2) {
                    true => QueryMatch::Present(b.one_in(2)),
                    false => QueryMatch::String(b.string()),
                },
            });
            route_match.cookies = self.several(&[0, 0, 1], |b| CookieMatcher {
                name: b.pick(&["a", "b"]).into(),
                value: b.string(),
                invert_match: b.one_in(2),
            });
            let fraction = FractionalPercent::per_hundred(self.pick(&[0, 30, 70]));
            route_match.runtime_fraction = self.one_in(4).then_some(fraction);
            route_match.grpc = self.one_in(8);
        }
        route_match
    }

    fn action(&mut self) -> RouteAction {
        let cluster = match self.next() % 8 {
            0 => {
                return RouteAction::Redirect(Box::new(Redirect {
                    scheme: self.one_in(2).then(|| "https".into()),
                    port: self.one_in(2).then_some(80),
                    path: self
                        .one_in(2)
                        .then(|| RedirectPath::Prefix(self.path().into())),
                    strip_query: self.one_in(2),
                    ..Redirect::default()
                }));
            }
            1 => {
                return RouteAction::DirectResponse(DirectResponse {
                    status: http::StatusCode::OK,
                    body: "".into(),
                });
            }
            2 => ClusterSpecifier::ClusterHeader(self.pick(&HEADERS)),
            3 | 4 => {
                let clusters = self.several(&[1, 2, 3], |b| {
                    WeightedCluster::new(b.pick(&["a", "b"]), b.pick(&[0, 1, 30, 70]))
                });
                match WeightedClusters::try_new(clusters) {
                    Ok(mut weighted) => {
                        weighted.header_name = self.one_in(2).then(|| self.pick(&HEADERS));
                        ClusterSpecifier::Weighted(weighted)
                    }
                    Err(_) => ClusterSpecifier::Cluster("all zero".into()),
                }
            }
            _ => ClusterSpecifier::Cluster(self.pick(&["a", "b"]).into()),
        };
        ForwardAction::to(cluster).into()
    }

    /// Mostly one that the router accepts.
    pub(crate) fn config(&mut self) -> RouteConfiguration {
        let mut seen = Vec::new();
        let mut hosts = Vec::new();
        for _ in 0..self.pick(&[1, 2, 3, 5]) {
            let mut domains = self.several(&[1, 1, 2, 4], Self::domain);
            let keep_duplicates = self.one_in(32);
            domains.retain(|domain| {
                let new = !seen.contains(&domain.to_ascii_lowercase());
                seen.push(domain.to_ascii_lowercase());
                new || keep_duplicates
            });
            if !domains.is_empty() || keep_duplicates {
                let routes = self.several(&[0, 1, 2, 4, 8, 16, 40], |b| {
                    Route::new(b.route_match(), b.action())
                });
                hosts.push(VirtualHost::new(domains, routes));
            }
        }
        let mut config = RouteConfiguration::new("rc", hosts);
        config.ignore_port_in_host_matching = self.one_in(2);
        config
    }

    pub(crate) fn request(&mut self) -> Request {
        let query = self.pick(&[
            "", "", "?", "?a", "?k=1", "?k=a&k=b", "?a=&k", "#f", "?a#b?k",
        ]);
        let mut request = Request::get(&(self.path() + query)).to(&self.authority());
        if self.one_in(64) {
            request.path.clear();
        }
        request.method = self.pick(&[Method::GET, Method::POST, Method::CONNECT]);
        request.scheme = self.pick(&["http", "https"]);
        for _ in 0..self.pick(&[0, 1, 2, 4]) {
            let value = self.value().parse().unwrap();
            request.headers.append(self.pick(&HEADERS), value);
        }
        for _ in 0..self.pick(&[0, 0, 1, 2]) {
            let line = self.pick(&["a=1", "a=\"a\"; b=A", "b=; a", ";a==", " b=1"]);
            let line = line.parse().unwrap();
            request.headers.append(http::header::COOKIE, line);
        }
        request
    }

    pub(crate) fn draw(&mut self) -> u64 {
        mix(self.next() as u64)
    }
}
