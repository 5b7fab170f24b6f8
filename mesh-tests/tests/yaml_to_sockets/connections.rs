//! Connections for raw bytes: `tcp` and `tls` routes, ports that carry bytes, and what a
//! DestinationRule does to them.

use std::{collections::BTreeMap, io, net::SocketAddr};

use mesh_core::{
    Flag, Seeded,
    cluster::{AttemptCounts, EndpointStatus},
    policy::Address,
    telemetry::{OutcomeKind, Side},
};
use mesh_http::tcp::{Connector, Stream, Target};
use mesh_tests::{Bed, Closed, Server, Silent, document, line_of, until, within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const MONGO: &str = "mongo:27017";
const CLUSTER: &str = "outbound|27017||mongo.default.svc.cluster.local";

/// A server that says its name, then what it is told.
async fn echo(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut io, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = io.write_all(name.as_bytes()).await;
                let (mut read, mut write) = io.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    address
}

/// The service, on a port of this protocol; its endpoints register themselves.
fn service(protocol: &str) -> String {
    document(
        "ServiceEntry",
        "mongo",
        &format!(
            "hosts: [mongo.default.svc.cluster.local]\nports: [{{number: 27017, name: p, protocol: \
             {protocol}}}]\nresolution: STATIC"
        ),
    )
}

fn rule(spec: &str) -> String {
    document(
        "VirtualService",
        "mongo",
        &format!("hosts: [mongo]\n{spec}"),
    )
}

fn destination(policy: &str) -> String {
    let subsets = "subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]";
    document(
        "DestinationRule",
        "mongo",
        &format!("host: mongo\n{subsets}\n{policy}"),
    )
}

/// A mesh whose service has these endpoints, as versions `v1`, `v2` ….
async fn mesh(yaml: &str, addresses: &[SocketAddr]) -> (Bed, Connector) {
    let mut bed = Bed::new(1);
    for (address, version) in addresses.iter().zip(["v1", "v2", "v3"]) {
        bed.add("mongo", 27017, version, *address);
    }
    bed.start(yaml).await;
    let connector = Connector::builder(&bed.mesh)
        .random(Seeded::new(3))
        .recorder(bed.counters.clone())
        .build();
    (bed, connector)
}

async fn read(stream: &mut Stream, n: usize) -> String {
    let mut bytes = vec![0; n];
    within(stream.read_exact(&mut bytes)).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

async fn connect(connector: &Connector, target: &str) -> Stream {
    let connected = within(connector.connect(target)).await;
    connected.unwrap_or_else(|error| panic!("{error}"))
}

async fn flags(connector: &Connector, target: &str) -> Vec<Flag> {
    within(connector.connect(target)).await.unwrap_err().flags()
}

fn endpoints(bed: &Bed) -> Vec<EndpointStatus> {
    bed.mesh.load().cluster(CLUSTER).unwrap().endpoints()
}

fn attempts(bed: &Bed, address: SocketAddr) -> AttemptCounts {
    let address = Address::from(address);
    let found = endpoints(bed).into_iter().find(|e| e.address == address);
    found.expect("an endpoint").attempts
}

#[tokio::test]
async fn tcp_weights_split_connections() {
    let routes = "tcp:\n- route:\n  - {destination: {host: mongo, subset: v1}, weight: 75}\n  - \
                  {destination: {host: mongo, subset: v2}, weight: 25}";
    let yaml = service("MONGO") + &destination("") + &rule(routes);
    let (_bed, connector) = mesh(&yaml, &[echo("1").await, echo("2").await]).await;
    let mut answers = BTreeMap::new();
    for _ in 0..400 {
        let mut stream = connect(&connector, MONGO).await;
        *answers.entry(read(&mut stream, 1).await).or_insert(0) += 1;
    }
    assert!((270..=330).contains(&answers["1"]), "{answers:?}");
}

#[tokio::test]
async fn every_name_of_the_service_and_its_address_lead_there() {
    let yaml = service("TCP").replace("ports:", "addresses: [10.9.0.1]\n  ports:");
    let (_bed, connector) = mesh(&yaml, &[echo("!").await]).await;
    for host in [
        "mongo",
        "mongo.default",
        "mongo.default.svc",
        "Mongo.default.svc.cluster.local",
        "mongo.default.svc.cluster.local.",
        "10.9.0.1",
    ] {
        let mut stream = connect(&connector, &format!("{host}:27017")).await;
        assert_eq!(read(&mut stream, 1).await, "!", "{host}");
    }
    assert_eq!(flags(&connector, "mongo:1").await, [Flag::NoRoute]);
    assert_eq!(flags(&connector, "mysql:27017").await, [Flag::NoRoute]);
}

#[tokio::test]
async fn destination_subnets_choose_the_route() {
    let routes = "tcp:\n- match: [{destinationSubnets: [10.9.0.0/16]}]\n  route: [{destination: \
                  {host: mongo, subset: v2}}]\n- route: [{destination: {host: mongo, subset: v1}}]";
    let two = [echo("1").await, echo("2").await];
    for (address, expected) in [("10.9.0.1", "2"), ("10.8.0.1", "1")] {
        let yaml = service("TCP").replace("ports:", &format!("addresses: [{address}]\n  ports:"));
        let (_bed, connector) = mesh(&(yaml + &destination("") + &rule(routes)), &two).await;
        // By name, too: it stands for the address.
        for host in [address, "mongo"] {
            let mut stream = connect(&connector, &format!("{host}:27017")).await;
            assert_eq!(read(&mut stream, 1).await, expected, "{host}");
        }
    }
}

#[tokio::test]
async fn the_server_name_chooses_the_tls_route() {
    let routes = "tls:\n- match: [{sniHosts: [mongo]}]\n  route: [{destination: {host: mongo, \
                  subset: v2}}]";
    let yaml = service("TLS") + &destination("") + &rule(routes);
    let (_bed, connector) = mesh(&yaml, &[echo("1").await, echo("2").await]).await;
    let target = Target::new("mongo", 27017);
    let asked = target.clone().with_server_name("Mongo");
    let mut stream = within(connector.connect(asked)).await.unwrap();
    assert_eq!(read(&mut stream, 1).await, "2");
    let error = within(connector.connect(target)).await.unwrap_err();
    assert_eq!(error.flag(), Flag::NoRoute);
    assert!(error.to_string().contains("no server name"), "{error}");
}

#[tokio::test]
async fn a_port_of_no_declared_protocol_takes_requests_and_bytes() {
    let server = Server::start("a").await;
    let (bed, connector) = mesh("", &[server.address]).await;
    assert_eq!(bed.get("http://mongo:27017/").await.status, 200);
    let mut stream = connect(&connector, MONGO).await;
    let request = b"GET / HTTP/1.1\r\nhost: by hand\r\n\r\n";
    stream.write_all(request).await.unwrap();
    assert_eq!(read(&mut stream, 12).await, "HTTP/1.1 200");
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_ejected_and_named() {
    let closed = Closed::new();
    let policy = "trafficPolicy:\n  loadBalancer: {simple: ROUND_ROBIN}\n  outlierDetection: \
                  {consecutive5xxErrors: 3, maxEjectionPercent: 100, baseEjectionTime: 1h}";
    let yaml = service("TCP") + &destination(policy);
    let (bed, connector) = mesh(&yaml, &[closed.address, echo("!").await]).await;
    let mut failed = 0;
    for _ in 0..20 {
        match within(connector.connect(MONGO)).await {
            Ok(mut stream) => assert_eq!(read(&mut stream, 1).await, "!"),
            Err(error) => {
                let both = [
                    Flag::UpstreamRetryLimitExceeded,
                    Flag::UpstreamConnectionFailure,
                ];
                assert_eq!(error.flags(), both);
                let named = closed.address.to_string();
                assert!(error.to_string().contains(&named), "{error}");
                failed += 1;
            }
        }
    }
    assert_eq!(
        failed, 3,
        "istiod sets one attempt; the third failure ejects"
    );
    assert!(endpoints(&bed).iter().any(|e| e.ejections == 1));
    let tried = attempts(&bed, closed.address);
    assert_eq!((tried.total(), tried.successes()), (3, 0));
}

#[tokio::test]
async fn an_endpoint_that_hears_nothing_costs_the_connect_timeout() {
    let silent = Silent::new();
    let policy = "trafficPolicy: {connectionPool: {tcp: {connectTimeout: 100ms}}}";
    let yaml = service("TCP") + &destination(policy);
    let (bed, connector) = mesh(&yaml, &[silent.address]).await;
    let error = within(connector.connect(MONGO)).await.unwrap_err();
    assert_eq!(error.flag(), Flag::UpstreamConnectionFailure);
    assert!(
        error.to_string().contains("no connection within 100ms"),
        "{error}"
    );
    let tried = attempts(&bed, silent.address);
    let timeout = OutcomeKind::all().find(|k| k.as_str() == "connect_timeout");
    assert_eq!(tried.get(timeout.unwrap()), 1);
}

#[tokio::test]
async fn max_connections_refuses_until_a_stream_ends() {
    let policy = "trafficPolicy: {connectionPool: {tcp: {maxConnections: 2}}}";
    let yaml = service("TCP") + &destination(policy);
    let (_bed, connector) = mesh(&yaml, &[echo("").await]).await;
    let _one = connect(&connector, MONGO).await;
    let two = connect(&connector, MONGO).await;
    assert_eq!(flags(&connector, MONGO).await, [Flag::UpstreamOverflow]);
    drop(two);
    connect(&connector, MONGO).await;
}

#[tokio::test]
async fn an_idle_stream_is_closed() {
    let policy = "trafficPolicy: {connectionPool: {tcp: {idleTimeout: 50ms}, http: {idleTimeout: \
                  1h}}}";
    let yaml = service("TCP") + &destination(policy);
    let (_bed, connector) = mesh(&yaml, &[echo("").await]).await;
    let mut stream = connect(&connector, MONGO).await;
    let error = within(stream.read(&mut [0])).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    let text = error.to_string();
    assert!(
        text.contains("no byte moved on the stream for 50ms"),
        "{text}"
    );
}

#[tokio::test]
async fn a_stream_ends_at_its_maximum_duration() {
    let policy = "trafficPolicy: {connectionPool: {tcp: {maxConnectionDuration: 50ms}}}";
    let yaml = service("TCP") + &destination(policy);
    let (_bed, connector) = mesh(&yaml, &[echo("").await]).await;
    let mut stream = connect(&connector, MONGO).await;
    let error = within(async {
        loop {
            if let Err(error) = stream.write_all(b"x").await {
                return error;
            }
            if let Err(error) = stream.read_exact(&mut [0]).await {
                return error;
            }
        }
    });
    let text = error.await.to_string();
    assert!(text.contains("maximum duration of 50ms"), "{text}");
}

#[tokio::test]
async fn a_live_stream_outlives_edits_and_new_ones_follow_them() {
    let to = |subset: &str| {
        let routes =
            format!("tcp: [{{route: [{{destination: {{host: mongo, subset: {subset}}}}}]}}]");
        service("TCP") + &destination("") + &rule(&routes)
    };
    let (bed, connector) = mesh(&to("v1"), &[echo("1").await, echo("2").await]).await;
    let mut stream = connect(&connector, MONGO).await;
    assert_eq!(read(&mut stream, 1).await, "1");
    for (yaml, version) in [(to("v2"), 2), (String::new(), 3)] {
        bed.dir.write("mesh.yaml", &yaml);
        until("the edit is loaded", || {
            bed.mesh.status().version == version
        })
        .await;
        stream.write_all(b"still here").await.unwrap();
        assert_eq!(read(&mut stream, 10).await, "still here");
        if version == 2 {
            let mut next = connect(&connector, MONGO).await;
            assert_eq!(read(&mut next, 1).await, "2");
        }
    }
}

#[tokio::test]
async fn cancelling_leaves_no_count_and_dropping_none_either() {
    let silent = Silent::new();
    let (bed, connector) = mesh(&service("TCP"), &[silent.address]).await;
    let connecting = tokio::spawn({
        let connector = connector.clone();
        async move { connector.connect(MONGO).await }
    });
    let in_flight = || endpoints(&bed).iter().map(|e| e.in_flight).sum::<u32>();
    until("it connects", || in_flight() == 1).await;
    connecting.abort();
    assert!(connecting.await.is_err_and(|e| e.is_cancelled()));
    assert_eq!(in_flight(), 0);
    assert_eq!(
        bed.counters.started(Side::Client),
        0,
        "a connection is no request"
    );
}

#[tokio::test]
async fn explain_names_chain_roll_and_line() {
    let routes = "tcp:\n- match: [{destinationSubnets: [10.1.0.0/16]}]\n  route: [{destination: \
                  {host: mongo}}]\n- route:\n  - {destination: {host: mongo, subset: v1}, weight: \
                  60}\n  - {destination: {host: mongo, subset: v2}, weight: 40}";
    let yaml = service("TCP") + &destination("") + &rule(routes);
    let (bed, connector) = mesh(&yaml, &[echo("1").await, echo("2").await]).await;
    let report = connector.explain(MONGO).unwrap().to_string();
    let file = bed.dir.path().join("mesh.yaml");
    let at = |needle| format!("{}:{}", file.display(), line_of(&yaml, needle));
    for part in [
        format!(
            "listener `mongo.default.svc.cluster.local_27017` ({})",
            at("kind: ServiceEntry").replace(":2", ":1")
        ),
        format!(
            "chain 0 `mongo` ({}): no: prefix_ranges does not match",
            at("- match:")
        ),
        format!("chain 1 `mongo` ({}): chosen", at("- route:")),
        "weights: roll ".to_owned(),
        format!(
            "weight 60 `outbound|27017|v1|mongo.default.svc.cluster.local` ({})",
            at("60}")
        ),
        "endpoint 127.0.0.1:".to_owned(),
    ] {
        assert!(report.contains(&part), "{part} in\n{report}");
    }
}
