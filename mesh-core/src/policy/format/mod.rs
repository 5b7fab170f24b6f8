//! Values with command operators (`%REQ(x-user)%`), as header mutations have them.
//!
//! Parsed once, where a configuration is read: an operator that Envoy does not know, or that means
//! nothing inside a process, is refused there by its name. What is left is evaluated by
//! [`routing`](crate::routing); a value without operators is a [`literal`](Formatter::literal) and
//! costs what it always did.

mod time;

use std::{fmt, sync::Arc};

use http::{HeaderName, HeaderValue};

pub use self::time::TimeFormat;
use super::{HeaderMatcherName, Name};

/// A value made of text and operators (`envoy.config.core.v3.HeaderValue.value`).
///
/// ```
/// use mesh_core::policy::Formatter;
/// assert!(Formatter::try_new("100%%").unwrap().literal().is_some());
/// assert!(Formatter::try_new("%REQ(x-a?x-b):8%").unwrap().literal().is_none());
/// let refused = Formatter::try_new("%DYNAMIC_METADATA(a:b)%").unwrap_err();
/// assert!(refused.to_string().contains("%DYNAMIC_METADATA%"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Formatter(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Literal(HeaderValue),
    Parts { source: Name, parts: Arc<[Part]> },
}

/// One part of a [`Formatter`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// As it is.
    Text(Name),
    /// Evaluated for each message, and cut to so many bytes.
    Operator(Operator, Option<usize>),
}

/// What an operator stands for. All but the flags are empty when they are unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operator {
    /// `%REQ(X?Y)%`: the first line of a request header, else of another.
    Request(HeaderMatcherName, Option<HeaderMatcherName>),
    /// `%RESP(X?Y)%`: the same of the response; empty while there is none.
    Response(HeaderName, Option<HeaderName>),
    /// `%PROTOCOL%`: the version that the caller's request has.
    Protocol,
    /// `%START_TIME(format)%`: when the request was made, in UTC.
    StartTime(TimeFormat),
    /// `%UPSTREAM_HOST%` and `%UPSTREAM_REMOTE_ADDRESS%`: the endpoint's address; empty before one
    /// is chosen.
    UpstreamHost,
    /// `%UPSTREAM_CLUSTER%` and `%UPSTREAM_CLUSTER_RAW%`.
    UpstreamCluster,
    /// `%UPSTREAM_REQUEST_ATTEMPT_COUNT%`.
    AttemptCount,
    /// `%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%` and its `DIRECT` kin: this process's own address,
    /// if the client was told it.
    SourceAddress,
    /// `%HOSTNAME%`: this machine's.
    Hostname,
    /// `%ROUTE_NAME%`.
    RouteName,
    /// `%RESPONSE_FLAGS%`: `-` when there are none.
    ResponseFlags,
    /// `%RESPONSE_CODE%`: 0 before there is a response.
    ResponseCode,
    /// `%REQUEST_DURATION%`: milliseconds until the whole request was there; empty for a body that
    /// is still being made.
    RequestDuration,
    /// `%RESPONSE_DURATION%`: milliseconds until the response's head.
    ResponseDuration,
    /// `%DURATION%`: milliseconds since the request was made.
    Duration,
}

/// A value that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// A `%` that begins no operator.
    #[error("no operator begins at `{0}` (write %% for a percent sign)")]
    Syntax(String),
    /// An operator that Envoy does not have either.
    #[error("%{0}% is no operator")]
    Unknown(String),
    /// An operator without meaning inside a process.
    #[error("%{name}% is not supported: {why}")]
    NoMeaning {
        /// Its name.
        name: String,
        /// Why it has none.
        why: &'static str,
    },
    /// A parameter that the operator does not take, or lacks.
    #[error("%{name}%: {problem}")]
    Parameter {
        /// The operator.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// Text that cannot stand in a header.
    #[error("`{0}` is no header value")]
    Value(String),
}

impl Formatter {
    /// Parses `text`, in which `%%` is a percent sign.
    ///
    /// # Errors
    /// When it is malformed, or names an operator that has no meaning here.
    pub fn try_new(text: &str) -> Result<Self, FormatError> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            plain += &rest[..at];
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix("%%") {
                plain.push('%');
                rest = after;
                continue;
            }
            let command =
                Command::parse(rest).ok_or_else(|| FormatError::Syntax(rest.to_owned()))?;
            if !plain.is_empty() {
                parts.push(Part::Text(checked(&plain)?));
                plain.clear();
            }
            parts.push(Part::Operator(operator(&command)?, command.max_length));
            rest = command.rest;
        }
        plain += rest;
        if parts.is_empty() {
            let value = HeaderValue::from_bytes(plain.as_bytes());
            return value.map(Self::from).map_err(|_| FormatError::Value(plain));
        }
        if !plain.is_empty() {
            parts.push(Part::Text(checked(&plain)?));
        }
        Ok(Self(Kind::Parts {
            source: text.into(),
            parts: parts.into(),
        }))
    }

    /// The value, when no operator is in it.
    #[inline]
    pub const fn literal(&self) -> Option<&HeaderValue> {
        match &self.0 {
            Kind::Literal(value) => Some(value),
            Kind::Parts { .. } => None,
        }
    }

    /// Its parts; none of a literal.
    pub fn parts(&self) -> &[Part] {
        match &self.0 {
            Kind::Literal(_) => &[],
            Kind::Parts { parts, .. } => parts,
        }
    }
}

