//! `OutboundTrafficPolicy`: what happens to requests for hosts that nothing describes. The mesh has
//! one and a `Sidecar` has one, of nearly the same fields.

use crate::file::{
    reader::Val,
    schema::{Schema, enforced, not_yet},
};

/// What is done with such a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutboundMode {
    /// Answered with 502.
    RegistryOnly,
}

pub(super) const SCHEMAS: &[&Schema] = &[&OF_MESH, &OF_SIDECAR];

static OF_MESH: Schema = Schema::new(
    "MeshConfig.OutboundTrafficPolicy",
    &[enforced("mode"), not_yet("tls")],
);

static OF_SIDECAR: Schema = Schema::new(
    "OutboundTrafficPolicy",
    &[enforced("mode"), not_yet("egressProxy")],
);

pub(super) fn read_mesh(value: &Val<'_>) -> Option<OutboundMode> {
    read(value, &OF_MESH)
}

pub(super) fn read_sidecar(value: &Val<'_>) -> Option<OutboundMode> {
    read(value, &OF_SIDECAR)
}

fn read(value: &Val<'_>, schema: &'static Schema) -> Option<OutboundMode> {
    let obj = value.object(schema)?;
    // The enum's first value is what an empty message means.
    let Some(mode) = obj.get("mode") else {
        return Some(OutboundMode::RegistryOnly);
    };
    let known = mode.choice(&[
        ("REGISTRY_ONLY", 0, Some(OutboundMode::RegistryOnly)),
        ("ALLOW_ANY", 1, None),
        ("ALLOW_ANY_DYNAMIC_DNS", 3, None),
    ])?;
    if known.is_none() {
        mode.refuse("forwarding requests for hosts that nothing describes");
    }
    known
}
