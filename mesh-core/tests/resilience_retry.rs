//! Every `retry_on` token against every kind of result, and the order of a decision.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, Method, StatusCode};
use mesh_core::{
    Failure, Outcome, Seeded,
    cluster::{Cluster, Resource},
    policy::{
        self, HeaderMatcher, RateLimitedBackOff, ResetHeader, ResetHeaderFormat, RetryOn,
        RetryPolicy, RoutingPriority,
    },
    resilience::{
        AttemptResult, Decision, NoRetry, RetryContext, RetryState, is_idempotent, is_retriable,
    },
    routing::RequestHead,
};

/// A result and its name.
struct Case {
    name: &'static str,
    outcome: Outcome,
    headers: Option<HeaderMap>,
    sent: bool,
}

impl Case {
    fn result(&self) -> AttemptResult<'_> {
        AttemptResult {
            outcome: self.outcome,
            headers: self.headers.as_ref(),
            request_sent: self.sent,
        }
    }
}

fn response(name: &'static str, status: u16, headers: &[(&'static str, &str)]) -> Case {
    let headers: HeaderMap = headers
        .iter()
        .map(|(k, v)| {
            (
                HeaderName::from_static(k),
                v.parse().expect("a header value"),
            )
        })
        .collect();
    Case {
        name,
        outcome: Outcome::of_head(StatusCode::from_u16(status).expect("a status"), &headers),
        headers: Some(headers),
        sent: true,
    }
}

fn failure(name: &'static str, failure: Failure, sent: bool) -> Case {
    Case {
        name,
        outcome: Outcome::Failure(failure),
        headers: None,
        sent,
    }
}

fn cases() -> Vec<Case> {
    let grpc_in_trailers = Case {
        name: "trailers 14",
        outcome: Outcome::Response {
            status: StatusCode::OK,
            grpc_status: Some(14),
        },
        headers: Some(HeaderMap::new()),
        sent: true,
    };
    vec![
        response("200", 200, &[]),
        response("404", 404, &[]),
        response("409", 409, &[]),
        response("500", 500, &[]),
        response("502", 502, &[]),
        response("503", 503, &[]),
        response("504", 504, &[]),
        response("limited 503", 503, &[("x-envoy-ratelimited", "true")]),
        response("limited 200", 200, &[("x-envoy-ratelimited", "true")]),
        response("x-retry", 200, &[("x-retry", "yes")]),
        response("grpc 0", 200, &[("grpc-status", "0")]),
        response("grpc 1", 200, &[("grpc-status", "1")]),
        response("grpc 4", 200, &[("grpc-status", "4")]),
        response("grpc 8", 200, &[("grpc-status", "8")]),
        response("grpc 13", 200, &[("grpc-status", "13")]),
        response("grpc 14", 200, &[("grpc-status", "14")]),
        grpc_in_trailers,
        failure("connect", Failure::Connect, false),
        failure("connect timeout", Failure::ConnectTimeout, false),
        failure("per-try timeout", Failure::Timeout, true),
        failure("disconnect", Failure::Disconnect, true),
        failure("reset", Failure::Reset, true),
        failure("refused", Failure::RefusedStream, true),
        failure("protocol", Failure::Protocol, true),
        failure("unsent", Failure::Disconnect, false),
    ]
}

const RESETS: [&str; 8] = [
    "connect",
    "connect timeout",
    "per-try timeout",
    "disconnect",
    "reset",
    "refused",
    "protocol",
    "unsent",
];

fn policy(retry_on: RetryOn) -> RetryPolicy {
    RetryPolicy {
        retriable_status_codes: vec![StatusCode::NOT_FOUND],
        retriable_headers: vec![HeaderMatcher::exact(
            HeaderName::from_static("x-retry"),
            "yes",
        )],
        ..RetryPolicy::new(retry_on, 1)
    }
}

