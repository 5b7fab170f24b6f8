use std::time::Duration;

use http::{HeaderName, StatusCode};

use super::{HeaderMatcher, Name, Percent, Regex};

/// The time limits of a route. `None` means no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// `RouteAction.timeout`: the whole exchange with all its retries. A configured 0 is `None`.
    pub timeout: Option<Duration>,
    /// `RouteAction.idle_timeout`: no bytes either way. 0 switches it off; `None` leaves the
    /// client's default.
    pub idle_timeout: Option<Duration>,
    /// `RouteAction.max_stream_duration`: the whole stream, body included. When present (or
    /// `grpc_timeout_header_max`), `timeout` does not apply.
    pub max_stream_duration: Option<Duration>,
    /// `RouteAction.max_grpc_timeout`: a gRPC request is limited by its `grpc-timeout`, and by this when
    /// this is shorter or the header is missing, in place of `timeout`. 0 lowers nothing. It does not
    /// apply either when `max_stream_duration` or `grpc_timeout_header_max` is present.
    pub max_grpc_timeout: Option<Duration>,
    /// `MaxStreamDuration.grpc_timeout_header_max`: a request with a `grpc-timeout` is limited by it, or
    /// by this when this is shorter, in place of `max_stream_duration`. 0 lowers nothing.
    pub grpc_timeout_header_max: Option<Duration>,
    /// `grpc_timeout_offset`, `grpc_timeout_header_offset`: taken off the request's `grpc-timeout`, so
    /// that the answer to an expired request still reaches the caller. Default 0.
    pub grpc_timeout_offset: Duration,
}

impl Timeouts {
    /// Only a whole-exchange timeout.
    pub const fn total(timeout: Duration) -> Self {
        Self {
            timeout: Some(timeout),
            idle_timeout: None,
            max_stream_duration: None,
            max_grpc_timeout: None,
            grpc_timeout_header_max: None,
            grpc_timeout_offset: Duration::ZERO,
        }
    }
}

/// `envoy.config.route.v3.RetryPolicy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// What is retried.
    pub retry_on: RetryOn,
    /// Retries, not tries. Envoy's default is 1, Istio's 2.
    pub num_retries: u32,
    /// Until an attempt's response headers; `None` is bounded by the route's timeout alone.
    pub per_try_timeout: Option<Duration>,
    /// For `retriable-status-codes`.
    pub retriable_status_codes: Vec<StatusCode>,
    /// For `retriable-headers`: any matching response header.
    pub retriable_headers: Vec<HeaderMatcher>,
    /// When not empty, only requests that match one of these are retried.
    pub retriable_request_headers: Vec<HeaderMatcher>,
    /// The pause between attempts.
    pub back_off: RetryBackOff,
    /// The pause when the upstream names one.
    pub rate_limited_back_off: Option<RateLimitedBackOff>,
    /// `envoy.retry_host_predicates.previous_hosts`: avoid hosts already tried.
    pub previous_hosts: bool,
    /// `host_selection_retry_max_attempts`: how often the balancer is asked again. Default 1.
    pub host_selection_retry_max_attempts: u32,
}

impl RetryPolicy {
    /// Envoy's defaults for `num_retries` retries on `retry_on`.
    pub fn new(retry_on: RetryOn, num_retries: u32) -> Self {
        Self {
            retry_on,
            num_retries,
            per_try_timeout: None,
            retriable_status_codes: Vec::new(),
            retriable_headers: Vec::new(),
            retriable_request_headers: Vec::new(),
            back_off: RetryBackOff::default(),
            rate_limited_back_off: None,
            previous_hosts: false,
            host_selection_retry_max_attempts: 1,
        }
    }

    /// With a limit for each attempt.
    #[must_use]
    pub const fn with_per_try_timeout(mut self, timeout: Duration) -> Self {
        self.per_try_timeout = Some(timeout);
        self
    }
}

/// The tokens of `retry_on` and `retry_grpc_on`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct RetryOn(u32);

macro_rules! retry_on {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $token:literal;)*) => {
        impl RetryOn {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*

            /// Every token and its name.
            pub const TOKENS: &'static [(&'static str, Self)] = &[$(($token, Self::$name)),*];
        }
    };
}

