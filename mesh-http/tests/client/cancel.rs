//! Dropping a call at each point where it can be waiting: every count returns to zero, and the
//! endpoint is not blamed.

use std::time::Duration;

use mesh_core::policy::{Cluster, RetryOn, RetryPolicy};

use crate::script::{Act, Endpoints, endpoint, mesh, route};

#[tokio::test(start_paused = true)]
async fn a_dropped_call_leaves_no_count_behind() {
    let endpoints = Endpoints::default();
    let mesh = mesh(
        route(|a| a.with_retry(RetryPolicy::new(RetryOn::SERVER_ERROR, 3))),
        [(
            Cluster::new("c").with_outlier_detection(mesh_core::policy::OutlierDetection {
                consecutive_5xx: 1,
                max_ejection_percent: mesh_core::policy::Percent::HUNDRED,
                ..Default::default()
            }),
            vec![endpoint(1)],
        )],
    );
    let client = endpoints.client(&mesh);
    let status = || mesh.load().cluster("c").unwrap().endpoints().remove(0);

    // Before the response.
    endpoints.act(1, [Act::Stall]);
    let call = tokio::spawn(client.get("http://svc/").send());
    tokio::task::yield_now().await;
    assert_eq!(status().in_flight, 1);
    call.abort();
    let _ = call.await;
    assert_eq!(status().in_flight, 0);

    // In the middle of the body.
    endpoints.act(1, [Act::HalfBody]);
    let response = client.get("http://svc/").send().await.unwrap();
    assert_eq!(status().in_flight, 1);
    drop(response);
    assert_eq!(status().in_flight, 0);
    assert_eq!(mesh.load().cluster("c").unwrap().outlier_stats().active, 0);

    // A body that was read to its end.
    endpoints.act(1, [Act::Answer(200)]);
    let response = client.get("http://svc/").send().await.unwrap();
    assert_eq!(status().in_flight, 1);
    response.into_body().bytes().await.unwrap();
    assert_eq!(status().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_in_its_back_off_returns_the_retry_permit() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Answer(503)]);
    let mesh = mesh(
        route(|a| {
            a.with_retry(RetryPolicy {
                back_off: mesh_core::policy::RetryBackOff::try_new(Duration::from_secs(60), None)
                    .unwrap(),
                ..RetryPolicy::new(RetryOn::SERVER_ERROR, 3)
            })
        }),
        [(Cluster::new("c"), vec![endpoint(1)])],
    );
    let client = endpoints.client(&mesh);
    let retries = || {
        mesh.load()
            .cluster("c")
            .unwrap()
            .state()
            .breaker_status(Default::default())
            .retries
            .active
    };
    let call = tokio::spawn(client.get("http://svc/").send());
    while endpoints.called().is_empty() || retries() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(retries(), 1);
    call.abort();
    let _ = call.await;
    assert_eq!(retries(), 0);
}
