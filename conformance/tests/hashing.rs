//! RING_HASH and MAGLEV: thousands of requests, each by what it is hashed by, against a real Envoy: the
//! same endpoint for each.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use http::{HeaderName, Request};
use mesh_conformance::{
    Result,
    envoy::Envoy,
    translate::static_resources,
    upstream::{Act, CASE, Upstreams},
    wire::{self, Head, Message},
};
use mesh_core::{
    Mesh,
    policy::{
        Address, Cluster, ClusterLoadAssignment, ClusterSpecifier, Endpoint, ForwardAction,
        HashFunction, HashPolicy, HashPolicyKind, HealthStatus, LbPolicy, Locality,
        LocalityEndpoints, Maglev, Metadata, PathMatcher, RetryBackOff, RetryOn, RetryPolicy,
        RingHash, Route, RouteConfiguration, RouteMatch, SubsetFallback, Subsets, VirtualHost,
    },
};
use mesh_http::{Body, Client};
use mesh_xds::EnvoySource;
use serde_json::json;
use tokio::{io::BufReader, net::TcpSocket};
use tower_service::Service;

/// The services, by the names they answer with.
const NAMES: [&str; 8] = ["u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7"];
/// How many hashes each table is asked for.
const USERS: usize = 150;

/// The endpoints of a test, of which the n-th is the n-th service.
struct Endpoints(Vec<SocketAddr>);

impl Endpoints {
    fn of(upstreams: &Upstreams) -> Self {
        let clusters = upstreams.clusters().into_iter();
        let addresses = clusters.flat_map(|(_, assignment)| {
            let endpoints: Vec<_> = assignment.endpoints().cloned().collect();
            endpoints.into_iter().map(|e| match e.address {
                Address::Socket(address) => address,
                other => unreachable!("{other}"),
            })
        });
        Self(addresses.collect())
    }

    fn get(&self, n: usize) -> Endpoint {
        Endpoint::new(Address::from(self.0[n]))
    }

    fn weighted(&self, weights: &[u32]) -> ClusterLoadAssignment {
        let weights = weights.iter().enumerate();
        weights
            .map(|(n, weight)| self.get(n).with_weight(*weight))
            .collect()
    }

    fn healthy(&self, health: &[HealthStatus]) -> Vec<Endpoint> {
        let health = health.iter().enumerate();
        let with = |(n, health): (usize, &HealthStatus)| {
            let mut endpoint = self.get(n);
            endpoint.health_status = *health;
            endpoint
        };
        health.map(with).collect()
    }

    /// By priority; those of the second come after those of the first.
    fn priorities(&self, first: &[HealthStatus], second: usize) -> ClusterLoadAssignment {
        let locality = |priority, endpoints| LocalityEndpoints {
            priority,
            endpoints,
            ..LocalityEndpoints::default()
        };
        let rest = (first.len()..first.len() + second).map(|n| self.get(n));
        ClusterLoadAssignment {
            localities: vec![
                locality(0, self.healthy(first)),
                locality(1, rest.collect()),
            ],
        }
    }

    /// Two localities, whose weights nobody asked for.
    fn localities(&self) -> ClusterLoadAssignment {
        let locality = |zone: &str, weight, endpoints: std::ops::Range<usize>| LocalityEndpoints {
            locality: Locality {
                region: "r".into(),
                zone: zone.into(),
                ..Locality::default()
            },
            weight: Some(weight),
            endpoints: endpoints
                .map(|n| self.get(n).with_weight(1 + n as u32))
                .collect(),
            ..LocalityEndpoints::default()
        };
        ClusterLoadAssignment {
            localities: vec![locality("z2", 9, 0..3), locality("z1", 1, 3..5)],
        }
    }
}

