//! HTTP filters: what happens to a request between its route and the router, in order.

use std::sync::Arc;

use super::{Cors, Fault, HeaderEdit, Name};

/// The fault filter's canonical name.
pub const FAULT: &str = "envoy.filters.http.fault";
/// The CORS filter's canonical name.
pub const CORS: &str = "envoy.filters.http.cors";
/// The header mutation filter's canonical name.
pub const HEADER_MUTATION: &str = "envoy.filters.http.header_mutation";

/// `HttpConnectionManager.http_filters`: one filter of the chain. Requests meet them in order,
/// responses in reverse. The router, which ends every chain, is not listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpFilter {
    /// What [`FilterOverride`]s call it.
    pub name: Name,
    /// What it does.
    pub kind: HttpFilterKind,
    /// Off, unless a more specific level has a configuration for it.
    pub disabled: bool,
}

/// The filters that there are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpFilterKind {
    /// `envoy.extensions.filters.http.fault.v3.HTTPFault`; the most specific level's counts.
    Fault(Fault),
    /// `envoy.extensions.filters.http.cors.v3.Cors`: does what the levels' policies say, field by
    /// field, the most specific first.
    Cors,
    /// `envoy.extensions.filters.http.header_mutation.v3.HeaderMutation`: its own changes, then
    /// those of all levels.
    HeaderMutation {
        /// Of all requests and responses.
        mutations: Mutations,
        /// Applies the levels' changes from the least specific to the most, so that the latter win;
        /// otherwise it is the other way round.
        most_specific_header_mutations_wins: bool,
    },
}

/// `envoy.extensions.filters.http.header_mutation.v3.Mutations`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mutations {
    /// Made in requests, one after the other.
    pub request: Vec<HeaderEdit>,
    /// Made in responses.
    pub response: Vec<HeaderEdit>,
}

/// One entry of `typed_per_filter_config`: what a level (route configuration, virtual host, route,
/// weighted cluster) says to a filter. One that names no filter of the chain has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterOverride {
    /// The filter's name in the chain.
    pub name: Name,
    /// The level's configuration; `None` only switches the filter on or off.
    pub config: Option<FilterConfig>,
    /// Switches the filter off.
    pub disabled: bool,
}

/// A level's configuration of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FilterConfig {
    /// Replaces the chain's.
    Fault(Fault),
    /// `envoy.extensions.filters.http.cors.v3.CorsPolicy`.
    Cors(Arc<Cors>),
    /// `envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute`.
    HeaderMutation(Arc<Mutations>),
}

impl HttpFilter {
    /// The fault filter, which does nothing but for the routes that say so.
    pub fn fault() -> Self {
        Self::new(FAULT, HttpFilterKind::Fault(Fault::default()))
    }

    /// The CORS filter.
    pub fn cors() -> Self {
        Self::new(CORS, HttpFilterKind::Cors)
    }

    /// A filter that is on.
    pub fn new(name: impl Into<Name>, kind: HttpFilterKind) -> Self {
        Self {
            name: name.into(),
            kind,
            disabled: false,
        }
    }
}

impl FilterOverride {
    /// A configuration for the filter of that name.
    pub fn new(name: impl Into<Name>, config: FilterConfig) -> Self {
        Self {
            name: name.into(),
            config: Some(config),
            disabled: false,
        }
    }

    /// Switches a filter off.
    pub fn disabled(name: impl Into<Name>) -> Self {
        Self {
            name: name.into(),
            config: None,
            disabled: true,
        }
    }
}

impl From<Fault> for FilterOverride {
    /// For the fault filter by its canonical name.
    fn from(fault: Fault) -> Self {
        Self::new(FAULT, FilterConfig::Fault(fault))
    }
}

impl From<Cors> for FilterOverride {
    /// For the CORS filter by its canonical name.
    fn from(cors: Cors) -> Self {
        Arc::new(cors).into()
    }
}

impl From<Arc<Cors>> for FilterOverride {
    /// For the CORS filter by its canonical name.
    fn from(cors: Arc<Cors>) -> Self {
        Self::new(CORS, FilterConfig::Cors(cors))
    }
}
