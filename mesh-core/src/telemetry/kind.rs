//! Outcomes as a bounded label.

use crate::{Failure, Outcome};

/// How an attempt ended, coarsely enough to label a metric or index an array.
///
/// A gRPC status counts as the HTTP status it maps to ([`Outcome::code`]), so that attempts of both
/// kinds are read the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OutcomeKind(u8);

/// Response classes, failures in the order of [`Failure`], then connections for raw bytes.
const NAMES: [&str; OutcomeKind::COUNT] = [
    "1xx",
    "2xx",
    "3xx",
    "4xx",
    "5xx",
    "connect_failure",
    "connect_timeout",
    "timeout",
    "disconnect",
    "reset",
    "refused_stream",
    "protocol_error",
    "connected",
];

impl OutcomeKind {
    /// How many there are.
    pub const COUNT: usize = 13;

    /// An answer with a 2xx.
    pub const SUCCESS: Self = Self(1);

    /// The kind of `outcome`.
    pub fn of(outcome: Outcome) -> Self {
        Self(match outcome {
            Outcome::Response { .. } => match outcome.code() {
                ..200 => 0,
                200..300 => 1,
                300..400 => 2,
                400..500 => 3,
                500.. => 4,
            },
            Outcome::Failure(failure) => match failure {
                Failure::Connect => 5,
                Failure::ConnectTimeout => 6,
                Failure::Timeout => 7,
                Failure::Disconnect => 8,
                Failure::Reset => 9,
                Failure::RefusedStream => 10,
                Failure::Protocol => 11,
            },
            Outcome::Connected => 12,
        })
    }

    /// Every kind.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).map(Self).take(Self::COUNT)
    }

    /// Less than [`COUNT`](Self::COUNT).
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Its label: `2xx`, `connect_failure`, ….
    pub const fn as_str(self) -> &'static str {
        NAMES[self.index()]
    }

    /// Whether there was an answer below 500, or a connection was all that was asked for.
    pub const fn is_success(self) -> bool {
        self.0 < 4 || self.0 == 12
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn kinds_agree_with_the_classification() {
        let response = |status: u16, grpc_status| Outcome::Response {
            status: StatusCode::from_u16(status).unwrap(),
            grpc_status,
        };
        for (outcome, name) in [
            (response(101, None), "1xx"),
            (response(204, None), "2xx"),
            (response(404, None), "4xx"),
            (response(999, None), "5xx"),
            (response(200, Some(0)), "2xx"),
            (response(200, Some(14)), "5xx"),
            (Outcome::Failure(Failure::Connect), "connect_failure"),
            (Outcome::Failure(Failure::Protocol), "protocol_error"),
            (Outcome::Connected, "connected"),
        ] {
            let kind = OutcomeKind::of(outcome);
            assert_eq!(kind.as_str(), name);
            assert_eq!(kind.is_success(), !outcome.is_server_error(), "{name}");
        }
        assert_eq!(OutcomeKind::all().count(), OutcomeKind::COUNT);
    }
}
