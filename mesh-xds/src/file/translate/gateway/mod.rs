//! The Gateway API's routes for a mesh (GAMMA, GEP-1294).
//!
//! Not istiod's way of making VirtualServices of them, but the API's own rules: which routes apply
//! to a Service is decided here, what they mean in [`routes`], where they lead in [`references`].
//!
//! A route in the Service's own namespace is a *producer* route and applies to every client. One in
//! another namespace is a *consumer* route: it applies to clients of its own namespace, and there
//! takes the place of all producer routes. Routes of one sort are merged, match by match.

mod headers;
mod kubernetes;
mod paths;
mod references;
mod routes;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use mesh_core::{
    Condition, ConditionType, ParentStatus, Reason, RouteStatus,
    policy::{Name, Route},
};

pub(super) use self::kubernetes::service_entries;
use self::references::{References, Unresolved};
use super::{
    destination_rules::DestinationRules,
    scope::Scope,
    services::{Port, Service, Services},
};
use crate::file::{
    kinds::{
        Document, GatewayRoute, Meta, Resource,
        gateway::{ParentRef, RouteKind, Rule},
    },
    problem::{Note, NoteKind},
};

/// A route's document.
#[derive(Clone, Copy, Debug)]
struct RouteDocument<'a> {
    meta: &'a Meta,
    route: &'a GatewayRoute,
}

/// All routes that the client sees, by the service port they are attached to.
#[derive(Debug)]
pub(super) struct GatewayRoutes<'a> {
    references: References<'a>,
    attached: HashMap<(Name, u16), Vec<RouteDocument<'a>>>,
    pub(super) statuses: Vec<RouteStatus>,
}

/// What is attached, by service port.
type Groups<'a> = BTreeMap<(Name, u16), Group<'a>>;

/// What is attached to one service port.
#[derive(Debug)]
struct Group<'a> {
    /// The Service's namespace.
    producer: &'a str,
    by_namespace: BTreeMap<&'a str, Vec<RouteDocument<'a>>>,
}

impl<'a> GatewayRoutes<'a> {
    pub(super) fn new(
        documents: &'a [Arc<Document>],
        scope: &'a Scope<'a>,
        services: &'a Services,
        destination_rules: &'a DestinationRules<'a>,
        notes: &mut Vec<Note>,
    ) -> Self {
        let references = References::new(documents, scope, services, destination_rules);
        let mut routes: Vec<RouteDocument<'a>> = documents
            .iter()
            .filter_map(|d| match &d.resource {
                Resource::GatewayRoute(route) => Some(RouteDocument {
                    meta: &d.meta,
                    route,
                }),
                _ => None,
            })
            .collect();
        routes.sort_by_key(|r| (&r.meta.namespace, &r.meta.name, r.route.kind));
        let mut groups = Groups::new();
        for route in &routes {
            route.attach(&references, &mut groups, notes);
        }
        for group in groups.values_mut() {
            // Of two kinds on one port the more specific is applied alone.
            for routes in group.by_namespace.values_mut() {
                if routes.iter().any(|r| r.route.kind == RouteKind::Grpc) {
                    routes.retain(|r| r.route.kind == RouteKind::Grpc);
                }
            }
        }
        let statuses = routes
            .iter()
            .map(|route| route.status(&references, &groups, notes))
            .collect();
        Self {
            attached: seen_by(scope, groups, notes),
            references,
            statuses,
        }
    }

    /// The routes of a service port, in order; `None`: nothing is attached to it.
    pub(super) fn of(
        &self,
        service: &Service,
        port: u16,
        notes: &mut Vec<Note>,
    ) -> Option<Vec<Route>> {
        let attached = self.attached.get(&(service.host.clone(), port))?;
        Some(routes::build(attached, port, &self.references, notes))
    }
}

