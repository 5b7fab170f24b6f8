//! `TrafficPolicy`: how a destination's endpoints are used.

use std::time::Duration;

use mesh_core::policy::{
    Http2KeepAlive, LbPolicy, OutlierDetection, Percent, RetryBudget, TcpKeepalive,
};

use super::virtual_service::PORT_SELECTOR;
use crate::file::{
    reader::{Obj, Val},
    schema::{Schema, enforced, ignored, not_yet},
};

/// The policy of a host or subset.
#[derive(Debug)]
pub(crate) struct TrafficPolicy {
    pub(crate) blocks: Blocks,
    /// `portLevelSettings`, by service port.
    pub(crate) ports: Vec<(u16, Blocks)>,
}

/// The parts that replace each other as wholes; no field of one block is ever inherited alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blocks {
    pub(crate) load_balancer: Option<LbPolicy>,
    pub(crate) connection_pool: Option<ConnectionPoolSettings>,
    pub(crate) outlier_detection: Option<OutlierSettings>,
    pub(crate) retry_budget: Option<RetryBudget>,
}

/// `ConnectionPoolSettings`; `None` is unset, which a written 0 is too.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectionPoolSettings {
    pub(crate) max_connections: Option<u32>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) tcp_keepalive: Option<TcpKeepalive>,
    pub(crate) max_connection_duration: Option<Duration>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) max_pending_requests: Option<u32>,
    pub(crate) max_requests: Option<u32>,
    pub(crate) max_requests_per_connection: Option<u32>,
    pub(crate) max_retries: Option<u32>,
    pub(crate) h2_upgrade: bool,
    pub(crate) use_client_protocol: bool,
    pub(crate) max_concurrent_streams: Option<u32>,
    pub(crate) http2_keep_alive: Option<Http2KeepAlive>,
}

/// `OutlierDetection`, and the panic threshold that comes with it.
#[derive(Clone, Debug)]
pub(crate) struct OutlierSettings {
    pub(crate) detection: OutlierDetection,
    pub(crate) min_health_percent: Percent,
}

pub(super) const SCHEMAS: &[&Schema] = &[
    &TRAFFIC_POLICY,
    &PORT_TRAFFIC_POLICY,
    &LOAD_BALANCER,
    &CONNECTION_POOL,
    &TCP,
    &HTTP,
    &TCP_KEEPALIVE,
    &HTTP2_KEEP_ALIVE,
    &OUTLIER_DETECTION,
    &RETRY_BUDGET,
];

static TRAFFIC_POLICY: Schema = Schema::new(
    "TrafficPolicy",
    &[
        enforced("loadBalancer"),
        enforced("connectionPool"),
        enforced("outlierDetection"),
        enforced("portLevelSettings"),
        enforced("retryBudget"),
        not_yet("tls"),
        not_yet("tunnel"),
        not_yet("proxyProtocol"),
    ],
);

static PORT_TRAFFIC_POLICY: Schema = Schema::new(
    "PortTrafficPolicy",
    &[
        enforced("port"),
        enforced("loadBalancer"),
        enforced("connectionPool"),
        enforced("outlierDetection"),
        not_yet("tls"),
    ],
);

static LOAD_BALANCER: Schema = Schema::new(
    "LoadBalancerSettings",
    &[
        enforced("simple"),
        not_yet("consistentHash"),
        not_yet("localityLbSetting"),
        not_yet("zoneAwareLbSetting"),
        not_yet("warmup"),
        not_yet("warmupDurationSecs"),
    ],
);

static CONNECTION_POOL: Schema = Schema::new(
    "ConnectionPoolSettings",
    &[enforced("tcp"), enforced("http")],
);

static TCP: Schema = Schema::new(
    "TCPSettings",
    &[
        enforced("maxConnections"),
        enforced("connectTimeout"),
        enforced("tcpKeepalive"),
        enforced("maxConnectionDuration"),
        enforced("idleTimeout"),
    ],
);

static TCP_KEEPALIVE: Schema = Schema::new(
    "TcpKeepalive",
    &[enforced("probes"), enforced("time"), enforced("interval")],
);

