//! `CorsPolicy`.

use mesh_core::policy::{Cors, Name, StringMatcher};

use super::common::string_match;
use crate::file::{
    problem::NoteKind,
    reader::{Obj, Val},
    schema::{Schema, enforced},
};

pub(super) const SCHEMAS: &[&Schema] = &[&CORS];

static CORS: Schema = Schema::new(
    "CorsPolicy",
    &[
        enforced("allowOrigins"),
        enforced("allowOrigin"),
        enforced("allowMethods"),
        enforced("allowHeaders"),
        enforced("exposeHeaders"),
        enforced("maxAge"),
        enforced("allowCredentials"),
        enforced("unmatchedPreflights"),
    ],
);

/// As istiod's `TranslateCORSPolicy`.
pub(super) fn read(value: &Val<'_>) -> Option<Cors> {
    let obj = value.object(&CORS)?;
    let max_age = obj.get("maxAge").and_then(|v| {
        let duration = v.duration()?;
        if duration.subsec_nanos() > 0 {
            v.fail("must be whole seconds");
        }
        Some(duration.as_secs().to_string().into())
    });
    let forward = obj.get("unmatchedPreflights").and_then(|v| {
        v.choice(&[
            ("UNSPECIFIED", 0, true),
            ("FORWARD", 1, true),
            ("IGNORE", 2, false),
        ])
    });
    Some(Cors {
        allow_origin: origins(&obj),
        allow_methods: joined(&obj, "allowMethods"),
        allow_headers: joined(&obj, "allowHeaders"),
        expose_headers: joined(&obj, "exposeHeaders"),
        max_age,
        allow_credentials: Some(obj.boolean("allowCredentials")),
        forward_not_matching_preflights: Some(forward.unwrap_or(true)),
        ..Cors::default()
    })
}

/// The deprecated list of exact origins counts only without the other.
fn origins(obj: &Obj<'_>) -> Vec<StringMatcher> {
    let exact = obj.list("allowOrigin");
    let Some(origins) = obj.get("allowOrigins") else {
        let texts = exact.iter().filter_map(Val::text);
        return texts.map(StringMatcher::exact).collect();
    };
    if let Some(deprecated) = obj.get("allowOrigin") {
        deprecated.note(NoteKind::Ignored, "`allowOrigins` takes its place");
    }
    let matcher = |v: &Val<'_>| {
        let matcher = string_match(v)?;
        if matcher.is_none() {
            v.fail("must be exact, prefix or regex");
        }
        matcher
    };
    origins.list().iter().filter_map(matcher).collect()
}

fn joined(obj: &Obj<'_>, field: &'static str) -> Option<Name> {
    let texts: Vec<_> = obj.list(field).iter().filter_map(Val::text).collect();
    (!texts.is_empty()).then(|| texts.join(",").into())
}
