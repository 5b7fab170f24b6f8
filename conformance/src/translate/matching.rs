//! `RouteMatch` and the matchers in it.

use mesh_core::policy::{
    CookieMatcher, FractionalPercent, HeaderMatch, HeaderMatcher, HeaderMatcherName, PathMatcher,
    QueryMatch, QueryParameterMatcher, Regex, RouteMatch, StringMatch, StringMatcher,
};
use serde_json::{Value, json};

use super::NotEnvoys;
use crate::Result;

pub(super) fn route_match(route_match: &RouteMatch) -> Result<Value> {
    let RouteMatch {
        path,
        case_sensitive,
        headers,
        query_parameters,
        cookies,
        runtime_fraction,
        grpc,
    } = route_match;
    let mut value = match path {
        PathMatcher::Prefix(prefix) => json!({"prefix": &**prefix}),
        PathMatcher::Exact(path) => json!({"path": &**path}),
        PathMatcher::Regex(regex) => json!({"safe_regex": self::regex(regex)}),
        PathMatcher::SeparatedPrefix(prefix) => json!({"path_separated_prefix": &**prefix}),
        PathMatcher::Template(template) => json!({"path_match_policy": {
            "name": "envoy.path.match.uri_template.uri_template_matcher",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
                "path_template": template.as_str(),
            },
        }}),
        other => return Err(format!("{other:?} has no translation").into()),
    };
    value["case_sensitive"] = json!(case_sensitive);
    value["headers"] = header_matchers(headers)?;
    let queries: Result<Vec<_>> = query_parameters.iter().map(query_parameter).collect();
    value["query_parameters"] = json!(queries?);
    let cookies: Result<Vec<_>> = cookies.iter().map(cookie).collect();
    value["cookies"] = json!(cookies?);
    if let Some(fraction) = runtime_fraction {
        value["runtime_fraction"] = json!({"default_value": self::fraction(*fraction)?});
    }
    if *grpc {
        value["grpc"] = json!({});
    }
    Ok(value)
}

pub(super) fn header_matchers(headers: &[HeaderMatcher]) -> Result<Value> {
    let headers: Result<Vec<_>> = headers.iter().map(header_matcher).collect();
    Ok(json!(headers?))
}

fn header_matcher(matcher: &HeaderMatcher) -> Result<Value> {
    let HeaderMatcher {
        name,
        kind,
        invert_match,
        treat_missing_header_as_empty,
    } = matcher;
    let name = match name {
        HeaderMatcherName::Method => ":method",
        HeaderMatcherName::Authority => ":authority",
        HeaderMatcherName::Path => ":path",
        HeaderMatcherName::Scheme => ":scheme",
        HeaderMatcherName::Header(name) => name.as_str(),
    };
    let mut value = json!({
        "name": name,
        "invert_match": invert_match,
        "treat_missing_header_as_empty": treat_missing_header_as_empty,
    });
    match kind {
        HeaderMatch::String(matcher) => value["string_match"] = string_matcher(matcher)?,
        HeaderMatch::Range { start, end } => {
            value["range_match"] = json!({"start": start, "end": end});
        }
        HeaderMatch::Present(present) => value["present_match"] = json!(present),
        other => return Err(format!("{other:?} has no translation").into()),
    }
    Ok(value)
}

fn query_parameter(matcher: &QueryParameterMatcher) -> Result<Value> {
    let mut value = json!({"name": &*matcher.name});
    match &matcher.kind {
        QueryMatch::Present(present) => value["present_match"] = json!(present),
        QueryMatch::String(matcher) => value["string_match"] = string_matcher(matcher)?,
        other => return Err(format!("{other:?} has no translation").into()),
    }
    Ok(value)
}

fn cookie(matcher: &CookieMatcher) -> Result<Value> {
    Ok(json!({
        "name": &*matcher.name,
        "string_match": string_matcher(&matcher.value)?,
        "invert_match": matcher.invert_match,
    }))
}

pub(super) fn string_matcher(matcher: &StringMatcher) -> Result<Value> {
    let mut value = match &matcher.kind {
        StringMatch::Exact(value) => json!({"exact": &**value}),
        StringMatch::Prefix(value) => json!({"prefix": &**value}),
        StringMatch::Suffix(value) => json!({"suffix": &**value}),
        StringMatch::Contains(value) => json!({"contains": &**value}),
        StringMatch::Regex(regex) => json!({"safe_regex": self::regex(regex)}),
        other => return Err(format!("{other:?} has no translation").into()),
    };
    value["ignore_case"] = json!(matcher.ignore_case);
    Ok(value)
}

pub(super) fn regex(regex: &Regex) -> Value {
    json!({"regex": regex.as_str()})
}

/// Envoy draws its own numbers: only shares of all or nothing can be compared by requests.
pub(super) fn fraction(fraction: FractionalPercent) -> Result<Value> {
    let denominator = match fraction.denominator() {
        100 => "HUNDRED",
        10_000 => "TEN_THOUSAND",
        1_000_000 => "MILLION",
        _ => return Err(NotEnvoys("fraction of any number").into()),
    };
    Ok(json!({"numerator": fraction.numerator(), "denominator": denominator}))
}
