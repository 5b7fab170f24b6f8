//! Header mutations.

use mesh_core::policy::{AppendAction, HeaderEdit, HeaderMutation, HeaderValueOption};

use super::Encoder;
use crate::pb::{
    core::{self, header_value_option::HeaderAppendAction},
    mutation_rules::{self, header_mutation::Action},
};

/// The four lists that a weighted cluster, a route, a virtual host and a route configuration have.
pub(super) struct Lists {
    pub(super) request_add: Vec<core::HeaderValueOption>,
    pub(super) request_remove: Vec<String>,
    pub(super) response_add: Vec<core::HeaderValueOption>,
    pub(super) response_remove: Vec<String>,
}

pub(super) fn lists(headers: &HeaderMutation) -> Lists {
    let HeaderMutation {
        request_remove,
        request_add,
        response_remove,
        response_add,
    } = headers;
    let names = |names: &[http::HeaderName]| names.iter().map(ToString::to_string).collect();
    Lists {
        request_add: request_add.iter().map(option).collect(),
        request_remove: names(request_remove),
        response_add: response_add.iter().map(option).collect(),
        response_remove: names(response_remove),
    }
}

pub(super) fn option(option: &HeaderValueOption) -> core::HeaderValueOption {
    let HeaderValueOption {
        name,
        value,
        action,
        keep_empty_value,
    } = option;
    let raw = value
        .literal()
        .filter(|value| std::str::from_utf8(value.as_bytes()).is_err());
    let header = core::HeaderValue {
        key: name.to_string(),
        value: match raw {
            Some(_) => String::new(),
            None => value.to_string(),
        },
        raw_value: raw.map(|raw| raw.as_bytes().to_vec()).unwrap_or_default(),
    };
    let action = match action {
        AppendAction::AppendIfExistsOrAdd => HeaderAppendAction::AppendIfExistsOrAdd,
        AppendAction::AddIfAbsent => HeaderAppendAction::AddIfAbsent,
        AppendAction::OverwriteIfExistsOrAdd => HeaderAppendAction::OverwriteIfExistsOrAdd,
        AppendAction::OverwriteIfExists => HeaderAppendAction::OverwriteIfExists,
    };
    core::HeaderValueOption {
        header: Some(header),
        append: None,
        append_action: action.into(),
        keep_empty_value: *keep_empty_value,
    }
}

impl Encoder<'_> {
    pub(super) fn edits(
        &mut self,
        edits: &[HeaderEdit],
    ) -> Option<Vec<mutation_rules::HeaderMutation>> {
        self.all(edits, |this, edit| {
            let action = match edit {
                HeaderEdit::Remove(name) => Action::Remove(name.to_string()),
                HeaderEdit::Append(append) => Action::Append(option(append)),
                _ => return this.unknown("header mutation"),
            };
            Some(mutation_rules::HeaderMutation {
                action: Some(action),
            })
        })
    }
}
