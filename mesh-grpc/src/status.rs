//! What a failure of the mesh is to a gRPC caller.

use std::error::Error as _;

use mesh_core::{Failure, Flag};
use tonic::{Code, Status};

/// The status of a call that the mesh could not deliver. The error is its source.
///
/// What gRPC's own client library answers: a time that ran out is DEADLINE_EXCEEDED, a stream that the
/// server reset has the status of its HTTP/2 error code ("gRPC over HTTP/2", Errors), a request that
/// cannot be sent as it is INTERNAL, and all else (no route, no healthy endpoint, an open circuit
/// breaker, a lost connection) UNAVAILABLE. The control plane chooses none of them (A54).
pub fn status(error: mesh_http::Error) -> Status {
    let code = match (error.flag(), error.failure()) {
        (_, Some(Failure::Timeout)) | (Flag::UpstreamMaxStreamDuration, _) => {
            Code::DeadlineExceeded
        }
        (Flag::InvalidRequest, _) => Code::Internal,
        (_, Some(Failure::Reset)) => reset(&error),
        (_, Some(Failure::Protocol)) => Code::Internal,
        _ => Code::Unavailable,
    };
    let mut status = Status::new(code, error.to_string());
    status.set_source(std::sync::Arc::new(error));
    status
}

/// By the code that the server reset the stream with, when it is known.
fn reset(error: &mesh_http::Error) -> Code {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(reason) = error
            .downcast_ref::<h2::Error>()
            .and_then(h2::Error::reason)
        {
            return match reason {
                h2::Reason::CANCEL => Code::Cancelled,
                h2::Reason::ENHANCE_YOUR_CALM => Code::ResourceExhausted,
                h2::Reason::INADEQUATE_SECURITY => Code::PermissionDenied,
                h2::Reason::REFUSED_STREAM => Code::Unavailable,
                _ => Code::Internal,
            };
        }
        source = error.source();
    }
    Code::Unavailable
}
