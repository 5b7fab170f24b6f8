//! What differs between Envoy and the mesh on purpose, each by name. `docs/envoy-differences.md`
//! holds the same rows for users; a difference that is not named here fails the tests.

/// Whose answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Envoy's.
    Envoy,
    /// The mesh's.
    Mesh,
}

/// Headers that Envoy adds to every request it forwards, and why the mesh does not. They count when
/// the request brought them.
const ADDED_TO_REQUESTS: &[(&str, &str)] = &[(
    "x-forwarded-proto",
    "tells the upstream that a proxy stood between; in a process none does",
)];

/// Headers of responses that say who carried them, not what they say.
const OF_RESPONSES: &[(&str, &str)] = &[
    ("connection", "of the connection, not of the message"),
    (
        "content-length",
        "framing; the bodies themselves are compared",
    ),
    (
        "date",
        "set by whoever writes a response to a socket: the mesh hands over a value",
    ),
    ("server", "names the proxy; in a process there is none"),
    (
        "transfer-encoding",
        "framing; the bodies themselves are compared",
    ),
    (
        "x-envoy-upstream-service-time",
        "a measured time, which telemetry has",
    ),
];

/// Why a header of a forwarded request does not count, if it does not.
pub fn request_header(side: Side, name: &str) -> Option<&'static str> {
    match side {
        Side::Envoy => reason(ADDED_TO_REQUESTS, name),
        Side::Mesh => None,
    }
}

/// Why a header of a response does not count, if it does not.
pub fn response_header(_: Side, name: &str) -> Option<&'static str> {
    reason(OF_RESPONSES, name)
}

fn reason(list: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    list.iter()
        .find_map(|(n, reason)| (*n == name).then_some(*reason))
}
