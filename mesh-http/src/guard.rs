//! What a response's body keeps alive, and tells of its end: one allocation for the whole stack.
//!
//! Each layer puts its part into the call on the response's way up, and the top of the stack hangs
//! the whole on the body: the attempt whose outcome a reset or gRPC
//! trailers may still decide, the picked endpoint's in-flight count, the request's telemetry.

use mesh_core::{
    Outcome,
    cluster::{Permit, Pick},
};

use crate::{
    BodyEnd, OnEnd,
    body::Body,
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
    /// Hands over to the body of a response on its way out of a stack.
    pub(crate) fn attach(&mut self, body: &mut Body) {
        if self.attempt.is_some() || self.in_flight.is_some() || self.ending.is_some() {
            body.on_end(std::mem::take(self));
        }
    }

    /// Lets go of a response that nobody gets: its attempt no longer counts as under way.
    pub(crate) fn discard(&mut self) {
        *self = Self::default();
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
