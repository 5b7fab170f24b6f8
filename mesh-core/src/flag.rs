//! Why a request ended as it did, in Envoy's words.

use std::fmt;

/// Envoy's response flags (`%RESPONSE_FLAGS%`): the stable reason in errors, metrics and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Flag {
    /// UH: no healthy upstream.
    NoHealthyUpstream,
    /// UT: the route's or attempt's time ran out.
    UpstreamTimeout,
    /// UR: the upstream reset the stream.
    UpstreamRemoteReset,
    /// UF: no connection to the upstream.
    UpstreamConnectionFailure,
    /// UC: the upstream closed the connection.
    UpstreamConnectionTermination,
    /// UO: a circuit breaker is open.
    UpstreamOverflow,
    /// NR: no virtual host or route.
    NoRoute,
    /// URX: the retry limit was reached.
    UpstreamRetryLimitExceeded,
    /// DI: a delay was injected.
    DelayInjected,
    /// FI: a fault was injected.
    FaultInjected,
    /// DC: the caller went away.
    DownstreamConnectionTermination,
    /// SI: idle too long.
    StreamIdleTimeout,
    /// UMSDR: the stream's maximum duration was reached.
    UpstreamMaxStreamDuration,
    /// DT: the connection's maximum duration was reached.
    DurationTimeout,
    /// UPE: the upstream broke the protocol.
    UpstreamProtocolError,
    /// NC: the route's cluster does not exist.
    NoCluster,
    /// IH: the request cannot be used as it is.
    InvalidRequest,
}

impl Flag {
    /// Envoy's short form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoHealthyUpstream => "UH",
            Self::UpstreamTimeout => "UT",
            Self::UpstreamRemoteReset => "UR",
            Self::UpstreamConnectionFailure => "UF",
            Self::UpstreamConnectionTermination => "UC",
            Self::UpstreamOverflow => "UO",
            Self::NoRoute => "NR",
            Self::UpstreamRetryLimitExceeded => "URX",
            Self::DelayInjected => "DI",
            Self::FaultInjected => "FI",
            Self::DownstreamConnectionTermination => "DC",
            Self::StreamIdleTimeout => "SI",
            Self::UpstreamMaxStreamDuration => "UMSDR",
            Self::DurationTimeout => "DT",
            Self::UpstreamProtocolError => "UPE",
            Self::NoCluster => "NC",
            Self::InvalidRequest => "IH",
        }
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
