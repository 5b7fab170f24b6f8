//! The `WorkloadEntry`s of all namespaces, by what selects them.

use std::{collections::HashMap, sync::Arc};

use mesh_core::policy::Metadata;

use crate::file::kinds::{Document, Meta, Resource, WorkloadEntry};

/// Found by label, so that a service with a selector does not look at all of them.
#[derive(Debug)]
pub(super) struct Workloads<'a> {
    all: Vec<(&'a Meta, &'a WorkloadEntry, Metadata)>,
    by_namespace: HashMap<&'a str, Vec<usize>>,
    by_label: HashMap<(&'a str, String, String), Vec<usize>>,
}

impl<'a> Workloads<'a> {
    pub(super) fn new(documents: &'a [Arc<Document>]) -> Self {
        let mut workloads = Self {
            all: Vec::new(),
            by_namespace: HashMap::new(),
            by_label: HashMap::new(),
        };
        for document in documents {
            let Resource::WorkloadEntry(entry) = &document.resource else {
                continue;
            };
            let meta = &document.meta;
            let labels = entry.labels.merged(&meta.labels);
            let index = workloads.all.len();
            let namespace = workloads.by_namespace.entry(&meta.namespace).or_default();
            namespace.push(index);
            for (key, value) in labels.iter() {
                let label = (&*meta.namespace, key.to_owned(), value.to_owned());
                workloads.by_label.entry(label).or_default().push(index);
            }
            workloads.all.push((meta, entry, labels));
        }
        workloads
    }

    /// Those of `namespace` that carry all labels of `selector`.
    pub(super) fn selected(
        &self,
        namespace: &str,
        selector: &Metadata,
    ) -> impl Iterator<Item = (&'a Meta, &'a WorkloadEntry)> {
        // Of the selector's labels, the one that the fewest carry.
        let by_label = selector.iter().map(|(key, value)| {
            let label = (namespace, key.to_owned(), value.to_owned());
            self.by_label.get(&label).map_or(&[][..], Vec::as_slice)
        });
        let all = || {
            self.by_namespace
                .get(namespace)
                .map_or(&[][..], Vec::as_slice)
        };
        let candidates = by_label.min_by_key(|c| c.len()).unwrap_or_else(all);
        let selected: Vec<_> = candidates
            .iter()
            .map(|index| &self.all[*index])
            .filter(|(_, _, labels)| labels.contains_all(selector))
            .map(|(meta, entry, _)| (*meta, *entry))
            .collect();
        selected.into_iter()
    }
}
