//! `RouteAction`: where requests are sent, and how.

use mesh_core::policy::{
    ClusterNotFoundCode, ClusterSpecifier, ForwardAction, HashPolicy, HashPolicyKind, HostRewrite,
    InternalRedirectPolicy, MirrorCluster, PathRewrite, RedirectPredicate, RequestMirror,
    RoutingPriority, Timeouts, WeightedCluster, WeightedClusters,
};

use super::{
    Encoder,
    filter::upgrade,
    header::lists,
    value::{duration, extension, lb_metadata, regex_rewrite},
};
use crate::pb::{
    allow_listed_routes::AllowListedRoutesConfig,
    core,
    previous_routes::PreviousRoutesConfig,
    route::{
        self,
        route_action::{
            self as pb_action, ClusterNotFoundResponseCode, HostRewriteSpecifier,
            MaxStreamDuration, RequestMirrorPolicy, hash_policy as pb_hash,
            hash_policy::PolicySpecifier,
        },
        weighted_cluster::{ClusterWeight, RandomValueSpecifier, cluster_weight},
    },
    safe_cross_scheme::SafeCrossSchemeConfig,
    uri_template_rewrite::UriTemplateRewriteConfig,
};

impl Encoder<'_> {
    pub(super) fn forward(&mut self, action: &ForwardAction) -> Option<route::RouteAction> {
        let ForwardAction {
            cluster,
            cluster_not_found,
            metadata_match,
            path_rewrite,
            host_rewrite,
            append_x_forwarded_host,
            timeouts,
            retry_policy,
            hash_policy,
            mirrors,
            internal_redirect,
            upgrades,
            priority: of,
        } = action;
        let mut pb = route::RouteAction {
            cluster_not_found_response_code: match cluster_not_found {
                ClusterNotFoundCode::ServiceUnavailable => {
                    ClusterNotFoundResponseCode::ServiceUnavailable
                }
                ClusterNotFoundCode::NotFound => ClusterNotFoundResponseCode::NotFound,
                ClusterNotFoundCode::InternalServerError => {
                    ClusterNotFoundResponseCode::InternalServerError
                }
            }
            .into(),
            metadata_match: lb_metadata(metadata_match),
            append_x_forwarded_host: *append_x_forwarded_host,
            priority: priority(*of).into(),
            cluster_specifier: Some(self.cluster_specifier(cluster)?),
            hash_policy: self.all(hash_policy, |this, policy| this.hash_policy(policy))?,
            request_mirror_policies: self.mirrors(mirrors)?,
            upgrade_configs: upgrades
                .iter()
                .map(upgrade)
                .map(|(upgrade_type, enabled)| pb_action::UpgradeConfig {
                    upgrade_type,
                    enabled,
                })
                .collect(),
            ..route::RouteAction::default()
        };
        self.timeouts(timeouts, &mut pb);
        match path_rewrite {
            None => {}
            Some(PathRewrite::Prefix(prefix)) => pb.prefix_rewrite = prefix.to_string(),
            Some(PathRewrite::Regex {
                pattern,
                substitution,
            }) => pb.regex_rewrite = Some(regex_rewrite(pattern, substitution)),
            Some(PathRewrite::Template(template)) => {
                pb.path_rewrite_policy = Some(extension(
                    "envoy.path.rewrite.uri_template.uri_template_rewriter",
                    &UriTemplateRewriteConfig {
                        path_template_rewrite: template.as_str().to_owned(),
                    },
                ));
            }
            Some(_) => return self.unknown("route.path_rewrite"),
        }
        pb.host_rewrite_specifier = match host_rewrite {
            None => None,
            Some(HostRewrite::Literal(host)) => Some(HostRewriteSpecifier::HostRewriteLiteral(
                self.text("route.host_rewrite_literal", host),
            )),
            Some(HostRewrite::Auto) => Some(HostRewriteSpecifier::AutoHostRewrite(true)),
            Some(HostRewrite::Header(name)) => {
                Some(HostRewriteSpecifier::HostRewriteHeader(name.to_string()))
            }
            Some(HostRewrite::PathRegex {
                pattern,
                substitution,
            }) => Some(HostRewriteSpecifier::HostRewritePathRegex(regex_rewrite(
                pattern,
                substitution,
            ))),
            Some(_) => return self.unknown("route.host_rewrite"),
        };
        if let Some(policy) = retry_policy {
            pb.retry_policy = Some(self.retry_policy(policy)?);
        }
        if let Some(policy) = internal_redirect {
            pb.internal_redirect_policy = Some(self.internal_redirect(policy)?);
        }
        Some(pb)
    }

    fn cluster_specifier(
        &mut self,
        specifier: &ClusterSpecifier,
    ) -> Option<pb_action::ClusterSpecifier> {
        use pb_action::ClusterSpecifier as Pb;
        Some(match specifier {
            ClusterSpecifier::Cluster(name) => Pb::Cluster(name.to_string()),
            ClusterSpecifier::ClusterHeader(name) => Pb::ClusterHeader(name.to_string()),
            ClusterSpecifier::Weighted(weighted) => Pb::WeightedClusters(self.weighted(weighted)?),
            _ => return self.unknown("route.cluster_specifier"),
        })
    }

    fn weighted(&mut self, weighted: &WeightedClusters) -> Option<route::WeightedCluster> {
        let clusters = self.all(weighted.clusters(), |this, cluster| {
            let WeightedCluster {
                name,
                cluster_header,
                weight,
                metadata_match,
                headers,
                host_rewrite_literal,
                filters,
                origin: _,
            } = cluster;
            let lists = lists(headers);
            Some(ClusterWeight {
                name: match cluster_header {
                    Some(_) => String::new(),
                    None => name.to_string(),
                },
                cluster_header: cluster_header
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                weight: Some(*weight),
                metadata_match: lb_metadata(metadata_match),
                request_headers_to_add: lists.request_add,
                request_headers_to_remove: lists.request_remove,
                response_headers_to_add: lists.response_add,
                response_headers_to_remove: lists.response_remove,
                typed_per_filter_config: this.overrides(filters)?,
                host_rewrite_specifier: host_rewrite_literal.as_ref().map(|host| {
                    let host = this.text("weighted_clusters.host_rewrite_literal", host);
                    cluster_weight::HostRewriteSpecifier::HostRewriteLiteral(host)
                }),
            })
        })?;
        let random = match (&weighted.header_name, weighted.use_hash_policy) {
            (Some(name), used) => {
                if used {
                    self.lost(
                        "weighted_clusters.use_hash_policy",
                        "xDS has it or header_name, and the latter counts",
                    );
                }
                Some(RandomValueSpecifier::HeaderName(name.to_string()))
            }
            (None, true) => Some(RandomValueSpecifier::UseHashPolicy(true)),
            (None, false) => None,
        };
        Some(route::WeightedCluster {
            clusters,
            random_value_specifier: random,
        })
    }

    /// Envoy's own `timeout` is 15 s, so that none is said as 0. gRPC reads `max_stream_duration` alone
    /// (A31), which then says the same: of a call, both count from its start to its end.
    fn timeouts(&mut self, timeouts: &Timeouts, pb: &mut route::RouteAction) {
        let Timeouts {
            timeout,
            idle_timeout,
            max_stream_duration,
            max_grpc_timeout,
            grpc_timeout_header_max,
            grpc_timeout_offset,
        } = timeouts;
        pb.idle_timeout = idle_timeout.map(duration);
        let offset = (!grpc_timeout_offset.is_zero()).then(|| duration(*grpc_timeout_offset));
        if max_stream_duration.is_some() || grpc_timeout_header_max.is_some() {
            pb.max_stream_duration = Some(MaxStreamDuration {
                max_stream_duration: max_stream_duration.map(duration),
                grpc_timeout_header_max: grpc_timeout_header_max.map(duration),
                grpc_timeout_header_offset: offset,
            });
            return;
        }
        pb.timeout = Some(duration(timeout.unwrap_or_default()));
        pb.max_grpc_timeout = max_grpc_timeout.map(duration);
        pb.grpc_timeout_offset = offset;
        if self.is_grpc() {
            pb.max_stream_duration = timeout.map(|timeout| MaxStreamDuration {
                max_stream_duration: Some(duration(timeout)),
                ..MaxStreamDuration::default()
            });
        }
    }

    fn hash_policy(&mut self, policy: &HashPolicy) -> Option<pb_action::HashPolicy> {
        let HashPolicy { kind, terminal } = policy;
        let specifier = match kind {
            HashPolicyKind::Header {
                name,
                regex_rewrite: rewrite,
            } => PolicySpecifier::Header(pb_hash::Header {
                header_name: name.to_string(),
                regex_rewrite: rewrite
                    .as_ref()
                    .map(|(pattern, substitution)| regex_rewrite(pattern, substitution)),
            }),
            HashPolicyKind::Cookie {
                name,
                ttl,
                path,
                attributes,
            } => PolicySpecifier::Cookie(pb_hash::Cookie {
                name: name.to_string(),
                ttl: ttl.map(duration),
                path: path.to_string(),
                attributes: attributes
                    .iter()
                    .map(|(name, value)| pb_hash::CookieAttribute {
                        name: name.to_string(),
                        value: value.to_string(),
                    })
                    .collect(),
            }),
            HashPolicyKind::SourceIp => {
                PolicySpecifier::ConnectionProperties(pb_hash::ConnectionProperties {
                    source_ip: true,
                })
            }
            HashPolicyKind::QueryParameter(name) => {
                PolicySpecifier::QueryParameter(pb_hash::QueryParameter {
                    name: name.to_string(),
                })
            }
            _ => return self.unknown("route.hash_policy"),
        };
        Some(pb_action::HashPolicy {
            terminal: *terminal,
            policy_specifier: Some(specifier),
        })
    }

    pub(super) fn mirrors(
        &mut self,
        mirrors: &[RequestMirror],
    ) -> Option<Vec<RequestMirrorPolicy>> {
        self.all(mirrors, |this, mirror| {
            let RequestMirror {
                cluster,
                fraction,
                disable_shadow_host_suffix_append,
                host_rewrite_literal,
                request_headers,
            } = mirror;
            let (cluster, cluster_header) = match cluster {
                MirrorCluster::Cluster(name) => (name.to_string(), String::new()),
                MirrorCluster::ClusterHeader(name) => (String::new(), name.to_string()),
                _ => return this.unknown("request_mirror_policies"),
            };
            Some(RequestMirrorPolicy {
                cluster,
                cluster_header,
                runtime_fraction: Some(this.runtime_fraction(*fraction)),
                disable_shadow_host_suffix_append: *disable_shadow_host_suffix_append,
                request_headers_mutations: this.edits(request_headers)?,
                host_rewrite_literal: match host_rewrite_literal {
                    Some(host) => this.text("request_mirror_policies.host_rewrite_literal", host),
                    None => String::new(),
                },
            })
        })
    }

    fn internal_redirect(
        &mut self,
        policy: &InternalRedirectPolicy,
    ) -> Option<route::InternalRedirectPolicy> {
        let InternalRedirectPolicy {
            max_internal_redirects,
            redirect_response_codes,
            predicates,
            allow_cross_scheme_redirect,
            response_headers_to_copy,
        } = policy;
        let predicates = self.all(predicates, |this, predicate| {
            Some(match predicate {
                RedirectPredicate::PreviousRoutes => extension(
                    "envoy.internal_redirect_predicates.previous_routes",
                    &PreviousRoutesConfig {},
                ),
                RedirectPredicate::AllowListedRoutes(names) => extension(
                    "envoy.internal_redirect_predicates.allow_listed_routes",
                    &AllowListedRoutesConfig {
                        allowed_route_names: names.iter().map(ToString::to_string).collect(),
                    },
                ),
                RedirectPredicate::SafeCrossScheme => extension(
                    "envoy.internal_redirect_predicates.safe_cross_scheme",
                    &SafeCrossSchemeConfig {},
                ),
                _ => return this.unknown("route.internal_redirect_policy"),
            })
        })?;
        let codes = redirect_response_codes.iter();
        let headers = response_headers_to_copy.iter();
        Some(route::InternalRedirectPolicy {
            max_internal_redirects: Some(*max_internal_redirects),
            redirect_response_codes: codes.map(|code| code.as_u16().into()).collect(),
            predicates,
            allow_cross_scheme_redirect: *allow_cross_scheme_redirect,
            response_headers_to_copy: headers.map(ToString::to_string).collect(),
        })
    }
}

pub(super) const fn priority(priority: RoutingPriority) -> core::RoutingPriority {
    match priority {
        RoutingPriority::Default => core::RoutingPriority::Default,
        RoutingPriority::High => core::RoutingPriority::High,
    }
}