/// A cluster for each table and each state of its endpoints.
fn clusters(endpoints: &Endpoints) -> Result<Vec<(Cluster, ClusterLoadAssignment)>> {
    use HealthStatus::{Degraded as D, Healthy as H, Unhealthy as U};
    let ring = |minimum, maximum, murmur: bool, by_hostname| -> Result<LbPolicy> {
        let mut ring = RingHash::try_new(minimum, maximum)?;
        if murmur {
            ring.hash_function = HashFunction::MurmurHash2;
        }
        ring.use_hostname_for_hashing = by_hostname;
        Ok(LbPolicy::RingHash(ring))
    };
    let maglev = |size, by_hostname| -> Result<LbPolicy> {
        let mut maglev = Maglev::try_new(size)?;
        maglev.use_hostname_for_hashing = by_hostname;
        Ok(LbPolicy::Maglev(maglev))
    };
    let equal = endpoints.weighted(&[1; 5]);
    let weighted = endpoints.weighted(&[1, 2, 3, 50, 7]);
    let named = |n| {
        let mut endpoint = endpoints.get(n);
        endpoint.hostname = format!("host-{n}.example").into();
        endpoint
    };
    let keyed = |n| {
        let key: Metadata = [("hash_key", format!("key-{n}"))].into_iter().collect();
        endpoints
            .get(n)
            .with_metadata(if n == 2 { Metadata::EMPTY } else { key })
    };
    let named = || (0..5).map(named).collect();
    let keyed = || (0..5).map(keyed).collect();
    let mut all = vec![
        (
            "ring-murmur",
            ring(1024, 8 << 20, true, false)?,
            weighted.clone(),
        ),
        (
            "ring-64",
            ring(64, 8 << 20, false, false)?,
            weighted.clone(),
        ),
        (
            "ring-capped",
            ring(100, 103, false, false)?,
            weighted.clone(),
        ),
        ("ring-few", ring(2, 3, false, false)?, equal.clone()),
        ("ring-named", ring(1024, 8 << 20, false, true)?, named()),
        ("maglev-251", maglev(251, false)?, weighted.clone()),
        ("maglev-3", maglev(3, false)?, equal.clone()),
        ("maglev-named", maglev(65_537, true)?, named()),
    ];
    let plain = [
        ("ring", LbPolicy::RingHash(RingHash::default())),
        ("maglev", LbPolicy::Maglev(Maglev::default())),
    ];
    for (_, lb) in plain {
        let lb = || lb.clone();
        let more = [
            ("equal", equal.clone()),
            ("removed", endpoints.weighted(&[1; 4])),
            ("weighted", weighted.clone()),
            ("keyed", keyed()),
            (
                "unhealthy",
                endpoints.healthy(&[H, H, U, H, H]).into_iter().collect(),
            ),
            (
                "panic",
                endpoints.healthy(&[U, H, U, H, U]).into_iter().collect(),
            ),
            ("degraded", endpoints.healthy(&[D; 3]).into_iter().collect()),
            (
                "some-degraded",
                endpoints.healthy(&[D, H, H]).into_iter().collect(),
            ),
            ("failover", endpoints.priorities(&[U, H, U, H], 3)),
            ("failed-over", endpoints.priorities(&[U; 3], 4)),
            ("localities", endpoints.localities()),
        ];
        all.extend(more.map(|(name, assignment)| (name, lb(), assignment)));
    }
    let name = |lb: &LbPolicy, name: &str| match lb {
        LbPolicy::RingHash(_) => format!("r/{name}"),
        _ => format!("m/{name}"),
    };
    let mut clusters: Vec<_> = all
        .into_iter()
        .map(|(case, lb, assignment)| {
            (Cluster::new(name(&lb, case)).with_lb_policy(lb), assignment)
        })
        .collect();
    // A subset has a table of its own.
    let versions = (0..8).map(|n| {
        let version: Metadata = [("v", (n % 2).to_string())].into_iter().collect();
        endpoints.get(n).with_metadata(version)
    });
    let versions: ClusterLoadAssignment = versions.collect();
    for (kind, lb) in [
        ("r/subset", LbPolicy::RingHash(RingHash::default())),
        ("m/subset", LbPolicy::Maglev(Maglev::default())),
    ] {
        let mut cluster = Cluster::new(kind).with_lb_policy(lb);
        cluster.subsets = Some(Subsets {
            selectors: vec![vec!["v".into()]],
            fallback: SubsetFallback::NoFallback,
        });
        clusters.push((cluster, versions.clone()));
    }
    Ok(clusters)
}

