//! Several recorders as one.

use std::sync::Arc;

use super::{AttemptRecord, ConnectionRecord, MirrorDrop, Recorder, RequestRecord, Side};
use crate::cluster::Cluster;

/// Passes everything to each recorder, in order.
#[derive(Clone, Debug, Default)]
pub struct Fanout(pub Vec<Arc<dyn Recorder>>);

impl Recorder for Fanout {
    fn reads_durations(&self) -> bool {
        self.0.iter().any(|r| r.reads_durations())
    }

    fn request_started(&self, side: Side) {
        self.0.iter().for_each(|r| r.request_started(side));
    }

    fn request_ended(&self, record: &RequestRecord<'_>) {
        self.0.iter().for_each(|r| r.request_ended(record));
    }

    fn attempt_ended(&self, record: &AttemptRecord<'_>) {
        self.0.iter().for_each(|r| r.attempt_ended(record));
    }

    fn mirror_dropped(&self, cluster: &Cluster, why: MirrorDrop) {
        self.0.iter().for_each(|r| r.mirror_dropped(cluster, why));
    }

    fn connection_started(&self, side: Side) {
        self.0.iter().for_each(|r| r.connection_started(side));
    }

    fn connection_ended(&self, record: &ConnectionRecord<'_>) {
        self.0.iter().for_each(|r| r.connection_ended(record));
    }
}
