//! Documents into policy: pure, and the same for the same input.
//!
//! Follows istiod's sidecar generator: what the client sees ([`scope`]), services from
//! `ServiceEntry`s, Kubernetes' `Service`s and the registry ([`services`]), the Gateway API's routes
//! ([`gateway`]), one rule per host ([`virtual_services`], with [`delegates`]), virtual hosts per port
//! ([`virtual_hosts`]), routes ([`routes`]), the destination rule of each service
//! ([`destination_rules`]), listeners for connections whose bytes are not looked into ([`tcp`],
//! [`tls`]), and a cluster per service port and subset ([`clusters`]).

mod clusters;
mod delegates;
mod destination_rules;
mod endpoints;
mod gateway;
mod locality;
mod named;
mod routes;
mod scope;
mod service;
mod services;
mod tcp;
mod tls;
mod virtual_hosts;
mod virtual_services;
mod wildcards;
mod workloads;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use foldhash::fast::FixedState;

use mesh_core::{
    Config, RouteStatus,
    policy::{Listener, Locality, Metadata, RouteConfiguration},
};

pub(crate) use self::endpoints::EndpointGroup;
use self::{
    destination_rules::DestinationRules, gateway::GatewayRoutes, routes::Routes, scope::Scope,
    services::Services, virtual_services::VirtualServices,
};
use super::{
    kinds::Document,
    problem::{Note, Problem},
};
use crate::registry;

/// By names out of files that their owner trusts: a fast hash is enough.
type Map<K, V> = HashMap<K, V, FixedState>;
type Set<K> = HashSet<K, FixedState>;

/// Whose view of the mesh is translated: that of a workload in `namespace` with `labels`.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) namespace: Arc<str>,
    pub(crate) labels: Metadata,
    /// The cluster's DNS domain.
    pub(crate) domain: Arc<str>,
    /// Where it runs.
    pub(crate) locality: Locality,
}

/// What the documents mean.
#[derive(Debug)]
pub(crate) struct Translated {
    pub(crate) config: Config,
    pub(crate) notes: Vec<Note>,
    /// What became of each Gateway API route.
    pub(crate) routes: Vec<RouteStatus>,
    /// The registrations that were translated.
    pub(crate) registered: Arc<registry::Services>,
    /// How to make the assignments again when only they change.
    pub(crate) groups: Vec<EndpointGroup>,
}

/// Translates all documents at once.
///
/// # Errors
/// When documents contradict each other or themselves in a way that no rule decides.
pub(crate) fn translate(
    documents: &[Arc<Document>],
    client: &Client,
    registered: Arc<registry::Services>,
) -> Result<Translated, Vec<Problem>> {
    let mut problems = duplicates(documents);
    let mut notes = Vec::new();
    let scope = Scope::new(documents, client, &mut notes, &mut problems);
    let kubernetes = gateway::service_entries(documents, client, &mut notes);
    let rules = VirtualServices::new(documents, &scope, &mut notes, &mut problems);
    let services = Services::new(
        documents,
        &kubernetes,
        &scope,
        &rules,
        &registered,
        &mut notes,
    );
    if !problems.is_empty() {
        return Err(problems);
    }
    let destination_rules = DestinationRules::new(documents, &scope, &mut notes);
    let routes = Routes::new(&scope, &services, &destination_rules);
    let gateway = GatewayRoutes::new(documents, &scope, &services, &destination_rules, &mut notes);

    let mut ports: BTreeSet<u16> = services.http_ports().collect();
    if !rules.candidates.is_empty() {
        ports.insert(80);
    }
    let mut config = Config::default();
    for port in ports {
        let virtual_hosts = virtual_hosts::on_port(
            port, &scope, &services, &gateway, &rules, &routes, &mut notes,
        );
        if virtual_hosts.is_empty() {
            continue;
        }
        let name = port.to_string();
        let listener = Listener::outbound(Some(port), name.as_str());
        config.listeners.push(listener);
        let configuration = RouteConfiguration::new(name, virtual_hosts);
        config.routes.push(Arc::new(configuration));
    }
    rules.report_losers(&mut notes);
    // The ports that nothing is known on.
    if let Some(block_all) = virtual_hosts::block_all(&scope) {
        let name = "block_all";
        config.listeners.push(Listener::outbound(None, name));
        let configuration = RouteConfiguration::new(name, vec![block_all]);
        config.routes.push(Arc::new(configuration));
    }
    let connections = tcp::listeners(&scope, &services, &rules, &routes, &mut notes);
    config.listeners.extend(connections);
    let (implied, route_notes) = routes.finish();
    notes.extend(route_notes);

    let groups = clusters::build(
        &scope,
        &services,
        &implied,
        &destination_rules,
        &registered,
        &mut config,
        &mut notes,
    );
    destination_rules.report_unused(&mut notes);
    // A rule is translated for each port, and says the same of each.
    notes.sort();
    notes.dedup_by(|next, first| {
        let place = |note: &Note| (note.origin.clone(), note.kind);
        let same = place(next) == place(first)
            && next.field == first.field
            && next.message == first.message;
        if same {
            first.missing_clusters.append(&mut next.missing_clusters);
        }
        same
    });
    Ok(Translated {
        config,
        notes,
        routes: gateway.statuses,
        registered,
        groups,
    })
}

/// One resource must not be given twice: which of them was meant?
fn duplicates(documents: &[Arc<Document>]) -> Vec<Problem> {
    let mut seen = Map::default();
    let mut problems = Vec::new();
    for document in documents {
        let meta = &document.meta;
        let key = (meta.kind, &meta.namespace, &meta.name);
        if let Some(first) = seen.insert(key, &meta.at) {
            let message = format!(
                "{} {}/{} is given twice; the first is at {first}",
                meta.kind, meta.namespace, meta.name
            );
            problems.push(meta.at.problem("", message));
            seen.insert(key, first);
        }
    }
    problems
}
