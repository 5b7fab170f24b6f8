//! Every feature from real Istio YAML to real sockets, a module for each family.

#[cfg(test)]
mod actions;
#[cfg(test)]
mod balancing;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod consistent_hash;
#[cfg(test)]
mod cors;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod hops;
#[cfg(test)]
mod matching;
#[cfg(test)]
mod mirrors;
#[cfg(test)]
mod pool;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod resilience;
#[cfg(test)]
mod scope;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod swap;
#[cfg(test)]
mod upgrade;