/// What of the groups applies to the client.
fn seen_by<'a>(
    scope: &Scope<'_>,
    groups: Groups<'a>,
    notes: &mut Vec<Note>,
) -> HashMap<(Name, u16), Vec<RouteDocument<'a>>> {
    let mut attached = HashMap::new();
    for ((host, port), group) in groups {
        let own = &*scope.namespace;
        let Group {
            producer,
            mut by_namespace,
        } = group;
        let consumed = own != producer && by_namespace.contains_key(own);
        let chosen = by_namespace.remove(if consumed { own } else { producer });
        for (namespace, routes) in by_namespace {
            let message = if namespace == producer {
                format!("clients in {own} have routes of their own for `{host}`, port {port}")
            } else {
                format!("is a consumer route: it is for clients in {namespace} alone")
            };
            for route in routes {
                notes.push(route.meta.at.note(NoteKind::NotApplied, message.clone()));
            }
        }
        if let Some(chosen) = chosen {
            attached.insert((host, port), chosen);
        }
    }
    attached
}

impl<'a> RouteDocument<'a> {
    fn host(&self, parent: &ParentRef, scope: &Scope<'_>) -> Name {
        let namespace = parent.namespace.as_ref().unwrap_or(&self.meta.namespace);
        let name = parent.name.to_ascii_lowercase();
        format!("{name}.{namespace}.svc.{}", scope.domain).into()
    }

    /// Puts the route where its parents are.
    fn attach(&self, references: &References<'a>, groups: &mut Groups<'a>, notes: &mut Vec<Note>) {
        for parent in &self.route.parents {
            let note = |message| parent.at.note(NoteKind::NotApplied, message);
            if !parent.is_service() {
                let message = format!(
                    "a {} is no parent in a mesh: a Service (group \"\") is",
                    parent.kind
                );
                notes.push(note(message));
                continue;
            }
            let host = self.host(parent, references.scope);
            match ports(parent, references.services.get(&host)) {
                Err(message) => notes.push(note(message)),
                // None of its rules is left.
                Ok(_)
                    if self.invalid().count() == self.route.rules.len()
                        && !self.route.rules.is_empty() => {}
                Ok(ports) => {
                    for port in ports {
                        let group = groups.entry((host.clone(), port));
                        let group = group.or_insert_with(|| Group {
                            producer: parent.namespace.as_ref().unwrap_or(&self.meta.namespace),
                            by_namespace: BTreeMap::new(),
                        });
                        let routes = group.by_namespace.entry(&self.meta.namespace).or_default();
                        // Two references may mean one port.
                        if routes
                            .last()
                            .is_none_or(|r| !std::ptr::eq(r.meta, self.meta))
                        {
                            routes.push(*self);
                        }
                    }
                }
            }
        }
        if self.route.parents.is_empty() {
            let message = "has no parentRefs: it is attached to nothing";
            notes.push(self.meta.at.note(NoteKind::NotApplied, message));
        }
    }

    /// The rules that are dropped, and why.
    fn invalid(&self) -> impl Iterator<Item = (&'a Rule, String)> {
        let rules = self.route.rules.iter();
        rules.filter_map(|rule| Some((rule, routes::incompatible(rule)?)))
    }

    fn status(
        &self,
        references: &References<'a>,
        groups: &Groups<'a>,
        notes: &mut Vec<Note>,
    ) -> RouteStatus {
        let mut dropped = Vec::new();
        for (rule, why) in self.invalid() {
            dropped.push(format!("line {}: {why}", rule.at.line));
            let message = format!("is dropped: {why}");
            notes.push(rule.at.note(NoteKind::Warning, message));
        }
        let resolved = self.resolved_refs(references, notes);
        let mut parents = Vec::new();
        for parent in self.route.parents.iter().filter(|p| p.is_service()) {
            let accepted = self.accepted(parent, references, groups, &dropped, notes);
            let is_accepted = accepted.status;
            let mut conditions = vec![accepted, resolved.clone()];
            if is_accepted && !dropped.is_empty() {
                conditions.push(Condition {
                    kind: ConditionType::PartiallyInvalid,
                    status: true,
                    reason: Reason::UnsupportedValue,
                    message: format!("Dropped Rule(s): {}", dropped.join("; ")),
                });
            }
            parents.push(ParentStatus {
                namespace: parent
                    .namespace
                    .clone()
                    .unwrap_or_else(|| self.meta.namespace.clone()),
                name: parent.name.clone(),
                section_name: parent.section.clone(),
                port: parent.port,
                conditions,
            });
        }
        RouteStatus {
            kind: self.route.kind.as_str(),
            namespace: self.meta.namespace.clone(),
            name: self.meta.name.clone(),
            origin: self.meta.at.origin(),
            parents,
        }
    }

