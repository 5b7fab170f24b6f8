//! The kinds of resources, read into typed documents. One module per message or family of messages;
//! each declares its fields as a [`Schema`] beside the code that reads them. Istio's are here, the
//! Gateway API's in [`gateway`], Kubernetes' own in [`kubernetes`].

pub(crate) mod base64;
mod bystanders;
mod client_tls;
mod common;
mod connection_pool;
mod cors;
mod delegate;
mod destination;
mod destination_rule;
mod fault;
pub(crate) mod gateway;
mod header_ops;
mod http_action;
mod http_match;
mod kubernetes;
mod load_balancer;
mod locality;
mod mesh_config;
mod mirror;
mod outbound_traffic_policy;
mod outlier_detection;
mod retry;
mod service_entry;
mod sidecar;
mod tcp_route;
mod tls_route;
mod traffic_policy;
mod unsupported;
mod virtual_service;
mod workload_entry;

use std::sync::Arc;

use mesh_core::policy::Metadata;

pub(crate) use self::{
    common::{ExportTo, Visibility},
    connection_pool::ConnectionPoolSettings,
    delegate::merge as merge_delegate,
    destination::Destination,
    destination_rule::{DestinationRule, Subset},
    gateway::{GatewayRoute, ReferenceGrant},
    http_match::HttpMatch,
    kubernetes::{EndpointSlice, KubernetesService},
    locality::LocalitySetting,
    mesh_config::MeshConfig,
    outbound_traffic_policy::OutboundMode,
    service_entry::{Protocol, Resolution, ServiceEntry, ServicePort},
    sidecar::Sidecar,
    tcp_route::{L4Match, L4Route},
    traffic_policy::{Blocks, TrafficPolicy},
    virtual_service::{Action, Delegate, HttpRoute, VirtualService, WeightedDestination},
    workload_entry::{WorkloadAddress, WorkloadEntry},
};
use super::{
    node::{self, Node},
    problem::{At, NoteKind},
    reader::{Obj, Reader, Val, unknown},
    schema::{Schema, enforced, irrelevant, nearest},
};

/// One resource.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) meta: Meta,
    pub(crate) resource: Resource,
}

/// A resource's `metadata`.
#[derive(Debug)]
pub(crate) struct Meta {
    pub(crate) at: At,
    pub(crate) kind: &'static str,
    pub(crate) name: Arc<str>,
    pub(crate) namespace: Arc<str>,
    pub(crate) labels: Metadata,
    /// RFC 3339 in UTC as Kubernetes writes it, so it orders as text; empty (none) is oldest.
    pub(crate) created: Arc<str>,
}

/// A resource's `spec`.
#[derive(Debug)]
pub(crate) enum Resource {
    VirtualService(VirtualService),
    DestinationRule(DestinationRule),
    ServiceEntry(ServiceEntry),
    WorkloadEntry(WorkloadEntry),
    Sidecar(Sidecar),
    MeshConfig(Box<MeshConfig>),
    GatewayRoute(GatewayRoute),
    ReferenceGrant(ReferenceGrant),
    Service(KubernetesService),
    EndpointSlice(EndpointSlice),
}

static DOCUMENT: Schema = Schema::new(
    "Resource",
    &[
        enforced("apiVersion"),
        enforced("kind"),
        enforced("metadata"),
        enforced("spec"),
        irrelevant("status"),
    ],
);

static LIST: Schema = Schema::new(
    "List",
    &[
        enforced("apiVersion"),
        enforced("kind"),
        irrelevant("metadata"),
        enforced("items"),
    ],
);

static METADATA: Schema = Schema::new(
    "ObjectMeta",
    &[
        enforced("name"),
        enforced("namespace"),
        enforced("labels"),
        enforced("creationTimestamp"),
        irrelevant("annotations"),
        irrelevant("uid"),
        irrelevant("resourceVersion"),
        irrelevant("generation"),
        irrelevant("generateName"),
        irrelevant("managedFields"),
        irrelevant("ownerReferences"),
        irrelevant("finalizers"),
        irrelevant("selfLink"),
        irrelevant("deletionTimestamp"),
        irrelevant("deletionGracePeriodSeconds"),
    ],
);

