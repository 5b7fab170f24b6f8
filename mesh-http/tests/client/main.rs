//! The client stack over scripted endpoints, in memory and in virtual time: what is decided, not
//! what crosses the wire (that is `sockets.rs` and the connection tests).

#[cfg(test)]
mod actions;
#[cfg(test)]
mod authority;
mod cancel;
mod context;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod grpc_timeout;
#[cfg(test)]
mod mirrors;
#[cfg(test)]
mod records;
mod resilience;
mod routing;
#[cfg(test)]
mod script;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod time;
