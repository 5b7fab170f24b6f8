use std::sync::Arc;

use http::{HeaderName, StatusCode};

use super::{
    Cors, Fault, FilterConfig, FilterOverride, HashPolicy, HeaderMutation, InternalRedirectPolicy,
    Metadata, Name, Origin, Regex, RequestMirror, RetryPolicy, RouteMatch, Timeouts, UpgradeConfig,
    UriTemplateRewrite,
};

/// `envoy.config.route.v3.RouteConfiguration`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteConfiguration {
    /// The resource's name.
    pub name: Name,
    /// Chosen by the request's host.
    pub virtual_hosts: Vec<VirtualHost>,
    /// Cuts the request's port before its host is compared. Default false; Istio sets it.
    pub ignore_port_in_host_matching: bool,
    /// Applied after the virtual host's, unless `most_specific_header_mutations_wins`.
    pub headers: HeaderMutation,
    /// Reverses the order of header mutation levels, so that the route's win. Those of a weighted
    /// cluster are applied first all the same.
    pub most_specific_header_mutations_wins: bool,
    /// `typed_per_filter_config`.
    pub filters: Vec<FilterOverride>,
    /// `request_mirror_policies`, for virtual hosts and routes that have none of their own.
    pub mirrors: Vec<RequestMirror>,
    /// Where it was configured.
    pub origin: Origin,
}

/// `envoy.config.route.v3.VirtualHost`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualHost {
    /// For people and metrics.
    pub name: Name,
    /// Exact hosts, `*.suffix`, `prefix.*` or `*`.
    pub domains: Vec<Name>,
    /// First match wins.
    pub routes: Vec<Route>,
    /// TLS demanded of callers.
    pub require_tls: TlsRequirement,
    /// Header changes for all its routes.
    pub headers: HeaderMutation,
    /// For routes that have none of their own (a route's replaces it whole).
    pub retry_policy: Option<Arc<RetryPolicy>>,
    /// Adds `x-envoy-attempt-count` to requests.
    pub include_request_attempt_count: bool,
    /// `typed_per_filter_config`.
    pub filters: Vec<FilterOverride>,
    /// `request_mirror_policies`, for routes that have none of their own.
    pub mirrors: Vec<RequestMirror>,
    /// Where it was configured.
    pub origin: Origin,
}

/// `envoy.config.route.v3.VirtualHost.TlsRequirementType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsRequirement {
    /// None.
    #[default]
    None,
    /// Plain requests are redirected to https.
    All,
}

/// `envoy.config.route.v3.Route`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// For people and metrics; may be empty.
    pub name: Name,
    /// When it applies.
    pub matches: RouteMatch,
    /// What it does.
    pub action: RouteAction,
    /// Header changes.
    pub headers: HeaderMutation,
    /// `typed_per_filter_config`: what the route says to the HTTP filters.
    pub filters: Vec<FilterOverride>,
    /// Where it was configured.
    pub origin: Origin,
}

/// `Route.action`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteAction {
    /// To a cluster.
    Forward(Box<ForwardAction>),
    /// Answered with a `Location`.
    Redirect(Box<Redirect>),
    /// Answered as configured.
    DirectResponse(DirectResponse),
}

/// `envoy.config.route.v3.RouteAction`: sends the request to a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardAction {
    /// Which cluster.
    pub cluster: ClusterSpecifier,
    /// The answer when that cluster does not exist.
    pub cluster_not_found: ClusterNotFoundCode,
    /// `metadata_match["envoy.lb"]`: the subset of the cluster's endpoints.
    pub metadata_match: Metadata,
    /// Changes the path.
    pub path_rewrite: Option<PathRewrite>,
    /// Changes the host.
    pub host_rewrite: Option<HostRewrite>,
    /// Adds the old host to `x-forwarded-host` when `host_rewrite` changes it.
    pub append_x_forwarded_host: bool,
    /// All the limits in time.
    pub timeouts: Timeouts,
    /// Replaces the virtual host's whole policy.
    pub retry_policy: Option<Arc<RetryPolicy>>,
    /// The inputs of hashing balancers, in order.
    pub hash_policy: Vec<HashPolicy>,
    /// Copies of the request to send elsewhere; when not empty, they replace the virtual host's.
    pub mirrors: Vec<RequestMirror>,
    /// Redirects that are followed in the caller's place.
    pub internal_redirect: Option<Arc<InternalRedirectPolicy>>,
    /// Replaces what the connection manager says of these upgrades.
    pub upgrades: Vec<UpgradeConfig>,
    /// Which circuit-breaker thresholds count it.
    pub priority: RoutingPriority,
}

/// `RouteAction.cluster_specifier`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClusterSpecifier {
    /// By name.
    Cluster(Name),
    /// By the first value of a request header.
    ClusterHeader(HeaderName),
    /// Drawn by weight.
    Weighted(WeightedClusters),
}

