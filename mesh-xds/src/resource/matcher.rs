//! `RouteMatch` and the matchers in it.

use mesh_core::policy::{
    CookieMatcher, HeaderMatch, HeaderMatcher, HeaderMatcherName, PathMatcher, QueryMatch,
    QueryParameterMatcher, RouteMatch, StringMatch, StringMatcher, UriTemplate,
};

use super::{
    report::At,
    value::{extension, header_name, regex, required_text, runtime_fraction},
};
use crate::pb::{
    matcher::{self, string_matcher::MatchPattern},
    route::{
        self, header_matcher::HeaderMatchSpecifier,
        query_parameter_matcher::QueryParameterMatchSpecifier, route_match::PathSpecifier,
    },
    uri_template_match::UriTemplateMatchConfig,
};

pub(super) fn route_match(at: &At<'_>, pb: &route::RouteMatch) -> Option<RouteMatch> {
    let specifier = pb.path_specifier.as_ref();
    let path = match at.field("path_specifier").required(specifier)? {
        PathSpecifier::Prefix(prefix) => PathMatcher::Prefix(prefix.as_str().into()),
        PathSpecifier::Path(path) => PathMatcher::Exact(path.as_str().into()),
        PathSpecifier::SafeRegex(pb) => PathMatcher::Regex(regex(&at.field("safe_regex"), pb)?),
        PathSpecifier::PathSeparatedPrefix(prefix) => {
            PathMatcher::SeparatedPrefix(prefix.as_str().into())
        }
        PathSpecifier::PathMatchPolicy(pb) => {
            let at = at.field("path_match_policy");
            let pb: UriTemplateMatchConfig = extension(&at, pb)?;
            let template = UriTemplate::try_new(&pb.path_template);
            let at = at.field("typed_config");
            PathMatcher::Template(at.field("path_template").ok(template)?)
        }
    };
    let fraction = pb.runtime_fraction.as_ref();
    Some(RouteMatch {
        path,
        case_sensitive: pb.case_sensitive.unwrap_or(true),
        headers: header_matchers(&at.field("headers"), &pb.headers),
        query_parameters: list(&at.field("query_parameters"), &pb.query_parameters, query),
        cookies: list(&at.field("cookies"), &pb.cookies, cookie),
        runtime_fraction: fraction
            .and_then(|pb| runtime_fraction(&at.field("runtime_fraction"), pb)),
        grpc: pb.grpc.is_some(),
    })
}

/// All elements of a list.
pub(super) fn list<P, T>(
    at: &At<'_>,
    list: &[P],
    read: impl Fn(&At<'_>, &P) -> Option<T>,
) -> Vec<T> {
    let items = list.iter().enumerate();
    items.filter_map(|(i, pb)| read(&at.index(i), pb)).collect()
}

pub(super) fn header_matchers(at: &At<'_>, pb: &[route::HeaderMatcher]) -> Vec<HeaderMatcher> {
    list(at, pb, header)
}

fn header(at: &At<'_>, pb: &route::HeaderMatcher) -> Option<HeaderMatcher> {
    let name = match &*pb.name {
        ":method" => HeaderMatcherName::Method,
        ":authority" => HeaderMatcherName::Authority,
        ":path" => HeaderMatcherName::Path,
        ":scheme" => HeaderMatcherName::Scheme,
        host if host.eq_ignore_ascii_case("host") => HeaderMatcherName::Authority,
        other => HeaderMatcherName::Header(header_name(&at.field("name"), other)?),
    };
    let text = |name, kind: fn(_) -> StringMatch, text: &str| {
        let text = required_text(&at.field(name), text)?;
        Some(HeaderMatch::String(StringMatcher::new(kind(text))))
    };
    use HeaderMatchSpecifier as Pb;
    let kind = match &pb.header_match_specifier {
        None => HeaderMatch::Present(true),
        Some(Pb::PresentMatch(present)) => HeaderMatch::Present(*present),
        Some(Pb::RangeMatch(range)) => HeaderMatch::Range {
            start: range.start,
            end: range.end,
        },
        Some(Pb::StringMatch(pb)) => HeaderMatch::String(string(&at.field("string_match"), pb)?),
        Some(Pb::ExactMatch(exact)) => HeaderMatch::String(StringMatcher::exact(exact.as_str())),
        Some(Pb::PrefixMatch(prefix)) => text("prefix_match", StringMatch::Prefix, prefix)?,
        Some(Pb::SuffixMatch(suffix)) => text("suffix_match", StringMatch::Suffix, suffix)?,
        Some(Pb::ContainsMatch(part)) => text("contains_match", StringMatch::Contains, part)?,
        Some(Pb::SafeRegexMatch(pb)) => HeaderMatch::String(StringMatcher::regex(regex(
            &at.field("safe_regex_match"),
            pb,
        )?)),
    };
    Some(HeaderMatcher {
        name,
        kind,
        invert_match: pb.invert_match,
        treat_missing_header_as_empty: pb.treat_missing_header_as_empty,
    })
}

fn query(at: &At<'_>, pb: &route::QueryParameterMatcher) -> Option<QueryParameterMatcher> {
    use QueryParameterMatchSpecifier as Pb;
    Some(QueryParameterMatcher {
        name: required_text(&at.field("name"), &pb.name)?,
        kind: match &pb.query_parameter_match_specifier {
            None => QueryMatch::Present(true),
            Some(Pb::PresentMatch(present)) => QueryMatch::Present(*present),
            Some(Pb::StringMatch(pb)) => QueryMatch::String(string(&at.field("string_match"), pb)?),
        },
    })
}

fn cookie(at: &At<'_>, pb: &route::CookieMatcher) -> Option<CookieMatcher> {
    let value = at.field("string_match");
    Some(CookieMatcher {
        name: required_text(&at.field("name"), &pb.name)?,
        value: string(&value, value.required(pb.string_match.as_ref())?)?,
        invert_match: pb.invert_match,
    })
}

pub(super) fn string(at: &At<'_>, pb: &matcher::StringMatcher) -> Option<StringMatcher> {
    let kind = match at.required(pb.match_pattern.as_ref())? {
        MatchPattern::Exact(exact) => StringMatch::Exact(exact.as_str().into()),
        MatchPattern::Prefix(text) => {
            StringMatch::Prefix(required_text(&at.field("prefix"), text)?)
        }
        MatchPattern::Suffix(text) => {
            StringMatch::Suffix(required_text(&at.field("suffix"), text)?)
        }
        MatchPattern::Contains(text) => {
            StringMatch::Contains(required_text(&at.field("contains"), text)?)
        }
        MatchPattern::SafeRegex(_) if pb.ignore_case => {
            // As in Envoy; `(?i)` in the pattern does it.
            at.field("ignore_case").fail("has no effect on safe_regex");
            return None;
        }
        MatchPattern::SafeRegex(pb) => StringMatch::Regex(regex(&at.field("safe_regex"), pb)?),
    };
    Some(StringMatcher {
        kind,
        ignore_case: pb.ignore_case,
    })
}
