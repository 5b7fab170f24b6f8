//! What happens to a connection whose bytes nobody looks into.

use std::{num::NonZeroU32, time::Duration};

use super::{Metadata, Name, Origin, WeightsError};

/// `envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy`: joins a connection to an endpoint of a
/// cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpProxy {
    /// `cluster` or `weighted_clusters`.
    pub clusters: TcpClusters,
    /// Subset criteria, for every cluster.
    pub metadata_match: Metadata,
    /// How long the stream may go without a byte either way. Default 1 h; `None`: for ever.
    pub idle_timeout: Option<Duration>,
    /// `max_downstream_connection_duration`; `None`: no limit.
    pub max_connection_duration: Option<Duration>,
    /// How many endpoints are tried until one can be connected to. Default 1.
    pub max_connect_attempts: NonZeroU32,
    /// Where it was configured.
    pub origin: Origin,
}

/// Where a connection goes: one cluster, or several by weight. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpClusters {
    entries: Vec<TcpClusterWeight>,
    total: u32,
}

/// `TcpProxy.WeightedCluster.ClusterWeight`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpClusterWeight {
    /// The cluster.
    pub name: Name,
    /// Its share of the sum of the weights.
    pub weight: u32,
    /// Merged over the proxy's subset criteria.
    pub metadata_match: Metadata,
    /// Where it was configured.
    pub origin: Origin,
}

impl TcpProxy {
    /// Envoy's `idle_timeout` when none is set.
    pub const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

    /// A proxy with Envoy's defaults.
    pub const fn new(clusters: TcpClusters) -> Self {
        Self {
            clusters,
            metadata_match: Metadata::EMPTY,
            idle_timeout: Some(Self::IDLE_TIMEOUT),
            max_connection_duration: None,
            max_connect_attempts: NonZeroU32::MIN,
            origin: Origin::Code,
        }
    }

    /// To one cluster.
    pub fn to_cluster(name: impl Into<Name>) -> Self {
        Self::new(TcpClusters::one(name))
    }

    /// To several clusters, each with its weight.
    ///
    /// # Errors
    /// When the weights sum to 0 or past `u32::MAX`.
    pub fn split<N: Into<Name>>(
        weights: impl IntoIterator<Item = (N, u32)>,
    ) -> Result<Self, WeightsError> {
        let entry = |(name, weight): (N, u32)| TcpClusterWeight::new(name, weight);
        let entries = weights.into_iter().map(entry).collect();
        Ok(Self::new(TcpClusters::try_weighted(entries)?))
    }

    /// With another number of endpoints to try.
    #[must_use]
    pub const fn with_max_connect_attempts(mut self, attempts: NonZeroU32) -> Self {
        self.max_connect_attempts = attempts;
        self
    }

    /// With another idle timeout; `None` waits for ever.
    #[must_use]
    pub const fn with_idle_timeout(mut self, limit: Option<Duration>) -> Self {
        self.idle_timeout = limit;
        self
    }
}

impl TcpClusters {
    /// Everything to one cluster.
    pub fn one(name: impl Into<Name>) -> Self {
        Self {
            entries: vec![TcpClusterWeight::new(name, 1)],
            total: 1,
        }
    }

    /// # Errors
    /// When the weights sum to 0 or past `u32::MAX`.
    pub fn try_weighted(entries: Vec<TcpClusterWeight>) -> Result<Self, WeightsError> {
        let sum: u64 = entries.iter().map(|e| u64::from(e.weight)).sum();
        match u32::try_from(sum) {
            Ok(total) if total > 0 => Ok(Self { entries, total }),
            _ => Err(WeightsError(sum)),
        }
    }

    /// The entries, in order; at least one.
    pub fn entries(&self) -> &[TcpClusterWeight] {
        &self.entries
    }

    /// The sum of the weights, at least 1.
    pub const fn total(&self) -> u32 {
        self.total
    }

    /// The entry that `draw` falls on: Envoy's walk over cumulative sums, `draw % total`.
    pub fn pick(&self, draw: u64) -> &TcpClusterWeight {
        let mut left = draw % u64::from(self.total);
        let last = self.entries.len() - 1;
        for entry in &self.entries[..last] {
            let weight = u64::from(entry.weight);
            if left < weight {
                return entry;
            }
            left -= weight;
        }
        &self.entries[last]
    }
}

impl TcpClusterWeight {
    /// A share for `name` without subset criteria of its own.
    pub fn new(name: impl Into<Name>, weight: u32) -> Self {
        Self {
            name: name.into(),
            weight,
            metadata_match: Metadata::EMPTY,
            origin: Origin::Code,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_weight_gets_its_share_of_the_rolls() {
        let proxy = TcpProxy::split([("a", 1), ("none", 0), ("b", 3), ("zero", 0)]).unwrap();
        let picked: Vec<_> = (0..8).map(|n| &*proxy.clusters.pick(n).name).collect();
        assert_eq!(picked, ["a", "b", "b", "b", "a", "b", "b", "b"]);
        assert_eq!(&*TcpClusters::one("c").pick(u64::MAX).name, "c");
    }

    #[test]
    fn weights_that_cannot_be_drawn_from_are_refused() {
        assert!(TcpProxy::split([("a", 0)]).is_err());
        assert!(TcpProxy::split([("a", u32::MAX), ("b", 1)]).is_err());
        assert!(TcpProxy::split(std::iter::empty::<(&str, u32)>()).is_err());
    }
}