#[test]
fn each_token_retries_its_own_results_and_no_others() {
    let with_resets = |codes: &[&'static str]| [codes, &RESETS[..]].concat();
    let expected = |token: &str| match token {
        "5xx" => with_resets(&["500", "502", "503", "504"]),
        "gateway-error" => with_resets(&["502", "503", "504"]),
        "reset" => RESETS.to_vec(),
        "reset-before-request" => vec!["connect", "connect timeout", "unsent"],
        "connect-failure" => vec!["connect", "connect timeout"],
        "refused-stream" => vec!["refused"],
        "retriable-4xx" => vec!["409"],
        "retriable-status-codes" => vec!["404"],
        "retriable-headers" => vec!["x-retry"],
        "envoy-ratelimited" => vec!["limited 503", "limited 200"],
        "cancelled" => vec!["grpc 1"],
        "deadline-exceeded" => vec!["grpc 4"],
        "resource-exhausted" => vec!["grpc 8"],
        "internal" => vec!["grpc 13"],
        "unavailable" => vec!["grpc 14"],
        other => panic!("a new token: {other}"),
    };
    let cases = cases();
    for (token, bit) in RetryOn::TOKENS {
        let policy = policy(*bit);
        let retried: Vec<_> = cases
            .iter()
            .filter(|case| is_retriable(&policy, &case.result()))
            .map(|case| case.name)
            .collect();
        assert_eq!(retried, expected(token), "{token}");
    }
    assert!(
        !cases
            .iter()
            .any(|case| is_retriable(&policy(RetryOn::NONE), &case.result()))
    );
}

/// A request to a cluster with these limits on retries.
struct Bed {
    cluster: Cluster,
    random: Seeded,
    policy: RetryPolicy,
}

impl Bed {
    fn new(policy: RetryPolicy, max_retries: u32) -> Self {
        let mut cluster = policy::Cluster::new("reviews");
        cluster.circuit_breakers.default.max_retries = max_retries;
        Self {
            cluster: Cluster::new(cluster.into(), Default::default(), None),
            random: Seeded::new(1),
            policy,
        }
    }

    fn state(&self, headers: &HeaderMap) -> RetryState {
        let request = RequestHead {
            method: &Method::GET,
            scheme: "http",
            authority: "reviews",
            path: "/",
            headers,
            source: "",
        };
        RetryState::new(&self.policy, &request)
    }

    fn decide(&self, state: &mut RetryState, case: &Case) -> Decision {
        let context = RetryContext {
            policy: &self.policy,
            cluster: Some(self.cluster.state()),
            priority: RoutingPriority::Default,
            wall_clock: at_1000,
            random: &self.random,
        };
        state.decide(&context, &case.result())
    }

    fn active(&self) -> u32 {
        let state = self.cluster.state();
        state
            .breaker_status(RoutingPriority::Default)
            .retries
            .active
    }
}

fn at_1000() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1000)
}

fn is_retry(decision: Decision) -> bool {
    matches!(decision, Decision::Retry { .. })
}

#[test]
fn retries_end_at_their_number_and_back_off_doubles() {
    let bed = Bed::new(RetryPolicy::new(RetryOn::SERVER_ERROR, 3), 3);
    let failed = response("503", 503, &[]);
    let mut longest = [Duration::ZERO; 3];
    for _ in 0..500 {
        let mut state = bed.state(&HeaderMap::new());
        assert_eq!(state.attempt(), 1);
        for (n, longest) in (2..).zip(&mut longest) {
            assert!(state.may_retry());
            match bed.decide(&mut state, &failed) {
                Decision::Retry { back_off, .. } => *longest = back_off.max(*longest),
                other => panic!("{other:?}"),
            }
            assert_eq!(state.attempt(), n);
        }
        assert!(!state.may_retry());
        let last = bed.decide(&mut state, &failed);
        assert_eq!(last, Decision::No(NoRetry::LimitExceeded));
        assert_eq!(state.attempt(), 4);
    }
    for (longest, bound) in longest.into_iter().zip([25, 50, 100]) {
        let bound = Duration::from_millis(bound);
        assert!(
            longest < bound && longest > bound * 9 / 10,
            "{longest:?} of {bound:?}"
        );
    }
}

#[test]
fn success_is_not_retried() {
    let bed = Bed::new(RetryPolicy::new(RetryOn::SERVER_ERROR, 3), 3);
    let mut state = bed.state(&HeaderMap::new());
    let decision = bed.decide(&mut state, &response("200", 200, &[]));
    assert_eq!(decision, Decision::No(NoRetry::NotRetriable));
}

#[test]
fn only_requests_with_a_wanted_header_are_retried() {
    let name = HeaderName::from_static("x-safe");
    let bed = Bed::new(
        RetryPolicy {
            retriable_request_headers: vec![HeaderMatcher::exact(name.clone(), "yes")],
            ..RetryPolicy::new(RetryOn::SERVER_ERROR, 1)
        },
        3,
    );
    let failed = response("503", 503, &[]);
    let mut without = bed.state(&HeaderMap::new());
    assert!(!without.may_retry());
    let decision = bed.decide(&mut without, &failed);
    assert_eq!(decision, Decision::No(NoRetry::RequestNotRetriable));
    let headers = HeaderMap::from_iter([(name, "yes".parse().unwrap())]);
    assert!(is_retry(bed.decide(&mut bed.state(&headers), &failed)));
}

