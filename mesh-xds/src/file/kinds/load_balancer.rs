//! `LoadBalancerSettings`.

use http::HeaderName;
use mesh_core::policy::{HashPolicy, HashPolicyKind, LbPolicy, Maglev, RingHash};

use super::locality::{self, LocalitySetting};
use crate::file::{
    reader::{Obj, Val},
    schema::{Schema, enforced, not_yet},
};

/// `LoadBalancerSettings`, as far as it is enforced.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoadBalancer {
    pub(crate) policy: LbPolicy,
    /// Of `consistentHash`: what routes here are to hash.
    pub(crate) hash: Option<HashPolicy>,
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
        enforced("consistentHash"),
        enforced("localityLbSetting"),
        not_yet("zoneAwareLbSetting"),
        not_yet("warmup"),
        not_yet("warmupDurationSecs"),
    ],
);

static CONSISTENT_HASH: Schema = Schema::new(
    "ConsistentHashLB",
    &[
        enforced("httpHeaderName"),
        enforced("httpCookie"),
        enforced("useSourceIp"),
        enforced("httpQueryParameterName"),
        enforced("ringHash"),
        enforced("maglev"),
        enforced("minimumRingSize"),
    ],
);

static HTTP_COOKIE: Schema = Schema::new(
    "HTTPCookie",
    &[
        enforced("name"),
        enforced("path"),
        enforced("ttl"),
        enforced("attributes"),
    ],
);

static COOKIE_ATTRIBUTE: Schema = Schema::new(
    "HTTPCookie.Attribute",
    &[enforced("name"), enforced("value")],
);

static RING_HASH: Schema = Schema::new("RingHash", &[enforced("minimumRingSize")]);

static MAGLEV: Schema = Schema::new("MagLev", &[enforced("tableSize")]);

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
    let hashing = obj.get("consistentHash");
    let both = hashing.is_some() && obj.get("simple").is_some();
    if both {
        obj.fail("", "`simple` and `consistentHash` exclude each other");
    }
    warmup(&obj);
    if let Some(v) = obj.unenforced("zoneAwareLbSetting") {
        locality::check_zone_aware(&v);
    }
    let locality = obj
        .get("localityLbSetting")
        .and_then(|v| locality::read(&v));
    let (policy, hash) = match (hashing, obj.get("simple")) {
        (Some(hashing), _) => consistent_hash(&hashing)?,
        (None, Some(simple)) => (simple_policy(&simple)?, None),
        (None, None) => (LbPolicy::default(), None),
    };
    Some(LoadBalancer {
        policy,
        hash,
        locality,
    })
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

/// The balancer, and what is hashed: nothing with `useSourceIp: false`, so that requests go anywhere.
fn consistent_hash(value: &Val<'_>) -> Option<(LbPolicy, Option<HashPolicy>)> {
    let obj = value.object(&CONSISTENT_HASH)?;
    let key = obj.one_of(&[
        "httpHeaderName",
        "httpCookie",
        "useSourceIp",
        "httpQueryParameterName",
    ]);
    let kind = match key {
        Some("httpHeaderName") => {
            let name = obj.text("httpHeaderName")?;
            match HeaderName::from_bytes(name.as_bytes()) {
                Ok(name) => Some(HashPolicyKind::Header {
                    name,
                    regex_rewrite: None,
                }),
                Err(_) => {
                    obj.fail("httpHeaderName", format!("`{name}` is no header name"));
                    None
                }
            }
        }
        Some("httpCookie") => Some(http_cookie(&obj.object("httpCookie", &HTTP_COOKIE)?)?),
        Some("useSourceIp") => obj
            .boolean("useSourceIp")
            .then_some(HashPolicyKind::SourceIp),
        Some(parameter) => {
            let name = obj.text(parameter)?;
            if name.is_empty() {
                obj.fail(parameter, "must not be empty");
            }
            Some(HashPolicyKind::QueryParameter(name))
        }
        None => {
            obj.fail("", "must say what is hashed");
            None
        }
    };
    let hash = kind.map(|kind| HashPolicy {
        kind,
        terminal: false,
    });
    Some((table(&obj)?, hash))
}

/// The table's kind and size; 0 stands for the default, as in istiod.
fn table(obj: &Obj<'_>) -> Option<LbPolicy> {
    let ring = |obj: &Obj<'_>| {
        let Some(value) = obj.get("minimumRingSize") else {
            return Some(RingHash::default());
        };
        let most = RingHash::MAXIMUM_RING_SIZE;
        let size = value.integer(0, most.into())?;
        match u32::try_from(size).ok()? {
            0 => Some(RingHash::default()),
            size => RingHash::try_new(size, most).ok(),
        }
    };
    obj.one_of(&["ringHash", "maglev", "minimumRingSize"]);
    if let Some(stanza) = obj.get("maglev") {
        let stanza = stanza.object(&MAGLEV)?;
        let size = match stanza.get("tableSize") {
            Some(value) => value.integer(0, Maglev::MAXIMUM_TABLE_SIZE.into())?,
            None => 0,
        };
        let table = match u32::try_from(size).ok()? {
            0 => Ok(Maglev::default()),
            size => Maglev::try_new(size),
        };
        let table = table.map_err(|error| stanza.fail("tableSize", error.to_string()));
        return table.ok().map(LbPolicy::Maglev);
    }
    let ring = match obj.get("ringHash") {
        Some(stanza) => ring(&stanza.object(&RING_HASH)?),
        None => ring(obj),
    };
    ring.map(LbPolicy::RingHash)
}

fn http_cookie(obj: &Obj<'_>) -> Option<HashPolicyKind> {
    let name = obj.required("name")?.text()?;
    if name.is_empty() {
        obj.fail("name", "must not be empty");
    }
    let attribute = |value: Val<'_>| {
        let obj = value.object(&COOKIE_ATTRIBUTE)?;
        let name = obj.required("name")?.text()?;
        Some((name, obj.text("value").unwrap_or_default()))
    };
    Some(HashPolicyKind::Cookie {
        name,
        // 0 is a session's cookie.
        ttl: obj.get("ttl").and_then(|v| v.duration()),
        path: obj.text("path").unwrap_or_default(),
        attributes: obj
            .list("attributes")
            .into_iter()
            .filter_map(attribute)
            .collect(),
    })
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