fn hashed(kind: HashPolicyKind) -> HashPolicy {
    HashPolicy {
        kind,
        terminal: false,
    }
}

fn by_header() -> HashPolicy {
    hashed(HashPolicyKind::Header {
        name: HeaderName::from_static("x-user"),
        regex_rewrite: None,
    })
}

fn by_cookie(ttl: Option<Duration>) -> HashPolicy {
    hashed(HashPolicyKind::Cookie {
        name: "session".into(),
        ttl,
        path: "/p".into(),
        attributes: vec![("SameSite".into(), "Lax".into())],
    })
}

fn route(prefix: &str, cluster: &str, hash: Vec<HashPolicy>, retry: Option<RetryPolicy>) -> Route {
    let mut action = ForwardAction::to(ClusterSpecifier::Cluster(cluster.into()));
    action.hash_policy = hash;
    action.retry_policy = retry.map(Into::into);
    if cluster.ends_with("subset") {
        action.metadata_match = [("v", "1")].into_iter().collect();
    }
    let matches = RouteMatch::new(PathMatcher::Prefix(prefix.into()));
    Route::new(matches, action.into())
}

/// `/{how}/{cluster}/` for each way of hashing and each cluster.
fn routes(clusters: &[(Cluster, ClusterLoadAssignment)]) -> RouteConfiguration {
    let retry = |previous_hosts| {
        let mut retry = RetryPolicy::new(RetryOn::SERVER_ERROR, 3);
        retry.back_off = RetryBackOff::try_new(Duration::from_millis(1), None).unwrap_or_default();
        retry.previous_hosts = previous_hosts;
        retry.host_selection_retry_max_attempts = 5;
        retry
    };
    let of = |(cluster, _): &(Cluster, ClusterLoadAssignment)| {
        let name = &*cluster.name;
        let parameter = hashed(HashPolicyKind::QueryParameter("q".into()));
        [
            ("header", vec![by_header()], None),
            ("query", vec![parameter.clone()], None),
            ("cookie", vec![by_cookie(None)], None),
            ("made", vec![by_cookie(Some(Duration::from_secs(9)))], None),
            ("source", vec![hashed(HashPolicyKind::SourceIp)], None),
            ("all", vec![by_header(), by_cookie(None), parameter], None),
            ("stay", vec![by_header()], Some(retry(false))),
            ("move", vec![by_header()], Some(retry(true))),
        ]
        .map(|(how, hash, retry)| route(&format!("/{how}/{name}/"), name, hash, retry))
    };
    let host = VirtualHost::new(["*"], clusters.iter().flat_map(of).collect::<Vec<_>>());
    RouteConfiguration::new("rc", vec![host])
}

fn get(path: &str, headers: &[(&str, &str)]) -> Message {
    let fixed = [("host", "svc")];
    let headers = fixed.iter().chain(headers);
    Message {
        head: Head {
            start: ["GET", path, "HTTP/1.1"].map(str::to_owned),
            headers: headers
                .map(|(n, v)| (n.to_string(), v.to_string()))
                .collect(),
        },
        body: String::new(),
    }
}

/// One side's answer: status, who answered, and the cookies it set.
type Said = (u16, String, Vec<String>);

/// What both are asked through.
struct Sides {
    envoy: SocketAddr,
    mesh: Mesh,
    connections: HashMap<IpAddr, BufReader<tokio::net::TcpStream>>,
    clients: HashMap<IpAddr, Client>,
}

