//! HTTP filters: the list of a connection manager, and what levels say to them.

use std::collections::BTreeMap;

use mesh_core::policy::{
    Cors, Fault, FilterConfig, FilterOverride, HttpFilter, HttpFilterKind, Mutations, UpgradeConfig,
};

use super::{
    Encoder,
    value::{any, duration},
};
use crate::pb::{
    self,
    common_fault::{FaultDelay, fault_delay::FaultDelaySecifier},
    cors::CorsPolicy,
    fault::{FaultAbort, HttpFault, fault_abort::ErrorType},
    header_mutation::{self, HeaderMutation, HeaderMutationPerRoute},
    http_connection_manager::{self, http_filter::ConfigType},
    protobuf::Any,
    route,
};

const ROUTER: &str = "envoy.filters.http.router";

impl Encoder<'_> {
    /// With the router at the end.
    pub(super) fn http_filters(
        &mut self,
        filters: &[HttpFilter],
    ) -> Option<Vec<http_connection_manager::HttpFilter>> {
        let mut all = Vec::new();
        for HttpFilter {
            name,
            kind,
            disabled,
        } in filters
        {
            let config = match kind {
                HttpFilterKind::Fault(fault) => any(&self.fault(fault)),
                HttpFilterKind::Cors => any(&pb::cors::Cors {}),
                HttpFilterKind::HeaderMutation {
                    mutations,
                    most_specific_header_mutations_wins,
                } => any(&HeaderMutation {
                    mutations: Some(self.mutations(mutations)?),
                    most_specific_header_mutations_wins: *most_specific_header_mutations_wins,
                }),
                _ => return self.unknown("http_filters"),
            };
            // Of these, gRPC knows the fault filter alone, and rejects the others.
            if self.is_grpc() && !matches!(kind, HttpFilterKind::Fault(_)) {
                // CORS does nothing but for the routes that say so, where it is told.
                if *kind != HttpFilterKind::Cors {
                    self.lost("http_filters", format!("gRPC has no filter {name}"));
                }
                continue;
            }
            all.push(http_filter(name, config, *disabled));
        }
        all.push(http_filter(ROUTER, any(&pb::router::Router {}), false));
        Some(all)
    }

    /// `typed_per_filter_config` of one level.
    pub(super) fn overrides(
        &mut self,
        overrides: &[FilterOverride],
    ) -> Option<BTreeMap<String, Any>> {
        let mut all = BTreeMap::new();
        for FilterOverride {
            name,
            config,
            disabled,
        } in overrides
        {
            let known = match config {
                None => None,
                Some(FilterConfig::Fault(fault)) => Some(any(&self.fault(fault))),
                Some(FilterConfig::Cors(cors)) => Some(any(&self.cors(cors)?)),
                Some(FilterConfig::HeaderMutation(mutations)) => {
                    Some(any(&HeaderMutationPerRoute {
                        mutations: Some(self.mutations(mutations)?),
                    }))
                }
                Some(_) => return self.unknown("typed_per_filter_config"),
            };
            if self.is_grpc() && matches!(config, Some(c) if !matches!(c, FilterConfig::Fault(_))) {
                self.lost(
                    "typed_per_filter_config",
                    format!("gRPC has no filter {name}"),
                );
                continue;
            }
            let value = match known {
                Some(config) if !disabled => config,
                config => any(&route::FilterConfig {
                    config,
                    is_optional: false,
                    disabled: *disabled,
                }),
            };
            if all.insert(name.to_string(), value).is_some() {
                self.lost(
                    "typed_per_filter_config",
                    format!("says two things to {name}, and the last counts"),
                );
            }
        }
        Some(all)
    }

    fn fault(&mut self, fault: &Fault) -> HttpFault {
        let Fault { delay, abort } = fault;
        HttpFault {
            delay: delay.as_ref().map(|delay| FaultDelay {
                percentage: Some(self.fraction(delay.percentage)),
                fault_delay_secifier: Some(FaultDelaySecifier::FixedDelay(duration(
                    delay.fixed_delay,
                ))),
            }),
            abort: abort.as_ref().map(|abort| FaultAbort {
                percentage: Some(self.fraction(abort.percentage)),
                error_type: Some(ErrorType::HttpStatus(abort.http_status.as_u16().into())),
            }),
        }
    }

    fn cors(&mut self, cors: &Cors) -> Option<CorsPolicy> {
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
        let text =
            |text: &Option<mesh_core::policy::Name>| text.as_deref().unwrap_or_default().to_owned();
        Some(CorsPolicy {
            allow_origin_string_match: self.all(allow_origin, |this, m| this.string(m))?,
            allow_methods: text(allow_methods),
            allow_headers: text(allow_headers),
            expose_headers: text(expose_headers),
            max_age: text(max_age),
            allow_credentials: *allow_credentials,
            filter_enabled: filter_enabled.map(|f| self.runtime_fraction(f)),
            shadow_enabled: shadow_enabled.map(|f| self.runtime_fraction(f)),
            allow_private_network_access: *allow_private_network_access,
            forward_not_matching_preflights: *forward_not_matching_preflights,
        })
    }

    fn mutations(&mut self, mutations: &Mutations) -> Option<header_mutation::Mutations> {
        let Mutations { request, response } = mutations;
        Some(header_mutation::Mutations {
            request_mutations: self.edits(request)?,
            response_mutations: self.edits(response)?,
        })
    }
}

fn http_filter(name: &str, config: Any, disabled: bool) -> http_connection_manager::HttpFilter {
    http_connection_manager::HttpFilter {
        name: name.to_owned(),
        is_optional: false,
        disabled,
        config_type: Some(ConfigType::TypedConfig(config)),
    }
}

/// A name and whether it is enabled, of one entry of `upgrade_configs`.
pub(super) fn upgrade(upgrade: &UpgradeConfig) -> (String, Option<bool>) {
    let UpgradeConfig {
        upgrade_type,
        enabled,
    } = upgrade;
    (upgrade_type.to_string(), Some(*enabled))
}
