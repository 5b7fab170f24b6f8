//! One service: its ports, and the endpoints behind them.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use mesh_core::policy::{Address, DnsTarget, Endpoint, HttpProtocol, Locality, Name, Origin};

use crate::{
    file::kinds::{Meta, Protocol, Resolution, ServicePort, WorkloadAddress, WorkloadEntry},
    registry::ServiceKey,
};

/// One service.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) host: Name,
    /// Where the owner's destination rules are.
    pub(super) namespace: Option<Arc<str>>,
    pub(super) origin: Origin,
    pub(super) resolution: Resolution,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) ports: Vec<Port>,
    /// Whether it may be called by its own name. Without that it is there for the rules that lead to it.
    pub(super) is_listed: bool,
}

/// A service's port and the endpoints behind it.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) number: u16,
    pub(super) name: Arc<str>,
    pub(super) protocol: Protocol,
    /// What DNS resolution connects to when the entry lists no endpoints.
    pub(super) target: u16,
    pub(super) endpoints: Vec<(Locality, Endpoint)>,
    pub(super) dns: Vec<DnsTarget>,
    pub(super) registered: Vec<ServiceKey>,
}

impl Service {
    pub(super) fn port(&self, number: u16) -> Option<&Port> {
        self.ports.iter().find(|p| p.number == number)
    }

    pub(super) fn port_mut(&mut self, port: &ServicePort) -> &mut Port {
        let found = self.ports.iter().position(|p| p.number == port.number);
        let index = found.unwrap_or_else(|| {
            self.ports.push(Port {
                number: port.number,
                name: port.name.clone(),
                protocol: port.protocol,
                target: port.target,
                endpoints: Vec::new(),
                dns: Vec::new(),
                registered: Vec::new(),
            });
            self.ports.len() - 1
        });
        &mut self.ports[index]
    }
}

impl Port {
    pub(super) fn is_http(&self) -> bool {
        matches!(self.protocol, Protocol::Http(_))
    }

    pub(super) fn is_tls(&self) -> bool {
        self.protocol == Protocol::Tls
    }

    /// Whether connections for raw bytes may be made to it: not when it is declared to speak HTTP.
    pub(super) fn carries_bytes(&self) -> bool {
        match self.protocol {
            Protocol::Tcp | Protocol::Tls => true,
            // Of ports whose protocol nobody declared.
            Protocol::Http(protocol) => protocol == HttpProtocol::Downstream,
        }
    }

    /// The endpoint's own port by name, else the service's target port.
    pub(super) fn add(
        &mut self,
        port: &ServicePort,
        workload: &WorkloadEntry,
        meta: Option<&Meta>,
    ) {
        let own = workload.ports.iter().find(|(name, _)| *name == port.name);
        let number = own.map_or(port.target, |(_, number)| *number);
        let (metadata, origin) = match meta {
            Some(meta) => (workload.labels.merged(&meta.labels), meta.at.origin()),
            None => (workload.labels.clone(), workload.at.origin()),
        };
        let address = match &workload.address {
            WorkloadAddress::Ip(ip) => Address::Socket(SocketAddr::new(*ip, number)),
            WorkloadAddress::Unix(url) => {
                Address::Unix(url.strip_prefix("unix://").unwrap_or(url).into())
            }
            WorkloadAddress::Name(name) => {
                self.dns.push(DnsTarget {
                    hostname: name.clone(),
                    port: number,
                    metadata,
                    weight: workload.weight,
                    locality: workload.locality.clone(),
                    priority: 0,
                });
                return;
            }
        };
        let mut endpoint = Endpoint::new(address)
            .with_metadata(metadata)
            .with_weight(workload.weight);
        endpoint.origin = origin;
        self.endpoints.push((workload.locality.clone(), endpoint));
    }
}
