//! Which `DestinationRule` a service gets: the client's namespace first, then the service's, then
//! the root; the first with any match wins whole.

use std::{cell::Cell, collections::HashSet, sync::Arc};

use mesh_core::policy::{HashPolicy, Metadata, Name};

use super::{Map, scope::Scope, wildcards::Wildcards};
use crate::file::{
    host,
    kinds::{
        Blocks, ConnectionPoolSettings, DestinationRule, Document, ExportTo, Meta, Resource,
        Subset, TrafficPolicy,
    },
    problem::{At, Note, NoteKind},
};

/// All rules, by namespace and host.
#[derive(Debug)]
pub(super) struct DestinationRules<'a> {
    scope: &'a Scope<'a>,
    namespaces: Map<&'a str, Namespace<'a>>,
}

#[derive(Debug, Default)]
struct Namespace<'a> {
    /// By host; several of one host differ in `exportTo` or in the clients they select.
    rules: Map<Name, Vec<Merged<'a>>>,
    wildcards: Wildcards,
}

/// The rules of one namespace for one host.
#[derive(Clone, Debug)]
pub(super) struct Merged<'a> {
    host: Name,
    namespace: &'a str,
    export_to: &'a ExportTo,
    selector: Option<&'a Metadata>,
    /// Of the rules merged, the oldest first.
    at: Vec<&'a At>,
    policy: Option<&'a TrafficPolicy>,
    subsets: Vec<&'a Subset>,
    by_name: Map<&'a str, &'a Subset>,
    /// A service of this client got it.
    used: Cell<bool>,
}

impl<'a> DestinationRules<'a> {
    pub(super) fn new(
        documents: &'a [Arc<Document>],
        scope: &'a Scope<'a>,
        notes: &mut Vec<Note>,
    ) -> Self {
        let mut documents: Vec<(&Meta, &DestinationRule)> = documents
            .iter()
            .filter_map(|d| match &d.resource {
                Resource::DestinationRule(rule) => Some((&d.meta, rule)),
                _ => None,
            })
            .collect();
        documents.sort_by_key(|(meta, rule)| (rule.selector.is_none(), &meta.created, &meta.name));
        let mut namespaces: Map<&str, Namespace<'a>> = Map::default();
        for (meta, rule) in documents {
            let host = host::resolve(&rule.host, &meta.namespace, &scope.domain);
            let namespace = namespaces.entry(&meta.namespace).or_default();
            if host::is_wildcard(&host) {
                namespace.wildcards.insert(host.clone());
            }
            let of_host = namespace.rules.entry(host.clone()).or_default();
            add(of_host, host, meta, rule, notes);
        }
        Self { scope, namespaces }
    }