impl From<HeaderValue> for Formatter {
    /// Taken as it is: a `%` in it is a percent sign.
    fn from(value: HeaderValue) -> Self {
        Self(Kind::Literal(value))
    }
}

impl fmt::Display for Formatter {
    /// As it would be configured.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Literal(value) => {
                let text = value.as_bytes().iter().copied().map(char::from);
                f.write_str(&text.collect::<String>().replace('%', "%%"))
            }
            Kind::Parts { source, .. } => f.write_str(source),
        }
    }
}

impl fmt::Debug for Formatter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Formatter({:?})", self.to_string())
    }
}

fn checked(text: &str) -> Result<Name, FormatError> {
    match HeaderValue::from_bytes(text.as_bytes()) {
        Ok(_) => Ok(text.into()),
        Err(_) => Err(FormatError::Value(text.to_owned())),
    }
}

/// `%NAME(parameters):length%` and what follows.
struct Command<'a> {
    name: &'a str,
    parameters: Option<&'a str>,
    max_length: Option<usize>,
    rest: &'a str,
}

impl<'a> Command<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix('%')?;
        let end = text.find(|c: char| !matches!(c, 'A'..='Z' | '0'..='9' | '_'))?;
        let (name, text) = text.split_at(end);
        if name.is_empty() {
            return None;
        }
        let Some(inside) = text.strip_prefix('(') else {
            let (max_length, rest) = end_of(text)?;
            return Some(Self {
                name,
                parameters: None,
                max_length,
                rest,
            });
        };
        // The first `)` that ends the operator: a time's format may hold others.
        inside.match_indices(')').find_map(|(at, _)| {
            let (max_length, rest) = end_of(&inside[at + 1..])?;
            Some(Self {
                name,
                parameters: Some(&inside[..at]),
                max_length,
                rest,
            })
        })
    }
}

/// `:length%` or `%`.
fn end_of(text: &str) -> Option<(Option<usize>, &str)> {
    let Some(digits) = text.strip_prefix(':') else {
        return Some((None, text.strip_prefix('%')?));
    };
    let (length, rest) = digits.split_once('%')?;
    length.parse().ok().map(|length| (Some(length), rest))
}

fn operator(command: &Command<'_>) -> Result<Operator, FormatError> {
    let parameter = |problem: &str| FormatError::Parameter {
        name: command.name.to_owned(),
        problem: problem.to_owned(),
    };
    let alone = |operator| match (command.parameters, command.max_length) {
        (None | Some(""), None) => Ok(operator),
        _ => Err(parameter("takes no parameter and no length")),
    };
    match command.name {
        "REQ" => {
            let (main, other) = names(command)?;
            let name = |name: &str| request_header(name).ok_or_else(|| parameter("no header name"));
            Ok(Operator::Request(name(main)?, other.map(name).transpose()?))
        }
        "RESP" => {
            let (main, other) = names(command)?;
            let name = |name: &str| {
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| parameter("no header name"))
            };
            Ok(Operator::Response(
                name(main)?,
                other.map(name).transpose()?,
            ))
        }
        "START_TIME" => match command.max_length {
            Some(_) => Err(parameter("takes no length")),
            None => TimeFormat::parse(command.parameters.unwrap_or_default())
                .map(Operator::StartTime)
                .map_err(|spec| parameter(&format!("`{spec}` is not supported in its format"))),
        },
        "PROTOCOL" => alone(Operator::Protocol),
        "UPSTREAM_HOST" | "UPSTREAM_REMOTE_ADDRESS" => alone(Operator::UpstreamHost),
        "UPSTREAM_CLUSTER" | "UPSTREAM_CLUSTER_RAW" => alone(Operator::UpstreamCluster),
        "UPSTREAM_REQUEST_ATTEMPT_COUNT" => alone(Operator::AttemptCount),
        "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT"
        | "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT" => alone(Operator::SourceAddress),
        "HOSTNAME" => alone(Operator::Hostname),
        "ROUTE_NAME" => alone(Operator::RouteName),
        "RESPONSE_FLAGS" => alone(Operator::ResponseFlags),
        "RESPONSE_CODE" => alone(Operator::ResponseCode),
        "REQUEST_DURATION" => alone(Operator::RequestDuration),
        "RESPONSE_DURATION" => alone(Operator::ResponseDuration),
        "DURATION" => alone(Operator::Duration),
        name => Err(match without_meaning(name) {
            Some(why) => FormatError::NoMeaning {
                name: name.to_owned(),
                why,
            },
            None => FormatError::Unknown(name.to_owned()),
        }),
    }
}

