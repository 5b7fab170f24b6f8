//! HTTP/1.1 upgrades, as WebSockets begin, through the client.

use std::convert::Infallible;

use http::{Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use mesh_http::Body;
use mesh_tests::{Bed, Server, until, virtual_service, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::{ServiceExt, service_fn};

/// Switches to a protocol that echoes bytes.
async fn echo(mut request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        if let Ok(upgraded) = upgrade.await {
            let (mut read, mut write) = tokio::io::split(TokioIo::new(upgraded));
            // It ends when the caller hangs up.
            let _ = tokio::io::copy(&mut read, &mut write).await;
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, "upgrade".parse().unwrap());
    headers.insert(header::UPGRADE, "websocket".parse().unwrap());
    Ok(response)
}

#[tokio::test]
async fn an_upgraded_connection_is_the_callers() {
    let server = Server::with("ws", service_fn(echo)).await;
    let bed = Bed::with(1, &[server.address]);
    // The timeout is for the head: what follows a switch has no end.
    let rule = "- match: [{uri: {prefix: /chat}}]\n  rewrite: {uri: /ws}\n  timeout: 5s\n  \
                route: [{destination: {host: a}}]";
    bed.start(&virtual_service("a", rule)).await;
    let request = Request::get("http://a/chat/1")
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .body(Body::empty())
        .unwrap();
    let response = within(bed.client.clone().oneshot(request)).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(response.headers()[header::UPGRADE], "websocket");
    assert_eq!(server.last().uri, "/ws/1");
    assert_eq!(server.last().header("upgrade"), "websocket");
    let mut socket = TokioIo::new(within(hyper::upgrade::on(response)).await.unwrap());
    assert_eq!(
        bed.cluster().endpoints()[0].in_flight,
        0,
        "its count ended with the head"
    );
    for message in ["first", "again"] {
        socket.write_all(message.as_bytes()).await.unwrap();
        let mut back = [0; 5];
        within(socket.read_exact(&mut back)).await.unwrap();
        assert_eq!(back, message.as_bytes());
    }
    drop(socket);
    until("the connection is closed", || server.open() == 0).await;
}
