//! `Destination`: a service, its port, and a subset of it.

use std::sync::Arc;

use crate::file::{
    host,
    problem::At,
    reader::Val,
    schema::{Schema, enforced},
};

/// Where requests go.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    pub(crate) at: At,
    /// As written.
    pub(crate) host: Arc<str>,
    /// That of the resource, to which a short host belongs.
    pub(crate) namespace: Arc<str>,
    pub(crate) subset: Option<(Arc<str>, At)>,
    pub(crate) port: Option<u16>,
}

pub(super) const SCHEMAS: &[&Schema] = &[&DESTINATION, &PORT_SELECTOR];

static DESTINATION: Schema = Schema::new(
    "Destination",
    &[enforced("host"), enforced("subset"), enforced("port")],
);

pub(super) static PORT_SELECTOR: Schema = Schema::new("PortSelector", &[enforced("number")]);

/// Reads a `Destination` of a resource in `namespace`.
pub(super) fn destination(value: &Val<'_>, namespace: &str) -> Option<Destination> {
    let obj = value.object(&DESTINATION)?;
    let subset = obj
        .get("subset")
        .and_then(|v| Some((v.text().filter(|s| !s.is_empty())?, v.at())));
    let port = obj
        .object("port", &PORT_SELECTOR)
        .and_then(|p| p.required("number")?.port());
    Some(Destination {
        at: value.at(),
        host: check_host(&obj.required("host")?)?,
        namespace: namespace.into(),
        subset,
        port,
    })
}

/// A host name, exact or wildcard.
pub(super) fn check_host(value: &Val<'_>) -> Option<Arc<str>> {
    let text = value.text()?;
    match host::check(&text) {
        Ok(()) => Some(text),
        Err(e) => {
            value.fail(e);
            None
        }
    }
}
