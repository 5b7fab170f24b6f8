//! Requests and responses.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{
    Full,
    channel::{Channel, Sender},
};
use tower::BoxError;

pub(crate) fn request(headers: &[(&'static str, &str)]) -> Request<()> {
    let mut request = Request::builder().uri("/cart");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a valid request")
}

pub(crate) fn ok() -> Response<Full<Bytes>> {
    Response::new(Full::from("hello"))
}

/// A body whose frames the test sends.
pub(crate) type Frames = Sender<Bytes, BoxError>;

pub(crate) fn channel() -> (Frames, Channel<Bytes, BoxError>) {
    Channel::new(4)
}
