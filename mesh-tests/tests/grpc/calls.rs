//! Calls that succeed: where they go, and what travels with them.

use std::time::Duration;

use mesh_core::Mesh;
use mesh_grpc::Channel;
use mesh_http::Context;
use mesh_tests::{Bed, document, virtual_service, within};
use tokio::time::Instant;
use tonic::{Request, Response};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_client::HealthClient};

use crate::server::Server;

pub(crate) fn client(mesh: &Mesh) -> HealthClient<Channel> {
    HealthClient::new(Channel::new(mesh, "xds:///a").unwrap())
}

/// Service `a` on one server, called `v1`.
pub(crate) async fn one() -> (Bed, Server) {
    let server = Server::start("v1").await;
    let bed = Bed::with(1, &[server.address]);
    bed.start("").await;
    (bed, server)
}

pub(crate) fn by<T>(response: &Response<T>) -> &str {
    response
        .metadata()
        .get("served-by")
        .unwrap()
        .to_str()
        .unwrap()
}

#[tokio::test]
async fn a_generated_client_calls_by_method_and_metadata() {
    let (v1, v2) = (Server::start("v1").await, Server::start("v2").await);
    let mut bed = Bed::new(1);
    bed.add("a", 80, "v1", v1.address);
    bed.add("a", 80, "v2", v2.address);
    let subsets = document(
        "DestinationRule",
        "versions",
        "host: a\nsubsets:\n- {name: v1, labels: {version: v1}}\n- {name: v2, labels: {version: v2}}",
    );
    let rules = virtual_service(
        "a",
        "- match: [{uri: {exact: /grpc.health.v1.Health/Watch}}, {headers: {tenant: {exact: beta}}}]
  route: [{destination: {host: a, subset: v2}}]
- route: [{destination: {host: a, subset: v1}}]
",
    );
    bed.start(&(subsets + &rules)).await;

    let mut client = client(&bed.mesh);
    let plain = within(client.check(HealthCheckRequest::default())).await;
    assert_eq!(by(&plain.unwrap()), "v1");
    let by_method = within(client.watch(HealthCheckRequest::default())).await;
    assert_eq!(by(&by_method.unwrap()), "v2");
    let mut request = Request::new(HealthCheckRequest::default());
    let tenant = "beta".parse().unwrap();
    request.metadata_mut().insert("tenant", tenant);
    let by_metadata = within(client.check(request)).await;
    assert_eq!(by(&by_metadata.unwrap()), "v2");
}

#[tokio::test]
async fn messages_stream_as_they_come() {
    let (bed, server) = one().await;
    let mut client = client(&bed.mesh);
    let watch = within(client.watch(HealthCheckRequest::default())).await;
    let mut stream = watch.unwrap().into_inner();
    let messages = server.watchers().pop().unwrap();
    for status in [1, 2, 1] {
        messages
            .send(Ok(HealthCheckResponse { status }))
            .await
            .unwrap();
        let message = within(stream.message()).await.unwrap().unwrap();
        assert_eq!(message.status, status);
    }
    assert_eq!(bed.endpoint(server.address).in_flight, 1);
    drop((messages, server));
    drop(stream);
    assert_eq!(bed.cluster().endpoints()[0].in_flight, 0);
}

#[tokio::test]
async fn the_callers_deadline_reaches_the_server() {
    let (bed, server) = one().await;
    let mut request = Request::new(HealthCheckRequest::default());
    request.set_timeout(Duration::from_secs(9));
    within(client(&bed.mesh).check(request)).await.unwrap();
    let inbound = Instant::now() + Duration::from_secs(5);
    let context = Context::new().with_deadline(inbound.into_std());
    let mut request = Request::new(HealthCheckRequest::default());
    request.set_timeout(Duration::from_secs(9));
    let mut client = client(&bed.mesh);
    within(context.scope(client.check(request))).await.unwrap();
    let calls = server.calls();
    assert!(calls.iter().all(|call| call.deadline));
    let left = |call: &crate::server::Call| {
        let timeout = call.metadata.get("grpc-timeout").unwrap();
        mesh_http::server::parse_grpc_timeout(timeout.as_bytes()).unwrap()
    };
    let (own, inherited) = (left(&calls[0]), left(&calls[1]));
    assert!(
        own <= Duration::from_secs(9) && own > Duration::from_secs(5),
        "{own:?}"
    );
    assert!(inherited <= Duration::from_secs(5), "{inherited:?}");
}
