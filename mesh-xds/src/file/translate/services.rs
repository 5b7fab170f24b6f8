//! The services a client knows: those of `ServiceEntry`s, of Kubernetes' `Service`s (which come as
//! such entries too), and of the registry.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::IpAddr,
    sync::Arc,
};

use mesh_core::policy::{HttpProtocol, Name, Origin};

pub(super) use super::service::{Port, Service};
use super::{
    named::{self, Destinations},
    scope::Scope,
    virtual_services::VirtualServices,
    workloads::Workloads,
};
use crate::{
    file::{
        host,
        kinds::{
            Document, Meta, Protocol, Resolution, Resource, ServiceEntry, ServicePort,
            WorkloadAddress,
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

impl Services {
    pub(super) fn new(
        documents: &[Arc<Document>],
        kubernetes: &[(&Meta, ServiceEntry)],
        scope: &Scope<'_>,
        rules: &VirtualServices<'_>,
        registered: &registry::Services,
        notes: &mut Vec<Note>,
    ) -> Self {
        let workloads = Workloads::new(documents);
        let mut services = Self::default();
        let mut unlisted = Vec::new();
        for (meta, entry) in visible_entries(documents, kubernetes, scope, notes) {
            for host in &entry.hosts {
                if !scope.sees_service(host, Some(&meta.namespace)) {
                    unlisted.push((host, meta, entry));
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
                services.add(host, meta, entry, &workloads, true, notes);
            }
        }
        let mut unlisted_keys = Vec::new();
        if !registered.is_empty() {
            let named = named::hosts(documents, scope);
            for key in registered.keys() {
                let host = services.registered_host(&key.0, scope, &named);
                let namespace = host::kubernetes(&host, &scope.domain).map(|(_, ns)| ns);
                if scope.sees_service(&host, namespace) {
                    services.add_registered(key, &host, namespace, true);
                } else {
                    unlisted_keys.push((key, host));
                }
            }
        }
        if !unlisted.is_empty() || !unlisted_keys.is_empty() {
            let mut destinations = Destinations::of(&rules.candidates, scope);
            destinations.extend_by_gateway_routes(documents, scope, |host| {
                services.get(host).is_some_and(|s| s.is_listed)
            });
            for (host, meta, entry) in unlisted {
                let mut message = format!("the Sidecar of this client does not list `{host}`");
                let is_listed = services.get(host).is_some_and(|s| s.is_listed);
                let mut entry = entry.clone();
                entry.ports.retain(|p| destinations.lead_to(host, p.number));
                if !is_listed && !entry.ports.is_empty() {
                    services.add(host, meta, &entry, &workloads, false, notes);
                    message += ": it is reached through the rules that lead to it, not by its name";
                }
                notes.push(meta.at.note(NoteKind::NotApplied, message));
            }
            for (key, host) in &unlisted_keys {
                if destinations.lead_to(host, key.1) {
                    let namespace = host::kubernetes(host, &scope.domain).map(|(_, ns)| ns);
                    services.add_registered(key, host, namespace, false);
                }
            }
        }
        services.index();
        services
    }

    /// Listed services are found by their ports.
    fn index(&mut self) {
        for service in self.by_host.values().filter(|s| s.is_listed) {
            for port in service.ports.iter().filter(|p| p.is_http()) {
                let on_port = self.by_port.entry(port.number).or_default();
                on_port.hosts.push(service.host.clone());
                on_port.backwards.insert(backwards(&service.host));
            }
        }
    }

    pub(super) fn get(&self, host: &str) -> Option<&Service> {
        self.by_host.get(host)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Service> {
        self.by_host.values()
    }

    /// Those that may be called by their own names.
    pub(super) fn listed(&self) -> impl Iterator<Item = &Service> {
        self.iter().filter(|service| service.is_listed)
    }

    /// The listed services with an HTTP port `number`, by host.
    pub(super) fn on_port(&self, number: u16) -> impl Iterator<Item = &Service> {
        let hosts = self.by_port.get(&number).into_iter().flat_map(|p| &p.hosts);
        hosts.filter_map(|host| self.by_host.get(host))
    }

    /// Whether `host`, exact or wildcard, is that of a listed service with an HTTP port `number`.
    pub(super) fn any_on_port(&self, number: u16, host: &str) -> bool {
        if host::is_wildcard(host) {
            let Some(on_port) = self.by_port.get(&number) else {
                return false;
            };
            let end = backwards(host);
            let mut from = on_port.backwards.range(end.clone()..);
            return from.next().is_some_and(|first| first.starts_with(&end));
        }
        let service = self.get(host).filter(|service| service.is_listed);
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
        is_listed: bool,
        notes: &mut Vec<Note>,
    ) {
        let service = self.by_host.entry(host.clone()).or_insert_with(|| Service {
            host: host.clone(),
            namespace: Some(meta.namespace.clone()),
            origin: meta.at.origin(),
            resolution: entry.resolution,
            addresses: Vec::new(),
            ports: Vec::new(),
            is_listed,
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

    fn add_registered(
        &mut self,
        key: &ServiceKey,
        host: &Name,
        namespace: Option<&str>,
        is_listed: bool,
    ) {
        let service = self.by_host.entry(host.clone()).or_insert_with(|| Service {
            namespace: namespace.map(Arc::from),
            host: host.clone(),
            origin: Origin::Code,
            resolution: Resolution::Static,
            addresses: Vec::new(),
            ports: Vec::new(),
            is_listed,
        });
        let port = ServicePort {
            number: key.1,
            name: Arc::from(""),
            target: key.1,
            protocol: Protocol::Http(HttpProtocol::Downstream),
        };
        service.port_mut(&port).registered.push(key.clone());
    }

    /// The full name of a registered host. One that no document names may be a Kubernetes name in
    /// short, as a request gives it.
    fn registered_host(&self, given: &Name, scope: &Scope<'_>, named: &HashSet<Name>) -> Name {
        let domain = &scope.domain;
        let is_literal = self.by_host.contains_key(given)
            || named.contains(given)
            || given.parse::<IpAddr>().is_ok();
        match given.split('.').count() {
            _ if is_literal => given.clone(),
            1 => host::resolve(given, &scope.namespace, domain),
            2 => format!("{given}.svc.{domain}").into(),
            3 if given.ends_with(".svc") => format!("{given}.{domain}").into(),
            _ => given.clone(),
        }
    }
}

/// The entries that are exported to the client, those first that come before others for one host: the
/// client's own, else a Kubernetes Service's, so that nobody takes a host from it, else the oldest.
fn visible_entries<'a>(
    documents: &'a [Arc<Document>],
    kubernetes: &'a [(&Meta, ServiceEntry)],
    scope: &Scope<'_>,
    notes: &mut Vec<Note>,
) -> Vec<(&'a Meta, &'a ServiceEntry)> {
    let of_kubernetes = kubernetes.iter().map(|(meta, entry)| (*meta, entry, true));
    let of_istio = documents
        .iter()
        .filter_map(|document| match &document.resource {
            Resource::ServiceEntry(entry) => Some((&document.meta, entry, false)),
            _ => None,
        });
    let mut entries: Vec<(&Meta, &ServiceEntry, bool)> = Vec::new();
    for (meta, entry, kubernetes) in of_kubernetes.chain(of_istio) {
        let mesh = &scope.mesh.service_export_to;
        let visibility = scope.visible(&entry.export_to, mesh, &meta.namespace);
        if visibility.is_some() {
            entries.push((meta, entry, kubernetes));
        } else {
            let message = format!("is not exported to namespace {}", scope.namespace);
            notes.push(meta.at.note(NoteKind::NotApplied, message));
        }
    }
    entries.sort_by_key(|(meta, _, kubernetes)| {
        let foreign = meta.namespace != scope.namespace;
        (
            foreign,
            !kubernetes,
            &meta.created,
            &meta.name,
            &meta.namespace,
        )
    });
    entries
        .into_iter()
        .map(|(meta, entry, _)| (meta, entry))
        .collect()
}
