//! Every feature from real Istio YAML to real sockets, a module for each family.

mod actions;
mod balancing;
mod discovery;
mod explain;
mod failures;
mod hops;
mod matching;
mod pool;
mod reload;
mod resilience;
mod seeds;
mod swap;
mod upgrade;
