//! `client.get(url).header(..).send()`: for people who do not want to build a `Request`.

use std::fmt;

use http::{HeaderName, HeaderValue, Method, Request, Response, Uri};
use tower_service::Service;

use crate::{Body, Client, Context, Error, call::Step};

/// A request being built. The first mistake in it is reported by [`send`](Self::send).
#[must_use = "a request does nothing until it is sent"]
pub struct RequestBuilder<C> {
    client: Client<C>,
    request: http::request::Builder,
    body: Body,
}

impl<C: Step + 'static> RequestBuilder<C> {
    pub(crate) fn new(
        client: Client<C>,
        method: Method,
        uri: impl TryInto<Uri, Error: Into<http::Error>>,
    ) -> Self {
        Self {
            client,
            request: Request::builder().method(method).uri(uri),
            body: Body::empty(),
        }
    }

    /// Adds a header line.
    pub fn header(
        mut self,
        name: impl TryInto<HeaderName, Error: Into<http::Error>>,
        value: impl TryInto<HeaderValue, Error: Into<http::Error>>,
    ) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// Takes over deadline and trace from `context`, where the task-local one was lost
    /// (`tokio::spawn`). It has precedence over the task-local one.
    pub fn inherit(mut self, context: Context) -> Self {
        self.request = self.request.extension(context);
        self
    }

    /// Sends it and waits for the response's head.
    ///
    /// # Errors
    /// When the request is not well-formed, or the mesh could not deliver it.
    pub async fn send(mut self) -> Result<Response<Body>, Error> {
        let request = self
            .request
            .body(self.body)
            .map_err(|e| Error::invalid(e.to_string()).with_source(e))?;
        self.client.call(request).await
    }
}

impl<C> fmt::Debug for RequestBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBuilder")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}
