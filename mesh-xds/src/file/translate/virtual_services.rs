//! Which `VirtualService` owns which host. Rules for one host are not merged: the first owns it.

use std::sync::Arc;

use mesh_core::policy::Name;

use super::{Map, delegates::Delegates, scope::Scope, wildcards::Wildcards};
use crate::file::{
    host,
    kinds::{Document, HttpRoute, Meta, Resource, VirtualService},
    problem::{At, Note, NoteKind, Problem},
};

/// The rules that apply to the client, the first of them first.
#[derive(Debug)]
pub(super) struct VirtualServices<'a> {
    pub(super) candidates: Vec<Candidate<'a>>,
    /// The owner of each exact host and of each wildcard.
    owners: Map<Name, usize>,
    wildcards: Wildcards,
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
        let owners = owners(&candidates, notes);
        let wildcards = owners.keys().filter(|h| host::is_wildcard(h));
        let wildcards = wildcards.cloned().collect();
        Self {
            candidates,
            owners,
            wildcards,
        }
    }

    /// The rule that owns a service: the one with that host, else with the most specific wildcard.
    pub(super) fn owner_of(&self, service: &str) -> Option<usize> {
        if let Some(owner) = self.owners.get(service) {
            return Some(*owner);
        }
        let wildcard = self.wildcards.covering(service).next()?;
        self.owners.get(wildcard).copied()
    }

    /// Whether the rule at `index` is the one that owns its host `host`.
    pub(super) fn owns(&self, index: usize, host: &str) -> bool {
        self.owners.get(host) == Some(&index)
    }
}

fn owners(candidates: &[Candidate<'_>], notes: &mut Vec<Note>) -> Map<Name, usize> {
    let mut owners: Map<Name, usize> = Map::default();
    // A rule for connections only has nothing to say of requests.
    let of_requests = |(_, c): &(usize, &Candidate<'_>)| !c.spec.http.is_empty();
    for (i, candidate) in candidates.iter().enumerate().filter(of_requests) {
        for (host, at) in &candidate.hosts {
            let owner = *owners.entry(host.clone()).or_insert(i);
            if owner != i {
                let winner = candidates[owner].meta;
                let message = format!(
                    "`{host}` belongs to VirtualService {}/{} at {}; rules for one host are not \
                     merged",
                    winner.namespace, winner.name, winner.at
                );
                notes.push(at.note(NoteKind::NotApplied, message));
            }
        }
    }
    owners
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
