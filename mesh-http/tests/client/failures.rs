//! What the recorder hears of each end.

use std::sync::{Arc, Mutex};

use mesh_core::{
    Flag, Outcome,
    policy::{Cluster, RetryOn, RetryPolicy},
    telemetry::{AttemptRecord, Recorder, RequestRecord, Side},
};

use crate::script::{Act, Endpoints, endpoint, mesh, route};

#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

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
    let take = || std::mem::take(&mut *log.0.lock().unwrap());

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
