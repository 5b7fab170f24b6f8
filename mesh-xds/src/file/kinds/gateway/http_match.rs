//! `HTTPRouteMatch`, and the header matches that `GRPCRouteMatch` shares.

use std::{collections::HashSet, sync::Arc};

use http::HeaderName;
use mesh_core::policy::{
    HeaderMatch, HeaderMatcher, HeaderMatcherName, PathMatcher, QueryMatch, QueryParameterMatcher,
    RouteMatch, StringMatcher,
};

use super::{Match, schema};
use crate::file::{
    kinds::common::regex,
    problem::NoteKind,
    reader::{Obj, Val},
    schema::{Schema, enforced},
};

pub(super) const SCHEMAS: &[&Schema] = &[
    &HTTP_ROUTE_MATCH,
    &PATH_MATCH,
    &HEADER_MATCH,
    &QUERY_PARAM_MATCH,
];

static HTTP_ROUTE_MATCH: Schema = schema(
    "HTTPRouteMatch",
    &[
        enforced("path"),
        enforced("headers"),
        enforced("queryParams"),
        enforced("method"),
    ],
);

static PATH_MATCH: Schema = schema("HTTPPathMatch", &[enforced("type"), enforced("value")]);

pub(super) static HEADER_MATCH: Schema = schema(
    "HTTPHeaderMatch",
    &[enforced("type"), enforced("name"), enforced("value")],
);

static QUERY_PARAM_MATCH: Schema = schema(
    "HTTPQueryParamMatch",
    &[enforced("type"), enforced("name"), enforced("value")],
);

const METHODS: [(&str, &str); 9] = [
    ("GET", "GET"),
    ("HEAD", "HEAD"),
    ("POST", "POST"),
    ("PUT", "PUT"),
    ("DELETE", "DELETE"),
    ("CONNECT", "CONNECT"),
    ("OPTIONS", "OPTIONS"),
    ("TRACE", "TRACE"),
    ("PATCH", "PATCH"),
];

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MatchType {
    Exact,
    Prefix,
    Regex,
}

pub(super) const EXACT_OR_REGEX: [(&str, MatchType); 2] = [
    ("Exact", MatchType::Exact),
    ("RegularExpression", MatchType::Regex),
];

/// Precedence: an exact path, the longer prefix, a method, more headers, more query parameters. What
/// a regex ranks is left to implementations: it comes last, as in Istio.
pub(super) fn read(value: &Val<'_>) -> Option<Match> {
    let obj = value.object(&HTTP_ROUTE_MATCH)?;
    let (kind, length, path) = path(&obj)?;
    let mut matches = RouteMatch::new(path);
    let method = match obj.get("method") {
        Some(method) => Some(method.keyword(&METHODS)?),
        None => None,
    };
    if let Some(method) = method {
        let kind = HeaderMatch::String(StringMatcher::exact(method));
        matches
            .headers
            .push(HeaderMatcher::new(HeaderMatcherName::Method, kind));
    }
    let headers = headers(&obj);
    let count = headers.len();
    matches.headers.extend(headers);
    matches.query_parameters = query_parameters(&obj);
    Some(Match {
        at: obj.at(),
        rank: [
            kind,
            length,
            usize::from(method.is_some()),
            count,
            matches.query_parameters.len(),
        ],
        matches,
    })
}

/// The match of a rule that has none: every path.
pub(super) fn any(value: &Val<'_>) -> Match {
    let path = PathMatcher::Prefix("/".into());
    Match {
        at: value.at(),
        matches: RouteMatch::new(path),
        rank: [1, 1, 0, 0, 0],
    }
}

