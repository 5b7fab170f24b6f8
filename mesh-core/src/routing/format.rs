//! What the operators in header values stand for, for one request.

use std::{fmt::Write, time::Duration, time::SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};

use crate::{
    Flag,
    policy::{Address, Formatter, HeaderMatcherName, Name, Operator, Part},
};

/// What is known about a request when its headers, or its response's, are changed. Made only where a
/// header value has operators ([`Router::formats_requests`](super::Router::formats_requests)).
#[derive(Clone, Debug)]
pub struct Facts {
    /// `:method`.
    pub method: Method,
    /// `:scheme`.
    pub scheme: String,
    /// `:authority`.
    pub authority: String,
    /// `:path`, with its query.
    pub path: String,
    /// The request's headers, for its response; a request's own are read as they are at that time.
    pub request_headers: HeaderMap,
    /// Of the caller's request.
    pub protocol: Version,
    /// When the request was made, by the wall clock.
    pub start_time: SystemTime,
    /// How long ago that is.
    pub elapsed: Duration,
    /// How long the whole request took to be there, if it is.
    pub request_duration: Option<Duration>,
    /// How long the response's head took.
    pub response_duration: Option<Duration>,
    /// The response's status; 0 before there is one, and for those of the mesh itself.
    pub response_code: u16,
    /// Why it is not the upstream's.
    pub response_flags: Vec<Flag>,
    /// This machine's name.
    pub hostname: Name,
    /// This process's address, if it is known.
    pub source: Option<Name>,
    /// The route's name.
    pub route: Name,
    /// The cluster's; empty when no cluster was chosen.
    pub cluster: Name,
    /// The endpoint's address, once chosen.
    pub endpoint: Option<Address>,
    /// Attempts begun.
    pub attempts: u32,
}

/// The value of `formatter`; `None` when it is empty. `request` and `response` are the headers that
/// it reads.
pub(super) fn evaluate(
    formatter: &Formatter,
    facts: Option<&Facts>,
    request: &HeaderMap,
    response: Option<&HeaderMap>,
) -> Option<HeaderValue> {
    if let Some(literal) = formatter.literal() {
        return (!literal.is_empty()).then(|| literal.clone());
    }
    let facts = facts?;
    let mut out = Vec::new();
    for part in formatter.parts() {
        match part {
            Part::Text(text) => out.extend_from_slice(text.as_bytes()),
            Part::Operator(operator, limit) => {
                let start = out.len();
                facts.write(operator, request, response, &mut out);
                if let Some(limit) = *limit {
                    out.truncate(start.saturating_add(limit));
                }
            }
        }
    }
    // Made of header values and ASCII, it is one.
    let value = HeaderValue::from_bytes(&out).ok();
    value.filter(|value| !value.is_empty())
}

impl Facts {
    fn write(
        &self,
        operator: &Operator,
        request: &HeaderMap,
        response: Option<&HeaderMap>,
        out: &mut Vec<u8>,
    ) {
        let mut text = String::new();
        let ms = |duration: Duration| duration.as_millis().to_string();
        match operator {
            Operator::Request(main, other) => {
                let mut names = [Some(main), other.as_ref()].into_iter().flatten();
                let found = names.find_map(|name| self.request_header(name, request));
                return out.extend_from_slice(found.unwrap_or_default());
            }
            Operator::Response(main, other) => {
                let mut names = [Some(main), other.as_ref()].into_iter().flatten();
                let found = names.find_map(|name: &HeaderName| response?.get(name));
                return out.extend_from_slice(found.map(HeaderValue::as_bytes).unwrap_or_default());
            }
            Operator::Protocol => {
                text.push_str(match self.protocol {
                    Version::HTTP_09 => "HTTP/0.9",
                    Version::HTTP_10 => "HTTP/1.0",
                    Version::HTTP_2 => "HTTP/2",
                    Version::HTTP_3 => "HTTP/3",
                    _ => "HTTP/1.1",
                });
            }
            Operator::StartTime(format) => format.write(self.start_time, &mut text),
            Operator::UpstreamHost => {
                if let Some(endpoint) = &self.endpoint {
                    // Writing to a string does not fail.
                    let _ = write!(text, "{endpoint}");
                }
            }
            Operator::UpstreamCluster => text.push_str(&self.cluster),
            Operator::AttemptCount => text = self.attempts.to_string(),
            Operator::SourceAddress => text.push_str(self.source.as_deref().unwrap_or_default()),
            Operator::Hostname => text.push_str(&self.hostname),
            Operator::RouteName => text.push_str(&self.route),
            Operator::ResponseFlags if self.response_flags.is_empty() => text.push('-'),
            Operator::ResponseFlags => {
                let flags = self.response_flags.iter().map(|flag| flag.as_str());
                text = flags.collect::<Vec<_>>().join(",");
            }
            Operator::ResponseCode => text = self.response_code.to_string(),
            Operator::RequestDuration => text = self.request_duration.map(ms).unwrap_or_default(),
            Operator::ResponseDuration => text = self.response_duration.map(ms).unwrap_or_default(),
            Operator::Duration => text = ms(self.elapsed),
        }
        out.extend_from_slice(text.as_bytes());
    }

