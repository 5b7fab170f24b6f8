//! Header mutations: the four lists that a weighted cluster, a route, a virtual host and a route
//! configuration have alike.

use mesh_core::policy::{AppendAction, Formatter, HeaderEdit, HeaderValueOption};

use super::{
    matcher::list,
    report::At,
    value::{header_name, header_value},
};
use crate::pb::{
    core::{self, header_value_option::HeaderAppendAction},
    mutation_rules::{self, header_mutation::Action},
};

/// Reads the four lists of any message that has them.
macro_rules! header_mutation {
    ($at:expr, $pb:expr) => {
        mesh_core::policy::HeaderMutation {
            request_remove: $crate::resource::value::header_names(
                &$at.field("request_headers_to_remove"),
                &$pb.request_headers_to_remove,
            ),
            request_add: $crate::resource::header::options(
                &$at.field("request_headers_to_add"),
                &$pb.request_headers_to_add,
            ),
            response_remove: $crate::resource::value::header_names(
                &$at.field("response_headers_to_remove"),
                &$pb.response_headers_to_remove,
            ),
            response_add: $crate::resource::header::options(
                &$at.field("response_headers_to_add"),
                &$pb.response_headers_to_add,
            ),
        }
    };
}
pub(super) use header_mutation;

pub(super) fn options(at: &At<'_>, pb: &[core::HeaderValueOption]) -> Vec<HeaderValueOption> {
    list(at, pb, option)
}

/// `envoy.config.common.mutation_rules.v3.HeaderMutation`.
pub(super) fn edit(at: &At<'_>, pb: &mutation_rules::HeaderMutation) -> Option<HeaderEdit> {
    Some(match at.required(pb.action.as_ref())? {
        Action::Remove(name) => HeaderEdit::Remove(header_name(&at.field("remove"), name)?),
        Action::Append(pb) => HeaderEdit::Append(option(&at.field("append"), pb)?),
    })
}

fn option(at: &At<'_>, pb: &core::HeaderValueOption) -> Option<HeaderValueOption> {
    let header = at.field("header");
    let pb_header = header.required(pb.header.as_ref())?;
    let name = header_name(&header.field("key"), &pb_header.key)?;
    let value = match (&*pb_header.value, &*pb_header.raw_value) {
        (text, []) => header.field("value").ok(Formatter::try_new(text))?,
        ("", raw) => raw_value(&header.field("raw_value"), raw)?,
        _ => {
            header.field("value").fail("excludes raw_value");
            return None;
        }
    };
    let action = match (pb.append, pb.append_action()) {
        (Some(true), HeaderAppendAction::AppendIfExistsOrAdd)
        | (None, HeaderAppendAction::AppendIfExistsOrAdd) => AppendAction::AppendIfExistsOrAdd,
        (Some(false), HeaderAppendAction::AppendIfExistsOrAdd)
        | (None, HeaderAppendAction::OverwriteIfExistsOrAdd) => {
            AppendAction::OverwriteIfExistsOrAdd
        }
        (None, HeaderAppendAction::AddIfAbsent) => AppendAction::AddIfAbsent,
        (None, HeaderAppendAction::OverwriteIfExists) => AppendAction::OverwriteIfExists,
        (Some(_), _) => {
            at.field("append").fail("excludes append_action");
            return None;
        }
    };
    let mut option = HeaderValueOption::formatted(name, value, action);
    option.keep_empty_value = pb.keep_empty_value;
    Some(option)
}

/// Bytes that need not be text. Envoy reads operators in them too.
fn raw_value(at: &At<'_>, raw: &[u8]) -> Option<Formatter> {
    match std::str::from_utf8(raw) {
        Ok(text) => at.ok(Formatter::try_new(text)),
        Err(_) if raw.contains(&b'%') => {
            at.fail("operators are read in text only, and this is not UTF-8");
            None
        }
        Err(_) => header_value(at, raw).map(Formatter::from),
    }
}
