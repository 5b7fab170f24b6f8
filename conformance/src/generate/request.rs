//! Requests that hit, or nearly hit, a configuration's routes.

use mesh_core::policy::{
    HeaderMatch, HeaderMatcherName, PathMatcher, QueryMatch, Route, RouteConfiguration, StringMatch,
};

use super::{
    Draws,
    action::{CLUSTER, DRAW},
    matching::HEADERS,
};
use crate::{
    differences,
    wire::{Head, Message},
};

/// A request aimed at one of the routes of `config`.
pub fn request(draws: &Draws, config: &RouteConfiguration) -> Message {
    let host = (!config.virtual_hosts.is_empty()).then(|| draws.pick(&config.virtual_hosts));
    let route = host
        .as_ref()
        .and_then(|h| (!h.routes.is_empty()).then(|| draws.pick(&h.routes)));
    let authority = match &host {
        Some(host) if !draws.one_in(16) => draws.authority(&draws.pick(&host.domains)),
        _ => draws.authority(&draws.host()),
    };
    let path = match &route {
        Some(route) if !draws.one_in(16) => draws.aimed_path(&route.matches.path),
        _ => draws.path(),
    };
    let mut headers = vec![("host".to_owned(), authority)];
    let mut queries = draws.several(&[0, 0, 0, 1, 2], |d| {
        let pairs = [
            "a", "k", "k=", "k=1", "a=b&k=a", "k=a&k=b", "=", "", "a=%61", "A=a+b", "k=a=b", "&k",
        ];
        d.pick(&pairs).to_owned()
    });
    if let Some(route) = &route {
        draws.aim(route, &mut headers, &mut queries);
    }
    for _ in 0..draws.pick(&[0, 0, 1, 2, 4]) {
        let name = draws.pick(&HEADERS).to_string();
        headers.push((name, draws.value().to_owned()));
    }
    for _ in 0..draws.pick(&[0, 0, 0, 1, 2]) {
        let line = draws.pick(&[
            "a=1",
            "a=\"a\"; b=A",
            "b=; a",
            ";a==",
            "b=1;a=a",
            "a=ab; a=b",
            "a=\"",
            "a= a",
        ]);
        headers.push(("cookie".to_owned(), line.to_owned()));
    }
    if !draws.one_in(6) {
        headers.push((
            CLUSTER.to_string(),
            draws.pick(&["a", "b", "c", "missing"]).to_owned(),
        ));
    }
    let draw = draws.pick(&[
        "0",
        "1",
        "29",
        "30",
        "99",
        "100",
        "101",
        "4294967296",
        "18446744073709551615",
    ]);
    headers.push((DRAW.to_string(), draw.to_owned()));
    if draws.one_in(10) {
        let grpc = draws.pick(&[
            "application/grpc",
            "application/grpc+proto",
            "application/grpc-web",
        ]);
        headers.push(("content-type".to_owned(), grpc.to_owned()));
    }
    if draws.one_in(10) {
        headers.push((
            "x-forwarded-proto".to_owned(),
            draws.pick(&["http", "https"]).to_owned(),
        ));
    }
    if draws.one_in(3) {
        let origin = draws.pick(&["http://a.com", "http://b.com", "http://c.com", ""]);
        headers.push(("origin".to_owned(), origin.to_owned()));
        if draws.one_in(2) {
            let name = "access-control-request-method".to_owned();
            headers.push((name, draws.pick(&["PUT", "GET", ""]).to_owned()));
            let name = "access-control-request-headers".to_owned();
            headers.push((name, draws.pick(&["x-a", "x-a,x-b"]).to_owned()));
        }
        if draws.one_in(4) {
            let name = "access-control-request-private-network".to_owned();
            headers.push((name, draws.pick(&["true", "false"]).to_owned()));
        }
    }
    // Several lines of these are one to Envoy and several to the mesh, also where they are matched.
    let mut seen = Vec::new();
    headers.retain(|(name, _)| {
        let new = !differences::is_folded(name) || !seen.contains(name);
        seen.push(name.clone());
        new
    });
    let method = draws.pick(&["GET", "GET", "GET", "GET", "POST", "PUT", "HEAD", "OPTIONS"]);
    let body = match method {
        "POST" | "PUT" => draws.pick(&["", "body", "a longer body"]).to_owned(),
        _ => String::new(),
    };
    if matches!(method, "POST" | "PUT") {
        headers.push(("content-length".to_owned(), body.len().to_string()));
    }
    let query = match (queries.is_empty(), draws.one_in(16)) {
        (true, false) => String::new(),
        _ => format!("?{}", queries.join("&")),
    };
    let start = [method.to_owned(), path + &query, "HTTP/1.1".to_owned()];
    Message {
        head: Head { start, headers },
        body,
    }
}

