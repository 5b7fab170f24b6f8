//! The JSON of an explanation's parts.

use mesh_core::{
    ClusterReport, FoundCluster,
    policy::{LbPolicy, Origin},
    routing::{ClusterExplanation, Decision, How, RouteExplanation, RuleOutcome},
};
use serde_json::{Value, json};

pub(super) fn routing(routing: &RouteExplanation) -> Value {
    let rules: Vec<_> = routing
        .rules
        .iter()
        .map(|rule| {
            let failed = match &rule.outcome {
                RuleOutcome::Matched => None,
                RuleOutcome::Failed(why) => Some(why),
            };
            json!({
                "index": rule.index,
                "name": &*rule.name,
                "origin": origin(&rule.origin),
                "matched": failed.is_none(),
                "why_not": failed,
            })
        })
        .collect();
    json!({
        "request": routing.request,
        "route_configuration": &*routing.route_configuration,
        "virtual_host": match &routing.virtual_host {
            Ok(host) => json!({
                "name": &*host.name,
                "domain": &*host.domain,
                "origin": origin(&host.origin),
            }),
            Err(why) => json!({ "error": why }),
        },
        "rules": rules,
        "untried": routing.untried,
        "decision": decision(&routing.decision),
    })
}

fn decision(decision: &Decision) -> Value {
    match decision {
        Decision::NoRoute => json!({ "kind": "no_route", "status": 404 }),
        Decision::TlsRedirect { location } => {
            json!({ "kind": "redirect", "status": 301, "location": location })
        }
        Decision::Redirect { status, location } => {
            json!({ "kind": "redirect", "status": status.as_u16(), "location": location })
        }
        Decision::DirectResponse { status } => {
            json!({ "kind": "direct_response", "status": status.as_u16() })
        }
        Decision::Cluster(chosen) => choice(chosen),
        _ => json!({ "kind": "unknown" }),
    }
}

/// The cluster that is chosen, and the roll.
pub(super) fn choice(choice: &ClusterExplanation) -> Value {
    let subset: serde_json::Map<_, _> = choice
        .subset
        .iter()
        .map(|(key, value)| (key.to_owned(), json!(value)))
        .collect();
    let mut cluster = json!({ "kind": "cluster", "name": choice.name, "subset": subset });
    if let How::Weighted {
        total,
        roll,
        entries,
        ..
    } = &choice.how
    {
        let entries = entries.iter().map(|entry| {
            json!({
                "cluster": &*entry.cluster,
                "weight": entry.weight,
                "from": entry.from,
                "to": entry.to,
                "chosen": entry.chosen,
                "origin": origin(&entry.origin),
            })
        });
        cluster["weights"] = json!({
            "roll": roll,
            "total": total,
            "entries": entries.collect::<Vec<_>>(),
        });
    }
    cluster
}

pub(super) fn cluster(cluster: &ClusterReport) -> Value {
    let mut value = json!({ "name": &*cluster.name, "exists": cluster.found.is_some() });
    if let Some(FoundCluster {
        origin: configured,
        lb_policy,
        outlier_detection,
        endpoints,
        ..
    }) = &cluster.found
    {
        value["origin"] = origin(configured);
        value["lb_policy"] = json!(match lb_policy {
            LbPolicy::RoundRobin => "ROUND_ROBIN",
            LbPolicy::LeastRequest { .. } => "LEAST_REQUEST",
            LbPolicy::Random => "RANDOM",
            LbPolicy::RingHash(_) => "RING_HASH",
            LbPolicy::Maglev(_) => "MAGLEV",
            _ => "unknown",
        });
        value["outlier_detection"] = json!(outlier_detection.as_ref().map(|o| origin(&o.origin)));
        match endpoints {
            Ok(endpoints) => {
                let endpoints = endpoints.iter().map(|endpoint| {
                    json!({
                        "address": endpoint.address.to_string(),
                        "labels": endpoint.metadata.to_string(),
                        "weight": endpoint.weight,
                        "origin": origin(&endpoint.origin),
                    })
                });
                value["endpoints"] = endpoints.collect();
            }
            Err(error) => value["error"] = json!(error.to_string()),
        }
    }
    value
}

pub(super) fn origin(origin: &Origin) -> Value {
    json!(origin.to_string())
}