static HTTP: Schema = Schema::new(
    "HTTPSettings",
    &[
        enforced("http1MaxPendingRequests"),
        enforced("http2MaxRequests"),
        enforced("maxRequestsPerConnection"),
        enforced("maxRetries"),
        enforced("idleTimeout"),
        enforced("h2UpgradePolicy"),
        enforced("useClientProtocol"),
        enforced("maxConcurrentStreams"),
        enforced("http2KeepAlive"),
    ],
);

static HTTP2_KEEP_ALIVE: Schema = Schema::new(
    "Http2KeepAlive",
    &[enforced("interval"), enforced("timeout")],
);

static OUTLIER_DETECTION: Schema = Schema::new(
    "OutlierDetection",
    &[
        enforced("consecutive5xxErrors"),
        enforced("consecutiveGatewayErrors"),
        enforced("splitExternalLocalOriginErrors"),
        enforced("consecutiveLocalOriginFailures"),
        enforced("interval"),
        enforced("baseEjectionTime"),
        enforced("maxEjectionPercent"),
        enforced("minHealthPercent"),
        ignored(
            "consecutiveErrors",
            "is deprecated, and Istio ignores it; use consecutive5xxErrors",
        ),
        not_yet("outlierDetectionHttpErrorCodes"),
    ],
);

static RETRY_BUDGET: Schema = Schema::new(
    "RetryBudget",
    &[
        enforced("percent"),
        enforced("minRetryConcurrency"),
        not_yet("budgetInterval"),
    ],
);

pub(super) fn read(value: &Val<'_>) -> Option<TrafficPolicy> {
    let obj = value.object(&TRAFFIC_POLICY)?;
    let mut blocks = read_blocks(&obj);
    blocks.retry_budget = obj.get("retryBudget").and_then(|v| retry_budget(&v));
    let mut ports: Vec<(u16, Blocks)> = Vec::new();
    for value in obj.list("portLevelSettings") {
        let Some(entry) = value.object(&PORT_TRAFFIC_POLICY) else {
            continue;
        };
        let port = entry
            .required("port")
            .and_then(|v| v.object(&PORT_SELECTOR)?.required("number")?.port());
        let blocks = read_blocks(&entry);
        let Some(port) = port else { continue };
        if ports.iter().any(|(p, _)| *p == port) {
            entry.fail("port", format!("port {port} has settings already"));
        }
        ports.push((port, blocks));
    }
    Some(TrafficPolicy { blocks, ports })
}

fn read_blocks(obj: &Obj<'_>) -> Blocks {
    Blocks {
        load_balancer: obj.get("loadBalancer").and_then(|v| load_balancer(&v)),
        connection_pool: obj.get("connectionPool").and_then(|v| connection_pool(&v)),
        outlier_detection: obj.get("outlierDetection").and_then(|v| outlier(&v)),
        retry_budget: None,
    }
}

fn load_balancer(value: &Val<'_>) -> Option<LbPolicy> {
    let obj = value.object(&LOAD_BALANCER)?;
    let Some(simple) = obj.get("simple") else {
        return Some(LbPolicy::default());
    };
    let least_request = || Some(LbPolicy::default());
    match simple.choice(&[
        ("UNSPECIFIED", 0, 0),
        ("LEAST_CONN", 1, 1),
        ("RANDOM", 2, 2),
        ("PASSTHROUGH", 3, 3),
        ("ROUND_ROBIN", 4, 4),
        ("LEAST_REQUEST", 5, 5),
    ])? {
        2 => Some(LbPolicy::Random),
        3 => {
            simple.fail("PASSTHROUGH needs an original destination, which no request here has");
            None
        }
        4 => Some(LbPolicy::RoundRobin),
        _ => least_request(),
    }
}

/// An integer of which 0 means unset.
fn limit(obj: &Obj<'_>, name: &'static str) -> Option<u32> {
    let limit = obj.get(name)?.integer(0, i64::from(i32::MAX))?;
    u32::try_from(limit).ok().filter(|n| *n > 0)
}

