//! `grpc-timeout` as a limit, against a real Envoy: which limit ends a request that is never answered,
//! whether one does, and with what.

use std::{collections::HashMap, sync::Arc, time::Duration};

use mesh_conformance::{
    Result,
    answer::Answer,
    ask,
    differences::GRPC_TIMEOUT,
    envoy::Envoy,
    translate::{access_log, static_resources},
    upstream::{Act, Upstreams},
    wire::{Head, Message},
};
use mesh_core::policy::{
    ClusterSpecifier, ForwardAction, PathMatcher, Route, RouteConfiguration, RouteMatch, Timeouts,
    VirtualHost,
};
use mesh_http::server::parse_grpc_timeout;
use tokio::{task::JoinSet, time::timeout};

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(60);
/// What has no answer by then has no limit.
const PATIENCE: Duration = Duration::from_millis(1500);

fn limits() -> Vec<Timeouts> {
    let limits = |timeout, max_grpc_timeout| Timeouts {
        timeout,
        max_grpc_timeout,
        ..Timeouts::default()
    };
    let stream = |max_stream_duration, max| Timeouts {
        max_stream_duration,
        grpc_timeout_header_max: Some(max),
        ..limits(Some(SHORT), Some(SHORT))
    };
    let zero = Duration::ZERO;
    vec![
        limits(None, None),
        limits(Some(SHORT), None),
        limits(None, Some(zero)),
        limits(Some(SHORT), Some(zero)),
        limits(Some(LONG), Some(SHORT)),
        limits(Some(SHORT), Some(LONG)),
        stream(None, zero),
        stream(Some(SHORT), zero),
        stream(None, SHORT),
        stream(Some(LONG), SHORT),
        Timeouts {
            grpc_timeout_offset: LONG - SHORT,
            ..limits(None, Some(zero))
        },
        Timeouts {
            grpc_timeout_offset: LONG - SHORT,
            ..stream(None, zero)
        },
    ]
}

