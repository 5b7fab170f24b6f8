//! `HTTPMatchRequest`: the conditions of a route.

use std::sync::Arc;

use http::HeaderName;
use mesh_core::policy::{
    HeaderMatch, HeaderMatcher, HeaderMatcherName, Metadata, PathMatcher, QueryMatch,
    QueryParameterMatcher, RouteMatch, StringMatch, StringMatcher,
};

use super::common::{STRING_MATCH, presence_or_match, string_match};
use crate::file::{
    problem::At,
    reader::{Obj, Val},
    schema::{Schema, enforced, ignored},
};

/// One entry of `match`: what is compared with each request, and what is decided when the rule is
/// translated, since it is about the client.
#[derive(Debug)]
pub(crate) struct HttpMatch {
    pub(crate) at: At,
    pub(crate) name: Arc<str>,
    pub(crate) matches: RouteMatch,
    /// The port dialled.
    pub(crate) port: Option<u16>,
    pub(crate) source_labels: Metadata,
    pub(crate) source_namespace: Option<Arc<str>>,
    /// When not empty, it takes the place of the two above.
    pub(crate) gateways: Vec<Arc<str>>,
}

pub(super) const SCHEMAS: &[&Schema] = &[&HTTP_MATCH, &STRING_MATCH];

static HTTP_MATCH: Schema = Schema::new(
    "HTTPMatchRequest",
    &[
        enforced("name"),
        enforced("uri"),
        enforced("scheme"),
        enforced("method"),
        enforced("authority"),
        enforced("headers"),
        enforced("withoutHeaders"),
        enforced("queryParams"),
        enforced("ignoreUriCase"),
        enforced("port"),
        enforced("sourceLabels"),
        enforced("sourceNamespace"),
        enforced("gateways"),
        ignored("statPrefix", "metrics have no prefixes here"),
    ],
);

pub(super) fn read(value: &Val<'_>) -> Option<HttpMatch> {
    let obj = value.object(&HTTP_MATCH)?;
    let mut matches = RouteMatch::new(uri(&obj));
    matches.case_sensitive = !obj.boolean("ignoreUriCase");
    for (field, name) in [
        ("scheme", HeaderMatcherName::Scheme),
        ("method", HeaderMatcherName::Method),
        ("authority", HeaderMatcherName::Authority),
    ] {
        if let Some(kind) = obj.get(field).and_then(|v| header_match(&v)) {
            matches.headers.push(HeaderMatcher::new(name, kind));
        }
    }
    for (key, value) in obj.map("headers") {
        if let (Some(name), Some(kind)) = (header_name(&key, &value), header_match(&value)) {
            matches.headers.push(HeaderMatcher::new(name, kind));
        }
    }
    for (key, value) in obj.map("withoutHeaders") {
        if let (Some(name), Some(kind)) = (header_name(&key, &value), header_match(&value)) {
            // An absent header is tested as "", except when presence itself is the question.
            let treat_missing_header_as_empty = !matches!(kind, HeaderMatch::Present(_));
            matches.headers.push(HeaderMatcher {
                name,
                kind,
                invert_match: true,
                treat_missing_header_as_empty,
            });
        }
    }
    for (name, value) in obj.map("queryParams") {
        if let Some(matcher) = presence_or_match(&value) {
            let kind = matcher.map_or(QueryMatch::Present(true), QueryMatch::String);
            let parameter = QueryParameterMatcher { name, kind };
            matches.query_parameters.push(parameter);
        }
    }
    Some(HttpMatch {
        at: obj.at(),
        name: obj.text("name").unwrap_or_else(|| Arc::from("")),
        matches,
        port: obj.get("port").and_then(|v| v.port()),
        source_labels: obj.string_map("sourceLabels").into_iter().collect(),
        source_namespace: obj.text("sourceNamespace"),
        gateways: obj.list("gateways").iter().filter_map(Val::text).collect(),
    })
}

/// `prefix` is a plain byte prefix here, not one of whole segments.
fn uri(obj: &Obj<'_>) -> PathMatcher {
    let matcher = obj.get("uri").and_then(|v| string_match(&v)).flatten();
    match matcher.map(|m| m.kind) {
        Some(StringMatch::Exact(path)) => PathMatcher::Exact(path),
        Some(StringMatch::Prefix(prefix)) => PathMatcher::Prefix(prefix),
        Some(StringMatch::Regex(regex)) => PathMatcher::Regex(regex),
        _ => PathMatcher::Prefix("/".into()),
    }
}

fn header_match(value: &Val<'_>) -> Option<HeaderMatch> {
    let matcher: Option<StringMatcher> = presence_or_match(value)?;
    Some(matcher.map_or(HeaderMatch::Present(true), HeaderMatch::String))
}

fn header_name(name: &str, value: &Val<'_>) -> Option<HeaderMatcherName> {
    Some(match name {
        ":method" => HeaderMatcherName::Method,
        ":authority" => HeaderMatcherName::Authority,
        ":path" => HeaderMatcherName::Path,
        ":scheme" => HeaderMatcherName::Scheme,
        _ if name.eq_ignore_ascii_case("host") => HeaderMatcherName::Authority,
        _ if name.starts_with('@') => {
            value.fail("JWT claims can only be matched on gateways");
            return None;
        }
        _ => match HeaderName::from_bytes(name.as_bytes()) {
            Ok(name) => HeaderMatcherName::Header(name),
            Err(_) => {
                value.fail("is no header name");
                return None;
            }
        },
    })
}