retry_on! {
    /// Any 5xx response, reset, disconnect, connect failure or per-try timeout.
    SERVER_ERROR = 0, "5xx";
    /// 502, 503, 504; and resets as `5xx`.
    GATEWAY_ERROR = 1, "gateway-error";
    /// Any reset before response headers.
    RESET = 2, "reset";
    /// A reset before any byte of the request was written.
    RESET_BEFORE_REQUEST = 3, "reset-before-request";
    /// A connection could not be made.
    CONNECT_FAILURE = 4, "connect-failure";
    /// HTTP/2 REFUSED_STREAM.
    REFUSED_STREAM = 5, "refused-stream";
    /// 409.
    RETRIABLE_4XX = 6, "retriable-4xx";
    /// The policy's list of codes.
    RETRIABLE_STATUS_CODES = 7, "retriable-status-codes";
    /// The policy's list of response headers.
    RETRIABLE_HEADERS = 8, "retriable-headers";
    /// A response with `x-envoy-ratelimited`; without this token such a response is never retried.
    ENVOY_RATELIMITED = 9, "envoy-ratelimited";
    /// gRPC status 1 in the response headers.
    GRPC_CANCELLED = 10, "cancelled";
    /// gRPC status 4 in the response headers.
    GRPC_DEADLINE_EXCEEDED = 11, "deadline-exceeded";
    /// gRPC status 8 in the response headers.
    GRPC_RESOURCE_EXHAUSTED = 12, "resource-exhausted";
    /// gRPC status 13 in the response headers.
    GRPC_INTERNAL = 13, "internal";
    /// gRPC status 14 in the response headers.
    GRPC_UNAVAILABLE = 14, "unavailable";
}

impl RetryOn {
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// The token's bit, if `token` is one.
    pub fn from_token(token: &str) -> Option<Self> {
        Self::TOKENS
            .iter()
            .find_map(|(name, bit)| (*name == token).then_some(*bit))
    }

    /// Whether any of `other` is set here.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether nothing is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl std::fmt::Display for RetryOn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut first = true;
        for (name, bit) in Self::TOKENS {
            if self.has(*bit) {
                if !std::mem::take(&mut first) {
                    f.write_str(",")?;
                }
                f.write_str(name)?;
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for RetryOn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RetryOn({self})")
    }
}

/// `RetryPolicy.RetryBackOff`: retry N waits uniformly in `[0, min(base·2^(N-1), max))`, and no less
/// than the minimum, which Envoy does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryBackOff {
    base: Duration,
    max: Duration,
    minimum: Duration,
}

/// A back-off that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BackOffError {
    /// `base_interval` is zero.
    #[error("the back-off's base interval must be above 0")]
    ZeroBase,
    /// `max_interval` is below `base_interval`.
    #[error("the back-off's max interval must not be below its base interval")]
    MaxBelowBase,
}

impl RetryBackOff {
    /// # Errors
    /// When `base` is 0 or `max` is below it. `max` is 10 times `base` by default.
    pub fn try_new(base: Duration, max: Option<Duration>) -> Result<Self, BackOffError> {
        let max = max.unwrap_or_else(|| base.saturating_mul(10));
        if base.is_zero() {
            Err(BackOffError::ZeroBase)
        } else if max < base {
            Err(BackOffError::MaxBelowBase)
        } else {
            Ok(Self {
                base,
                max,
                minimum: Duration::ZERO,
            })
        }
    }

    /// The first pause's upper bound.
    pub const fn base(self) -> Duration {
        self.base
    }

    /// Waits at least `minimum`, as Gateway API's `retry.backoff` demands. Default 0.
    #[must_use]
    pub const fn with_minimum(mut self, minimum: Duration) -> Self {
        self.minimum = minimum;
        self
    }

    /// No pause is shorter.
    pub const fn minimum(self) -> Duration {
        self.minimum
    }

    /// No pause is longer.
    pub const fn max(self) -> Duration {
        self.max
    }
}

impl Default for RetryBackOff {
    /// Envoy's: 25 ms, at most 250 ms.
    fn default() -> Self {
        Self {
            base: Duration::from_millis(25),
            max: Duration::from_millis(250),
            minimum: Duration::ZERO,
        }
    }
}

