//! What is recorded of connections.

use std::sync::{Arc, Mutex};

use mesh_core::{
    Outcome,
    policy::TcpProxy,
    telemetry::{AttemptRecord, ConnectionRecord, Fanout, Recorder, RequestRecord, Side},
};
use mesh_http::tcp::Connector;
use tokio::io::AsyncWriteExt;

use crate::support::*;

#[derive(Debug, Default)]
struct Log(Mutex<Vec<String>>);

impl Log {
    fn note(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Recorder for Log {
    fn request_started(&self, _: Side) {
        self.note("a request".to_owned());
    }

    fn request_ended(&self, _: &RequestRecord<'_>) {}

    fn attempt_ended(&self, record: &AttemptRecord<'_>) {
        let outcome = match record.outcome {
            Outcome::Connected => "connected".to_owned(),
            other => format!("{other:?}"),
        };
        self.note(format!("attempt {}: {outcome}", record.attempt));
    }

    fn connection_started(&self, side: Side) {
        self.note(format!("started {side:?}"));
    }

    fn connection_ended(&self, record: &ConnectionRecord<'_>) {
        self.note(format!(
            "ended {:?} {:?} {} at {}: {} sent, {} received",
            record.cluster.map(|c| c.name().to_string()),
            record.flag.map(|f| f.as_str()),
            record.attempts,
            if record.endpoint.is_some() {
                "an endpoint"
            } else {
                "none"
            },
            record.sent,
            record.received,
        ));
    }
}

#[tokio::test]
async fn each_connection_is_recorded_once_with_its_bytes() {
    let log = Arc::new(Log::default());
    let (dead, live) = (nobody().await, echo("name").await);
    let proxy = TcpProxy::to_cluster("c").with_max_connect_attempts(2.try_into().unwrap());
    let mesh = publish(listening(proxy).cluster(cluster("c"), endpoints(&[dead, live])));
    let recorder = Fanout(vec![log.clone()]);
    let connector = Connector::builder(&mesh).recorder(recorder).build();

    // In turns, so one of two connections meets the dead endpoint first.
    let mut lines = Vec::new();
    for _ in 0..2 {
        let mut stream = within(connector.connect("mongo:27017")).await.unwrap();
        stream.write_all(b"ab").await.unwrap();
        assert_eq!(read(&mut stream, 6).await, "nameab");
        drop(stream);
        let told = log.take();
        if told.len() > lines.len() {
            lines = told;
        }
    }
    assert_eq!(
        lines,
        [
            "started Client",
            "attempt 1: Failure(Connect)",
            "attempt 2: connected",
            "ended Some(\"c\") None 2 at an endpoint: 2 sent, 6 received"
        ]
    );

    connector.connect("nowhere:1").await.unwrap_err();
    assert_eq!(
        log.take(),
        [
            "started Client",
            "ended None Some(\"NR\") 0 at none: 0 sent, 0 received"
        ]
    );

    let mut connecting = Box::pin(connector.connect("mongo:27017"));
    assert!(futures_util::poll!(&mut connecting).is_pending());
    drop(connecting);
    let lines = log.take();
    assert_eq!(
        lines.last().unwrap(),
        "ended Some(\"c\") Some(\"DC\") 1 at none: 0 sent, 0 received"
    );
}
