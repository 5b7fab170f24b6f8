//! `ServerLayer` around services of every kind: context, deadline, telemetry, drain.

#[path = "server_support/fixtures.rs"]
mod fixtures;
mod server_support;

use std::{
    convert::Infallible,
    future::{pending, ready},
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
    time::Duration,
};

use bytes::Bytes;
use fixtures::{channel, ok, request};
use http::{HeaderMap, Method, Request, Response, Version};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full};
use mesh_core::{Flag, Seeded, policy::FractionalPercent, telemetry::NoRecorder};
use mesh_http::{
    context::Context,
    server::{Drain, ServerLayer},
};
use server_support::Kept;
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt, service_fn};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The context that the handler sees, as an extension and as the task's.
async fn seen(layer: ServerLayer, request: Request<()>) -> Context {
    let service = service_fn(|request: Request<()>| {
        // In `call`, too, before the future is polled.
        let in_call = Context::current();
        async move {
            tokio::task::yield_now().await;
            let current = Context::current().expect("a task-local context");
            assert_eq!(request.extensions().get(), Some(&current));
            assert_eq!(in_call.as_ref(), Some(&current));
            let mut response = ok();
            response.extensions_mut().insert(current);
            Ok::<_, Infallible>(response)
        }
    });
    let response = layer.layer(service).oneshot(request).await.unwrap();
    assert_eq!(Context::current(), None, "the scope ends with the handler");
    response
        .extensions()
        .get()
        .cloned()
        .expect("the handler put it there")
}

#[tokio::test(start_paused = true)]
async fn the_handler_sees_deadline_and_trace() {
    let now = Instant::now().into_std();
    let layer = || ServerLayer::new(Kept::new());
    let context = seen(
        layer(),
        request(&[("grpc-timeout", "3S"), ("traceparent", PARENT)]),
    )
    .await;
    assert_eq!(context.deadline(), Some(now + Duration::from_secs(3)));
    // No subscriber is installed, so nobody would know a span of ours: the caller stays the parent.
    assert_eq!(context.trace().unwrap().to_string(), PARENT);

    let untrusted = layer().trust_deadline_headers(false);
    let context = seen(
        untrusted,
        request(&[("x-envoy-expected-rq-timeout-ms", "5")]),
    )
    .await;
    assert_eq!(context.deadline(), None);
}

#[tokio::test]
async fn a_request_without_a_trace_begins_one() {
    let layer = |share| {
        ServerLayer::new(Kept::new())
            .with_random(Arc::new(Seeded::new(7)))
            .with_random_sampling(share)
    };
    let always = seen(layer(FractionalPercent::ALWAYS), request(&[])).await;
    let never = seen(layer(FractionalPercent::per_hundred(0)), request(&[])).await;
    let (always, never) = (always.trace().unwrap(), never.trace().unwrap());
    assert_eq!(always.trace_id(), never.trace_id(), "the same seed");
    assert!(always.flags().is_sampled() && !never.flags().is_sampled());
    let broken = request(&[("traceparent", &PARENT.to_uppercase())]);
    let replaced = seen(layer(FractionalPercent::ALWAYS), broken).await;
    assert_eq!(replaced.trace().unwrap(), always);
}

#[tokio::test(start_paused = true)]
async fn telemetry_ends_with_the_body() {
    let kept = Kept::new();
    let (mut frames, body) = channel();
    let mut body = Some(body);
    let service = service_fn(move |_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(body.take().unwrap())))
    });
    let mut request = request(&[]);
    *request.method_mut() = Method::PUT;
    let drain = Drain::new();
    let layer = ServerLayer::new(kept.clone()).with_drain(drain.clone());
    let response = layer.layer(service).oneshot(request).await.unwrap();
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(
        (kept.started(), kept.ended().len(), drain.in_flight()),
        (1, 0, 1)
    );
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "14".parse().unwrap());
    frames.send_trailers(trailers).await.unwrap();
    drop(frames);
    response.into_body().collect().await.unwrap();
    assert_eq!(kept.only(), (Some(200), Some(14), None));
    assert_eq!(kept.ended()[0].method, "PUT");
    assert_eq!(kept.ended()[0].duration, Duration::from_secs(2));
    assert_eq!(drain.in_flight(), 0);
}

