//! `RouteAction`: where requests are sent, and how.

use std::{sync::Arc, time::Duration};

use mesh_core::policy::{
    ClusterNotFoundCode, ClusterSpecifier, ForwardAction, HashPolicy, HashPolicyKind, HostRewrite,
    Metadata, PathRewrite, RoutingPriority, Timeouts, UriTemplateRewrite, WeightedCluster,
    WeightedClusters,
};

use super::{
    filter::{overrides, upgrade},
    header::header_mutation,
    internal_redirect::internal_redirect,
    matcher::list,
    mirror::request_mirrors,
    report::At,
    retry::retry_policy,
    value::{
        extension, header_name, header_value, optional_duration, regex_rewrite, required_text,
        wanted_metadata,
    },
};
use crate::pb::{
    core,
    route::{
        self,
        route_action::{self as pb_action, hash_policy::PolicySpecifier},
        weighted_cluster::{ClusterWeight, RandomValueSpecifier, cluster_weight},
    },
    uri_template_rewrite::UriTemplateRewriteConfig,
};

/// Envoy's `timeout` of a route that has none.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15);

pub(super) fn forward(at: &At<'_>, pb: &route::RouteAction) -> Option<ForwardAction> {
    use pb_action::{ClusterNotFoundResponseCode as NotFound, HostRewriteSpecifier as Host};
    let cluster = cluster(at, pb);
    let path_rewrite = path_rewrite(at, pb);
    let host_rewrite = match &pb.host_rewrite_specifier {
        None | Some(Host::AutoHostRewrite(false)) => None,
        Some(Host::AutoHostRewrite(true)) => Some(HostRewrite::Auto),
        Some(Host::HostRewriteLiteral(host)) => {
            let at = at.field("host_rewrite_literal");
            header_value(&at, host.as_bytes())
                .filter(|h| !h.is_empty())
                .map(HostRewrite::Literal)
        }
        Some(Host::HostRewriteHeader(name)) => {
            header_name(&at.field("host_rewrite_header"), name).map(HostRewrite::Header)
        }
        Some(Host::HostRewritePathRegex(pb)) => {
            let rewrite = regex_rewrite(&at.field("host_rewrite_path_regex"), pb);
            rewrite.map(|(pattern, substitution)| HostRewrite::PathRegex {
                pattern,
                substitution,
            })
        }
    };
    let mut action = ForwardAction::to(cluster?);
    action.cluster_not_found = match pb.cluster_not_found_response_code() {
        NotFound::ServiceUnavailable => ClusterNotFoundCode::ServiceUnavailable,
        NotFound::NotFound => ClusterNotFoundCode::NotFound,
        NotFound::InternalServerError => ClusterNotFoundCode::InternalServerError,
    };
    action.metadata_match = metadata_match(at, pb.metadata_match.as_ref());
    action.path_rewrite = path_rewrite;
    action.host_rewrite = host_rewrite;
    action.timeouts = timeouts(at, pb);
    action.retry_policy = match &pb.retry_policy {
        Some(pb) => Some(Arc::new(retry_policy(&at.field("retry_policy"), pb)?)),
        None => None,
    };
    action.hash_policy = list(&at.field("hash_policy"), &pb.hash_policy, hash_policy);
    action.mirrors = request_mirrors(at, &pb.request_mirror_policies);
    action.append_x_forwarded_host = pb.append_x_forwarded_host;
    action.upgrades = list(
        &at.field("upgrade_configs"),
        &pb.upgrade_configs,
        |at, pb| upgrade(at, &pb.upgrade_type, pb.enabled),
    );
    action.internal_redirect = match &pb.internal_redirect_policy {
        Some(pb) => {
            let at = at.field("internal_redirect_policy");
            Some(Arc::new(internal_redirect(&at, pb)?))
        }
        None => None,
    };
    action.priority = priority(pb.priority());
    Some(action)
}

pub(super) const fn priority(pb: core::RoutingPriority) -> RoutingPriority {
    match pb {
        core::RoutingPriority::Default => RoutingPriority::Default,
        core::RoutingPriority::High => RoutingPriority::High,
    }
}

fn metadata_match(at: &At<'_>, pb: Option<&core::Metadata>) -> Metadata {
    wanted_metadata(&at.field("metadata_match"), pb)
}

fn cluster(at: &At<'_>, pb: &route::RouteAction) -> Option<ClusterSpecifier> {
    use pb_action::ClusterSpecifier as Pb;
    let specifier = at.field("cluster_specifier");
    Some(match specifier.required(pb.cluster_specifier.as_ref())? {
        Pb::Cluster(name) => ClusterSpecifier::Cluster(required_text(&at.field("cluster"), name)?),
        Pb::ClusterHeader(name) => {
            ClusterSpecifier::ClusterHeader(header_name(&at.field("cluster_header"), name)?)
        }
        Pb::WeightedClusters(pb) => {
            let at = at.field("weighted_clusters");
            let clusters = list(&at.field("clusters"), &pb.clusters, weighted);
            let mut weighted = at.ok(WeightedClusters::try_new(clusters))?;
            match &pb.random_value_specifier {
                Some(RandomValueSpecifier::HeaderName(name)) => {
                    weighted.header_name = Some(header_name(&at.field("header_name"), name)?);
                }
                Some(RandomValueSpecifier::UseHashPolicy(used)) => weighted.use_hash_policy = *used,
                None => {}
            }
            ClusterSpecifier::Weighted(weighted)
        }
    })
}

