//! The services a client knows: those of `ServiceEntry`s, of Kubernetes' `Service`s (which come as
//! such entries too), and of the registry.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use mesh_core::policy::{Address, DnsTarget, Endpoint, HttpProtocol, Locality, Name, Origin};

use super::{scope::Scope, workloads::Workloads};
use crate::{
    file::{
        host,
        kinds::{
            Action, Document, Meta, Protocol, Resolution, Resource, ServiceEntry, ServicePort,
            WorkloadAddress, WorkloadEntry,
        },
        problem::{Note, NoteKind},
    },
    registry::{self, ServiceKey},
};

/// All services that the client sees, by host.
#[derive(Debug, Default)]
pub(super) struct Services {
    by_host: BTreeMap<Name, Service>,
    by_port: BTreeMap<u16, OnPort>,
}

/// The hosts of the services with an HTTP port of one number.
#[derive(Debug, Default)]
struct OnPort {
    hosts: Vec<Name>,
    /// Backwards, so that those with a common end are side by side.
    backwards: BTreeSet<String>,
}

fn backwards(host: &str) -> String {
    host.strip_prefix('*')
        .unwrap_or(host)
        .chars()
        .rev()
        .collect()
}

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

impl Services {
    pub(super) fn new(
        documents: &[Arc<Document>],
        kubernetes: &[(&Meta, ServiceEntry)],
        scope: &Scope<'_>,
        registered: &registry::Services,
        notes: &mut Vec<Note>,
    ) -> Self {
        let workloads = Workloads::new(documents);
        let mut entries: Vec<(&Meta, &ServiceEntry)> = Vec::new();
        for document in documents {
            let Resource::ServiceEntry(entry) = &document.resource else {
                continue;
            };
            let meta = &document.meta;
            let mesh = &scope.mesh.service_export_to;
            let visibility = scope.visible(&entry.export_to, mesh, &meta.namespace);
            if visibility.is_some() {
                entries.push((meta, entry));
            } else {
                let message = format!("is not exported to namespace {}", scope.namespace);
                notes.push(meta.at.note(NoteKind::NotApplied, message));
            }
        }
        entries.extend(kubernetes.iter().map(|(meta, entry)| (*meta, entry)));
        // Of two namespaces that describe one host, the client's own counts, else the oldest.
        entries.sort_by_key(|(meta, _)| {
            let foreign = meta.namespace != scope.namespace;
            (foreign, &meta.created, &meta.name, &meta.namespace)
        });
        let mut services = Self::default();
        for (meta, entry) in entries {
            for host in &entry.hosts {
                if !scope.sees_service(host, Some(&meta.namespace)) {
                    let message = format!("the Sidecar of this client does not list `{host}`");
                    notes.push(meta.at.note(NoteKind::NotApplied, message));
                    continue;
                }
                if !host.contains(['.', '*']) {
                    let message = format!(
                        "`{host}` is taken as it stands, but rules read it as \
                         `{host}.<namespace>.svc.{}` and do not apply to it: write it in full",
                        scope.domain
                    );
                    notes.push(meta.at.note(NoteKind::Warning, message));
                }
                services.add(host, meta, entry, &workloads, notes);
            }
        }
        if !registered.is_empty() {
            let named = named_by_rules(documents, scope);
            for key in registered.keys() {
                services.add_registered(key, scope, &named);
            }
        }
        for service in services.by_host.values() {
            for port in service.ports.iter().filter(|p| p.is_http()) {
                let on_port = services.by_port.entry(port.number).or_default();
                on_port.hosts.push(service.host.clone());
                on_port.backwards.insert(backwards(&service.host));
            }
        }
        services
    }

