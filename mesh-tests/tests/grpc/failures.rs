//! Calls that fail: each with the status that gRPC's own client library answers.

use std::time::Duration;

use mesh_core::{Mesh, cluster::Health};
use mesh_grpc::Channel;
use mesh_tests::{Act as Raw, Bed, Peer, document, until, virtual_service, within};
use tokio::time::Instant;
use tonic::{Code, Request, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::{
    calls::{client, one},
    server::{Act, Server},
};

async fn failed(mesh: &Mesh) -> Status {
    let mut client = client(mesh);
    let answer = within(client.check(HealthCheckRequest::default())).await;
    answer.unwrap_err()
}

#[tokio::test]
async fn no_route_and_no_endpoint_are_unavailable_and_say_so() {
    let bed = Bed::new(1);
    bed.start(&virtual_service(
        "b",
        "- route: [{destination: {host: b}}]\n",
    ))
    .await;
    let mut client = HealthClient::new(Channel::new(&bed.mesh, "xds:///nowhere").unwrap());
    let answer = within(client.check(HealthCheckRequest::default())).await;
    let status = answer.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("nowhere"), "{status}");

    let mut bed = Bed::with(1, &["127.0.0.1:1".parse().unwrap()]);
    bed.start("").await;
    bed.leave();
    until("the endpoint has left", || {
        bed.cluster().endpoints().is_empty()
    })
    .await;
    let status = failed(&bed.mesh).await;
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("no healthy upstream"), "{status}");
}

#[tokio::test]
async fn a_refused_connection_is_unavailable_and_names_the_endpoint() {
    let nobody = "127.0.0.1:1".parse().unwrap();
    let bed = Bed::with(1, &[nobody]);
    bed.start("").await;
    let status = failed(&bed.mesh).await;
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("127.0.0.1:1"), "{status}");
}

#[tokio::test]
async fn a_peer_that_speaks_no_http2_is_an_error() {
    let peer = Peer::start(Raw::Write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
    let bed = Bed::with(1, &[peer.address]);
    bed.start("").await;
    let status = failed(&bed.mesh).await;
    assert!(
        matches!(status.code(), Code::Unavailable | Code::Internal),
        "{status}"
    );
}

#[tokio::test]
async fn the_callers_deadline_ends_a_call_that_stalls() {
    let (bed, server) = one().await;
    server.script([Act::Stall]);
    let mut request = Request::new(HealthCheckRequest::default());
    request.set_timeout(Duration::from_millis(50));
    let began = Instant::now();
    let status = within(client(&bed.mesh).check(request)).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    assert!(began.elapsed() >= Duration::from_millis(50));
    assert_eq!(bed.endpoint(server.address).in_flight, 0);
}

#[tokio::test]
async fn a_stream_that_stalls_past_the_deadline_is_cut() {
    let (bed, server) = one().await;
    let mut request = Request::new(HealthCheckRequest::default());
    request.set_timeout(Duration::from_millis(200));
    let mut client = client(&bed.mesh);
    let mut stream = within(client.watch(request)).await.unwrap().into_inner();
    let status = within(stream.message()).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    assert_eq!(bed.endpoint(server.address).in_flight, 0);
}

#[tokio::test]
async fn a_stream_whose_server_dies_is_unavailable_or_internal_never_unknown() {
    let (bed, server) = one().await;
    let mut client = client(&bed.mesh);
    let watch = within(client.watch(HealthCheckRequest::default())).await;
    let mut stream = watch.unwrap().into_inner();
    drop(server);
    let status = within(stream.message()).await.unwrap_err();
    assert!(
        matches!(
            status.code(),
            Code::Unavailable | Code::Internal | Code::Cancelled
        ),
        "{status:?}"
    );
}

#[tokio::test]
async fn the_servers_own_status_comes_through() {
    let (bed, server) = one().await;
    server.script([Act::Fail(Status::not_found("no such thing"))]);
    let status = failed(&bed.mesh).await;
    assert_eq!(
        (status.code(), status.message()),
        (Code::NotFound, "no such thing")
    );
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test]
async fn a_retry_by_grpc_status_gets_an_answer() {
    let server = Server::start("v1").await;
    let bed = Bed::with(1, &[server.address]);
    let rule = "- route: [{destination: {host: a}}]
  retries: {attempts: 2, retryOn: unavailable}
";
    bed.start(&virtual_service("a", rule)).await;
    let unavailable = || Act::Fail(Status::unavailable("not now"));
    server.script([unavailable(), unavailable()]);
    let mut client = client(&bed.mesh);
    let answer = within(client.check(HealthCheckRequest::default())).await;
    answer.unwrap();
    assert_eq!(server.calls().len(), 3);
    // The wire has the last answer when the attempts are used up.
    server.script([unavailable(), unavailable(), unavailable()]);
    let status = failed(&bed.mesh).await;
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unavailable, "not now")
    );
    // And what the policy does not name is not tried again.
    server.calls();
    server.script([Act::Fail(Status::aborted("a conflict"))]);
    assert_eq!(failed(&bed.mesh).await.code(), Code::Aborted);
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test]
async fn a50_statuses_in_trailers_eject() {
    let server = Server::start("v1").await;
    let bed = Bed::with(1, &[server.address]);
    let rule = document(
        "DestinationRule",
        "ejects",
        "host: a\ntrafficPolicy:\n  outlierDetection: {consecutive5xxErrors: 3, maxEjectionPercent: 100, baseEjectionTime: 60s}",
    );
    // Istio tries UNAVAILABLE again where nothing is said.
    let once = "- route: [{destination: {host: a}}]\n  retries: {attempts: 0}\n";
    bed.start(&(rule + &virtual_service("a", once))).await;
    server.script((0..3).map(|_| Act::Fail(Status::unavailable("broken"))));
    for _ in 0..3 {
        assert_eq!(failed(&bed.mesh).await.message(), "broken");
    }
    let health = bed.endpoint(server.address).health;
    assert!(matches!(health, Health::Ejected { .. }), "{health:?}");
}
