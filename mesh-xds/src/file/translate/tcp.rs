//! A listener for each service port that carries bytes nobody looks into, as istiod's
//! `buildSidecarOutboundTCPFilterChainOpts`.
//!
//! A sidecar tells services on one port apart by their virtual IPs; a caller in the process names the
//! service, so each gets a listener of its own, found by every name that requests may use for it.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use mesh_core::policy::{
    CidrRange, FilterChain, FilterChainMatch, Listener, Name, NetworkFilter, TcpClusterWeight,
    TcpClusters, TcpProxy,
};

use super::{
    Client,
    clusters::cluster_name,
    routes::Routes,
    scope::Scope,
    services::{Port, Service, Services},
    tls,
    virtual_hosts::names,
    virtual_services::{Candidate, VirtualServices},
    wildcards::Wildcards,
};
use crate::file::{
    host,
    kinds::{L4Match, L4Route},
    problem::{At, Note, NoteKind},
};

/// What listeners are made of.
pub(super) struct Tcp<'a, 'r> {
    client: &'a Client,
    routes: &'a Routes<'r>,
    /// The routes that apply to some connection.
    applied: HashSet<&'a At>,
    pub(super) notes: Vec<Note>,
}

/// All listeners of services whose ports carry bytes.
pub(super) fn listeners(
    scope: &Scope<'_>,
    services: &Services,
    rules: &VirtualServices<'_>,
    routes: &Routes<'_>,
    notes: &mut Vec<Note>,
) -> Vec<Listener> {
    let client = scope.client();
    let mut tcp = Tcp {
        client,
        routes,
        applied: HashSet::new(),
        notes: Vec::new(),
    };
    let candidates = Candidates::new(rules);
    let mut listeners = Vec::new();
    let mut taken: HashSet<(u16, Name)> = HashSet::new();
    let ports = || {
        let all = services
            .listed()
            .flat_map(|s| s.ports.iter().map(move |p| (s, p)));
        all.filter(|(_, port)| port.carries_bytes())
    };
    // A service's own name is nobody else's short one.
    taken.extend(ports().map(|(service, port)| (port.number, service.host.clone())));
    for (service, port) in ports() {
        let rules = candidates.about(&service.host);
        let mut hosts = dialled(service, client);
        hosts.retain(|host| *host == service.host || taken.insert((port.number, host.clone())));
        let filter_chains = match port.is_tls() {
            true => tls::chains(&mut tcp, service, port, &rules),
            false => tcp.chains(service, port, &rules),
        };
        listeners.push(Listener {
            name: format!("{}_{}", service.host, port.number).into(),
            port: Some(port.number),
            hosts,
            filter_chains,
            origin: service.origin.clone(),
            ..Listener::outbound_tcp::<Name>([], None, TcpProxy::to_cluster(""))
        });
    }
    for rule in &candidates.all {
        for route in rule.spec.tcp.iter().chain(&rule.spec.tls) {
            if !tcp.applied.contains(&route.at) {
                let message = "applies to no connection of this client: it is behind a route that \
                     takes all, or no service of its hosts has a port for it (TCP routes are for \
                     ports without TLS, TLS routes for those of protocol TLS and HTTPS)";
                tcp.notes.push(route.at.note(NoteKind::NotApplied, message));
            }
        }
    }
    notes.append(&mut tcp.notes);
    listeners
}

/// The rules that say something of connections, the first of them first, by host.
#[derive(Default)]
struct Candidates<'a> {
    all: Vec<&'a Candidate<'a>>,
    by_host: HashMap<&'a str, Vec<usize>>,
    wildcards: Wildcards,
}

impl<'a> Candidates<'a> {
    fn new(rules: &'a VirtualServices<'a>) -> Self {
        let mut found = Self::default();
        for rule in &rules.candidates {
            if rule.spec.tcp.is_empty() && rule.spec.tls.is_empty() {
                continue;
            }
            for (host, _) in &rule.hosts {
                let same = found.by_host.entry(host).or_default();
                same.push(found.all.len());
                if host::is_wildcard(host) {
                    found.wildcards.insert(host.clone());
                }
            }
            found.all.push(rule);
        }
        found
    }

    /// All of them, unlike for requests, whose hosts belong to one rule.
    fn about(&self, service: &str) -> Vec<&'a Candidate<'a>> {
        let wildcards = self.wildcards.covering(service).map(|w| &**w);
        let names = std::iter::once(service).chain(wildcards);
        let mut found: Vec<usize> = names
            .filter_map(|name| self.by_host.get(name))
            .flatten()
            .copied()
            .collect();
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(|index| self.all[index]).collect()
    }
}

/// The names and addresses by which a service is dialled; its own is the first.
fn dialled(service: &Service, client: &Client) -> Vec<Name> {
    let host = match service.host.parse::<IpAddr>() {
        Ok(ip) => return vec![ip.to_string().into()],
        Err(_) => &service.host,
    };
    let mut hosts = names(host, client);
    hosts.extend(
        service
            .addresses
            .iter()
            .map(|ip| Name::from(ip.to_string())),
    );
    hosts
}

