//! tower and hyper layers of a service mesh inside a process.

pub mod context;
pub mod server;
pub mod trace_context;
