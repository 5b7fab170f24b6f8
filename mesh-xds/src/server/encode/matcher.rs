//! `RouteMatch` and the matchers in it.

use mesh_core::policy::{
    CookieMatcher, HeaderMatch, HeaderMatcher, HeaderMatcherName, PathMatcher, QueryMatch,
    QueryParameterMatcher, RouteMatch, StringMatch, StringMatcher,
};

use super::{
    Encoder,
    value::{extension, regex},
};
use crate::pb::{
    matcher::{self, string_matcher::MatchPattern},
    route::{
        self, header_matcher::HeaderMatchSpecifier,
        query_parameter_matcher::QueryParameterMatchSpecifier, route_match::GrpcRouteMatchOptions,
        route_match::PathSpecifier,
    },
    types::Int64Range,
    uri_template_match::UriTemplateMatchConfig,
};

impl Encoder<'_> {
    pub(super) fn route_match(&mut self, matches: &RouteMatch) -> Option<route::RouteMatch> {
        let RouteMatch {
            path,
            case_sensitive,
            headers,
            query_parameters,
            cookies,
            runtime_fraction,
            grpc,
        } = matches;
        let path_specifier = match path {
            PathMatcher::Prefix(prefix) => PathSpecifier::Prefix(prefix.to_string()),
            PathMatcher::Exact(path) => PathSpecifier::Path(path.to_string()),
            PathMatcher::Regex(pattern) => PathSpecifier::SafeRegex(regex(pattern)),
            PathMatcher::SeparatedPrefix(prefix) => {
                PathSpecifier::PathSeparatedPrefix(prefix.to_string())
            }
            PathMatcher::Template(template) => PathSpecifier::PathMatchPolicy(extension(
                "envoy.path.match.uri_template.uri_template_matcher",
                &UriTemplateMatchConfig {
                    path_template: template.as_str().to_owned(),
                },
            )),
            _ => return self.unknown("match"),
        };
        Some(route::RouteMatch {
            case_sensitive: (!case_sensitive).then_some(false),
            runtime_fraction: runtime_fraction.map(|f| self.runtime_fraction(f)),
            headers: self.header_matchers(headers)?,
            query_parameters: self.all(query_parameters, |this, q| this.query_parameter(q))?,
            cookies: self.all(cookies, |this, matcher| this.cookie(matcher))?,
            grpc: grpc.then_some(GrpcRouteMatchOptions {}),
            path_specifier: Some(path_specifier),
        })
    }

    pub(super) fn header_matchers(
        &mut self,
        matchers: &[HeaderMatcher],
    ) -> Option<Vec<route::HeaderMatcher>> {
        self.all(matchers, |this, matcher| this.header_matcher(matcher))
    }

    fn header_matcher(&mut self, matcher: &HeaderMatcher) -> Option<route::HeaderMatcher> {
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
        let specifier = match kind {
            HeaderMatch::String(matcher) => {
                HeaderMatchSpecifier::StringMatch(self.string(matcher)?)
            }
            HeaderMatch::Range { start, end } => HeaderMatchSpecifier::RangeMatch(Int64Range {
                start: *start,
                end: *end,
            }),
            HeaderMatch::Present(present) => HeaderMatchSpecifier::PresentMatch(*present),
            _ => return self.unknown("match.headers"),
        };
        Some(route::HeaderMatcher {
            name: name.to_owned(),
            invert_match: *invert_match,
            treat_missing_header_as_empty: *treat_missing_header_as_empty,
            header_match_specifier: Some(specifier),
        })
    }

    fn query_parameter(
        &mut self,
        matcher: &QueryParameterMatcher,
    ) -> Option<route::QueryParameterMatcher> {
        let QueryParameterMatcher { name, kind } = matcher;
        let specifier = match kind {
            QueryMatch::Present(present) => QueryParameterMatchSpecifier::PresentMatch(*present),
            QueryMatch::String(matcher) => {
                QueryParameterMatchSpecifier::StringMatch(self.string(matcher)?)
            }
            _ => return self.unknown("match.query_parameters"),
        };
        Some(route::QueryParameterMatcher {
            name: name.to_string(),
            query_parameter_match_specifier: Some(specifier),
        })
    }

    fn cookie(&mut self, matcher: &CookieMatcher) -> Option<route::CookieMatcher> {
        let CookieMatcher {
            name,
            value,
            invert_match,
        } = matcher;
        Some(route::CookieMatcher {
            name: name.to_string(),
            string_match: Some(self.string(value)?),
            invert_match: *invert_match,
        })
    }

    pub(super) fn string(&mut self, matcher: &StringMatcher) -> Option<matcher::StringMatcher> {
        let StringMatcher { kind, ignore_case } = matcher;
        let mut ignore_case = *ignore_case;
        let pattern = match kind {
            StringMatch::Exact(text) => MatchPattern::Exact(text.to_string()),
            StringMatch::Prefix(text) => MatchPattern::Prefix(text.to_string()),
            StringMatch::Suffix(text) => MatchPattern::Suffix(text.to_string()),
            StringMatch::Contains(text) => MatchPattern::Contains(text.to_string()),
            StringMatch::Regex(pattern) => {
                // Has no effect there, and Envoy refuses it.
                ignore_case = false;
                MatchPattern::SafeRegex(regex(pattern))
            }
            _ => return self.unknown("match"),
        };
        Some(matcher::StringMatcher {
            ignore_case,
            match_pattern: Some(pattern),
        })
    }
}
