//! `grpc-timeout` as a limit: Envoy's `max_grpc_timeout` and `grpc_timeout_header_max`.

use std::time::Duration;

use mesh_core::{
    Flag,
    policy::{Cluster, Timeouts},
};
use tokio::time::Instant;

use crate::script::{Act, Endpoints, endpoint, mesh, route};

const SECOND: Duration = Duration::from_secs(1);

/// The flag and the time of a request that is never answered; the header lines are of one gRPC request.
async fn ended(timeouts: &Timeouts, lines: &[(&str, &str)]) -> (Flag, Duration) {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Stall]);
    let mesh = mesh(
        route(|a| a.with_timeouts(timeouts.clone())),
        [(Cluster::new("c"), vec![endpoint(1)])],
    );
    let client = endpoints.client(&mesh);
    let mut request = client.post("http://svc/");
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    let started = Instant::now();
    let error = request.send().await.unwrap_err();
    (error.flag(), started.elapsed())
}

const GRPC: (&str, &str) = ("content-type", "application/grpc");

#[tokio::test(start_paused = true)]
async fn a_grpc_request_is_limited_by_its_own_timeout_and_the_routes_maximum() {
    let istio = |timeout: Option<Duration>| Timeouts {
        timeout,
        max_grpc_timeout: Some(timeout.unwrap_or_default()),
        ..Timeouts::default()
    };
    let asks = |value| [GRPC, ("grpc-timeout", value)];
    // The stream is idle for as long as a client lets it.
    let forever = (Flag::StreamIdleTimeout, 300 * SECOND);
    let after = |time| (Flag::UpstreamTimeout, time);
    let none = istio(None);
    assert_eq!(ended(&none, &asks("2S")).await, after(2 * SECOND));
    for value in ["0S", "2s", "123456789S"] {
        assert_eq!(ended(&none, &asks(value)).await, forever, "{value}");
    }
    assert_eq!(ended(&none, &[GRPC]).await, forever);
    // Other requests have no such header.
    assert_eq!(ended(&none, &[("grpc-timeout", "2S")]).await, forever);
    let five = istio(Some(5 * SECOND));
    assert_eq!(ended(&five, &asks("2S")).await, after(2 * SECOND));
    assert_eq!(ended(&five, &asks("9S")).await, after(5 * SECOND));
    assert_eq!(ended(&five, &[GRPC]).await, after(5 * SECOND));
    assert_eq!(ended(&five, &[]).await, after(5 * SECOND));
    // In place of the route's timeout, which may be shorter.
    let longer = Timeouts {
        max_grpc_timeout: Some(Duration::ZERO),
        ..five.clone()
    };
    assert_eq!(ended(&longer, &asks("9S")).await, after(9 * SECOND));
    let early = Timeouts {
        grpc_timeout_offset: SECOND,
        ..longer
    };
    assert_eq!(ended(&early, &asks("9S")).await, after(8 * SECOND));
    assert_eq!(ended(&early, &asks("1S")).await, after(SECOND));
    // The application's own control header comes first.
    let [grpc, timeout] = asks("2S");
    let both = [grpc, timeout, ("x-envoy-upstream-rq-timeout-ms", "9000")];
    assert_eq!(ended(&five, &both).await, after(9 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_limited_by_its_grpc_timeout_where_the_route_looks_at_it() {
    let timeouts = Timeouts {
        timeout: Some(SECOND),
        max_stream_duration: Some(30 * SECOND),
        grpc_timeout_header_max: Some(5 * SECOND),
        ..Timeouts::default()
    };
    let after = |time| (Flag::UpstreamMaxStreamDuration, time);
    let asks = |value| [("grpc-timeout", value)];
    assert_eq!(ended(&timeouts, &asks("2S")).await, after(2 * SECOND));
    assert_eq!(ended(&timeouts, &asks("9S")).await, after(5 * SECOND));
    assert_eq!(ended(&timeouts, &asks("x")).await, after(30 * SECOND));
    assert_eq!(ended(&timeouts, &[]).await, after(30 * SECOND));
    let any = Timeouts {
        grpc_timeout_header_max: Some(Duration::ZERO),
        grpc_timeout_offset: SECOND,
        ..timeouts
    };
    assert_eq!(ended(&any, &asks("9S")).await, after(8 * SECOND));
}
