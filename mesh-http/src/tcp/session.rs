//! What is counted and told of one connection, from the call to its end, however it ends.

use std::{sync::Arc, time::Instant};

use mesh_core::{
    Flag, Outcome,
    cluster::{Cluster, Permit, Pick},
    telemetry::{AttemptRecord, ConnectionRecord, Side},
};
use tracing::{Span, field};

use super::Target;
use crate::call::{Environment, now};

/// Held by the connecting future, then by the stream; its drop is the connection's end.
pub(super) struct Session {
    pub(super) env: Arc<Environment>,
    pub(super) started: Instant,
    /// The cluster of the latest attempt.
    pub(super) cluster: Option<Arc<Cluster>>,
    /// Counts the endpoint's streams in flight, and the cluster's connections.
    pub(super) held: Option<(Pick, Option<Permit>)>,
    pub(super) flag: Option<Flag>,
    pub(super) attempts: u32,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) span: Span,
}

impl Session {
    pub(super) fn new(env: &Arc<Environment>, target: &Target) -> Self {
        env.recorder.connection_started(Side::Client);
        Self {
            env: env.clone(),
            started: now(),
            cluster: None,
            held: None,
            // What it is if nothing else is said before the drop: the caller went away.
            flag: Some(Flag::DownstreamConnectionTermination),
            attempts: 0,
            sent: 0,
            received: 0,
            span: tracing::info_span!(
                "mesh.client.connection",
                otel.kind = "client",
                server.address = target.host(),
                server.port = target.port(),
                network.peer.address = field::Empty,
                mesh.cluster = field::Empty,
                mesh.attempts = field::Empty,
                mesh.sent_bytes = field::Empty,
                mesh.received_bytes = field::Empty,
                error.type = field::Empty,
            ),
        }
    }

    /// Tells outlier detection and telemetry how the attempt on `pick`'s endpoint ended.
    pub(super) fn record_attempt(
        &self,
        cluster: &Cluster,
        pick: &Pick,
        started: Instant,
        outcome: Outcome,
    ) {
        let (endpoint, now) = (pick.endpoint(), now());
        endpoint.count_attempt(outcome);
        cluster.record(endpoint, outcome, || now, &*self.env.random);
        self.env.recorder.attempt_ended(&AttemptRecord::new(
            cluster,
            endpoint,
            outcome,
            self.attempts,
            now.saturating_duration_since(started),
        ));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let elapsed = now().saturating_duration_since(self.started);
        let mut record = ConnectionRecord::new(Side::Client, elapsed);
        record.cluster = self.cluster.as_deref();
        record.endpoint = self.held.as_ref().map(|(pick, _)| &**pick.endpoint());
        record.flag = self.flag;
        record.attempts = self.attempts;
        record.sent = self.sent;
        record.received = self.received;
        self.env.recorder.connection_ended(&record);
        if self.span.is_disabled() {
            return;
        }
        if let Some(endpoint) = record.endpoint {
            let address = field::display(endpoint.address());
            self.span.record("network.peer.address", address);
        }
        if let Some(cluster) = record.cluster {
            self.span.record("mesh.cluster", &**cluster.name());
        }
        if let Some(flag) = self.flag {
            self.span.record("error.type", flag.as_str());
        }
        self.span.record("mesh.attempts", self.attempts);
        self.span.record("mesh.sent_bytes", self.sent);
        self.span.record("mesh.received_bytes", self.received);
    }
}
