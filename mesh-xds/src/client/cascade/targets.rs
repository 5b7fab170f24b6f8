//! Targets in the way of gRPC: each has a listener of its own, and one virtual host of its routes.
//!
//! Calls find a listener by the port that they dial, so the virtual hosts of all targets of a port
//! become one route configuration. What their own route configurations say for all their virtual
//! hosts moves into these.

use std::{collections::BTreeMap, sync::Arc};

use mesh_core::{
    Config,
    policy::{
        HeaderMutation, HeaderValueOption, Listener, Name, NetworkFilter, RouteConfiguration,
        VirtualHost,
    },
    routing::find_virtual_host,
};

use super::{Cascade, listener_of};

/// The targets that are called.
#[derive(Debug, Default)]
pub(in crate::client) struct Targets {
    by_listener: BTreeMap<Name, Target>,
}

#[derive(Debug)]
struct Target {
    host: Name,
    users: usize,
}

impl Targets {
    /// Adds a user of `host`, whose listener has this name. Whether it is the first.
    pub(in crate::client) fn add(&mut self, listener: Name, host: Name) -> bool {
        let target = self.by_listener.entry(listener);
        let target = target.or_insert(Target { host, users: 0 });
        target.users += 1;
        target.users == 1
    }

    /// Whether it was the last.
    pub(in crate::client) fn remove(&mut self, listener: &Name) -> bool {
        let Some(target) = self.by_listener.get_mut(listener) else {
            return false;
        };
        target.users -= 1;
        if target.users == 0 {
            self.by_listener.remove(listener);
            return true;
        }
        false
    }

    pub(super) fn listeners(&self) -> impl Iterator<Item = &Name> {
        self.by_listener.keys()
    }

    /// Listeners by port.
    pub(super) fn config(&self, cascade: &Cascade) -> (Config, Vec<String>) {
        let mut problems = Vec::new();
        let mut ports: BTreeMap<Option<u16>, (Listener, RouteConfiguration)> = BTreeMap::new();
        for (name, Target { host, .. }) in &self.by_listener {
            let Some(listener) = cascade.listeners.get(name).and_then(|l| listener_of(l)) else {
                continue;
            };
            let alone = cascade.alone(listener);
            let (Some(policy), Some(routes)) = (alone.listeners.first(), alone.routes.first())
            else {
                problems.push(format!(
                    "Listener `{name}` is not used: it has no HTTP connection manager"
                ));
                continue;
            };
            let (_, port) = split(host);
            let (first, all) = ports.entry(port).or_insert_with(|| merged(port, policy));
            let order = routes.most_specific_header_mutations_wins;
            if all.virtual_hosts.is_empty() {
                all.most_specific_header_mutations_wins = order;
            }
            if filters(first) != filters(policy) || order != all.most_specific_header_mutations_wins
            {
                problems.push(format!(
                    "Listener `{name}` is not used: its HTTP filters, or the order of its header \
                     mutations, differ from those of another target of its port"
                ));
                continue;
            }
            match virtual_host(routes, host) {
                Some(host) => all.virtual_hosts.push(host),
                None if cascade.has_routes(listener) => problems.push(format!(
                    "RouteConfiguration `{}` has no virtual host for `{host}`",
                    routes.name
                )),
                None => {}
            }
        }
        let mut config = Config::default();
        for (listener, routes) in ports.into_values() {
            config.listeners.push(listener);
            config.routes.push(Arc::new(routes));
        }
        (config, problems)
    }
}

/// A listener for `port` with the filters of `like`, and routes without a virtual host.
fn merged(port: Option<u16>, like: &Listener) -> (Listener, RouteConfiguration) {
    let name: Name = match port {
        Some(port) => format!("xds:{port}").into(),
        None => Arc::from("xds"),
    };
    let mut listener = Listener::outbound(port, name.clone());
    listener.filter_chains.clone_from(&like.filter_chains);
    for chain in &mut listener.filter_chains {
        if let NetworkFilter::Http(http) = &mut chain.filter {
            http.route_config = name.clone();
        }
    }
    listener.origin = like.origin.clone();
    let mut routes = RouteConfiguration::new(name, Vec::new());
    routes.origin = like.origin.clone();
    (listener, routes)
}

/// All that a listener says, but for its name and its routes.
fn filters(listener: &Listener) -> Vec<NetworkFilter> {
    let chains = listener.chains().map(|chain| {
        let mut filter = chain.filter.clone();
        if let NetworkFilter::Http(http) = &mut filter {
            http.route_config = Name::default();
        }
        filter
    });
    chains.collect()
}

/// The virtual host that serves `host`, for that host alone.
fn virtual_host(routes: &RouteConfiguration, host: &Name) -> Option<VirtualHost> {
    let (bare, _) = split(host);
    let looked_up = match routes.ignore_port_in_host_matching {
        true => bare,
        false => host,
    };
    let mut found = find_virtual_host(&routes.virtual_hosts, looked_up)?.clone();
    found.domains = vec![Name::from(bare)];
    found.headers = match routes.most_specific_header_mutations_wins {
        false => in_turn(&found.headers, &routes.headers),
        true => in_turn(&routes.headers, &found.headers),
    };
    if found.mirrors.is_empty() {
        found.mirrors.clone_from(&routes.mirrors);
    }
    for less_specific in &routes.filters {
        if found.filters.iter().all(|f| f.name != less_specific.name) {
            found.filters.push(less_specific.clone());
        }
    }
    Some(found)
}

/// One change of headers that does what two do, one after the other. In each, removals come first: so
/// what the second removes, the first need not add.
fn in_turn(first: &HeaderMutation, second: &HeaderMutation) -> HeaderMutation {
    let adds = |first: &[HeaderValueOption],
                removed: &[http::HeaderName],
                second: &[HeaderValueOption]| {
        let first = first.iter().filter(|add| !removed.contains(&add.name));
        first.chain(second).cloned().collect()
    };
    HeaderMutation {
        request_remove: [&first.request_remove[..], &second.request_remove].concat(),
        request_add: adds(
            &first.request_add,
            &second.request_remove,
            &second.request_add,
        ),
        response_remove: [&first.response_remove[..], &second.response_remove].concat(),
        response_add: adds(
            &first.response_add,
            &second.response_remove,
            &second.response_add,
        ),
    }
}

/// Host and port.
fn split(host: &str) -> (&str, Option<u16>) {
    match host.rsplit_once(':') {
        Some((bare, port)) => match port.parse() {
            Ok(port) if !bare.contains(':') || bare.ends_with(']') => (bare, Some(port)),
            _ => (host, None),
        },
        None => (host, None),
    }
}
