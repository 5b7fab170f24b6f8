//! `HTTPRetry` and the policy that applies without one.

use std::sync::Arc;

use http::StatusCode;
use mesh_core::policy::{RetryBackOff, RetryOn, RetryPolicy};

use crate::file::{
    problem::NoteKind,
    reader::{Obj, Val, unknown},
    schema::{Schema, enforced, nearest},
};

pub(super) const SCHEMAS: &[&Schema] = &[&HTTP_RETRY];

static HTTP_RETRY: Schema = Schema::new(
    "HTTPRetry",
    &[
        enforced("attempts"),
        enforced("perTryTimeout"),
        enforced("retryOn"),
        enforced("retryIgnorePreviousHosts"),
        enforced("backoff"),
        enforced("retryRemoteLocalities"),
    ],
);

/// The `retries` of a route, or of all that have none.
#[derive(Clone, Debug)]
pub(crate) struct Retries {
    /// `None`: they are off.
    policy: Option<Arc<RetryPolicy>>,
    /// Whether `retryIgnorePreviousHosts` is given.
    says_hosts: bool,
}

impl Retries {
    /// The policy. A request that is placed by its hash is retried there, unless told otherwise.
    pub(crate) fn policy(&self, is_hashed: bool) -> Option<Arc<RetryPolicy>> {
        let policy = self.policy.clone()?;
        if !is_hashed || self.says_hosts {
            return Some(policy);
        }
        Some(Arc::new(RetryPolicy {
            previous_hosts: false,
            ..RetryPolicy::clone(&policy)
        }))
    }
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            policy: Some(Arc::new(default_policy())),
            says_hosts: false,
        }
    }
}

/// Istio's retries for a route without a `retries` stanza: two, of requests that the upstream did
/// not process. The list of status codes is empty, so a 503 *response* is not retried.
pub(crate) fn default_policy() -> RetryPolicy {
    let mut policy = RetryPolicy::new(
        RetryOn::CONNECT_FAILURE
            .or(RetryOn::REFUSED_STREAM)
            .or(RetryOn::GRPC_UNAVAILABLE)
            .or(RetryOn::GRPC_CANCELLED)
            .or(RetryOn::RETRIABLE_STATUS_CODES),
        2,
    );
    policy.previous_hosts = true;
    policy.host_selection_retry_max_attempts = 5;
    policy
}

/// The stanza; `attempts: 0` switches retries off.
pub(super) fn read(value: &Val<'_>) -> Option<Retries> {
    let obj = value.object(&HTTP_RETRY)?;
    let attempts = obj.uint32("attempts").unwrap_or(0);
    let mut policy = default_policy();
    policy.num_retries = attempts;
    policy.per_try_timeout = obj.duration("perTryTimeout");
    if let Some(value) = obj.get("retryOn") {
        retry_on(&value, &mut policy);
    }
    let hosts = obj.get("retryIgnorePreviousHosts");
    let says_hosts = hosts.is_some();
    if let Some(value) = hosts {
        policy.previous_hosts = value.boolean()?;
    }
    if let Some(base) = obj.duration("backoff") {
        match RetryBackOff::try_new(base, None) {
            Ok(back_off) => policy.back_off = back_off,
            Err(e) => obj.fail("backoff", e.to_string()),
        }
    }
    if let Some(value) = obj.get("retryRemoteLocalities")
        && value.boolean()?
    {
        value.refuse("retrying in localities of other priorities");
    }
    if attempts == 0 {
        check_disabled(&obj);
    }
    Some(Retries {
        policy: (attempts > 0).then(|| Arc::new(policy)),
        says_hosts,
    })
}

/// `attempts: 0` beside other fields is what Istio's validation refuses.
fn check_disabled(obj: &Obj<'_>) {
    for field in [
        "perTryTimeout",
        "retryOn",
        "retryIgnorePreviousHosts",
        "retryRemoteLocalities",
        "backoff",
    ] {
        if obj.get(field).is_some() {
            obj.fail(
                field,
                "has no meaning when `attempts` is 0: retries are off",
            );
        }
    }
}

/// `parseRetryOn`: conditions and status codes, separated by commas. Codes go to the list of codes.
fn retry_on(value: &Val<'_>, policy: &mut RetryPolicy) {
    let Some(text) = value.text() else { return };
    let tokens: Vec<&str> = text
        .split(',')
        .map(str::trim)
        .filter(|t| !t.is_empty())
        .collect();
    if tokens.is_empty() {
        return;
    }
    policy.retry_on = RetryOn::NONE;
    for token in tokens {
        if let Some(bit) = RetryOn::from_token(token) {
            policy.retry_on = policy.retry_on.or(bit);
        } else if let Some(code) = status_code(token) {
            policy.retry_on = policy.retry_on.or(RetryOn::RETRIABLE_STATUS_CODES);
            policy.retriable_status_codes.push(code);
        } else if token == "http3-post-connect-failure" {
            value.note(
                NoteKind::Ignored,
                format!("`{token}`: there is no HTTP/3 here"),
            );
        } else {
            let known = RetryOn::TOKENS.iter().map(|(name, _)| *name);
            value.fail(unknown("condition", token, nearest(token, known)));
        }
    }
}

fn status_code(token: &str) -> Option<StatusCode> {
    let code = StatusCode::from_bytes(token.as_bytes()).ok()?;
    code.canonical_reason().map(|_| code)
}
