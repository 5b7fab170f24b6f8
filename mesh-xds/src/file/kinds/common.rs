//! What several kinds share: `exportTo`, `StringMatch`, labels.

use std::sync::Arc;

use mesh_core::policy::{Regex, StringMatcher};

use crate::file::{
    reader::{Obj, Val},
    schema::{Schema, enforced},
};

/// `exportTo`: which namespaces see a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Reads the field; none means all namespaces.
    pub(super) fn read(obj: &Obj<'_>) -> Self {
        let values = obj.list("exportTo");
        Self(values.iter().filter_map(Val::text).collect())
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
