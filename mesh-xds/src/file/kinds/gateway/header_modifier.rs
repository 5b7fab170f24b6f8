//! `HTTPHeaderFilter`: headers set, added and removed.

use std::collections::HashSet;

use http::{HeaderName, HeaderValue, header::HOST};
use mesh_core::policy::{AppendAction, HeaderValueOption};

use super::schema;
use crate::file::{
    problem::NoteKind,
    reader::Val,
    schema::{Schema, enforced},
};

/// What is done to the headers of one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HeaderChanges {
    pub(super) remove: Vec<HeaderName>,
    pub(super) add: Vec<HeaderValueOption>,
}

pub(super) const SCHEMAS: &[&Schema] = &[&HEADER_FILTER, &HEADER];

static HEADER_FILTER: Schema = schema(
    "HTTPHeaderFilter",
    &[enforced("set"), enforced("add"), enforced("remove")],
);

static HEADER: Schema = schema("HTTPHeader", &[enforced("name"), enforced("value")]);

/// Only one action for a header is permitted; of several values in one list the first counts.
pub(super) fn read(value: &Val<'_>) -> Option<HeaderChanges> {
    let obj = value.object(&HEADER_FILTER)?;
    let mut changes = HeaderChanges::default();
    let mut taken: HashSet<HeaderName> = HashSet::new();
    for (field, action) in [
        ("set", AppendAction::OverwriteIfExistsOrAdd),
        ("add", AppendAction::AppendIfExistsOrAdd),
    ] {
        let mut here: HashSet<HeaderName> = HashSet::new();
        for value in obj.list(field) {
            let Some((name, text)) = header(&value) else {
                continue;
            };
            if taken.contains(&name) {
                value.fail(format!("`{name}` is changed by another list too"));
            } else if here.insert(name.clone()) {
                // A percent sign is one: the API has no operators.
                let option = HeaderValueOption::new(name, text, action);
                changes.add.push(option);
            } else {
                let message = format!("an earlier entry of the list is for `{name}` too");
                value.note(NoteKind::Ignored, message);
            }
        }
        taken.extend(here);
    }
    for value in obj.list("remove") {
        let Some(name) = value.text().and_then(|text| header_name(&value, &text)) else {
            continue;
        };
        if taken.contains(&name) {
            value.fail(format!("`{name}` is changed by another list too"));
        } else if !changes.remove.contains(&name) {
            changes.remove.push(name);
        }
    }
    Some(changes)
}

fn header(value: &Val<'_>) -> Option<(HeaderName, HeaderValue)> {
    let obj = value.object(&HEADER)?;
    let name = obj.required("name")?;
    let name = header_name(&name, &name.text()?)?;
    let value = obj.required("value")?;
    let text = value.text()?;
    let parsed = HeaderValue::from_str(&text).ok().filter(|v| !v.is_empty());
    if parsed.is_none() {
        value.fail("is no header value");
    }
    Some((name, parsed?))
}

fn header_name(value: &Val<'_>, text: &str) -> Option<HeaderName> {
    match HeaderName::from_bytes(text.as_bytes()) {
        Ok(HOST) => {
            value.fail("the host is changed by URLRewrite's hostname");
            None
        }
        Ok(name) => Some(name),
        Err(_) => {
            value.fail("is no header name");
            None
        }
    }
}
