//! Injected faults: what a route does to its requests on purpose.

use http::Response;
use mesh_core::{Flag, is_grpc, policy::Fault};

use crate::{
    Body, Error,
    call::{Call, now},
};

/// Envoy's fault filter: the delay, then the abort, each by a draw of its own.
pub(super) async fn inject(fault: &Fault, call: &mut Call) -> Option<Response<Body>> {
    if let Some(delay) = &fault.delay
        && delay.percentage.contains(call.env().random.next_u64())
    {
        // Not past a deadline: the timeout below then answers at once.
        let left = call
            .deadline()
            .map(|d| d.at.saturating_duration_since(now()));
        tokio::time::sleep(left.map_or(delay.fixed_delay, |l| l.min(delay.fixed_delay))).await;
        // Timeouts are the router's, which the fault filter precedes.
        call.ledger.attempt_started = now();
        if left.is_some_and(|left| left <= delay.fixed_delay) {
            return None;
        }
    }
    let abort = fault.abort.as_ref()?;
    if !abort.percentage.contains(call.env().random.next_u64()) {
        return None;
    }
    let error = Error::new(Flag::FaultInjected, abort.http_status, "fault filter abort")
        .with_body("fault filter abort");
    let grpc = call.request().is_ok_and(|r| is_grpc(r.headers()));
    Some(error.into_response(grpc))
}