/// `RetryPolicy.RateLimitedRetryBackOff`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimitedBackOff {
    /// Tried in order; the first that parses and is not above `max_interval` is used.
    pub reset_headers: Vec<ResetHeader>,
    /// Default 300 s.
    pub max_interval: Duration,
}

/// A response header that names a pause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResetHeader {
    /// The header.
    pub name: HeaderName,
    /// How it is read.
    pub format: ResetHeaderFormat,
}

/// `RetryPolicy.ResetHeaderFormat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetHeaderFormat {
    /// Seconds from now.
    Seconds,
    /// A Unix time.
    UnixTimestamp,
}

/// `CircuitBreakers.Thresholds.RetryBudget`: retries allowed as a share of active requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryBudget {
    /// Of active and pending requests. Default 20 %.
    pub budget_percent: Percent,
    /// Always allowed. Default 3.
    pub min_retry_concurrency: u32,
}

/// `envoy.config.cluster.v3.OutlierDetection`: consecutive errors. Percentages are of all hosts;
/// `enforcing` 0 detects and counts without ejecting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlierDetection {
    /// 5xx in a row, 0 disables. Default 5.
    pub consecutive_5xx: u32,
    /// How often a detected host is really ejected. Default 100 %.
    pub enforcing_consecutive_5xx: Percent,
    /// 502, 503, 504 in a row. Default 5.
    pub consecutive_gateway_failure: u32,
    /// Default 0 %.
    pub enforcing_consecutive_gateway_failure: Percent,
    /// Failures on our side in a row; needs `split_external_local_origin_errors`. Default 5.
    pub consecutive_local_origin_failure: u32,
    /// Default 100 %.
    pub enforcing_consecutive_local_origin_failure: Percent,
    /// Resets, timeouts and connect failures feed only the local-origin counter.
    pub split_external_local_origin_errors: bool,
    /// How often ejections are reviewed. Default 10 s.
    pub interval: Duration,
    /// Times the number of ejections. Default 30 s.
    pub base_ejection_time: Duration,
    /// No ejection is longer. Default the larger of 300 s and `base_ejection_time`.
    pub max_ejection_time: Duration,
    /// Added at random. Default 0.
    pub max_ejection_time_jitter: Duration,
    /// Default 10 %.
    pub max_ejection_percent: Percent,
    /// Ejects one host whatever the percentage. Istio means this; Envoy's default is false.
    pub always_eject_one_host: bool,
    /// Where it was configured.
    pub origin: super::Origin,
}

impl Default for OutlierDetection {
    fn default() -> Self {
        Self {
            consecutive_5xx: 5,
            enforcing_consecutive_5xx: Percent::HUNDRED,
            consecutive_gateway_failure: 5,
            enforcing_consecutive_gateway_failure: Percent::ZERO,
            consecutive_local_origin_failure: 5,
            enforcing_consecutive_local_origin_failure: Percent::HUNDRED,
            split_external_local_origin_errors: false,
            interval: Duration::from_secs(10),
            base_ejection_time: Duration::from_secs(30),
            max_ejection_time: Duration::from_secs(300),
            max_ejection_time_jitter: Duration::ZERO,
            max_ejection_percent: match Percent::try_new(10) {
                Ok(p) => p,
                Err(_) => Percent::HUNDRED,
            },
            always_eject_one_host: false,
            origin: super::Origin::Code,
        }
    }
}

/// `RouteAction.HashPolicy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashPolicy {
    /// What is hashed.
    pub kind: HashPolicyKind,
    /// Stops here if there is a hash.
    pub terminal: bool,
}

/// The inputs of a [`HashPolicy`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HashPolicyKind {
    /// A request header.
    Header {
        /// Its name.
        name: HeaderName,
        /// Rewrites the value first.
        regex_rewrite: Option<(Regex, Name)>,
    },
    /// A cookie.
    Cookie {
        /// Its name.
        name: Name,
        /// Makes one when it is absent or empty, which lives so long; 0 is a session's.
        ttl: Option<Duration>,
        /// The made cookie's path.
        path: Name,
        /// The made cookie's attributes; one without a value has only its name.
        attributes: Vec<(Name, Name)>,
    },
    /// `connection_properties.source_ip`: this process's own address, if the client was told it;
    /// else a number that each client draws once, so that it keeps to its endpoint all the same.
    SourceIp,
    /// A query parameter, raw.
    QueryParameter(Name),
}
