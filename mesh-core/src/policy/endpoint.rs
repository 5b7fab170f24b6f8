use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf, str::FromStr, sync::Arc};

use super::{Name, Origin};

/// Where an endpoint listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Address {
    /// IP and port.
    Socket(SocketAddr),
    /// A Unix socket (`unix:///path`).
    Unix(PathBuf),
}

/// A text that is no [`Address`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither ip:port nor unix:///path")]
pub struct ParseAddressError(String);

impl FromStr for Address {
    type Err = ParseAddressError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        if let Some(path) = s.strip_prefix("unix://") {
            return Ok(Self::Unix(path.into()));
        }
        s.parse()
            .map(Self::Socket)
            .map_err(|_| ParseAddressError(s.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(addr) => addr.fmt(f),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(addr: SocketAddr) -> Self {
        Self::Socket(addr)
    }
}

/// String metadata under the `envoy.lb` namespace: an endpoint's labels, a route's subset criteria.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Metadata(Option<Arc<BTreeMap<Name, Name>>>);

impl Metadata {
    /// No pairs.
    pub const EMPTY: Self = Self(None);

    /// The value at `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.as_ref()?.get(key).map(AsRef::as_ref)
    }

    /// All pairs, ordered by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .flat_map(|m| m.iter().map(|(k, v)| (&**k, &**v)))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|m| m.is_empty())
    }

    /// How many pairs.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |m| m.len())
    }

    /// Whether every pair of `other` is here too.
    pub fn contains_all(&self, other: &Self) -> bool {
        other.iter().all(|(k, v)| self.get(k) == Some(v))
    }

    /// These pairs with those of `other` written over them.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        if self.is_empty() {
            return other.clone();
        }
        let pairs = |m: &Self| {
            m.0.iter()
                .flat_map(|m| m.iter())
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect::<Vec<_>>()
        };
        pairs(self).into_iter().chain(pairs(other)).collect()
    }
}

impl<K: Into<Name>, V: Into<Name>> FromIterator<(K, V)> for Metadata {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(iter: I) -> Self {
        let map: BTreeMap<Name, Name> = iter
            .into_iter()
            .map(|(k, v)| (k.into(), v.into()))
            .collect();
        Self((!map.is_empty()).then(|| Arc::new(map)))
    }
}

impl fmt::Display for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (k, v)) in self.iter().enumerate() {
            write!(f, "{}{k}={v}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// `envoy.config.core.v3.Locality`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Locality {
    /// The region.
    pub region: Name,
    /// The zone.
    pub zone: Name,
    /// The sub-zone.
    pub sub_zone: Name,
}

/// `envoy.config.core.v3.HealthStatus`, as the control plane reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HealthStatus {
    /// UNKNOWN or HEALTHY.
    #[default]
    Healthy,
    /// DEGRADED.
    Degraded,
    /// UNHEALTHY, DRAINING or TIMEOUT: no new requests.
    Unhealthy,
}

/// `envoy.config.endpoint.v3.LbEndpoint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where it listens.
    pub address: Address,
    /// Its DNS name, for `auto_host_rewrite` and hashing; may be empty.
    pub hostname: Name,
    /// Its labels.
    pub metadata: Metadata,
    /// `load_balancing_weight`, at least 1.
    pub weight: u32,
    /// As reported.
    pub health_status: HealthStatus,
    /// Where it was configured.
    pub origin: Origin,
}

impl Endpoint {
    /// A healthy endpoint of weight 1.
    pub fn new(address: impl Into<Address>) -> Self {
        Self {
            address: address.into(),
            hostname: Arc::from(""),
            metadata: Metadata::default(),
            weight: 1,
            health_status: HealthStatus::Healthy,
            origin: Origin::Code,
        }
    }

    /// With labels.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// With a weight; 0 counts as 1.
    #[must_use]
    pub fn with_weight(mut self, weight: u32) -> Self {
        self.weight = weight.max(1);
        self
    }
}

/// `envoy.config.endpoint.v3.LocalityLbEndpoints`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalityEndpoints {
    /// Which locality.
    pub locality: Locality,
    /// 0 is used first.
    pub priority: u32,
    /// The locality's own weight. Read by locality-weighted balancing only, which no policy asks for
    /// yet; without it Envoy does not look at it either.
    pub weight: Option<u32>,
    /// Its endpoints.
    pub endpoints: Vec<Endpoint>,
}

/// `envoy.config.endpoint.v3.ClusterLoadAssignment`: the endpoints of one cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterLoadAssignment {
    /// By locality and priority.
    pub localities: Vec<LocalityEndpoints>,
}

impl ClusterLoadAssignment {
    /// How many endpoints.
    pub fn len(&self) -> usize {
        self.localities.iter().map(|l| l.endpoints.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All endpoints, by locality.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.localities.iter().flat_map(|l| &l.endpoints)
    }
}

impl FromIterator<Endpoint> for ClusterLoadAssignment {
    /// All in one locality at priority 0.
    fn from_iter<I: IntoIterator<Item = Endpoint>>(iter: I) -> Self {
        Self {
            localities: vec![LocalityEndpoints {
                endpoints: iter.into_iter().collect(),
                ..LocalityEndpoints::default()
            }],
        }
    }
}
