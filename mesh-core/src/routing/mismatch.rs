//! The sentence that says why a request does not meet a condition.

use std::fmt::{self, Display, Formatter};

use http::{HeaderValue, header::HOST};

use super::{Condition, RequestHead};
use crate::policy::{
    CookieMatcher, HeaderMatch, HeaderMatcher, HeaderMatcherName, PathMatcher, QueryMatch,
    RouteMatch, StringMatch, StringMatcher,
};

/// A condition that does not hold for a request. Making one copies a few references; the sentence
/// is composed by `Display`:
///
/// ```
/// use http::{HeaderMap, Method, header::USER_AGENT};
/// use mesh_core::{policy::{HeaderMatcher, RouteMatch}, routing::{RequestHead, matches}};
///
/// let headers = HeaderMap::from_iter([(USER_AGENT, "bob".parse().unwrap())]);
/// let head = RequestHead {
///     method: &Method::GET, scheme: "http", authority: "reviews", path: "/", headers: &headers, source: "",
/// };
/// let rule = RouteMatch::any().with_header(HeaderMatcher::exact(USER_AGENT, "jason"));
/// let why = matches(&rule, &head, 0).unwrap_err();
/// assert_eq!(why.to_string(), r#"header user-agent: "bob" is not exactly "jason""#);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Mismatch<'a> {
    condition: Condition<'a>,
    head: RequestHead<'a>,
    random: u64,
}

impl<'a> Mismatch<'a> {
    pub(super) const fn new(condition: Condition<'a>, head: &RequestHead<'a>, random: u64) -> Self {
        Self {
            condition,
            head: *head,
            random,
        }
    }

    /// The condition that does not hold.
    pub const fn condition(&self) -> Condition<'a> {
        self.condition
    }
}

impl Display for Mismatch<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let head = &self.head;
        match self.condition {
            Condition::Path(_) if head.path.is_empty() => f.write_str("path: the request has none"),
            Condition::Path(route_match) => path(f, route_match, head.path_without_query()),
            Condition::RuntimeFraction(fraction) => {
                let random = self.random;
                write!(
                    f,
                    "runtime fraction: the draw {random} is outside {fraction}"
                )
            }
            Condition::Grpc => {
                let content_type = head.header(&http::header::CONTENT_TYPE);
                let value = content_type.map(|v| Quoted(v).to_string());
                let value = value.as_deref().unwrap_or("nothing");
                write!(f, "gRPC: content-type is {value}, not application/grpc")
            }
            Condition::Header(matcher) => header(f, matcher, head),
            Condition::QueryParameter(matcher) => {
                write!(f, "query parameter {}: ", matcher.name)?;
                match (&matcher.kind, head.query_parameter(&matcher.name)) {
                    (QueryMatch::Present(false), _) => f.write_str("present"),
                    (_, None) | (QueryMatch::Present(true), _) => f.write_str("missing"),
                    (QueryMatch::String(string), Some(value)) => {
                        write!(f, "{} {}", Quoted(value.as_bytes()), Verb(string, true))
                    }
                }
            }
            Condition::Cookie(matcher) => cookie(f, matcher, head),
        }
    }
}

fn path(f: &mut Formatter<'_>, route_match: &RouteMatch, path: &str) -> fmt::Result {
    let (verb, wanted) = match &route_match.path {
        PathMatcher::Prefix(wanted) => ("does not begin with", &**wanted),
        PathMatcher::Exact(wanted) => ("is not exactly", &**wanted),
        PathMatcher::SeparatedPrefix(wanted) => ("is not, and not below,", &**wanted),
        PathMatcher::Regex(wanted) => {
            return write!(
                f,
                "path: {path} does not match the regex {}",
                wanted.as_str()
            );
        }
        PathMatcher::Template(wanted) => {
            return write!(
                f,
                "path: {path} does not fit the template {}",
                wanted.as_str()
            );
        }
    };
    write!(f, "path: {path} {verb} {wanted}")?;
    f.write_str(if route_match.case_sensitive {
        ""
    } else {
        " (ignoring case)"
    })
}

