//! `Headers`: what a route or destination changes in requests and responses.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use mesh_core::policy::{AppendAction, Formatter, HeaderMutation, HeaderValueOption};

use crate::file::{
    reader::{Obj, Val},
    schema::{Schema, enforced},
};

/// The header changes of one level. A change of the authority is none of a header: it becomes a
/// host rewrite.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeaderOps {
    pub(crate) mutation: HeaderMutation,
    pub(crate) authority: Option<HeaderValue>,
}

pub(super) const SCHEMAS: &[&Schema] = &[&HEADERS, &OPERATIONS];

static HEADERS: Schema = Schema::new("Headers", &[enforced("request"), enforced("response")]);

static OPERATIONS: Schema = Schema::new(
    "HeaderOperations",
    &[enforced("set"), enforced("add"), enforced("remove")],
);

/// Reads a `headers` field.
pub(super) fn read(value: &Val<'_>) -> Option<HeaderOps> {
    let mut ops = HeaderOps::default();
    let obj = value.object(&HEADERS)?;
    if let Some(request) = obj.object("request", &OPERATIONS) {
        ops.mutation.request_remove = removals(&request);
        ops.mutation.request_add = additions(&request, Some(&mut ops.authority));
    }
    if let Some(response) = obj.object("response", &OPERATIONS) {
        ops.mutation.response_remove = removals(&response);
        ops.mutation.response_add = additions(&response, None);
    }
    Some(ops)
}

fn removals(obj: &Obj<'_>) -> Vec<HeaderName> {
    obj.list("remove")
        .iter()
        .filter_map(|v| header_name(&v.text()?, v))
        .collect()
}

/// All `set` before all `add`, each sorted by key, as istiod sends them.
fn additions(
    obj: &Obj<'_>,
    mut authority: Option<&mut Option<HeaderValue>>,
) -> Vec<HeaderValueOption> {
    let mut options = Vec::new();
    for (field, action) in [
        ("set", AppendAction::OverwriteIfExistsOrAdd),
        ("add", AppendAction::AppendIfExistsOrAdd),
    ] {
        let mut pairs = obj.map(field);
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        for (key, value) in pairs {
            let Some(text) = formatter(&value) else {
                continue;
            };
            if is_authority(&key) {
                match (&mut authority, text.literal()) {
                    // `set` wins over `add`.
                    (Some(slot), Some(text)) => {
                        slot.get_or_insert(text.clone());
                    }
                    // It becomes a host rewrite, which knows no operators.
                    (Some(_), None) => value.fail("the authority cannot have %…% operators"),
                    (None, _) => value.fail("a response has no authority"),
                }
            } else if let Some(name) = header_name(&key, &value) {
                options.push(HeaderValueOption::formatted(name, text, action));
            }
        }
    }
    options
}

fn is_authority(key: &str) -> bool {
    key == ":authority" || key.eq_ignore_ascii_case("host")
}

fn header_name(key: &Arc<str>, value: &Val<'_>) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(key.as_bytes()).ok();
    if name.is_none() {
        value.fail(format!("`{key}` is no header that can be changed"));
    }
    name.filter(|n| {
        let host = n == http::header::HOST;
        if host {
            value.fail("the host can be set, not removed");
        }
        !host
    })
}

/// A value with Envoy's `%…%` operators; `%%` is a percent sign.
fn formatter(value: &Val<'_>) -> Option<Formatter> {
    let parsed = Formatter::try_new(&value.text()?);
    parsed.map_err(|error| value.fail(error.to_string())).ok()
}