#[tokio::test]
async fn a_body_that_fails_or_is_dropped_half_way_is_told_apart_from_a_whole_one() {
    let one = |head: Response<()>, method: Method, sent: &'static [&'static str], end: End| async move {
        let kept = Kept::new();
        let (mut frames, body) = channel();
        let mut response = Some(head.map(|()| body));
        let service =
            service_fn(move |_: Request<()>| ready(Ok::<_, Infallible>(response.take().unwrap())));
        let mut request = request(&[]);
        *request.method_mut() = method;
        let response = ServerLayer::new(kept.clone())
            .layer(service)
            .oneshot(request)
            .await
            .unwrap();
        let mut body = Box::pin(response.into_body());
        for part in sent {
            frames.send_data((*part).into()).await.unwrap();
            body.frame().await.unwrap().unwrap();
        }
        if let End::Fail = end {
            frames.abort("broken".into());
            let error = body.frame().await.unwrap().unwrap_err();
            assert_eq!(error.to_string(), "broken");
        }
        drop(body);
        kept
    };
    let head = |status: u16, length: Option<&str>| {
        let mut head = Response::builder().status(status);
        if let Some(length) = length {
            head = head.header("content-length", length);
        }
        head.body(()).unwrap()
    };
    let gone = Some(Flag::DownstreamConnectionTermination);
    for (kept, status, flag) in [
        (
            one(head(200, None), Method::GET, &["part"], End::Drop).await,
            200,
            gone,
        ),
        (
            one(head(200, None), Method::GET, &["part"], End::Fail).await,
            200,
            Some(Flag::UpstreamRemoteReset),
        ),
        // Nothing more was to come, so nobody asked for the end.
        (
            one(
                head(200, Some("8")),
                Method::GET,
                &["four", "more"],
                End::Drop,
            )
            .await,
            200,
            None,
        ),
        (
            one(
                head(200, Some("9")),
                Method::GET,
                &["four", "more"],
                End::Drop,
            )
            .await,
            200,
            gone,
        ),
        (
            one(head(200, Some("9")), Method::HEAD, &[], End::Drop).await,
            200,
            None,
        ),
        (
            one(head(304, Some("9")), Method::GET, &[], End::Drop).await,
            304,
            None,
        ),
        (
            one(head(101, None), Method::GET, &[], End::Drop).await,
            101,
            None,
        ),
        (
            one(head(200, None), Method::CONNECT, &[], End::Drop).await,
            200,
            None,
        ),
    ] {
        assert_eq!(kept.only(), (Some(status), None, flag));
    }
}

enum End {
    Drop,
    Fail,
}

#[tokio::test]
async fn a_request_given_up_or_failed_before_its_head_is_recorded() {
    let kept = Kept::new();
    let drain = Drain::new();
    let service =
        service_fn(|_: Request<()>| pending::<Result<Response<Empty<Bytes>>, Infallible>>());
    let mut service = ServerLayer::new(kept.clone())
        .with_drain(drain.clone())
        .layer(service);
    let mut call = Box::pin(service.call(request(&[])));
    let polled = call
        .as_mut()
        .poll(&mut task::Context::from_waker(task::Waker::noop()));
    assert!(polled.is_pending());
    assert_eq!(drain.in_flight(), 1);
    drop(call);
    assert_eq!(
        kept.only(),
        (None, None, Some(Flag::DownstreamConnectionTermination))
    );
    assert_eq!(drain.in_flight(), 0);

    let kept = Kept::new();
    let service = service_fn(|_: Request<()>| ready(Err::<Response<Empty<Bytes>>, _>("no")));
    let error = ServerLayer::new(kept.clone())
        .layer(service)
        .oneshot(request(&[]))
        .await
        .unwrap_err();
    assert_eq!(error, "no");
    assert_eq!(kept.only(), (None, None, None));
}

