//! `CircuitBreakers.Thresholds.RetryBudget`: retries as a share of requests.

use crate::policy::RetryBudget;

/// How many retries may be under way at once while `active` requests are (pending ones included).
pub fn allowed(budget: RetryBudget, active: u32) -> u32 {
    let share = u64::from(active) * u64::from(budget.budget_percent.get()) / 100;
    // At most `active`, for a percentage is at most 100.
    u32::try_from(share)
        .unwrap_or(u32::MAX)
        .max(budget.min_retry_concurrency)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Percent;

    #[test]
    fn a_share_of_the_requests_but_never_below_the_minimum() {
        let budget = |percent, min| RetryBudget {
            budget_percent: Percent::try_new(percent).unwrap(),
            min_retry_concurrency: min,
        };
        for (percent, min, active, expected) in [
            (20, 3, 0, 3),
            (20, 3, 19, 3),
            (20, 3, 20, 4),
            (20, 3, 24, 4),
            (20, 0, 4, 0),
            (100, 3, u32::MAX, u32::MAX),
            (0, 0, 1000, 0),
        ] {
            assert_eq!(allowed(budget(percent, min), active), expected);
        }
    }
}
