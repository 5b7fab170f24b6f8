//! `x-envoy-*` control headers: how a caller sets the limits of one request.
//!
//! Envoy reads them after the route's header changes, so a route may set them too, and consumes what
//! it reads. They are trusted from the application; a client that carries requests from outside
//! strips them first ([`strip_control_headers`]).

use std::time::Duration;

use http::{HeaderMap, HeaderName, StatusCode};

use crate::policy::{HeaderMatch, HeaderMatcher, HeaderMatcherName, RetryOn, RetryPolicy};

const RETRY_ON: &str = "x-envoy-retry-on";
const RETRY_GRPC_ON: &str = "x-envoy-retry-grpc-on";
const MAX_RETRIES: &str = "x-envoy-max-retries";
const RETRIABLE_STATUS_CODES: &str = "x-envoy-retriable-status-codes";
const RETRIABLE_HEADER_NAMES: &str = "x-envoy-retriable-header-names";
const TIMEOUT: &str = "x-envoy-upstream-rq-timeout-ms";
const PER_TRY_TIMEOUT: &str = "x-envoy-upstream-rq-per-try-timeout-ms";
const STREAM_DURATION: &str = "x-envoy-upstream-stream-duration-ms";
const TIMEOUT_ALT_RESPONSE: &str = "x-envoy-upstream-rq-timeout-alt-response";

/// Consumed, and without effect: there are no alternative statistics, and no hedging.
const WITHOUT_EFFECT: [&str; 2] = [
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-hedge-on-per-try-timeout",
];

/// What Envoy removes from the requests of external callers.
const FROM_OUTSIDE: [&str; 18] = [
    RETRY_ON,
    RETRY_GRPC_ON,
    MAX_RETRIES,
    RETRIABLE_STATUS_CODES,
    RETRIABLE_HEADER_NAMES,
    TIMEOUT,
    PER_TRY_TIMEOUT,
    STREAM_DURATION,
    TIMEOUT_ALT_RESPONSE,
    WITHOUT_EFFECT[0],
    WITHOUT_EFFECT[1],
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-force-trace",
    "x-envoy-ip-tags",
    "x-envoy-original-url",
    "x-envoy-decorator-operation",
    "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
];

/// What the control headers of one request ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlHeaders {
    /// `x-envoy-upstream-rq-timeout-ms`, in place of the route's timeout; 0 is none.
    pub timeout: Option<Duration>,
    /// `x-envoy-upstream-rq-per-try-timeout-ms`; 0 is none.
    pub per_try_timeout: Option<Duration>,
    /// `x-envoy-upstream-stream-duration-ms`: the longest that the stream of each attempt may last;
    /// 0 is no limit.
    pub stream_duration: Option<Duration>,
    /// `x-envoy-retry-on` and `x-envoy-retry-grpc-on`, added to the policy's.
    pub retry_on: RetryOn,
    /// `x-envoy-max-retries`, in place of the policy's; counts only when something is retried.
    pub max_retries: Option<u32>,
    /// `x-envoy-retriable-status-codes`, added to the policy's.
    pub retriable_status_codes: Vec<StatusCode>,
    /// `x-envoy-retriable-header-names`: response headers whose presence is retried, added to the
    /// policy's.
    pub retriable_header_names: Vec<HeaderName>,
    /// `x-envoy-upstream-rq-timeout-alt-response`: a timeout is answered by 204 without a body.
    pub timeout_alt_response: bool,
}

/// Whether there is any header of Envoy's that may be one of these: all that requests without one
/// pay. A virtual host may count attempts in every request.
#[inline]
fn any(headers: &HeaderMap) -> bool {
    let mut names = headers.keys().map(|name| name.as_str());
    names.any(|name| name.starts_with("x-envoy-") && name != "x-envoy-attempt-count")
}

impl ControlHeaders {
    /// Takes the control headers out of `headers`; `None` when there is none.
    #[inline]
    pub fn take(headers: &mut HeaderMap) -> Option<Box<Self>> {
        any(headers).then(|| Self::take_all(headers)).flatten()
    }