fn connection_pool(value: &Val<'_>) -> Option<ConnectionPoolSettings> {
    let obj = value.object(&CONNECTION_POOL)?;
    let mut pool = ConnectionPoolSettings::default();
    if let Some(tcp) = obj.object("tcp", &TCP) {
        pool.max_connections = limit(&tcp, "maxConnections");
        pool.connect_timeout = tcp.duration("connectTimeout");
        pool.max_connection_duration = tcp.duration("maxConnectionDuration");
        pool.idle_timeout = tcp.duration("idleTimeout");
        pool.tcp_keepalive = tcp
            .object("tcpKeepalive", &TCP_KEEPALIVE)
            .map(|k| TcpKeepalive {
                probes: k.uint32("probes").filter(|n| *n > 0),
                time: k.duration("time"),
                interval: k.duration("interval"),
            });
    }
    if let Some(http) = obj.object("http", &HTTP) {
        pool.max_pending_requests = limit(&http, "http1MaxPendingRequests");
        pool.max_requests = limit(&http, "http2MaxRequests");
        pool.max_requests_per_connection = limit(&http, "maxRequestsPerConnection");
        pool.max_retries = limit(&http, "maxRetries");
        // HTTP's own wins over TCP's.
        pool.idle_timeout = http.duration("idleTimeout").or(pool.idle_timeout);
        pool.h2_upgrade = http
            .get("h2UpgradePolicy")
            .and_then(|v| {
                v.choice(&[
                    ("DEFAULT", 0, false),
                    ("DO_NOT_UPGRADE", 1, false),
                    ("UPGRADE", 2, true),
                ])
            })
            .unwrap_or(false);
        pool.use_client_protocol = http.boolean("useClientProtocol");
        pool.max_concurrent_streams = limit(&http, "maxConcurrentStreams");
        pool.http2_keep_alive = http
            .object("http2KeepAlive", &HTTP2_KEEP_ALIVE)
            .and_then(|k| {
                Some(Http2KeepAlive {
                    interval: k.required("interval")?.positive_duration()?,
                    timeout: k.required("timeout")?.positive_duration()?,
                })
            });
    }
    Some(pool)
}

fn percent(value: &Val<'_>) -> Option<Percent> {
    let number = u32::try_from(value.integer(0, 100)?).ok()?;
    Percent::try_new(number)
        .map_err(|e| value.fail(e.to_string()))
        .ok()
}

/// As istiod's `applyOutlierDetection`: a count that is set and not 0 is enforced fully, one that
/// is 0 not at all, and the panic threshold becomes `minHealthPercent`, so 0 unless it is set.
fn outlier(value: &Val<'_>) -> Option<OutlierSettings> {
    let obj = value.object(&OUTLIER_DETECTION)?;
    let enforcing = |n: u32| {
        if n > 0 {
            Percent::HUNDRED
        } else {
            Percent::ZERO
        }
    };
    let mut detection = OutlierDetection {
        always_eject_one_host: true,
        origin: obj.at().origin(),
        ..OutlierDetection::default()
    };
    if let Some(n) = obj.uint32("consecutive5xxErrors") {
        detection.consecutive_5xx = n;
        detection.enforcing_consecutive_5xx = enforcing(n);
    }
    if let Some(n) = obj.uint32("consecutiveGatewayErrors") {
        detection.consecutive_gateway_failure = n;
        detection.enforcing_consecutive_gateway_failure = enforcing(n);
    }
    detection.split_external_local_origin_errors = obj.boolean("splitExternalLocalOriginErrors");
    if let Some(n) = obj
        .uint32("consecutiveLocalOriginFailures")
        .filter(|n| *n > 0)
    {
        detection.consecutive_local_origin_failure = n;
    }
    if let Some(interval) = obj.duration("interval") {
        detection.interval = interval;
    }
    if let Some(base) = obj.duration("baseEjectionTime") {
        detection.base_ejection_time = base;
        detection.max_ejection_time = detection.max_ejection_time.max(base);
    }
    if let Some(max) = obj.get("maxEjectionPercent").and_then(|v| percent(&v))
        && max > Percent::ZERO
    {
        detection.max_ejection_percent = max;
    }
    Some(OutlierSettings {
        detection,
        min_health_percent: obj
            .get("minHealthPercent")
            .and_then(|v| percent(&v))
            .unwrap_or(Percent::ZERO),
    })
}

fn retry_budget(value: &Val<'_>) -> Option<RetryBudget> {
    let obj = value.object(&RETRY_BUDGET)?;
    let default = |n| Percent::try_new(n).unwrap_or(Percent::HUNDRED);
    Some(RetryBudget {
        budget_percent: match obj.get("percent") {
            Some(v) => percent(&v)?,
            None => default(20),
        },
        min_retry_concurrency: obj.uint32("minRetryConcurrency").unwrap_or(3),
    })
}
