use std::sync::Arc;

use super::{HttpFilter, Name, Origin};

/// `envoy.config.listener.v3.Listener`: where requests enter the mesh's view.
///
/// An outbound listener is what a client's call hits: it is found by the port the caller dials
/// ([`port`](Self::port)), or by name (`xds:///name`). An inbound listener is a server's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The resource's name.
    pub name: Name,
    /// Which side of a call it stands on.
    pub direction: Direction,
    /// The port; `None` takes every port that no other listener of this direction names.
    pub port: Option<u16>,
    /// Tried by [`FilterChainMatch`].
    pub filter_chains: Vec<FilterChain>,
    /// Where it was configured.
    pub origin: Origin,
}

/// `envoy.config.core.v3.TrafficDirection`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Towards another service.
    Outbound,
    /// Into this service.
    Inbound,
}

/// `envoy.config.listener.v3.FilterChain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterChain {
    /// Which connections it serves; the default serves all.
    pub matches: FilterChainMatch,
    /// Its terminal filter.
    pub http: HttpConnectionManager,
}

/// `envoy.config.listener.v3.FilterChainMatch`. Only the catch-all exists so far; mutual TLS and
/// inbound policy bring the other criteria.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilterChainMatch {}

/// `HttpConnectionManager`: names the routes, and the filters that requests pass on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpConnectionManager {
    /// The [`RouteConfiguration`](super::RouteConfiguration) by name.
    pub route_config: Name,
    /// In order, without the router.
    pub http_filters: Vec<HttpFilter>,
    /// `upgrade_configs`. When it is empty, every upgrade is allowed that its route does not refuse;
    /// otherwise only those that are enabled here or by the route.
    pub upgrades: Vec<UpgradeConfig>,
}

/// `UpgradeConfig` of a connection manager or route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpgradeConfig {
    /// `upgrade_type`, as the `upgrade` header names it; case does not count.
    pub upgrade_type: Name,
    /// Whether it is allowed; otherwise such requests get 403.
    pub enabled: bool,
}

impl HttpConnectionManager {
    /// With the filters that Istio's sidecars have: CORS, then faults. Neither does anything but for
    /// the routes that say so.
    pub fn new(route_config: impl Into<Name>) -> Self {
        Self {
            route_config: route_config.into(),
            http_filters: vec![HttpFilter::cors(), HttpFilter::fault()],
            upgrades: Vec::new(),
        }
    }

    /// With these filters and no others.
    #[must_use]
    pub fn with_filters(mut self, filters: Vec<HttpFilter>) -> Self {
        self.http_filters = filters;
        self
    }
}

impl Listener {
    /// An outbound listener that sends everything dialled on `port` through `route_config`.
    pub fn outbound(port: Option<u16>, route_config: impl Into<Name>) -> Self {
        Self {
            name: match port {
                Some(port) => format!("outbound_{port}").into(),
                None => Arc::from("outbound"),
            },
            direction: Direction::Outbound,
            port,
            filter_chains: vec![FilterChain {
                matches: FilterChainMatch {},
                http: HttpConnectionManager::new(route_config),
            }],
            origin: Origin::Code,
        }
    }
}
