use http::HeaderName;

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

/// One header to set. The value is literal: `%…%` operators are refused at the border until they
/// are evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderValueOption {
    /// The header.
    pub name: HeaderName,
    /// The literal value.
    pub value: http::HeaderValue,
    /// What to do when it exists.
    pub action: AppendAction,
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
}
