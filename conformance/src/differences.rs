//! What differs between Envoy and the mesh on purpose, each by name. `docs/envoy-differences.md`
//! holds the same rows for users; a difference that is not named here fails the tests.

use crate::{
    answer::{Answer, Attempt},
    wire::Message,
};

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
const ADDED_TO_REQUESTS: &[(&str, &str)] = &[
    (
        "x-forwarded-proto",
        "tells the upstream that a proxy stood between; in a process none does",
    ),
    (
        "x-forwarded-for",
        "added to mirrored requests: the address of a proxy, which there is not",
    ),
];

/// Headers that frame a message on its connection; the bodies themselves are compared.
const FRAMING: &[(&str, &str)] = &[
    ("connection", "of the connection, not of the message"),
    (
        "content-length",
        "Envoy writes 0 where hyper writes nothing",
    ),
    ("transfer-encoding", "of the connection, not of the message"),
];

/// Request headers of which Envoy makes one line, with commas, when there are several. The mesh keeps
/// the lines, which mean the same (RFC 9110 §5.3).
const FOLDED: &[&str] = &["accept", "content-type", "user-agent"];

/// Request headers whose value is a time that was measured; that they are there is compared.
const MEASURED: &[&str] = &["x-envoy-expected-rq-timeout-ms", "grpc-timeout"];

/// gRPC has no HEAD.
const HEAD_WITH_GRPC: &str = "HEAD with gRPC";
/// A rewrite makes a path that does not begin with `/`. That is no request line (RFC 9112 §3.2), but
/// Envoy sends it.
const PATH_WITHOUT_SLASH: &str = "path without slash";
/// A request header that tells the upstream of any limit; Envoy rewrites it only where the route looks
/// at it.
pub const GRPC_TIMEOUT: &str = "grpc-timeout";
/// A route's stream lasted too long: Envoy has no flag for it, the mesh's error has one.
pub const MAX_STREAM_DURATION: &str = "max_stream_duration";
/// A response ends half-way: see [`broke_off`].
pub const BROKEN_OFF: &str = "broken off";

/// Flags of connections that differ: the case, Envoy's flags, the mesh's, and why.
pub const CONNECTION_FLAGS: &[(&str, &[&str], &[&str], &str)] = &[
    (
        "next-host",
        &["UF"],
        &[],
        "the connection was made; the tries before it are counted apart",
    ),
    (
        "silent-then-next",
        &["UF"],
        &[],
        "the connection was made; the tries before it are counted apart",
    ),
    (
        "no-pending",
        &["URX"],
        &["UO"],
        "a breaker refused it, and no try was used up",
    ),
    (
        "idle",
        &[],
        &["SI"],
        "whoever holds the stream is told why it ended",
    ),
];

/// What policy can say and Envoy's configuration cannot, and why it can.
pub const NOT_ENVOYS: &[(&str, &str)] = &[
    (
        "strip_port",
        "Gateway API: a redirect without a port leads to the scheme's own",
    ),
    (
        "back-off minimum",
        "Gateway API: a retry waits at least its `backoff`, which Envoy draws from 0",
    ),
    (
        "fraction of any number",
        "Gateway API: a mirror's `fraction` may be 1 of 3",
    ),
];

/// Headers of responses that say who carried them, not what they say.
const OF_RESPONSES: &[(&str, &str)] = &[
    (
        "date",
        "set by whoever writes a response to a socket: the mesh hands over a value",
    ),
    ("server", "names the proxy; in a process there is none"),
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

/// Why a header of any message does not count, if it does not.
pub fn framing(name: &str) -> Option<&'static str> {
    reason(FRAMING, name)
}

/// Whether lines of a request header count as one.
pub fn is_folded(name: &str) -> bool {
    FOLDED.contains(&name)
}

/// Whether the value of a request header does not count.
pub fn is_measured(name: &str) -> bool {
    MEASURED.contains(&name)
}

/// The names of all of them.
pub fn names() -> impl Iterator<Item = &'static str> {
    let reasoned = ADDED_TO_REQUESTS.iter().chain(FRAMING).chain(OF_RESPONSES);
    let headers = FOLDED.iter().chain(MEASURED).copied();
    let reasoned = reasoned.chain(NOT_ENVOYS);
    let cases = [
        GRPC_TIMEOUT,
        HEAD_WITH_GRPC,
        PATH_WITHOUT_SLASH,
        BROKEN_OFF,
        MAX_STREAM_DURATION,
    ];
    reasoned.map(|(name, _)| *name).chain(headers).chain(cases)
}

/// The name of the difference for which a request is not asked at all.
pub fn excluded(request: &Message) -> Option<&'static str> {
    let head = &request.head;
    let grpc = head
        .header("content-type")
        .is_some_and(|t| t.starts_with("application/grpc"));
    if grpc && head.start[0] == "HEAD" {
        // Envoy leaves `grpc-message` out of its own replies to one, as if it were a body.
        return Some(HEAD_WITH_GRPC);
    }
    None
}

/// Why a header of a response does not count, if it does not.
pub fn response_header(_: Side, name: &str) -> Option<&'static str> {
    reason(OF_RESPONSES, name)
}

/// The name of the difference that makes two unequal answers as they should be, if one does.
pub fn excused(envoy: &Answer, mesh: &Answer) -> Option<&'static str> {
    let path = |a: &Attempt| a.line.split(' ').nth(1).is_some_and(|p| p.starts_with('/'));
    let refused = mesh.status == 400 || mesh.headers.iter().any(|h| *h == grpc_internal());
    if envoy.upstream.iter().any(|a| !path(a)) && refused && mesh.upstream.is_empty() {
        return Some(PATH_WITHOUT_SLASH);
    }
    None
}

/// Puts Envoy's answer about a response that broke off half-way into the mesh's words. To Envoy's
/// parser the missing half is a protocol error; to the mesh, which has hyper's word for it, the
/// connection ended. Both retry it alike.
pub fn broke_off(envoy: &mut Answer) {
    let said = "reset reason: protocol error";
    if let Some(body) = envoy.body.as_mut().filter(|body| body.ends_with(said)) {
        *body = body.replace(said, "reset reason: connection termination");
        envoy.status = 503;
    }
    envoy.flags = envoy.flags.take().map(|flags| flags.replace("UPE", "UC"));
}

/// Puts the mesh's flag on Envoy's answer about a stream that outlasted its route's
/// `max_stream_duration`.
pub fn outlasted(envoy: &mut Answer) {
    envoy.flags = envoy.flags.take().map(|flags| match &*flags {
        "-" => "UMSDR".to_owned(),
        flags => format!("{flags},UMSDR"),
    });
}

/// What a 400 is to gRPC.
fn grpc_internal() -> (String, String) {
    ("grpc-status".to_owned(), "13".to_owned())
}

fn reason(list: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    list.iter()
        .find_map(|(n, reason)| (*n == name).then_some(*reason))
}
