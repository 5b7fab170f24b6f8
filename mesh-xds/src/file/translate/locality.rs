//! Locality failover: endpoints near the client before those far away, as istiod's
//! `ApplyLocalityLoadBalancer`.

use std::collections::{BTreeMap, BTreeSet};

use mesh_core::policy::{Locality, Metadata};

use super::Client;
use crate::file::kinds::LocalitySetting;

/// How endpoints are ranked for one client.
#[derive(Clone, Debug)]
pub(crate) struct Failover {
    client: Client,
    setting: LocalitySetting,
}

impl Failover {
    /// The ranking of a cluster. It needs outlier detection, without which nothing would ever fail
    /// over; and it is on by default, so outlier detection alone switches it on.
    pub(super) fn of(
        client: &Client,
        rule: Option<&LocalitySetting>,
        mesh: Option<&LocalitySetting>,
        has_outlier_detection: bool,
    ) -> Option<Self> {
        let setting = rule.or(mesh).cloned().unwrap_or_default();
        let enabled = setting.enabled.unwrap_or(true) && has_outlier_detection;
        enabled.then(|| Self {
            client: client.clone(),
            setting,
        })
    }

    /// The smaller the better; not without gaps.
    pub(super) fn rank(&self, locality: &Locality, labels: &Metadata) -> u32 {
        let by_labels = self.by_labels(locality, labels);
        if self.setting.failover_priority.is_empty() || !self.setting.failover.is_empty() {
            // Five ranks by locality inside each by labels.
            by_labels * 5 + self.by_locality(locality)
        } else {
            by_labels
        }
    }

    /// How many labels follow from the first that differs, that one included.
    fn by_labels(&self, locality: &Locality, labels: &Metadata) -> u32 {
        let wanted = &self.setting.failover_priority;
        let differs = wanted.iter().position(|(key, value)| {
            let own = match value {
                Some(value) => Some(&**value),
                None => label(key, &self.client.locality, self.client.labels.get(key)),
            };
            own != label(key, locality, labels.get(key))
        });
        let left = differs.map_or(0, |at| wanted.len() - at);
        u32::try_from(left).unwrap_or(u32::MAX / 10)
    }

    fn by_locality(&self, locality: &Locality) -> u32 {
        let own = &self.client.locality;
        if own.region != locality.region {
            let to = self
                .setting
                .failover
                .iter()
                .find(|(from, _)| *from == own.region);
            return match to {
                Some((_, to)) if *to != locality.region => 4,
                _ => 3,
            };
        }
        match (own.zone == locality.zone, own.sub_zone == locality.sub_zone) {
            (true, true) => 0,
            (true, false) => 1,
            (false, _) => 2,
        }
    }
}

/// Ranks to priorities, which have no gaps.
pub(super) fn priorities(ranks: impl Iterator<Item = u32>) -> BTreeMap<u32, u32> {
    let ranks: BTreeSet<u32> = ranks.collect();
    ranks.into_iter().zip(0..).collect()
}

/// A label, where those of the topology are the locality.
fn label<'a>(key: &str, locality: &'a Locality, own: Option<&'a str>) -> Option<&'a str> {
    let part = match key {
        "topology.kubernetes.io/region" => &locality.region,
        "topology.kubernetes.io/zone" => &locality.zone,
        "topology.istio.io/subzone" => &locality.sub_zone,
        _ => return own,
    };
    own.or(Some(part).map(|p| &**p).filter(|p| !p.is_empty()))
}
