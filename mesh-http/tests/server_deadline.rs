//! `ServerLayer` and deadlines: refused, cancelled, or left to the handler.

#[path = "server_support/fixtures.rs"]
mod fixtures;
mod server_support;

use std::{
    convert::Infallible,
    future::{pending, ready},
    time::Duration,
};

use bytes::Bytes;
use fixtures::{channel, ok, request};
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use mesh_core::Flag;
use mesh_http::{
    context::Context,
    server::{DeadlineExceeded, ServerLayer},
};
use server_support::Kept;
use tokio::{sync::mpsc, time::Instant};
use tower::{Layer, ServiceExt, service_fn};

#[tokio::test(start_paused = true)]
async fn a_deadline_that_has_passed_is_answered_before_any_work() {
    for (headers, status, grpc) in [
        (&[("grpc-timeout", "0n")][..], 504, None),
        (
            &[
                ("grpc-timeout", "0S"),
                ("content-type", "application/grpc+proto"),
            ],
            200,
            Some(4),
        ),
    ] {
        for enforce in [true, false] {
            let kept = Kept::new();
            let service = service_fn(|_: Request<()>| {
                ready(Err::<Response<Full<Bytes>>, _>("the service was called"))
            });
            let layer = ServerLayer::new(kept.clone()).enforce_deadline(enforce);
            let response = layer
                .layer(service)
                .oneshot(request(headers))
                .await
                .unwrap();
            assert_eq!(response.status(), status);
            let told = response
                .headers()
                .get("grpc-status")
                .map(|v| v.to_str().unwrap());
            assert_eq!(told, grpc.map(|_: u8| "4"));
            assert!(response.body().is_end_stream());
            drop(response);
            assert_eq!(
                kept.only(),
                (Some(status), grpc, Some(Flag::UpstreamTimeout))
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_cancels_the_handler() {
    struct Dropped(mpsc::UnboundedSender<()>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    for (content_type, status, grpc) in [
        ("text/plain", 504, None),
        ("application/grpc", 200, Some(4)),
    ] {
        let (sender, mut dropped) = mpsc::unbounded_channel();
        let kept = Kept::new();
        let service = service_fn(move |_: Request<()>| {
            let guard = Dropped(sender.clone());
            async move {
                let _guard = guard;
                pending::<Result<Response<Full<Bytes>>, Infallible>>().await
            }
        });
        let begun = Instant::now();
        let headers = [("grpc-timeout", "250m"), ("content-type", content_type)];
        let mut future = std::pin::pin!(
            ServerLayer::new(kept.clone())
                .layer(service)
                .oneshot(request(&headers))
        );
        let response = future.as_mut().await.unwrap();
        assert_eq!(begun.elapsed(), Duration::from_millis(250));
        assert_eq!(response.status(), status);
        dropped
            .try_recv()
            .expect("the handler is dropped as soon as the answer is there");
        drop(response);
        assert_eq!(
            kept.only(),
            (Some(status), grpc, Some(Flag::UpstreamTimeout))
        );
        assert_eq!(kept.ended()[0].duration, Duration::from_millis(250));
    }
}

#[tokio::test(start_paused = true)]
async fn a_finished_answer_wins_over_the_deadline() {
    let kept = Kept::new();
    let service = service_fn(|_: Request<()>| async {
        // Blocks the task past the deadline, then answers at once.
        tokio::time::advance(Duration::from_secs(9)).await;
        Ok::<_, Infallible>(ok())
    });
    let layer = ServerLayer::new(kept.clone());
    let response = layer
        .layer(service)
        .oneshot(request(&[("grpc-timeout", "1S")]))
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn without_enforcement_the_handler_runs_on() {
    let kept = Kept::new();
    let service = service_fn(|_: Request<()>| async {
        tokio::time::sleep(Duration::from_secs(9)).await;
        let left = Context::current()
            .unwrap()
            .remaining(Instant::now().into_std());
        assert_eq!(left, Some(Duration::ZERO));
        Ok::<_, Infallible>(ok())
    });
    let layer = ServerLayer::new(kept.clone()).enforce_deadline(false);
    let response = layer
        .layer(service)
        .oneshot(request(&[("grpc-timeout", "1S")]))
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    response.into_body().collect().await.unwrap();
    assert_eq!(kept.only(), (Some(200), None, None));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_goes_on_through_the_body() {
    for grpc in [false, true] {
        let kept = Kept::new();
        let (mut frames, body) = channel();
        let mut response = Response::new(body);
        if grpc {
            let value = http::HeaderValue::from_static("application/grpc");
            response.headers_mut().insert("content-type", value);
        }
        let mut response = Some(response);
        let service =
            service_fn(move |_: Request<()>| ready(Ok::<_, Infallible>(response.take().unwrap())));
        let layer = ServerLayer::new(kept.clone());
        let response = layer
            .layer(service)
            .oneshot(request(&[("grpc-timeout", "1S")]))
            .await
            .unwrap();
        frames.send_data("part".into()).await.unwrap();
        let mut body = std::pin::pin!(response.into_body());
        assert_eq!(
            body.frame().await.unwrap().unwrap().into_data().unwrap(),
            "part"
        );
        let begun = Instant::now();
        let last = body.frame().await.unwrap();
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
        if grpc {
            assert_eq!(last.unwrap().into_trailers().unwrap()["grpc-status"], "4");
        } else {
            assert!(last.unwrap_err().is::<DeadlineExceeded>());
        }
        let sent = frames.send_data("more".into()).await;
        assert!(sent.is_err(), "the service's body is dropped");
        assert!(body.frame().await.is_none());
        let code = grpc.then_some(4);
        assert_eq!(kept.only(), (Some(200), code, Some(Flag::UpstreamTimeout)));
    }
}