/// The type's rank, the length, and the matcher.
fn path(parent: &Obj<'_>) -> Option<(usize, usize, PathMatcher)> {
    const TYPES: [(&str, MatchType); 3] = [
        ("Exact", MatchType::Exact),
        ("PathPrefix", MatchType::Prefix),
        ("RegularExpression", MatchType::Regex),
    ];
    let obj = parent.object("path", &PATH_MATCH);
    let mut kind = MatchType::Prefix;
    let mut path: Arc<str> = "/".into();
    if let Some(obj) = &obj {
        if let Some(v) = obj.get("type") {
            kind = v.keyword(&TYPES)?;
        }
        if let Some(v) = obj.get("value") {
            path = v.text()?;
            if kind == MatchType::Regex {
                let pattern = regex(&v, &path)?;
                return Some((0, path.len(), PathMatcher::Regex(pattern)));
            }
            if !is_path(&path) {
                v.fail(
                    "must begin with / and be a clean path without query: no //, /./, /../ or %2F",
                );
                return None;
            }
        }
    }
    Some(match kind {
        MatchType::Regex => {
            parent.fail("path", "a RegularExpression needs a value");
            return None;
        }
        MatchType::Exact => (2, path.len(), PathMatcher::Exact(path)),
        MatchType::Prefix => {
            // A trailing slash is ignored.
            let prefix = path.strip_suffix('/').unwrap_or(&path);
            let matcher = if prefix.is_empty() {
                PathMatcher::Prefix("/".into())
            } else {
                PathMatcher::SeparatedPrefix(prefix.into())
            };
            (1, prefix.len().max(1), matcher)
        }
    })
}

/// What the API's validation takes for a path.
pub(super) fn is_path(text: &str) -> bool {
    let clean = text.starts_with('/')
        && !["//", "/./", "/../", "%2f", "%2F"]
            .iter()
            .any(|part| text.contains(part))
        && !text.ends_with("/..")
        && !text.ends_with("/.");
    let bytes = text.as_bytes();
    clean && bytes.iter().enumerate().all(|(i, b)| match b {
        b'%' => {
            matches!(bytes.get(i + 1..i + 3), Some(hex) if hex.iter().all(u8::is_ascii_hexdigit))
        }
        _ => b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(b),
    })
}

/// `headers`: of equivalent names the first counts.
pub(super) fn headers(parent: &Obj<'_>) -> Vec<HeaderMatcher> {
    let mut seen = HashSet::new();
    let mut headers = Vec::new();
    for value in parent.list("headers") {
        let Some((name, matcher)) = value.object(&HEADER_MATCH).and_then(|o| header(&o)) else {
            continue;
        };
        if !seen.insert(name.clone()) {
            ignored(&value, name.as_str());
            continue;
        }
        let kind = HeaderMatch::String(matcher);
        headers.push(HeaderMatcher::new(HeaderMatcherName::Header(name), kind));
    }
    headers
}

fn header(obj: &Obj<'_>) -> Option<(HeaderName, StringMatcher)> {
    let value = obj.required("name")?;
    let name = HeaderName::from_bytes(value.text()?.as_bytes());
    let name = name.map_err(|_| value.fail("is no header name")).ok()?;
    Some((name, string_matcher(obj)?))
}

fn query_parameters(parent: &Obj<'_>) -> Vec<QueryParameterMatcher> {
    let mut parameters: Vec<QueryParameterMatcher> = Vec::new();
    for value in parent.list("queryParams") {
        let read = |obj: Obj<'_>| {
            let name = obj.required("name")?.text()?;
            let kind = QueryMatch::String(string_matcher(&obj)?);
            Some(QueryParameterMatcher { name, kind })
        };
        let Some(parameter) = value.object(&QUERY_PARAM_MATCH).and_then(read) else {
            continue;
        };
        if parameters.iter().any(|p| p.name == parameter.name) {
            ignored(&value, &parameter.name);
        } else {
            parameters.push(parameter);
        }
    }
    parameters
}

fn ignored(value: &Val<'_>, name: &str) {
    value.note(
        NoteKind::Ignored,
        format!("an earlier entry of the list is for `{name}` too"),
    );
}

/// `type` and `value`.
fn string_matcher(obj: &Obj<'_>) -> Option<StringMatcher> {
    let kind = match obj.get("type") {
        Some(v) => v.keyword(&EXACT_OR_REGEX)?,
        None => MatchType::Exact,
    };
    let value = obj.required("value")?;
    let text = value.text()?;
    if text.is_empty() {
        value.fail("must not be empty");
        return None;
    }
    Some(match kind {
        MatchType::Regex => StringMatcher::regex(regex(&value, &text)?),
        _ => StringMatcher::exact(text),
    })
}
