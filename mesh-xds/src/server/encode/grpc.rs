//! What of a policy gRPC's clients pass over, so that it is told to the operator: gRPC itself says
//! nothing (gRFC A28, A31, A44). What they would reject is left out or said in another way where it is
//! encoded.

use mesh_core::policy::{
    ClusterSpecifier, ForwardAction, HashPolicyKind, HeaderMutation, HostRewrite, RequestMirror,
    RetryOn, RetryPolicy, Route, RouteAction, Thresholds,
};

use super::Encoder;

impl Encoder<'_> {
    fn grpc(&mut self, field: &str, is_set: bool, what: &str) {
        if is_set {
            self.lost(field, what);
        }
    }

    /// What any level may say.
    pub(super) fn grpc_level(&mut self, headers: &HeaderMutation, mirrors: &[RequestMirror]) {
        self.grpc("headers", !headers.is_empty(), "gRPC changes no headers");
        self.grpc(
            "request_mirror_policies",
            !mirrors.is_empty(),
            "gRPC does not mirror",
        );
    }

    pub(super) fn grpc_route(&mut self, route: &Route) {
        self.grpc_level(&route.headers, &[]);
        let matches = &route.matches;
        self.grpc(
            "match.query_parameters",
            !matches.query_parameters.is_empty(),
            "gRPC passes over a route that has them",
        );
        self.grpc(
            "match.cookies",
            !matches.cookies.is_empty(),
            "gRPC does not compare cookies: the route takes more than it should",
        );
        match &route.action {
            RouteAction::Forward(action) => self.grpc_forward(action),
            _ => self.lost("action", "gRPC fails such calls with UNAVAILABLE"),
        }
    }

    fn grpc_forward(&mut self, action: &ForwardAction) {
        self.grpc_level(&HeaderMutation::default(), &action.mirrors);
        self.grpc(
            "route.cluster_header",
            matches!(action.cluster, ClusterSpecifier::ClusterHeader(_)),
            "gRPC passes over such a route",
        );
        if let ClusterSpecifier::Weighted(weighted) = &action.cluster {
            for cluster in weighted.clusters() {
                self.grpc_level(&cluster.headers, &[]);
                self.grpc(
                    "weighted_clusters.cluster_header",
                    cluster.cluster_header.is_some(),
                    "gRPC reads names only",
                );
                self.grpc(
                    "weighted_clusters.metadata_match",
                    !cluster.metadata_match.is_empty(),
                    "gRPC has no subsets",
                );
            }
        }
        self.grpc(
            "route.metadata_match",
            !action.metadata_match.is_empty(),
            "gRPC has no subsets",
        );
        self.grpc(
            "route.path_rewrite",
            action.path_rewrite.is_some(),
            "gRPC rewrites no paths",
        );
        self.grpc(
            "route.host_rewrite",
            matches!(&action.host_rewrite, Some(rewrite) if *rewrite != HostRewrite::Auto),
            "gRPC rewrites no hosts",
        );
        self.grpc(
            "route.idle_timeout",
            action.timeouts.idle_timeout.is_some(),
            "gRPC has no idle timeout",
        );
        self.grpc(
            "route.internal_redirect_policy",
            action.internal_redirect.is_some(),
            "gRPC follows no redirects",
        );
        let hashes_other = |kind: &HashPolicyKind| !matches!(kind, HashPolicyKind::Header { .. });
        self.grpc(
            "route.hash_policy",
            action.hash_policy.iter().any(|p| hashes_other(&p.kind)),
            "gRPC hashes headers only",
        );
    }

    /// A44: of the conditions, those of gRPC's statuses; of limits, the number of retries.
    pub(super) fn grpc_retry(&mut self, policy: &RetryPolicy) {
        const STATUSES: [RetryOn; 5] = [
            RetryOn::GRPC_CANCELLED,
            RetryOn::GRPC_DEADLINE_EXCEEDED,
            RetryOn::GRPC_RESOURCE_EXHAUSTED,
            RetryOn::GRPC_INTERNAL,
            RetryOn::GRPC_UNAVAILABLE,
        ];
        let known = STATUSES.into_iter().fold(RetryOn::NONE, RetryOn::or);
        let others = RetryOn::TOKENS.iter().filter(|(_, bit)| !known.has(*bit));
        let others: Vec<_> = others
            .filter(|(_, bit)| policy.retry_on.has(*bit))
            .map(|(token, _)| *token)
            .collect();
        if !others.is_empty() {
            let what = format!("gRPC retries by gRPC statuses, not on {}", others.join(","));
            self.lost("retry_policy.retry_on", what);
        }
        self.grpc(
            "retry_policy.per_try_timeout",
            policy.per_try_timeout.is_some(),
            "gRPC has no timeout of a try",
        );
        self.grpc(
            "retry_policy",
            policy.rate_limited_back_off.is_some() || !policy.retriable_request_headers.is_empty(),
            "gRPC reads the number of retries and the back-off only",
        );
    }

    /// A32: of the thresholds, `max_requests` of the default priority.
    pub(super) fn grpc_thresholds(&mut self, thresholds: &Thresholds) {
        let default = Thresholds::default();
        let unlimited = Thresholds::UNLIMITED;
        let limits = |pick: fn(&Thresholds) -> u32| {
            let value = pick(thresholds);
            value != pick(&default) && value != pick(&unlimited)
        };
        self.grpc(
            "circuit_breakers",
            limits(|t| t.max_connections)
                || limits(|t| t.max_pending_requests)
                || limits(|t| t.max_retries)
                || thresholds.retry_budget.is_some(),
            "of the limits gRPC reads max_requests only",
        );
    }
}