/// Every message that is read, for tables of supported fields.
pub(crate) fn schemas() -> Vec<&'static Schema> {
    [
        &[&DOCUMENT, &LIST, &METADATA][..],
        virtual_service::SCHEMAS,
        tcp_route::SCHEMAS,
        tls_route::SCHEMAS,
        http_match::SCHEMAS,
        destination::SCHEMAS,
        http_action::SCHEMAS,
        header_ops::SCHEMAS,
        fault::SCHEMAS,
        retry::SCHEMAS,
        mirror::SCHEMAS,
        cors::SCHEMAS,
        common::SCHEMAS,
        destination_rule::SCHEMAS,
        traffic_policy::SCHEMAS,
        load_balancer::SCHEMAS,
        locality::SCHEMAS,
        connection_pool::SCHEMAS,
        outlier_detection::SCHEMAS,
        client_tls::SCHEMAS,
        service_entry::SCHEMAS,
        workload_entry::SCHEMAS,
        sidecar::SCHEMAS,
        outbound_traffic_policy::SCHEMAS,
        mesh_config::SCHEMAS,
        bystanders::SCHEMAS,
        &gateway::schemas(),
        &kubernetes::schemas(),
    ]
    .concat()
}

/// Those of [`GROUP`], and last that of [`MESH_GROUP`].
const KINDS: [&str; 8] = [
    "VirtualService",
    "DestinationRule",
    "ServiceEntry",
    "WorkloadEntry",
    "Sidecar",
    "WorkloadGroup",
    "ProxyConfig",
    "MeshConfig",
];
const GROUP: &str = "networking.istio.io";
const MESH_GROUP: &str = "mesh.istio.io";
const MESH_VERSIONS: [&str; 1] = ["v1alpha1"];
const VERSIONS: [&str; 3] = ["v1alpha3", "v1beta1", "v1"];

/// Reads one YAML document; `namespace` is for resources that name none.
pub(crate) fn read(reader: &Reader, root: &Node, namespace: &str, out: &mut Vec<Arc<Document>>) {
    read_value(&Val::root(reader, root), namespace, out);
}

fn read_value(value: &Val<'_>, namespace: &str, out: &mut Vec<Arc<Document>>) {
    let (api_version, kind) = match (value.peek_text("apiVersion"), value.peek_text("kind")) {
        (Some(api_version), Some(kind)) => (api_version, kind),
        _ => {
            value.fail("is no Kubernetes resource: apiVersion or kind is missing");
            return;
        }
    };
    let (group, version) = api_version
        .split_once('/')
        .unwrap_or(("", api_version.as_ref()));
    if group.is_empty() && kind.ends_with("List") {
        if let Some(list) = value.object(&LIST) {
            let _ = (list.text("apiVersion"), list.text("kind"));
            for item in list.list("items") {
                read_value(&item, namespace, out);
            }
        }
        return;
    }
    if group.is_empty() && *kind == *"ConfigMap" && config_map(value, namespace, out) {
        return;
    }
    if let Some((known, versions)) = elsewhere(group, &kind) {
        if !versions.contains(&version) {
            let near = nearest(version, versions.iter().copied());
            value.fail(unknown("version", &api_version, near));
        } else if known == "EndpointSlice" {
            if let Some((document, slice)) = kubernetes::read_endpoint_slice(value)
                && let Some(meta) = meta(&document, known, namespace)
            {
                let resource = Resource::EndpointSlice(slice);
                out.push(Arc::new(Document { meta, resource }));
            }
        } else {
            read_document(value, known, namespace, out);
        }
        return;
    }
    let known = KINDS.iter().copied().find(|k| **k == *kind);
    let (expected, versions) = match known {
        Some("MeshConfig") => (MESH_GROUP, &MESH_VERSIONS[..]),
        _ => (GROUP, &VERSIONS[..]),
    };
    match known {
        Some(_) if group == expected && !versions.contains(&version) => {
            let near = nearest(version, versions.iter().copied());
            value.fail(unknown("version", &api_version, near));
        }
        Some(known) if group == expected => read_document(value, known, namespace, out),
        _ => match unsupported::verdict(group, &kind, KINDS) {
            Ok(why) => value.note(NoteKind::Skipped, format!("{kind}: {why}")),
            Err(why) => value.fail(why),
        },
    }
}

