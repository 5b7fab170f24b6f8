use std::time::Duration;

use super::{LbPolicy, Locality, Metadata, Name, Origin, OutlierDetection, Percent, RetryBudget};

/// `envoy.config.cluster.v3.Cluster`: a set of endpoints and how they are used. The endpoints
/// themselves arrive apart, as a [`ClusterLoadAssignment`](super::ClusterLoadAssignment).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The resource's name; runtime state survives a change of policy by it.
    pub name: Name,
    /// How the endpoints are found.
    pub discovery: Discovery,
    /// How one is chosen.
    pub lb_policy: LbPolicy,
    /// `lb_subset_config`.
    pub subsets: Option<Subsets>,
    /// `common_lb_config.healthy_panic_threshold`. Default 50 %; 0 disables panic.
    pub healthy_panic_threshold: Percent,
    /// Default 140 %.
    pub overprovisioning_factor: u32,
    /// Covers TCP and TLS. Envoy's default is 5 s, Istio's 10 s.
    pub connect_timeout: Duration,
    /// What is spoken on its connections.
    pub protocol: HttpProtocol,
    /// Limits of each endpoint's connections.
    pub connection_pool: ConnectionPool,
    /// Limits of the whole cluster.
    pub circuit_breakers: CircuitBreakers,
    /// `None`: no host is ever ejected.
    pub outlier_detection: Option<OutlierDetection>,
    /// Where it was configured.
    pub origin: Origin,
}

impl Cluster {
    /// A cluster with Envoy's defaults, except for least-request balancing (Istio's default).
    pub fn new(name: impl Into<Name>) -> Self {
        Self {
            name: name.into(),
            discovery: Discovery::Assigned,
            lb_policy: LbPolicy::default(),
            subsets: None,
            healthy_panic_threshold: match Percent::try_new(50) {
                Ok(p) => p,
                Err(_) => Percent::ZERO,
            },
            overprovisioning_factor: 140,
            connect_timeout: Duration::from_secs(5),
            protocol: HttpProtocol::default(),
            connection_pool: ConnectionPool::default(),
            circuit_breakers: CircuitBreakers::default(),
            outlier_detection: None,
            origin: Origin::Code,
        }
    }

    /// With outlier detection.
    #[must_use]
    pub fn with_outlier_detection(mut self, outlier: OutlierDetection) -> Self {
        self.outlier_detection = Some(outlier);
        self
    }

    /// With a balancing policy.
    #[must_use]
    pub const fn with_lb_policy(mut self, policy: LbPolicy) -> Self {
        self.lb_policy = policy;
        self
    }

    /// With another protocol than HTTP/1.1.
    #[must_use]
    pub const fn with_protocol(mut self, protocol: HttpProtocol) -> Self {
        self.protocol = protocol;
        self
    }
}

/// `Cluster.type`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Discovery {
    /// STATIC and EDS: whoever publishes the cluster also publishes its assignment.
    #[default]
    Assigned,
    /// STRICT_DNS: every resolved address is an endpoint.
    StrictDns {
        /// What to resolve.
        targets: Vec<DnsTarget>,
    },
    /// `envoy.extensions.clusters.aggregate`: no endpoints, but other clusters. What is sent to it goes
    /// to the first of them, and as far as too few endpoints are healthy there, to the next ones. All
    /// else that its policy says has no effect.
    Aggregate {
        /// By preference. They may be aggregates; one that does not exist is passed over.
        clusters: Vec<Name>,
    },
    /// LOGICAL_DNS: new connections use the first address of the latest answer.
    LogicalDns {
        /// What to resolve.
        target: DnsTarget,
    },
}

/// One name to resolve, and what its endpoints carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsTarget {
    /// The DNS name.
    pub hostname: Name,
    /// The port to connect to.
    pub port: u16,
    /// The endpoints' labels.
    pub metadata: Metadata,
    /// The endpoints' weight, at least 1.
    pub weight: u32,
    /// Where the endpoints are.
    pub locality: Locality,
    /// The endpoints' priority; 0 is used first. LOGICAL_DNS has one.
    pub priority: u32,
}

