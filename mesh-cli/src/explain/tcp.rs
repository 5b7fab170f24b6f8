//! A connection's way.

use mesh_core::{
    Random, Seeded, TcpExplanation, explain_tcp,
    policy::TransportProtocol,
    routing::{ChainOutcome, Connection, How},
};
use mesh_xds::file::Problem;
use serde_json::{Value, json};

use super::{Args, Found, find as find_in_files, parts, roll};
use crate::files::{Files, Service};

pub(super) fn find(args: &Args) -> Result<Found<TcpExplanation>, Vec<Problem>> {
    let alpn: Vec<&str> = args.alpn.iter().map(String::as_str).collect();
    // A literal IPv6 address has brackets in a URL alone.
    let host = args.url.host.trim_start_matches('[').trim_end_matches(']');
    let is_tls = args.sni.is_some() || !alpn.is_empty();
    let connection = Connection {
        host,
        port: args.url.port,
        address: args.address.or_else(|| host.parse().ok()),
        server_name: args.sni.as_deref(),
        transport_protocol: match is_tls {
            true => TransportProtocol::Tls,
            false => TransportProtocol::RawBuffer,
        },
        application_protocols: &alpn,
    };
    let explained = |files: &Files, random: &Seeded| {
        let draw = random.next_u64();
        let now = tokio::time::Instant::now().into_std();
        explain_tcp(&files.mesh.load(), &connection, draw, now, random)
    };
    find_in_files(args, explained, is_forwarded, |e| e.cluster.is_some())
}

/// Whether it reaches a cluster. Which endpoints are up is not known offline.
pub(super) fn is_forwarded(explanation: &TcpExplanation) -> bool {
    let cluster = explanation.cluster.as_ref();
    cluster.is_some_and(|cluster| cluster.found.is_some())
}

pub(super) fn text(found: &Found<TcpExplanation>) -> String {
    let route = found.explanation.route.as_ref();
    let is_weighted = route.is_ok_and(|route| matches!(route.how, How::Weighted { .. }));
    let roll = is_weighted.then(|| roll(found.seed));
    format!("{}\n{}", found.explanation, roll.unwrap_or_default())
}

pub(super) fn value(found: &Found<TcpExplanation>) -> Value {
    let explanation = &found.explanation;
    let listener = explanation.listener.as_ref().map(|listener| {
        let chains = listener.chains.iter().map(|chain| {
            let why_not = match chain.outcome {
                ChainOutcome::Chosen => None,
                ChainOutcome::Failed(criterion) => Some(format!("{criterion} does not match")),
                ChainOutcome::LessSpecific(criterion) => {
                    Some(format!("another chain's {criterion} is more specific"))
                }
                _ => Some("not needed".to_owned()),
            };
            json!({
                "name": &*chain.name,
                "origin": chain.origin.as_ref().map(parts::origin),
                "chosen": why_not.is_none(),
                "why_not": why_not,
            })
        });
        json!({
            "name": &*listener.name,
            "origin": parts::origin(&listener.origin),
            "chains": chains.collect::<Vec<_>>(),
        })
    });
    json!({
        "ok": is_forwarded(explanation),
        "host": explanation.host,
        "port": explanation.port,
        "seed": found.seed,
        "assumed_service": found.assumed.as_ref().map(Service::to_string),
        "listener": listener,
        "route": match &explanation.route {
            Ok(route) => parts::choice(route),
            Err(why) => json!({ "error": why.to_string() }),
        },
        "cluster": explanation.cluster.as_ref().map(parts::cluster),
    })
}
