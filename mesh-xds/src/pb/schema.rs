//! The table of all fields: what bytes and YAML are checked by.

use super::generated::schema::MESSAGES;

/// A message.
#[derive(Debug)]
pub(crate) struct Message {
    /// With its package.
    pub(crate) name: &'static str,
    /// By ascending number.
    pub(crate) fields: &'static [Field],
}

/// A field of a [`Message`].
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) number: u32,
    /// As in the `.proto` file.
    pub(crate) name: &'static str,
    /// Of one value. Not meant for fields that are not read.
    pub(crate) kind: Kind,
    pub(crate) repeated: bool,
    pub(crate) oneof: Option<&'static str>,
    pub(crate) support: Support,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Bool,
    Double,
    Int64,
    Uint32,
    Uint64,
    String,
    Bytes,
    Enum(&'static Enum),
    Message(&'static Message),
    /// With strings as keys.
    Map(&'static Kind),
    /// `google.protobuf.BoolValue` and its like.
    Wrapper(&'static Kind),
    Any,
    Duration,
    Struct,
}

/// The names of an enum.
#[derive(Debug)]
pub(crate) struct Enum {
    pub(crate) values: &'static [(&'static str, i32)],
}

/// What happens to a field; `mesh-xds/proto/README.md` says it at length.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Support {
    /// A translator reads it.
    Read,
    /// Listed as ignored, for this reason.
    Ignored(&'static str),
    /// Listed as ignored when a control plane sends it, an error in a file.
    Unsupported(&'static str),
    /// The resource is rejected.
    Rejected(&'static str),
}

impl Message {
    pub(crate) fn field(&self, number: u32) -> Option<&'static Field> {
        let index = self.fields.binary_search_by_key(&number, |f| f.number);
        self.fields.get(index.ok()?)
    }
}

/// The message of an `Any`'s type URL.
pub(crate) fn message(type_url: &str) -> Option<&'static Message> {
    let name = type_name(type_url);
    let index = MESSAGES.binary_search_by(|m| m.name.cmp(name));
    MESSAGES.get(index.ok()?).copied()
}

/// `type.googleapis.com/a.B` → `a.B`.
pub(crate) fn type_name(type_url: &str) -> &str {
    type_url.rsplit_once('/').map_or(type_url, |(_, name)| name)
}

/// All messages, for the test that no field is forgotten.
#[cfg(test)]
pub(crate) fn messages() -> &'static [&'static Message] {
    MESSAGES
}
