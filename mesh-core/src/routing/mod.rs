//! Host → virtual host → route → cluster.
use http::{HeaderMap, Method};

/// What routing reads of a request, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// The host as the caller wrote it, with its port if it has one.
    pub authority: &'a str,
    /// The path with its query.
    pub path: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
}