impl Draws {
    fn authority(&self, domain: &str) -> String {
        let filled = self.pick(&["a", "b", "a.b", "1", ""]);
        let host = domain.replace('*', filled);
        let host = match self.below(6) {
            0 => host.to_ascii_uppercase(),
            1 => host.to_ascii_lowercase(),
            _ => host,
        };
        match self.below(24) {
            // Without a host there is nothing to route: a table compares that.
            _ if host.is_empty() => "a".to_owned(),
            0 | 1 if !host.contains(':') => host + ":80",
            2 if !host.contains(':') => host + ":8080",
            3 if host.len() > 1 && !host.starts_with('[') => host[1..].to_owned(),
            _ => host,
        }
    }

    /// A path that the matcher takes, or one close by.
    fn aimed_path(&self, matcher: &PathMatcher) -> String {
        let path = match matcher {
            PathMatcher::Exact(path) => path.to_string(),
            PathMatcher::Prefix(prefix) | PathMatcher::SeparatedPrefix(prefix) => {
                let rest = self.pick(&["", "", "/", "/a", "a", "//", "/a/1", ";x"]);
                format!("{prefix}{rest}")
            }
            _ => self.path(),
        };
        let path = match self.below(20) {
            0 => path.to_ascii_uppercase(),
            1 => path.to_ascii_lowercase(),
            2 => format!("{path}/"),
            3 if path.len() > 1 => path[..path.len() - 1].to_owned(),
            _ => path,
        };
        match path.starts_with('/') {
            true => path,
            false => format!("/{path}"),
        }
    }

    /// Adds what meets the route's other conditions, now and then changed a little.
    fn aim(&self, route: &Route, headers: &mut Vec<(String, String)>, queries: &mut Vec<String>) {
        for matcher in &route.matches.headers {
            let HeaderMatcherName::Header(name) = &matcher.name else {
                continue;
            };
            let absent = match matcher.kind {
                HeaderMatch::Present(present) => present == matcher.invert_match,
                _ => false,
            };
            if *name == http::header::HOST || absent != self.one_in(8) {
                continue;
            }
            let value = match &matcher.kind {
                HeaderMatch::String(string) => self.near(&string.kind),
                HeaderMatch::Range { start, end } => {
                    let near =
                        self.pick(&[*start, *end, start.saturating_add(1), end.saturating_sub(1)]);
                    near.to_string()
                }
                _ => self.value().to_owned(),
            };
            headers.push((name.to_string(), value));
        }
        for matcher in &route.matches.query_parameters {
            if (matcher.kind == QueryMatch::Present(false)) != self.one_in(8) {
                continue;
            }
            let value = match &matcher.kind {
                QueryMatch::String(string) => self.near(&string.kind).replace(' ', "+"),
                _ => self.value().replace(' ', "+"),
            };
            queries.push(format!("{}={value}", matcher.name));
        }
        for matcher in &route.matches.cookies {
            if !self.one_in(8) {
                let value = self.near(&matcher.value.kind);
                headers.push(("cookie".to_owned(), format!("{}={value}", matcher.name)));
            }
        }
        if route.matches.grpc && !self.one_in(8) {
            headers.push(("content-type".to_owned(), "application/grpc".to_owned()));
        }
    }

    fn near(&self, string: &StringMatch) -> String {
        let value = match string {
            StringMatch::Exact(value) => value.to_string(),
            StringMatch::Prefix(value) => format!("{value}{}", self.value()),
            StringMatch::Suffix(value) => format!("{}{value}", self.value()),
            StringMatch::Contains(value) => format!("{}{value}{}", self.value(), self.value()),
            _ => self.value().to_owned(),
        };
        match self.below(12) {
            0 => value.to_ascii_uppercase(),
            1 => format!("{value}a"),
            _ => value,
        }
    }
}
