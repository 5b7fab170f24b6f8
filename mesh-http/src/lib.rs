//! tower and hyper layers of a service mesh inside a process.

pub mod body;
mod connect;
pub mod connections;
pub mod replay;

pub use self::body::{Body, BodyEnd, BoxError, OnEnd};