impl DnsTarget {
    /// A name and port whose endpoints have no labels, weight 1 and no locality in particular.
    pub fn new(hostname: impl Into<Name>, port: u16) -> Self {
        Self {
            hostname: hostname.into(),
            port,
            metadata: Metadata::EMPTY,
            weight: 1,
            locality: Locality::default(),
            priority: 0,
        }
    }
}

/// `Cluster.LbSubsetConfig`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subsets {
    /// `subset_selectors`: a subset exists for each set of values of exactly these keys.
    pub selectors: Vec<Vec<Name>>,
    /// When the criteria name no subset.
    pub fallback: SubsetFallback,
}

/// `LbSubsetConfig.LbSubsetFallbackPolicy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubsetFallback {
    /// The request fails.
    NoFallback,
    /// Any endpoint.
    AnyEndpoint,
    /// The subset of these labels.
    DefaultSubset(Metadata),
}

/// What a cluster's connections speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpProtocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
    /// What the request itself speaks (`use_downstream_protocol_config`): HTTP/2 for requests of
    /// that version, else HTTP/1.1.
    Downstream,
}

/// Limits and upkeep of the connections to each endpoint. `None` means no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionPool {
    /// `common_http_protocol_options.idle_timeout`. Default 1 h; `None` never closes.
    pub idle_timeout: Option<Duration>,
    /// `max_connection_duration`.
    pub max_connection_duration: Option<Duration>,
    /// `max_requests_per_connection`; 1 disables keep-alive.
    pub max_requests_per_connection: Option<u32>,
    /// HTTP/2: opens another connection past this many streams. Envoy's default is 1024.
    pub max_concurrent_streams: u32,
    /// HTTP/2 PING.
    pub http2_keep_alive: Option<Http2KeepAlive>,
    /// TCP keep-alive probes.
    pub tcp_keepalive: Option<TcpKeepalive>,
}

impl Default for ConnectionPool {
    fn default() -> Self {
        Self {
            idle_timeout: Some(Duration::from_secs(3600)),
            max_connection_duration: None,
            max_requests_per_connection: None,
            max_concurrent_streams: 1024,
            http2_keep_alive: None,
            tcp_keepalive: None,
        }
    }
}

/// `Http2ProtocolOptions.connection_keepalive`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http2KeepAlive {
    /// How often a PING is sent.
    pub interval: Duration,
    /// How long its answer may take before the connection is closed.
    pub timeout: Duration,
}

/// `envoy.config.core.v3.TcpKeepalive`; `None` leaves the system's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpKeepalive {
    /// Probes without an answer before the connection is dead.
    pub probes: Option<u32>,
    /// Idle time before the first probe.
    pub time: Option<Duration>,
    /// Between probes.
    pub interval: Option<Duration>,
}

/// `envoy.config.cluster.v3.CircuitBreakers`, by routing priority.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CircuitBreakers {
    /// For requests of priority DEFAULT.
    pub default: Thresholds,
    /// For requests of priority HIGH.
    pub high: Thresholds,
}

/// `CircuitBreakers.Thresholds`. `u32::MAX` means no limit and costs nothing on the request path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Connections of the whole cluster; a host without any still gets one.
    pub max_connections: u32,
    /// Requests waiting for a connection.
    pub max_pending_requests: u32,
    /// Requests under way.
    pub max_requests: u32,
    /// Retries under way, those waiting for their back-off included.
    pub max_retries: u32,
    /// Replaces `max_retries`.
    pub retry_budget: Option<RetryBudget>,
}

impl Default for Thresholds {
    /// Envoy's: 1024, 1024, 1024 and 3.
    fn default() -> Self {
        Self {
            max_connections: 1024,
            max_pending_requests: 1024,
            max_requests: 1024,
            max_retries: 3,
            retry_budget: None,
        }
    }
}

impl Thresholds {
    /// No limits, as Istio's translation without a `connectionPool`.
    pub const UNLIMITED: Self = Self {
        max_connections: u32::MAX,
        max_pending_requests: u32::MAX,
        max_requests: u32::MAX,
        max_retries: u32::MAX,
        retry_budget: None,
    };
}
