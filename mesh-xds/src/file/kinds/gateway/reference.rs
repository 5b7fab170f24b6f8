//! References: `ParentReference`, `BackendRef` and `BackendObjectReference`.

use std::sync::Arc;

use super::{
    GROUP, RouteKind,
    filter::{self, Filters},
    schema,
};
use crate::file::{
    host,
    problem::At,
    reader::{Obj, Val},
    schema::{Schema, enforced},
};

/// The largest weight, by the API's validation.
const MAX_WEIGHT: i64 = 1_000_000;

/// What a route is attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParentRef {
    pub(crate) at: At,
    pub(crate) group: Arc<str>,
    pub(crate) kind: Arc<str>,
    /// None: the route's own.
    pub(crate) namespace: Option<Arc<str>>,
    pub(crate) name: Arc<str>,
    /// Of a Service: its port's name.
    pub(crate) section: Option<Arc<str>>,
    pub(crate) port: Option<u16>,
}

/// `BackendObjectReference`: where requests, or their copies, go.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) at: At,
    pub(crate) group: Arc<str>,
    pub(crate) kind: Arc<str>,
    /// None: the route's own.
    pub(crate) namespace: Option<Arc<str>>,
    pub(crate) name: Arc<str>,
    pub(crate) port: Option<u16>,
}

/// `HTTPBackendRef` or `GRPCBackendRef`.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) target: Target,
    pub(crate) weight: u32,
    pub(crate) filters: Filters,
}

pub(super) const SCHEMAS: &[&Schema] = &[
    &PARENT_REFERENCE,
    &HTTP_BACKEND_REF,
    &GRPC_BACKEND_REF,
    &BACKEND_OBJECT_REFERENCE,
];

static PARENT_REFERENCE: Schema = schema(
    "ParentReference",
    &[
        enforced("group"),
        enforced("kind"),
        enforced("namespace"),
        enforced("name"),
        enforced("sectionName"),
        enforced("port"),
    ],
);

static HTTP_BACKEND_REF: Schema = schema(
    "HTTPBackendRef",
    &[
        enforced("group"),
        enforced("kind"),
        enforced("namespace"),
        enforced("name"),
        enforced("port"),
        enforced("weight"),
        enforced("filters"),
    ],
);

static GRPC_BACKEND_REF: Schema = schema(
    "GRPCBackendRef",
    &[
        enforced("group"),
        enforced("kind"),
        enforced("namespace"),
        enforced("name"),
        enforced("port"),
        enforced("weight"),
        enforced("filters"),
    ],
);

static BACKEND_OBJECT_REFERENCE: Schema = schema(
    "BackendObjectReference",
    &[
        enforced("group"),
        enforced("kind"),
        enforced("namespace"),
        enforced("name"),
        enforced("port"),
    ],
);

impl ParentRef {
    /// Whether it is the mesh's (GAMMA), not a gateway's.
    pub(crate) fn is_service(&self) -> bool {
        self.group.is_empty() && *self.kind == *"Service"
    }
}

impl Target {
    pub(crate) fn is_service(&self) -> bool {
        self.group.is_empty() && *self.kind == *"Service"
    }
}

/// `parentRefs`, which must differ.
pub(super) fn parents(spec: &Obj<'_>) -> Vec<ParentRef> {
    let mut parents: Vec<ParentRef> = Vec::new();
    for value in spec.list("parentRefs") {
        let Some(parent) = parent(&value) else {
            continue;
        };
        let same = |p: &ParentRef| {
            let at = parent.at.clone();
            ParentRef { at, ..p.clone() } == parent
        };
        if let Some(first) = parents.iter().find(|p| same(p)) {
            value.fail(format!("is given already, on line {}", first.at.line));
        }
        parents.push(parent);
    }
    parents
}

fn parent(value: &Val<'_>) -> Option<ParentRef> {
    let obj = value.object(&PARENT_REFERENCE)?;
    Some(ParentRef {
        at: obj.at(),
        group: obj.text("group").unwrap_or_else(|| GROUP.into()),
        kind: obj.text("kind").unwrap_or_else(|| "Gateway".into()),
        namespace: obj.get("namespace").and_then(|v| label(&v)),
        name: label(&obj.required("name")?)?,
        section: obj.text("sectionName"),
        port: obj.get("port").and_then(|v| v.port()),
    })
}

/// An entry of `backendRefs`.
pub(super) fn backend(value: &Val<'_>, kind: RouteKind, one_prefix: bool) -> Option<Backend> {
    let obj = value.object(match kind {
        RouteKind::Http => &HTTP_BACKEND_REF,
        RouteKind::Grpc => &GRPC_BACKEND_REF,
    })?;
    let weight = match obj.get("weight") {
        Some(weight) => weight.integer(0, MAX_WEIGHT)?,
        None => 1,
    };
    Some(Backend {
        weight: u32::try_from(weight).ok()?,
        filters: filter::read(&obj, kind, one_prefix),
        target: target(&obj)?,
    })
}

/// A field that is a `BackendObjectReference` alone.
pub(super) fn object_reference(value: &Val<'_>) -> Option<Target> {
    target(&value.object(&BACKEND_OBJECT_REFERENCE)?)
}

fn target(obj: &Obj<'_>) -> Option<Target> {
    let target = Target {
        at: obj.at(),
        group: obj.text("group").unwrap_or_else(|| "".into()),
        kind: obj.text("kind").unwrap_or_else(|| "Service".into()),
        namespace: obj.get("namespace").and_then(|v| label(&v)),
        name: label(&obj.required("name")?)?,
        port: obj.get("port").and_then(|v| v.port()),
    };
    if target.is_service() && target.port.is_none() {
        obj.fail("port", "is required: a Service has several");
    }
    Some(target)
}

/// The name of an object or a namespace: these end up as labels of a host name.
fn label(value: &Val<'_>) -> Option<Arc<str>> {
    let text = value.text()?;
    if text.contains('*') || host::check(&text).is_err() {
        value.fail("is no name of a Kubernetes object");
        return None;
    }
    Some(text)
}