impl Sides {
    async fn envoy(&mut self, from: IpAddr, request: &Message) -> Result<Said> {
        if !self.connections.contains_key(&from) {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::new(from, 0))?;
            let io = socket.connect(self.envoy).await?;
            self.connections.insert(from, BufReader::new(io));
        }
        let io = self.connections.get_mut(&from).ok_or("no connection")?;
        let answer = wire::exchange(io, request).await?;
        let cookies = answer.head.headers.iter();
        let cookies = cookies.filter(|(name, _)| name == "set-cookie");
        Ok((
            answer.head.start[1].parse()?,
            answer.body,
            cookies.map(|(_, value)| value.clone()).collect(),
        ))
    }

    async fn mesh(&mut self, from: IpAddr, request: &Message) -> Result<Said> {
        let mesh = &self.mesh;
        let client = self
            .clients
            .entry(from)
            .or_insert_with(|| Client::builder(mesh).source_address(from).build());
        let mut http = Request::get(&request.head.start[1]);
        for (name, value) in &request.head.headers {
            http = http.header(name, value);
        }
        let response = match client.call(http.body(Body::empty())?).await {
            Ok(response) => response,
            Err(error) => error.into_response(false),
        };
        let (head, body) = response.into_parts();
        let cookies = head.headers.get_all("set-cookie").iter();
        let cookies = cookies.map(|value| wire::text(value.as_bytes())).collect();
        Ok((
            head.status.as_u16(),
            wire::text(&body.bytes().await?),
            cookies,
        ))
    }

    /// Both answers.
    async fn both(&mut self, from: IpAddr, request: &Message) -> Result<[Said; 2]> {
        Ok([
            self.envoy(from, request).await?,
            self.mesh(from, request).await?,
        ])
    }
}

struct Bed {
    upstreams: Upstreams,
    clusters: Vec<String>,
    sides: Sides,
    _envoy: Envoy,
}

impl Bed {
    async fn start() -> Result<Self> {
        let upstreams = Upstreams::start(&NAMES).await?;
        let clusters = clusters(&Endpoints::of(&upstreams))?;
        let routes = routes(&clusters);
        let resources = static_resources([("in", &routes)], clusters.iter().map(|(c, e)| (c, e)))?;
        let bootstrap = json!({"static_resources": resources});
        let loaded = EnvoySource::parse("envoy.json", &bootstrap.to_string())?;
        let mesh = Mesh::new();
        mesh.publish(loaded.config)?;
        let envoy = Envoy::start(resources).await?;
        Ok(Self {
            upstreams,
            clusters: clusters.iter().map(|(c, _)| c.name.to_string()).collect(),
            sides: Sides {
                envoy: envoy.address("in")?,
                mesh,
                connections: HashMap::new(),
                clients: HashMap::new(),
            },
            _envoy: envoy,
        })
    }
}

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[tokio::test]
async fn hashes_reach_the_endpoints_that_envoy_chooses() -> Result {
    let mut bed = Bed::start().await?;
    let (mut asked, mut differ) = (0, Vec::new());
    for cluster in &bed.clusters {
        let mut reached = HashMap::<String, usize>::new();
        for n in 0..USERS {
            let user = format!("user{n}");
            let from = IpAddr::from([127, 0, 1, 1 + (n % 200) as u8]);
            let cookie = format!("a=b; session={user}");
            let mut requests = vec![get(&format!("/header/{cluster}/"), &[("x-user", &user)])];
            // One of these for each of the others.
            requests.push(match n % 4 {
                0 => get(&format!("/query/{cluster}/?a=b&q={user}"), &[]),
                1 => get(&format!("/cookie/{cluster}/"), &[("cookie", &cookie)]),
                2 => get(&format!("/source/{cluster}/"), &[]),
                _ => get(
                    &format!("/all/{cluster}/?q=z{user}"),
                    &[("x-user", &user), ("cookie", &cookie)],
                ),
            });
            for request in requests {
                let [envoy, mesh] = bed.sides.both(from, &request).await?;
                asked += 1;
                *reached.entry(envoy.1.clone()).or_default() += 1;
                if envoy != mesh {
                    let path = &request.head.start[1];
                    differ.push(format!("{path} {user}: Envoy {envoy:?}, mesh {mesh:?}"));
                }
            }
        }
        let failing = cluster.ends_with("/degraded");
        assert_eq!(
            failing,
            reached.contains_key("no healthy upstream"),
            "{reached:?}"
        );
        println!("{cluster}: {reached:?}");
    }
    assert!(
        differ.is_empty(),
        "{} of {asked} differ:\n{}",
        differ.len(),
        differ.join("\n")
    );
    println!("{asked} requests agree");
    Ok(())
}

