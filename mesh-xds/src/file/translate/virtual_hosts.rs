//! The virtual hosts of one port, as istiod's `BuildSidecarOutboundVirtualHosts`.

use std::{collections::BTreeMap, iter::repeat_n, net::IpAddr};

use http::StatusCode;
use mesh_core::policy::{
    DirectResponse, Name, Origin, Route, RouteAction, RouteMatch, VirtualHost,
};

use super::{
    Client, Set,
    gateway::GatewayRoutes,
    routes::Routes,
    scope::Scope,
    services::{Service, Services},
    virtual_services::{Candidate, VirtualServices},
};
use crate::file::{
    host,
    kinds::OutboundMode,
    problem::{At, Note, NoteKind},
};

/// All virtual hosts of `port`: services with Gateway API routes, those of rules in the rules' order,
/// then the unclaimed services.
pub(super) fn on_port(
    port: u16,
    scope: &Scope<'_>,
    services: &Services,
    gateway: &GatewayRoutes<'_>,
    rules: &VirtualServices<'_>,
    routes: &Routes<'_>,
    notes: &mut Vec<Note>,
) -> Vec<VirtualHost> {
    let mut hosts = Hosts {
        port,
        scope,
        services,
        taken: Set::default(),
        virtual_hosts: Vec::new(),
    };
    let mut matched: BTreeMap<usize, Vec<&Service>> = BTreeMap::new();
    let mut unclaimed: BTreeMap<&Name, &Service> = BTreeMap::new();
    for service in services.on_port(port) {
        let of_service = rules.of_service(&service.host);
        if let Some(routes) = gateway.of(service, port, notes) {
            if let Some(first) = of_service.first() {
                let message = format!(
                    "`{}` has routes of the Gateway API on port {port}: they take the place of this \
                     rule",
                    service.host
                );
                let (_, at) = rules.candidates[*first].naming(&service.host);
                notes.push(at.note(NoteKind::NotApplied, message));
            }
            let origin = service.origin.clone();
            hosts.add(&service.host, &service.addresses, routes, origin);
            continue;
        }
        unclaimed.insert(&service.host, service);
        for rule in of_service {
            matched.entry(*rule).or_default().push(service);
        }
    }
    // On other ports than 80 a rule counts only when it is about a service of that port.
    if port == 80 {
        for index in 0..rules.candidates.len() {
            matched.entry(index).or_default();
        }
    }
    for (index, matched) in matched {
        let rule = &rules.candidates[index];
        let translated = routes.of(rule, port);
        // A rule whose routes are all for other ports or clients leaves its hosts to others.
        if translated.is_empty() {
            continue;
        }
        for service in matched {
            if unclaimed.remove(&service.host).is_some() {
                let (name, at) = rule.naming(&service.host);
                rules.applies(index, name);
                let routes = translated.clone();
                hosts.add(&service.host, &service.addresses, routes, at.origin());
            }
        }
        let unknown = |(name, _): &&(Name, At)| !services.any_on_port(port, name);
        let unknown: Vec<&(Name, At)> = rule.hosts.iter().filter(unknown).collect();
        // The last takes the routes themselves, not a copy.
        let routes = repeat_n(translated, unknown.len());
        for ((name, at), routes) in unknown.into_iter().zip(routes) {
            if hosts.add(name, &[], routes, at.origin()) {
                rules.applies(index, name);
            }
        }
    }
    for service in unclaimed.into_values() {
        let routes = vec![routes.default_route(service, port)];
        let origin = service.origin.clone();
        hosts.add(&service.host, &service.addresses, routes, origin);
    }
    hosts.virtual_hosts.extend(block_all(scope));
    hosts.virtual_hosts
}

/// Answers what no other virtual host takes, when only known services may be called.
pub(super) fn block_all(scope: &Scope<'_>) -> Option<VirtualHost> {
    let OutboundMode::RegistryOnly = scope.outbound()?;
    let response = DirectResponse {
        status: StatusCode::BAD_GATEWAY,
        body: "".into(),
    };
    let mut route = Route::new(RouteMatch::any(), RouteAction::DirectResponse(response));
    route.name = "block_all".into();
    let mut host = VirtualHost::new(["*"], vec![route]);
    host.name = "block_all".into();
    host.include_request_attempt_count = true;
    Some(host)
}

impl Candidate<'_> {
    /// How, and where, the rule names the service.
    fn naming(&self, service: &Name) -> (&Name, &At) {
        let exact = self.hosts.iter().find(|(h, _)| **h == **service);
        let covering = || self.hosts.iter().find(|(h, _)| host::covers(h, service));
        let found = exact.or_else(covering);
        found.map_or((&self.hosts[0].0, &self.meta.at), |(name, at)| (name, at))
    }
}

struct Hosts<'a> {
    port: u16,
    scope: &'a Scope<'a>,
    services: &'a Services,
    taken: Set<Name>,
    virtual_hosts: Vec<VirtualHost>,
}

impl Hosts<'_> {
    /// Adds a virtual host, unless all its domains are taken: the first writer of each wins, but a
    /// service's own name is nobody else's short one.
    fn add(&mut self, host: &Name, addresses: &[IpAddr], routes: Vec<Route>, at: Origin) -> bool {
        let mut domains = domains(host, addresses, self.scope);
        domains.retain(|domain| {
            let is_anothers = domain != host && self.services.any_on_port(self.port, domain);
            !is_anothers && self.taken.insert(domain.clone())
        });
        if domains.is_empty() {
            return false;
        }
        let mut virtual_host = VirtualHost::new(domains, routes);
        virtual_host.name = [&**host, ":", &self.port.to_string()].concat().into();
        virtual_host.origin = at;
        // istiod's default, which only a `proxyHeaders` of the mesh's configuration changes.
        virtual_host.include_request_attempt_count = true;
        self.virtual_hosts.push(virtual_host);
        true
    }
}

/// The names, and addresses, a request may use for a host.
fn domains(host: &Name, addresses: &[IpAddr], client: &Client) -> Vec<Name> {
    let mut domains = match host.parse() {
        Ok(ip) => vec![in_a_url(ip)],
        Err(_) => names(host, client),
    };
    domains.extend(addresses.iter().map(|ip| in_a_url(*ip)));
    domains
}

/// The names that stand for a host, its own first. A Kubernetes name has short forms, also when no service
/// of that name is known: a rule for it says that there is one.
pub(super) fn names(host: &Name, client: &Client) -> Vec<Name> {
    let mut domains = vec![host.clone()];
    if !host::is_wildcard(host) {
        domains.push([&**host, "."].concat().into());
    }
    if let Some((name, namespace)) = host::kubernetes(host, &client.domain) {
        if *namespace == *client.namespace {
            domains.push(name.into());
        }
        domains.push([name, ".", namespace].concat().into());
        domains.push([name, ".", namespace, ".svc"].concat().into());
    }
    domains
}

fn in_a_url(ip: IpAddr) -> Name {
    match ip {
        IpAddr::V4(ip) => ip.to_string().into(),
        IpAddr::V6(ip) => format!("[{ip}]").into(),
    }
}
