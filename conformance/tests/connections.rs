//! Connections for raw bytes: which filter chain serves them, how weights split them, and how they
//! fail, against a real Envoy's `tcp_proxy`.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    time::Duration,
};

use mesh_conformance::{
    Result,
    client_hello::client_hello,
    differences::CONNECTION_FLAGS,
    envoy::{Envoy, Rejected},
    translate::tcp_resources,
};
use mesh_core::{
    Flag, Mesh, Random, Seeded,
    policy::{
        Address, Cluster, ClusterLoadAssignment, Endpoint, FilterChain, FilterChainMatch, LbPolicy,
        Listener, Name, ServerName, TcpProxy, Thresholds, TransportProtocol,
    },
};
use mesh_http::tcp::{Connector, Target};
use mesh_xds::EnvoySource;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    time::{sleep, timeout},
};

/// No case takes as long.
const LIMIT: Duration = Duration::from_secs(20);

type Clusters = Vec<(Cluster, ClusterLoadAssignment)>;

/// A service that says its name to whoever connects, and nothing more; `closes`: and says so.
async fn service(name: String, closes: bool) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut io, _)) = listener.accept().await {
            let name = name.clone();
            tokio::spawn(async move {
                let _ = io.write_all(name.as_bytes()).await;
                if closes {
                    let _ = io.shutdown().await;
                }
                // What was sent is read: an end with bytes unread would be a reset.
                let _ = io.read_to_end(&mut Vec::new()).await;
            });
        }
    });
    Ok(address)
}

fn cluster(name: &str, addresses: &[SocketAddr]) -> (Cluster, ClusterLoadAssignment) {
    let mut cluster = Cluster::new(name).with_lb_policy(LbPolicy::RoundRobin);
    cluster.circuit_breakers.default = Thresholds::UNLIMITED;
    cluster.circuit_breakers.high = Thresholds::UNLIMITED;
    let endpoints = addresses
        .iter()
        .copied()
        .map(Address::from)
        .map(Endpoint::new);
    (cluster, endpoints.collect())
}

/// The mesh reads what Envoy reads.
fn mesh(listeners: &[Listener], clusters: &Clusters) -> Result<Mesh> {
    let resources = tcp_resources(listeners, clusters.iter().map(|(c, e)| (c, e)))?;
    let text = json!({"static_resources": resources}).to_string();
    let mesh = Mesh::new();
    mesh.publish(EnvoySource::parse("envoy.json", &text)?.config)?;
    Ok(mesh)
}

async fn envoy(listeners: &[Listener], clusters: &Clusters) -> Result<Envoy> {
    let clusters = clusters.iter().map(|(c, e)| (c, e));
    Envoy::start(tcp_resources(listeners, clusters)?).await
}

fn listener(name: &str, port: Option<u16>, proxy: TcpProxy) -> Listener {
    let mut listener = Listener::outbound_tcp::<Name>([], port, proxy);
    listener.name = name.into();
    listener
}

/// A port that nobody else gets, while Envoy may listen on it.
fn reserved() -> Result<(TcpSocket, u16)> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))?;
    let port = socket.local_addr()?.port();
    Ok((socket, port))
}

/// What comes until the other end closes, in whatever way.
async fn all(io: &mut (impl AsyncRead + Unpin)) -> Result<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 64];
    loop {
        match timeout(LIMIT, io.read(&mut buffer)).await? {
            Ok(0) | Err(_) => return Ok(String::from_utf8(bytes)?),
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
        }
    }
}

const RANGES: [&str; 5] = [
    "127.0.0.0/8",
    "127.0.0.0/16",
    "127.1.0.0/16",
    "127.1.1.0/24",
    "127.0.0.2/32",
];
const NAMES: [&str; 6] = ["a.com", "b.a.com", "*.a.com", "*.com", "*.b.a.com", "A.org"];
const PROTOCOLS: [&str; 3] = ["h2", "http/1.1", "istio"];

struct Dice(Seeded);

impl Dice {
    fn below(&self, n: usize) -> usize {
        usize::try_from(self.0.next_u64() % n as u64).unwrap_or(0)
    }