/// `envoy.config.route.v3.WeightedCluster`; the total is the sum of the weights, at least 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightedClusters {
    clusters: Vec<WeightedCluster>,
    total: u32,
    /// A request header whose unsigned integer replaces the draw.
    pub header_name: Option<HeaderName>,
    /// The hash that the route's policies make of the request replaces the draw, if there is one.
    pub use_hash_policy: bool,
}

/// `WeightedCluster.ClusterWeight`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightedCluster {
    /// The cluster.
    pub name: Name,
    /// Names it by the first value of a request header, in place of `name`.
    pub cluster_header: Option<HeaderName>,
    /// Its share of the total.
    pub weight: u32,
    /// Merged over the route's subset criteria.
    pub metadata_match: Metadata,
    /// Applied before the route's.
    pub headers: HeaderMutation,
    /// Overrides the route's host rewrite.
    pub host_rewrite_literal: Option<http::HeaderValue>,
    /// `typed_per_filter_config`, more specific than the route's.
    pub filters: Vec<FilterOverride>,
    /// Where it was configured.
    pub origin: Origin,
}

impl ClusterSpecifier {
    /// The entries to draw from, when there are several.
    pub const fn weighted(&self) -> Option<&WeightedClusters> {
        match self {
            Self::Weighted(weighted) => Some(weighted),
            _ => None,
        }
    }
}

impl WeightedCluster {
    /// A share for `name` with nothing else to it.
    pub fn new(name: impl Into<Name>, weight: u32) -> Self {
        Self {
            name: name.into(),
            cluster_header: None,
            weight,
            metadata_match: Metadata::default(),
            headers: HeaderMutation::default(),
            host_rewrite_literal: None,
            filters: Vec::new(),
            origin: Origin::Code,
        }
    }
}

/// A set of weights that cannot be drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the weights sum to {0}; the sum must be between 1 and 4294967295")]
pub struct WeightsError(pub(super) u64);

impl WeightedClusters {
    /// # Errors
    /// When the weights sum to 0 or past `u32::MAX`.
    pub fn try_new(clusters: Vec<WeightedCluster>) -> Result<Self, WeightsError> {
        let sum: u64 = clusters.iter().map(|c| u64::from(c.weight)).sum();
        match u32::try_from(sum) {
            Ok(total) if total > 0 => Ok(Self {
                clusters,
                total,
                header_name: None,
                use_hash_policy: false,
            }),
            _ => Err(WeightsError(sum)),
        }
    }

    /// The entries, in order.
    pub fn clusters(&self) -> &[WeightedCluster] {
        &self.clusters
    }

    /// The sum of the weights, at least 1.
    pub const fn total(&self) -> u32 {
        self.total
    }

    /// The entry that `value` falls on: Envoy's walk over cumulative sums, `value % total`.
    pub fn pick(&self, value: u64) -> usize {
        let mut left = value % u64::from(self.total);
        for (i, cluster) in self.clusters.iter().enumerate() {
            let weight = u64::from(cluster.weight);
            if left < weight {
                return i;
            }
            left -= weight;
        }
        // Not reached: `left` is below the sum of the weights.
        self.clusters.len() - 1
    }
}

/// `RouteAction.cluster_not_found_response_code`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClusterNotFoundCode {
    /// 503, the default.
    #[default]
    ServiceUnavailable,
    /// 404.
    NotFound,
    /// 500.
    InternalServerError,
}

/// `envoy.config.core.v3.RoutingPriority`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RoutingPriority {
    /// DEFAULT.
    #[default]
    Default,
    /// HIGH.
    High,
}

/// How the path changes; the query is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathRewrite {
    /// `prefix_rewrite`: replaces the matched prefix (the whole path for exact and regex matches).
    Prefix(Name),
    /// `regex_rewrite`: replaces every match on the path.
    Regex {
        /// What is replaced.
        pattern: Regex,
        /// With what; `\N` for groups.
        substitution: Name,
    },
    /// `path_rewrite_policy`: made of the variables of the route's
    /// [`PathMatcher::Template`](super::PathMatcher::Template).
    Template(UriTemplateRewrite),
}

/// How the host changes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostRewrite {
    /// `host_rewrite_literal`.
    Literal(http::HeaderValue),
    /// `auto_host_rewrite`: the chosen endpoint's hostname, if it has one.
    Auto,
    /// `host_rewrite_header`: the first value of a header; absent or empty leaves the host alone.
    Header(HeaderName),
    /// `host_rewrite_path_regex`: what the regex makes of the path, without its query and before it
    /// is rewritten.
    PathRegex {
        /// What is replaced.
        pattern: Regex,
        /// With what; `\N` for groups.
        substitution: Name,
    },
}

/// `envoy.config.route.v3.RedirectAction`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redirect {
    /// `https_redirect` or `scheme_redirect`.
    pub scheme: Option<Name>,
    /// `host_redirect`; drops the request's port.
    pub host: Option<Name>,
    /// `port_redirect`.
    pub port: Option<u16>,
    /// Leaves out the request's port when `port` is none, whatever it is. Gateway API means it where
    /// the new port is the scheme's own; Envoy has no such field.
    pub strip_port: bool,
    /// The new path; `None` keeps it.
    pub path: Option<RedirectPath>,
    /// 301, 302, 303, 307 or 308; `None` is 301.
    pub response_code: Option<StatusCode>,
    /// Drops the request's query.
    pub strip_query: bool,
}

