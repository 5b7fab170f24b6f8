//! `mesh explain`: where a request or a connection would go, and why.

mod parts;
mod tcp;

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    net::IpAddr,
    str::FromStr,
};

use clap::error::ErrorKind;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header::HOST};
use mesh_core::{
    Explanation, Random, Seeded, explain,
    routing::{Decision, Dialled, How, RequestHead},
};
use mesh_xds::file::Problem;
use serde_json::{Value, json};

use crate::{
    Answer, Output,
    files::{self, Files, Service, Source},
};

#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
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
    /// Of a connection: the server name (SNI) that it sends. With this or --alpn it is a TLS connection.
    #[arg(long, value_name = "NAME")]
    sni: Option<String>,
    /// Of a connection: an application protocol that it offers. May be repeated, the favourite first.
    #[arg(long, value_name = "PROTOCOL")]
    alpn: Vec<String>,
    /// Of a connection: the address that its host stands for.
    #[arg(long, value_name = "IP")]
    address: Option<IpAddr>,
    /// The request's method; GET if there is none.
    method: Option<Method>,
    /// An absolute URL, whose host and port name the service: http://HOST:PORT/PATH for a request (without
    /// a port it is 80), tcp://HOST:PORT for a connection of raw bytes.
    url: Url,
}

/// A value of `--header`.
#[derive(Clone, Debug)]
struct Header(HeaderName, HeaderValue);

/// An absolute URL.
#[derive(Clone, Debug)]
struct Url {
    uri: Uri,
    host: String,
    port: u16,
}

/// What is known of the way, and what had to be assumed.
#[derive(Debug)]
struct Found<T> {
    explanation: T,
    assumed: Option<Service>,
    seed: u64,
}

pub(crate) fn run(args: &Args) -> Answer {
    let is_tcp = args.url.uri.scheme_str() == Some("tcp");
    let of_request = args.method.is_some() || !args.headers.is_empty();
    let of_connection = args.sni.is_some() || !args.alpn.is_empty() || args.address.is_some();
    match (is_tcp, of_request, of_connection) {
        (true, true, _) => misused("a connection (tcp://) has no method and no headers"),
        (false, _, true) => misused("--sni, --alpn and --address are for connections (tcp://)"),
        (true, ..) => answer(
            args,
            tcp::find(args),
            tcp::is_forwarded,
            tcp::text,
            tcp::value,
        ),
        (false, ..) => answer(args, request(args), is_forwarded, text, value),
    }
}

fn misused(why: &str) -> ! {
    clap::Error::raw(ErrorKind::ArgumentConflict, format!("{why}\n")).exit()
}

fn answer<T>(
    args: &Args,
    found: Result<Found<T>, Vec<Problem>>,
    is_forwarded: fn(&T) -> bool,
    text: fn(&Found<T>) -> String,
    value: fn(&Found<T>) -> Value,
) -> Answer {
    match found {
        Ok(found) => Answer {
            ok: is_forwarded(&found.explanation),
            text: match args.output {
                Output::Text => text(&found) + &assumption(found.assumed.as_ref()),
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
/// exist when nothing goes anywhere without it. Envoy's files describe all there is.
fn find<T>(
    args: &Args,
    explain: impl Fn(&Files, &Seeded) -> T,
    is_forwarded: fn(&T) -> bool,
    has_cluster: fn(&T) -> bool,
) -> Result<Found<T>, Vec<Problem>> {
    let seed = args
        .seed
        .unwrap_or_else(|| RandomState::new().build_hasher().finish() % 1_000_000);
    let explained = |files: &Files| explain(files, &Seeded::new(seed));
    let explanation = explained(&files::load(&args.source, None)?);
    if !is_forwarded(&explanation) && args.source.is_open() {
        let service = Service {
            host: args.url.host.clone(),
            port: args.url.port,
            endpoint: None,
        };
        let other = explained(&files::load(&args.source, Some(service.clone()))?);
        if has_cluster(&other) {
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

fn request(args: &Args) -> Result<Found<Explanation>, Vec<Problem>> {
    let explained = |files: &Files, random: &Seeded| {
        let headers = args.headers.iter().map(|h| (h.0.clone(), h.1.clone()));
        let headers: HeaderMap = headers.collect();
        let authority = args.url.uri.authority().map_or("", |a| a.as_str());
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let head = RequestHead {
            method: args.method.as_ref().unwrap_or(&Method::GET),
            scheme: args.url.uri.scheme_str().unwrap_or("http"),
            authority: host.unwrap_or(authority),
            path: args.url.uri.path_and_query().map_or("/", |p| p.as_str()),
            headers: &headers,
            source: "",
        };
        let draw = random.next_u64();
        let now = tokio::time::Instant::now().into_std();
        let dialled = Dialled {
            host: authority,
            port: args.url.port,
        };
        explain(&files.mesh.load(), &head, dialled, draw, now, random)
    };
    find(args, explained, is_forwarded, |e| e.cluster.is_some())
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

fn text(found: &Found<Explanation>) -> String {
    let mut text = format!("{}\n", found.explanation);
    if is_weighted(&found.explanation) {
        text += &roll(found.seed);
    }
    text
}

fn roll(seed: u64) -> String {
    format!("the roll is that of --seed {seed}\n")
}

fn assumption(assumed: Option<&Service>) -> String {
    assumed.map_or_else(String::new, |service| {
        format!(
            "no file describes the service {service}: it is taken to exist; \
             --service {service}=IP:PORT,label=value adds endpoints\n"
        )
    })
}

fn is_weighted(explanation: &Explanation) -> bool {
    let routing = explanation.routing.as_ref();
    routing.is_ok_and(|routing| match &routing.decision {
        Decision::Cluster(choice) => matches!(choice.how, How::Weighted { .. }),
        _ => false,
    })
}

fn value(found: &Found<Explanation>) -> Value {
    let explanation = &found.explanation;
    let assumed = found.assumed.as_ref();
    json!({
        "ok": is_forwarded(explanation),
        "port": explanation.port,
        "seed": found.seed,
        "assumed_service": assumed.map(Service::to_string),
        "routing": match &explanation.routing {
            Ok(routing) => parts::routing(routing),
            Err(why) => json!({ "error": why }),
        },
        "cluster": explanation.cluster.as_ref().map(parts::cluster),
    })
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
        const FORMS: &str =
            "an absolute URL is needed: http://service:port/path, or tcp://service:port";
        let uri: Uri = text.parse().map_err(|e| format!("{e}; {FORMS}"))?;
        let default = match uri.scheme_str() {
            Some("http") => Some(80),
            Some("https") => Some(443),
            // Without a path it is "/", or empty, as the parser likes it.
            Some("tcp") if matches!(uri.path(), "" | "/") && uri.query().is_none() => None,
            _ => return Err(FORMS.to_owned()),
        };
        let host = uri.host().unwrap_or_default().to_owned();
        let port = uri.port_u16().or(default);
        let port = port.ok_or("a port is needed: tcp://service:port")?;
        Ok(Self { uri, host, port })
    }
}