/// The kinds of other groups than Istio's, with their versions.
fn elsewhere(group: &str, kind: &str) -> Option<(&'static str, &'static [&'static str])> {
    match group {
        gateway::GROUP => {
            let mut kinds = gateway::KINDS.iter();
            kinds.find(|(k, _)| *k == kind).copied()
        }
        "" if kind == "Service" => Some(("Service", &["v1"])),
        "discovery.k8s.io" if kind == "EndpointSlice" => Some(("EndpointSlice", &["v1"])),
        _ => None,
    }
}

fn read_document(
    value: &Val<'_>,
    known: &'static str,
    namespace: &str,
    out: &mut Vec<Arc<Document>>,
) {
    let Some(document) = value.object(&DOCUMENT) else {
        return;
    };
    // Read to satisfy the schema: both are known already.
    let _ = (document.text("apiVersion"), document.text("kind"));
    let spec = document.required("spec");
    let meta = meta(&document, known, namespace);
    if let (Some(meta), Some(spec)) = (meta, spec)
        && let Some(resource) = resource(&meta, &spec)
    {
        out.push(Arc::new(Document { meta, resource }));
    }
}

fn meta(document: &Obj<'_>, kind: &'static str, namespace: &str) -> Option<Meta> {
    let meta = document.required("metadata")?.object(&METADATA)?;
    Some(Meta {
        at: document.at(),
        kind,
        name: meta.required("name")?.text()?,
        namespace: meta.text("namespace").unwrap_or_else(|| namespace.into()),
        labels: meta.string_map("labels").into_iter().collect(),
        created: meta
            .text("creationTimestamp")
            .unwrap_or_else(|| Arc::from("")),
    })
}

/// `None`: it was wrong, or its kind has no effect here.
fn resource(meta: &Meta, spec: &Val<'_>) -> Option<Resource> {
    Some(match meta.kind {
        "VirtualService" => Resource::VirtualService(virtual_service::read(spec, &meta.namespace)?),
        "DestinationRule" => Resource::DestinationRule(destination_rule::read(spec)?),
        "ServiceEntry" => Resource::ServiceEntry(service_entry::read(spec)?),
        "WorkloadEntry" => Resource::WorkloadEntry(workload_entry::read(spec)?),
        "Sidecar" => Resource::Sidecar(sidecar::read(spec)?),
        "MeshConfig" => Resource::MeshConfig(Box::new(mesh_config::read(spec)?)),
        "WorkloadGroup" => {
            bystanders::workload_group(spec);
            return None;
        }
        "ProxyConfig" => {
            bystanders::proxy_config(spec);
            return None;
        }
        "Service" => Resource::Service(kubernetes::read_service(spec)?),
        gateway => gateway::read(gateway, spec)?,
    })
}

/// The ConfigMap in which Istio keeps its `MeshConfig`, under the key `mesh` as YAML in a string.
/// `false`: it is another one.
fn config_map(value: &Val<'_>, namespace: &str, out: &mut Vec<Arc<Document>>) -> bool {
    let Some((line, text)) = value.peek_path(&["data", "mesh"]) else {
        return false;
    };
    let (mut roots, errors) = node::parse(&text);
    for error in errors {
        value.problem_at(line + error.line, error.message);
    }
    for root in &mut roots {
        // The text begins on the line after `mesh: |`.
        root.move_down(line);
        let inner = value.within(root, "data.mesh");
        if let Some(config) = mesh_config::read(&inner) {
            let meta = Meta {
                at: value.at(),
                kind: "MeshConfig",
                name: "istio".into(),
                namespace: namespace.into(),
                labels: Metadata::default(),
                created: "".into(),
            };
            let resource = Resource::MeshConfig(Box::new(config));
            out.push(Arc::new(Document { meta, resource }));
        }
    }
    true
}
