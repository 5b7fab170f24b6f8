//! The services that rules name: what a `Sidecar` lets in with a rule, and which short names are taken.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use mesh_core::policy::Name;

use super::{scope::Scope, virtual_services::Candidate};
use crate::file::{
    host,
    kinds::{Action, Destination, Document, HttpRoute, L4Route, Resource, gateway},
};

/// The ports that rules lead to, by host; `None` stands for all of a host's.
///
/// istiod's `virtualServiceDestinationsFilteredBySourceNamespace`: a `Sidecar` that lets a rule in lets
/// in where the rule leads, too, but only as clusters.
#[derive(Debug, Default)]
pub(super) struct Destinations(BTreeMap<Name, Option<BTreeSet<u16>>>);

impl Destinations {
    /// Those of the rules that the client sees.
    pub(super) fn of(candidates: &[Candidate<'_>], scope: &Scope<'_>) -> Self {
        let mut found = Self::default();
        for rule in candidates {
            for http in rule.http.iter().filter(|http| is_for(http, scope)) {
                http_destinations(http).for_each(|to| found.add(to, scope));
            }
            let connections = rule.spec.tcp.iter().chain(&rule.spec.tls);
            l4_destinations(connections).for_each(|to| found.add(to, scope));
        }
        found
    }

    /// Adds those of the Gateway API's routes that are attached to a Service which `is_seen`.
    pub(super) fn extend_by_gateway_routes(
        &mut self,
        documents: &[Arc<Document>],
        scope: &Scope<'_>,
        is_seen: impl Fn(&str) -> bool,
    ) {
        for document in documents {
            let Resource::GatewayRoute(route) = &document.resource else {
                continue;
            };
            let own = &document.meta.namespace;
            let host = |name: &str, namespace: Option<&Arc<str>>| -> Name {
                let (name, namespace) = (name.to_ascii_lowercase(), namespace.unwrap_or(own));
                format!("{name}.{namespace}.svc.{}", scope.domain).into()
            };
            let mut parents = route.parents.iter().filter(|p| p.is_service());
            if !parents.any(|p| is_seen(&host(&p.name, p.namespace.as_ref()))) {
                continue;
            }
            let targets = route.rules.iter().flat_map(gateway::Rule::targets);
            for target in targets.filter(|target| target.is_service()) {
                self.add_port(host(&target.name, target.namespace.as_ref()), target.port);
            }
        }
    }

    /// Whether a rule leads to a port of a host.
    pub(super) fn lead_to(&self, host: &str, port: u16) -> bool {
        let ports = self.0.get(host);
        ports.is_some_and(|ports| ports.as_ref().is_none_or(|ports| ports.contains(&port)))
    }

    fn add(&mut self, to: &Destination, scope: &Scope<'_>) {
        self.add_port(
            host::resolve(&to.host, &to.namespace, &scope.domain),
            to.port,
        );
    }

    fn add_port(&mut self, host: Name, port: Option<u16>) {
        let ports = self.0.entry(host).or_insert_with(|| Some(BTreeSet::new()));
        match (ports.as_mut(), port) {
            (Some(ports), Some(port)) => {
                ports.insert(port);
            }
            (_, None) => *ports = None,
            (None, Some(_)) => {}
        }
    }
}

/// Whether the route is not for clients of other namespaces, as istiod looks at it here: one entry
/// without a namespace does not count.
fn is_for(http: &HttpRoute, scope: &Scope<'_>) -> bool {
    let namespaces = http
        .matches
        .iter()
        .filter_map(|m| m.source_namespace.as_ref());
    let mut namespaces = namespaces.peekable();
    namespaces.peek().is_none() || namespaces.any(|namespace| *namespace == scope.namespace)
}

fn http_destinations(http: &HttpRoute) -> impl Iterator<Item = &Destination> {
    let routes = match &http.action {
        Action::Forward(destinations) => &**destinations,
        _ => &[],
    };
    let mirrors = http.mirror.destinations().map(|(to, _)| to);
    routes.iter().map(|d| &d.to).chain(mirrors)
}

fn l4_destinations<'a>(
    routes: impl Iterator<Item = &'a L4Route>,
) -> impl Iterator<Item = &'a Destination> {
    routes.flat_map(|route| route.destinations.iter().map(|d| &d.to))
}

/// The hosts that rules are about or send to, in full.
pub(super) fn hosts(documents: &[Arc<Document>], scope: &Scope<'_>) -> HashSet<Name> {
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
                let http = rule.http.iter().flat_map(|http| http_destinations(http));
                let connections = l4_destinations(rule.tcp.iter().chain(&rule.tls));
                http.chain(connections).for_each(|to| name(&to.host));
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
