//! `RequestMirrorPolicy`.

use mesh_core::policy::{FractionalPercent, MirrorCluster, RequestMirror};

use super::{
    header::edit,
    matcher::list,
    report::At,
    value::{header_name, header_value, runtime_fraction},
};
use crate::pb::route::route_action::RequestMirrorPolicy;

/// The `request_mirror_policies` of a message.
pub(super) fn request_mirrors(at: &At<'_>, pb: &[RequestMirrorPolicy]) -> Vec<RequestMirror> {
    list(&at.field("request_mirror_policies"), pb, mirror)
}

fn mirror(at: &At<'_>, pb: &RequestMirrorPolicy) -> Option<RequestMirror> {
    let cluster = match (&*pb.cluster, &*pb.cluster_header) {
        ("", "") => {
            at.field("cluster").fail("is required");
            return None;
        }
        (name, "") => MirrorCluster::Cluster(name.into()),
        ("", name) => MirrorCluster::ClusterHeader(header_name(&at.field("cluster_header"), name)?),
        _ => {
            at.field("cluster_header").fail("excludes cluster");
            return None;
        }
    };
    let fraction = at.field("runtime_fraction");
    let host = at.field("host_rewrite_literal");
    let edits = at.field("request_headers_mutations");
    Some(RequestMirror {
        cluster,
        fraction: match &pb.runtime_fraction {
            Some(pb) => runtime_fraction(&fraction, pb)?,
            None => FractionalPercent::ALWAYS,
        },
        disable_shadow_host_suffix_append: pb.disable_shadow_host_suffix_append,
        host_rewrite_literal: match &*pb.host_rewrite_literal {
            "" => None,
            text => Some(header_value(&host, text.as_bytes())?),
        },
        request_headers: list(&edits, &pb.request_headers_mutations, edit),
    })
}
