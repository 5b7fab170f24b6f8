//! A little traffic, as the telemetry tests report it.

use std::{net::SocketAddr, time::Duration};

use http::{Method, StatusCode};
use mesh_core::{
    Failure, Flag, Outcome,
    cluster::{Cluster, Endpoint},
    telemetry::{AttemptRecord, ConnectionRecord, MirrorDrop, Recorder, RequestRecord, Side},
};

pub(crate) fn cluster(name: &str) -> Cluster {
    let policy = mesh_core::policy::Cluster::new(name);
    Cluster::new(std::sync::Arc::new(policy), std::sync::Arc::default(), None)
}

pub(crate) fn endpoint(port: u16) -> Endpoint {
    Endpoint::new(SocketAddr::from(([127, 0, 0, 1], port)))
}

pub(crate) const OK: Outcome = Outcome::Response {
    status: StatusCode::OK,
    grpc_status: None,
};

/// A whole request.
pub(crate) fn request(
    recorder: &dyn Recorder,
    side: Side,
    cluster: Option<&Cluster>,
    status: Option<u16>,
    flag: Option<Flag>,
) {
    recorder.request_started(side);
    let mut record = RequestRecord::new(side, &Method::GET, Duration::from_millis(250));
    (record.status, record.flag, record.cluster) = (status, flag, cluster);
    recorder.request_ended(&record);
}

pub(crate) fn attempt(recorder: &dyn Recorder, cluster: &Cluster, outcome: Outcome) {
    let endpoint = endpoint(1);
    let record = AttemptRecord::new(cluster, &endpoint, outcome, 1, Duration::ZERO);
    recorder.attempt_ended(&record);
}

/// Two requests to `reviews`, one that found no route, one that is served and one that still is; a copy
/// that was dropped.
pub(crate) fn traffic(recorder: &dyn Recorder) {
    let reviews = cluster("reviews");
    request(recorder, Side::Client, Some(&reviews), Some(200), None);
    request(recorder, Side::Client, Some(&reviews), Some(200), None);
    request(recorder, Side::Client, None, Some(404), Some(Flag::NoRoute));
    request(recorder, Side::Server, None, Some(500), None);
    recorder.request_started(Side::Server);
    attempt(recorder, &reviews, OK);
    attempt(recorder, &reviews, OK);
    attempt(recorder, &reviews, Outcome::Failure(Failure::Connect));
    recorder.mirror_dropped(&reviews, MirrorDrop::Overflow);
}

/// One connection to `mongo` that ended, one that found no listener, and one that still lasts.
pub(crate) fn connections(recorder: &dyn Recorder) {
    let mongo = cluster("mongo");
    for _ in 0..3 {
        recorder.connection_started(Side::Client);
    }
    let mut record = ConnectionRecord::new(Side::Client, Duration::from_millis(250));
    record.flag = Some(Flag::NoRoute);
    recorder.connection_ended(&record);
    (record.flag, record.cluster) = (None, Some(&mongo));
    (record.sent, record.received) = (3, 5);
    recorder.connection_ended(&record);
}