fn weighted(at: &At<'_>, pb: &ClusterWeight) -> Option<WeightedCluster> {
    let host = pb.host_rewrite_specifier.as_ref();
    let host = host.map(|cluster_weight::HostRewriteSpecifier::HostRewriteLiteral(host)| host);
    let cluster_header = match &*pb.cluster_header {
        "" => None,
        name => Some(header_name(&at.field("cluster_header"), name)?),
    };
    let name = at.field("name");
    if pb.name.is_empty() == cluster_header.is_none() {
        name.fail("either it or cluster_header is required");
    }
    Some(WeightedCluster {
        name: pb.name.as_str().into(),
        cluster_header,
        // Envoy requires it to be there.
        weight: at.field("weight").required(pb.weight)?,
        metadata_match: metadata_match(at, pb.metadata_match.as_ref()),
        headers: header_mutation!(at, pb),
        filters: overrides(at, &pb.typed_per_filter_config),
        host_rewrite_literal: host
            .filter(|host| !host.is_empty())
            .and_then(|h| header_value(&at.field("host_rewrite_literal"), h.as_bytes())),
        origin: at.origin(),
    })
}

fn path_rewrite(at: &At<'_>, pb: &route::RouteAction) -> Option<PathRewrite> {
    let prefix = (!pb.prefix_rewrite.is_empty()).then_some("prefix_rewrite");
    let regex = pb.regex_rewrite.as_ref().map(|_| "regex_rewrite");
    let template = pb
        .path_rewrite_policy
        .as_ref()
        .map(|_| "path_rewrite_policy");
    let mut given = [prefix, regex, template].into_iter().flatten();
    if let (Some(first), Some(second)) = (given.next(), given.next()) {
        at.field(second).fail(format!("excludes {first}"));
        return None;
    }
    if let Some(pb) = &pb.regex_rewrite {
        let (pattern, substitution) = regex_rewrite(&at.field("regex_rewrite"), pb)?;
        return Some(PathRewrite::Regex {
            pattern,
            substitution,
        });
    }
    if let Some(pb) = &pb.path_rewrite_policy {
        let at = at.field("path_rewrite_policy");
        let pb: UriTemplateRewriteConfig = extension(&at, pb)?;
        let template = UriTemplateRewrite::try_new(&pb.path_template_rewrite);
        let at = at.field("typed_config");
        return at
            .field("path_template_rewrite")
            .ok(template)
            .map(PathRewrite::Template);
    }
    prefix.map(|_| PathRewrite::Prefix(pb.prefix_rewrite.as_str().into()))
}

/// A `max_stream_duration`, even an empty one, switches `timeout` and `max_grpc_timeout` off.
fn timeouts(at: &At<'_>, pb: &route::RouteAction) -> Timeouts {
    let duration = |name, pb| optional_duration(&at.field(name), pb);
    let timeout = duration("timeout", pb.timeout.as_ref()).unwrap_or(DEFAULT_TIMEOUT);
    let max_grpc_timeout = duration("max_grpc_timeout", pb.max_grpc_timeout.as_ref());
    let grpc_timeout_offset = duration("grpc_timeout_offset", pb.grpc_timeout_offset.as_ref());
    let mut timeouts = Timeouts {
        idle_timeout: duration("idle_timeout", pb.idle_timeout.as_ref()),
        ..Timeouts::default()
    };
    if let Some(pb) = &pb.max_stream_duration {
        let at = at.field("max_stream_duration");
        let duration = |name, pb| optional_duration(&at.field(name), pb);
        let max = duration("max_stream_duration", pb.max_stream_duration.as_ref());
        timeouts.max_stream_duration = max.filter(|max| !max.is_zero());
        let max = pb.grpc_timeout_header_max.as_ref();
        timeouts.grpc_timeout_header_max = duration("grpc_timeout_header_max", max);
        let offset = pb.grpc_timeout_header_offset.as_ref();
        let offset = duration("grpc_timeout_header_offset", offset);
        timeouts.grpc_timeout_offset = offset.unwrap_or_default();
    } else {
        timeouts.timeout = (!timeout.is_zero()).then_some(timeout);
        timeouts.max_grpc_timeout = max_grpc_timeout;
        timeouts.grpc_timeout_offset = grpc_timeout_offset.unwrap_or_default();
    }
    timeouts
}

/// A policy without an input (one that is not read here) gives no hash.
fn hash_policy(at: &At<'_>, pb: &pb_action::HashPolicy) -> Option<HashPolicy> {
    let specifier = at.field("policy_specifier");
    let kind = match specifier.required(pb.policy_specifier.as_ref())? {
        PolicySpecifier::Header(pb) => {
            let at = at.field("header");
            let rewrite = at.field("regex_rewrite");
            HashPolicyKind::Header {
                name: header_name(&at.field("header_name"), &pb.header_name)?,
                regex_rewrite: match &pb.regex_rewrite {
                    Some(pb) => Some(regex_rewrite(&rewrite, pb)?),
                    None => None,
                },
            }
        }
        PolicySpecifier::Cookie(pb) => {
            let at = at.field("cookie");
            HashPolicyKind::Cookie {
                name: required_text(&at.field("name"), &pb.name)?,
                ttl: optional_duration(&at.field("ttl"), pb.ttl.as_ref()),
                path: pb.path.as_str().into(),
                attributes: list(&at.field("attributes"), &pb.attributes, |at, pb| {
                    let name = required_text(&at.field("name"), &pb.name)?;
                    Some((name, pb.value.as_str().into()))
                }),
            }
        }
        PolicySpecifier::ConnectionProperties(pb) if pb.source_ip => HashPolicyKind::SourceIp,
        PolicySpecifier::ConnectionProperties(_) => return None,
        PolicySpecifier::QueryParameter(pb) => {
            let at = at.field("query_parameter");
            HashPolicyKind::QueryParameter(required_text(&at.field("name"), &pb.name)?)
        }
    };
    Some(HashPolicy {
        kind,
        terminal: pb.terminal,
    })
}
