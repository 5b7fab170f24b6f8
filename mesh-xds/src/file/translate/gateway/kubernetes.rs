//! `Service`s and their `EndpointSlice`s as the `ServiceEntry`s that say the same.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

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
    // By namespace and Service, for there are as many slices as Services or more.
    let mut slices: HashMap<(&str, &str), Vec<&EndpointSlice>> = HashMap::new();
    let mut services: HashSet<(&str, &str)> = HashSet::new();
    for document in documents {
        let meta = &document.meta;
        match &document.resource {
            Resource::EndpointSlice(slice) => {
                let service = meta.labels.get(SERVICE_NAME).unwrap_or_default();
                let of_service = slices.entry((&meta.namespace, service)).or_default();
                of_service.push(slice);
            }
            Resource::Service(_) => {
                services.insert((&meta.namespace, &meta.name));
            }
            _ => {}
        }
    }
    let mut entries = Vec::new();
    for document in documents {
        let Resource::Service(service) = &document.resource else {
            continue;
        };
        let meta = &document.meta;
        let name = meta.name.to_ascii_lowercase();
        let host: Arc<str> = format!("{name}.{}.svc.{}", meta.namespace, client.domain).into();
        for port in &service.ports {
            let own = slices
                .get(&(&*meta.namespace, &*meta.name))
                .into_iter()
                .flatten();
            let with_port = own.filter(|slice| slice.ports.contains(&port.name));
            let endpoints = with_port.flat_map(|slice| slice.endpoints.iter().cloned());
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
                endpoints: endpoints.collect(),
                selector: service.selector.clone(),
                export_to: ExportTo::default(),
            };
            entries.push((meta, entry));
        }
    }
    for document in documents {
        let meta = &document.meta;
        let service = meta.labels.get(SERVICE_NAME).unwrap_or_default();
        if matches!(document.resource, Resource::EndpointSlice(_))
            && !services.contains(&(&*meta.namespace, service))
        {
            let message = format!(
                "its label {SERVICE_NAME} names no Service of {}",
                meta.namespace
            );
            notes.push(meta.at.note(NoteKind::NotApplied, message));
        }
    }
    entries
}
