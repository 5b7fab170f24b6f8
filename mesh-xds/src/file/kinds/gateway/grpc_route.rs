//! `GRPCRoute`.

use mesh_core::policy::{PathMatcher, Regex, RouteMatch};

use super::{
    GatewayRoute, Match, RouteKind, Rule, check_names, filter,
    http_match::{self, EXACT_OR_REGEX, MatchType},
    reference, schema,
};
use crate::file::{
    kinds::common::regex,
    reader::{Obj, Val},
    schema::{Schema, enforced, ignored, not_yet},
};

pub(super) const SCHEMAS: &[&Schema] = &[&GRPC_ROUTE, &RULE, &GRPC_ROUTE_MATCH, &METHOD_MATCH];

/// GEP-1294: implementations should not infer anything from the field.
pub(super) const HOSTNAMES: &str =
    "a route of a Service is for the Service's own names; match the `host` header instead";

static GRPC_ROUTE: Schema = schema(
    "GRPCRouteSpec",
    &[
        enforced("parentRefs"),
        ignored("hostnames", HOSTNAMES),
        enforced("rules"),
        ignored(
            "useDefaultGateways",
            "there are no gateways here that could take the route",
        ),
    ],
);

static RULE: Schema = schema(
    "GRPCRouteRule",
    &[
        enforced("name"),
        enforced("matches"),
        enforced("filters"),
        enforced("backendRefs"),
        not_yet("sessionPersistence"),
    ],
);

static GRPC_ROUTE_MATCH: Schema =
    schema("GRPCRouteMatch", &[enforced("method"), enforced("headers")]);

static METHOD_MATCH: Schema = schema(
    "GRPCMethodMatch",
    &[enforced("type"), enforced("service"), enforced("method")],
);

pub(super) fn read(value: &Val<'_>) -> Option<GatewayRoute> {
    let obj = value.object(&GRPC_ROUTE)?;
    let mut names = Vec::new();
    let mut rules = Vec::new();
    for value in obj.list("rules") {
        if let Some(rule) = rule(&value) {
            names.push((rule.name.clone(), value));
            rules.push(rule);
        }
    }
    check_names(&names);
    Some(GatewayRoute {
        kind: RouteKind::Grpc,
        parents: reference::parents(&obj),
        rules,
    })
}

fn rule(value: &Val<'_>) -> Option<Rule> {
    let obj = value.object(&RULE)?;
    let mut matches: Vec<_> = obj.list("matches").iter().filter_map(grpc_match).collect();
    if obj.list("matches").is_empty() {
        matches.push(Match {
            at: obj.at(),
            matches: grpc(PathMatcher::Prefix("/".into())),
            rank: [0; 5],
        });
    }
    Some(Rule {
        at: obj.at(),
        name: obj.text("name"),
        matches,
        filters: filter::read(&obj, RouteKind::Grpc, false),
        backends: obj
            .list("backendRefs")
            .iter()
            .filter_map(|v| reference::backend(v, RouteKind::Grpc, false))
            .collect(),
        request_timeout: None,
        backend_timeout: None,
        retry: None,
    })
}

/// Precedence: the longer service, the longer method, more headers. A regex, whose rank is left to
/// implementations, counts as no characters.
fn grpc_match(value: &Val<'_>) -> Option<Match> {
    let obj = value.object(&GRPC_ROUTE_MATCH)?;
    let (service, method, path) = match obj.object("method", &METHOD_MATCH) {
        Some(obj) => method_match(&obj)?,
        None => (0, 0, PathMatcher::Prefix("/".into())),
    };
    let mut matches = grpc(path);
    matches.headers = http_match::headers(&obj);
    let headers = matches.headers.len();
    Some(Match {
        at: obj.at(),
        matches,
        rank: [service, method, headers, 0, 0],
    })
}

/// Requests that are no gRPC are none of a GRPCRoute's.
fn grpc(path: PathMatcher) -> RouteMatch {
    let mut matches = RouteMatch::new(path);
    matches.grpc = true;
    matches
}

/// How many characters of service and method are matched, and the path that they make.
fn method_match(obj: &Obj<'_>) -> Option<(usize, usize, PathMatcher)> {
    let kind = match obj.get("type") {
        Some(v) => v.keyword(&EXACT_OR_REGEX)?,
        None => MatchType::Exact,
    };
    let part = |field| Some(obj.text(field)?).filter(|text| !text.is_empty());
    let (service, method) = (part("service"), part("method"));
    if service.is_none() && method.is_none() {
        obj.fail("", "must have a service or a method");
        return None;
    }
    if kind == MatchType::Regex {
        let any = "[^/]+";
        for field in ["service", "method"] {
            if let Some(value) = obj.get(field)
                && let Some(text) = value.text()
            {
                regex(&value, &text)?;
            }
        }
        let pattern = format!(
            "/(?:{})/(?:{})",
            service.as_deref().unwrap_or(any),
            method.as_deref().unwrap_or(any)
        );
        let pattern = Regex::try_new(&pattern).map_err(|e| obj.fail("", e.to_string()));
        return Some((0, 0, PathMatcher::Regex(pattern.ok()?)));
    }
    for (field, text, dots) in [("service", &service, true), ("method", &method, false)] {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || (dots && c == '.');
        if text.as_ref().is_some_and(|text| !text.chars().all(word)) {
            obj.fail(field, "is no name of protobuf's");
            return None;
        }
    }
    let length = |text: &Option<std::sync::Arc<str>>| text.as_ref().map_or(0, |t| t.len());
    let path = match (&service, &method) {
        (Some(service), Some(method)) => PathMatcher::Exact(format!("/{service}/{method}").into()),
        (Some(service), None) => PathMatcher::Prefix(format!("/{service}/").into()),
        // The name has no character that means anything to a regex.
        (None, method) => {
            let method = method.as_deref().unwrap_or_default();
            let pattern = Regex::try_new(&format!("/[^/]+/{method}"));
            PathMatcher::Regex(pattern.map_err(|e| obj.fail("", e.to_string())).ok()?)
        }
    };
    Some((length(&service), length(&method), path))
}
