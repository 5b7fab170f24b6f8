//! `RouteConfiguration`, virtual hosts, routes and their actions.

use http::StatusCode;
use mesh_core::policy::{
    AppendAction, ClusterNotFoundCode, ClusterSpecifier, DirectResponse, ForwardAction,
    HeaderMutation, HeaderValueOption, HostRewrite, PathRewrite, Redirect, RedirectPath, Regex,
    Route, RouteAction, RouteConfiguration, RoutingPriority, TlsRequirement, VirtualHost,
    WeightedCluster,
};
use serde_json::{Value, json};

use super::{
    NotEnvoys,
    filters::per_filter,
    forward::{hash_policies, internal_redirect, mirrors, upgrades},
    lb_metadata,
    matching::{regex, route_match},
    resilience::{retry_policy, set_timeouts},
};
use crate::{Result, wire};

/// `envoy.config.route.v3.RouteConfiguration` in JSON.
///
/// # Errors
/// When a part has no translation.
pub fn route_configuration(config: &RouteConfiguration) -> Result<Value> {
    let RouteConfiguration {
        name,
        virtual_hosts,
        ignore_port_in_host_matching,
        headers,
        most_specific_header_mutations_wins,
        filters,
        mirrors: copies,
        origin: _,
    } = config;
    let hosts: Result<Vec<_>> = virtual_hosts
        .iter()
        .enumerate()
        .map(|(index, host)| virtual_host(index, host))
        .collect();
    let mut value = json!({
        "name": &**name,
        "virtual_hosts": hosts?,
        "ignore_port_in_host_matching": ignore_port_in_host_matching,
        "most_specific_header_mutations_wins": most_specific_header_mutations_wins,
        // A route to a cluster that does not exist is 503 NC when a request takes it.
        "validate_clusters": false,
        "typed_per_filter_config": per_filter(filters)?,
        "request_mirror_policies": mirrors(copies)?,
    });
    set_mutation(&mut value, headers);
    Ok(value)
}

fn virtual_host(index: usize, host: &VirtualHost) -> Result<Value> {
    let VirtualHost {
        // Envoy wants unique names; nothing that is compared depends on them.
        name: _,
        domains,
        routes,
        require_tls,
        headers,
        retry_policy: retries,
        include_request_attempt_count,
        filters,
        mirrors: copies,
        origin: _,
    } = host;
    let routes: Result<Vec<_>> = routes.iter().map(route).collect();
    let mut value = json!({
        "name": format!("vh{index}"),
        "domains": domains.iter().map(|d| &**d).collect::<Vec<_>>(),
        "routes": routes?,
        "require_tls": match require_tls {
            TlsRequirement::None => "NONE",
            TlsRequirement::All => "ALL",
        },
        "include_request_attempt_count": include_request_attempt_count,
        "typed_per_filter_config": per_filter(filters)?,
        "request_mirror_policies": mirrors(copies)?,
    });
    if let Some(policy) = retries {
        value["retry_policy"] = retry_policy(policy)?;
    }
    set_mutation(&mut value, headers);
    Ok(value)
}

fn route(route: &Route) -> Result<Value> {
    let Route {
        name,
        matches,
        action,
        headers,
        filters,
        origin: _,
    } = route;
    let mut value = json!({
        "name": &**name,
        "match": route_match(matches)?,
        "typed_per_filter_config": per_filter(filters)?,
    });
    match action {
        RouteAction::Forward(action) => value["route"] = forward(action)?,
        RouteAction::Redirect(redirect) => value["redirect"] = self::redirect(redirect)?,
        RouteAction::DirectResponse(DirectResponse { status, body }) => {
            value["direct_response"] = json!({"status": status.as_u16()});
            if !body.is_empty() {
                value["direct_response"]["body"] = json!({"inline_string": &**body});
            }
        }
        other => return Err(format!("{other:?} has no translation").into()),
    }
    set_mutation(&mut value, headers);
    Ok(value)
}

fn forward(action: &ForwardAction) -> Result<Value> {
    let ForwardAction {
        cluster,
        cluster_not_found,
        metadata_match,
        path_rewrite,
        host_rewrite,
        timeouts,
        retry_policy: retries,
        append_x_forwarded_host,
        hash_policy,
        mirrors: copies,
        internal_redirect: redirects,
        upgrades: upgrade_configs,
        priority,
    } = action;
    let mut value = json!({
        "cluster_not_found_response_code": match cluster_not_found {
            ClusterNotFoundCode::ServiceUnavailable => "SERVICE_UNAVAILABLE",
            ClusterNotFoundCode::NotFound => "NOT_FOUND",
            ClusterNotFoundCode::InternalServerError => "INTERNAL_SERVER_ERROR",
        },
        "priority": match priority {
            RoutingPriority::Default => "DEFAULT",
            RoutingPriority::High => "HIGH",
        },
        "append_x_forwarded_host": append_x_forwarded_host,
        "hash_policy": hash_policies(hash_policy)?,
        "request_mirror_policies": mirrors(copies)?,
        "upgrade_configs": upgrades(upgrade_configs),
    });
    if let Some(policy) = redirects {
        value["internal_redirect_policy"] = internal_redirect(policy)?;
    }
    match cluster {
        ClusterSpecifier::Cluster(name) => value["cluster"] = json!(&**name),
        ClusterSpecifier::ClusterHeader(name) => value["cluster_header"] = json!(name.as_str()),
        ClusterSpecifier::Weighted(weighted) => {
            let clusters: Result<Vec<_>> =
                weighted.clusters().iter().map(weighted_cluster).collect();
            value["weighted_clusters"] = json!({"clusters": clusters?});
            if let Some(name) = &weighted.header_name {
                value["weighted_clusters"]["header_name"] = json!(name.as_str());
            }
            if weighted.use_hash_policy {
                value["weighted_clusters"]["use_hash_policy"] = json!(true);
            }
        }
        other => return Err(format!("{other:?} has no translation").into()),
    }
    match path_rewrite {
        None => {}
        Some(PathRewrite::Prefix(to)) => value["prefix_rewrite"] = json!(&**to),
        Some(PathRewrite::Regex {
            pattern,
            substitution,
        }) => value["regex_rewrite"] = regex_rewrite(pattern, substitution),
        Some(PathRewrite::Template(rewrite)) => {
            value["path_rewrite_policy"] = json!({
                "name": "envoy.path.rewrite.uri_template.uri_template_rewriter",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig",
                    "path_template_rewrite": rewrite.as_str(),
                },
            })
        }
        Some(other) => return Err(format!("{other:?} has no translation").into()),
    }
    match host_rewrite {
        None => {}
        Some(HostRewrite::Literal(host)) => value["host_rewrite_literal"] = json!(text(host)),
        Some(HostRewrite::Auto) => value["auto_host_rewrite"] = json!(true),
        Some(HostRewrite::Header(name)) => value["host_rewrite_header"] = json!(name.as_str()),
        Some(HostRewrite::PathRegex {
            pattern,
            substitution,
        }) => value["host_rewrite_path_regex"] = regex_rewrite(pattern, substitution),
        Some(other) => return Err(format!("{other:?} has no translation").into()),
    }
    if !metadata_match.is_empty() {
        value["metadata_match"] = lb_metadata(metadata_match);
    }
    set_timeouts(&mut value, timeouts);
    if let Some(policy) = retries {
        value["retry_policy"] = retry_policy(policy)?;
    }
    Ok(value)
}

