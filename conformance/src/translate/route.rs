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
        fault,
        cors,
        origin: _,
    } = route;
    if fault.is_some() || cors.is_some() {
        return Err("per-route filter configuration has no translation".into());
    }
    let mut value = json!({"name": &**name, "match": route_match(matches)?});
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
        hash_policy,
        mirrors,
        priority,
    } = action;
    if !(metadata_match.is_empty() && hash_policy.is_empty() && mirrors.is_empty()) {
        return Err("metadata_match, hash_policy and mirrors have no translation".into());
    }
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
    });
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
        Some(other) => return Err(format!("{other:?} has no translation").into()),
    }
    match host_rewrite {
        None => {}
        Some(HostRewrite::Literal(host)) => value["host_rewrite_literal"] = json!(text(host)),
        Some(HostRewrite::Auto) => value["auto_host_rewrite"] = json!(true),
        Some(HostRewrite::Header(name)) => value["host_rewrite_header"] = json!(name.as_str()),
        Some(other) => return Err(format!("{other:?} has no translation").into()),
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
        weight,
        metadata_match,
        headers,
        host_rewrite_literal,
        origin: _,
    } = cluster;
    if !metadata_match.is_empty() {
        return Err("metadata_match has no translation".into());
    }
    let mut value = json!({"name": &**name, "weight": weight});
    if let Some(host) = host_rewrite_literal {
        value["host_rewrite_literal"] = json!(text(host));
    }
    set_mutation(&mut value, headers);
    Ok(value)
}

fn redirect(redirect: &Redirect) -> Result<Value> {
    let Redirect {
        scheme,
        host,
        port,
        path,
        response_code,
        strip_query,
    } = redirect;
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

fn regex_rewrite(pattern: &Regex, substitution: &str) -> Value {
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

fn header_option(option: &HeaderValueOption) -> Value {
    json!({
        // Ours are literal; Envoy's are formats.
        "header": {"key": option.name.as_str(), "value": text(&option.value).replace('%', "%%")},
        "append_action": match option.action {
            AppendAction::AppendIfExistsOrAdd => "APPEND_IF_EXISTS_OR_ADD",
            AppendAction::AddIfAbsent => "ADD_IF_ABSENT",
            AppendAction::OverwriteIfExistsOrAdd => "OVERWRITE_IF_EXISTS_OR_ADD",
            AppendAction::OverwriteIfExists => "OVERWRITE_IF_EXISTS",
        },
    })
}

fn text(value: &http::HeaderValue) -> String {
    wire::text(value.as_bytes())
}
