//! `ConnectionPoolSettings`.

use std::time::Duration;

use mesh_core::policy::{Http2KeepAlive, TcpKeepalive};

use crate::file::{
    problem::At,
    reader::{Obj, Val},
    schema::{Schema, enforced},
};

/// `ConnectionPoolSettings`; `None` is unset, which a written 0 is too.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectionPoolSettings {
    pub(crate) max_connections: Option<u32>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) tcp_keepalive: Option<TcpKeepalive>,
    pub(crate) max_connection_duration: Option<Duration>,
    pub(crate) idle_timeout: Option<Duration>,
    /// TCP's own, which HTTP's does not replace.
    pub(crate) tcp_idle_timeout: Option<Duration>,
    /// Where limits of TCP streams are given, if they are.
    pub(crate) stream_limits_at: Option<At>,
    pub(crate) max_pending_requests: Option<u32>,
    pub(crate) max_requests: Option<u32>,
    pub(crate) max_requests_per_connection: Option<u32>,
    pub(crate) max_retries: Option<u32>,
    /// `None` leaves it to the mesh.
    pub(crate) h2_upgrade: Option<bool>,
    pub(crate) use_client_protocol: bool,
    pub(crate) max_concurrent_streams: Option<u32>,
    pub(crate) http2_keep_alive: Option<Http2KeepAlive>,
}

pub(super) const SCHEMAS: &[&Schema] = &[
    &CONNECTION_POOL,
    &TCP,
    &HTTP,
    &TCP_KEEPALIVE,
    &HTTP2_KEEP_ALIVE,
];

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

/// An integer of which 0 means unset.
fn limit(obj: &Obj<'_>, name: &'static str) -> Option<u32> {
    let limit = obj.get(name)?.integer(0, i64::from(i32::MAX))?;
    u32::try_from(limit).ok().filter(|n| *n > 0)
}

pub(super) fn read(value: &Val<'_>) -> Option<ConnectionPoolSettings> {
    let obj = value.object(&CONNECTION_POOL)?;
    let mut pool = ConnectionPoolSettings::default();
    if let Some(tcp) = obj.object("tcp", &TCP) {
        pool.max_connections = limit(&tcp, "maxConnections");
        pool.connect_timeout = tcp.duration("connectTimeout");
        pool.max_connection_duration = tcp.duration("maxConnectionDuration");
        pool.idle_timeout = tcp.duration("idleTimeout");
        pool.tcp_idle_timeout = pool.idle_timeout;
        let limits = pool.idle_timeout.or(pool.max_connection_duration);
        pool.stream_limits_at = limits.map(|_| tcp.at());
        pool.tcp_keepalive = tcp.get("tcpKeepalive").and_then(|v| tcp_keepalive(&v));
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
                    ("DEFAULT", 0, None),
                    ("DO_NOT_UPGRADE", 1, Some(false)),
                    ("UPGRADE", 2, Some(true)),
                ])
            })
            .flatten();
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

/// `TcpKeepalive`.
pub(super) fn tcp_keepalive(value: &Val<'_>) -> Option<TcpKeepalive> {
    let obj = value.object(&TCP_KEEPALIVE)?;
    Some(TcpKeepalive {
        probes: obj.uint32("probes").filter(|n| *n > 0),
        time: obj.duration("time"),
        interval: obj.duration("interval"),
    })
}
