//! `CircuitBreakers`.

use mesh_core::policy::{CircuitBreakers, Percent, RetryBudget, RoutingPriority, Thresholds};

use super::{forward::priority, report::At, value::percent};
use crate::pb::cluster::{self, circuit_breakers as pb_breakers};

/// The first entry of each priority counts; what it does not say has Envoy's default.
pub(super) fn circuit_breakers(at: &At<'_>, pb: &cluster::CircuitBreakers) -> CircuitBreakers {
    let at = at.field("thresholds");
    let mut found: [Option<Thresholds>; 2] = [None, None];
    for (i, pb) in pb.thresholds.iter().enumerate() {
        let at = at.index(i);
        let slot = match priority(pb.priority()) {
            RoutingPriority::Default => &mut found[0],
            RoutingPriority::High => &mut found[1],
        };
        if slot.is_some() {
            at.ignored("the first of its priority counts");
            continue;
        }
        *slot = Some(thresholds(&at, pb));
    }
    let [default, high] = found.map(Option::unwrap_or_default);
    CircuitBreakers { default, high }
}

fn thresholds(at: &At<'_>, pb: &pb_breakers::Thresholds) -> Thresholds {
    let default = Thresholds::default();
    let budget = at.field("retry_budget");
    Thresholds {
        max_connections: pb.max_connections.unwrap_or(default.max_connections),
        max_pending_requests: pb
            .max_pending_requests
            .unwrap_or(default.max_pending_requests),
        max_requests: pb.max_requests.unwrap_or(default.max_requests),
        max_retries: pb.max_retries.unwrap_or(default.max_retries),
        retry_budget: pb.retry_budget.and_then(|pb| {
            Some(RetryBudget {
                budget_percent: match pb.budget_percent {
                    Some(pb) => percent(&budget.field("budget_percent"), pb)?,
                    None => budget.ok(Percent::try_new(20))?,
                },
                min_retry_concurrency: pb.min_retry_concurrency.unwrap_or(3),
            })
        }),
    }
}
