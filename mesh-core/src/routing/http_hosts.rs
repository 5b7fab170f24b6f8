//! HTTP listeners that are for some hosts only, as gRPC's targets are: found by the host that a
//! request names and the port that it dials. Ports without any such listener are not in here, so that
//! their requests pay nothing for it.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::host::{Domain, HostTable, without_port};
use crate::policy::Name;

/// Routers by host and port.
#[derive(Debug)]
pub(crate) struct HttpHosts {
    ports: HashMap<u16, HostTable, FixedState>,
    any_port: Option<HostTable>,
}

impl HttpHosts {
    /// Of listeners' ports, hosts and routers. `None` when the hosts are too long to be counted in
    /// `u32`.
    pub(crate) fn new(listeners: &[(Option<u16>, &[Name], usize)]) -> Option<Self> {
        let mut by_port: HashMap<Option<u16>, Vec<(Domain<'_>, u32)>> = HashMap::new();
        for &(port, hosts, router) in listeners {
            let router = u32::try_from(router).ok()?;
            let domains = hosts.iter().filter_map(|host| Domain::parse(host));
            let entries = by_port.entry(port).or_default();
            entries.extend(domains.map(|domain| (domain, router)));
        }
        let mut all = Self {
            ports: HashMap::default(),
            any_port: None,
        };
        for (port, entries) in by_port {
            let table = HostTable::new(&entries)?;
            match port {
                Some(port) => _ = all.ports.insert(port, table),
                None => all.any_port = Some(table),
            }
        }
        Some(all)
    }

    /// The router of the listener for `authority`, among those of `port`.
    pub(crate) fn of_port(&self, authority: &str, port: u16) -> Option<usize> {
        self.ports.get(&port)?.find(without_port(authority))
    }

    /// The same, among those of any port.
    pub(crate) fn of_any_port(&self, authority: &str) -> Option<usize> {
        self.any_port.as_ref()?.find(without_port(authority))
    }

    /// The ports that are named.
    pub(crate) fn ports(&self) -> impl Iterator<Item = u16> {
        self.ports.keys().copied()
    }
}
