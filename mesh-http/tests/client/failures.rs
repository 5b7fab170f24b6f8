//! What the recorder hears of each end.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use mesh_core::{
    Flag, Outcome,
    policy::{Cluster, RetryBackOff, RetryOn, RetryPolicy, Timeouts},
    telemetry::{AttemptRecord, Recorder, RequestRecord, Side},
};

use crate::script::{Act, Endpoints, endpoint, mesh, route};

/// Writes down all it hears.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Recorder for Log {
    fn request_started(&self, side: Side) {
        self.0.lock().unwrap().push(format!("start {side:?}"));
    }

    fn request_ended(&self, r: &RequestRecord<'_>) {
        self.0.lock().unwrap().push(format!(
            "end {:?} {:?} {} attempts",
            r.status,
            r.flag.map(Flag::as_str),
            r.attempts
        ));
    }

    fn attempt_ended(&self, r: &AttemptRecord<'_>) {
        let how = match r.outcome {
            Outcome::Response { status, .. } => status.as_u16().to_string(),
            Outcome::Failure(failure) => format!("{failure:?}"),
            Outcome::Connected => "connected".to_owned(),
        };
        self.0.lock().unwrap().push(format!(
            "attempt {} {how} at {}",
            r.attempt,
            r.endpoint.address()
        ));
    }
}

#[tokio::test(start_paused = true)]
async fn each_request_is_recorded_once_and_each_attempt() {
    let endpoints = Endpoints::default();
    let mesh = mesh(
        route(|a| a.with_retry(RetryPolicy::new(RetryOn::SERVER_ERROR, 1))),
        [(Cluster::new("c"), vec![endpoint(1)])],
    );
    let log = Log::default();
    let client = endpoints.client_with(&mesh, |b| b.recorder(log.clone()));
    let take = || log.take();

    endpoints.act(1, [Act::Answer(503), Act::Answer(200)]);
    let response = client.get("http://svc/").send().await.unwrap();
    assert_eq!(
        take(),
        [
            "start Client",
            "attempt 1 503 at 127.0.0.1:1",
            "attempt 2 200 at 127.0.0.1:1"
        ]
    );
    response.into_body().bytes().await.unwrap();
    assert_eq!(take(), ["end Some(200) None 2 attempts"]);

    client.get("http://unknown/").send().await.unwrap_err();
    assert_eq!(take(), ["start Client", "end None Some(\"NR\") 0 attempts"]);

    endpoints.act(1, [Act::Stall]);
    let call = tokio::spawn(client.get("http://svc/").send());
    tokio::task::yield_now().await;
    call.abort();
    let _ = call.await;
    assert_eq!(take(), ["start Client", "end None Some(\"DC\") 1 attempts"]);

    endpoints.act(1, [Act::HalfBody]);
    drop(client.get("http://svc/").send().await.unwrap());
    assert_eq!(
        take(),
        [
            "start Client",
            "attempt 1 200 at 127.0.0.1:1",
            "end Some(200) Some(\"DC\") 1 attempts"
        ]
    );
}

/// What happens after the head is the request's end, not a second end of the attempt.
#[tokio::test(start_paused = true)]
async fn a_body_that_fails_ends_the_request_with_its_reason() {
    let endpoints = Endpoints::default();
    let timeouts = Timeouts::total(Duration::from_secs(1));
    let mesh = mesh(
        route(|a| a.with_timeouts(timeouts)),
        [(Cluster::new("c"), vec![endpoint(1)])],
    );
    let log = Log::default();
    let client = endpoints.client_with(&mesh, |b| b.recorder(log.clone()));
    for (act, flag) in [(Act::BrokenBody, "UR"), (Act::HalfBody, "UT")] {
        endpoints.act(1, [act]);
        let response = client.get("http://svc/").send().await.unwrap();
        response.into_body().bytes().await.unwrap_err();
        assert_eq!(
            log.take(),
            [
                "start Client".to_owned(),
                "attempt 1 200 at 127.0.0.1:1".to_owned(),
                format!("end Some(200) Some({flag:?}) 1 attempts"),
            ]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_after_a_retry_tells_of_every_attempt() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Answer(503)]);
    let policy = RetryPolicy {
        back_off: RetryBackOff::try_new(Duration::from_secs(60), None).unwrap(),
        ..RetryPolicy::new(RetryOn::SERVER_ERROR, 3)
    };
    let mesh = mesh(
        route(|a| {
            a.with_retry(policy)
                .with_timeouts(Timeouts::total(Duration::from_millis(10)))
        }),
        [(Cluster::new("c"), vec![endpoint(1)])],
    );
    let client = endpoints.client(&mesh);
    let error = client.get("http://svc/").send().await.unwrap_err();
    assert_eq!((error.flag(), error.attempts()), (Flag::UpstreamTimeout, 1));
    assert_eq!(error.flags(), [Flag::UpstreamTimeout]);
}
