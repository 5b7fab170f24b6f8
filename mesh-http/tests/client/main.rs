//! The client stack over scripted endpoints, in memory and in virtual time: what is decided, not
//! what crosses the wire (that is `sockets.rs` and the connection tests).

mod authority;
mod cancel;
mod context;
mod failures;
mod resilience;
mod routing;
mod script;
mod sockets;
mod time;
