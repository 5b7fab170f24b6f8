//! `TrafficPolicy`: how a destination's endpoints are used.

use mesh_core::policy::{Percent, RetryBudget};

use super::{
    client_tls,
    common::whole_percent,
    connection_pool::{self, ConnectionPoolSettings},
    destination::PORT_SELECTOR,
    load_balancer::{self, LoadBalancer},
    outlier_detection::{self, OutlierSettings},
};
use crate::file::{
    reader::{Obj, Val},
    schema::{Schema, enforced, not_yet},
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
    pub(crate) load_balancer: Option<LoadBalancer>,
    pub(crate) connection_pool: Option<ConnectionPoolSettings>,
    pub(crate) outlier_detection: Option<OutlierSettings>,
    pub(crate) retry_budget: Option<RetryBudget>,
}

pub(super) const SCHEMAS: &[&Schema] = &[
    &TRAFFIC_POLICY,
    &PORT_TRAFFIC_POLICY,
    &TUNNEL,
    &PROXY_PROTOCOL,
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
        enforced("tls"),
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
        enforced("tls"),
    ],
);

static TUNNEL: Schema = Schema::new(
    "TunnelSettings",
    &[
        not_yet("protocol"),
        not_yet("targetHost"),
        not_yet("targetPort"),
    ],
);

static PROXY_PROTOCOL: Schema = Schema::new("ProxyProtocol", &[not_yet("version")]);

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
    if let Some(v) = obj.unenforced("tunnel") {
        tunnel(&v);
    }
    if let Some(v) = obj.unenforced("proxyProtocol")
        && let Some(obj) = v.object(&PROXY_PROTOCOL)
        && let Some(version) = obj.get("version")
    {
        let _ = version.choice(&[("V1", 0, ()), ("V2", 1, ())]);
    }
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
    if let Some(v) = obj.get("tls") {
        client_tls::check(&v);
    }
    Blocks {
        load_balancer: obj
            .get("loadBalancer")
            .and_then(|v| load_balancer::read(&v)),
        connection_pool: obj
            .get("connectionPool")
            .and_then(|v| connection_pool::read(&v)),
        outlier_detection: obj
            .get("outlierDetection")
            .and_then(|v| outlier_detection::read(&v)),
        retry_budget: None,
    }
}

fn retry_budget(value: &Val<'_>) -> Option<RetryBudget> {
    let obj = value.object(&RETRY_BUDGET)?;
    if let Some(v) = obj.unenforced("budgetInterval") {
        let _ = v.positive_duration();
    }
    let default = |n| Percent::try_new(n).unwrap_or(Percent::HUNDRED);
    Some(RetryBudget {
        budget_percent: match obj.get("percent") {
            Some(v) => whole_percent(&v)?,
            None => default(20),
        },
        min_retry_concurrency: obj.uint32("minRetryConcurrency").unwrap_or(3),
    })
}

/// Validates `tunnel`, which is for opaque TCP.
fn tunnel(value: &Val<'_>) {
    let Some(obj) = value.object(&TUNNEL) else {
        return;
    };
    if let Some(v) = obj.get("protocol") {
        let _ = v.choice(&[("CONNECT", 0, ()), ("POST", 1, ())]);
    }
    let _ = obj.required("targetHost").and_then(|v| v.text());
    let _ = obj.required("targetPort").and_then(|v| v.port());
}