    /// The rule for a service of `namespace`. There is no inheritance: a `*.local` rule of the
    /// client's namespace hides the service owner's exact rule, and a rule for other workloads of
    /// the client's namespace hides it as well.
    pub(super) fn of(&self, service: &str, namespace: Option<&str>) -> Option<&Merged<'a>> {
        let own = &*self.scope.namespace;
        let root = &*self.scope.mesh.root_namespace;
        // Of the root namespace's rules, a client there prefers those that stay in it.
        let steps = [
            (Some(own), own == root),
            (namespace, false),
            (Some(root), false),
        ];
        let found = steps
            .into_iter()
            .find_map(|(ns, private)| self.in_namespace(ns?, service, private))?;
        let of_this_client = |m: &&Merged<'a>| {
            let labels = &self.scope.labels;
            m.namespace == own && m.selector.is_some_and(|s| labels.contains_all(s))
        };
        // Istio takes the last of several without a selector.
        let chosen = found
            .iter()
            .copied()
            .find(of_this_client)
            .or_else(|| found.iter().copied().rfind(|m| m.selector.is_none()))?;
        chosen.used.set(true);
        Some(chosen)
    }

    /// The rules for the most specific host that any visible one has.
    fn in_namespace(
        &self,
        name: &str,
        service: &str,
        private_only: bool,
    ) -> Option<Vec<&Merged<'a>>> {
        let namespace = self.namespaces.get(name)?;
        let client = &*self.scope.namespace;
        let visible = |host: &str| {
            let rules = namespace.rules.get(host)?.iter();
            let seen: Vec<&Merged<'a>> = rules
                .filter(|m| self.is_visible(m, client))
                .filter(|m| {
                    !private_only || m.is_private(&self.scope.mesh.destination_rule_export_to)
                })
                .collect();
            (!seen.is_empty()).then_some(seen)
        };
        visible(service).or_else(|| {
            let mut wildcards = namespace.wildcards.covering(service);
            wildcards.find_map(|wildcard| visible(wildcard))
        })
    }

    fn is_visible(&self, rule: &Merged<'_>, client: &str) -> bool {
        // A namespace sees its own rules, whatever the mesh's default.
        let own = rule.export_to.is_empty() && rule.namespace == client;
        let mesh = &self.scope.mesh.destination_rule_export_to;
        own || self
            .scope
            .visible(rule.export_to, mesh, rule.namespace)
            .is_some()
    }

    /// A rule that no service got is most often a misspelt host.
    pub(super) fn report_unused(&self, notes: &mut Vec<Note>) {
        let all = || {
            self.namespaces
                .values()
                .flat_map(|n| n.rules.values().flatten())
        };
        let used = all().filter(|merged| merged.used.get());
        // A rule may be part of several.
        let used: HashSet<&At> = used.flat_map(|merged| &merged.at).copied().collect();
        for merged in all() {
            for at in &merged.at {
                if !used.contains(*at) {
                    let elsewhere = merged
                        .selector
                        .is_some_and(|selector| !self.scope.labels.contains_all(selector));
                    if elsewhere {
                        let message = "selects other workloads";
                        notes.push(at.note(NoteKind::NotApplied, message));
                        continue;
                    }
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

/// As istiod's `mergeDestinationRule`: rules of one host join when the same namespaces see them and
/// they select the same clients. A rule for all clients completes those for some of them as well.
fn add<'a>(
    of_host: &mut Vec<Merged<'a>>,
    host: Name,
    meta: &'a Meta,
    rule: &'a DestinationRule,
    notes: &mut Vec<Note>,
) {
    let mut joined = false;
    for merged in of_host.iter_mut() {
        let same = merged.selector == rule.selector.as_ref();
        if merged.export_to == &rule.export_to && (same || rule.selector.is_none()) {
            merged.merge(meta, rule, notes);
            joined |= same;
        }
    }
    if !joined {
        of_host.push(Merged {
            host,
            namespace: &meta.namespace,
            export_to: &rule.export_to,
            selector: rule.selector.as_ref(),
            at: vec![&meta.at],
            policy: rule.policy.as_deref(),
            subsets: rule.subsets.iter().map(|s| &**s).collect(),
            by_name: rule.subsets.iter().map(|s| (&*s.name, &**s)).collect(),
            used: Cell::new(false),
        });
    }
}

impl<'a> Merged<'a> {
    /// Subsets are united, the first of a name staying; the first traffic policy stays whole.
    fn merge(&mut self, meta: &'a Meta, rule: &'a DestinationRule, notes: &mut Vec<Note>) {
        for subset in &rule.subsets {
            match self.by_name.get(&*subset.name) {
                Some(first) => {
                    let message = format!(
                        "subset `{}` is defined at {} already",
                        subset.name, first.at
                    );
                    notes.push(subset.at.note(NoteKind::NotApplied, message));
                }
                None => {
                    self.subsets.push(subset);
                    self.by_name.insert(&subset.name, subset);
                }
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

    fn is_private(&self, mesh: &ExportTo) -> bool {
        let export_to = self.export_to.or(mesh);
        // Seen by its own namespace and by no other: one with a name nobody can have.
        export_to.visibility(self.namespace, "").is_none()
    }

    pub(super) fn at(&self) -> &At {
        self.at[0]
    }

    /// The connection pool of the host's own policy, whatever its ports and subsets say.
    pub(super) fn host_pool(&self) -> Option<&'a ConnectionPoolSettings> {
        self.policy?.blocks.connection_pool.as_ref()
    }

    /// Where ports and subsets limit TCP streams: istiod does not look there.
    pub(super) fn unread_stream_limits(&self) -> impl Iterator<Item = &'a At> {
        let subsets = self.subsets.iter().filter_map(|s| s.policy.as_ref());
        let of_subsets = subsets.clone().map(|p| &p.blocks);
        let ports = self
            .policy
            .into_iter()
            .chain(subsets)
            .flat_map(|p| &p.ports);
        let of_ports = ports.map(|(_, blocks)| blocks);
        let pools = of_ports
            .chain(of_subsets)
            .filter_map(|b| b.connection_pool.as_ref());
        pools.filter_map(|pool| pool.stream_limits_at.as_ref())
    }

    pub(super) fn subsets(&self) -> &[&'a Subset] {
        &self.subsets
    }

    pub(super) fn subset(&self, name: &str) -> Option<&'a Subset> {
        self.by_name.get(name).copied()
    }

    /// What routes to this destination hash, as istiod's `hashForHTTPDestination` chooses it. A port's
    /// counts only where the destination names the port, and one that hashes nothing hides no other:
    /// none of this need be of the balancer that [`policy`](Self::policy) finds.
    pub(super) fn hash_policy(
        &self,
        port: Option<u16>,
        subset: Option<&str>,
    ) -> Option<HashPolicy> {
        let subset = subset.and_then(|name| self.subset(name));
        let of_subset = subset.and_then(|s| s.policy.as_ref());
        let policies = of_subset.into_iter().chain(self.policy);
        let mut hashes = policies.flat_map(|policy| {
            let of_port = policy
                .ports
                .iter()
                .find(|(number, _)| Some(*number) == port);
            let blocks = of_port.map(|(_, blocks)| blocks).into_iter();
            blocks
                .chain([&policy.blocks])
                .filter_map(|blocks| blocks.load_balancer.as_ref()?.hash.clone())
        });
        hashes.next()
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
