//! The mesh's own control plane: what it says means what it was told, to its own client and to a real
//! Envoy.

#[path = "../../../mesh-xds/src/file/tests/every_field/probes/mod.rs"]
mod probes;

mod canonical;
mod envoy;
mod round_trip;

use mesh_conformance::{Result, documents::Set};

/// All YAML of the project, and every field of every message once.
fn sets() -> Result<Vec<Set>> {
    let mut sets = mesh_conformance::documents::project()?;
    for probe in probes::probes() {
        sets.push(Set::new(probe.schema, probe.document.replace('@', "")));
        for (field, value) in probe.fields {
            let text = probe.document.replace('@', &format!("{field}: {value}"));
            sets.push(Set::new(format!("{}.{field}", probe.schema), text));
        }
    }
    Ok(sets)
}
