use http::{HeaderName, HeaderValue};

use super::{FractionalPercent, HeaderEdit, Name};

/// `RouteAction.RequestMirrorPolicy`: a copy of the request that nobody waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestMirror {
    /// Where the copy goes.
    pub cluster: MirrorCluster,
    /// The share of requests copied.
    pub fraction: FractionalPercent,
    /// Leaves the host without the `-shadow` suffix; Istio's default.
    pub disable_shadow_host_suffix_append: bool,
    /// The copy's host, in place of the request's with its suffix.
    pub host_rewrite_literal: Option<HeaderValue>,
    /// `request_headers_mutations`: what else is changed in the copy.
    pub request_headers: Vec<HeaderEdit>,
}

/// Which cluster a copy goes to. A cluster that does not exist gets none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MirrorCluster {
    /// By name.
    Cluster(Name),
    /// By the first value of a request header; without it nothing is copied.
    ClusterHeader(HeaderName),
}

impl std::fmt::Display for MirrorCluster {
    /// The name, or the header that says it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cluster(name) => f.write_str(name),
            Self::ClusterHeader(header) => write!(f, "named by header {header}"),
        }
    }
}

impl RequestMirror {
    /// Copies every request to `cluster`.
    pub fn to(cluster: impl Into<Name>) -> Self {
        Self {
            cluster: MirrorCluster::Cluster(cluster.into()),
            fraction: FractionalPercent::ALWAYS,
            disable_shadow_host_suffix_append: false,
            host_rewrite_literal: None,
            request_headers: Vec::new(),
        }
    }
}