    /// None half of the time; else one or two.
    fn some<T: Copy>(&self, from: &[T]) -> Vec<T> {
        let many = [0, 0, 1, 2][self.below(4)];
        let mut chosen: Vec<T> = Vec::new();
        for _ in 0..many {
            chosen.push(from[self.below(from.len())]);
        }
        chosen
    }

    fn chain(&self, cluster: usize, port: u16) -> Result<FilterChain> {
        let proxy = TcpProxy::to_cluster(format!("c{cluster}"));
        let mut chain = FilterChain::new(proxy.into());
        let matches = &mut chain.matches;
        matches.destination_port = [None, None, Some(port), Some(port ^ 1)][self.below(4)];
        let unique = |values: Vec<&'static str>| values.into_iter().collect::<BTreeSet<_>>();
        for range in unique(self.some(&RANGES)) {
            matches.prefix_ranges.push(range.parse()?);
        }
        for name in unique(self.some(&NAMES)) {
            matches.server_names.push(ServerName::try_new(name)?);
        }
        matches.transport_protocol = [
            None,
            None,
            Some(TransportProtocol::Tls),
            Some(TransportProtocol::RawBuffer),
        ][self.below(4)];
        let protocols = unique(self.some(&PROTOCOLS));
        matches.application_protocols = protocols.into_iter().map(Name::from).collect();
        Ok(chain)
    }

    fn listener(&self, name: &str, port: u16) -> Result<Listener> {
        let mut made = listener(name, Some(port), TcpProxy::to_cluster("c0"));
        let chains: Result<Vec<_>> = (0..=self.below(6)).map(|c| self.chain(c, port)).collect();
        made.filter_chains = chains?;
        if self.below(3) == 0 {
            let proxy = TcpProxy::to_cluster("c7");
            made.default_filter_chain = Some(FilterChain::new(proxy.into()));
        }
        Ok(made)
    }
}

/// How a caller begins.
#[derive(Debug)]
enum Begin {
    Raw,
    Tls(Option<&'static str>, Vec<&'static str>),
}

