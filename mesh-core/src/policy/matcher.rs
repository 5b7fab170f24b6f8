use super::{FractionalPercent, Name, Regex, UriTemplate};
use http::HeaderName;

/// `envoy.type.matcher.v3.StringMatcher`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StringMatcher {
    /// What is compared.
    pub kind: StringMatch,
    /// ASCII case folding; has no effect on a regex, as in Envoy.
    pub ignore_case: bool,
}

/// The kinds of string comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StringMatch {
    /// Equal.
    Exact(Name),
    /// Begins with.
    Prefix(Name),
    /// Ends with.
    Suffix(Name),
    /// Has it anywhere.
    Contains(Name),
    /// The whole value matches.
    Regex(Regex),
}

impl StringMatcher {
    /// A case-sensitive matcher.
    pub const fn new(kind: StringMatch) -> Self {
        Self {
            kind,
            ignore_case: false,
        }
    }

    /// Equal, case-sensitively.
    pub fn exact(value: impl Into<Name>) -> Self {
        Self::new(StringMatch::Exact(value.into()))
    }

    /// Begins with, case-sensitively.
    pub fn prefix(value: impl Into<Name>) -> Self {
        Self::new(StringMatch::Prefix(value.into()))
    }

    /// The whole value matches.
    pub const fn regex(value: Regex) -> Self {
        Self::new(StringMatch::Regex(value))
    }

    /// The same matcher, folding ASCII case.
    #[must_use]
    pub fn ignoring_case(mut self) -> Self {
        self.ignore_case = true;
        self
    }

    /// Whether `value` matches. Header values are bytes, so this is too.
    pub fn is_match(&self, value: &[u8]) -> bool {
        let same = |a: &[u8], b: &str| {
            if self.ignore_case {
                a.eq_ignore_ascii_case(b.as_bytes())
            } else {
                a == b.as_bytes()
            }
        };
        match &self.kind {
            StringMatch::Exact(exact) => same(value, exact),
            StringMatch::Prefix(prefix) => {
                value.get(..prefix.len()).is_some_and(|v| same(v, prefix))
            }
            StringMatch::Suffix(suffix) => value
                .len()
                .checked_sub(suffix.len())
                .is_some_and(|at| same(&value[at..], suffix)),
            StringMatch::Contains(part) => {
                part.is_empty() || value.windows(part.len()).any(|v| same(v, part))
            }
            StringMatch::Regex(regex) => regex.is_match(value),
        }
    }
}

/// Which header a [`HeaderMatcher`] reads. Pseudo-headers are read from the request line;
/// `host` is the same as `:authority`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderMatcherName {
    /// `:method`.
    Method,
    /// `:authority` or `host`, with its port if the request has one.
    Authority,
    /// `:path`, with the query.
    Path,
    /// `:scheme`.
    Scheme,
    /// Any other header.
    Header(HeaderName),
}

/// `envoy.config.route.v3.HeaderMatcher`.
///
/// Envoy 1.39 and later: with several lines of one header the matcher is true if **any** line
/// matches, and `invert_match` negates that. A missing header fails every value match, inverted or
/// not, unless `treat_missing_header_as_empty`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderMatcher {
    /// The header to read.
    pub name: HeaderMatcherName,
    /// The condition.
    pub kind: HeaderMatch,
    /// Negates the outcome.
    pub invert_match: bool,
    /// A missing header counts as `""`.
    pub treat_missing_header_as_empty: bool,
}

/// The condition of a [`HeaderMatcher`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderMatch {
    /// `string_match` and the deprecated forms that equal it.
    String(StringMatcher),
    /// `range_match`: the whole value is an integer in `start..end`.
    Range {
        /// Inclusive.
        start: i64,
        /// Exclusive.
        end: i64,
    },
    /// `present_match`; `false` matches absence.
    Present(bool),
}

impl HeaderMatcher {
    /// A matcher without inversion.
    pub const fn new(name: HeaderMatcherName, kind: HeaderMatch) -> Self {
        Self {
            name,
            kind,
            invert_match: false,
            treat_missing_header_as_empty: false,
        }
    }

    /// `name` equals `value`.
    pub fn exact(name: HeaderName, value: impl Into<Name>) -> Self {
        Self::new(
            HeaderMatcherName::Header(name),
            HeaderMatch::String(StringMatcher::exact(value)),
        )
    }
}

/// `envoy.config.route.v3.QueryParameterMatcher`. Names and values are compared raw (not
/// percent-decoded), and the first value of a repeated key counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryParameterMatcher {
    /// The key.
    pub name: Name,
    /// The condition.
    pub kind: QueryMatch,
}

/// The condition of a [`QueryParameterMatcher`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueryMatch {
    /// The key is there (`true`) or not (`false`).
    Present(bool),
    /// The value matches; a missing key fails.
    String(StringMatcher),
}

/// `envoy.config.route.v3.RouteMatch.cookies`: a cookie of that name in any `Cookie` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieMatcher {
    /// The cookie's name.
    pub name: Name,
    /// Compared with the value, surrounding quotes removed.
    pub value: StringMatcher,
    /// Negates; a missing cookie then matches.
    pub invert_match: bool,
}

/// `RouteMatch.path_specifier`. Every kind sees the path without query and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathMatcher {
    /// `prefix`: a plain byte prefix.
    Prefix(Name),
    /// `path`: equal.
    Exact(Name),
    /// `safe_regex`: the whole path.
    Regex(Regex),
    /// `path_separated_prefix`: equal, or followed by `/`. Never ends in `/`.
    SeparatedPrefix(Name),
    /// `path_match_policy`: the whole path fits a URI template; case always counts.
    Template(UriTemplate),
}

/// `envoy.config.route.v3.RouteMatch`: all conditions hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteMatch {
    /// The path.
    pub path: PathMatcher,
    /// Whether the path is compared case-sensitively (regex: always). Default true.
    pub case_sensitive: bool,
    /// All must match.
    pub headers: Vec<HeaderMatcher>,
    /// All must match.
    pub query_parameters: Vec<QueryParameterMatcher>,
    /// All must match.
    pub cookies: Vec<CookieMatcher>,
    /// The share of requests the route takes; drawn from the request's one random value.
    pub runtime_fraction: Option<FractionalPercent>,
    /// Only gRPC requests (`content-type: application/grpc` or `application/grpc+…`).
    pub grpc: bool,
}

impl RouteMatch {
    /// Matches on the path alone.
    pub const fn new(path: PathMatcher) -> Self {
        Self {
            path,
            case_sensitive: true,
            headers: Vec::new(),
            query_parameters: Vec::new(),
            cookies: Vec::new(),
            runtime_fraction: None,
            grpc: false,
        }
    }

    /// Matches everything (prefix `/`).
    pub fn any() -> Self {
        Self::new(PathMatcher::Prefix("/".into()))
    }

    /// Adds a header condition.
    #[must_use]
    pub fn with_header(mut self, header: HeaderMatcher) -> Self {
        self.headers.push(header);
        self
    }
}
