//! `HTTPRouteFilter` and `GRPCRouteFilter`, of a rule or of one backend.

use std::sync::Arc;

use http::HeaderValue;
use mesh_core::policy::{Cors, FractionalPercent, HeaderMutation};

use super::{
    PathModifier, RequestRedirect, RouteKind, Target, cors, header_modifier, reference, schema, url,
};
use crate::file::{
    reader::{Obj, Val},
    schema::{Schema, enforced, not_yet},
};

/// All filters of one list, together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filters {
    pub(crate) headers: HeaderMutation,
    pub(crate) redirect: Option<RequestRedirect>,
    pub(crate) hostname: Option<HeaderValue>,
    pub(crate) path: Option<PathModifier>,
    pub(crate) mirrors: Vec<Mirror>,
    pub(crate) cors: Option<Arc<Cors>>,
    /// Whether there was a URLRewrite, be it an empty one.
    pub(crate) rewrites: bool,
}

/// `HTTPRequestMirrorFilter`.
#[derive(Clone, Debug)]
pub(crate) struct Mirror {
    pub(crate) target: Target,
    pub(crate) fraction: FractionalPercent,
}

pub(super) const SCHEMAS: &[&Schema] = &[&HTTP_FILTER, &GRPC_FILTER, &MIRROR, &FRACTION];

static HTTP_FILTER: Schema = schema(
    "HTTPRouteFilter",
    &[
        enforced("type"),
        enforced("requestHeaderModifier"),
        enforced("responseHeaderModifier"),
        enforced("requestMirror"),
        enforced("requestRedirect"),
        enforced("urlRewrite"),
        enforced("cors"),
        not_yet("externalAuth"),
        not_yet("extensionRef"),
    ],
);

static GRPC_FILTER: Schema = schema(
    "GRPCRouteFilter",
    &[
        enforced("type"),
        enforced("requestHeaderModifier"),
        enforced("responseHeaderModifier"),
        enforced("requestMirror"),
        not_yet("extensionRef"),
    ],
);

static MIRROR: Schema = schema(
    "HTTPRequestMirrorFilter",
    &[
        enforced("backendRef"),
        enforced("percent"),
        enforced("fraction"),
    ],
);

static FRACTION: Schema = schema(
    "Fraction",
    &[enforced("numerator"), enforced("denominator")],
);

/// The types, and the field that each one's settings are in.
const HTTP_TYPES: [(&str, &str); 6] = [
    ("RequestHeaderModifier", "requestHeaderModifier"),
    ("ResponseHeaderModifier", "responseHeaderModifier"),
    ("RequestMirror", "requestMirror"),
    ("RequestRedirect", "requestRedirect"),
    ("URLRewrite", "urlRewrite"),
    ("CORS", "cors"),
];

/// The types that are known and not enforced: a filter must not be skipped.
const NOT_YET: [&str; 2] = ["ExtensionRef", "ExternalAuth"];

/// The `filters` of `parent`; `one_prefix`: the rule has one match, a PathPrefix.
pub(super) fn read(parent: &Obj<'_>, kind: RouteKind, one_prefix: bool) -> Filters {
    let mut filters = Filters::default();
    let mut seen: Vec<&str> = Vec::new();
    for value in parent.list("filters") {
        let Some(field) = filter(&value, kind, one_prefix, &mut filters) else {
            continue;
        };
        // Only mirrors may be repeated.
        if field != "requestMirror" && seen.contains(&field) {
            value.fail("a filter of this type must not be repeated");
        }
        seen.push(field);
    }
    if filters.rewrites && filters.redirect.is_some() {
        parent.fail(
            "filters",
            "RequestRedirect and URLRewrite exclude each other",
        );
    }
    filters
}

/// Reads one filter into `filters`; the field that it had its settings in.
fn filter(
    value: &Val<'_>,
    kind: RouteKind,
    one_prefix: bool,
    filters: &mut Filters,
) -> Option<&'static str> {
    let (schema, types) = match kind {
        RouteKind::Http => (&HTTP_FILTER, &HTTP_TYPES[..]),
        RouteKind::Grpc => (&GRPC_FILTER, &HTTP_TYPES[..3]),
    };
    let obj = value.object(schema)?;
    let name = obj.required("type")?;
    if name.text().is_some_and(|text| NOT_YET.contains(&&*text)) {
        // Its settings, if given, are refused by the schema.
        name.fail("a filter of this type is not supported yet, and is refused rather than ignored");
        return None;
    }
    let field = name.keyword(types)?;
    for (other, other_field) in types {
        if *other_field != field && obj.get(other_field).is_some() {
            obj.fail(other_field, format!("is for filters of type {other}"));
        }
    }
    let settings = obj.required(field)?;
    match field {
        "requestHeaderModifier" => {
            let changes = header_modifier::read(&settings)?;
            filters.headers.request_remove = changes.remove;
            filters.headers.request_add = changes.add;
        }
        "responseHeaderModifier" => {
            let changes = header_modifier::read(&settings)?;
            filters.headers.response_remove = changes.remove;
            filters.headers.response_add = changes.add;
        }
        "requestMirror" => filters.mirrors.push(mirror(&settings)?),
        "requestRedirect" => filters.redirect = Some(url::redirect(&settings, one_prefix)?),
        "urlRewrite" => {
            (filters.hostname, filters.path) = url::rewrite(&settings, one_prefix)?;
            filters.rewrites = true;
        }
        _ => filters.cors = Some(cors::read(&settings)?),
    }
    Some(field)
}

fn mirror(value: &Val<'_>) -> Option<Mirror> {
    let obj = value.object(&MIRROR)?;
    let fraction = match obj.one_of(&["percent", "fraction"]) {
        None => FractionalPercent::ALWAYS,
        Some("percent") => {
            let percent = obj.get("percent")?.integer(0, 100)?;
            FractionalPercent::per_hundred(u32::try_from(percent).ok()?)
        }
        Some(_) => {
            let value = obj.get("fraction")?;
            let fraction = value.object(&FRACTION)?;
            let numerator = fraction.required("numerator")?;
            let numerator = numerator.integer(0, i64::from(i32::MAX))?;
            let denominator = match fraction.get("denominator") {
                Some(v) => v.integer(1, i64::from(i32::MAX))?,
                None => 100,
            };
            let (numerator, denominator) = (u32::try_from(numerator), u32::try_from(denominator));
            FractionalPercent::try_new(numerator.ok()?, denominator.ok()?)
                .map_err(|_| value.fail("the numerator must not be above the denominator"))
                .ok()?
        }
    };
    Some(Mirror {
        target: reference::object_reference(&obj.required("backendRef")?)?,
        fraction,
    })
}
