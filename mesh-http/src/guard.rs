//! What a response's body keeps alive, and tells of its end: one allocation for the whole stack.
//!
//! Each layer puts its part in on the response's way up: the attempt whose outcome a reset or gRPC
//! trailers may still decide, the picked endpoint's in-flight count, the request's telemetry.

use mesh_core::{
    Outcome,
    cluster::{Permit, Pick},
};

use crate::{
    BodyEnd, OnEnd,
    call::Call,
    layer::{Attempt, Ending},
};

#[derive(Default)]
pub(crate) struct Guard {
    /// With the head's outcome when trailers must complete it.
    pub(crate) attempt: Option<(Attempt, Option<Outcome>)>,
    /// Counts the endpoint's requests in flight, and the cluster's.
    pub(crate) in_flight: Option<(Pick, Option<Permit>)>,
    pub(crate) ending: Option<Ending>,
}

impl Guard {
    /// Gives the response's body a part of the guard.
    pub(crate) fn add(call: &mut Call, put: impl FnOnce(&mut Self)) {
        let Some(response) = &mut call.response else {
            return;
        };
        let body = response.body_mut();
        if let Some(guard) = body.guard_mut::<Self>() {
            put(guard);
        } else {
            let mut guard = Self::default();
            put(&mut guard);
            body.on_end(guard);
        }
    }
}

impl OnEnd for Guard {
    fn on_end(&mut self, end: BodyEnd) {
        if let Some((attempt, head)) = self.attempt.take() {
            attempt.body_ended(end, head);
        }
        self.in_flight = None;
        if let Some(mut ending) = self.ending.take() {
            ending.body_ended(end);
        }
    }
}