    #[cold]
    fn take_all(headers: &mut HeaderMap) -> Option<Box<Self>> {
        let mut found = false;
        let mut text = |name| {
            let value = headers.remove(name)?;
            found = true;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let ms = |text: String| number(&text).map(Duration::from_millis);
        let control = Self {
            timeout: text(TIMEOUT).and_then(ms),
            per_try_timeout: text(PER_TRY_TIMEOUT).and_then(ms),
            stream_duration: text(STREAM_DURATION).and_then(ms),
            retry_on: text(RETRY_ON)
                .map_or(RetryOn::NONE, |t| tokens(&t, false))
                .or(text(RETRY_GRPC_ON).map_or(RetryOn::NONE, |t| tokens(&t, true))),
            max_retries: text(MAX_RETRIES).and_then(|t| number(&t)),
            retriable_status_codes: list(&text(RETRIABLE_STATUS_CODES).unwrap_or_default())
                .filter_map(|code| StatusCode::from_u16(number(code)?).ok())
                .collect(),
            retriable_header_names: list(&text(RETRIABLE_HEADER_NAMES).unwrap_or_default())
                .filter_map(|name| name.parse().ok())
                .collect(),
            timeout_alt_response: text(TIMEOUT_ALT_RESPONSE).is_some(),
        };
        for name in WITHOUT_EFFECT {
            found |= headers.remove(name).is_some();
        }
        found.then(|| Box::new(control))
    }

    /// The retry policy for this request, made of the route's; `None` leaves the route's in force.
    pub fn retry_policy(&self, route: Option<&RetryPolicy>) -> Option<RetryPolicy> {
        let asks = !self.retry_on.is_empty()
            || self.max_retries.is_some()
            || self.per_try_timeout.is_some()
            || !self.retriable_status_codes.is_empty()
            || !self.retriable_header_names.is_empty();
        if !asks {
            return None;
        }
        // Envoy's default number of retries.
        let none = || RetryPolicy::new(RetryOn::NONE, 1);
        let mut policy = route.cloned().unwrap_or_else(none);
        policy.retry_on = policy.retry_on.or(self.retry_on);
        if let (false, Some(max)) = (policy.retry_on.is_empty(), self.max_retries) {
            policy.num_retries = max;
        }
        if let Some(limit) = self.per_try_timeout {
            policy.per_try_timeout = (!limit.is_zero()).then_some(limit);
        }
        let codes = &mut policy.retriable_status_codes;
        codes.extend_from_slice(&self.retriable_status_codes);
        let present = |name: &HeaderName| {
            HeaderMatcher::new(
                HeaderMatcherName::Header(name.clone()),
                HeaderMatch::Present(true),
            )
        };
        let names = self.retriable_header_names.iter().map(present);
        policy.retriable_headers.extend(names);
        Some(policy)
    }
}

/// Removes what only a trusted caller may say.
#[inline]
pub fn strip_control_headers(headers: &mut HeaderMap) {
    if any(headers) {
        for name in FROM_OUTSIDE {
            headers.remove(name);
        }
    }
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|t| !t.is_empty())
}

/// As `absl::SimpleAtoi`: blanks around it are allowed.
fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.trim().parse().ok()
}

/// Unknown tokens are ignored, and those of the other header.
fn tokens(text: &str, grpc: bool) -> RetryOn {
    const GRPC: RetryOn = RetryOn::GRPC_CANCELLED
        .or(RetryOn::GRPC_DEADLINE_EXCEEDED)
        .or(RetryOn::GRPC_RESOURCE_EXHAUSTED)
        .or(RetryOn::GRPC_INTERNAL)
        .or(RetryOn::GRPC_UNAVAILABLE);
    list(text)
        .filter_map(RetryOn::from_token)
        .filter(|token| GRPC.has(*token) == grpc)
        .fold(RetryOn::NONE, RetryOn::or)
}

/// The value of `x-envoy-original-url`: what an internally redirected request was.
pub const ORIGINAL_URL: HeaderName = HeaderName::from_static("x-envoy-original-url");

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)))
            .collect()
    }

    #[test]
    fn they_are_read_and_taken_out() {
        let mut all = headers(&[
            ("x-envoy-retry-on", "5xx, reset,nonsense,cancelled"),
            ("x-envoy-retry-grpc-on", "unavailable,5xx"),
            ("x-envoy-max-retries", "3"),
            ("x-envoy-retriable-status-codes", "404, 4x,409"),
            ("x-envoy-retriable-header-names", "X-Retry, "),
            ("x-envoy-upstream-rq-timeout-ms", "250"),
            ("x-envoy-upstream-rq-per-try-timeout-ms", "0"),
            ("x-envoy-upstream-rq-timeout-alt-response", "1"),
            ("x-envoy-upstream-alt-stat-name", "s"),
            ("x-envoy-hedge-on-per-try-timeout", "true"),
            ("x-envoy-original-path", "/stays"),
            ("x-a", "1"),
        ]);
        let control = ControlHeaders::take(&mut all).unwrap();
        assert_eq!(
            all,
            headers(&[("x-envoy-original-path", "/stays"), ("x-a", "1")])
        );
        assert_eq!(control.timeout, Some(Duration::from_millis(250)));
        assert_eq!(control.retry_on.to_string(), "5xx,reset,unavailable");
        assert!(control.timeout_alt_response);
        let policy = control.retry_policy(None).unwrap();
        assert_eq!((policy.num_retries, policy.per_try_timeout), (3, None));
        assert_eq!(policy.retriable_status_codes, [404, 409]);
        assert_eq!(policy.retriable_headers.len(), 1);
        assert_eq!(ControlHeaders::take(&mut all), None);
    }

    #[test]
    fn a_number_of_retries_counts_only_when_something_is_retried() {
        let ask = |lines, route: Option<&RetryPolicy>| {
            let control = ControlHeaders::take(&mut headers(lines)).unwrap();
            control.retry_policy(route).map(|p| p.num_retries)
        };
        let max = [("x-envoy-max-retries", "7")];
        assert_eq!(ask(&max, None), Some(1));
        let route = RetryPolicy::new(RetryOn::RESET, 2);
        assert_eq!(ask(&max, Some(&route)), Some(7));
        assert_eq!(ask(&[("x-envoy-retry-on", "5xx")], None), Some(1));
        assert_eq!(ask(&[("x-envoy-retry-on", "5xx")], Some(&route)), Some(2));
        assert_eq!(
            ask(&[("x-envoy-upstream-rq-timeout-ms", "9")], Some(&route)),
            None
        );
        assert_eq!(ask(&[("x-envoy-max-retries", "x")], Some(&route)), None);
    }

    #[test]
    fn an_outsiders_are_removed() {
        let mut all = headers(&[
            ("x-envoy-retry-on", "5xx"),
            ("x-envoy-force-trace", "1"),
            ("x-envoy-peer-metadata", "stays"),
        ]);
        strip_control_headers(&mut all);
        assert_eq!(all, headers(&[("x-envoy-peer-metadata", "stays")]));
    }
}