fn weighted_cluster(cluster: &WeightedCluster) -> Result<Value> {
    let WeightedCluster {
        name,
        cluster_header,
        filters,
        weight,
        metadata_match,
        headers,
        host_rewrite_literal,
        origin: _,
    } = cluster;
    let mut value = json!({"weight": weight, "typed_per_filter_config": per_filter(filters)?});
    match cluster_header {
        None => value["name"] = json!(&**name),
        Some(header) => value["cluster_header"] = json!(header.as_str()),
    }
    if let Some(host) = host_rewrite_literal {
        value["host_rewrite_literal"] = json!(text(host));
    }
    if !metadata_match.is_empty() {
        value["metadata_match"] = lb_metadata(metadata_match);
    }
    set_mutation(&mut value, headers);
    Ok(value)
}

fn redirect(redirect: &Redirect) -> Result<Value> {
    let Redirect {
        scheme,
        host,
        port,
        strip_port,
        path,
        response_code,
        strip_query,
    } = redirect;
    if *strip_port {
        return Err(NotEnvoys("strip_port").into());
    }
    let mut value = json!({"strip_query": strip_query});
    if let Some(scheme) = scheme {
        value["scheme_redirect"] = json!(&**scheme);
    }
    if let Some(host) = host {
        value["host_redirect"] = json!(&**host);
    }
    if let Some(port) = port {
        value["port_redirect"] = json!(port);
    }
    match path {
        None => {}
        Some(RedirectPath::Path(to)) => value["path_redirect"] = json!(&**to),
        Some(RedirectPath::Prefix(to)) => value["prefix_rewrite"] = json!(&**to),
        Some(RedirectPath::Regex {
            pattern,
            substitution,
        }) => value["regex_rewrite"] = regex_rewrite(pattern, substitution),
        Some(other) => return Err(format!("{other:?} has no translation").into()),
    }
    if let Some(code) = *response_code {
        value["response_code"] = json!(match code {
            StatusCode::MOVED_PERMANENTLY => "MOVED_PERMANENTLY",
            StatusCode::FOUND => "FOUND",
            StatusCode::SEE_OTHER => "SEE_OTHER",
            StatusCode::TEMPORARY_REDIRECT => "TEMPORARY_REDIRECT",
            StatusCode::PERMANENT_REDIRECT => "PERMANENT_REDIRECT",
            other => return Err(format!("{other} is no redirect").into()),
        });
    }
    Ok(value)
}

pub(super) fn regex_rewrite(pattern: &Regex, substitution: &str) -> Value {
    json!({"pattern": regex(pattern), "substitution": substitution})
}

/// Sets the four header lists that every level has.
fn set_mutation(level: &mut Value, mutation: &HeaderMutation) {
    let HeaderMutation {
        request_remove,
        request_add,
        response_remove,
        response_add,
    } = mutation;
    let names = |names: &[http::HeaderName]| -> Value {
        names.iter().map(http::HeaderName::as_str).collect()
    };
    level["request_headers_to_remove"] = names(request_remove);
    level["request_headers_to_add"] = request_add.iter().map(header_option).collect();
    level["response_headers_to_remove"] = names(response_remove);
    level["response_headers_to_add"] = response_add.iter().map(header_option).collect();
}

pub(super) fn header_option(option: &HeaderValueOption) -> Value {
    json!({
        "header": {"key": option.name.as_str(), "value": option.value.to_string()},
        "keep_empty_value": option.keep_empty_value,
        "append_action": match option.action {
            AppendAction::AppendIfExistsOrAdd => "APPEND_IF_EXISTS_OR_ADD",
            AppendAction::AddIfAbsent => "ADD_IF_ABSENT",
            AppendAction::OverwriteIfExistsOrAdd => "OVERWRITE_IF_EXISTS_OR_ADD",
            AppendAction::OverwriteIfExists => "OVERWRITE_IF_EXISTS",
        },
    })
}

pub(super) fn text(value: &http::HeaderValue) -> String {
    wire::text(value.as_bytes())
}
