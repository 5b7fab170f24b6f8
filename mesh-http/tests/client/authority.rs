//! Which service an URI names.

use std::convert::Infallible;

use http::{Method, Request, Response, StatusCode, Uri, header::HOST};
use mesh_core::{
    Config, Flag, Mesh,
    policy::{
        Cluster, Listener, RetryOn, RetryPolicy, Route, RouteConfiguration, RouteMatch, VirtualHost,
    },
};
use mesh_http::{Body, layer::RetryLayer};
use tower::{ServiceBuilder, ServiceExt};

use crate::script::{Endpoints, endpoint, text};

/// Services `one`, `two` and `[::1]` on every port, `three` on 9080, and a listener for `four` on 9090.
fn services() -> Mesh {
    let host = |name: &str, cluster: &str| {
        VirtualHost::new([name], vec![Route::to_cluster(RouteMatch::any(), cluster)])
    };
    let mut config = Config::default()
        .routing(RouteConfiguration::new(
            "all",
            vec![host("one", "1"), host("two", "2"), host("[::1]", "1")],
        ))
        .cluster(Cluster::new("1"), [endpoint(1)])
        .cluster(Cluster::new("2"), [endpoint(2)])
        .cluster(Cluster::new("3"), [endpoint(3)]);
    config
        .listeners
        .push(Listener::outbound(Some(9080), "9080"));
    let mut target = Listener::outbound(Some(9090), "target");
    target.hosts = vec!["four".into()];
    config.listeners.push(target);
    let of_target = RouteConfiguration::new("target", vec![host("*", "2")]);
    config.routes.push(of_target.into());
    let of_port = RouteConfiguration::new("9080", vec![host("three", "3")]);
    config.routes.push(of_port.into());
    let mesh = Mesh::new();
    mesh.publish(config).unwrap();
    mesh
}

fn request(method: Method, uri: &'static str, host: Option<&'static str>) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    *request.uri_mut() = Uri::from_static(uri);
    if let Some(host) = host {
        request.headers_mut().insert(HOST, host.parse().unwrap());
    }
    request
}

#[tokio::test]
async fn a_request_goes_to_the_host_it_names() {
    let endpoints = Endpoints::default();
    let client = endpoints.client(&services());
    for (uri, host, expected) in [
        ("http://one/", None, "1"),
        ("http://ONE/", None, "1"),
        ("http://one:8080/", None, "1"),
        ("http://[::1]:8080/", None, "1"),
        ("http://three:9080/", None, "3"),
        // What stands before the `@` names nobody (RFC 3986 §3.2.1).
        ("http://one:secret@two/", None, "2"),
        ("http://two@one/", None, "1"),
        ("http://user:9080@one:8080/", None, "1"),
        // `Host` names the service, the URI the port that is dialled.
        ("http://two/", Some("one"), "1"),
        ("http://10.0.0.1:9080/", Some("three"), "3"),
        ("/", Some("three:9080"), "3"),
        // A listener for a host is found by what is dialled, as gRPC's targets are (A27).
        ("http://four:9090/", Some("shop.example"), "2"),
        ("/", Some("four:9090"), "2"),
        ("/", Some("two"), "2"),
        ("http://one?x=1", None, "1"),
        ("http://one", None, "1"),
    ] {
        let response = client
            .clone()
            .oneshot(request(Method::GET, uri, host))
            .await
            .unwrap_or_else(|error| panic!("{uri} {host:?}: {error}"));
        assert_eq!(text(response).await, expected, "{uri} {host:?}");
    }
}

/// Envoy: path matchers match neither `CONNECT` nor `OPTIONS *`, whatever they are.
#[tokio::test]
async fn a_request_without_a_path_matches_no_path() {
    let endpoints = Endpoints::default();
    let client = endpoints.client(&services());
    for (method, uri, host) in [
        (Method::CONNECT, "one:443", None),
        (Method::OPTIONS, "*", Some("one")),
    ] {
        let sent = client.clone().oneshot(request(method, uri, host)).await;
        assert_eq!(sent.unwrap_err().flag(), Flag::NoRoute, "{uri}");
    }
    assert!(endpoints.called().is_empty());
}

#[tokio::test]
async fn what_names_no_service_is_the_callers_mistake() {
    let client = Endpoints::default().client(&services());
    for (uri, host) in [("/", None), ("*", None), ("http://one:99999/", None)] {
        let sent = client
            .clone()
            .oneshot(request(Method::GET, uri, host))
            .await;
        let error = sent.unwrap_err();
        assert_eq!(error.flag(), Flag::InvalidRequest, "{uri}: {error}");
    }
}

/// Around a service that is no client, requests need not name a host.
#[tokio::test]
async fn a_retry_layer_alone_asks_for_no_host() {
    let refuses = tower::service_fn(|_: Request<Body>| async {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        Ok::<_, Infallible>(response)
    });
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(RetryPolicy::new(RetryOn::SERVER_ERROR, 1)))
        .service(refuses);
    let sent = service.oneshot(request(Method::GET, "/", None)).await;
    assert_eq!(sent.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
}
