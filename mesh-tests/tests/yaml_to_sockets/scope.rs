//! What a workload sees of the mesh, and what holds where its rules say nothing: delegates, `Sidecar`,
//! `MeshConfig`, localities.

use std::net::SocketAddr;

use mesh_core::policy::Locality;
use mesh_tests::{Bed, Server, document, virtual_service};

fn mesh_config(spec: &str) -> String {
    document("MeshConfig", "istio", spec)
        .replace("networking.istio.io/v1", "mesh.istio.io/v1alpha1")
}

#[tokio::test]
async fn a_delegates_routes_are_taken() {
    let server = Server::start("a").await;
    let bed = Bed::with(1, &[server.address]);
    let root = virtual_service(
        "a",
        "- match: [{uri: {prefix: /team}}]\n  delegate: {name: team}\n- directResponse: {status: 404}",
    );
    let team = document(
        "VirtualService",
        "team",
        "http:\n- match: [{uri: {prefix: /team/gone}}]\n  directResponse: {status: 410}\n- route: \
         [{destination: {host: a}}]\n  rewrite: {uri: /}",
    );
    bed.start(&(root + &team)).await;
    assert_eq!(bed.get("http://a/team/gone").await.status, 410);
    assert_eq!(bed.get("http://a/team").await.status, 200);
    assert_eq!(server.seen()[0].uri.path(), "/");
    assert_eq!(bed.get("http://a/other").await.status, 404);
}

#[tokio::test]
async fn only_what_is_registered_may_be_called() {
    let server = Server::start("a").await;
    let bed = Bed::with(1, &[server.address]);
    bed.start(&mesh_config("outboundTrafficPolicy: {mode: REGISTRY_ONLY}"))
        .await;
    assert_eq!(bed.get("http://a/").await.status, 200);
    // Neither another host, nor a port that nothing is known on.
    assert_eq!(bed.get("http://elsewhere.com/").await.status, 502);
    assert_eq!(bed.get("http://elsewhere.com:8443/").await.status, 502);
}

#[tokio::test]
async fn a_sidecar_hides_services() {
    let server = Server::start("a").await;
    let mut bed = Bed::with(1, &[server.address]);
    bed.add("b.other", 80, "v1", server.address);
    bed.start(&document("Sidecar", "s", "egress: [{hosts: [\"./*\"]}]"))
        .await;
    assert_eq!(bed.get("http://a/").await.status, 200);
    assert_eq!(bed.get("http://b.other/").await.status, 404);
}

#[tokio::test]
async fn the_meshs_retries_are_those_of_routes_without_any() {
    let server = Server::start("a").await;
    server.answer(503);
    let bed = Bed::with(1, &[server.address]);
    let mesh = mesh_config("defaultHttpRetryPolicy: {attempts: 3, retryOn: 5xx, backoff: 1ms}");
    bed.start(&mesh).await;
    assert_eq!(bed.get("http://a/").await.status, 503);
    assert_eq!(server.hits(), 4);
}

#[tokio::test]
async fn endpoints_far_away_wait_until_the_near_ones_fail() {
    let (near, far) = (Server::start("near").await, Server::start("far").await);
    let bed = Bed::new(1);
    let endpoint = |address: SocketAddr, locality: &str| {
        format!(
            "- {{address: 127.0.0.1, ports: {{http: {}}}, locality: {locality}}}\n",
            address.port()
        )
    };
    let service = format!(
        "hosts: [ext.com]\nports: [{{number: 80, name: http, protocol: HTTP}}]\nresolution: \
         STATIC\nendpoints:\n{}{}",
        endpoint(far.address, "r2/z1"),
        endpoint(near.address, "r1/z1")
    );
    let rule = "host: ext.com\ntrafficPolicy: {outlierDetection: {consecutive5xxErrors: 1, \
                maxEjectionPercent: 100, baseEjectionTime: 1h}}";
    let yaml =
        document("ServiceEntry", "ext", &service) + &document("DestinationRule", "ext", rule);
    let source = bed.source().with_locality(Locality {
        region: "r1".into(),
        zone: "z1".into(),
        sub_zone: "".into(),
    });
    bed.publish(&source, &yaml);
    for _ in 0..20 {
        assert_eq!(bed.get("http://ext.com/").await.by, "near");
    }
    assert_eq!(far.hits(), 0);
    near.answer(500);
    assert_eq!(bed.get("http://ext.com/").await.status, 500);
    for _ in 0..20 {
        assert_eq!(bed.get("http://ext.com/").await.by, "far");
    }
}
