//! What a route does besides forwarding: `HTTPRedirect`, `HTTPDirectResponse`, and `HTTPRewrite`.

use std::sync::Arc;

use http::{HeaderValue, StatusCode};
use mesh_core::policy::{DirectResponse, Name, PathRewrite, Redirect, RedirectPath};

use super::{base64, common::regex};
use crate::file::{
    reader::{Obj, Val},
    schema::{Schema, enforced},
};

/// The largest body of a direct response, by Istio's validation.
const MAX_BODY: usize = 1 << 20;

pub(super) const SCHEMAS: &[&Schema] =
    &[&REDIRECT, &DIRECT_RESPONSE, &BODY, &REWRITE, &REGEX_REWRITE];

static REDIRECT: Schema = Schema::new(
    "HTTPRedirect",
    &[
        enforced("uri"),
        enforced("prefixRewrite"),
        enforced("authority"),
        enforced("port"),
        enforced("derivePort"),
        enforced("scheme"),
        enforced("redirectCode"),
    ],
);

static DIRECT_RESPONSE: Schema = Schema::new(
    "HTTPDirectResponse",
    &[enforced("status"), enforced("body")],
);

static BODY: Schema = Schema::new("HTTPBody", &[enforced("string"), enforced("bytes")]);

static REWRITE: Schema = Schema::new(
    "HTTPRewrite",
    &[
        enforced("uri"),
        enforced("authority"),
        enforced("uriRegexRewrite"),
    ],
);

static REGEX_REWRITE: Schema =
    Schema::new("RegexRewrite", &[enforced("match"), enforced("rewrite")]);

/// A redirect, but for the port that only the listener knows.
#[derive(Clone, Debug)]
pub(crate) struct HttpRedirect {
    redirect: Redirect,
    /// `derivePort: FROM_REQUEST_PORT`.
    from_request_port: bool,
}

impl HttpRedirect {
    /// The redirect of requests that dialled `port`.
    pub(crate) fn on_port(&self, port: u16) -> Redirect {
        let mut redirect = self.redirect.clone();
        if self.from_request_port {
            redirect.port = Some(port);
        }
        // istiod leaves out the scheme's own port.
        let scheme = redirect.scheme.as_deref().unwrap_or("http");
        if matches!(
            (scheme, redirect.port),
            ("http", Some(80)) | ("https", Some(443))
        ) {
            redirect.port = None;
        }
        redirect
    }
}

pub(super) fn redirect(value: &Val<'_>) -> Option<HttpRedirect> {
    let obj = value.object(&REDIRECT)?;
    let path = match obj.one_of(&["uri", "prefixRewrite"]) {
        Some("uri") => Some(RedirectPath::Path(obj.text("uri")?)),
        Some(_) => Some(RedirectPath::Prefix(obj.text("prefixRewrite")?)),
        None => None,
    };
    let from_request_port = match obj.one_of(&["port", "derivePort"]) {
        Some("derivePort") => obj.get("derivePort")?.choice(&[
            ("FROM_PROTOCOL_DEFAULT", 0, false),
            ("FROM_REQUEST_PORT", 1, true),
        ])?,
        _ => false,
    };
    let scheme: Option<Name> = match obj.get("scheme") {
        Some(v) => Some(
            v.choice(&[("http", 80, "http"), ("https", 443, "https")])?
                .into(),
        ),
        None => None,
    };
    let response_code = match obj.get("redirectCode") {
        Some(v) => Some(redirect_code(&v)?),
        None => None,
    };
    Some(HttpRedirect {
        redirect: Redirect {
            scheme,
            host: obj.text("authority"),
            port: obj.get("port").and_then(|v| v.port()),
            strip_port: false,
            path,
            response_code,
            strip_query: false,
        },
        from_request_port,
    })
}

fn redirect_code(value: &Val<'_>) -> Option<StatusCode> {
    match value.integer(0, 999)? {
        code @ (301 | 302 | 303 | 307 | 308) => {
            StatusCode::from_u16(u16::try_from(code).ok()?).ok()
        }
        0 => Some(StatusCode::MOVED_PERMANENTLY),
        _ => {
            value.fail("must be 301, 302, 303, 307 or 308");
            None
        }
    }
}

pub(super) fn direct_response(value: &Val<'_>) -> Option<DirectResponse> {
    let obj = value.object(&DIRECT_RESPONSE)?;
    let status = obj.required("status")?.integer(200, 599)?;
    let body = obj.get("body").and_then(|v| body(&v));
    let body = body.unwrap_or_else(|| Arc::from(""));
    if body.len() > MAX_BODY {
        obj.fail("body", "is larger than 1 MiB");
    }
    Some(DirectResponse {
        status: StatusCode::from_u16(u16::try_from(status).ok()?).ok()?,
        body,
    })
}

fn body(value: &Val<'_>) -> Option<Name> {
    let obj = value.object(&BODY)?;
    match obj.one_of(&["string", "bytes"]) {
        Some("bytes") => {
            let value = obj.get("bytes")?;
            let Some(bytes) = base64::decode(&value.text()?) else {
                value.fail("is not base64");
                return None;
            };
            match String::from_utf8(bytes) {
                Ok(text) => Some(text.into()),
                Err(_) => {
                    value.refuse("a body that is no UTF-8 text");
                    None
                }
            }
        }
        _ => obj.text("string"),
    }
}

/// `HTTPRewrite`.
#[derive(Clone, Debug)]
pub(crate) struct Rewrite {
    pub(crate) path: Option<PathRewrite>,
    pub(crate) authority: Option<HeaderValue>,
}

pub(super) fn rewrite(value: &Val<'_>) -> Option<Rewrite> {
    let obj = value.object(&REWRITE)?;
    if obj.is_empty() {
        obj.fail("", "must have a uri, a uriRegexRewrite or an authority");
    }
    let path = match obj.one_of(&["uri", "uriRegexRewrite"]) {
        Some("uri") => obj.text("uri").map(PathRewrite::Prefix),
        Some(_) => regex_rewrite(&obj),
        None => None,
    };
    let authority = obj.get("authority").and_then(|v| {
        HeaderValue::from_str(&v.text()?)
            .map_err(|_| v.fail("is no host"))
            .ok()
    });
    Some(Rewrite { path, authority })
}

fn regex_rewrite(obj: &Obj<'_>) -> Option<PathRewrite> {
    let obj = obj.object("uriRegexRewrite", &REGEX_REWRITE)?;
    let value = obj.required("match")?;
    Some(PathRewrite::Regex {
        pattern: regex(&value, &value.text()?)?,
        substitution: obj.text("rewrite").unwrap_or_else(|| Arc::from("")),
    })
}