/// `X` or `X?Y`.
fn names<'a>(command: &Command<'a>) -> Result<(&'a str, Option<&'a str>), FormatError> {
    let error = |problem: &str| FormatError::Parameter {
        name: command.name.to_owned(),
        problem: problem.to_owned(),
    };
    let text = command.parameters.unwrap_or_default();
    match text.split_once('?') {
        _ if text.is_empty() => Err(error("names no header")),
        Some((_, other)) if other.contains('?') => Err(error("has more than one alternative")),
        Some((main, other)) => Ok((main, Some(other))),
        None => Ok((text, None)),
    }
}

fn request_header(name: &str) -> Option<HeaderMatcherName> {
    Some(match name.to_ascii_lowercase().as_str() {
        ":method" => HeaderMatcherName::Method,
        ":authority" | "host" => HeaderMatcherName::Authority,
        ":path" => HeaderMatcherName::Path,
        ":scheme" => HeaderMatcherName::Scheme,
        name => HeaderMatcherName::Header(HeaderName::from_bytes(name.as_bytes()).ok()?),
    })
}

/// Why an operator that Envoy has is refused.
fn without_meaning(name: &str) -> Option<&'static str> {
    Some(match name {
        "DYNAMIC_METADATA" | "METADATA" | "CLUSTER_METADATA" | "UPSTREAM_METADATA" => {
            "nothing in a process sets the metadata that it reads"
        }
        "FILTER_STATE" | "UPSTREAM_FILTER_STATE" | "PER_REQUEST_STATE" => {
            "there is no filter state in a process"
        }
        "TRAILER" => "trailers are not there yet when headers are changed",
        "VIRTUAL_CLUSTER_NAME" => "there are no virtual clusters",
        "REQUESTED_SERVER_NAME" | "CONNECTION_ID" | "CONNECTION_TERMINATION_DETAILS" => {
            "a call inside a process comes over no connection"
        }
        "ENVIRONMENT" => "the environment is read by the program, not by the mesh",
        name if name.starts_with("DOWNSTREAM_") => {
            "a call inside a process comes over no connection"
        }
        name if name.starts_with("UPSTREAM_") || name.starts_with("BYTES_") => {
            "it is not known when headers are changed"
        }
        "RESPONSE_CODE_DETAILS"
        | "RESPONSE_FLAGS_LONG"
        | "GRPC_STATUS"
        | "GRPC_STATUS_NUMBER"
        | "STREAM_ID"
        | "UNIQUE_ID"
        | "TRACE_ID"
        | "SPAN_ID"
        | "START_TIME_LOCAL"
        | "EMIT_TIME"
        | "EMIT_TIME_LOCAL"
        | "COMMON_DURATION"
        | "REQUEST_TX_DURATION"
        | "RESPONSE_TX_DURATION"
        | "ROUNDTRIP_DURATION"
        | "REQUEST_HEADERS_BYTES"
        | "RESPONSE_HEADERS_BYTES"
        | "RESPONSE_TRAILERS_BYTES"
        | "QUERY_PARAM"
        | "QUERY_PARAMS"
        | "PATH"
        | "COALESCE"
        | "LOCAL_REPLY_BODY"
        | "FILTER_CHAIN_NAME" => "the mesh does not keep what it reads",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Formatter::try_new(text).unwrap_err().to_string()
    }

    /// What Envoy 1.40 takes and refuses in validation mode.
    #[test]
    fn the_grammar_is_envoys() {
        for text in [
            "%REQ(x-a)%",
            "%REQ(x-no?x-a):2%",
            "%REQ(:path)%",
            "a %PROTOCOL% b %%",
            "%HOSTNAME()%",
            "%START_TIME(%Y-%m-%d %3f)%",
            "%START_TIME(%s (x))%",
        ] {
            assert!(
                Formatter::try_new(text).unwrap().literal().is_none(),
                "{text}"
            );
        }
        for text in ["50%%", "%%", "", "plain"] {
            assert!(
                Formatter::try_new(text).unwrap().literal().is_some(),
                "{text}"
            );
        }
        for text in [
            "100%",
            "%",
            "a%b",
            "%REQ(x-a)",
            "%REQ(x-a)%%",
            "%req(x-a)%",
            "%PROTOCOL x%",
        ] {
            assert!(error(text).starts_with("no operator begins"), "{text}");
        }
        for text in ["%REQ%", "%REQ()%", "%ROUTE_NAME:2%", "%REQ(a?b?c)%"] {
            assert!(Formatter::try_new(text).is_err(), "{text}");
        }
        assert_eq!(error("%NOPE%"), "%NOPE% is no operator");
    }

    #[test]
    fn what_has_no_meaning_is_refused_by_name() {
        let refused = error("%DOWNSTREAM_LOCAL_ADDRESS%");
        assert!(
            refused.contains("%DOWNSTREAM_LOCAL_ADDRESS%") && refused.contains("no connection")
        );
        assert!(error("%START_TIME(%Q)%").contains("`%Q`"));
    }

    #[test]
    fn what_is_shown_reads_back() {
        for text in ["50%%", "a%REQ(x)%%%", "%START_TIME%"] {
            let formatter = Formatter::try_new(text).unwrap();
            assert_eq!(formatter.to_string(), text);
            assert_eq!(
                Formatter::try_new(&formatter.to_string()).unwrap(),
                formatter
            );
        }
    }
}
