//! How an attempt ended: the one value that retry, outlier detection and metrics agree on.

use http::{HeaderMap, HeaderName, StatusCode};

/// The end of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The upstream answered.
    Response {
        /// The HTTP status.
        status: StatusCode,
        /// `grpc-status`, when the answer is gRPC and it was known.
        grpc_status: Option<u8>,
    },
    /// A connection for raw bytes was made (Envoy's LOCAL_ORIGIN_CONNECT_SUCCESS_FINAL): all that is
    /// learned of an endpoint whose answers nobody reads.
    Connected,
    /// There was no whole answer.
    Failure(Failure),
}

/// Why there was no whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// The connection was refused or its handshake failed.
    Connect,
    /// The connection was not made in time.
    ConnectTimeout,
    /// An attempt (or the request) exceeded its time.
    Timeout,
    /// The connection ended before the response.
    Disconnect,
    /// The peer reset the stream.
    Reset,
    /// The peer refused the stream or said it would not process it: safe to send again.
    RefusedStream,
    /// The peer broke the protocol.
    Protocol,
}

impl Outcome {
    /// The outcome that a response head tells.
    pub fn of_head(status: StatusCode, headers: &HeaderMap) -> Self {
        Self::Response {
            status,
            // Looked for only where it means something: the look-up costs more than this test.
            grpc_status: is_grpc(headers).then(|| grpc_status(headers)).flatten(),
        }
    }

    /// The HTTP code that stands for this outcome in health statistics: a gRPC status mapped as
    /// Envoy does, 200 for a connection, 504 for timeouts, 503 for other failures.
    pub fn code(self) -> u16 {
        match self {
            Self::Response {
                grpc_status: Some(code),
                ..
            } => grpc_to_http(code),
            Self::Response { status, .. } => status.as_u16(),
            Self::Connected => 200,
            Self::Failure(Failure::Timeout) => 504,
            Self::Failure(_) => 503,
        }
    }

    /// A 5xx or no whole answer.
    pub fn is_server_error(self) -> bool {
        self.code() >= 500
    }

    /// 502, 503, 504 or no whole answer.
    pub fn is_gateway_error(self) -> bool {
        matches!(self.code(), 502..=504)
    }

    /// Whether our side, not the upstream's application, decided it (Envoy's "local origin").
    pub const fn is_local_origin(self) -> bool {
        matches!(self, Self::Failure(_) | Self::Connected)
    }
}

/// Whether `headers` are of a gRPC message (`application/grpc` or `application/grpc+…`).
pub fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|v| v.as_bytes().strip_prefix(b"application/grpc"))
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+')))
}

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// The `grpc-status` of a head or trailers, if there is a number.
pub fn grpc_status(headers: &HeaderMap) -> Option<u8> {
    headers.get(GRPC_STATUS)?.to_str().ok()?.parse().ok()
}

/// Envoy's mapping of gRPC status to HTTP, used for host health only.
pub const fn grpc_to_http(code: u8) -> u16 {
    match code {
        0 => 200,
        1 => 499,
        3 | 9 | 11 => 400,
        4 => 504,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        12 => 501,
        14 => 503,
        16 => 401,
        _ => 500,
    }
}

/// Envoy's mapping of a local reply's HTTP status to the gRPC status its caller sees.
pub const fn http_to_grpc(status: u16) -> u8 {
    match status {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}
