//! Scripted upstreams under every retry condition: the final answer, the attempts that arrive, and the
//! response flags, against a real Envoy's and its access log.

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderName, StatusCode};
use mesh_conformance::{
    Result, ask, differences,
    envoy::Envoy,
    translate::{access_log, static_resources},
    upstream::{Act, Upstreams},
    wire::{Head, Message},
};
use mesh_core::policy::{
    Address, Cluster, ClusterLoadAssignment, ClusterSpecifier, Endpoint, ForwardAction,
    HeaderMatch, HeaderMatcher, HeaderMatcherName, PathMatcher, RetryBackOff, RetryOn, RetryPolicy,
    Route, RouteConfiguration, RouteMatch, Thresholds, Timeouts, VirtualHost,
};
use tokio::{net::TcpSocket, task::JoinSet, time::timeout};

const SHORT: Duration = Duration::from_millis(150);
/// No case takes as long.
const LIMIT: Duration = Duration::from_secs(10);
const LONG: Duration = Duration::from_secs(60);

/// What happens to the attempts of a request.
struct Scenario {
    name: &'static str,
    cluster: &'static str,
    acts: Vec<Act>,
    /// The route's timeout, and each try's.
    timeouts: [Option<Duration>; 2],
    request: (
        &'static str,
        &'static str,
        &'static [(&'static str, &'static str)],
    ),
}

fn scenario(name: &'static str, acts: impl IntoIterator<Item = Act>) -> Scenario {
    Scenario {
        name,
        cluster: "a",
        acts: acts.into_iter().collect(),
        timeouts: [None; 2],
        request: ("GET", "", &[]),
    }
}

fn says(status: u16) -> Act {
    Act::Answer(status, Vec::new())
}

fn scenarios() -> Vec<Scenario> {
    let statuses = [
        ("200", 200),
        ("400", 400),
        ("409", 409),
        ("418", 418),
        ("429", 429),
        ("500", 500),
        ("502", 502),
        ("503", 503),
        ("504", 504),
        ("599", 599),
    ];
    let mut all: Vec<_> = statuses
        .into_iter()
        .map(|(name, status)| scenario(name, [says(status)]))
        .collect();
    let grpc = ["1", "4", "8", "13", "14", "2"];
    all.extend(
        grpc.map(|status| scenario(status, [Act::Answer(200, vec![("grpc-status", status)])])),
    );
    let tried = |timeouts, scenario| Scenario {
        timeouts,
        ..scenario
    };
    let to = |cluster, scenario| Scenario {
        cluster,
        ..scenario
    };
    all.extend([
        scenario("503 once", [says(503), says(200)]),
        scenario("503 twice", [says(503), says(503), says(200)]),
        scenario("503, 409", [says(503), says(409), says(200)]),
        scenario(
            "rate limited",
            [Act::Answer(503, vec![("x-envoy-ratelimited", "true")])],
        ),
        scenario(
            "rate limited 200",
            [Act::Answer(200, vec![("x-envoy-ratelimited", "true")])],
        ),
        scenario("x-retry", [Act::Answer(200, vec![("x-retry", "1")])]),
        scenario("RST", [Act::Reset]),
        scenario("RST once", [Act::Reset, says(200)]),
        scenario("FIN", [Act::Close]),
        scenario("broken off in head", [Act::ResetInHead]),
        scenario("broken off in body", [Act::ResetInBody]),
        scenario("garbage", [Act::Garbage]),
        scenario("garbage once", [Act::Garbage, says(200)]),
        tried([Some(SHORT), None], scenario("stall", [Act::Stall])),
        tried(
            [Some(LONG), Some(SHORT)],
            scenario("tries stall", [Act::Stall]),
        ),
        tried(
            [Some(SHORT), None],
            scenario("stall after 503", [says(503), Act::Stall]),
        ),
        tried(
            [None, Some(SHORT)],
            scenario("unlimited tries stall", [Act::Stall]),
        ),
        tried(
            [Some(LONG), Some(SHORT)],
            scenario("first try stalls", [Act::Stall, says(200)]),
        ),
        // A try that may take as long as all of them.
        tried(
            [Some(SHORT), Some(SHORT)],
            scenario("tries stall as long", [Act::Stall]),
        ),
        tried(
            [Some(LONG), None],
            scenario("in time", [says(503), says(200)]),
        ),
        to("refused", scenario("refused", [])),
        to("empty", scenario("no endpoint", [])),
        to("missing", scenario("no cluster", [])),
        to("capped", scenario("no retry permit", [says(503)])),
        to("full", scenario("no request permit", [says(200)])),
        Scenario {
            request: ("POST", "a body", &[]),
            ..scenario("POST", [says(503), Act::Reset, says(200)])
        },
        Scenario {
            request: ("GET", "", &[("content-type", "application/grpc")]),
            ..scenario("gRPC RST", [Act::Reset])
        },
        Scenario {
            request: ("GET", "", &[("content-type", "application/grpc")]),
            ..to("refused", scenario("gRPC refused", []))
        },
    ]);
    all
}

