//! `ReferenceGrant`: lets routes of other namespaces send to Services of its own.

use std::sync::Arc;

use super::schema;
use crate::file::{
    reader::Val,
    schema::{Schema, enforced},
};

/// A `ReferenceGrant`'s spec.
#[derive(Debug)]
pub(crate) struct ReferenceGrant {
    from: Vec<From>,
    to: Vec<To>,
}

#[derive(Debug)]
struct From {
    group: Arc<str>,
    kind: Arc<str>,
    namespace: Arc<str>,
}

#[derive(Debug)]
struct To {
    group: Arc<str>,
    kind: Arc<str>,
    /// None: all of that kind.
    name: Option<Arc<str>>,
}

pub(super) const SCHEMAS: &[&Schema] = &[&REFERENCE_GRANT, &FROM, &TO];

static REFERENCE_GRANT: Schema = schema("ReferenceGrantSpec", &[enforced("from"), enforced("to")]);

static FROM: Schema = schema(
    "ReferenceGrantFrom",
    &[enforced("group"), enforced("kind"), enforced("namespace")],
);

static TO: Schema = schema(
    "ReferenceGrantTo",
    &[enforced("group"), enforced("kind"), enforced("name")],
);

impl ReferenceGrant {
    /// The Services that it is about; `None` stands for all of the namespace.
    pub(crate) fn services(&self) -> impl Iterator<Item = Option<&str>> {
        let services = self.to.iter().filter(|to| to.is_service());
        services.map(|to| to.name.as_deref().filter(|name| !name.is_empty()))
    }

    /// Whether routes of `kind` in `namespace` may send to its [`services`](Self::services).
    pub(crate) fn is_for(&self, kind: &str, namespace: &str) -> bool {
        let from =
            |f: &From| *f.group == *super::GROUP && *f.kind == *kind && *f.namespace == *namespace;
        self.from.iter().any(from)
    }
}

impl To {
    fn is_service(&self) -> bool {
        self.group.is_empty() && *self.kind == *"Service"
    }
}

pub(super) fn read(value: &Val<'_>) -> Option<ReferenceGrant> {
    let obj = value.object(&REFERENCE_GRANT)?;
    for field in ["from", "to"] {
        if obj.list(field).is_empty() {
            obj.fail(field, "is required");
        }
    }
    Some(ReferenceGrant {
        from: obj.list("from").iter().filter_map(from).collect(),
        to: obj.list("to").iter().filter_map(to).collect(),
    })
}

fn from(value: &Val<'_>) -> Option<From> {
    let obj = value.object(&FROM)?;
    Some(From {
        group: obj.required("group")?.text()?,
        kind: obj.required("kind")?.text()?,
        namespace: obj.required("namespace")?.text()?,
    })
}

fn to(value: &Val<'_>) -> Option<To> {
    let obj = value.object(&TO)?;
    Some(To {
        group: obj.required("group")?.text()?,
        kind: obj.required("kind")?.text()?,
        name: obj.text("name"),
    })
}