    fn accepted(
        &self,
        parent: &ParentRef,
        references: &References<'a>,
        groups: &Groups<'a>,
        dropped: &[String],
        notes: &mut Vec<Note>,
    ) -> Condition {
        let condition = |reason, message| Condition {
            kind: ConditionType::Accepted,
            status: reason == Reason::Accepted,
            reason,
            message,
        };
        let host = self.host(parent, references.scope);
        let ports = match ports(parent, references.services.get(&host)) {
            Ok(ports) => ports,
            Err(message) => return condition(Reason::NoMatchingParent, message),
        };
        if dropped.len() == self.route.rules.len() && !dropped.is_empty() {
            return condition(Reason::IncompatibleFilters, dropped.join("; "));
        }
        // Only those of one kind are left on a port.
        let is_there = |port: &u16| {
            let group = groups.get(&(host.clone(), *port));
            let routes = group.and_then(|g| g.by_namespace.get(&*self.meta.namespace));
            routes.is_some_and(|r| r.first().is_some_and(|r| r.route.kind == self.route.kind))
        };
        let (there, conflicts): (Vec<u16>, Vec<u16>) = ports.into_iter().partition(is_there);
        let conflict = conflicts.first().map(|port| {
            format!(
                "a GRPCRoute is attached to port {port} of `{host}`, and goes before HTTPRoutes"
            )
        });
        if let Some(message) = &conflict {
            notes.push(parent.at.note(NoteKind::NotApplied, message.clone()));
        }
        match conflict {
            Some(message) if there.is_empty() => condition(Reason::Conflicted, message),
            _ => condition(Reason::Accepted, String::new()),
        }
    }

    fn resolved_refs(&self, references: &References<'a>, notes: &mut Vec<Note>) -> Condition {
        let mut first: Option<Unresolved> = None;
        let mut check = |target, consequence: &str| {
            if let Err(unresolved) = references.resolve(self, target) {
                let message = format!("{}: {consequence}", unresolved.message);
                notes.push(target.at.note(NoteKind::Warning, message));
                first.get_or_insert(unresolved);
            }
        };
        let status = self.route.kind.invalid_backend().as_u16();
        let answered = format!("requests that fall to it are answered with {status}");
        for rule in &self.route.rules {
            let lists =
                std::iter::once(&rule.filters).chain(rule.backends.iter().map(|b| &b.filters));
            for mirror in lists.flat_map(|filters| &filters.mirrors) {
                check(&mirror.target, "nothing is mirrored to it");
            }
            for backend in &rule.backends {
                check(&backend.target, &answered);
            }
        }
        Condition {
            kind: ConditionType::ResolvedRefs,
            status: first.is_none(),
            reason: first.as_ref().map_or(Reason::ResolvedRefs, |u| u.reason),
            message: first.map_or_else(String::new, |u| u.message),
        }
    }
}

/// The service's ports that a reference means; `Err`: it means none, and why.
fn ports(parent: &ParentRef, service: Option<&Service>) -> Result<Vec<u16>, String> {
    let Some(service) = service else {
        let namespace = parent
            .namespace
            .as_deref()
            .map_or(String::new(), |n| format!("{n}/"));
        return Err(format!("there is no Service {namespace}{}", parent.name));
    };
    let meant = |p: &&Port| {
        parent.port.is_none_or(|port| p.number == port)
            && parent.section.as_ref().is_none_or(|s| p.name == *s)
    };
    let ports: Vec<&Port> = service.ports.iter().filter(meant).collect();
    let http: Vec<u16> = ports
        .iter()
        .filter(|p| p.is_http())
        .map(|p| p.number)
        .collect();
    match (http.is_empty(), ports.is_empty()) {
        (false, _) => Ok(http),
        (true, true) => Err(format!("`{}` has no such port", service.host)),
        (true, false) => Err(format!(
            "`{}` speaks nothing there that can be routed by request",
            service.host
        )),
    }
}