fn policies() -> Vec<(String, RetryPolicy)> {
    let tokens = RetryOn::TOKENS.iter().map(|(_, bit)| *bit);
    let sets = [
        RetryOn::NONE,
        RetryOn::SERVER_ERROR.or(RetryOn::ENVOY_RATELIMITED),
        RetryOn::CONNECT_FAILURE.or(RetryOn::RETRIABLE_4XX),
    ];
    let mut all = Vec::new();
    for on in tokens.chain(sets) {
        for retries in [0, 1, 2] {
            let policy = RetryPolicy {
                retriable_status_codes: vec![StatusCode::IM_A_TEAPOT, StatusCode::OK],
                retriable_headers: vec![HeaderMatcher::new(
                    HeaderMatcherName::Header(HeaderName::from_static("x-retry")),
                    HeaderMatch::Present(true),
                )],
                back_off: RetryBackOff::try_new(Duration::from_millis(1), None).unwrap_or_default(),
                ..RetryPolicy::new(on, retries)
            };
            all.push((format!("{on} {retries}"), policy));
        }
    }
    // Only requests with the header are retried; none of these has it.
    let mut policy = RetryPolicy::new(RetryOn::SERVER_ERROR, 2);
    policy.retriable_request_headers = vec![HeaderMatcher::exact(
        HeaderName::from_static("x-idempotent"),
        "1",
    )];
    all.push(("other requests".to_owned(), policy));
    all
}

fn clusters(upstreams: &Upstreams, refused: SocketAddr) -> Vec<(Cluster, ClusterLoadAssignment)> {
    let mut clusters = upstreams.clusters();
    let refused = [Endpoint::new(Address::from(refused))]
        .into_iter()
        .collect();
    clusters.push((Cluster::new("refused"), refused));
    clusters.push((Cluster::new("empty"), ClusterLoadAssignment::default()));
    for (cluster, _) in &mut clusters {
        cluster.circuit_breakers.default = match &*cluster.name {
            "capped" => Thresholds {
                max_retries: 0,
                ..Thresholds::UNLIMITED
            },
            "full" => Thresholds {
                max_requests: 0,
                ..Thresholds::UNLIMITED
            },
            _ => Thresholds::UNLIMITED,
        };
    }
    clusters
}

