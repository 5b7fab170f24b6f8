//! `Listener`, its filter chains and its `HttpConnectionManager`.

use std::{net::IpAddr, sync::Arc};

use mesh_core::{
    policy::{
        FilterChain, FilterChainMatch, HttpConnectionManager, HttpFilter, Listener as Policy, Name,
        NetworkFilter, RouteConfiguration, TcpProxy, UpgradeConfig,
    },
    routing::validate_listener,
};

use super::{
    cluster::{config_source, plaintext},
    endpoint::host_and_port,
    filter::{http_filters, upgrade},
    filter_chain_match::filter_chain_match,
    matcher::list,
    report::At,
    route::route_configuration,
    tcp_proxy::tcp_proxy,
    value::{is, required_text, unpack},
};
use crate::pb::{
    self,
    core::{TrafficDirection, address::Address},
    http_connection_manager::{self, http_connection_manager::RouteSpecifier},
    listener::{self, filter::ConfigType},
};

/// What a `Listener` says: an outbound listener, for only those have an engine yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its name.
    pub name: Name,
    /// The port that callers dial; `None`, from an `api_listener` or port 0, is every port.
    pub port: Option<u16>,
    /// `filter_chains`. At most one of all is for requests: it serves every request of the port.
    pub chains: Vec<Chain>,
    /// `default_filter_chain`.
    pub default_chain: Option<Chain>,
    /// Where it was configured.
    pub origin: mesh_core::policy::Origin,
}

/// A filter chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Its name; may be empty.
    pub name: Name,
    /// Which connections it serves.
    pub matches: FilterChainMatch,
    /// What it does with them.
    pub filter: Filter,
}

/// The network filter of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// `HttpConnectionManager`
    Http(Manager),
    /// `TcpProxy`
    Tcp(Box<TcpProxy>),
}

/// What an `HttpConnectionManager` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manager {
    /// Its routes.
    pub routes: Routes,
    /// `http_filters`, without the router.
    pub filters: Vec<HttpFilter>,
    /// `upgrade_configs`.
    pub upgrades: Vec<UpgradeConfig>,
}

/// Where a listener's routes are from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Routes {
    /// The `RouteConfiguration` of this name.
    Rds(Name),
    /// These.
    Inline(Arc<RouteConfiguration>),
}

impl Listener {
    /// All chains, the default one last.
    fn all(&self) -> impl Iterator<Item = &Chain> {
        self.chains.iter().chain(&self.default_chain)
    }

    /// Its routes; `None` when it is for connections only.
    pub fn routes(&self) -> Option<&Routes> {
        self.all().find_map(|chain| match &chain.filter {
            Filter::Http(manager) => Some(&manager.routes),
            Filter::Tcp(_) => None,
        })
    }

    /// The same, with these routes in place of its own.
    #[must_use]
    #[cfg(feature = "xds")]
    pub(crate) fn with_routes(&self, routes: &Arc<RouteConfiguration>) -> Self {
        let mut listener = self.clone();
        let all = listener
            .chains
            .iter_mut()
            .chain(&mut listener.default_chain);
        for chain in all {
            if let Filter::Http(manager) = &mut chain.filter {
                manager.routes = Routes::Inline(routes.clone());
            }
        }
        listener
    }

    /// The clusters that its connections, but for requests, are led to.
    pub fn tcp_clusters(&self) -> impl Iterator<Item = &Name> {
        let proxies = self.all().filter_map(|chain| match &chain.filter {
            Filter::Http(_) => None,
            Filter::Tcp(proxy) => Some(proxy),
        });
        proxies.flat_map(|proxy| proxy.clusters.entries().iter().map(|entry| &entry.name))
    }

    /// The policy, with the name of the routes that were found for it.
    pub fn policy(&self, route_config: Name) -> Policy {
        let chain = |chain: &Chain| FilterChain {
            name: chain.name.clone(),
            matches: chain.matches.clone(),
            filter: match &chain.filter {
                Filter::Tcp(proxy) => NetworkFilter::Tcp((**proxy).clone()),
                Filter::Http(manager) => {
                    let mut http = HttpConnectionManager::new(route_config.clone());
                    http.http_filters.clone_from(&manager.filters);
                    http.upgrades.clone_from(&manager.upgrades);
                    http.into()
                }
            },
        };
        let mut policy = Policy::outbound(self.port, route_config.clone());
        policy.name = self.name.clone();
        policy.filter_chains = self.chains.iter().map(chain).collect();
        policy.default_filter_chain = self.default_chain.as_ref().map(chain);
        policy.origin = self.origin.clone();
        policy
    }
}

