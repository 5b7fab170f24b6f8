//! What several kinds share: `exportTo`, `StringMatch`, labels.

use std::sync::Arc;

use mesh_core::policy::{FractionalPercent, Percent, Regex, StringMatcher};

use crate::file::{
    reader::{Obj, Val},
    schema::{Schema, enforced},
};

/// `exportTo`: which namespaces see a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExportTo(Vec<Arc<str>>);

/// How a namespace comes to see a resource, in the order that Istio prefers rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Visibility {
    /// Exported to its own namespace, and that is the client's.
    Private,
    /// Exported to the client's namespace by name.
    Named,
    /// Exported to all.
    Public,
}

impl ExportTo {
    /// Only to its own namespace.
    pub(super) fn private() -> Self {
        Self(vec![".".into()])
    }

    /// Reads the field; none means what the mesh says, which is all namespaces unless it says
    /// otherwise.
    pub(super) fn read(obj: &Obj<'_>) -> Self {
        Self::read_from(obj, "exportTo")
    }

    /// Reads a field of that meaning. It is a set, so it is kept in order.
    pub(super) fn read_from(obj: &Obj<'_>, field: &'static str) -> Self {
        let values = obj.list(field);
        let mut values: Vec<Arc<str>> = values.iter().filter_map(Val::text).collect();
        values.sort_unstable();
        values.dedup();
        Self(values)
    }

    /// Whether the resource itself says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These, or the mesh's when there are none.
    pub(crate) fn or<'a>(&'a self, mesh: &'a Self) -> &'a Self {
        if self.0.is_empty() { mesh } else { self }
    }

    /// How a client in namespace `client` sees a resource of namespace `own`, if it does.
    pub(crate) fn visibility(&self, own: &str, client: &str) -> Option<Visibility> {
        let has = |what: &str| self.0.iter().any(|e| **e == *what);
        if self.0.is_empty() || has("*") {
            Some(Visibility::Public)
        } else if has("~") {
            None
        } else if own == client && (has(".") || has(own)) {
            Some(Visibility::Private)
        } else {
            has(client).then_some(Visibility::Named)
        }
    }
}

pub(super) static STRING_MATCH: Schema = Schema::new(
    "StringMatch",
    &[enforced("exact"), enforced("prefix"), enforced("regex")],
);

/// `StringMatch`; `Some(None)` is the empty one, which means presence.
pub(super) fn string_match(value: &Val<'_>) -> Option<Option<StringMatcher>> {
    let obj = value.object(&STRING_MATCH)?;
    let Some(kind) = obj.one_of(&["exact", "prefix", "regex"]) else {
        return Some(None);
    };
    let text = obj.text(kind)?;
    Some(Some(match kind {
        "exact" => StringMatcher::exact(text),
        "prefix" => StringMatcher::prefix(text),
        _ => StringMatcher::regex(regex(value, &text)?),
    }))
}

/// As [`string_match`] for headers and query parameters, where Istio reads `regex: "*"`, which is
/// no RE2, as presence too.
pub(super) fn presence_or_match(value: &Val<'_>) -> Option<Option<StringMatcher>> {
    if value.peek_text("regex").as_deref() == Some("*") {
        return value.object(&STRING_MATCH).map(|_| None);
    }
    string_match(value)
}

/// Compiles a regex, reporting what is wrong with it at `value`.
pub(super) fn regex(value: &Val<'_>, pattern: &str) -> Option<Regex> {
    Regex::try_new(pattern)
        .map_err(|e| value.fail(e.to_string()))
        .ok()
}

pub(super) const SCHEMAS: &[&Schema] = &[&PERCENT];

static PERCENT: Schema = Schema::new("Percent", &[enforced("value")]);

/// `Percent`; without a value it is 0.
pub(super) fn percent(value: &Val<'_>) -> Option<FractionalPercent> {
    let obj = value.object(&PERCENT)?;
    let Some(value) = obj.get("value") else {
        return Some(FractionalPercent::per_million(0));
    };
    let number = value.number()?;
    FractionalPercent::try_from_f64(number)
        .map_err(|e| value.fail(e.to_string()))
        .ok()
}

/// A percentage without a fraction.
pub(super) fn whole_percent(value: &Val<'_>) -> Option<Percent> {
    let number = u32::try_from(value.integer(0, 100)?).ok()?;
    Percent::try_new(number)
        .map_err(|e| value.fail(e.to_string()))
        .ok()
}
