//! What the clients hold, over a socket.

use std::net::SocketAddr;

use hyper::{client, server, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mesh_http::Body;
use mesh_tests::{
    resources::{broken_cluster, service},
    until, within,
};
use mesh_xds::{
    client::Csds,
    pb::{core::Node, protobuf::Any},
};
use prost::Message;
use tokio::net::{TcpListener, TcpStream};
use tower::Service;

use super::*;

#[derive(Clone, PartialEq, Message)]
struct ClientStatusResponse {
    #[prost(message, repeated, tag = "1")]
    config: Vec<ClientConfig>,
}

#[derive(Clone, PartialEq, Message)]
struct ClientConfig {
    #[prost(message, optional, tag = "1")]
    node: Option<Node>,
    #[prost(message, repeated, tag = "3")]
    generic_xds_configs: Vec<GenericXdsConfig>,
    #[prost(string, tag = "4")]
    client_scope: String,
}

#[derive(Clone, PartialEq, Message)]
struct GenericXdsConfig {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    version_info: String,
    #[prost(message, optional, tag = "4")]
    xds_config: Option<Any>,
    #[prost(message, optional, tag = "5")]
    last_updated: Option<Timestamp>,
    #[prost(int32, tag = "7")]
    client_status: i32,
    #[prost(message, optional, tag = "8")]
    error_state: Option<UpdateFailureState>,
}

#[derive(Clone, PartialEq, Message)]
struct UpdateFailureState {
    #[prost(message, optional, tag = "2")]
    last_update_attempt: Option<Timestamp>,
    #[prost(string, tag = "3")]
    details: String,
    #[prost(string, tag = "4")]
    version_info: String,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
}

const ACKED: i32 = 3;
const NACKED: i32 = 4;

/// Serves one connection after the other.
async fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(|request| Csds::new().call(request));
            let builder = server::conn::http2::Builder::new(TokioExecutor::new());
            // How it ends is the caller's affair.
            let _ = builder
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    });
    address
}

/// The `grpc-status`, and the answer.
async fn call(address: SocketAddr, method: &str, message: &[u8]) -> (String, ClientStatusResponse) {
    let stream = TcpStream::connect(address).await.unwrap();
    let builder = client::conn::http2::Builder::new(TokioExecutor::new());
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let length = u8::try_from(message.len()).unwrap();
    let framed = [&[0, 0, 0, 0, length], message].concat();
    let service = "envoy.service.status.v3.ClientStatusDiscoveryService";
    let request = http::Request::post(format!("http://{address}/{service}/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::from(framed))
        .unwrap();
    let response = within(sender.send_request(request)).await.unwrap();
    let status = response.headers().get("grpc-status").cloned();
    let body = Body::new(response.into_body()).bytes().await.unwrap();
    let status = status.map_or("0".to_owned(), |s| s.to_str().unwrap().to_owned());
    let answer = body.get(5..).unwrap_or_default();
    (status, ClientStatusResponse::decode(answer).unwrap())
}

#[tokio::test]
async fn a40_csds_tells_what_came_and_what_is_wrong_with_it() {
    let servers = servers(["a"]).await;
    let resources = service("a", &[servers[0].address]);
    let control_plane = ControlPlane::start(resources.clone()).await;
    let (_mesh, _client, _xds) = joined(&control_plane, &["a:80"]).await;
    control_plane.put([broken_cluster("a")]);
    until("the rejection", || !control_plane.rejections().is_empty()).await;
    let address = serve().await;
    for method in ["FetchClientStatus", "StreamClientStatus"] {
        let (status, answer) = call(address, method, b"").await;
        assert_eq!(status, "0");
        // Other tests of this process have clients of their own.
        let scope = control_plane.address.to_string();
        let mut configs = answer.config.iter();
        let config = configs.find(|c| c.client_scope == scope).unwrap();
        assert_eq!(config.node.as_ref().unwrap().id, "test");
        let of = |kind: &str| {
            let mut all = config.generic_xds_configs.iter();
            all.find(|r| r.type_url.ends_with(kind)).unwrap()
        };
        let listener = of("v3.Listener");
        assert_eq!(listener.xds_config.as_ref(), Some(&resources[0]));
        assert_eq!(
            (
                &*listener.name,
                &*listener.version_info,
                listener.client_status
            ),
            ("a:80", "2", ACKED)
        );
        // After 2020.
        assert!(listener.last_updated.unwrap().seconds > 1_577_836_800);
        assert_eq!(listener.error_state, None);
        // The last good one, and what is wrong with the latest.
        let cluster = of("v3.Cluster");
        assert_eq!(cluster.xds_config.as_ref(), Some(&resources[2]));
        assert_eq!(
            (&*cluster.version_info, cluster.client_status),
            ("2", NACKED)
        );
        let error = cluster.error_state.as_ref().unwrap();
        assert!(error.details.contains("lb_policy"), "{error:?}");
        assert_eq!(error.version_info, "3");
        assert!(error.last_update_attempt.unwrap().seconds > 1_577_836_800);
        assert_eq!(config.generic_xds_configs.len(), 4);
    }
    // A node matcher: INVALID_ARGUMENT.
    let (status, _) = call(address, "FetchClientStatus", b"\x0a\x00").await;
    assert_eq!(status, "3");
    let (status, _) = call(address, "Other", b"").await;
    assert_eq!(status, "12");
}