/// One frame: whether there is a deadline where the body is polled.
struct TellsContext(bool);

impl Body for TellsContext {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let deadline = Context::current().and_then(|c| c.deadline());
        let frame = Frame::data(Bytes::from(deadline.is_some().to_string()));
        let first = !std::mem::replace(&mut self.0, true);
        Poll::Ready(first.then_some(Ok(frame)))
    }
}

#[tokio::test]
async fn a_streaming_handler_keeps_its_context() {
    let mut body = Some(TellsContext(false));
    let service = service_fn(move |_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(body.take().unwrap())))
    });
    let response = ServerLayer::new(Kept::new())
        .layer(service)
        .oneshot(request(&[("grpc-timeout", "1H")]))
        .await
        .unwrap();
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "true"
    );
}

#[tokio::test]
async fn while_draining_http1_is_told_to_close() {
    let drain = Drain::new();
    let status = |status: u16| {
        service_fn(move |_: Request<()>| {
            let response = Response::builder()
                .status(status)
                .body(Empty::<Bytes>::new());
            ready(Ok::<_, Infallible>(response.unwrap()))
        })
    };
    let closes = |version, code| {
        let layer = ServerLayer::new(Kept::new()).with_drain(drain.clone());
        let mut request = request(&[]);
        *request.version_mut() = version;
        async move {
            let response = layer.layer(status(code)).oneshot(request).await.unwrap();
            response
                .headers()
                .get("connection")
                .is_some_and(|v| v == "close")
        }
    };
    assert!(!closes(Version::HTTP_11, 200).await);
    drain.start(Duration::from_secs(1));
    assert!(closes(Version::HTTP_11, 200).await);
    assert!(closes(Version::HTTP_10, 404).await);
    assert!(
        !closes(Version::HTTP_2, 200).await,
        "a connection header breaks HTTP/2"
    );
    assert!(
        !closes(Version::HTTP_11, 101).await,
        "an upgrade has its own connection header"
    );
}

#[tokio::test]
async fn readiness_is_the_services_and_the_ready_one_is_called() {
    // `mock` panics when a service is called that was not polled ready.
    let (mock, mut handle) = tower_test::mock::spawn_with(
        |mock: tower_test::mock::Mock<Request<()>, Response<Full<Bytes>>>| {
            ServerLayer::new(Kept::new()).layer(mock)
        },
    );
    let mut mock = mock;
    handle.allow(0);
    assert!(mock.poll_ready().is_pending());
    handle.allow(1);
    assert!(mock.poll_ready().is_ready());
    let call = mock.call(request(&[]));
    let (_, answer) = handle.next_request().await.unwrap();
    answer.send_response(ok());
    assert_eq!(call.await.unwrap().status(), 200);
}

/// The request's map of extensions (two; none when there is one already), the context's place in it,
/// and nothing else.
#[tokio::test]
async fn a_request_costs_three_allocations() {
    let service = service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(ok())));
    let mut service = ServerLayer::new(NoRecorder).layer(service);
    let mut cost = |request| {
        let allocations = allocation_counter::measure(|| {
            let mut call = std::pin::pin!(service.call(request));
            let polled = call
                .as_mut()
                .poll(&mut task::Context::from_waker(task::Waker::noop()));
            assert!(polled.is_ready());
        });
        allocations.count_total
    };
    for headers in [&[][..], &[("traceparent", PARENT), ("grpc-timeout", "1S")]] {
        // The first call of a thread draws its seed.
        cost(request(headers));
        assert_eq!(cost(request(headers)), 3);
    }
}
