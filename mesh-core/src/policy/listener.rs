use std::sync::Arc;

use super::{FilterChain, HttpFilter, Name, NetworkFilter, Origin};

/// `envoy.config.listener.v3.Listener`: where requests and connections enter the mesh's view.
///
/// An outbound listener is what a client's call hits: it is found by the port the caller dials
/// ([`port`](Self::port)) and, where [`hosts`](Self::hosts) are given, the host. An inbound listener
/// is a server's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The resource's name.
    pub name: Name,
    /// Which side of a call it stands on.
    pub direction: Direction,
    /// The port; `None` takes every port that no other listener of this direction names.
    pub port: Option<u16>,
    /// What a caller may dial to get here, in place of the address that a proxy would listen on: names
    /// (also `*.suffix`) and IP addresses. Empty: every host that no other listener of the port names.
    /// The first IP address is the one that the names stand for, which
    /// [`prefix_ranges`](super::FilterChainMatch::prefix_ranges) are compared with.
    pub hosts: Vec<Name>,
    /// Tried by [`FilterChainMatch`](super::FilterChainMatch).
    pub filter_chains: Vec<FilterChain>,
    /// For connections that no other chain matches.
    pub default_filter_chain: Option<FilterChain>,
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
        let http = HttpConnectionManager::new(route_config);
        Self::with_filter(port, http.into())
    }

    /// An outbound listener for connections to `hosts` (empty: all) on `port`, which `filter` serves.
    pub fn outbound_tcp<N: Into<Name>>(
        hosts: impl IntoIterator<Item = N>,
        port: Option<u16>,
        filter: impl Into<NetworkFilter>,
    ) -> Self {
        let mut listener = Self::with_filter(port, filter.into());
        listener.hosts = hosts.into_iter().map(Into::into).collect();
        if let Some(host) = listener.hosts.first() {
            let port = port.map_or_else(|| "*".to_owned(), |p| p.to_string());
            listener.name = format!("{host}_{port}").into();
        }
        listener
    }

    fn with_filter(port: Option<u16>, filter: NetworkFilter) -> Self {
        Self {
            name: match port {
                Some(port) => format!("outbound_{port}").into(),
                None => Arc::from("outbound"),
            },
            direction: Direction::Outbound,
            port,
            hosts: Vec::new(),
            filter_chains: vec![FilterChain::new(filter)],
            default_filter_chain: None,
            origin: Origin::Code,
        }
    }

    /// All chains, the default one last.
    pub fn chains(&self) -> impl Iterator<Item = &FilterChain> {
        self.filter_chains.iter().chain(&self.default_filter_chain)
    }
}