/// The hosts that the attempts of a failing request reach, in order.
#[tokio::test]
async fn retries_of_a_hashed_request_go_where_envoys_go() -> Result {
    let mut bed = Bed::start().await?;
    let mut moved = 0;
    for cluster in [
        "r/equal",
        "m/equal",
        "r/weighted",
        "m/weighted",
        "r/failover",
        "m/removed",
    ] {
        for how in ["stay", "move"] {
            for n in 0..25 {
                let user = format!("user{n}");
                let mut tried = Vec::new();
                for side in 0..2 {
                    let case = format!("{how} {cluster} {n} {side}");
                    bed.upstreams.script(&case, vec![Act::Answer(503, vec![])]);
                    let path = format!("/{how}/{cluster}/");
                    let request = get(&path, &[("x-user", &user), (CASE, &case)]);
                    let said = match side {
                        0 => bed.sides.envoy(LOCAL, &request).await?,
                        _ => bed.sides.mesh(LOCAL, &request).await?,
                    };
                    assert_eq!(said.0, 503);
                    let received = bed.upstreams.take(&case).into_iter();
                    tried.push(received.map(|r| r.cluster).collect::<Vec<_>>());
                }
                assert_eq!(tried[0], tried[1], "{how} {cluster} {user}");
                assert_eq!(tried[0].len(), 4);
                let stays = tried[0].iter().all(|host| *host == tried[0][0]);
                assert!(how == "move" || stays, "{tried:?}");
                moved += usize::from(!stays);
            }
        }
    }
    assert!(moved > 100, "{moved}");
    Ok(())
}

/// Cookies that are made: their attributes are Envoy's, and whoever brings one goes where its maker
/// went. (Its value is drawn here: `docs/envoy-differences.md`.)
#[tokio::test]
async fn a_made_cookie_is_envoys_and_leads_back() -> Result {
    let mut bed = Bed::start().await?;
    for cluster in ["r/weighted", "m/weighted"] {
        let path = format!("/made/{cluster}/");
        let made = bed.sides.both(LOCAL, &get(&path, &[])).await?;
        let values = made.clone().map(|(status, _, cookies)| {
            assert_eq!((status, cookies.len()), (200, 1), "{cookies:?}");
            let (value, rest) = cookies[0].split_once("\"; ").unwrap();
            assert_eq!(rest, "Max-Age=9; Path=/p; SameSite=Lax; HttpOnly");
            let value = value.strip_prefix("session=\"").unwrap().to_owned();
            assert!(
                value.len() == 16 && u64::from_str_radix(&value, 16).is_ok(),
                "{value}"
            );
            value
        });
        for (value, (_, by, _)) in values.iter().zip(&made) {
            let cookie = format!("session={value}");
            let request = get(&path, &[("cookie", &cookie)]);
            for again in bed.sides.both(LOCAL, &request).await? {
                assert_eq!(again, (200, by.clone(), vec![]));
            }
        }
    }
    Ok(())
}

/// Without a hash each request goes anywhere, by the table: as often as the weights say.
#[tokio::test]
async fn without_a_hash_shares_are_the_weights() -> Result {
    let mut bed = Bed::start().await?;
    for cluster in ["r/weighted", "m/weighted"] {
        let mut heavy = [0; 2];
        for _ in 0..400 {
            let said = bed
                .sides
                .both(LOCAL, &get(&format!("/header/{cluster}/"), &[]))
                .await?;
            for (count, (_, by, _)) in heavy.iter_mut().zip(&said) {
                *count += usize::from(by == "u3");
            }
        }
        // 50 of 63 weights: 317 of 400; standard deviation 8.
        assert!(
            heavy.iter().all(|n| (280..355).contains(n)),
            "{cluster}: {heavy:?}"
        );
    }
    Ok(())
}
