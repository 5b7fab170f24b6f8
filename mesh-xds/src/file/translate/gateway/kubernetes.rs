//! `Service`s and their `EndpointSlice`s as the `ServiceEntry`s that say the same.

use std::sync::Arc;

use crate::file::{
    kinds::{
        Document, EndpointSlice, ExportTo, Meta, Resolution, Resource, ServiceEntry, ServicePort,
    },
    problem::{Note, NoteKind},
    translate::Client,
};

/// The label by which an EndpointSlice belongs to a Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// One entry for each port of each Service, since slices differ in the ports they have.
pub(in crate::file::translate) fn service_entries<'a>(
    documents: &'a [Arc<Document>],
    client: &Client,
    notes: &mut Vec<Note>,
) -> Vec<(&'a Meta, ServiceEntry)> {
    let mut slices: Vec<(&Meta, &EndpointSlice, bool)> = documents
        .iter()
        .filter_map(|d| match &d.resource {
            Resource::EndpointSlice(slice) => Some((&d.meta, slice, false)),
            _ => None,
        })
        .collect();
    let mut entries = Vec::new();
    for document in documents {
        let Resource::Service(service) = &document.resource else {
            continue;
        };
        let meta = &document.meta;
        let name = meta.name.to_ascii_lowercase();
        let host: Arc<str> = format!("{name}.{}.svc.{}", meta.namespace, client.domain).into();
        for port in &service.ports {
            let mut endpoints = Vec::new();
            for (slice_meta, slice, used) in &mut slices {
                let own = slice_meta.namespace == meta.namespace
                    && slice_meta.labels.get(SERVICE_NAME) == Some(&*meta.name);
                *used |= own;
                if own && slice.ports.contains(&port.name) {
                    endpoints.extend(slice.endpoints.iter().cloned());
                }
            }
            let entry = ServiceEntry {
                hosts: vec![host.clone()],
                addresses: service.addresses.clone(),
                ports: vec![ServicePort {
                    number: port.number,
                    name: port.name.clone(),
                    target: port.target,
                    protocol: port.protocol,
                }],
                resolution: Resolution::Static,
                endpoints,
                selector: service.selector.clone(),
                export_to: ExportTo::default(),
            };
            entries.push((meta, entry));
        }
    }
    for (meta, _, used) in slices {
        if !used {
            let message = format!(
                "its label {SERVICE_NAME} names no Service of {}",
                meta.namespace
            );
            notes.push(meta.at.note(NoteKind::NotApplied, message));
        }
    }
    entries
}
