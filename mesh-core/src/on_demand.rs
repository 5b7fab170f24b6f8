//! Sources that can be asked for what they have not published yet.
//!
//! A source that could publish far more than a process ever calls publishes what is asked for: a request
//! that no listener takes asks ([`Mesh::ask`](crate::Mesh::ask)) and waits. Requests that find their
//! listener know nothing of this, and pay nothing for it.

use std::{fmt, pin::Pin};

/// Ends when what was asked for is in force, or with why it never will be.
pub type Asked = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// A source that can be asked; see [`Publisher::answer`](crate::Publisher::answer).
pub trait OnDemand: fmt::Debug + Send + Sync + 'static {
    /// Asks for what takes requests to `authority` (with or without its port) that dial `port`. The
    /// future must end within a bound of the source's own.
    fn ask(&self, authority: &str, port: u16) -> Asked;
}