    pub(super) fn get(&self, host: &str) -> Option<&Service> {
        self.by_host.get(host)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Service> {
        self.by_host.values()
    }

    /// The services with an HTTP port `number`, by host.
    pub(super) fn on_port(&self, number: u16) -> impl Iterator<Item = &Service> {
        let hosts = self.by_port.get(&number).into_iter().flat_map(|p| &p.hosts);
        hosts.filter_map(|host| self.by_host.get(host))
    }

    /// Whether `host`, exact or wildcard, is that of a service with an HTTP port `number`.
    pub(super) fn any_on_port(&self, number: u16, host: &str) -> bool {
        if host::is_wildcard(host) {
            let Some(on_port) = self.by_port.get(&number) else {
                return false;
            };
            let end = backwards(host);
            let mut from = on_port.backwards.range(end.clone()..);
            return from.next().is_some_and(|first| first.starts_with(&end));
        }
        let service = self.get(host);
        service.is_some_and(|s| s.port(number).is_some_and(Port::is_http))
    }

    pub(super) fn http_ports(&self) -> impl Iterator<Item = u16> {
        self.by_port.keys().copied()
    }

    fn add(
        &mut self,
        host: &Name,
        meta: &Meta,
        entry: &ServiceEntry,
        workloads: &Workloads<'_>,
        notes: &mut Vec<Note>,
    ) {
        let service = self.by_host.entry(host.clone()).or_insert_with(|| Service {
            host: host.clone(),
            namespace: Some(meta.namespace.clone()),
            origin: meta.at.origin(),
            resolution: entry.resolution,
            addresses: Vec::new(),
            ports: Vec::new(),
        });
        let same_namespace = service.namespace.as_ref() == Some(&meta.namespace);
        if !same_namespace || service.resolution != entry.resolution {
            let message = format!("`{host}` is described already, by {}", service.origin);
            notes.push(meta.at.note(NoteKind::NotApplied, message));
            return;
        }
        for address in &entry.addresses {
            if !service.addresses.contains(address) {
                service.addresses.push(*address);
            }
        }
        for port in &entry.ports {
            let into = service.port_mut(port);
            // DNS_ROUND_ROBIN resolves one name.
            if entry.resolution == Resolution::DnsRoundRobin && !into.dns.is_empty() {
                continue;
            }
            for workload in &entry.endpoints {
                into.add(port, workload, None);
            }
            let Some(selector) = &entry.selector else {
                continue;
            };
            for (workload_meta, workload) in workloads.selected(&meta.namespace, selector) {
                let named = matches!(workload.address, WorkloadAddress::Name(_));
                if named && entry.resolution == Resolution::Static {
                    notes.push(workload_meta.at.note(
                        NoteKind::Warning,
                        "a host name needs a ServiceEntry with resolution DNS: it is no endpoint",
                    ));
                    continue;
                }
                into.add(port, workload, Some(workload_meta));
            }
        }
    }

    fn add_registered(&mut self, key: &ServiceKey, scope: &Scope<'_>, named: &HashSet<Name>) {
        let (given, number) = key;
        let literal = self.by_host.contains_key(given) || named.contains(given);
        let host = if literal {
            given.clone()
        } else {
            registered_host(given, scope)
        };
        let namespace = host::kubernetes(&host, &scope.domain).map(|(_, ns)| Arc::from(ns));
        if !scope.sees_service(&host, namespace.as_deref()) {
            return;
        }
        let service = self.by_host.entry(host.clone()).or_insert_with(|| Service {
            namespace,
            host,
            origin: Origin::Code,
            resolution: Resolution::Static,
            addresses: Vec::new(),
            ports: Vec::new(),
        });
        let port = ServicePort {
            number: *number,
            name: Arc::from(""),
            target: *number,
            protocol: Protocol::Http(HttpProtocol::Downstream),
        };
        service.port_mut(&port).registered.push(key.clone());
    }
}

/// The full name of a registered host that no document names: a request may give a Kubernetes name
/// in short.
fn registered_host(given: &Name, scope: &Scope<'_>) -> Name {
    let domain = &scope.domain;
    if given.parse::<IpAddr>().is_ok() {
        return given.clone();
    }
    match given.split('.').count() {
        1 => host::resolve(given, &scope.namespace, domain),
        2 => format!("{given}.svc.{domain}").into(),
        3 if given.ends_with(".svc") => format!("{given}.{domain}").into(),
        _ => given.clone(),
    }
}

/// The hosts that rules are about or send to, in full.
fn named_by_rules(documents: &[Arc<Document>], scope: &Scope<'_>) -> HashSet<Name> {
    let mut named = HashSet::new();
    for document in documents {
        let namespace = &document.meta.namespace;
        let mut name = |host: &str| {
            named.insert(host::resolve(host, namespace, &scope.domain));
        };
        match &document.resource {
            Resource::DestinationRule(rule) => name(&rule.host),
            Resource::VirtualService(rule) => {
                rule.hosts.iter().for_each(|(host, _)| name(host));
                for http in &rule.http {
                    if let Action::Forward(destinations) = &http.action {
                        destinations.iter().for_each(|d| name(&d.to.host));
                    }
                    let mirrors = http.mirror.destinations();
                    mirrors.for_each(|(to, _)| name(&to.host));
                }
                let connections = rule.tcp.iter().chain(&rule.tls);
                let destinations = connections.flat_map(|route| &*route.destinations);
                destinations.for_each(|d| name(&d.to.host));
            }
            Resource::ServiceEntry(_)
            | Resource::WorkloadEntry(_)
            | Resource::Sidecar(_)
            | Resource::MeshConfig(_) => {}
            // Named in full, always.
            Resource::GatewayRoute(_)
            | Resource::ReferenceGrant(_)
            | Resource::Service(_)
            | Resource::EndpointSlice(_) => {}
        }
    }
    named
}

impl Service {
    pub(super) fn port(&self, number: u16) -> Option<&Port> {
        self.ports.iter().find(|p| p.number == number)
    }

    fn port_mut(&mut self, port: &ServicePort) -> &mut Port {
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
    fn add(&mut self, port: &ServicePort, workload: &WorkloadEntry, meta: Option<&Meta>) {
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
