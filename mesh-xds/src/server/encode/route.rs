//! `RouteConfiguration`, `VirtualHost` and `Route`.

use std::collections::HashSet;

use http::StatusCode;
use mesh_core::policy::{
    DirectResponse, Name, Redirect, RedirectPath, Route, RouteAction, RouteConfiguration,
    TlsRequirement, VirtualHost,
};

use super::{Encoder, header::lists, value::regex_rewrite};
use crate::pb::{
    core::{DataSource, data_source::Specifier},
    route::{
        self, DirectResponseAction, RedirectAction,
        redirect_action::{PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier},
        route::Action,
        virtual_host::TlsRequirementType,
    },
};

impl Encoder<'_> {
    pub(super) fn route_configuration(
        &mut self,
        routes: &RouteConfiguration,
    ) -> Option<route::RouteConfiguration> {
        let RouteConfiguration {
            name,
            virtual_hosts,
            ignore_port_in_host_matching,
            headers,
            most_specific_header_mutations_wins,
            filters,
            mirrors,
            origin,
        } = routes;
        self.enter(origin);
        let mut hosts = Vec::with_capacity(virtual_hosts.len());
        let mut names = HashSet::new();
        for (index, host) in virtual_hosts.iter().enumerate() {
            // Envoy wants them to be unique. They are for people.
            let unique = !host.name.is_empty() && names.insert(&*host.name);
            let name = if unique {
                host.name.to_string()
            } else {
                format!("{}#{index}", host.name)
            };
            hosts.push(self.virtual_host(host, name)?);
        }
        self.enter(origin);
        let lists = lists(headers);
        if self.is_grpc() {
            self.grpc_level(headers, mirrors);
        }
        Some(route::RouteConfiguration {
            name: name.to_string(),
            virtual_hosts: hosts,
            response_headers_to_add: lists.response_add,
            response_headers_to_remove: lists.response_remove,
            request_headers_to_add: lists.request_add,
            request_headers_to_remove: lists.request_remove,
            most_specific_header_mutations_wins: *most_specific_header_mutations_wins,
            request_mirror_policies: self.mirrors(mirrors)?,
            ignore_port_in_host_matching: *ignore_port_in_host_matching,
            typed_per_filter_config: self.overrides(filters)?,
        })
    }

    fn virtual_host(&mut self, host: &VirtualHost, name: String) -> Option<route::VirtualHost> {
        let VirtualHost {
            name: _,
            domains,
            routes,
            require_tls,
            headers,
            retry_policy,
            include_request_attempt_count,
            filters,
            mirrors,
            origin,
        } = host;
        self.enter(origin);
        let lists = lists(headers);
        if self.is_grpc() {
            self.grpc_level(headers, mirrors);
            if *require_tls == TlsRequirement::All {
                self.lost("require_tls", "gRPC does not read it");
            }
        }
        let retry_policy = match retry_policy {
            Some(policy) => Some(self.retry_policy(policy)?),
            None => None,
        };
        let filters = self.overrides(filters)?;
        let mirrors = self.mirrors(mirrors)?;
        let mut encoded = Vec::with_capacity(routes.len());
        for route in routes {
            self.enter(&route.origin);
            encoded.push(self.route(route)?);
        }
        Some(route::VirtualHost {
            name,
            domains: domains.iter().map(ToString::to_string).collect(),
            routes: encoded,
            require_tls: match require_tls {
                TlsRequirement::None => TlsRequirementType::None,
                TlsRequirement::All => TlsRequirementType::All,
            }
            .into(),
            request_headers_to_add: lists.request_add,
            request_headers_to_remove: lists.request_remove,
            response_headers_to_add: lists.response_add,
            response_headers_to_remove: lists.response_remove,
            typed_per_filter_config: filters,
            include_request_attempt_count: *include_request_attempt_count,
            retry_policy,
            request_mirror_policies: mirrors,
        })
    }

    fn route(&mut self, route: &Route) -> Option<route::Route> {
        let Route {
            name,
            matches,
            action,
            headers,
            filters,
            origin: _,
        } = route;
        if self.is_grpc() {
            self.grpc_route(route);
        }
        let lists = lists(headers);
        let action = match action {
            RouteAction::Forward(action) => Action::Route(self.forward(action)?),
            RouteAction::Redirect(redirect) => Action::Redirect(self.redirect(redirect)?),
            RouteAction::DirectResponse(response) => {
                Action::DirectResponse(direct_response(response))
            }
            _ => return self.unknown("action"),
        };
        Some(route::Route {
            name: name.to_string(),
            r#match: Some(self.route_match(matches)?),
            typed_per_filter_config: self.overrides(filters)?,
            request_headers_to_add: lists.request_add,
            request_headers_to_remove: lists.request_remove,
            response_headers_to_add: lists.response_add,
            response_headers_to_remove: lists.response_remove,
            action: Some(action),
        })
    }

    fn redirect(&mut self, redirect: &Redirect) -> Option<RedirectAction> {
        let Redirect {
            scheme,
            host,
            port,
            strip_port,
            path,
            response_code,
            strip_query,
        } = redirect;
        if *strip_port && port.is_none() {
            self.lost(
                "redirect.strip_port",
                "xDS has no such field: the request's own port stays in the location",
            );
        }
        let path = match path {
            None => None,
            Some(RedirectPath::Path(path)) => {
                Some(PathRewriteSpecifier::PathRedirect(path.to_string()))
            }
            Some(RedirectPath::Prefix(prefix)) => {
                Some(PathRewriteSpecifier::PrefixRewrite(prefix.to_string()))
            }
            Some(RedirectPath::Regex {
                pattern,
                substitution,
            }) => Some(PathRewriteSpecifier::RegexRewrite(regex_rewrite(
                pattern,
                substitution,
            ))),
            Some(_) => return self.unknown("redirect.path"),
        };
        let code = match response_code.unwrap_or(StatusCode::MOVED_PERMANENTLY) {
            StatusCode::MOVED_PERMANENTLY => RedirectResponseCode::MovedPermanently,
            StatusCode::FOUND => RedirectResponseCode::Found,
            StatusCode::SEE_OTHER => RedirectResponseCode::SeeOther,
            StatusCode::TEMPORARY_REDIRECT => RedirectResponseCode::TemporaryRedirect,
            StatusCode::PERMANENT_REDIRECT => RedirectResponseCode::PermanentRedirect,
            other => {
                self.lost(
                    "redirect.response_code",
                    format!("xDS has no {other}: it is 302"),
                );
                RedirectResponseCode::Found
            }
        };
        let text = |text: &Option<Name>| text.as_deref().unwrap_or_default().to_owned();
        Some(RedirectAction {
            host_redirect: text(host),
            port_redirect: port.map_or(0, u32::from),
            response_code: code.into(),
            strip_query: *strip_query,
            scheme_rewrite_specifier: scheme
                .as_deref()
                .map(|scheme| SchemeRewriteSpecifier::SchemeRedirect(scheme.to_owned())),
            path_rewrite_specifier: path,
        })
    }
}

fn direct_response(response: &DirectResponse) -> DirectResponseAction {
    let DirectResponse { status, body } = response;
    let body = (!body.is_empty()).then(|| DataSource {
        specifier: Some(Specifier::InlineString(body.to_string())),
    });
    DirectResponseAction {
        status: status.as_u16().into(),
        body,
    }
}