fn route(path: &str, scenario: &Scenario, policy: &RetryPolicy) -> Route {
    let [timeout, per_try_timeout] = scenario.timeouts;
    let cluster = ClusterSpecifier::Cluster(scenario.cluster.into());
    let action = ForwardAction::to(cluster)
        .with_timeouts(Timeouts {
            timeout,
            ..Timeouts::default()
        })
        .with_retry(RetryPolicy {
            per_try_timeout,
            ..policy.clone()
        });
    Route::new(
        RouteMatch::new(PathMatcher::Exact(path.into())),
        action.into(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retries_end_as_envoys_do() -> Result {
    let upstreams = Arc::new(Upstreams::start(&["a", "capped", "full"]).await?);
    // Bound, but not listening: connections to it are refused, and nobody else takes the port.
    let refused = TcpSocket::new_v4()?;
    refused.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let clusters = clusters(&upstreams, refused.local_addr()?);
    let (scenarios, policies) = (scenarios(), policies());
    let mut routes = Vec::new();
    let mut cases = Vec::new();
    for scenario in &scenarios {
        for (policy_name, policy) in &policies {
            let path = format!("/{}", routes.len());
            routes.push(route(&path, scenario, policy));
            let (method, body, headers) = scenario.request;
            let length = body.len().to_string();
            let fixed = [("host", "svc"), ("content-length", &length)];
            let headers = fixed.iter().chain(headers);
            let request = Message {
                head: Head {
                    start: [method, &path, "HTTP/1.1"].map(str::to_owned),
                    headers: headers
                        .map(|(n, v)| (n.to_string(), v.to_string()))
                        .collect(),
                },
                body: body.to_owned(),
            };
            cases.push((
                format!("{} / {policy_name}", scenario.name),
                scenario.acts.clone(),
                request,
            ));
        }
    }
    let mut host = VirtualHost::new(["*"], routes);
    host.include_request_attempt_count = true;
    let config = RouteConfiguration::new("rc", vec![host]);

    let mut resources = static_resources([("in", &config)], clusters.iter().map(|(c, e)| (c, e)))?;
    access_log(&mut resources);
    let envoy = Envoy::start(resources).await?;
    let address = envoy.address("in")?;
    let client = ask::client(&config, &clusters)?;

    let asked = cases.len();
    let mut tasks = JoinSet::new();
    let mut answers = Vec::new();
    for (number, (name, acts, request)) in cases.into_iter().enumerate() {
        let (upstreams, client) = (upstreams.clone(), client.clone());
        tasks.spawn(async move {
            let [one, other] = ["envoy", "mesh"].map(|side| format!("{side}-{number}"));
            upstreams.script(&one, acts.clone());
            upstreams.script(&other, acts);
            let envoy = timeout(LIMIT, ask::envoy(address, &one, &request, &upstreams)).await;
            let mesh = timeout(LIMIT, ask::mesh(&client, &other, &request, &upstreams)).await;
            (name, one, envoy, mesh)
        });
        // As many at once as two cores serve without time running out.
        while tasks.len() >= 16 {
            answers.extend(tasks.join_next().await);
        }
    }
    answers.extend(tasks.join_all().await.into_iter().map(Ok));
    let log = envoy.access_log(asked).await?;
    let flags: HashMap<&str, &str> = log.iter().filter_map(|line| line.split_once(' ')).collect();

    let mut differ = Vec::new();
    for answer in answers {
        let (name, case, envoy, mesh) = answer?;
        let why = flags.get(&*case).copied().unwrap_or_default();
        let (mut envoy, mesh) = match (envoy, mesh) {
            (Ok(envoy), Ok(mesh)) => (envoy?, mesh?),
            (envoy, mesh) => {
                differ.push(format!(
                    "{name}: not answered\n  Envoy: {envoy:?}\n  mesh:  {mesh:?}"
                ));
                continue;
            }
        };
        envoy.flags = why.split(' ').next().map(str::to_owned);
        if name.starts_with(differences::BROKEN_OFF) {
            differences::broke_off(&mut envoy);
        }
        if envoy != mesh {
            differ.push(format!(
                "{name}\n  Envoy: {envoy}\n    because: {why}\n  mesh:  {mesh}"
            ));
        }
    }
    assert!(
        differ.is_empty(),
        "{} of {asked} cases differ:\n\n{}",
        differ.len(),
        differ.join("\n\n")
    );
    println!("{asked} cases agree");
    Ok(())
}
