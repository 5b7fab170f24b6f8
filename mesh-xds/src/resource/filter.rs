//! HTTP filters: the list of a connection manager, and what levels say to them.

use std::{collections::BTreeMap, sync::Arc};

use http::StatusCode;
use mesh_core::policy::{
    Abort, Cors, Delay, Fault, FilterConfig, FilterOverride, FractionalPercent, HttpFilter,
    HttpFilterKind, Mutations, UpgradeConfig,
};

use super::{
    header::edit,
    matcher::{list, string},
    report::At,
    value::{fraction, is, positive, required_text, runtime_fraction, text, unpack},
};
use crate::pb::{
    self,
    common_fault::fault_delay::FaultDelaySecifier,
    cors::CorsPolicy,
    fault::{HttpFault, fault_abort::ErrorType},
    header_mutation::{self, HeaderMutation, HeaderMutationPerRoute},
    http_connection_manager::{self, http_filter::ConfigType},
    protobuf::Any,
    route,
    schema::type_name,
};

/// By gRFC A39: names are there and unique, the router is last and only there, and a filter that is
/// not known is an error unless it `is_optional`.
pub(super) fn http_filters(
    at: &At<'_>,
    pb: &[http_connection_manager::HttpFilter],
) -> Vec<HttpFilter> {
    let at = at.field("http_filters");
    let mut found = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    let mut router = false;
    for (i, pb) in pb.iter().enumerate() {
        let at = at.index(i);
        if pb.name.is_empty() || names.contains(&&*pb.name) {
            at.field("name").fail("must be there and be unique");
        }
        names.push(&pb.name);
        let config = at.field("typed_config");
        let Some(ConfigType::TypedConfig(any)) = &pb.config_type else {
            config.fail("is required");
            continue;
        };
        if router {
            at.fail("comes after the router, which must be last");
        }
        if is::<pb::router::Router>(any) {
            router = true;
            if pb.disabled {
                at.field("disabled").fail("the router cannot be disabled");
            }
        } else if let Some(kind) = kind(&config, any, pb.is_optional) {
            let mut filter = HttpFilter::new(pb.name.as_str(), kind);
            filter.disabled = pb.disabled;
            found.push(filter);
        }
    }
    if !router {
        at.fail("the last filter must be the router");
    }
    found
}

fn kind(at: &At<'_>, any: &Any, is_optional: bool) -> Option<HttpFilterKind> {
    if is::<HttpFault>(any) {
        return unpack::<HttpFault>(at, any).map(|pb| HttpFilterKind::Fault(fault(at, &pb)));
    }
    if is::<pb::cors::Cors>(any) {
        return unpack::<pb::cors::Cors>(at, any).map(|_| HttpFilterKind::Cors);
    }
    if is::<HeaderMutation>(any) {
        let pb = unpack::<HeaderMutation>(at, any)?;
        return Some(HttpFilterKind::HeaderMutation {
            mutations: mutations(&at.field("mutations"), pb.mutations.as_ref()),
            most_specific_header_mutations_wins: pb.most_specific_header_mutations_wins,
        });
    }
    unknown(at, any, is_optional);
    None
}

fn unknown(at: &At<'_>, any: &Any, is_optional: bool) {
    let name = type_name(&any.type_url);
    match is_optional {
        true => at.ignored(format!("{name} is optional, and not known")),
        false => at.fail(format!("{name} is not supported")),
    }
}

/// `typed_per_filter_config` of one level.
pub(super) fn overrides(at: &At<'_>, pb: &BTreeMap<String, Any>) -> Vec<FilterOverride> {
    let at = at.field("typed_per_filter_config");
    let one = |(name, any): (&String, &Any)| filter_override(&at.key(name), name, any);
    pb.iter().filter_map(one).collect()
}

fn filter_override(at: &At<'_>, name: &str, any: &Any) -> Option<FilterOverride> {
    if !is::<route::FilterConfig>(any) {
        return Some(FilterOverride::new(name, config(at, any, false)?));
    }
    let pb = unpack::<route::FilterConfig>(at, any)?;
    let at_config = at.field("config");
    match &pb.config {
        Some(any) => {
            let config = config(&at_config, any, pb.is_optional)?;
            let mut found = FilterOverride::new(name, config);
            found.disabled = pb.disabled;
            Some(found)
        }
        // Switched on without a configuration: the chain's counts.
        None => {
            let mut found = FilterOverride::disabled(name);
            found.disabled = pb.disabled;
            Some(found)
        }
    }
}