    fn request_header<'a>(
        &'a self,
        name: &HeaderMatcherName,
        headers: &'a HeaderMap,
    ) -> Option<&'a [u8]> {
        let text = match name {
            HeaderMatcherName::Method => self.method.as_str(),
            HeaderMatcherName::Authority => &self.authority,
            HeaderMatcherName::Path => &self.path,
            HeaderMatcherName::Scheme => &self.scheme,
            HeaderMatcherName::Header(name) => {
                return headers.get(name).map(HeaderValue::as_bytes);
            }
        };
        (!text.is_empty()).then_some(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn facts() -> Facts {
        Facts {
            method: Method::GET,
            scheme: "http".into(),
            authority: "H.com:81".into(),
            path: "/old?q=1".into(),
            request_headers: HeaderMap::new(),
            protocol: Version::HTTP_11,
            start_time: UNIX_EPOCH + Duration::from_millis(1_795_529_848_224),
            elapsed: Duration::from_millis(3),
            request_duration: Some(Duration::ZERO),
            response_duration: None,
            response_code: 0,
            response_flags: Vec::new(),
            hostname: "vm".into(),
            source: None,
            route: "route1".into(),
            cluster: "a".into(),
            endpoint: None,
            attempts: 1,
        }
    }

    fn value(format: &str, facts: &Facts, response: Option<&HeaderMap>) -> String {
        let mut request = HeaderMap::new();
        request.append("x-a", HeaderValue::from_static("abc"));
        request.append("x-a", HeaderValue::from_static("second"));
        let formatter = Formatter::try_new(format).unwrap();
        evaluate(&formatter, Some(facts), &request, response)
            .map(|v| v.to_str().unwrap().to_owned())
            .unwrap_or_default()
    }

    /// Observed on Envoy 1.40.
    #[test]
    fn operators_of_a_request() {
        let facts = facts();
        for (format, expected) in [
            ("%REQ(x-a)%", "abc"),
            ("%REQ(x-no?x-a)%", "abc"),
            ("%REQ(x-no?x-a):2%", "ab"),
            ("[%REQ(x-a):0%]", "[]"),
            ("%REQ(x-no)%", ""),
            ("%REQ(:path)%", "/old?q=1"),
            ("%REQ(host)%", "H.com:81"),
            ("%REQ(:method)% %REQ(:scheme)%", "GET http"),
            ("[%RESP(x-up)%]", "[]"),
            ("%PROTOCOL%", "HTTP/1.1"),
            ("%START_TIME%", "2026-11-24T14:17:28.224Z"),
            ("[%UPSTREAM_HOST%]", "[]"),
            ("%HOSTNAME% %ROUTE_NAME%", "vm route1"),
            ("%UPSTREAM_CLUSTER%", "a"),
            ("%RESPONSE_FLAGS% %RESPONSE_CODE%", "- 0"),
            (
                "%REQUEST_DURATION% %DURATION% [%RESPONSE_DURATION%]",
                "0 3 []",
            ),
            ("%UPSTREAM_REQUEST_ATTEMPT_COUNT%", "1"),
            ("50%% of %REQ(x-a)%", "50% of abc"),
        ] {
            assert_eq!(value(format, &facts, None), expected, "{format}");
        }
    }

    #[test]
    fn operators_of_a_response() {
        let mut facts = facts();
        facts.response_code = 503;
        facts.response_flags = vec![
            Flag::UpstreamRetryLimitExceeded,
            Flag::UpstreamConnectionFailure,
        ];
        facts.endpoint = Some("127.0.0.1:18081".parse().unwrap());
        facts.source = Some("10.0.0.1".into());
        let mut response = HeaderMap::new();
        response.insert("x-up", HeaderValue::from_static("u"));
        let all = "%RESP(x-no?x-up)% %RESPONSE_CODE% %RESPONSE_FLAGS% %UPSTREAM_HOST% \
                   %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%";
        assert_eq!(
            value(all, &facts, Some(&response)),
            "u 503 URX,UF 127.0.0.1:18081 10.0.0.1"
        );
    }
}
