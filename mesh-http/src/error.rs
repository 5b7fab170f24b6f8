//! The one error of the client stack.
//!
//! It says which resource failed and why in words, carries Envoy's response flag as its stable
//! reason, the status that Envoy would answer, and whether the request had been sent, which decides
//! whether sending it again is safe.

use std::{borrow::Cow, fmt};

use http::{HeaderValue, Response, StatusCode, header};
use mesh_core::{
    Failure, Flag, http_to_grpc,
    policy::Name,
    routing::{Facts, MutationLevels},
};

use crate::{
    Body,
    connections::{SendErrorKind, classify},
    reply::{ReplyChange, ReplyChanges},
};

/// What tower calls an error of any kind.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why the mesh could not deliver a request.
///
/// ```
/// # async fn show(client: mesh_http::Client) {
/// match client.get("http://reviews/1").send().await {
///     Ok(response) => println!("{}", response.status()),
///     Err(error) => println!("{} {} resend={}", error.status(), error.flag(), error.is_safe_to_resend()),
/// }
/// # }
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    flag: Flag,
    status: StatusCode,
    message: String,
    reply: Reply,
    sent: bool,
    retried: bool,
    /// To a gRPC caller it is DEADLINE_EXCEEDED, whatever the HTTP status maps to.
    deadline_exceeded: bool,
    /// Why it was not tried again, though its like is.
    no_retry: Option<Flag>,
    failure: Option<Failure>,
    cluster: Option<Name>,
    /// What the route changes of its reply.
    reply_changes: ReplyChanges,
    attempts: u32,
    source: Option<BoxError>,
}

/// The body of Envoy's reply.
enum Reply {
    Text(&'static str),
    /// Of an attempt that got no response head, and why.
    Reset(&'static str),
}

impl Error {
    pub(crate) fn new(flag: Flag, status: StatusCode, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            flag,
            status,
            message: message.into(),
            reply: Reply::Text(""),
            sent: false,
            retried: false,
            deadline_exceeded: false,
            no_retry: None,
            failure: None,
            cluster: None,
            reply_changes: ReplyChanges::default(),
            attempts: 0,
            source: None,
        }))
    }

    /// 404, as Envoy answers when no virtual host or route matches.
    pub(crate) fn no_route(message: String) -> Self {
        Self::new(Flag::NoRoute, StatusCode::NOT_FOUND, message)
    }

    /// A request that cannot be routed as it is.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Flag::InvalidRequest, StatusCode::BAD_REQUEST, message)
    }

    /// The reply to a failed attempt.
    pub(crate) fn upstream(failure: Failure, message: impl Into<String>) -> Self {
        let (status, reply) = match failure {
            Failure::Timeout => (504, Reply::Text("upstream request timeout")),
            Failure::Connect => (503, Reply::Reset("remote connection failure")),
            Failure::ConnectTimeout => (503, Reply::Reset("connection timeout")),
            Failure::Disconnect => (503, Reply::Reset("connection termination")),
            Failure::RefusedStream => (503, Reply::Reset("remote refused stream reset")),
            Failure::Protocol => (502, Reply::Reset("protocol error")),
            _ => (503, Reply::Reset("remote reset")),
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        let mut e = Self::new(flag_of(failure), status, message);
        e.0.reply = reply;
        e.0.failure = Some(failure);
        e
    }

    /// The error of a response whose body broke off with `error`, which is what reading a
    /// [`Body`] fails with.
    pub fn from_body(error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(ours) => *ours,
            Err(other) => {
                let (failure, flag) = body_failure(&other);
                let message = format!("the body broke off: {other}");
                let mut e = Self::upstream(failure.unwrap_or(Failure::Reset), message);
                e.0.failure = failure;
                e.0.flag = flag;
                e.with_sent(true).with_source(other)
            }
        }
    }

    /// A circuit breaker is open.
    pub(crate) fn overflow(message: impl Into<String>) -> Self {
        let mut e = Self::new(
            Flag::UpstreamOverflow,
            StatusCode::SERVICE_UNAVAILABLE,
            message,
        );
        e.0.reply = Reply::Reset("overflow");
        e
    }

    #[must_use]
    pub(crate) fn with_body(mut self, body: &'static str) -> Self {
        self.0.reply = Reply::Text(body);
        self
    }

    #[must_use]
    pub(crate) fn with_failure(mut self, failure: Failure) -> Self {
        self.0.failure = Some(failure);
        self
    }

    #[must_use]
    pub(crate) fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Says where it happened.
    #[must_use]
    pub(crate) fn within(mut self, place: fmt::Arguments<'_>) -> Self {
        self.0.message = format!("{place}: {}", self.0.message);
        self
    }

    #[must_use]
    pub(crate) fn with_cluster(mut self, cluster: Name) -> Self {
        self.0.cluster = Some(cluster);
        self
    }

    /// Lets the reply have the header changes that responses of its route have.
    #[must_use]
    pub(crate) fn with_reply_headers(mut self, levels: MutationLevels<'_>) -> Self {
        self.0.reply_changes.add_levels(levels);
        self
    }

    /// And the changes of the filters that the request passed; `facts` is for all.
    #[must_use]
    pub(crate) fn with_reply_changes(
        mut self,
        changes: Vec<ReplyChange>,
        facts: Option<Box<Facts>>,
    ) -> Self {
        self.0.reply_changes.add(changes, facts);
        self
    }

    /// Lets a timeout be answered by 204 without a body
    /// (`x-envoy-upstream-rq-timeout-alt-response`).
    #[must_use]
    pub(crate) fn with_alternative_timeout(mut self) -> Self {
        if self.0.flag == Flag::UpstreamTimeout {
            self.0.status = StatusCode::NO_CONTENT;
            self.0.reply = Reply::Text("");
        }
        self
    }

    /// The stream's own limit is a gRPC caller's deadline.
    #[must_use]
    pub(crate) fn with_deadline_exceeded(mut self) -> Self {
        self.0.deadline_exceeded = true;
        self
    }

    #[must_use]
    pub(crate) fn with_sent(mut self, sent: bool) -> Self {
        self.0.sent = sent;
        self
    }

    pub(crate) fn set_attempts(&mut self, attempts: u32) {
        self.0.attempts = attempts;
    }

    /// Earlier attempts failed, too.
    pub(crate) fn set_retried(&mut self) {
        self.0.retried = true;
    }

    /// It would have been tried again, but for this.
    pub(crate) fn set_no_retry(&mut self, flag: Flag) {
        self.0.no_retry = Some(flag);
    }

    /// The stable reason.
    pub fn flag(&self) -> Flag {
        self.0.flag
    }

    /// All flags, as Envoy's access log prints them: `URX` first when retries were used up, `UO` when
    /// the cluster's breaker let none pass.
    pub fn flags(&self) -> Vec<Flag> {
        let no_retry = self.0.no_retry.into_iter();
        no_retry.chain([self.0.flag]).collect()
    }

    /// The HTTP status that Envoy answers in this case.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The gRPC status that Envoy answers in this case.
    pub fn grpc_status(&self) -> u8 {
        if self.0.deadline_exceeded {
            4
        } else {
            http_to_grpc(self.0.status.as_u16())
        }
    }

    /// The cluster, when routing got that far.
    pub fn cluster(&self) -> Option<&str> {
        self.0.cluster.as_deref()
    }

    /// How the last attempt failed, when one was made.
    pub fn failure(&self) -> Option<Failure> {
        self.0.failure
    }

    /// How many attempts were made.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Whether any part of the request may have reached an upstream.
    pub fn was_sent(&self) -> bool {
        self.0.sent
    }

    /// Whether the request certainly had no effect, so that sending it again is safe even if it is
    /// not idempotent.
    pub fn is_safe_to_resend(&self) -> bool {
        !self.0.sent
    }

    /// Envoy's local reply for this error, with the header changes of the route that was matched; a
    /// gRPC request (`grpc`) gets HTTP 200 with the mapped `grpc-status`.
    pub fn into_response(self, grpc: bool) -> Response<Body> {
        let body: Cow<'static, str> = match self.0.reply {
            Reply::Text(text) => text.into(),
            Reply::Reset(reason) => format!(
                "upstream connect error or disconnect/reset before headers. {}reset reason: {reason}",
                if self.0.retried { "retried and the latest " } else { "" }
            )
            .into(),
        };
        let mut response = local_reply(self.0.status, &body, grpc);
        if grpc {
            let status = HeaderValue::from(u16::from(self.grpc_status()));
            response.headers_mut().insert("grpc-status", status);
        }
        if self.0.flag == Flag::UpstreamOverflow {
            response
                .headers_mut()
                .insert("x-envoy-overloaded", HeaderValue::from_static("true"));
        }
        let Inner {
            reply_changes,
            status,
            flag,
            ..
        } = *self.0;
        reply_changes.apply(status, response.headers_mut());
        response.extensions_mut().insert(flag);
        response
    }
}

