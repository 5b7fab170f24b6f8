//! What the `.proto` files say of each field behind it: `// ignored: why` and its like.

use std::collections::HashMap;

use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};

use crate::Result;

/// What happens to a field that is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Ignored,
    Unsupported,
    Rejected,
}

/// What a field's comment says.
#[derive(Clone, Debug)]
pub(crate) struct Support {
    pub(crate) level: Level,
    pub(crate) why: String,
    /// The control plane sets it, though nobody here reads it.
    pub(crate) written: bool,
}

/// By message and field number. A field that is not here is read.
pub(crate) type Supports = HashMap<(String, i32), Support>;

/// # Errors
/// When a comment is none of the three.
pub(crate) fn read(set: &FileDescriptorSet) -> Result<Supports> {
    let mut supports = Supports::new();
    for file in set
        .file
        .iter()
        .filter(|f| !f.package().starts_with("google.protobuf"))
    {
        for location in file.source_code_info.iter().flat_map(|s| &s.location) {
            let comment = location.trailing_comments().trim();
            if comment.is_empty() {
                continue;
            }
            let Some((message, number)) = field(file, &location.path) else {
                return Err(
                    format!("{}: a comment behind no field: {comment}", file.name()).into(),
                );
            };
            let (level, why) = comment.split_once(':').unwrap_or((comment, ""));
            let (level, written) = match level.strip_suffix(", written") {
                Some(level) => (level, true),
                None => (level, false),
            };
            let level = match level {
                "ignored" => Level::Ignored,
                "unsupported" => Level::Unsupported,
                "rejected" => Level::Rejected,
                other => return Err(format!("{message} {number}: no level: {other}").into()),
            };
            let why = why.trim().to_owned();
            let support = Support {
                level,
                why,
                written,
            };
            supports.insert((message, number), support);
        }
    }
    Ok(supports)
}

/// The message and field number at a path of `descriptor.proto`: 4 are a file's messages, 3 a
/// message's messages, 2 a message's fields.
fn field(file: &FileDescriptorProto, path: &[i32]) -> Option<(String, i32)> {
    let index = |i: i32| usize::try_from(i).ok();
    let [4, first, rest @ ..] = path else {
        return None;
    };
    let mut message = file.message_type.get(index(*first)?)?;
    let mut name = format!("{}.{}", file.package(), message.name());
    let mut rest = rest;
    loop {
        match rest {
            [3, nested, left @ ..] => {
                message = message.nested_type.get(index(*nested)?)?;
                name = format!("{name}.{}", message.name());
                rest = left;
            }
            [2, at] => return Some((name, message.field.get(index(*at)?)?.number())),
            _ => return None,
        }
    }
}

/// Removes fields that are neither read nor written, so that nothing is generated for them, and all comments.
pub(crate) fn strip(set: &mut FileDescriptorSet, supports: &Supports) {
    for file in &mut set.file {
        file.source_code_info = None;
        let package = file.package().to_owned();
        for message in &mut file.message_type {
            strip_message(message, &package, supports);
        }
    }
}

fn strip_message(message: &mut DescriptorProto, parent: &str, supports: &Supports) {
    let name = format!("{parent}.{}", message.name());
    message.field.retain(|f| {
        let support = supports.get(&(name.clone(), f.number()));
        support.is_none_or(|support| support.written)
    });
    // A oneof of which nothing is left must go, and the others' indexes must follow.
    let mut kept = Vec::new();
    for (old, oneof) in std::mem::take(&mut message.oneof_decl)
        .into_iter()
        .enumerate()
    {
        let members = message
            .field
            .iter_mut()
            .filter(|f| f.oneof_index.and_then(|i| usize::try_from(i).ok()) == Some(old));
        let new = i32::try_from(kept.len()).unwrap_or(i32::MAX);
        if members.map(|f| f.oneof_index = Some(new)).count() > 0 {
            kept.push(oneof);
        }
    }
    message.oneof_decl = kept;
    for nested in &mut message.nested_type {
        strip_message(nested, &name, supports);
    }
}