#[test]
fn the_breaker_counts_a_retry_until_its_outcome() {
    let bed = Bed::new(RetryPolicy::new(RetryOn::SERVER_ERROR, 5), 1);
    let failed = response("503", 503, &[]);
    let mut first = bed.state(&HeaderMap::new());
    let mut second = bed.state(&HeaderMap::new());
    assert!(is_retry(bed.decide(&mut first, &failed)));
    assert_eq!(bed.active(), 1);
    match bed.decide(&mut second, &failed) {
        Decision::No(NoRetry::Overflow(overflow)) => {
            assert_eq!((overflow.resource, overflow.limit), (Resource::Retries, 1));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(second.attempt(), 1, "no second attempt was made");
    // A retry that fails makes room for its own successor.
    assert!(is_retry(bed.decide(&mut first, &failed)));
    assert_eq!(bed.active(), 1);
    // A success ends it; so does dropping the request.
    let _ = bed.decide(&mut first, &response("200", 200, &[]));
    assert_eq!(bed.active(), 0);
    assert!(is_retry(bed.decide(&mut first, &failed)));
    drop(first);
    assert_eq!(bed.active(), 0);
}

#[test]
fn an_overflow_costs_one_of_the_retries_as_in_envoy() {
    let bed = Bed::new(RetryPolicy::new(RetryOn::SERVER_ERROR, 1), 0);
    let failed = response("503", 503, &[]);
    let mut state = bed.state(&HeaderMap::new());
    let decision = bed.decide(&mut state, &failed);
    assert!(matches!(decision, Decision::No(NoRetry::Overflow(_))));
    let decision = bed.decide(&mut state, &failed);
    assert_eq!(decision, Decision::No(NoRetry::LimitExceeded));
}

#[test]
fn a_pause_the_upstream_names_replaces_one_drawn() {
    let reset_header = |name, format| ResetHeader {
        name: HeaderName::from_static(name),
        format,
    };
    let bed = Bed::new(
        RetryPolicy {
            rate_limited_back_off: Some(RateLimitedBackOff {
                reset_headers: vec![
                    reset_header("retry-after", ResetHeaderFormat::Seconds),
                    reset_header("x-reset", ResetHeaderFormat::UnixTimestamp),
                ],
                max_interval: Duration::from_secs(300),
            }),
            ..RetryPolicy::new(RetryOn::SERVER_ERROR, 100)
        },
        3,
    );
    let mut state = bed.state(&HeaderMap::new());
    for (headers, seconds) in [([("retry-after", "1")], 1.0), ([("x-reset", "1004")], 4.0)] {
        match bed.decide(&mut state, &response("503", 503, &headers)) {
            Decision::Retry {
                back_off,
                rate_limited: true,
            } => assert!((seconds..seconds * 1.5).contains(&back_off.as_secs_f64())),
            other => panic!("{other:?}"),
        }
    }
    // The exponential back-off has not advanced: its first bound is still 25 ms.
    for (drawn, bound) in [(1, 25), (2, 50)] {
        match bed.decide(&mut state, &failure("reset", Failure::Reset, true)) {
            Decision::Retry {
                back_off,
                rate_limited: false,
            } => assert!(back_off < Duration::from_millis(bound), "draw {drawn}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn idempotent_methods_are_rfc_9110s() {
    for (method, expected) in [
        (Method::GET, true),
        (Method::HEAD, true),
        (Method::OPTIONS, true),
        (Method::TRACE, true),
        (Method::PUT, true),
        (Method::DELETE, true),
        (Method::POST, false),
        (Method::PATCH, false),
        (Method::CONNECT, false),
    ] {
        assert_eq!(is_idempotent(&method), expected, "{method}");
    }
}

#[test]
fn without_a_cluster_nothing_is_counted() {
    let bed = Bed::new(RetryPolicy::new(RetryOn::SERVER_ERROR, 1), 0);
    let context = RetryContext {
        policy: &bed.policy,
        cluster: None,
        priority: RoutingPriority::Default,
        wall_clock: at_1000,
        random: &bed.random,
    };
    let failed = response("503", 503, &[]);
    let mut state = bed.state(&HeaderMap::new());
    assert!(is_retry(state.decide(&context, &failed.result())));
}
