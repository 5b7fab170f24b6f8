//! `HTTPCORSFilter`.

use std::sync::Arc;

use http::HeaderName;
use mesh_core::policy::{Cors, Name, Regex, StringMatcher};

use super::schema;
use crate::file::{
    reader::{Obj, Val},
    schema::{Schema, enforced},
};

pub(super) const SCHEMAS: &[&Schema] = &[&CORS];

static CORS: Schema = schema(
    "HTTPCORSFilter",
    &[
        enforced("allowOrigins"),
        enforced("allowCredentials"),
        enforced("allowMethods"),
        enforced("allowHeaders"),
        enforced("exposeHeaders"),
        enforced("maxAge"),
    ],
);

const METHODS: [(&str, ()); 10] = [
    ("GET", ()),
    ("HEAD", ()),
    ("POST", ()),
    ("PUT", ()),
    ("DELETE", ()),
    ("CONNECT", ()),
    ("OPTIONS", ()),
    ("TRACE", ()),
    ("PATCH", ()),
    ("*", ()),
];

pub(super) fn read(value: &Val<'_>) -> Option<Arc<Cors>> {
    let obj = value.object(&CORS)?;
    let origins = obj.list("allowOrigins");
    for value in &origins {
        if origins.len() > 1 && value.text().as_deref() == Some("*") {
            value.fail("`*` stands alone");
        }
    }
    let max_age = match obj.get("maxAge") {
        Some(v) => v.integer(1, i64::from(i32::MAX))?,
        None => 5,
    };
    Some(Arc::new(Cors {
        allow_origin: origins.iter().filter_map(origin).collect(),
        allow_methods: names(&obj, "allowMethods", |v| v.keyword(&METHODS).is_some()),
        allow_headers: names(&obj, "allowHeaders", is_header),
        expose_headers: names(&obj, "exposeHeaders", is_header),
        max_age: Some(max_age.to_string().into()),
        allow_credentials: Some(obj.boolean("allowCredentials")),
        // A preflight from elsewhere is answered here, without the headers that would allow it.
        forward_not_matching_preflights: Some(false),
        ..Cors::default()
    }))
}

/// `*`, or `scheme://host[:port]` in which `*` stands for any characters of the host.
fn origin(value: &Val<'_>) -> Option<StringMatcher> {
    let text = value.text()?;
    if &*text != "*" && !text.starts_with("http://") && !text.starts_with("https://") {
        value.fail("must be `*`, or an origin such as https://www.example.com:8443");
        return None;
    }
    if !text.contains('*') {
        return Some(StringMatcher::exact(text));
    }
    let mut pattern = String::new();
    for c in text.chars() {
        match c {
            '*' => pattern.push_str(".*"),
            c if c.is_ascii_alphanumeric() || "/:-_".contains(c) => pattern.push(c),
            '.' => pattern.push_str("\\."),
            _ => {
                value.fail("is no origin");
                return None;
            }
        }
    }
    Regex::try_new(&pattern)
        .map_err(|e| value.fail(e.to_string()))
        .ok()
        .map(StringMatcher::regex)
}

/// A list as the header's value; none when it is empty.
fn names(obj: &Obj<'_>, field: &'static str, is_name: fn(&Val<'_>) -> bool) -> Option<Name> {
    let values = obj.list(field);
    let mut texts: Vec<Arc<str>> = Vec::new();
    for value in &values {
        let Some(text) = value.text() else { continue };
        if !is_name(value) {
            continue;
        }
        if &*text == "*" && values.len() > 1 {
            value.fail("`*` stands alone");
        }
        texts.push(text);
    }
    (!texts.is_empty()).then(|| texts.join(",").into())
}

fn is_header(value: &Val<'_>) -> bool {
    let text = value.text().unwrap_or_default();
    let valid = &*text == "*" || HeaderName::from_bytes(text.as_bytes()).is_ok();
    if !valid {
        value.fail("is no header name");
    }
    valid
}
