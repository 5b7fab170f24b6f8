//! `HTTPRoute`.

use super::{
    GatewayRoute, RouteKind, Rule, check_names, filter, http_match, reference, retry, schema,
};
use crate::file::{
    reader::{Obj, Val},
    schema::{Schema, enforced, ignored, not_yet},
};
use mesh_core::policy::PathMatcher;

pub(super) const SCHEMAS: &[&Schema] = &[&HTTP_ROUTE, &RULE];

static HTTP_ROUTE: Schema = schema(
    "HTTPRouteSpec",
    &[
        enforced("parentRefs"),
        ignored("hostnames", super::grpc_route::HOSTNAMES),
        enforced("rules"),
        ignored(
            "useDefaultGateways",
            "there are no gateways here that could take the route",
        ),
    ],
);

static RULE: Schema = schema(
    "HTTPRouteRule",
    &[
        enforced("name"),
        enforced("matches"),
        enforced("filters"),
        enforced("backendRefs"),
        enforced("timeouts"),
        enforced("retry"),
        not_yet("sessionPersistence"),
    ],
);

pub(super) fn read(value: &Val<'_>) -> Option<GatewayRoute> {
    let obj = value.object(&HTTP_ROUTE)?;
    let mut names = Vec::new();
    let mut rules = Vec::new();
    for value in obj.list("rules") {
        if let Some(rule) = rule(&value) {
            names.push((rule.name.clone(), value));
            rules.push(rule);
        }
    }
    check_names(&names);
    if obj.get("rules").is_none() {
        // The API's default: a rule for everything, which goes nowhere.
        rules.push(Rule {
            at: obj.at(),
            name: None,
            matches: vec![http_match::any(value)],
            filters: filter::Filters::default(),
            backends: Vec::new(),
            request_timeout: None,
            backend_timeout: None,
            retry: None,
        });
    }
    Some(GatewayRoute {
        kind: RouteKind::Http,
        parents: reference::parents(&obj),
        rules,
    })
}

fn rule(value: &Val<'_>) -> Option<Rule> {
    let obj = value.object(&RULE)?;
    let mut matches: Vec<_> = obj
        .list("matches")
        .iter()
        .filter_map(http_match::read)
        .collect();
    if obj.list("matches").is_empty() {
        matches.push(http_match::any(value));
    }
    let one_prefix = match &matches[..] {
        [one] => matches!(
            one.matches.path,
            PathMatcher::Prefix(_) | PathMatcher::SeparatedPrefix(_)
        ),
        _ => false,
    };
    let (request_timeout, backend_timeout) = retry::timeouts(&obj);
    let rule = Rule {
        at: obj.at(),
        name: obj.text("name"),
        filters: filter::read(&obj, RouteKind::Http, one_prefix),
        backends: obj
            .list("backendRefs")
            .iter()
            .filter_map(|v| reference::backend(v, RouteKind::Http, one_prefix))
            .collect(),
        matches,
        request_timeout,
        backend_timeout,
        retry: obj.get("retry").and_then(|v| retry::read(&v)),
    };
    check_redirect(&obj, &rule);
    Some(rule)
}

fn check_redirect(obj: &Obj<'_>, rule: &Rule) {
    if rule.filters.redirect.is_some() && !rule.backends.is_empty() {
        obj.fail(
            "backendRefs",
            "have no meaning beside a RequestRedirect filter",
        );
    }
}
