//! Why a request got no response head, and whether it may be sent again.

use std::{fmt, io, sync::Arc, time::Duration};

use http::Request;
use mesh_core::{
    Failure,
    policy::{Address, HttpProtocol},
};

use crate::{Body, BoxError};

/// A request that got no response.
#[derive(Debug)]
#[non_exhaustive]
pub struct SendError {
    /// What went wrong.
    pub kind: SendErrorKind,
    /// Whether the endpoint may have acted on the request. If not, sending it again is safe whatever
    /// its method.
    pub sent: bool,
    /// The request, if it never left. The URI has scheme and authority.
    pub request: Option<Box<Request<Body>>>,
    source: BoxError,
}

/// The kinds of [`SendError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// The endpoint or the way to it failed.
    Failure(Failure),
    /// A circuit breaker did not let the request wait for a connection.
    Overflow,
    /// The caller's request cannot be sent: no authority, or its body failed.
    Request,
}

impl SendError {
    /// What caused it.
    pub fn into_source(self) -> BoxError {
        self.source
    }

    /// A request that never left.
    pub(super) fn unsent(
        kind: SendErrorKind,
        source: impl Into<BoxError>,
        request: Request<Body>,
    ) -> Self {
        Self {
            kind,
            sent: false,
            request: Some(Box::new(request)),
            source: source.into(),
        }
    }

    /// What hyper reported after it had taken the request.
    pub(super) fn taken(error: hyper::Error) -> Self {
        let kind = classify(&error);
        Self {
            kind,
            sent: kind != SendErrorKind::Failure(Failure::RefusedStream),
            request: None,
            source: error.into(),
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            SendErrorKind::Overflow | SendErrorKind::Request => self.source.fmt(f),
            SendErrorKind::Failure(_) => {
                self.source.fmt(f)?;
                // hyper's own text leaves out the cause.
                let mut cause = self.source.source();
                while let Some(error) = cause {
                    write!(f, ": {error}")?;
                    cause = error.source();
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

/// What a hyper error means for the request it ended: the only place that decides it.
pub(crate) fn classify(error: &hyper::Error) -> SendErrorKind {
    let failure = if error.is_user() {
        return SendErrorKind::Request;
    } else if let Some(h2) = find::<h2::Error>(error) {
        match h2.reason() {
            // RFC 9113 §8.7: neither was processed. On a response head, h2 reports a GOAWAY only to
            // streams above its last id.
            Some(h2::Reason::REFUSED_STREAM) => Failure::RefusedStream,
            _ if h2.is_go_away() && h2.is_remote() => Failure::RefusedStream,
            _ if h2.is_reset() && h2.is_remote() => Failure::Reset,
            // hyper resets the stream when the request's body fails.
            _ if h2.is_reset() && !h2.is_library() => return SendErrorKind::Request,
            Some(_) => Failure::Protocol,
            None if h2.is_io() => Failure::Disconnect,
            None => return SendErrorKind::Request,
        }
    } else if error.is_incomplete_message()
        || error.is_canceled()
        || error.is_closed()
        || error.is_timeout()
        || find::<io::Error>(error).is_some()
    {
        Failure::Disconnect
    } else {
        Failure::Protocol
    };
    SendErrorKind::Failure(failure)
}

/// Whether a GOAWAY of the peer left the request out.
pub(super) fn is_go_away(error: &hyper::Error) -> bool {
    find::<h2::Error>(error).is_some_and(|e| e.is_go_away() && e.is_remote())
}

fn find<E: std::error::Error + 'static>(error: &hyper::Error) -> Option<&E> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// No connection was made. Shared by every request that waited for it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The system or the peer said no.
    #[error("cannot connect to {address}")]
    Refused {
        /// The endpoint.
        address: Address,
        /// What the system reported.
        source: Arc<io::Error>,
    },
    /// The HTTP handshake failed.
    #[error("cannot speak {protocol:?} with {address}")]
    Handshake {
        /// The endpoint.
        address: Address,
        /// What was tried.
        protocol: HttpProtocol,
        /// What hyper reported.
        source: Arc<hyper::Error>,
    },
    /// `connect_timeout` passed.
    #[error("no connection to {address} within {after:?}")]
    TimedOut {
        /// The endpoint.
        address: Address,
        /// The limit.
        after: Duration,
    },
    /// Every connection stayed busy for as long as a request may wait.
    #[error("no connection to {address} became free within {after:?}")]
    Busy {
        /// The endpoint.
        address: Address,
        /// The limit.
        after: Duration,
    },
    /// The task that connected was stopped with its runtime.
    #[error("connecting to {address} was stopped")]
    Stopped {
        /// The endpoint.
        address: Address,
    },
}

impl ConnectError {
    pub(super) const fn failure(&self) -> Failure {
        match self {
            Self::TimedOut { .. } | Self::Busy { .. } => Failure::ConnectTimeout,
            Self::Refused { .. } | Self::Handshake { .. } | Self::Stopped { .. } => {
                Failure::Connect
            }
        }
    }
}
