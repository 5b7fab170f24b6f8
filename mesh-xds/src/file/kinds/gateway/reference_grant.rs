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
    /// Whether routes of `kind` in `namespace` may send to the Service `name` of the grant's own
    /// namespace.
    pub(crate) fn permits(&self, kind: &str, namespace: &str, name: &str) -> bool {
        let from =
            |f: &From| *f.group == *super::GROUP && *f.kind == *kind && *f.namespace == *namespace;
        let to = |t: &To| {
            t.group.is_empty()
                && *t.kind == *"Service"
                && t.name.as_ref().is_none_or(|n| n.is_empty() || **n == *name)
        };
        self.from.iter().any(from) && self.to.iter().any(to)
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
