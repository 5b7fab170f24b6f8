//! `Listener` and its `HttpConnectionManager`.

use std::sync::Arc;

use mesh_core::policy::{
    FilterChain, HttpConnectionManager, HttpFilter, Listener as Policy, Name, RouteConfiguration,
    UpgradeConfig,
};

use super::{
    cluster::{config_source, plaintext},
    endpoint::host_and_port,
    filter::{http_filters, upgrade},
    matcher::list,
    report::At,
    route::route_configuration,
    value::{required_text, unpack},
};
use crate::pb::{
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
    /// Its routes.
    pub routes: Routes,
    /// `http_filters`, without the router.
    pub filters: Vec<HttpFilter>,
    /// `upgrade_configs`.
    pub upgrades: Vec<UpgradeConfig>,
    /// Where it was configured.
    pub origin: mesh_core::policy::Origin,
}

type Manager = (Routes, Vec<HttpFilter>, Vec<UpgradeConfig>);

/// Where a listener's routes are from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Routes {
    /// The `RouteConfiguration` of this name.
    Rds(Name),
    /// These.
    Inline(Arc<RouteConfiguration>),
}

impl Listener {
    /// The policy, with the name of the routes that were found for it.
    pub fn policy(&self, route_config: Name) -> Policy {
        let mut http = HttpConnectionManager::new(route_config.clone());
        http.http_filters.clone_from(&self.filters);
        http.upgrades.clone_from(&self.upgrades);
        let mut policy = Policy::outbound(self.port, route_config);
        policy.name = self.name.clone();
        policy.filter_chains = vec![FilterChain::new(http.into())];
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
    let (port, manager) = match &pb.api_listener {
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
            (None, manager(&any, &pb)?)
        }
        None => (port(at, pb), chain(at, pb)?),
    };
    let (routes, filters, upgrades) = manager;
    Some(Listener {
        name: name?,
        port,
        routes,
        filters,
        upgrades,
        origin: at.origin(),
    })
}

fn port(at: &At<'_>, pb: &listener::Listener) -> Option<u16> {
    let at = at.field("address");
    let pb = at.required(pb.address.as_ref().and_then(|a| a.address.as_ref()))?;
    match pb {
        Address::SocketAddress(pb) => {
            let (_, port) = host_and_port(&at.field("socket_address"), pb)?;
            (port != 0).then_some(port)
        }
        Address::Pipe(_) => {
            at.field("pipe").fail("callers dial a port");
            None
        }
    }
}

/// The one filter chain there may be.
fn chain(at: &At<'_>, pb: &listener::Listener) -> Option<Manager> {
    let chains = at.field("filter_chains");
    let default = at.field("default_filter_chain");
    match (&pb.filter_chains[..], &pb.default_filter_chain) {
        ([one], None) => filter_chain(&chains.index(0), one),
        ([], Some(one)) => filter_chain(&default, one),
        ([], None) => {
            chains.fail("is required");
            None
        }
        ([_], Some(_)) => {
            default.fail("beside another filter chain is not supported yet");
            None
        }
        _ => {
            chains.fail("more than one is not supported yet");
            None
        }
    }
}

fn filter_chain(at: &At<'_>, pb: &listener::FilterChain) -> Option<Manager> {
    if let Some(pb) = &pb.transport_socket {
        plaintext(&at.field("transport_socket"), pb);
    }
    let filters = at.field("filters");
    let [filter] = &pb.filters[..] else {
        filters.fail("must be the HTTP connection manager alone");
        return None;
    };
    let filter_at = filters.index(0);
    let at = filter_at.field("typed_config");
    let Some(ConfigType::TypedConfig(any)) = &filter.config_type else {
        at.fail("is required");
        return None;
    };
    manager(&at, &unpack(&at, any)?)
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
    Some((routes, filters, upgrades))
}
