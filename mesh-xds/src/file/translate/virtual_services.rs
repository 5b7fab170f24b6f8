//! Which `VirtualService` owns which host. Rules for one host are not merged: the first owns it.

use std::{cell::RefCell, sync::Arc};

use mesh_core::policy::Name;

use super::{Map, Set, delegates::Delegates, scope::Scope, wildcards::Wildcards};
use crate::file::{
    host,
    kinds::{Document, HttpRoute, Meta, Resource, VirtualService},
    problem::{At, Note, NoteKind, Problem},
};

/// The rules that apply to the client, the first of them first.
#[derive(Debug)]
pub(super) struct VirtualServices<'a> {
    pub(super) candidates: Vec<Candidate<'a>>,
    /// The rules about each exact host and each wildcard, the first of them first.
    about: Map<Name, Vec<usize>>,
    wildcards: Wildcards,
    /// The hosts that a rule routes on some port.
    applied: RefCell<Set<(usize, Name)>>,
}

/// A rule for the client's own traffic.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) meta: &'a Meta,
    pub(super) spec: &'a VirtualService,
    /// Its routes, delegates' in their places.
    pub(super) http: Vec<Arc<HttpRoute>>,
    /// The hosts in full.
    pub(super) hosts: Vec<(Name, At)>,
}

impl<'a> VirtualServices<'a> {
    pub(super) fn new(
        documents: &'a [Arc<Document>],
        scope: &'a Scope<'a>,
        notes: &mut Vec<Note>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let delegates = Delegates::new(documents, scope);
        let mut candidates = Vec::new();
        for document in documents {
            let Resource::VirtualService(spec) = &document.resource else {
                continue;
            };
            if spec.hosts.is_empty() {
                continue;
            }
            let meta = &document.meta;
            let not_applied = |message: String| meta.at.note(NoteKind::NotApplied, message);
            if !spec.gateways.is_empty() && !spec.gateways.iter().any(|g| **g == *"mesh") {
                notes.push(not_applied(
                    "is for gateways only (`mesh` is not listed)".into(),
                ));
                continue;
            }
            let mesh = &scope.mesh.virtual_service_export_to;
            let visibility = scope.visible(&spec.export_to, mesh, &meta.namespace);
            let Some(visibility) = visibility else {
                let message = format!("is not exported to namespace {}", scope.namespace);
                notes.push(not_applied(message));
                continue;
            };
            let hosts: Vec<(Name, At)> = spec
                .hosts
                .iter()
                .map(|(h, at)| (host::resolve(h, &meta.namespace, &scope.domain), at.clone()))
                .collect();
            check_hosts(&hosts, problems);
            if !scope.sees_rule(&meta.namespace, hosts.iter().map(|(h, _)| &**h)) {
                notes.push(not_applied(
                    "the Sidecar of this client does not list it".into(),
                ));
                continue;
            }
            let http = delegates.resolve(meta, spec, notes);
            let candidate = Candidate {
                meta,
                spec,
                http,
                hosts,
            };
            candidates.push((visibility, candidate));
        }
        delegates.report_unused(notes);
        // Private rules, then those exported by name, then public ones; the oldest of each first.
        candidates.sort_by(|(va, a), (vb, b)| {
            let key = |c: &Candidate<'a>| (&c.meta.created, &c.meta.name, &c.meta.namespace);
            va.cmp(vb).then_with(|| key(a).cmp(&key(b)))
        });
        let candidates: Vec<Candidate<'a>> = candidates.into_iter().map(|(_, c)| c).collect();
        let mut about: Map<Name, Vec<usize>> = Map::default();
        for (index, candidate) in candidates.iter().enumerate() {
            for (host, _) in &candidate.hosts {
                about.entry(host.clone()).or_default().push(index);
            }
        }
        let wildcards = about.keys().filter(|h| host::is_wildcard(h));
        let wildcards = wildcards.cloned().collect();
        Self {
            candidates,
            about,
            wildcards,
            applied: RefCell::default(),
        }
    }

    /// The rules that may route a service, of which the first with routes for the port does: those with
    /// that host, else the first with the most specific wildcard. A rule for connections alone counts.
    pub(super) fn of_service(&self, service: &str) -> &[usize] {
        if let Some(exact) = self.about.get(service) {
            return exact;
        }
        let wildcard = self.wildcards.covering(service).next();
        let first = wildcard.and_then(|wildcard| self.about.get(wildcard)?.get(..1));
        first.unwrap_or_default()
    }

    /// Takes note that the rule at `index` routes a host that it names so.
    pub(super) fn applies(&self, index: usize, host: &Name) {
        self.applied.borrow_mut().insert((index, host.clone()));
    }

    /// Notes the hosts that other rules route in the rules' place.
    pub(super) fn report_losers(&self, notes: &mut Vec<Note>) {
        let applied = self.applied.borrow();
        for (host, rules) in &self.about {
            let routes = |index: &&usize| applied.contains(&(**index, host.clone()));
            let Some(winner) = rules.iter().find(routes) else {
                continue;
            };
            let winner = self.candidates[*winner].meta;
            // A rule for connections only has nothing to say of requests.
            let losers = rules.iter().filter(|index| !routes(index));
            let losers = losers.map(|index| &self.candidates[*index]);
            for candidate in losers.filter(|c| !c.spec.http.is_empty()) {
                let at = candidate.hosts.iter().find(|(name, _)| name == host);
                let message = format!(
                    "`{host}` belongs to VirtualService {}/{} at {}; rules for one host are not \
                     merged",
                    winner.namespace, winner.name, winner.at
                );
                notes.extend(at.map(|(_, at)| at.note(NoteKind::NotApplied, message)));
            }
        }
    }
}

/// Istio's validation: `*` is no host of a rule for the mesh, and a rule's hosts do not overlap.
fn check_hosts(hosts: &[(Name, At)], problems: &mut Vec<Problem>) {
    for (_, at) in hosts.iter().filter(|(host, _)| &**host == "*") {
        problems.push(at.problem("spec.hosts", "`*` is only allowed on gateways"));
    }
    if hosts.len() == 1 {
        return;
    }
    let mut exact: Map<&str, &At> = Map::default();
    for (host, at) in hosts {
        if &**host == "*" {
            continue;
        }
        if let Some(first) = exact.insert(host, at) {
            let message = format!("`{host}` is given twice, first on line {}", first.line);
            problems.push(at.problem("spec.hosts", message));
        }
    }
    let wildcards: Wildcards = hosts
        .iter()
        .filter(|(h, _)| h.starts_with("*."))
        .map(|(h, _)| h.clone())
        .collect();
    for (host, at) in hosts {
        let mut covering = wildcards.covering(host);
        if let Some(wildcard) = covering.find(|wildcard| *wildcard != host) {
            let message = format!("`{host}` overlaps with `{wildcard}` of the same rule");
            problems.push(at.problem("spec.hosts", message));
        }
    }
}
