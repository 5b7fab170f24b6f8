//! The xDS v3 messages that are read, as prost made them from `mesh-xds/proto`.
//!
//! Fields that are not read are in the table of all fields only (`schema`), so that they cost
//! nothing and can still be named.

#[rustfmt::skip]
#[allow(clippy::all, missing_docs, unreachable_pub)]
mod generated;
pub(crate) mod schema;

pub use self::generated::{
    envoy::{
        config::{
            bootstrap::v3 as bootstrap, cluster::v3 as cluster,
            common::mutation_rules::v3 as mutation_rules, core::v3 as core,
            endpoint::v3 as endpoint, listener::v3 as listener, route::v3 as route,
        },
        extensions::{
            clusters::aggregate::v3 as aggregate,
            filters::{
                common::fault::v3 as common_fault,
                http::{
                    cors::v3 as cors, fault::v3 as fault, header_mutation::v3 as header_mutation,
                    router::v3 as router,
                },
                network::{
                    http_connection_manager::v3 as http_connection_manager,
                    tcp_proxy::v3 as tcp_proxy,
                },
            },
            internal_redirect::{
                allow_listed_routes::v3 as allow_listed_routes,
                previous_routes::v3 as previous_routes, safe_cross_scheme::v3 as safe_cross_scheme,
            },
            load_balancing_policies::{
                common::v3 as common_lb, least_request::v3 as least_request, maglev::v3 as maglev,
                random::v3 as random, ring_hash::v3 as ring_hash, round_robin::v3 as round_robin,
            },
            path::{
                r#match::uri_template::v3 as uri_template_match,
                rewrite::uri_template::v3 as uri_template_rewrite,
            },
            retry::host::previous_hosts::v3 as previous_hosts,
            transport_sockets::raw_buffer::v3 as raw_buffer,
            upstreams::http::v3 as upstreams_http,
        },
        service::discovery::v3 as discovery,
        r#type::{matcher::v3 as matcher, v3 as types},
    },
    google::{protobuf, rpc},
};
