//! HTTP filters and what the levels say to them.

use mesh_core::policy::{
    Abort, Cors, Delay, Fault, FilterConfig, FilterOverride, HeaderEdit, HttpFilter,
    HttpFilterKind, Mutations, StringMatcher,
};
use serde_json::{Map, Value, json};

use super::{
    matching::{fraction, string_matcher},
    route::header_option,
    seconds,
};
use crate::Result;

const FILTERS: &str = "type.googleapis.com/envoy.extensions.filters.http";

/// One entry of `http_filters`.
pub(super) fn filter(filter: &HttpFilter) -> Result<Value> {
    let HttpFilter {
        name,
        kind,
        disabled,
    } = filter;
    let config = match kind {
        HttpFilterKind::Fault(fault) => self::fault(fault)?,
        HttpFilterKind::Cors => json!({"@type": format!("{FILTERS}.cors.v3.Cors")}),
        HttpFilterKind::HeaderMutation {
            mutations,
            most_specific_header_mutations_wins,
        } => json!({
            "@type": format!("{FILTERS}.header_mutation.v3.HeaderMutation"),
            "mutations": self::mutations(mutations)?,
            "most_specific_header_mutations_wins": most_specific_header_mutations_wins,
        }),
        other => return Err(format!("{other:?} has no translation").into()),
    };
    Ok(json!({"name": &**name, "typed_config": config, "disabled": disabled}))
}

/// `typed_per_filter_config`.
pub(super) fn per_filter(overrides: &[FilterOverride]) -> Result<Value> {
    let mut all = Map::new();
    for FilterOverride {
        name,
        config,
        disabled,
    } in overrides
    {
        let config = match config {
            None => None,
            Some(FilterConfig::Fault(fault)) => Some(self::fault(fault)?),
            Some(FilterConfig::Cors(cors)) => Some(self::cors(cors)?),
            Some(FilterConfig::HeaderMutation(mutations)) => Some(json!({
                "@type": format!("{FILTERS}.header_mutation.v3.HeaderMutationPerRoute"),
                "mutations": self::mutations(mutations)?,
            })),
            Some(other) => return Err(format!("{other:?} has no translation").into()),
        };
        let mut value = json!({
            "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
            "disabled": disabled,
        });
        if let Some(config) = config {
            value["config"] = config;
        }
        if all.insert(name.to_string(), value).is_some() {
            return Err(format!("two configurations for {name}").into());
        }
    }
    Ok(Value::Object(all))
}

fn fault(fault: &Fault) -> Result<Value> {
    let Fault { delay, abort } = fault;
    let mut value = json!({"@type": format!("{FILTERS}.fault.v3.HTTPFault")});
    if let Some(Delay {
        fixed_delay,
        percentage,
    }) = delay
    {
        value["delay"] = json!({
            "fixed_delay": seconds(*fixed_delay),
            "percentage": self::fraction(*percentage)?,
        });
    }
    if let Some(Abort {
        http_status,
        percentage,
    }) = abort
    {
        value["abort"] = json!({
            "http_status": http_status.as_u16(),
            "percentage": self::fraction(*percentage)?,
        });
    }
    Ok(value)
}

fn cors(cors: &Cors) -> Result<Value> {
    let Cors {
        allow_origin,
        allow_methods,
        allow_headers,
        expose_headers,
        max_age,
        allow_credentials,
        allow_private_network_access,
        forward_not_matching_preflights,
        filter_enabled,
        shadow_enabled,
    } = cors;
    let origins: Result<Vec<_>> = allow_origin
        .iter()
        .map(|matcher: &StringMatcher| string_matcher(matcher))
        .collect();
    let mut value = json!({
        "@type": format!("{FILTERS}.cors.v3.CorsPolicy"),
        "allow_origin_string_match": origins?,
    });
    for (name, text) in [
        ("allow_methods", allow_methods),
        ("allow_headers", allow_headers),
        ("expose_headers", expose_headers),
        ("max_age", max_age),
    ] {
        if let Some(text) = text {
            value[name] = json!(&**text);
        }
    }
    for (name, flag) in [
        ("allow_credentials", allow_credentials),
        ("allow_private_network_access", allow_private_network_access),
        (
            "forward_not_matching_preflights",
            forward_not_matching_preflights,
        ),
    ] {
        if let Some(flag) = flag {
            value[name] = json!(flag);
        }
    }
    for (name, fraction) in [
        ("filter_enabled", filter_enabled),
        ("shadow_enabled", shadow_enabled),
    ] {
        if let Some(fraction) = fraction {
            value[name] = json!({"default_value": self::fraction(*fraction)?});
        }
    }
    Ok(value)
}

fn mutations(mutations: &Mutations) -> Result<Value> {
    let Mutations { request, response } = mutations;
    Ok(json!({
        "request_mutations": edits(request)?,
        "response_mutations": edits(response)?,
    }))
}

pub(super) fn edits(edits: &[HeaderEdit]) -> Result<Value> {
    let edits: Result<Vec<_>> = edits
        .iter()
        .map(|edit| match edit {
            HeaderEdit::Remove(name) => Ok(json!({"remove": name.as_str()})),
            HeaderEdit::Append(option) => Ok(json!({"append": header_option(option)})),
            other => Err(format!("{other:?} has no translation").into()),
        })
        .collect();
    Ok(json!(edits?))
}