impl Begin {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Raw => b"bytes that are no TLS at all, but some".to_vec(),
            Self::Tls(name, protocols) => client_hello(*name, protocols),
        }
    }

    fn target(&self, address: IpAddr, port: u16) -> Target {
        let target = Target::new(address.to_string(), port);
        match self {
            Self::Raw => target,
            Self::Tls(name, protocols) => {
                let target = match name {
                    Some(name) => target.with_server_name(*name),
                    None => target.with_transport_protocol(TransportProtocol::Tls),
                };
                target.with_application_protocols(protocols.iter().copied())
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filter_chains_are_chosen_as_envoy_does() -> Result {
    const LISTENERS: usize = 200;
    let mut clusters = Vec::new();
    for index in 0..8 {
        let name = format!("c{index}");
        let address = service(name.clone(), true).await?;
        clusters.push(cluster(&name, &[address]));
    }
    let dice = Dice(Seeded::new(1));
    let (mut ports, mut listeners) = (Vec::new(), Vec::new());
    while listeners.len() < LISTENERS {
        let (socket, port) = reserved()?;
        let listener = dice.listener(&format!("l{}", listeners.len()), port)?;
        // What the mesh rejects, the other test asks Envoy about.
        if mesh(std::slice::from_ref(&listener), &Vec::new()).is_ok() {
            listeners.push(listener);
            ports.push((socket, port));
        }
    }
    let _envoy = envoy(&listeners, &clusters).await?;
    let connector = Connector::new(&mesh(&listeners, &clusters)?);

    let begins = [
        Begin::Raw,
        Begin::Tls(None, vec![]),
        Begin::Tls(Some("a.com"), vec!["h2", "http/1.1"]),
        Begin::Tls(Some("B.a.com"), vec!["http/1.1", "h2"]),
        Begin::Tls(Some("c.b.a.com"), vec![]),
        Begin::Tls(Some("a.org"), vec!["istio"]),
        Begin::Tls(Some("com"), vec!["other"]),
    ];
    let addresses = [
        "127.0.0.1",
        "127.0.0.2",
        "127.1.0.1",
        "127.1.1.1",
        "127.2.0.1",
    ];
    let (mut differ, mut asked, mut served) = (Vec::new(), 0, 0);
    for (listener, (_, port)) in listeners.iter().zip(&ports) {
        for begin in &begins {
            // Each address with each beginning, in the course of the listeners.
            let address: IpAddr = addresses[dice.below(addresses.len())].parse()?;
            let mut io = TcpStream::connect((address, *port)).await?;
            io.write_all(&begin.bytes()).await?;
            let theirs = all(&mut io).await?;
            let ours = match connector.connect(begin.target(address, *port)).await {
                Ok(mut stream) => all(&mut stream).await?,
                Err(error) if error.flag() == Flag::NoRoute => String::new(),
                Err(error) => return Err(error.into()),
            };
            asked += 1;
            served += usize::from(!ours.is_empty());
            if ours != theirs {
                let chains: Vec<&FilterChainMatch> =
                    listener.filter_chains.iter().map(|c| &c.matches).collect();
                differ.push(format!(
                    "{begin:?} to {address}:{port}\n  Envoy: {theirs:?}\n  mesh:  {ours:?}\n  {chains:#?}"
                ));
            }
        }
    }
    assert!(
        differ.is_empty(),
        "{} of {asked} connections differ:\n\n{}",
        differ.len(),
        differ.join("\n\n")
    );
    assert!(
        served > asked / 5 && served < asked,
        "{served} of {asked} served"
    );
    println!("{asked} connections agree, {served} of them served");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overlapping_chains_are_rejected_as_envoy_does() -> Result {
    let dice = Dice(Seeded::new(7));
    let (mut rejected, mut accepted) = (0, 0);
    while rejected < 3 || accepted < 3 {
        let listener = dice.listener("in", 1234)?;
        if listener.filter_chains.len() < 3 {
            continue;
        }
        let ours = mesh(std::slice::from_ref(&listener), &Vec::new()).is_ok();
        let count = if ours { &mut accepted } else { &mut rejected };
        if *count >= 3 {
            continue;
        }
        *count += 1;
        // The port is one of the criteria, so it stays, but on whatever port Envoy listens.
        let theirs = match envoy(
            &[Listener {
                port: None,
                ..listener.clone()
            }],
            &Vec::new(),
        )
        .await
        {
            Ok(_) => true,
            Err(error) if error.is::<Rejected>() => false,
            Err(error) => return Err(error),
        };
        assert_eq!(ours, theirs, "{:#?}", listener.filter_chains);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weights_share_connections_as_envoys_do() -> Result {
    const CONNECTIONS: u32 = 600;
    let mut clusters = Vec::new();
    for name in ["a", "b", "c"] {
        let address = service(name.to_owned(), true).await?;
        clusters.push(cluster(name, &[address]));
    }
    let proxy = TcpProxy::split([("a", 6), ("b", 3), ("c", 1)])?;
    let listeners = [listener("in", None, proxy)];
    let envoy = envoy(&listeners, &clusters).await?;
    let port = envoy.address("in")?.port();
    let connector = Connector::new(&mesh(&listeners, &clusters)?);
    let mut counts = [[0_u32; 3]; 2];
    for _ in 0..CONNECTIONS {
        let theirs = all(&mut TcpStream::connect(("127.0.0.1", port)).await?).await?;
        let ours = all(&mut connector.connect(("any", 1)).await?).await?;
        for (counts, name) in counts.iter_mut().zip([theirs, ours]) {
            let index = ["a", "b", "c"].iter().position(|n| *n == name);
            counts[index.ok_or("nobody answered")?] += 1;
        }
    }
    for counts in counts {
        for (count, share) in counts.into_iter().zip([0.6, 0.3, 0.1]) {
            // Five standard deviations.
            let n = f64::from(CONNECTIONS);
            let allowed = 5.0 * (n * share * (1.0 - share)).sqrt();
            assert!((f64::from(count) - n * share).abs() < allowed, "{counts:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_attempt_rolls_the_weights_again_as_envoys_does() -> Result {
    const CONNECTIONS: u32 = 400;
    let refusing = TcpSocket::new_v4()?;
    refusing.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let live = service("live".to_owned(), true).await?;
    let clusters = vec![
        cluster("dead", &[refusing.local_addr()?]),
        cluster("live", &[live]),
    ];
    let two = NonZeroU32::MIN.saturating_add(1);
    let proxy = TcpProxy::split([("dead", 1), ("live", 1)])?.with_max_connect_attempts(two);
    let listeners = [listener("in", None, proxy)];
    let envoy = envoy(&listeners, &clusters).await?;
    let port = envoy.address("in")?.port();
    let connector = Connector::new(&mesh(&listeners, &clusters)?);
    let mut served = [0; 2];
    for _ in 0..CONNECTIONS {
        let theirs = all(&mut TcpStream::connect(("127.0.0.1", port)).await?).await?;
        let ours = connector.connect(("any", 1)).await.is_ok();
        served[0] += u32::from(!theirs.is_empty());
        served[1] += u32::from(ours);
    }
    // Three in four when it rolls again, one in two when it does not: 400 tell them apart.
    for served in served {
        assert!((260..=340).contains(&served), "{served} of {CONNECTIONS}");
    }
    Ok(())
}

/// An address whose connects are never answered.
async fn silent() -> Result<(SocketAddr, TcpListener, Vec<TcpStream>)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let listener = socket.listen(0)?;
    let address = listener.local_addr()?;
    let mut waiting = Vec::new();
    while let Ok(io) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        waiting.push(io?);
    }
    Ok((address, listener, waiting))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_fail_as_envoys_do() -> Result {
    const SHORT: Duration = Duration::from_millis(100);
    let live = service("live".to_owned(), false).await?;
    let brief = service("live".to_owned(), true).await?;
    let refusing = TcpSocket::new_v4()?;
    refusing.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let dead = refusing.local_addr()?;
    let (hole, _listener, _waiting) = silent().await?;

    let limited = |name: &str, addresses: &[SocketAddr], change: fn(&mut Cluster)| {
        let (mut cluster, endpoints) = cluster(name, addresses);
        change(&mut cluster);
        (cluster, endpoints)
    };
    let clusters = vec![
        cluster("live", &[live]),
        cluster("brief", &[brief]),
        cluster("dead", &[dead]),
        cluster("mixed", &[dead, brief]),
        cluster("empty", &[]),
        limited("silent", &[hole], |c| c.connect_timeout = SHORT),
        limited("half silent", &[hole, brief], |c| c.connect_timeout = SHORT),
        limited("full", &[brief], |c| {
            c.circuit_breakers.default.max_connections = 0
        }),
        limited("no pending", &[brief], |c| {
            c.circuit_breakers.default.max_pending_requests = 0;
        }),
    ];
    let to = |cluster: &str, attempts: u32| {
        let attempts = NonZeroU32::new(attempts).unwrap_or(NonZeroU32::MIN);
        TcpProxy::to_cluster(cluster).with_max_connect_attempts(attempts)
    };
    let mut lasting = to("live", 1);
    lasting.max_connection_duration = Some(SHORT);
    let cases = [
        ("served", to("brief", 1)),
        ("refused", to("dead", 1)),
        ("refused-twice", to("dead", 2)),
        ("next-host", to("mixed", 2)),
        ("silent", to("silent", 1)),
        ("silent-twice", to("silent", 2)),
        ("silent-then-next", to("half silent", 2)),
        ("no-endpoint", to("empty", 3)),
        ("no-cluster", to("missing", 1)),
        ("full", to("full", 3)),
        ("no-pending", to("no pending", 1)),
        ("idle", to("live", 1).with_idle_timeout(Some(SHORT))),
        ("duration", lasting),
    ];
    let mut ports = Vec::new();
    let mut listeners = Vec::new();
    for (name, proxy) in &cases {
        let (socket, port) = reserved()?;
        listeners.push(listener(name, Some(port), proxy.clone()));
        ports.push((socket, port));
    }
    let envoy = envoy(&listeners, &clusters).await?;
    let connector = Connector::new(&mesh(&listeners, &clusters)?);
    let mut ours: Vec<(&str, BTreeSet<&str>)> = Vec::new();
    for ((name, _), (_, port)) in cases.iter().zip(&ports) {
        let mut all_flags = BTreeSet::new();
        // Twice: of two endpoints in turns, each comes first once.
        for _ in 0..2 {
            let theirs = all(&mut TcpStream::connect(("127.0.0.1", *port)).await?).await?;
            let (text, flags) = match connector.connect(("any", *port)).await {
                Ok(mut stream) => ended(&mut stream).await?,
                Err(error) => (String::new(), error.flags()),
            };
            assert_eq!(text, theirs, "{name}");
            all_flags.extend(flags.iter().map(|f| f.as_str()));
        }
        ours.push((*name, all_flags));
    }
    let lines = envoy.access_log(2 * cases.len()).await?;
    let mut differ = Vec::new();
    for (name, ours) in ours {
        let lines = lines
            .iter()
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let theirs: BTreeSet<&str> = lines
            .filter_map(|line| line.split(' ').next())
            .flat_map(|flags| flags.split(','))
            .filter(|flag| *flag != "-")
            .collect();
        let known = CONNECTION_FLAGS.iter().find(|(case, ..)| *case == name);
        let agree = match known {
            Some((_, envoy, mesh, _)) => {
                theirs.iter().eq(envoy.iter()) && ours.iter().eq(mesh.iter())
            }
            None => theirs == ours,
        };
        if !agree {
            differ.push(format!("{name}: Envoy {theirs:?}, the mesh {ours:?}"));
        }
    }
    assert!(differ.is_empty(), "{}\n{lines:#?}", differ.join("\n"));
    Ok(())
}

/// What came, and why the mesh ended it, if it did.
async fn ended(stream: &mut mesh_http::tcp::Stream) -> Result<(String, Vec<Flag>)> {
    let mut text = String::new();
    let mut buffer = [0; 64];
    loop {
        match timeout(LIMIT, stream.read(&mut buffer)).await? {
            Ok(0) => return Ok((text, Vec::new())),
            Ok(n) => text += std::str::from_utf8(&buffer[..n])?,
            Err(error) => {
                let ours = error
                    .get_ref()
                    .and_then(|e| e.downcast_ref::<mesh_http::Error>());
                return Ok((text, ours.map(mesh_http::Error::flags).unwrap_or_default()));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_breaker_refuses_as_envoys_does() -> Result {
    let live = service("live".to_owned(), false).await?;
    let (mut limited, endpoints) = cluster("live", &[live]);
    limited.circuit_breakers.default.max_connections = 2;
    let clusters = vec![(limited, endpoints)];
    let listeners = [listener("in", None, TcpProxy::to_cluster("live"))];
    let envoy = envoy(&listeners, &clusters).await?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, envoy.address("in")?.port()));
    let connector = Connector::new(&mesh(&listeners, &clusters)?);

    let mut theirs = Vec::new();
    for _ in 0..2 {
        let mut io = TcpStream::connect(address).await?;
        timeout(LIMIT, io.read_exact(&mut [0; 4])).await??;
        theirs.push(io);
    }
    assert_eq!(all(&mut TcpStream::connect(address).await?).await?, "");
    let line = envoy.access_log(1).await?.concat();
    assert!(line.starts_with("in UO"), "{line}");

    let mut ours = Vec::new();
    for _ in 0..2 {
        let mut stream = connector.connect(("any", 1)).await?;
        timeout(LIMIT, stream.read_exact(&mut [0; 4])).await??;
        ours.push(stream);
    }
    let refused = connector.connect(("any", 1)).await;
    assert_eq!(
        refused.err().map(|e| e.flags()),
        Some(vec![Flag::UpstreamOverflow])
    );

    // An end frees a place, here at once, there as soon as it is noticed.
    drop((theirs.pop(), ours.pop()));
    assert!(connector.connect(("any", 1)).await.is_ok());
    let freed = async {
        loop {
            let mut io = TcpStream::connect(address).await?;
            match timeout(LIMIT, io.read(&mut [0; 4])).await? {
                Ok(0) | Err(_) => sleep(Duration::from_millis(10)).await,
                Ok(_) => return Result::Ok(()),
            }
        }
    };
    timeout(LIMIT, freed).await?
}