fn header(f: &mut Formatter<'_>, matcher: &HeaderMatcher, head: &RequestHead<'_>) -> fmt::Result {
    let (name, lines) = lines(&matcher.name, head);
    write!(f, "header {name}: ")?;
    let values = match &*lines {
        [] if !matcher.treat_missing_header_as_empty => return f.write_str("missing"),
        [] => "missing, which counts as \"\", which".to_owned(),
        [one] => one.clone(),
        many if matcher.invert_match => format!("one of {}", many.join(", ")),
        many => format!("none of {}", many.join(", ")),
    };
    let negative = !matcher.invert_match && lines.len() < 2;
    match &matcher.kind {
        HeaderMatch::Present(_) if lines.is_empty() => {
            f.write_str("missing, which counts as \"\"")?
        }
        HeaderMatch::Present(_) => f.write_str("present")?,
        HeaderMatch::String(string) => write!(f, "{values} {}", Verb(string, negative))?,
        HeaderMatch::Range { start, end } => {
            let not = if negative { "not " } else { "" };
            write!(f, "{values} is {not}an integer in {start}..{end}")?;
        }
    }
    f.write_str(if matcher.invert_match {
        " (inverted)"
    } else {
        ""
    })
}

fn cookie(f: &mut Formatter<'_>, matcher: &CookieMatcher, head: &RequestHead<'_>) -> fmt::Result {
    write!(f, "cookie {}: ", matcher.name)?;
    let Some(value) = head.cookie(&matcher.name) else {
        return f.write_str("missing");
    };
    let sensitive = head.headers.get_all(http::header::COOKIE).iter();
    let value = match sensitive.into_iter().any(HeaderValue::is_sensitive) {
        true => SENSITIVE.to_owned(),
        false => Quoted(value).to_string(),
    };
    write!(f, "{value} {}", Verb(&matcher.value, !matcher.invert_match))?;
    f.write_str(if matcher.invert_match {
        " (inverted)"
    } else {
        ""
    })
}

/// Stands for a value that its sender marked as one not to show.
const SENSITIVE: &str = "(sensitive)";

/// The header's name and its lines, quoted for people.
fn lines<'a>(name: &'a HeaderMatcherName, head: &RequestHead<'a>) -> (&'a str, Vec<String>) {
    let one = |value: &str| match value {
        "" => Vec::new(),
        value => vec![Quoted(value.as_bytes()).to_string()],
    };
    match name {
        HeaderMatcherName::Method => (":method", one(head.method.as_str())),
        HeaderMatcherName::Authority => (":authority", one(head.authority)),
        HeaderMatcherName::Path => (":path", one(head.path)),
        HeaderMatcherName::Scheme => (":scheme", one(head.scheme())),
        HeaderMatcherName::Header(name) if *name == HOST => (name.as_str(), one(head.authority)),
        HeaderMatcherName::Header(name) => {
            let values = head.headers.get_all(name).iter();
            let shown = values.map(|value| match value.is_sensitive() {
                true => SENSITIVE.to_owned(),
                false => Quoted(value.as_bytes()).to_string(),
            });
            (name.as_str(), shown.collect())
        }
    }
}

/// Bytes between double quotes, escaped.
struct Quoted<'a>(&'a [u8]);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(self.0) {
            Ok(text) => write!(f, "{text:?}"),
            Err(_) => write!(f, "\"{}\"", self.0.escape_ascii()),
        }
    }
}

/// What a string matcher says of a value, or (`true`) its negation.
struct Verb<'a>(&'a StringMatcher, bool);

impl Display for Verb<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(matcher, negative) = *self;
        let ([positive, negation], wanted) = match &matcher.kind {
            StringMatch::Exact(v) => (["is exactly", "is not exactly"], &**v),
            StringMatch::Prefix(v) => (["begins with", "does not begin with"], &**v),
            StringMatch::Suffix(v) => (["ends with", "does not end with"], &**v),
            StringMatch::Contains(v) => (["contains", "does not contain"], &**v),
            StringMatch::Regex(v) => (
                ["matches the regex", "does not match the regex"],
                v.as_str(),
            ),
        };
        f.write_str(if negative { negation } else { positive })?;
        write!(f, " {}", Quoted(wanted.as_bytes()))?;
        if matcher.ignore_case && !matches!(matcher.kind, StringMatch::Regex(_)) {
            f.write_str(" (ignoring case)")?;
        }
        Ok(())
    }
}
