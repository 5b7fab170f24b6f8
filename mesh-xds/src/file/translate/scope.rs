//! What one client sees of the mesh: the mesh's own settings, and the `Sidecar` that applies.

use std::{ops::Deref, sync::Arc};

use super::Client;
use crate::file::{
    host,
    kinds::{Document, ExportTo, MeshConfig, Meta, OutboundMode, Resource, Sidecar, Visibility},
    problem::{Note, NoteKind, Problem},
};

/// A client and what holds for all that is translated for it.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    client: &'a Client,
    pub(super) mesh: MeshConfig,
    sidecar: Option<&'a Sidecar>,
}

impl Deref for Scope<'_> {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.client
    }
}

impl<'a> Scope<'a> {
    pub(super) fn new(
        documents: &'a [Arc<Document>],
        client: &'a Client,
        notes: &mut Vec<Note>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut first: Option<(&Meta, &MeshConfig)> = None;
        for document in documents {
            let Resource::MeshConfig(config) = &document.resource else {
                continue;
            };
            match first {
                None => first = Some((&document.meta, config)),
                Some((meta, _)) => {
                    let message = format!("the mesh has a MeshConfig already, at {}", meta.at);
                    problems.push(document.meta.at.problem("", message));
                }
            }
        }
        let mesh = first.map_or_else(MeshConfig::default, |(_, config)| config.clone());
        let sidecar = choose_sidecar(documents, client, &mesh, notes);
        Self {
            client,
            mesh,
            sidecar,
        }
    }

    pub(super) fn client(&self) -> &'a Client {
        self.client
    }

    /// What is done with requests for hosts that nothing describes; `None` is answering 404.
    pub(super) fn outbound(&self) -> Option<OutboundMode> {
        let own = self.sidecar.and_then(|s| s.outbound);
        own.or(self.mesh.outbound)
    }

    /// Whether the `Sidecar` lets the client see the service.
    pub(super) fn sees_service(&self, host: &str, namespace: Option<&str>) -> bool {
        self.sees(namespace, host, |entry| host::covers(entry, host))
    }

    /// Whether the `Sidecar` lets the client see a `VirtualService`: any of its hosts is enough.
    pub(super) fn sees_rule<'h>(
        &self,
        namespace: &str,
        mut hosts: impl Iterator<Item = &'h str>,
    ) -> bool {
        hosts.any(|host| {
            self.sees(Some(namespace), host, |entry| {
                host::covers(entry, host) || host::covers(host, entry)
            })
        })
    }

    /// Whether an entry that is about the namespace matches, and none takes the host out again.
    fn sees(&self, namespace: Option<&str>, host: &str, matches: impl Fn(&str) -> bool) -> bool {
        let Some(entries) = self.sidecar.and_then(|s| s.egress.as_ref()) else {
            return true;
        };
        let about = || {
            let own = &self.client.namespace;
            entries.iter().filter(move |e| e.is_in(namespace, own))
        };
        about().any(|e| !e.excluded && matches(&e.host))
            && !about().any(|e| e.excluded && host::covers(&e.host, host))
    }

    /// What `exportTo` says, or the mesh in its place.
    pub(super) fn visible(
        &self,
        export_to: &ExportTo,
        mesh: &ExportTo,
        own: &str,
    ) -> Option<Visibility> {
        export_to.or(mesh).visibility(own, &self.client.namespace)
    }
}

/// The `Sidecar` of the client's namespace that selects it, else the one that selects everything,
/// else that of the root namespace; of several the oldest.
fn choose_sidecar<'a>(
    documents: &'a [Arc<Document>],
    client: &Client,
    mesh: &MeshConfig,
    notes: &mut Vec<Note>,
) -> Option<&'a Sidecar> {
    let mut found: Vec<(u8, &Meta, &Sidecar)> = Vec::new();
    for document in documents {
        let Resource::Sidecar(sidecar) = &document.resource else {
            continue;
        };
        let meta = &document.meta;
        let own = meta.namespace == client.namespace;
        let step = match &sidecar.selector {
            Some(labels) if own && client.labels.contains_all(labels) => 0,
            None if own => 1,
            None if meta.namespace == mesh.root_namespace => 2,
            _ => {
                let message = "is for other workloads";
                notes.push(meta.at.note(NoteKind::NotApplied, message));
                continue;
            }
        };
        found.push((step, meta, sidecar));
    }
    found.sort_by_key(|(step, meta, _)| (*step, &meta.created, &meta.name));
    let mut found = found.into_iter();
    let (_, chosen, sidecar) = found.next()?;
    for (_, meta, _) in found {
        let message = format!("the Sidecar at {} comes before it", chosen.at);
        notes.push(meta.at.note(NoteKind::NotApplied, message));
    }
    Some(sidecar)
}