fn config(at: &At<'_>, any: &Any, is_optional: bool) -> Option<FilterConfig> {
    if is::<HttpFault>(any) {
        return unpack::<HttpFault>(at, any).map(|pb| FilterConfig::Fault(fault(at, &pb)));
    }
    if is::<CorsPolicy>(any) {
        return Some(FilterConfig::Cors(Arc::new(cors(at, &unpack(at, any)?)?)));
    }
    if is::<HeaderMutationPerRoute>(any) {
        let pb = unpack::<HeaderMutationPerRoute>(at, any)?;
        let mutations = mutations(&at.field("mutations"), pb.mutations.as_ref());
        return Some(FilterConfig::HeaderMutation(Arc::new(mutations)));
    }
    unknown(at, any, is_optional);
    None
}

fn mutations(at: &At<'_>, pb: Option<&header_mutation::Mutations>) -> Mutations {
    let Some(pb) = pb else {
        return Mutations::default();
    };
    Mutations {
        request: list(&at.field("request_mutations"), &pb.request_mutations, edit),
        response: list(
            &at.field("response_mutations"),
            &pb.response_mutations,
            edit,
        ),
    }
}

/// A `upgrade_configs` entry, of a connection manager or a route; enabled unless it says otherwise.
pub(super) fn upgrade(at: &At<'_>, name: &str, enabled: Option<bool>) -> Option<UpgradeConfig> {
    Some(UpgradeConfig {
        upgrade_type: required_text(&at.field("upgrade_type"), name)?,
        enabled: enabled.unwrap_or(true),
    })
}

fn fault(at: &At<'_>, pb: &HttpFault) -> Fault {
    let delay = pb.delay.as_ref().and_then(|pb| {
        let at = at.field("delay");
        let FaultDelaySecifier::FixedDelay(delay) = pb.fault_delay_secifier.as_ref()?;
        let delay = positive(&at.field("fixed_delay"), Some(delay))?;
        Some(Delay {
            fixed_delay: delay,
            percentage: share(pb.percentage),
        })
    });
    let abort = pb.abort.as_ref().and_then(|pb| {
        let at = at.field("abort");
        let ErrorType::HttpStatus(status) = pb.error_type.as_ref()?;
        let status = u16::try_from(*status)
            .ok()
            .filter(|s| (200..600).contains(s));
        let status = status.and_then(|s| StatusCode::from_u16(s).ok());
        if status.is_none() {
            at.field("http_status").fail("must be from 200 to 599");
        }
        Some(Abort {
            http_status: status?,
            percentage: share(pb.percentage),
        })
    });
    Fault { delay, abort }
}

/// Nobody's share, if there is none.
fn share(pb: Option<pb::types::FractionalPercent>) -> FractionalPercent {
    pb.map_or(FractionalPercent::per_hundred(0), fraction)
}

fn cors(at: &At<'_>, pb: &CorsPolicy) -> Option<Cors> {
    let origins = at.field("allow_origin_string_match");
    let share = |name, pb: &Option<pb::core::RuntimeFractionalPercent>| match pb {
        Some(pb) => runtime_fraction(&at.field(name), pb).map(Some),
        None => Some(None),
    };
    Some(Cors {
        allow_origin: list(&origins, &pb.allow_origin_string_match, string),
        allow_methods: text(&pb.allow_methods),
        allow_headers: text(&pb.allow_headers),
        expose_headers: text(&pb.expose_headers),
        max_age: text(&pb.max_age),
        allow_credentials: pb.allow_credentials,
        allow_private_network_access: pb.allow_private_network_access,
        forward_not_matching_preflights: pb.forward_not_matching_preflights,
        filter_enabled: share("filter_enabled", &pb.filter_enabled)?,
        shadow_enabled: share("shadow_enabled", &pb.shadow_enabled)?,
    })
}
