//! The one interface that request telemetry passes through.
//!
//! mesh-http calls a [`Recorder`] once when a request starts, once per attempt and once when the
//! request ends (its body read to the end, failed or dropped). Implementations for `metrics` and
//! OpenTelemetry are in mesh-http; [`Counters`] is built in, [`Fanout`] joins several, and
//! [`NoRecorder`] costs a virtual call that does nothing.

mod counters;
mod fanout;
mod kind;

use std::{fmt::Debug, sync::Arc, time::Duration};

use http::Method;

pub use self::{counters::Counters, fanout::Fanout, kind::OutcomeKind};
use crate::{Flag, Outcome, cluster::Cluster, cluster::Endpoint};

/// Which side of a call reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The caller.
    Client,
    /// The called.
    Server,
}

/// Receives telemetry. Must not block.
pub trait Recorder: Send + Sync + Debug {
    /// Whether it reads the durations of records. Asked once, when a client or server is built: for
    /// a recorder that does not, the clock is not read, and durations are zero.
    fn reads_durations(&self) -> bool {
        true
    }

    /// A request began. Every call is followed by one [`request_ended`](Self::request_ended) with
    /// the same `side`.
    fn request_started(&self, side: Side);

    /// A request ended.
    fn request_ended(&self, record: &RequestRecord<'_>);

    /// An attempt's outcome is known. Client side only.
    fn attempt_ended(&self, record: &AttemptRecord<'_>);

    /// A copy of a request (`request_mirror_policies`), for this cluster, is not sent, though its
    /// policy asks for it and the request itself was. Client side only.
    fn mirror_dropped(&self, _: &Cluster, _: MirrorDrop) {}

    /// A connection for raw bytes was asked for. Every call is followed by one
    /// [`connection_ended`](Self::connection_ended) with the same `side`.
    fn connection_started(&self, _: Side) {}

    /// A connection for raw bytes ended, or was not made.
    fn connection_ended(&self, _: &ConnectionRecord<'_>) {}
}

/// Why a copy of a request is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MirrorDrop {
    /// The client has as many under way as it may.
    Overflow,
    /// The request's streamed body is longer than what is kept of one.
    TooLong,
}

impl MirrorDrop {
    /// A label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Overflow => "overflow",
            Self::TooLong => "too_long",
        }
    }
}

/// A finished request.
#[derive(Debug)]
#[non_exhaustive]
pub struct RequestRecord<'a> {
    /// Who reports.
    pub side: Side,
    /// The method.
    pub method: &'a Method,
    /// The HTTP status of the answer; `None` when there was none.
    pub status: Option<u16>,
    /// `grpc-status`, when known.
    pub grpc_status: Option<u8>,
    /// Why it failed, when the mesh itself failed it.
    pub flag: Option<Flag>,
    /// The cluster it went to, client side, once known.
    pub cluster: Option<&'a Cluster>,
    /// From the call to the end of the body; zero for who does not
    /// [read durations](Recorder::reads_durations).
    pub duration: Duration,
    /// Attempts made, client side.
    pub attempts: u32,
}

impl<'a> RequestRecord<'a> {
    /// A record with nothing known but who, what and how long.
    pub const fn new(side: Side, method: &'a Method, duration: Duration) -> Self {
        Self {
            side,
            method,
            status: None,
            grpc_status: None,
            flag: None,
            cluster: None,
            duration,
            attempts: 0,
        }
    }
}

/// A finished attempt.
#[derive(Debug)]
#[non_exhaustive]
pub struct AttemptRecord<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// The endpoint tried.
    pub endpoint: &'a Endpoint,
    /// How it ended.
    pub outcome: Outcome,
    /// 1 for the first.
    pub attempt: u32,
    /// From the pick to the outcome; zero for who does not
    /// [read durations](Recorder::reads_durations).
    pub duration: Duration,
}

impl<'a> AttemptRecord<'a> {
    /// A record.
    pub const fn new(
        cluster: &'a Cluster,
        endpoint: &'a Endpoint,
        outcome: Outcome,
        attempt: u32,
        duration: Duration,
    ) -> Self {
        Self {
            cluster,
            endpoint,
            outcome,
            attempt,
            duration,
        }
    }
}

/// A finished connection for raw bytes.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectionRecord<'a> {
    /// Who reports.
    pub side: Side,
    /// The cluster it went to, once known.
    pub cluster: Option<&'a Cluster>,
    /// The endpoint, if one was connected to.
    pub endpoint: Option<&'a Endpoint>,
    /// Why it was not made, or the mesh ended it.
    pub flag: Option<Flag>,
    /// Endpoints tried.
    pub attempts: u32,
    /// Bytes written to the endpoint.
    pub sent: u64,
    /// Bytes read from the endpoint.
    pub received: u64,
    /// From the call to the end.
    pub duration: Duration,
}

impl<'a> ConnectionRecord<'a> {
    /// A record with nothing known but who and how long.
    pub const fn new(side: Side, duration: Duration) -> Self {
        Self {
            side,
            cluster: None,
            endpoint: None,
            flag: None,
            attempts: 0,
            sent: 0,
            received: 0,
            duration,
        }
    }
}

/// Records nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRecorder;

impl Recorder for NoRecorder {
    fn reads_durations(&self) -> bool {
        false
    }

    fn request_started(&self, _: Side) {}
    fn request_ended(&self, _: &RequestRecord<'_>) {}
    fn attempt_ended(&self, _: &AttemptRecord<'_>) {}
}

/// So that whoever reads the figures can keep a handle.
impl<R: Recorder + ?Sized> Recorder for Arc<R> {
    fn reads_durations(&self) -> bool {
        (**self).reads_durations()
    }

    fn request_started(&self, side: Side) {
        (**self).request_started(side);
    }

    fn request_ended(&self, record: &RequestRecord<'_>) {
        (**self).request_ended(record);
    }

    fn attempt_ended(&self, record: &AttemptRecord<'_>) {
        (**self).attempt_ended(record);
    }

    fn mirror_dropped(&self, cluster: &Cluster, why: MirrorDrop) {
        (**self).mirror_dropped(cluster, why);
    }

    fn connection_started(&self, side: Side) {
        (**self).connection_started(side);
    }

    fn connection_ended(&self, record: &ConnectionRecord<'_>) {
        (**self).connection_ended(record);
    }
}