pub(super) fn listener(at: &At<'_>, pb: &listener::Listener) -> Option<Listener> {
    let name = required_text(&at.field("name"), &pb.name);
    if pb.traffic_direction() == TrafficDirection::Inbound {
        at.field("traffic_direction")
            .fail("inbound listeners are not supported yet");
    }
    let listener = match &pb.api_listener {
        Some(api) => {
            if !pb.filter_chains.is_empty() || pb.default_filter_chain.is_some() {
                at.field("api_listener").fail("excludes filter chains");
            }
            if pb.address.is_some() {
                at.field("address").ignored("an api_listener has none");
            }
            let api_at = at.field("api_listener");
            let any = api_at.field("api_listener");
            let pb = unpack(&any, any.required(api.api_listener.as_ref())?)?;
            let chain = Chain {
                name: Name::default(),
                matches: FilterChainMatch::default(),
                filter: Filter::Http(manager(&any, &pb)?),
            };
            Listener {
                name: name?,
                port: None,
                chains: vec![chain],
                default_chain: None,
                origin: at.origin(),
            }
        }
        None => {
            let port = port(at, pb);
            let default = at.field("default_filter_chain");
            let given = pb.default_filter_chain.as_ref();
            let default_chain = given.map(|pb| filter_chain(&default, pb));
            let chains = list(&at.field("filter_chains"), &pb.filter_chains, filter_chain);
            if chains.len() < pb.filter_chains.len() {
                return None;
            }
            Listener {
                name: name?,
                port,
                chains,
                default_chain: match default_chain {
                    Some(chain) => Some(chain?),
                    None => None,
                },
                origin: at.origin(),
            }
        }
    };
    // Here rather than when it is published, so that the resource is rejected and no other.
    if let Err(error) = validate_listener(&listener.policy(Name::default())) {
        at.field("filter_chains").fail(error.to_string());
    }
    Some(listener)
}

fn port(at: &At<'_>, pb: &listener::Listener) -> Option<u16> {
    let at = at.field("address");
    let pb = at.required(pb.address.as_ref().and_then(|a| a.address.as_ref()))?;
    match pb {
        Address::SocketAddress(pb) => {
            let at = at.field("socket_address");
            let (host, port) = host_and_port(&at, pb)?;
            let at = at.field("address");
            match host.parse::<IpAddr>() {
                Ok(ip) if ip.is_unspecified() => {}
                Ok(ip) => at.ignored(format!(
                    "callers dial names, not {ip}: it is for all of its port"
                )),
                Err(_) => at.fail(format!("`{host}` is no IP address")),
            }
            (port != 0).then_some(port)
        }
        Address::Pipe(_) => {
            at.field("pipe").fail("callers dial a port");
            None
        }
    }
}

fn filter_chain(at: &At<'_>, pb: &listener::FilterChain) -> Option<Chain> {
    if let Some(pb) = &pb.transport_socket {
        plaintext(&at.field("transport_socket"), pb);
    }
    let matches = match &pb.filter_chain_match {
        Some(pb) => filter_chain_match(&at.field("filter_chain_match"), pb),
        None => Some(FilterChainMatch::default()),
    };
    let filters = at.field("filters");
    let [filter] = &pb.filters[..] else {
        filters.fail("must be the HTTP connection manager or the TCP proxy alone");
        return None;
    };
    let filter_at = filters.index(0);
    let at = filter_at.field("typed_config");
    let Some(ConfigType::TypedConfig(any)) = &filter.config_type else {
        at.fail("is required");
        return None;
    };
    let filter = if is::<pb::tcp_proxy::TcpProxy>(any) {
        Filter::Tcp(tcp_proxy(&at, &unpack(&at, any)?)?.into())
    } else {
        Filter::Http(manager(&at, &unpack(&at, any)?)?)
    };
    Some(Chain {
        name: pb.name.as_str().into(),
        matches: matches?,
        filter,
    })
}

fn manager(at: &At<'_>, pb: &http_connection_manager::HttpConnectionManager) -> Option<Manager> {
    let filters = http_filters(at, &pb.http_filters);
    let specifier = at.field("route_specifier");
    let routes = match specifier.required(pb.route_specifier.as_ref())? {
        RouteSpecifier::Rds(pb) => {
            let at = at.field("rds");
            config_source(&at.field("config_source"), pb.config_source.as_ref());
            Routes::Rds(required_text(
                &at.field("route_config_name"),
                &pb.route_config_name,
            )?)
        }
        RouteSpecifier::RouteConfig(pb) => {
            Routes::Inline(route_configuration(&at.field("route_config"), pb)?.into())
        }
    };
    let upgrades = list(
        &at.field("upgrade_configs"),
        &pb.upgrade_configs,
        |at, pb| upgrade(at, &pb.upgrade_type, pb.enabled),
    );
    Some(Manager {
        routes,
        filters,
        upgrades,
    })
}
