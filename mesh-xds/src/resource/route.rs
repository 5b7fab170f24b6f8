//! `RouteConfiguration`, `VirtualHost` and `Route`.

use std::sync::Arc;

use mesh_core::{
    policy::{Name, Route, RouteAction, RouteConfiguration, TlsRequirement, VirtualHost},
    routing::validate,
};

use super::{
    filter::overrides,
    forward::forward,
    header::header_mutation,
    matcher::{list, route_match},
    mirror::request_mirrors,
    redirect::{direct_response, redirect},
    report::At,
    retry::retry_policy,
};
use crate::pb::route::{self, route::Action, virtual_host::TlsRequirementType};

pub(super) fn route_configuration(
    at: &At<'_>,
    pb: &route::RouteConfiguration,
) -> Option<RouteConfiguration> {
    let hosts = at.field("virtual_hosts");
    let routes = RouteConfiguration {
        name: pb.name.as_str().into(),
        virtual_hosts: list(&hosts, &pb.virtual_hosts, virtual_host),
        ignore_port_in_host_matching: pb.ignore_port_in_host_matching,
        headers: header_mutation!(at, pb),
        most_specific_header_mutations_wins: pb.most_specific_header_mutations_wins,
        filters: overrides(at, &pb.typed_per_filter_config),
        mirrors: request_mirrors(at, &pb.request_mirror_policies),
        origin: at.origin(),
    };
    // Here rather than when it is published, so that the resource is rejected and no other.
    if let Err(error) = validate(&routes) {
        at.fail(error.to_string());
    }
    Some(routes)
}

pub(super) fn virtual_host(at: &At<'_>, pb: &route::VirtualHost) -> Option<VirtualHost> {
    if pb.name.is_empty() {
        at.field("name").fail("is required");
    }
    let require_tls = match pb.require_tls() {
        TlsRequirementType::None => TlsRequirement::None,
        TlsRequirementType::All => TlsRequirement::All,
        TlsRequirementType::ExternalOnly => {
            // Without it plain requests would be let through.
            at.field("require_tls")
                .fail("EXTERNAL_ONLY is not supported");
            return None;
        }
    };
    Some(VirtualHost {
        name: pb.name.as_str().into(),
        domains: pb.domains.iter().map(|d| Name::from(d.as_str())).collect(),
        routes: list(&at.field("routes"), &pb.routes, one),
        require_tls,
        headers: header_mutation!(at, pb),
        retry_policy: match &pb.retry_policy {
            Some(pb) => Some(Arc::new(retry_policy(&at.field("retry_policy"), pb)?)),
            None => None,
        },
        include_request_attempt_count: pb.include_request_attempt_count,
        filters: overrides(at, &pb.typed_per_filter_config),
        mirrors: request_mirrors(at, &pb.request_mirror_policies),
        origin: at.origin(),
    })
}

fn one(at: &At<'_>, pb: &route::Route) -> Option<Route> {
    let at_match = at.field("match");
    let matches = at_match.required(pb.r#match.as_ref());
    let matches = matches.and_then(|pb| route_match(&at_match, pb));
    let action = match at.field("action").required(pb.action.as_ref())? {
        Action::Route(pb) => RouteAction::from(forward(&at.field("route"), pb)?),
        Action::Redirect(pb) => {
            RouteAction::Redirect(Box::new(redirect(&at.field("redirect"), pb)?))
        }
        Action::DirectResponse(pb) => {
            RouteAction::DirectResponse(direct_response(&at.field("direct_response"), pb)?)
        }
    };
    Some(Route {
        name: pb.name.as_str().into(),
        matches: matches?,
        action,
        headers: header_mutation!(at, pb),
        filters: overrides(at, &pb.typed_per_filter_config),
        origin: at.origin(),
    })
}
