//! What the server tests share.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use mesh_core::{
    Flag,
    telemetry::{AttemptRecord, Recorder, RequestRecord, Side},
};

/// What a recorder is told of a request's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) method: String,
    pub(crate) status: Option<u16>,
    pub(crate) grpc_status: Option<u8>,
    pub(crate) flag: Option<Flag>,
    pub(crate) duration: Duration,
}

/// Keeps what it is told.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    started: Mutex<usize>,
    ended: Mutex<Vec<Ended>>,
}

impl Kept {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn started(&self) -> usize {
        *self.started.lock().expect("not poisoned")
    }

    pub(crate) fn ended(&self) -> Vec<Ended> {
        self.ended.lock().expect("not poisoned").clone()
    }

    /// The only request so far: status, gRPC status, flag.
    #[track_caller]
    pub(crate) fn only(&self) -> (Option<u16>, Option<u8>, Option<Flag>) {
        let ended = self.ended();
        assert_eq!((self.started(), ended.len()), (1, 1), "{ended:?}");
        (ended[0].status, ended[0].grpc_status, ended[0].flag)
    }
}

impl Recorder for Kept {
    fn request_started(&self, side: Side) {
        assert_eq!(side, Side::Server);
        *self.started.lock().expect("not poisoned") += 1;
    }

    fn request_ended(&self, record: &RequestRecord<'_>) {
        assert_eq!(record.side, Side::Server);
        self.ended.lock().expect("not poisoned").push(Ended {
            method: record.method.to_string(),
            status: record.status,
            grpc_status: record.grpc_status,
            flag: record.flag,
            duration: record.duration,
        });
    }

    fn attempt_ended(&self, _: &AttemptRecord<'_>) {}
}
