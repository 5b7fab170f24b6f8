use http::{HeaderName, StatusCode};

use super::Name;

/// `envoy.config.route.v3.InternalRedirectPolicy`: redirects that the mesh follows in the caller's
/// place. One that may not be followed goes to the caller as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InternalRedirectPolicy {
    /// How often one request is redirected at most.
    pub max_internal_redirects: u32,
    /// Which of 301, 302, 303, 307 and 308 are followed.
    pub redirect_response_codes: Vec<StatusCode>,
    /// All must accept the new route.
    pub predicates: Vec<RedirectPredicate>,
    /// Follows from http to https and back.
    pub allow_cross_scheme_redirect: bool,
    /// Response headers that the redirected request carries; one that the response lacks is removed.
    pub response_headers_to_copy: Vec<HeaderName>,
}

/// `envoy.internal_redirect_predicates`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectPredicate {
    /// `previous_routes`: a route that this one has redirected to before is not taken again.
    PreviousRoutes,
    /// `allow_listed_routes`: only routes of these names.
    AllowListedRoutes(Vec<Name>),
    /// `safe_cross_scheme`: from http to https is not followed.
    SafeCrossScheme,
}

impl Default for InternalRedirectPolicy {
    /// Envoy's: one redirect by 302, scheme unchanged.
    fn default() -> Self {
        Self {
            max_internal_redirects: 1,
            redirect_response_codes: vec![StatusCode::FOUND],
            predicates: Vec::new(),
            allow_cross_scheme_redirect: false,
            response_headers_to_copy: Vec::new(),
        }
    }
}
