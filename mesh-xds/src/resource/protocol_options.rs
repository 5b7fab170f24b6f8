//! `HttpProtocolOptions` of a cluster: what its connections speak, and their upkeep.

use std::collections::BTreeMap;

use mesh_core::policy::{Cluster, ConnectionPool, Http2KeepAlive, HttpProtocol};

use super::{
    report::At,
    value::{is, optional_duration, positive, unpack},
};
use crate::pb::{
    core::{self, Http2ProtocolOptions},
    protobuf::Any,
    schema::type_name,
    upstreams_http::{
        HttpProtocolOptions,
        http_protocol_options::{UpstreamProtocolOptions, explicit_http_config::ProtocolConfig},
    },
};

/// `typed_extension_protocol_options`.
pub(super) fn protocol_options(at: &At<'_>, pb: &BTreeMap<String, Any>, policy: &mut Cluster) {
    for (name, any) in pb {
        let at = at.key(name);
        if !is::<HttpProtocolOptions>(any) {
            at.unsupported(type_name(&any.type_url));
        } else if let Some(pb) = unpack::<HttpProtocolOptions>(&at, any) {
            http(&at, &pb, policy);
        }
    }
}

fn http(at: &At<'_>, pb: &HttpProtocolOptions, policy: &mut Cluster) {
    use UpstreamProtocolOptions as Pb;
    let specifier = at.field("upstream_protocol_options");
    let pool = &mut policy.connection_pool;
    match &pb.upstream_protocol_options {
        Some(Pb::ExplicitHttpConfig(pb)) => {
            let at = at.field("explicit_http_config");
            match &pb.protocol_config {
                Some(ProtocolConfig::Http2ProtocolOptions(pb)) => {
                    policy.protocol = HttpProtocol::Http2;
                    http2(&at.field("http2_protocol_options"), pb, pool);
                }
                Some(ProtocolConfig::HttpProtocolOptions(_)) => {}
                None => at.fail("is empty"),
            }
        }
        Some(Pb::UseDownstreamProtocolConfig(pb)) => {
            policy.protocol = HttpProtocol::Downstream;
            if let Some(pb) = &pb.http2_protocol_options {
                let at = at.field("use_downstream_protocol_config");
                http2(&at.field("http2_protocol_options"), pb, pool);
            }
        }
        None => specifier.fail("is required"),
    }
    if let Some(pb) = &pb.common_http_protocol_options {
        common(&at.field("common_http_protocol_options"), pb, pool);
    }
}

fn common(at: &At<'_>, pb: &core::HttpProtocolOptions, pool: &mut ConnectionPool) {
    let idle = optional_duration(&at.field("idle_timeout"), pb.idle_timeout.as_ref());
    if let Some(idle) = idle {
        pool.idle_timeout = (!idle.is_zero()).then_some(idle);
    }
    let max = at.field("max_connection_duration");
    pool.max_connection_duration =
        optional_duration(&max, pb.max_connection_duration.as_ref()).filter(|max| !max.is_zero());
    pool.max_requests_per_connection = pb.max_requests_per_connection.filter(|max| *max > 0);
}

fn http2(at: &At<'_>, pb: &Http2ProtocolOptions, pool: &mut ConnectionPool) {
    if let Some(max) = pb.max_concurrent_streams {
        if max == 0 || max > 2_147_483_647 {
            at.field("max_concurrent_streams")
                .fail("must be from 1 to 2147483647");
        }
        pool.max_concurrent_streams = max;
    }
    if let Some(pb) = &pb.connection_keepalive {
        let at = at.field("connection_keepalive");
        let timeout = at.field("timeout");
        let timeout = positive(&timeout, timeout.required(pb.timeout.as_ref()));
        match (
            positive(&at.field("interval"), pb.interval.as_ref()),
            timeout,
        ) {
            (Some(interval), Some(timeout)) => {
                pool.http2_keep_alive = Some(Http2KeepAlive { interval, timeout });
            }
            // Envoy then sends PINGs only on connections that were idle.
            (None, Some(_)) => at.field("timeout").ignored("there is no interval"),
            _ => {}
        }
    }
}
