use http::HeaderName;

use super::Formatter;

/// `envoy.config.core.v3.HeaderValueOption.append_action`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AppendAction {
    /// Adds another line.
    #[default]
    AppendIfExistsOrAdd,
    /// Adds only when absent.
    AddIfAbsent,
    /// Replaces, or adds.
    OverwriteIfExistsOrAdd,
    /// Replaces only when present.
    OverwriteIfExists,
}

/// One header to set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderValueOption {
    /// The header.
    pub name: HeaderName,
    /// The value.
    pub value: Formatter,
    /// What to do when it exists.
    pub action: AppendAction,
    /// Sets the header though its value is empty; otherwise nothing is done.
    pub keep_empty_value: bool,
}

impl HeaderValueOption {
    /// A literal value.
    pub fn new(name: HeaderName, value: http::HeaderValue, action: AppendAction) -> Self {
        Self::formatted(name, value.into(), action)
    }

    /// A value with operators.
    pub const fn formatted(name: HeaderName, value: Formatter, action: AppendAction) -> Self {
        Self {
            name,
            value,
            action,
            keep_empty_value: false,
        }
    }
}

/// The header changes of one level (weighted cluster, route, virtual host, route configuration).
/// Within a level removals run first, then additions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderMutation {
    /// `request_headers_to_remove`.
    pub request_remove: Vec<HeaderName>,
    /// `request_headers_to_add`.
    pub request_add: Vec<HeaderValueOption>,
    /// `response_headers_to_remove`.
    pub response_remove: Vec<HeaderName>,
    /// `response_headers_to_add`.
    pub response_add: Vec<HeaderValueOption>,
}

impl HeaderMutation {
    /// Whether nothing changes.
    pub const fn is_empty(&self) -> bool {
        self.request_remove.is_empty()
            && self.request_add.is_empty()
            && self.response_remove.is_empty()
            && self.response_add.is_empty()
    }

    /// Whether a value of a request header has operators.
    pub fn formats_requests(&self) -> bool {
        self.request_add.iter().any(|o| o.value.literal().is_none())
    }

    /// Whether a value of a response header has operators.
    pub fn formats_responses(&self) -> bool {
        self.response_add
            .iter()
            .any(|o| o.value.literal().is_none())
    }
}

/// `envoy.config.common.mutation_rules.v3.HeaderMutation`: one change; several are made one after the
/// other, each seeing what the one before it left.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderEdit {
    /// Removes all lines of a header.
    Remove(HeaderName),
    /// Sets one.
    Append(HeaderValueOption),
}
