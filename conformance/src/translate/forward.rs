//! What a `RouteAction` has besides where it leads: mirrors, hashes, redirects that are followed.

use mesh_core::policy::{
    HashPolicy, HashPolicyKind, InternalRedirectPolicy, MirrorCluster, RedirectPredicate,
    RequestMirror, UpgradeConfig,
};
use serde_json::{Value, json};

use super::{
    filters::edits,
    matching::fraction,
    route::{regex_rewrite, text},
    seconds,
};
use crate::Result;

/// `request_mirror_policies`.
pub(super) fn mirrors(mirrors: &[RequestMirror]) -> Result<Value> {
    let mirrors: Result<Vec<_>> = mirrors.iter().map(mirror).collect();
    Ok(json!(mirrors?))
}

fn mirror(mirror: &RequestMirror) -> Result<Value> {
    let RequestMirror {
        cluster,
        fraction,
        disable_shadow_host_suffix_append,
        host_rewrite_literal,
        request_headers,
    } = mirror;
    let mut value = json!({
        "runtime_fraction": {"default_value": self::fraction(*fraction)?},
        "disable_shadow_host_suffix_append": disable_shadow_host_suffix_append,
        "request_headers_mutations": edits(request_headers)?,
    });
    match cluster {
        MirrorCluster::Cluster(name) => value["cluster"] = json!(&**name),
        MirrorCluster::ClusterHeader(name) => value["cluster_header"] = json!(name.as_str()),
        other => return Err(format!("{other:?} has no translation").into()),
    }
    if let Some(host) = host_rewrite_literal {
        value["host_rewrite_literal"] = json!(text(host));
    }
    Ok(value)
}

/// `hash_policy`.
pub(super) fn hash_policies(policies: &[HashPolicy]) -> Result<Value> {
    let policies: Result<Vec<_>> = policies.iter().map(hash_policy).collect();
    Ok(json!(policies?))
}

fn hash_policy(policy: &HashPolicy) -> Result<Value> {
    let HashPolicy { kind, terminal } = policy;
    let mut value = json!({"terminal": terminal});
    match kind {
        HashPolicyKind::Header {
            name,
            regex_rewrite: rewrite,
        } => {
            value["header"] = json!({"header_name": name.as_str()});
            if let Some((pattern, substitution)) = rewrite {
                value["header"]["regex_rewrite"] = regex_rewrite(pattern, substitution);
            }
        }
        HashPolicyKind::Cookie {
            name,
            ttl,
            path,
            attributes,
        } => {
            let attributes = attributes.iter();
            let attributes = attributes.map(|(n, v)| json!({"name": &**n, "value": &**v}));
            value["cookie"] = json!({
                "name": &**name,
                "path": &**path,
                "attributes": attributes.collect::<Vec<_>>(),
            });
            if let Some(ttl) = ttl {
                value["cookie"]["ttl"] = json!(seconds(*ttl));
            }
        }
        HashPolicyKind::SourceIp => value["connection_properties"] = json!({"source_ip": true}),
        HashPolicyKind::QueryParameter(name) => {
            value["query_parameter"] = json!({"name": &**name});
        }
        other => return Err(format!("{other:?} has no translation").into()),
    }
    Ok(value)
}

/// `internal_redirect_policy`.
pub(super) fn internal_redirect(policy: &InternalRedirectPolicy) -> Result<Value> {
    const PREDICATES: &str = "type.googleapis.com/envoy.extensions.internal_redirect";
    let InternalRedirectPolicy {
        max_internal_redirects,
        redirect_response_codes,
        predicates,
        allow_cross_scheme_redirect,
        response_headers_to_copy,
    } = policy;
    let predicate = |predicate: &RedirectPredicate| {
        let (name, config) = match predicate {
            RedirectPredicate::PreviousRoutes => (
                "previous_routes",
                json!({"@type": format!("{PREDICATES}.previous_routes.v3.PreviousRoutesConfig")}),
            ),
            RedirectPredicate::AllowListedRoutes(names) => (
                "allow_listed_routes",
                json!({
                    "@type": format!("{PREDICATES}.allow_listed_routes.v3.AllowListedRoutesConfig"),
                    "allowed_route_names": names.iter().map(|n| &**n).collect::<Vec<_>>(),
                }),
            ),
            RedirectPredicate::SafeCrossScheme => (
                "safe_cross_scheme",
                json!({"@type": format!("{PREDICATES}.safe_cross_scheme.v3.SafeCrossSchemeConfig")}),
            ),
            other => return Err(format!("{other:?} has no translation").into()),
        };
        let name = format!("envoy.internal_redirect_predicates.{name}");
        Ok(json!({"name": name, "typed_config": config}))
    };
    let predicates: Result<Vec<_>> = predicates.iter().map(predicate).collect();
    let codes = redirect_response_codes.iter().map(http::StatusCode::as_u16);
    let names = response_headers_to_copy.iter();
    Ok(json!({
        "max_internal_redirects": max_internal_redirects,
        "redirect_response_codes": codes.collect::<Vec<_>>(),
        "predicates": predicates?,
        "allow_cross_scheme_redirect": allow_cross_scheme_redirect,
        "response_headers_to_copy": names.map(http::HeaderName::as_str).collect::<Vec<_>>(),
    }))
}

/// `upgrade_configs`.
pub(super) fn upgrades(upgrades: &[UpgradeConfig]) -> Value {
    let upgrade = |upgrade: &UpgradeConfig| {
        let UpgradeConfig {
            upgrade_type,
            enabled,
        } = upgrade;
        json!({"upgrade_type": &**upgrade_type, "enabled": enabled})
    };
    upgrades.iter().map(upgrade).collect()
}