/// `RedirectAction.path_rewrite_specifier`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectPath {
    /// `path_redirect`; a `?` in it replaces the query.
    Path(Name),
    /// `prefix_rewrite`.
    Prefix(Name),
    /// `regex_rewrite`.
    Regex {
        /// What is replaced.
        pattern: Regex,
        /// With what.
        substitution: Name,
    },
}

/// `envoy.config.route.v3.DirectResponseAction`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectResponse {
    /// 200 to 599.
    pub status: StatusCode,
    /// The body, at most 4096 bytes by Envoy's default.
    pub body: Name,
}

impl ForwardAction {
    /// Forwards to `cluster` with Envoy's defaults, but without its 15 s timeout: a source that
    /// wants one says so.
    pub fn to(cluster: ClusterSpecifier) -> Self {
        Self {
            cluster,
            cluster_not_found: ClusterNotFoundCode::default(),
            metadata_match: Metadata::default(),
            path_rewrite: None,
            host_rewrite: None,
            append_x_forwarded_host: false,
            timeouts: Timeouts::default(),
            retry_policy: None,
            hash_policy: Vec::new(),
            mirrors: Vec::new(),
            internal_redirect: None,
            upgrades: Vec::new(),
            priority: RoutingPriority::Default,
        }
    }

    /// With `timeouts`.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// With a retry policy.
    #[must_use]
    pub fn with_retry(mut self, policy: RetryPolicy) -> Self {
        self.retry_policy = Some(Arc::new(policy));
        self
    }
}

impl Route {
    /// A route with nothing but its match and action.
    pub fn new(matches: RouteMatch, action: RouteAction) -> Self {
        Self {
            name: Arc::from(""),
            matches,
            action,
            headers: HeaderMutation::default(),
            filters: Vec::new(),
            origin: Origin::Code,
        }
    }

    /// What the route says to the fault filter.
    pub fn fault(&self) -> Option<&Fault> {
        self.filters.iter().find_map(|f| match &f.config {
            Some(FilterConfig::Fault(fault)) => Some(fault),
            _ => None,
        })
    }

    /// What the route says to the CORS filter.
    pub fn cors(&self) -> Option<&Arc<Cors>> {
        self.filters.iter().find_map(|f| match &f.config {
            Some(FilterConfig::Cors(cors)) => Some(cors),
            _ => None,
        })
    }

    /// Sends what matches to one cluster.
    pub fn to_cluster(matches: RouteMatch, cluster: impl Into<Name>) -> Self {
        Self::new(
            matches,
            ForwardAction::to(ClusterSpecifier::Cluster(cluster.into())).into(),
        )
    }

    /// Splits what matches by weight.
    ///
    /// # Errors
    /// When the weights sum to 0 or past `u32::MAX`.
    pub fn split<N: Into<Name>>(
        matches: RouteMatch,
        weights: impl IntoIterator<Item = (N, u32)>,
    ) -> Result<Self, WeightsError> {
        let clusters = weights
            .into_iter()
            .map(|(name, weight)| WeightedCluster::new(name, weight))
            .collect();
        let weighted = WeightedClusters::try_new(clusters)?;
        Ok(Self::new(
            matches,
            ForwardAction::to(ClusterSpecifier::Weighted(weighted)).into(),
        ))
    }
}

impl From<ForwardAction> for RouteAction {
    fn from(action: ForwardAction) -> Self {
        Self::Forward(Box::new(action))
    }
}

impl VirtualHost {
    /// A virtual host with nothing but domains and routes; its name is the first domain.
    pub fn new<N: Into<Name>>(domains: impl IntoIterator<Item = N>, routes: Vec<Route>) -> Self {
        let domains: Vec<Name> = domains.into_iter().map(Into::into).collect();
        Self {
            name: domains.first().cloned().unwrap_or_else(|| Arc::from("")),
            domains,
            routes,
            require_tls: TlsRequirement::None,
            headers: HeaderMutation::default(),
            retry_policy: None,
            include_request_attempt_count: false,
            filters: Vec::new(),
            mirrors: Vec::new(),
            origin: Origin::Code,
        }
    }
}

impl RouteConfiguration {
    /// A route configuration that ignores the request's port when it compares hosts, as Istio's do.
    pub fn new(name: impl Into<Name>, virtual_hosts: Vec<VirtualHost>) -> Self {
        Self {
            name: name.into(),
            virtual_hosts,
            ignore_port_in_host_matching: true,
            headers: HeaderMutation::default(),
            most_specific_header_mutations_wins: false,
            filters: Vec::new(),
            mirrors: Vec::new(),
            origin: Origin::Code,
        }
    }
}
