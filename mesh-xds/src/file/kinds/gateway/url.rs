//! Filters that change the URL: `HTTPRequestRedirectFilter`, `HTTPURLRewriteFilter`,
//! `HTTPPathModifier`.

use std::sync::Arc;

use http::{HeaderValue, StatusCode};
use mesh_core::policy::Name;

use super::{http_match, schema};
use crate::file::{
    host,
    reader::{Obj, Val},
    schema::{Schema, enforced},
};

/// `HTTPRequestRedirectFilter`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestRedirect {
    pub(crate) scheme: Option<&'static str>,
    pub(crate) hostname: Option<Name>,
    pub(crate) path: Option<PathModifier>,
    pub(crate) port: Option<u16>,
    pub(crate) status: StatusCode,
}

/// `HTTPPathModifier`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PathModifier {
    /// The whole path.
    Full(Name),
    /// The prefix that the match names, by whole segments.
    Prefix(Name),
}

pub(super) const SCHEMAS: &[&Schema] = &[&REDIRECT, &REWRITE, &PATH_MODIFIER];

static REDIRECT: Schema = schema(
    "HTTPRequestRedirectFilter",
    &[
        enforced("scheme"),
        enforced("hostname"),
        enforced("path"),
        enforced("port"),
        enforced("statusCode"),
    ],
);

static REWRITE: Schema = schema(
    "HTTPURLRewriteFilter",
    &[enforced("hostname"), enforced("path")],
);

static PATH_MODIFIER: Schema = schema(
    "HTTPPathModifier",
    &[
        enforced("type"),
        enforced("replaceFullPath"),
        enforced("replacePrefixMatch"),
    ],
);

pub(super) fn redirect(value: &Val<'_>, one_prefix: bool) -> Option<RequestRedirect> {
    let obj = value.object(&REDIRECT)?;
    let scheme = match obj.get("scheme") {
        Some(v) => Some(v.keyword(&[("http", "http"), ("https", "https")])?),
        None => None,
    };
    let status = match obj.get("statusCode") {
        Some(v) => match v.integer(0, 999)? {
            code @ (301 | 302 | 303 | 307 | 308) => {
                StatusCode::from_u16(u16::try_from(code).ok()?).ok()?
            }
            _ => {
                v.fail("must be 301, 302, 303, 307 or 308");
                return None;
            }
        },
        None => StatusCode::FOUND,
    };
    Some(RequestRedirect {
        scheme,
        hostname: hostname(&obj),
        path: path_modifier(&obj, one_prefix),
        port: obj.get("port").and_then(|v| v.port()),
        status,
    })
}

/// The new host and the new path.
pub(super) fn rewrite(
    value: &Val<'_>,
    one_prefix: bool,
) -> Option<(Option<HeaderValue>, Option<PathModifier>)> {
    let obj = value.object(&REWRITE)?;
    let hostname = hostname(&obj).and_then(|h| HeaderValue::from_str(&h).ok());
    Some((hostname, path_modifier(&obj, one_prefix)))
}

/// `PreciseHostname`: a name, no wildcard and no address.
fn hostname(obj: &Obj<'_>) -> Option<Name> {
    let value = obj.get("hostname")?;
    let text = value.text()?;
    let address = text.parse::<std::net::IpAddr>().is_ok();
    if address || host::is_wildcard(&text) || host::check(&text).is_err() {
        value.fail("must be a host name, without wildcard, port or address");
        return None;
    }
    Some(text)
}

fn path_modifier(parent: &Obj<'_>, one_prefix: bool) -> Option<PathModifier> {
    let obj = parent.object("path", &PATH_MODIFIER)?;
    let full = obj
        .required("type")?
        .keyword(&[("ReplaceFullPath", true), ("ReplacePrefixMatch", false)])?;
    let (field, other) = if full {
        ("replaceFullPath", "replacePrefixMatch")
    } else {
        ("replacePrefixMatch", "replaceFullPath")
    };
    if obj.get(other).is_some() {
        obj.fail(
            other,
            format!("does not go with the type, which needs `{field}`"),
        );
    }
    if !full && !one_prefix {
        obj.fail(
            "type",
            "ReplacePrefixMatch needs a rule with exactly one match, whose path is a PathPrefix",
        );
    }
    let value = obj.required(field)?;
    let text: Arc<str> = value.text()?;
    if !http_match::is_path(&text) && !text.is_empty() {
        value.fail("must be a path without query: letters, digits, -._~!$&'()*+,;=:@/ and %XX");
        return None;
    }
    Some(if full {
        PathModifier::Full(text)
    } else {
        PathModifier::Prefix(text)
    })
}
