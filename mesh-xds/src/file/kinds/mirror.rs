//! Mirroring: the `mirror…` fields of an `HTTPRoute`, and `HTTPMirrorPolicy`.

use mesh_core::policy::FractionalPercent;

use super::{
    common::percent,
    destination::{Destination, destination},
};
use crate::file::{
    problem::NoteKind,
    reader::{Obj, Val},
    schema::{Schema, enforced},
};

/// Where copies of a route's requests go, as far as the route says so. A delegate and its root are
/// merged field by field, so the fields are kept apart until then.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mirror {
    to: Option<Destination>,
    percent: Option<FractionalPercent>,
    percentage: Option<FractionalPercent>,
    several: Option<Vec<(Destination, Option<FractionalPercent>)>>,
}

pub(super) const SCHEMAS: &[&Schema] = &[&MIRROR_POLICY];

static MIRROR_POLICY: Schema = Schema::new(
    "HTTPMirrorPolicy",
    &[enforced("destination"), enforced("percentage")],
);

/// Reads the fields of the route.
pub(super) fn read(route: &Obj<'_>, namespace: &str) -> Mirror {
    route.one_of(&["mirror", "mirrors"]);
    let mirror = Mirror {
        to: route.get("mirror").and_then(|v| destination(&v, namespace)),
        percent: route.get("mirrorPercent").and_then(|v| {
            let percent = u32::try_from(v.integer(0, 100)?).ok()?;
            Some(FractionalPercent::per_hundred(percent))
        }),
        percentage: route.get("mirrorPercentage").and_then(|v| percent(&v)),
        several: route.get("mirrors").map(|v| {
            let policies = v.list();
            policies
                .iter()
                .filter_map(|v| policy(v, namespace))
                .collect()
        }),
    };
    for (field, given) in [
        ("mirrorPercent", mirror.percent.is_some()),
        ("mirrorPercentage", mirror.percentage.is_some()),
    ] {
        // A root's share may be for a mirror of its delegate.
        let alone = given && route.get("mirror").is_none() && route.get("delegate").is_none();
        if alone && let Some(v) = route.get(field) {
            v.note(
                NoteKind::Ignored,
                "there is no `mirror` whose share it could be",
            );
        }
    }
    if mirror.percent.is_some()
        && mirror.percentage.is_some()
        && let Some(v) = route.get("mirrorPercent")
    {
        v.note(NoteKind::Ignored, "`mirrorPercentage` takes its place");
    }
    mirror
}

fn policy(value: &Val<'_>, namespace: &str) -> Option<(Destination, Option<FractionalPercent>)> {
    let obj = value.object(&MIRROR_POLICY)?;
    let to = destination(&obj.required("destination")?, namespace)?;
    Some((to, obj.get("percentage").and_then(|v| percent(&v))))
}

impl Mirror {
    /// A delegate's, completed by its root's.
    pub(super) fn or_root(&self, root: &Self) -> Self {
        Self {
            to: self.to.clone().or_else(|| root.to.clone()),
            percent: self.percent.or(root.percent),
            percentage: self.percentage.or(root.percentage),
            several: self.several.clone().or_else(|| root.several.clone()),
        }
    }

    /// Each destination and its share: all requests where none is given, and no mirroring at all
    /// where it is 0.
    pub(crate) fn destinations(&self) -> impl Iterator<Item = (&Destination, FractionalPercent)> {
        let share = self.percentage.or(self.percent);
        let one = self.to.as_ref().map(|to| (to, share));
        let several = self.several.iter().flatten();
        one.into_iter()
            .chain(several.map(|(to, share)| (to, *share)))
            .map(|(to, share)| (to, share.unwrap_or(FractionalPercent::ALWAYS)))
            .filter(|(_, share)| share.ratio() > 0.0)
    }
}
