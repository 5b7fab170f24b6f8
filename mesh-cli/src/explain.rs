//! `mesh explain`: where a request would go, and why.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    str::FromStr,
};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header::HOST};
use mesh_core::{
    ClusterReport, Explanation, FoundCluster, Random, Seeded, explain,
    policy::{LbPolicy, Origin},
    routing::{Decision, How, RequestHead, RouteExplanation, RuleOutcome},
};
use mesh_xds::file::Problem;
use serde_json::{Value, json};

use crate::{
    Answer, Output,
    files::{self, Files, Service, Source},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// Repeats the roll of weights and fractions.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// A header of the request. May be repeated.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<Header>,
    /// The request's method.
    method: Method,
    /// An absolute URL; its host and port name the service.
    url: Url,
}

/// A value of `--header`.
#[derive(Clone, Debug)]
struct Header(HeaderName, HeaderValue);

/// An absolute HTTP URL.
#[derive(Clone, Debug)]
struct Url {
    uri: Uri,
    host: String,
    port: u16,
}

/// What is known of the request's way, and what had to be assumed.
#[derive(Debug)]
struct Found {
    explanation: Explanation,
    assumed: Option<Service>,
    seed: u64,
}

pub(crate) fn run(args: &Args) -> Answer {
    match find(args) {
        Ok(found) => Answer {
            ok: is_forwarded(&found.explanation),
            text: match args.output {
                Output::Text => text(&found),
                Output::Json => crate::json(&value(&found)),
            },
        },
        Err(problems) => Answer {
            ok: false,
            text: match args.output {
                Output::Text => problems.iter().map(|p| format!("error: {p}\n")).collect(),
                Output::Json => {
                    let errors: Vec<_> = problems.iter().map(ToString::to_string).collect();
                    crate::json(&json!({ "ok": false, "errors": errors }))
                }
            },
        },
    }
}

/// Services that no file describes are Kubernetes' affair: the one that the URL names is taken to
/// exist when the request goes nowhere without it.
fn find(args: &Args) -> Result<Found, Vec<Problem>> {
    let seed = args
        .seed
        .unwrap_or_else(|| RandomState::new().build_hasher().finish() % 1_000_000);
    let explained = |files: &Files| {
        let headers = args.headers.iter().map(|h| (h.0.clone(), h.1.clone()));
        let headers: HeaderMap = headers.collect();
        let authority = args.url.uri.authority().map_or("", |a| a.as_str());
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let head = RequestHead {
            method: &args.method,
            scheme: args.url.uri.scheme_str().unwrap_or("http"),
            authority: host.unwrap_or(authority),
            path: args.url.uri.path_and_query().map_or("/", |p| p.as_str()),
            headers: &headers,
            source: "",
        };
        let random = Seeded::new(seed);
        let draw = random.next_u64();
        let now = tokio::time::Instant::now().into_std();
        explain(&files.mesh.load(), &head, args.url.port, draw, now, &random)
    };
    let explanation = explained(&files::load(&args.source, None)?);
    if !is_forwarded(&explanation) {
        let service = Service {
            host: args.url.host.clone(),
            port: args.url.port,
            endpoint: None,
        };
        let other = explained(&files::load(&args.source, Some(service.clone()))?);
        if other.cluster.is_some() {
            return Ok(Found {
                explanation: other,
                assumed: Some(service),
                seed,
            });
        }
    }
    Ok(Found {
        explanation,
        assumed: None,
        seed,
    })
}

/// Whether the request is answered by a route or reaches a cluster. Which endpoints are up is not
/// known offline.
fn is_forwarded(explanation: &Explanation) -> bool {
    match explanation
        .routing
        .as_ref()
        .map(|routing| &routing.decision)
    {
        Err(_) | Ok(Decision::NoRoute) => false,
        Ok(Decision::Cluster(_)) => {
            let cluster = explanation.cluster.as_ref();
            cluster.is_some_and(|cluster| cluster.found.is_some())
        }
        Ok(_) => true,
    }
}

fn text(found: &Found) -> String {
    let mut text = format!("{}\n", found.explanation);
    if is_weighted(&found.explanation) {
        text += &format!("the roll is that of --seed {}\n", found.seed);
    }
    if let Some(Service { host, port, .. }) = &found.assumed {
        text += &format!(
            "no file describes the service {host}:{port}: it is taken to exist; \
             --service {host}:{port}=IP:PORT,label=value adds endpoints\n"
        );
    }
    text
}

fn is_weighted(explanation: &Explanation) -> bool {
    let routing = explanation.routing.as_ref();
    routing.is_ok_and(|routing| match &routing.decision {
        Decision::Cluster(choice) => matches!(choice.how, How::Weighted { .. }),
        _ => false,
    })
}

fn value(found: &Found) -> Value {
    let explanation = &found.explanation;
    let assumed = found.assumed.as_ref();
    json!({
        "ok": is_forwarded(explanation),
        "port": explanation.port,
        "seed": found.seed,
        "assumed_service": assumed.map(|s| format!("{}:{}", s.host, s.port)),
        "routing": match &explanation.routing {
            Ok(routing) => routing_value(routing),
            Err(why) => json!({ "error": why }),
        },
        "cluster": explanation.cluster.as_ref().map(cluster_value),
    })
}

fn routing_value(routing: &RouteExplanation) -> Value {
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
        "decision": decision_value(&routing.decision),
    })
}

fn decision_value(decision: &Decision) -> Value {
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
        Decision::Cluster(choice) => {
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
        _ => json!({ "kind": "unknown" }),
    }
}

fn cluster_value(cluster: &ClusterReport) -> Value {
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

fn origin(origin: &Origin) -> Value {
    json!(origin.to_string())
}

impl FromStr for Header {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text
            .split_once(':')
            .ok_or("not of the form `name: value`")?;
        let name = name.trim().parse().map_err(|e| format!("{e}"))?;
        let value = value.trim().parse().map_err(|e| format!("{e}"))?;
        Ok(Self(name, value))
    }
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri: Uri = text
            .parse()
            .map_err(|e| format!("{e}; an absolute URL is needed: http://service:port/path"))?;
        let default = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => return Err("an absolute URL is needed: http://service:port/path".to_owned()),
        };
        let host = uri.host().unwrap_or_default().to_owned();
        let port = uri.port_u16().unwrap_or(default);
        Ok(Self { uri, host, port })
    }
}
