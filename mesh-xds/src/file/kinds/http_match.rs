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

/// A `StringMatch`; `None` is the empty one, which means presence.
pub(crate) type Matcher = Option<StringMatcher>;

/// One entry of `match`: what is compared with each request, and what is decided when the rule is
/// translated, since it is about the client. Kept as it was written, since a delegate's conditions
/// are compared and united with its root's.
#[derive(Clone, Debug)]
pub(crate) struct HttpMatch {
    pub(crate) at: At,
    pub(crate) name: Arc<str>,
    pub(crate) uri: Option<Matcher>,
    pub(crate) scheme: Option<Matcher>,
    pub(crate) method: Option<Matcher>,
    pub(crate) authority: Option<Matcher>,
    pub(crate) headers: Vec<HeaderCondition>,
    pub(crate) without_headers: Vec<HeaderCondition>,
    pub(crate) query_params: Vec<(Arc<str>, Matcher)>,
    pub(crate) ignore_uri_case: bool,
    /// The port dialled.
    pub(crate) port: Option<u16>,
    pub(crate) source_labels: Metadata,
    pub(crate) source_namespace: Option<Arc<str>>,
    /// When not empty, it takes the place of the two above.
    pub(crate) gateways: Vec<Arc<str>>,
}

/// An entry of `headers` or `withoutHeaders`.
#[derive(Clone, Debug)]
pub(crate) struct HeaderCondition {
    pub(crate) name: HeaderMatcherName,
    pub(crate) matcher: Matcher,
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
    let query_params = obj.map("queryParams").into_iter();
    Some(HttpMatch {
        at: obj.at(),
        name: obj.text("name").unwrap_or_else(|| Arc::from("")),
        uri: obj.get("uri").and_then(|v| string_match(&v)),
        scheme: obj.get("scheme").and_then(|v| presence_or_match(&v)),
        method: obj.get("method").and_then(|v| presence_or_match(&v)),
        authority: obj.get("authority").and_then(|v| presence_or_match(&v)),
        headers: header_conditions(&obj, "headers"),
        without_headers: header_conditions(&obj, "withoutHeaders"),
        query_params: query_params
            .filter_map(|(name, value)| Some((name, presence_or_match(&value)?)))
            .collect(),
        ignore_uri_case: obj.boolean("ignoreUriCase"),
        port: obj.get("port").and_then(|v| v.port()),
        source_labels: obj.string_map("sourceLabels").into_iter().collect(),
        source_namespace: obj.text("sourceNamespace").filter(|ns| !ns.is_empty()),
        gateways: obj.list("gateways").iter().filter_map(Val::text).collect(),
    })
}

fn header_conditions(obj: &Obj<'_>, field: &'static str) -> Vec<HeaderCondition> {
    obj.map(field)
        .into_iter()
        .filter_map(|(key, value)| {
            let name = header_name(&key, &value);
            let matcher = presence_or_match(&value);
            Some(HeaderCondition {
                name: name?,
                matcher: matcher?,
            })
        })
        .collect()
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

impl HttpMatch {
    /// The conditions about requests.
    pub(crate) fn route_match(&self) -> RouteMatch {
        let mut matches = RouteMatch::new(path(self.uri.as_ref()));
        matches.case_sensitive = !self.ignore_uri_case;
        let pseudo = [
            (&self.scheme, HeaderMatcherName::Scheme),
            (&self.method, HeaderMatcherName::Method),
            (&self.authority, HeaderMatcherName::Authority),
        ];
        let given = pseudo
            .into_iter()
            .filter_map(|(matcher, name)| Some((name, matcher.as_ref()?)));
        let headers = self.headers.iter().map(|h| (h.name.clone(), &h.matcher));
        for (name, matcher) in given.chain(headers) {
            let matcher = HeaderMatcher::new(name, header_match(matcher));
            matches.headers.push(matcher);
        }
        for condition in &self.without_headers {
            let kind = header_match(&condition.matcher);
            // An absent header is tested as "", except when presence itself is the question.
            let treat_missing_header_as_empty = !matches!(kind, HeaderMatch::Present(_));
            matches.headers.push(HeaderMatcher {
                name: condition.name.clone(),
                kind,
                invert_match: true,
                treat_missing_header_as_empty,
            });
        }
        for (name, matcher) in &self.query_params {
            let matcher = matcher.clone();
            let kind = matcher.map_or(QueryMatch::Present(true), QueryMatch::String);
            let name = name.clone();
            let parameter = QueryParameterMatcher { name, kind };
            matches.query_parameters.push(parameter);
        }
        matches
    }
}

/// `prefix` is a plain byte prefix here, not one of whole segments.
fn path(uri: Option<&Matcher>) -> PathMatcher {
    match uri.and_then(Option::as_ref).map(|m| &m.kind) {
        Some(StringMatch::Exact(path)) => PathMatcher::Exact(path.clone()),
        Some(StringMatch::Prefix(prefix)) => PathMatcher::Prefix(prefix.clone()),
        Some(StringMatch::Regex(regex)) => PathMatcher::Regex(regex.clone()),
        _ => PathMatcher::Prefix("/".into()),
    }
}

fn header_match(matcher: &Matcher) -> HeaderMatch {
    let matcher = matcher.clone();
    matcher.map_or(HeaderMatch::Present(true), HeaderMatch::String)
}