impl<'a> Tcp<'a, '_> {
    /// In the rules' order, up to the first route for every address.
    fn chains(
        &mut self,
        service: &Service,
        port: &Port,
        rules: &[&'a Candidate<'a>],
    ) -> Vec<FilterChain> {
        let mut chains = Vec::new();
        let mut subnets = Subnets::default();
        for rule in rules {
            for route in &rule.spec.tcp {
                let entries: Vec<_> = route
                    .matches
                    .iter()
                    .filter(|entry| self.applies(entry, port.number))
                    .collect();
                let all = |entry: &&L4Match| entry.destination_subnets.is_empty();
                if route.matches.is_empty() || entries.iter().any(all) {
                    chains.push(self.chain(rule, route, port, FilterChainMatch::default()));
                    return chains;
                }
                let own = entries.iter().flat_map(|entry| {
                    let at = &entry.at;
                    entry
                        .destination_subnets
                        .iter()
                        .map(move |subnet| (*subnet, at))
                });
                let mut matches = FilterChainMatch::default();
                matches.prefix_ranges = subnets.claim("", own, &mut self.notes);
                if !matches.prefix_ranges.is_empty() {
                    chains.push(self.chain(rule, route, port, matches));
                }
            }
        }
        chains.push(self.default_chain(service, port));
        chains
    }

    /// The conditions about the client and the listener, which no connection changes.
    pub(super) fn applies(&self, entry: &L4Match, port: u16) -> bool {
        let mesh = |gateway: &std::sync::Arc<str>| **gateway == *"mesh";
        (entry.gateways.is_empty() || entry.gateways.iter().any(mesh))
            && entry.port.is_none_or(|p| p == port)
            && self.client.labels.contains_all(&entry.source_labels)
            && entry
                .source_namespace
                .as_ref()
                .is_none_or(|ns| *ns == self.client.namespace)
    }

    /// Everything that no route takes goes to the service.
    pub(super) fn default_chain(&self, service: &Service, port: &Port) -> FilterChain {
        let cluster = cluster_name(port.number, "", &service.host);
        let mut proxy = TcpProxy::to_cluster(cluster);
        self.limit(&mut proxy, &service.host);
        proxy.origin = service.origin.clone();
        named("default", FilterChainMatch::default(), proxy)
    }

    /// One route's.
    pub(super) fn chain(
        &mut self,
        rule: &'a Candidate<'a>,
        route: &'a L4Route,
        port: &Port,
        matches: FilterChainMatch,
    ) -> FilterChain {
        self.applied.insert(&route.at);
        let entries = route.destinations.iter();
        let alone = route.destinations.len() == 1;
        let entries: Vec<_> = entries
            .filter(|to| alone || to.weight > 0)
            .map(|to| {
                // The only destination takes all, whatever its weight.
                let weight = if alone { 1 } else { to.weight };
                let cluster = self.routes.cluster(&to.to, port.number);
                let mut entry = TcpClusterWeight::new(cluster, weight);
                entry.origin = to.at.origin();
                entry
            })
            .collect();
        // The reader has refused weights that cannot be drawn from.
        let clusters = TcpClusters::try_weighted(entries).unwrap_or_else(|_| TcpClusters::one(""));
        let mut proxy = TcpProxy::new(clusters);
        proxy.origin = route.at.origin();
        if let Some(first) = route.destinations.first() {
            let to = &first.to;
            let host = host::resolve(&to.host, &to.namespace, &self.client.domain);
            self.limit(&mut proxy, &host);
        }
        named(&rule.meta.name, matches, proxy)
    }

    /// istiod takes these two from the host's own traffic policy, not from a port's or subset's.
    fn limit(&self, proxy: &mut TcpProxy, host: &str) {
        let Some(pool) = self.routes.host_pool(host) else {
            return;
        };
        if let Some(timeout) = pool.tcp_idle_timeout {
            proxy.idle_timeout = Some(timeout);
        }
        proxy.max_connection_duration = pool.max_connection_duration;
    }
}

fn named(name: &str, matches: FilterChainMatch, proxy: TcpProxy) -> FilterChain {
    FilterChain {
        name: name.into(),
        matches,
        filter: NetworkFilter::Tcp(proxy),
    }
}

/// Which subnets of a listener are taken: two chains for the same ones would be no choice, and Envoy
/// rejects them.
#[derive(Default)]
pub(super) struct Subnets<'a>(HashMap<(Name, Option<CidrRange>), &'a At>);

impl<'a> Subnets<'a> {
    /// Those of `subnets` that no earlier route has for the same server name.
    pub(super) fn claim(
        &mut self,
        server_name: &str,
        subnets: impl Iterator<Item = (CidrRange, &'a At)>,
        notes: &mut Vec<Note>,
    ) -> Vec<CidrRange> {
        let mut claimed = Vec::new();
        for (subnet, at) in subnets {
            if self.claim_one(server_name, Some(subnet), at, notes) && !claimed.contains(&subnet) {
                claimed.push(subnet);
            }
        }
        claimed
    }

    /// `None` stands for every address.
    pub(super) fn claim_one(
        &mut self,
        server_name: &str,
        subnet: Option<CidrRange>,
        at: &'a At,
        notes: &mut Vec<Note>,
    ) -> bool {
        let first = *self.0.entry((server_name.into(), subnet)).or_insert(at);
        if first == at {
            return true;
        }
        let subnet = subnet.map_or_else(String::new, |subnet| format!("subnet {subnet}"));
        let what = [server_name, &subnet].join(" ");
        let message = format!("{} belongs to the route at {first} already", what.trim());
        notes.push(at.note(NoteKind::NotApplied, message));
        false
    }
}
