//! Which `DestinationRule` a service gets: the client's namespace first, then the service's, then
//! the root; the first with any match wins whole.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use mesh_core::policy::Name;

use super::Client;
use crate::file::{
    host::{self, ROOT_NAMESPACE},
    kinds::{Blocks, DestinationRule, Document, ExportTo, Meta, Resource, Subset, TrafficPolicy},
    problem::{At, Note, NoteKind},
};

/// All rules, by namespace and host.
#[derive(Debug)]
pub(super) struct DestinationRules<'a> {
    client: &'a Client,
    namespaces: HashMap<&'a str, Namespace<'a>>,
    used: RefCell<HashSet<&'a At>>,
}

#[derive(Debug, Default)]
struct Namespace<'a> {
    /// By host; several of one host differ in `exportTo`.
    rules: HashMap<Name, Vec<Merged<'a>>>,
    wildcards: Vec<Name>,
}

/// The rules of one namespace for one host.
#[derive(Debug)]
pub(super) struct Merged<'a> {
    host: Name,
    namespace: &'a str,
    export_to: &'a ExportTo,
    /// Of the rules merged, the oldest first.
    at: Vec<&'a At>,
    policy: Option<&'a TrafficPolicy>,
    subsets: Vec<&'a Subset>,
}

impl<'a> DestinationRules<'a> {
    pub(super) fn new(
        documents: &'a [Arc<Document>],
        client: &'a Client,
        notes: &mut Vec<Note>,
    ) -> Self {
        let mut documents: Vec<(&Meta, &DestinationRule)> = documents
            .iter()
            .filter_map(|d| match &d.resource {
                Resource::DestinationRule(rule) => Some((&d.meta, rule)),
                _ => None,
            })
            .collect();
        documents.sort_by_key(|(meta, _)| (&meta.created, &meta.name));
        let mut namespaces: HashMap<&str, Namespace<'a>> = HashMap::new();
        for (meta, rule) in documents {
            let host = host::resolve(&rule.host, &meta.namespace, &client.domain);
            let namespace = namespaces.entry(&meta.namespace).or_default();
            if host::is_wildcard(&host) {
                namespace.wildcards.push(host.clone());
            }
            let of_host = namespace.rules.entry(host.clone()).or_default();
            match of_host.iter_mut().find(|m| *m.export_to == rule.export_to) {
                Some(merged) => merged.merge(meta, rule, notes),
                None => of_host.push(Merged {
                    host,
                    namespace: &meta.namespace,
                    export_to: &rule.export_to,
                    at: vec![&meta.at],
                    policy: rule.policy.as_deref(),
                    subsets: rule.subsets.iter().map(|s| &**s).collect(),
                }),
            }
        }
        Self {
            client,
            namespaces,
            used: RefCell::default(),
        }
    }

    /// The rule for a service of `namespace`. There is no inheritance: a `*.local` rule of the
    /// client's namespace hides the service owner's exact rule.
    pub(super) fn of(&self, service: &str, namespace: Option<&str>) -> Option<&Merged<'a>> {
        let own = &*self.client.namespace;
        let steps = [
            Some(own).filter(|ns| *ns != ROOT_NAMESPACE),
            namespace,
            Some(ROOT_NAMESPACE),
        ];
        let found = steps
            .into_iter()
            .flatten()
            .find_map(|ns| self.in_namespace(ns, service))?;
        self.used.borrow_mut().extend(found.at.iter().copied());
        Some(found)
    }

    fn in_namespace(&self, namespace: &str, service: &str) -> Option<&Merged<'a>> {
        let namespace = self.namespaces.get(namespace)?;
        let visible = |host: &str| {
            namespace.rules.get(host)?.iter().find(|m| {
                let visibility = m.export_to.visibility(m.namespace, &self.client.namespace);
                visibility.is_some()
            })
        };
        visible(service).or_else(|| {
            let wildcards = namespace.wildcards.iter().map(|h| &**h);
            let seen = wildcards.filter(|h| visible(h).is_some());
            visible(host::most_specific(service, seen)?)
        })
    }

    /// A rule that no service got is most often a misspelt host.
    pub(super) fn report_unused(&self, notes: &mut Vec<Note>) {
        let used = self.used.borrow();
        for merged in self
            .namespaces
            .values()
            .flat_map(|n| n.rules.values().flatten())
        {
            for at in &merged.at {
                if !used.contains(at) {
                    let message = format!(
                        "no service or route that this client sees has host `{}`, or a rule of a \
                         nearer namespace covers it",
                        merged.host
                    );
                    notes.push(at.note(NoteKind::NotApplied, message));
                }
            }
        }
    }
}

impl<'a> Merged<'a> {
    /// Subsets are united, the first of a name staying; the first traffic policy stays whole.
    fn merge(&mut self, meta: &'a Meta, rule: &'a DestinationRule, notes: &mut Vec<Note>) {
        for subset in &rule.subsets {
            match self.subsets.iter().find(|s| s.name == subset.name) {
                Some(first) => {
                    let message = format!(
                        "subset `{}` is defined at {} already",
                        subset.name, first.at
                    );
                    notes.push(subset.at.note(NoteKind::NotApplied, message));
                }
                None => self.subsets.push(subset),
            }
        }
        match (self.policy, rule.policy.as_deref()) {
            (None, policy) => self.policy = policy,
            (Some(_), Some(_)) => {
                let message = format!(
                    "its trafficPolicy: an older rule for `{}` has one, at {}",
                    self.host, self.at[0]
                );
                notes.push(meta.at.note(NoteKind::NotApplied, message));
            }
            (Some(_), None) => {}
        }
        self.at.push(&meta.at);
    }

    pub(super) fn at(&self) -> &At {
        self.at[0]
    }

    pub(super) fn subsets(&self) -> &[&'a Subset] {
        &self.subsets
    }

    pub(super) fn subset(&self, name: &str) -> Option<&'a Subset> {
        self.subsets.iter().find(|s| *s.name == *name).copied()
    }

    /// The policy of a port, or of a subset on that port.
    ///
    /// A port's entry takes the place of the whole policy. A subset's policy replaces block by
    /// block, and a subset's port entry replaces all blocks, those it leaves out by the defaults.
    pub(super) fn policy(&self, port: u16, subset: Option<&Subset>) -> Blocks {
        let (base, _) = self
            .policy
            .map_or_else(Default::default, |p| at_port(p, port));
        let Some(policy) = subset.and_then(|s| s.policy.as_ref()) else {
            return base;
        };
        let (over, by_port) = at_port(policy, port);
        if by_port {
            return Blocks {
                retry_budget: base.retry_budget,
                ..over
            };
        }
        Blocks {
            load_balancer: over.load_balancer.or(base.load_balancer),
            connection_pool: over.connection_pool.or(base.connection_pool),
            outlier_detection: over.outlier_detection.or(base.outlier_detection),
            retry_budget: over.retry_budget.or(base.retry_budget),
        }
    }
}

fn at_port(policy: &TrafficPolicy, port: u16) -> (Blocks, bool) {
    match policy.ports.iter().find(|(number, _)| *number == port) {
        Some((_, blocks)) => (blocks.clone(), true),
        None => (policy.blocks.clone(), false),
    }
}
