//! Targets in the way of gRPC: each has a listener of its own, and one virtual host of its routes.
//!
//! Calls find it by the host and the port of the target, so that targets of one port may differ in
//! whatever their listeners say.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use mesh_core::{
    Config,
    policy::{Name, RouteConfiguration, VirtualHost},
    routing::find_virtual_host,
};

use super::{Cascade, listener_of};
use crate::{client::on_demand::MAX_TARGETS, resource::Resources};

/// The targets that are called.
#[derive(Debug, Default)]
pub(in crate::client) struct Targets {
    by_listener: BTreeMap<Name, Target>,
}

#[derive(Debug)]
struct Target {
    host: Name,
    users: usize,
    /// Nobody has said that it is wanted, but it was called.
    on_demand: bool,
}

impl Targets {
    /// Adds a user of `host`, whose listener has this name. Whether it is the first.
    pub(in crate::client) fn add(&mut self, listener: Name, host: Name) -> bool {
        let target = self.by_listener.entry(listener);
        let target = target.or_insert(Target {
            host,
            users: 0,
            on_demand: false,
        });
        target.users += 1;
        target.users == 1
    }

    /// Adds what was called, if it is not there.
    ///
    /// # Errors
    /// When there are too many, and none of which `is_failed` holds, to be left in its place.
    pub(in crate::client) fn call(
        &mut self,
        listener: &Name,
        host: Name,
        is_failed: impl Fn(&Name) -> bool,
    ) -> Result<(), String> {
        if self.by_listener.contains_key(listener) {
            return Ok(());
        }
        let called = self.by_listener.iter().filter(|(_, t)| t.on_demand);
        if called.clone().count() >= MAX_TARGETS {
            let mut failed = called.map(|(name, _)| name).filter(|name| is_failed(name));
            let Some(failed) = failed.next().cloned() else {
                return Err(format!("{MAX_TARGETS} others are subscribed already"));
            };
            self.by_listener.remove(&failed);
        }
        let target = Target {
            host,
            users: 0,
            on_demand: true,
        };
        self.by_listener.insert(listener.clone(), target);
        Ok(())
    }

    /// Whether it was the last.
    pub(in crate::client) fn remove(&mut self, listener: &Name) -> bool {
        let Some(target) = self.by_listener.get_mut(listener) else {
            return false;
        };
        target.users = target.users.saturating_sub(1);
        if target.users == 0 && !target.on_demand {
            self.by_listener.remove(listener);
            return true;
        }
        false
    }

    pub(super) fn listeners(&self) -> impl Iterator<Item = &Name> {
        self.by_listener.keys()
    }

    /// A listener for each target, with the one virtual host that serves it.
    pub(super) fn config(&self, cascade: &Cascade) -> (Config, Vec<String>) {
        let mut problems = Vec::new();
        let mut resources = Resources::default();
        let mut dialled: HashMap<(String, Option<u16>), &Name> = HashMap::new();
        let mut places: Vec<(&str, Option<u16>)> = Vec::new();
        for (name, Target { host, .. }) in &self.by_listener {
            let Some(listener) = cascade.listeners.get(name).and_then(|l| listener_of(l)) else {
                continue;
            };
            let Some(routes) = cascade.routes_for(listener) else {
                problems.push(format!(
                    "Listener `{name}` is not used: it has no HTTP connection manager"
                ));
                continue;
            };
            let (bare, port) = split(host);
            let first = dialled.entry((bare.to_ascii_lowercase(), port));
            let first = *first.or_insert(name);
            if first != name {
                problems.push(format!(
                    "Listener `{name}` is not used: calls to `{host}` find `{first}`"
                ));
                continue;
            }
            let own = virtual_host(&routes, host);
            if own.is_none() && cascade.has_routes(listener) {
                problems.push(format!(
                    "RouteConfiguration `{}` has no virtual host for `{host}`",
                    routes.name
                ));
            }
            let routes = of_virtual_host(&routes, own);
            resources.listeners.push(listener.with_routes(&routes));
            places.push((bare, port));
        }
        let mut config = resources.config();
        for (listener, (host, port)) in config.listeners.iter_mut().zip(places) {
            listener.port = port;
            listener.hosts = vec![host.into()];
        }
        (config, problems)
    }
}

/// The virtual host that serves `host`.
fn virtual_host<'r>(routes: &'r RouteConfiguration, host: &'r str) -> Option<&'r VirtualHost> {
    let looked_up = match routes.ignore_port_in_host_matching {
        true => split(host).0,
        false => host,
    };
    find_virtual_host(&routes.virtual_hosts, looked_up)
}

/// `routes` with one virtual host, for whatever its listener takes (A27: it is chosen by the target,
/// not by each request), or none.
fn of_virtual_host(
    routes: &RouteConfiguration,
    host: Option<&VirtualHost>,
) -> Arc<RouteConfiguration> {
    let mut host = host.cloned();
    if let Some(host) = &mut host {
        host.domains = vec![Name::from("*")];
    }
    Arc::new(RouteConfiguration {
        name: routes.name.clone(),
        virtual_hosts: host.into_iter().collect(),
        ignore_port_in_host_matching: routes.ignore_port_in_host_matching,
        headers: routes.headers.clone(),
        most_specific_header_mutations_wins: routes.most_specific_header_mutations_wins,
        filters: routes.filters.clone(),
        mirrors: routes.mirrors.clone(),
        origin: routes.origin.clone(),
    })
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
