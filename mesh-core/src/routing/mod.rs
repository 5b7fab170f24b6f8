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
use crate::policy::RouteConfiguration;
use std::sync::Arc;
#[derive(Debug)]
pub struct Router(Arc<RouteConfiguration>);
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct RouterError;
impl Router {
    pub fn try_new(c: Arc<RouteConfiguration>) -> Result<Self, RouterError> {
        Ok(Self(c))
    }
    pub fn config(&self) -> &Arc<RouteConfiguration> {
        &self.0
    }
}
