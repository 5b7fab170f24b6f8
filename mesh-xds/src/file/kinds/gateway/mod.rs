//! The Kubernetes Gateway API's kinds for a mesh (GAMMA): `HTTPRoute`, `GRPCRoute`,
//! `ReferenceGrant`. Both routes are read into one [`GatewayRoute`], for they differ in what they
//! match and in which filters they know, not in what a rule is.

mod cors;
mod filter;
mod grpc_route;
mod header_modifier;
mod http_match;
mod http_route;
mod reference;
mod reference_grant;
mod retry;
mod url;

use std::{sync::Arc, time::Duration};

use mesh_core::policy::{RetryPolicy, RouteMatch};

pub(crate) use self::{
    filter::{Filters, Mirror},
    reference::{Backend, ParentRef, Target},
    reference_grant::ReferenceGrant,
    url::{PathModifier, RequestRedirect},
};
use super::Resource;
use crate::file::{
    problem::At,
    reader::Val,
    schema::{Api, Field, Schema},
};

/// The API group of all kinds here.
pub(crate) const GROUP: &str = "gateway.networking.k8s.io";

/// The kinds that are read, and the versions they have had.
pub(super) const KINDS: [(&str, &[&str]); 3] = [
    ("HTTPRoute", &["v1", "v1beta1", "v1alpha2"]),
    ("GRPCRoute", &["v1", "v1alpha2"]),
    ("ReferenceGrant", &["v1", "v1beta1", "v1alpha2"]),
];

/// Which kind a [`GatewayRoute`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RouteKind {
    Http,
    Grpc,
}

/// The spec of an `HTTPRoute` or a `GRPCRoute`.
#[derive(Debug)]
pub(crate) struct GatewayRoute {
    pub(crate) kind: RouteKind,
    pub(crate) parents: Vec<ParentRef>,
    pub(crate) rules: Vec<Rule>,
}

/// `HTTPRouteRule` or `GRPCRouteRule`.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) at: At,
    pub(crate) name: Option<Arc<str>>,
    /// Any of them; at least one.
    pub(crate) matches: Vec<Match>,
    pub(crate) filters: Filters,
    pub(crate) backends: Vec<Backend>,
    /// `timeouts.request`; 0 is none.
    pub(crate) request_timeout: Option<Duration>,
    /// `timeouts.backendRequest`; 0 is none.
    pub(crate) backend_timeout: Option<Duration>,
    /// The `retry` stanza.
    pub(crate) retry: Option<RetryPolicy>,
}

/// One entry of `matches`.
#[derive(Debug)]
pub(crate) struct Match {
    pub(crate) at: At,
    pub(crate) matches: RouteMatch,
    /// How specific it is: of two that match, the greater wins.
    pub(crate) rank: [usize; 5],
}

impl Rule {
    /// Where it sends requests, and copies of them.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &Target> {
        let backends = self.backends.iter();
        let lists = std::iter::once(&self.filters).chain(backends.clone().map(|b| &b.filters));
        let mirrors = lists.flat_map(|filters| filters.mirrors.iter().map(|m| &m.target));
        backends.map(|b| &b.target).chain(mirrors)
    }
}

impl RouteKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTPRoute",
            Self::Grpc => "GRPCRoute",
        }
    }

    /// What a request gets whose backend is invalid: 500, or UNAVAILABLE, which is 503's.
    pub(crate) const fn invalid_backend(self) -> http::StatusCode {
        match self {
            Self::Http => http::StatusCode::INTERNAL_SERVER_ERROR,
            Self::Grpc => http::StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

pub(super) fn schemas() -> Vec<&'static Schema> {
    [
        http_route::SCHEMAS,
        http_match::SCHEMAS,
        grpc_route::SCHEMAS,
        filter::SCHEMAS,
        header_modifier::SCHEMAS,
        url::SCHEMAS,
        cors::SCHEMAS,
        retry::SCHEMAS,
        reference::SCHEMAS,
        reference_grant::SCHEMAS,
    ]
    .concat()
}

/// Reads the spec of one of [`KINDS`].
pub(super) fn read(kind: &str, spec: &Val<'_>) -> Option<Resource> {
    Some(match kind {
        "HTTPRoute" => Resource::GatewayRoute(http_route::read(spec)?),
        "GRPCRoute" => Resource::GatewayRoute(grpc_route::read(spec)?),
        _ => Resource::ReferenceGrant(reference_grant::read(spec)?),
    })
}

/// A message of this API.
const fn schema(name: &'static str, fields: &'static [Field]) -> Schema {
    Schema::of(Api::Gateway, name, fields)
}

/// Rules' names are unique within a route.
fn check_names(rules: &[(Option<Arc<str>>, Val<'_>)]) {
    for (i, (name, value)) in rules.iter().enumerate() {
        if name.is_some() && rules[..i].iter().any(|(n, _)| n == name) {
            let name = name.as_deref().unwrap_or_default();
            value.fail(format!("rule name `{name}` is used already"));
        }
    }
}
