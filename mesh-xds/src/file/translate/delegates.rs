//! Rules without hosts, whose routes stand in other rules' places.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::scope::Scope;
use crate::file::{
    kinds::{
        Action, Delegate, Document, HttpRoute, Meta, Resource, VirtualService, merge_delegate,
    },
    problem::{At, Note, NoteKind},
};

/// All delegates, by namespace and name.
#[derive(Debug)]
pub(super) struct Delegates<'a> {
    scope: &'a Scope<'a>,
    rules: HashMap<&'a str, HashMap<&'a str, (&'a Meta, &'a VirtualService)>>,
    used: RefCell<HashSet<&'a At>>,
}

impl<'a> Delegates<'a> {
    pub(super) fn new(documents: &'a [Arc<Document>], scope: &'a Scope<'a>) -> Self {
        let mut rules: HashMap<&str, HashMap<&str, _>> = HashMap::new();
        for document in documents {
            if let Resource::VirtualService(spec) = &document.resource
                && spec.hosts.is_empty()
            {
                let meta = &document.meta;
                let of_namespace = rules.entry(&meta.namespace).or_default();
                of_namespace.insert(&*meta.name, (meta, spec));
            }
        }
        Self {
            scope,
            rules,
            used: RefCell::default(),
        }
    }

    /// The rule's routes, with those of delegates in the places that name them. One that does not
    /// exist, or is not exported to the rule's namespace, leaves its place empty.
    pub(super) fn resolve(
        &self,
        meta: &Meta,
        spec: &VirtualService,
        notes: &mut Vec<Note>,
    ) -> Vec<Arc<HttpRoute>> {
        let mut routes = Vec::with_capacity(spec.http.len());
        for http in &spec.http {
            match &http.action {
                Action::Delegate(to) => self.join(meta, http, to, &mut routes, notes),
                _ => routes.push(http.clone()),
            }
        }
        routes
    }

    fn join(
        &self,
        root: &Meta,
        http: &HttpRoute,
        to: &Delegate,
        routes: &mut Vec<Arc<HttpRoute>>,
        notes: &mut Vec<Note>,
    ) {
        let (namespace, name) = (&*to.namespace, &*to.name);
        let found = self.rules.get(namespace).and_then(|rules| rules.get(name));
        let Some((meta, spec)) = found.copied() else {
            let message = format!(
                "there is no VirtualService {namespace}/{name} without hosts to delegate to: the \
                 route is left out"
            );
            notes.push(to.at.note(NoteKind::Warning, message));
            return;
        };
        self.used.borrow_mut().insert(&meta.at);
        let mesh = &self.scope.mesh.virtual_service_export_to;
        let seen = spec
            .export_to
            .or(mesh)
            .visibility(namespace, &root.namespace);
        if seen.is_none() {
            let message = format!(
                "VirtualService {namespace}/{name} at {} is not exported to namespace {}: the \
                 route is left out",
                meta.at, root.namespace
            );
            notes.push(to.at.note(NoteKind::Warning, message));
            return;
        }
        for leaf in &spec.http {
            match merge_delegate(http, leaf) {
                Some(merged) => routes.push(Arc::new(merged)),
                None => {
                    let message = format!(
                        "its conditions are not within those of {}, which delegates to it",
                        http.at
                    );
                    notes.push(leaf.at.note(NoteKind::NotApplied, message));
                }
            }
        }
    }

    /// A delegate that no rule names does nothing.
    pub(super) fn report_unused(&self, notes: &mut Vec<Note>) {
        let used = self.used.borrow();
        for (meta, _) in self.rules.values().flat_map(HashMap::values) {
            if !used.contains(&meta.at) {
                let message = "has no hosts, and no rule that this client sees delegates to it";
                notes.push(meta.at.note(NoteKind::NotApplied, message));
            }
        }
    }
}
