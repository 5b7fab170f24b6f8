//! The body of a response, whose failures are statuses.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use mesh_http::{BoxError, Error};
use tonic::Status;

use crate::status;

/// What a [`Channel`](crate::Channel) answers with: the messages as they came, and a [`Status`] where
/// the stream breaks off.
#[derive(Debug)]
pub struct ResponseBody(mesh_http::Body);

impl ResponseBody {
    pub(crate) const fn new(body: mesh_http::Body) -> Self {
        Self(body)
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = Pin::new(&mut self.0).poll_frame(cx);
        frame.map_err(|error: BoxError| status(Error::from_body(error)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
