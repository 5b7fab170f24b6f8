use super::{FractionalPercent, Name, StringMatcher};

/// `envoy.extensions.filters.http.cors.v3.CorsPolicy`. What is absent is asked of the next less
/// specific level; the two fractions are the most specific policy's alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// Which origins are allowed; a matcher that takes `*` allows all.
    pub allow_origin: Vec<StringMatcher>,
    /// `access-control-allow-methods`; `*` answers the method asked for.
    pub allow_methods: Option<Name>,
    /// `access-control-allow-headers`; `*` answers the headers asked for.
    pub allow_headers: Option<Name>,
    /// `access-control-expose-headers`.
    pub expose_headers: Option<Name>,
    /// `access-control-max-age`.
    pub max_age: Option<Name>,
    /// `access-control-allow-credentials`; false if no level says otherwise.
    pub allow_credentials: Option<bool>,
    /// `access-control-allow-private-network`; false if no level says otherwise.
    pub allow_private_network_access: Option<bool>,
    /// Preflights from other origins go upstream; true if no level says otherwise.
    pub forward_not_matching_preflights: Option<bool>,
    /// The share of requests that the policy applies to; all by default.
    pub filter_enabled: Option<FractionalPercent>,
    /// The share of requests whose origin is only looked at; none by default.
    pub shadow_enabled: Option<FractionalPercent>,
}
