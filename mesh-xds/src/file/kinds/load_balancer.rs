//! `LoadBalancerSettings`.

use mesh_core::policy::LbPolicy;

use super::locality::{self, LocalitySetting};
use crate::file::{
    reader::{Obj, Val},
    schema::{Schema, enforced, not_yet},
};

/// `LoadBalancerSettings`, as far as it is enforced.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoadBalancer {
    pub(crate) policy: LbPolicy,
    pub(crate) locality: Option<LocalitySetting>,
}

pub(super) const SCHEMAS: &[&Schema] = &[
    &LOAD_BALANCER,
    &CONSISTENT_HASH,
    &HTTP_COOKIE,
    &COOKIE_ATTRIBUTE,
    &RING_HASH,
    &MAGLEV,
    &WARMUP,
];

static LOAD_BALANCER: Schema = Schema::new(
    "LoadBalancerSettings",
    &[
        enforced("simple"),
        not_yet("consistentHash"),
        enforced("localityLbSetting"),
        not_yet("zoneAwareLbSetting"),
        not_yet("warmup"),
        not_yet("warmupDurationSecs"),
    ],
);

static CONSISTENT_HASH: Schema = Schema::new(
    "ConsistentHashLB",
    &[
        not_yet("httpHeaderName"),
        not_yet("httpCookie"),
        not_yet("useSourceIp"),
        not_yet("httpQueryParameterName"),
        not_yet("ringHash"),
        not_yet("maglev"),
        not_yet("minimumRingSize"),
    ],
);

static HTTP_COOKIE: Schema = Schema::new(
    "HTTPCookie",
    &[
        not_yet("name"),
        not_yet("path"),
        not_yet("ttl"),
        not_yet("attributes"),
    ],
);

static COOKIE_ATTRIBUTE: Schema =
    Schema::new("HTTPCookie.Attribute", &[not_yet("name"), not_yet("value")]);

static RING_HASH: Schema = Schema::new("RingHash", &[not_yet("minimumRingSize")]);

static MAGLEV: Schema = Schema::new("MagLev", &[not_yet("tableSize")]);

static WARMUP: Schema = Schema::new(
    "WarmupConfiguration",
    &[
        not_yet("duration"),
        not_yet("minimumPercent"),
        not_yet("aggression"),
    ],
);

pub(super) fn read(value: &Val<'_>) -> Option<LoadBalancer> {
    let obj = value.object(&LOAD_BALANCER)?;
    let both = obj.unenforced("consistentHash").is_some() && obj.get("simple").is_some();
    if both {
        obj.fail("", "`simple` and `consistentHash` exclude each other");
    }
    if let Some(v) = obj.unenforced("consistentHash") {
        consistent_hash(&v);
    }
    warmup(&obj);
    if let Some(v) = obj.unenforced("zoneAwareLbSetting") {
        locality::check_zone_aware(&v);
    }
    let locality = obj
        .get("localityLbSetting")
        .and_then(|v| locality::read(&v));
    let policy = match obj.get("simple") {
        Some(simple) => simple_policy(&simple)?,
        None => LbPolicy::default(),
    };
    Some(LoadBalancer { policy, locality })
}

fn simple_policy(value: &Val<'_>) -> Option<LbPolicy> {
    let policy = value.choice(&[
        ("UNSPECIFIED", 0, 0),
        ("LEAST_CONN", 1, 1),
        ("RANDOM", 2, 2),
        ("PASSTHROUGH", 3, 3),
        ("ROUND_ROBIN", 4, 4),
        ("LEAST_REQUEST", 5, 5),
    ])?;
    match policy {
        2 => Some(LbPolicy::Random),
        3 => {
            value.fail("PASSTHROUGH needs an original destination, which no request here has");
            None
        }
        4 => Some(LbPolicy::RoundRobin),
        _ => Some(LbPolicy::default()),
    }
}

/// Validates `consistentHash`, which no balancer here can do yet.
fn consistent_hash(value: &Val<'_>) {
    let Some(obj) = value.object(&CONSISTENT_HASH) else {
        return;
    };
    let key = obj.one_of(&[
        "httpHeaderName",
        "httpCookie",
        "useSourceIp",
        "httpQueryParameterName",
    ]);
    match key {
        Some("httpCookie") => {
            if let Some(cookie) = obj.object("httpCookie", &HTTP_COOKIE) {
                http_cookie(&cookie);
            }
        }
        Some("useSourceIp") => {
            let _ = obj.boolean("useSourceIp");
        }
        Some(header) => {
            if obj.text(header).is_some_and(|name| name.is_empty()) {
                obj.fail(header, "must not be empty");
            }
        }
        None => obj.fail("", "must say what is hashed"),
    }
    obj.one_of(&["ringHash", "maglev", "minimumRingSize"]);
    let size = |v: Option<Val<'_>>, max| v.and_then(|v| v.integer(0, max));
    size(obj.get("minimumRingSize"), 8 << 20);
    if let Some(ring) = obj.object("ringHash", &RING_HASH) {
        size(ring.get("minimumRingSize"), 8 << 20);
    }
    if let Some(maglev) = obj.object("maglev", &MAGLEV) {
        // Envoy's limit; it must be prime, too.
        size(maglev.get("tableSize"), 5_000_011);
    }
}

fn http_cookie(obj: &Obj<'_>) {
    if obj
        .required("name")
        .and_then(|v| v.text())
        .is_some_and(|n| n.is_empty())
    {
        obj.fail("name", "must not be empty");
    }
    let _ = obj.text("path");
    // 0 is a session's cookie.
    let _ = obj.get("ttl").and_then(|v| v.duration());
    for attribute in obj.list("attributes") {
        if let Some(attribute) = attribute.object(&COOKIE_ATTRIBUTE) {
            let _ = attribute.required("name").and_then(|v| v.text());
            let _ = attribute.text("value");
        }
    }
}

/// Validates `warmup`, which no balancer here can do yet.
fn warmup(obj: &Obj<'_>) {
    if let Some(v) = obj.unenforced("warmupDurationSecs") {
        let _ = v.positive_duration();
    }
    let Some(warmup) = obj.unenforced("warmup").and_then(|v| v.object(&WARMUP)) else {
        return;
    };
    let _ = warmup
        .required("duration")
        .and_then(|v| v.positive_duration());
    if let Some(v) = warmup.get("minimumPercent")
        && v.number().is_some_and(|n| !(0.0..=100.0).contains(&n))
    {
        v.fail("must be from 0 to 100");
    }
    if let Some(v) = warmup.get("aggression")
        && v.number().is_some_and(|n| n < 1.0)
    {
        v.fail("must be at least 1");
    }
}
