//! Retry decisions, back-off, budgets.