/// The flag of a failed attempt (Envoy's table of local replies).
const fn flag_of(failure: Failure) -> Flag {
    match failure {
        Failure::Timeout => Flag::UpstreamTimeout,
        Failure::Connect | Failure::ConnectTimeout => Flag::UpstreamConnectionFailure,
        Failure::Disconnect => Flag::UpstreamConnectionTermination,
        Failure::Protocol => Flag::UpstreamProtocolError,
        _ => Flag::UpstreamRemoteReset,
    }
}

/// What the error of a response's body means: the endpoint's failure, if it is one, and the flag.
pub(crate) fn body_failure(error: &BoxError) -> (Option<Failure>, Flag) {
    if let Some(ours) = error.downcast_ref::<Error>() {
        return (ours.failure(), ours.flag());
    }
    let kind = error.downcast_ref::<hyper::Error>().map(classify);
    match kind {
        Some(SendErrorKind::Failure(failure)) => (Some(failure), flag_of(failure)),
        // The request's body failed.
        Some(_) => (None, Flag::DownstreamConnectionTermination),
        None => (Some(Failure::Reset), Flag::UpstreamRemoteReset),
    }
}

/// A reply of the mesh's own, as Envoy writes it: `text/plain` when it has a body; to a gRPC request
/// (`grpc`) HTTP 200 with the status mapped, whatever it is, and the body as the message.
pub(crate) fn local_reply(status: StatusCode, body: &str, grpc: bool) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    if grpc {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/grpc"),
        );
        let status = http_to_grpc(status.as_u16());
        headers.insert("grpc-status", HeaderValue::from(u16::from(status)));
        if !body.is_empty()
            && let Ok(message) = HeaderValue::from_str(&percent_encode(body))
        {
            headers.insert("grpc-message", message);
        }
        return response;
    }
    if !body.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        *response.body_mut() = body.to_owned().into();
    }
    *response.status_mut() = status;
    response
}

/// `grpc-message` encoding (gRPC over HTTP/2: Percent-Encoded).
fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, b| {
        match b {
            b' '..=b'~' if b != b'%' => out.push(char::from(b)),
            _ => out.push_str(&format!("%{b:02X}")),
        }
        out
    })
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if self.0.attempts > 1 {
            write!(f, " (after {} attempts)", self.0.attempts)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    /// The message, the flags and the status: this is what a `main` that returns the error prints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} [")?;
        for flag in self.flags() {
            write!(f, "{flag} ")?;
        }
        write!(f, "{}]", self.0.status.as_u16())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|e| &**e as _)
    }
}
