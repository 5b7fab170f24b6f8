//! `LocalityLoadBalancerSetting`: which endpoints are used first, by where they are.

use std::sync::Arc;

use crate::file::{
    reader::{Obj, Val},
    schema::{Schema, enforced, not_yet},
};

/// `LocalityLoadBalancerSetting`, as far as it is enforced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LocalitySetting {
    /// Default: yes.
    pub(crate) enabled: Option<bool>,
    /// From one region to another.
    pub(crate) failover: Vec<(Arc<str>, Arc<str>)>,
    /// Labels that endpoints should share with the client, or a value that they should have.
    pub(crate) failover_priority: Vec<(Arc<str>, Option<Arc<str>>)>,
}

pub(super) const SCHEMAS: &[&Schema] = &[&LOCALITY, &DISTRIBUTE, &FAILOVER, &ZONE_AWARE];

static LOCALITY: Schema = Schema::new(
    "LocalityLoadBalancerSetting",
    &[
        not_yet("distribute"),
        enforced("failover"),
        enforced("failoverPriority"),
        enforced("enabled"),
    ],
);

static DISTRIBUTE: Schema = Schema::new(
    "LocalityLoadBalancerSetting.Distribute",
    &[not_yet("from"), not_yet("to")],
);

static FAILOVER: Schema = Schema::new(
    "LocalityLoadBalancerSetting.Failover",
    &[enforced("from"), enforced("to")],
);

static ZONE_AWARE: Schema = Schema::new(
    "ZoneAwareLoadBalancerSetting",
    &[
        not_yet("enabled"),
        not_yet("failover"),
        not_yet("failoverPriority"),
        not_yet("minClusterSize"),
    ],
);

pub(super) fn read(value: &Val<'_>) -> Option<LocalitySetting> {
    let obj = value.object(&LOCALITY)?;
    if let Some(v) = obj.unenforced("distribute") {
        v.list().iter().for_each(distribute);
        for other in ["failover", "failoverPriority"] {
            if obj.get(other).is_some() {
                obj.fail("", format!("`distribute` and `{other}` exclude each other"));
            }
        }
    }
    Some(LocalitySetting {
        enabled: obj.get("enabled").and_then(|v| v.boolean()),
        failover: failover(&obj),
        failover_priority: failover_priority(&obj),
    })
}

fn failover(obj: &Obj<'_>) -> Vec<(Arc<str>, Arc<str>)> {
    let mut pairs = Vec::new();
    for value in obj.list("failover") {
        let Some(entry) = value.object(&FAILOVER) else {
            continue;
        };
        let region = |field| {
            let value = entry.required(field)?;
            let text = value.text()?;
            if text.is_empty() || text.contains(['/', '*']) {
                value.fail("must be the name of a region");
            }
            Some(text)
        };
        let (Some(from), Some(to)) = (region("from"), region("to")) else {
            continue;
        };
        if from == to {
            value.fail("a region cannot fail over to itself");
        }
        pairs.push((from, to));
    }
    pairs
}

/// `key` or `key=value`.
fn failover_priority(obj: &Obj<'_>) -> Vec<(Arc<str>, Option<Arc<str>>)> {
    let mut labels = Vec::new();
    for value in obj.list("failoverPriority") {
        let Some(text) = value.text() else { continue };
        let (key, wanted) = match text.split_once('=') {
            Some((key, wanted)) => (key, Some(wanted.into())),
            None => (&*text, None),
        };
        if key.is_empty() {
            value.fail("must name a label");
        }
        labels.push((Arc::from(key), wanted));
    }
    labels
}

/// Validates an entry of `distribute`: shares that sum to 100.
fn distribute(value: &Val<'_>) {
    let Some(entry) = value.object(&DISTRIBUTE) else {
        return;
    };
    let _ = entry.required("from").and_then(|v| v.text());
    let shares = entry.map("to");
    let sum: i64 = shares.iter().filter_map(|(_, v)| v.integer(0, 100)).sum();
    if sum != 100 {
        entry.fail("to", format!("the shares must sum to 100, not to {sum}"));
    }
}

/// Validates `ZoneAwareLoadBalancerSetting`.
pub(super) fn check_zone_aware(value: &Val<'_>) {
    let Some(obj) = value.object(&ZONE_AWARE) else {
        return;
    };
    let _ = obj.boolean("enabled");
    failover(&obj);
    failover_priority(&obj);
    if let Some(v) = obj.get("minClusterSize") {
        let _ = v.integer(0, i64::MAX);
    }
}