/// The header lines of each request.
fn requests() -> Vec<Vec<(&'static str, &'static str)>> {
    let grpc = ("content-type", "application/grpc");
    let values = ["300m", "300000u", "60S", "0S", "1x", "000000300m"];
    let mut requests = vec![vec![], vec![grpc], vec![("grpc-timeout", "300m")]];
    requests.extend(values.map(|value| vec![grpc, ("grpc-timeout", value)]));
    requests
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpc_timeouts_limit_as_in_envoy() -> Result {
    let upstreams = Arc::new(Upstreams::start(&["a"]).await?);
    let clusters = upstreams.clusters();
    let mut routes = Vec::new();
    let mut cases = Vec::new();
    for timeouts in limits() {
        let path = format!("/{}", routes.len());
        let cluster = ClusterSpecifier::Cluster("a".into());
        let action = ForwardAction::to(cluster).with_timeouts(timeouts.clone());
        let matches = RouteMatch::new(PathMatcher::Exact(path.as_str().into()));
        routes.push(Route::new(matches, action.into()));
        for lines in requests() {
            let host = ("host".to_owned(), "svc".to_owned());
            let given = lines.iter().map(|(n, v)| (n.to_string(), v.to_string()));
            let request = Message {
                head: Head {
                    start: ["GET", &path, "HTTP/1.1"].map(str::to_owned),
                    headers: std::iter::once(host).chain(given).collect(),
                },
                body: String::new(),
            };
            cases.push((timeouts.clone(), request));
        }
    }
    let config = RouteConfiguration::new("rc", vec![VirtualHost::new(["*"], routes)]);
    let mut resources = static_resources([("in", &config)], clusters.iter().map(|(c, e)| (c, e)))?;
    access_log(&mut resources);
    let envoy = Envoy::start(resources).await?;
    let address = envoy.address("in")?;
    let client = ask::client(&config, &clusters)?;

    let asked = cases.len();
    let mut tasks = JoinSet::new();
    let mut answers = Vec::new();
    for (number, (timeouts, request)) in cases.into_iter().enumerate() {
        let (upstreams, client) = (upstreams.clone(), client.clone());
        tasks.spawn(async move {
            let [one, other] = ["envoy", "mesh"].map(|side| format!("{side}-{number}"));
            upstreams.script(&one, vec![Act::Stall]);
            upstreams.script(&other, vec![Act::Stall]);
            let envoy = timeout(PATIENCE, ask::envoy(address, &one, &request, &upstreams));
            let mesh = timeout(PATIENCE, ask::mesh(&client, &other, &request, &upstreams));
            let (envoy, mesh) = tokio::join!(envoy, mesh);
            (timeouts, request, one, envoy.ok(), mesh.ok())
        });
        // As many at once as two cores serve without time running out.
        while tasks.len() >= 16 {
            answers.extend(tasks.join_next().await);
        }
    }
    answers.extend(tasks.join_all().await.into_iter().map(Ok));
    let answers = answers
        .into_iter()
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let ended = answers
        .iter()
        .filter(|(_, _, _, envoy, _)| envoy.is_some())
        .count();
    assert!(
        (asked / 4..asked).contains(&ended),
        "{ended} of {asked} ended"
    );
    let log = envoy.access_log(asked).await?;
    let flags: HashMap<&str, &str> = log.iter().filter_map(|line| line.split_once(' ')).collect();
    let mut differ = Vec::new();
    for (timeouts, request, case, envoy, mesh) in answers {
        let (mut envoy, mut mesh) = (envoy.transpose()?, mesh.transpose()?);
        if let Some(envoy) = &mut envoy {
            let why = flags.get(&*case).copied().unwrap_or_default();
            envoy.flags = why.split(' ').next().map(str::to_owned);
        }
        for answer in [&mut envoy, &mut mesh].into_iter().flatten() {
            without_what_is_told(&timeouts, &request.head, answer);
        }
        if envoy != mesh {
            let say = |answer: Option<Answer>| {
                answer.map_or("no answer".to_owned(), |answer| answer.to_string())
            };
            let (envoy, mesh) = (say(envoy), say(mesh));
            let headers = &request.head.headers;
            differ.push(format!(
                "{timeouts:?} {headers:?}\n  Envoy: {envoy}\n  mesh:  {mesh}"
            ));
        }
    }
    assert!(
        differ.is_empty(),
        "{} of {asked} differ:\n\n{}",
        differ.len(),
        differ.join("\n\n")
    );
    Ok(())
}

/// Takes out what differs by design, and puts what is told of the time left into words that do not depend on when it was measured.
fn without_what_is_told(timeouts: &Timeouts, request: &Head, answer: &mut Answer) {
    const EXPECTED: &str = "x-envoy-expected-rq-timeout-ms";
    let asked = request.header(GRPC_TIMEOUT);
    let of_stream = timeouts.grpc_timeout_header_max.is_some();
    let told = match of_stream {
        true => asked.is_some_and(|asked| !asked.ends_with('x')),
        false => timeouts.max_grpc_timeout.is_some(),
    };
    if of_stream {
        let flags = answer.flags.as_mut().filter(|flags| *flags == "UMSDR");
        flags.into_iter().for_each(|flags| "-".clone_into(flags));
        let asked = asked.and_then(|asked| parse_grpc_timeout(asked.as_bytes()));
        if asked.is_some_and(|asked| asked <= timeouts.grpc_timeout_offset) {
            // Whether it was sent before its time was over is a matter of chance in Envoy.
            answer.upstream.clear();
        }
    }
    for attempt in &mut answer.upstream {
        attempt
            .headers
            .retain(|(name, _)| (name != EXPECTED || !of_stream) && (name != GRPC_TIMEOUT || told));
        for (_, value) in attempt
            .headers
            .iter_mut()
            .filter(|(n, _)| n == GRPC_TIMEOUT)
        {
            let left = parse_grpc_timeout(value.as_bytes());
            let words = match left {
                Some(left) if left.is_zero() => "none",
                Some(left) if left <= SHORT => "short",
                Some(_) => "long",
                None => "broken",
            };
            words.clone_into(value);
        }
    }
}
