//! `VirtualService`.

use std::{sync::Arc, time::Duration};

use mesh_core::policy::{Cors, DirectResponse, Fault};

use super::{
    common::ExportTo,
    cors,
    destination::{Destination, check_host, destination},
    fault,
    header_ops::{self, HeaderOps},
    http_action::{self, HttpRedirect, Rewrite},
    http_match::{self, HttpMatch},
    mirror::{self, Mirror},
    retry::{self, Retries},
    tcp_route::{self, L4Route},
    tls_route,
};
use crate::file::{
    problem::{At, NoteKind},
    reader::{Obj, Val},
    schema::{Schema, enforced},
};

/// A `VirtualService`'s spec.
#[derive(Debug)]
pub(crate) struct VirtualService {
    /// As written, each with its line. None: it is a delegate.
    pub(crate) hosts: Vec<(Arc<str>, At)>,
    pub(crate) gateways: Vec<Arc<str>>,
    pub(crate) export_to: ExportTo,
    pub(crate) http: Vec<Arc<HttpRoute>>,
    pub(crate) tls: Vec<L4Route>,
    pub(crate) tcp: Vec<L4Route>,
}

/// `HTTPRoute`. What is `None` was left out, which a delegate's root may make up for.
#[derive(Debug)]
pub(crate) struct HttpRoute {
    pub(crate) at: At,
    pub(crate) name: Arc<str>,
    /// Any of them; none matches everything.
    pub(crate) matches: Vec<HttpMatch>,
    pub(crate) action: Action,
    /// 0 is off, which is the default too.
    pub(crate) timeout: Option<Duration>,
    pub(crate) retry: Option<Retries>,
    pub(crate) rewrite: Option<Rewrite>,
    pub(crate) headers: Option<HeaderOps>,
    pub(crate) fault: Option<Fault>,
    pub(crate) cors: Option<Arc<Cors>>,
    pub(crate) mirror: Mirror,
}

/// What an [`HttpRoute`] does.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Forward(Arc<[WeightedDestination]>),
    Redirect(HttpRedirect),
    DirectResponse(DirectResponse),
    Delegate(Delegate),
}

/// `HTTPRouteDestination`, or `RouteDestination`, which has no headers.
#[derive(Clone, Debug)]
pub(crate) struct WeightedDestination {
    pub(crate) at: At,
    pub(crate) to: Destination,
    pub(crate) weight: u32,
    pub(crate) headers: HeaderOps,
}

/// `Delegate`: names the rule whose routes stand here.
#[derive(Clone, Debug)]
pub(crate) struct Delegate {
    pub(crate) at: At,
    pub(crate) name: Arc<str>,
    pub(crate) namespace: Arc<str>,
}

pub(super) const SCHEMAS: &[&Schema] = &[
    &VIRTUAL_SERVICE,
    &HTTP_ROUTE,
    &HTTP_ROUTE_DESTINATION,
    &DELEGATE,
];

static VIRTUAL_SERVICE: Schema = Schema::new(
    "VirtualService",
    &[
        enforced("hosts"),
        enforced("gateways"),
        enforced("http"),
        enforced("exportTo"),
        enforced("tls"),
        enforced("tcp"),
    ],
);

static HTTP_ROUTE: Schema = Schema::new(
    "HTTPRoute",
    &[
        enforced("name"),
        enforced("match"),
        enforced("route"),
        enforced("redirect"),
        enforced("directResponse"),
        enforced("delegate"),
        enforced("rewrite"),
        enforced("timeout"),
        enforced("retries"),
        enforced("fault"),
        enforced("mirror"),
        enforced("mirrors"),
        enforced("mirrorPercent"),
        enforced("mirrorPercentage"),
        enforced("corsPolicy"),
        enforced("headers"),
    ],
);

static HTTP_ROUTE_DESTINATION: Schema = Schema::new(
    "HTTPRouteDestination",
    &[
        enforced("destination"),
        enforced("weight"),
        enforced("headers"),
    ],
);

static DELEGATE: Schema = Schema::new("Delegate", &[enforced("name"), enforced("namespace")]);

/// Reads the spec of a rule in `namespace`.
pub(super) fn read(value: &Val<'_>, namespace: &str) -> Option<VirtualService> {
    let obj = value.object(&VIRTUAL_SERVICE)?;
    let gateways: Vec<_> = obj.list("gateways").iter().filter_map(Val::text).collect();
    let hosts: Vec<_> = obj
        .list("hosts")
        .iter()
        .filter_map(|v| Some((check_host(v)?, v.at())))
        .collect();
    let is_delegate = obj.list("hosts").is_empty();
    if is_delegate && !gateways.is_empty() {
        obj.fail(
            "gateways",
            "a rule without hosts is a delegate, which has none",
        );
    }
    let http: Vec<_> = obj
        .list("http")
        .iter()
        .filter_map(|v| http_route(v, namespace, is_delegate))
        .map(Arc::new)
        .collect();
    let (tls, tcp) = (obj.list("tls"), obj.list("tcp"));
    if is_delegate && !(tls.is_empty() && tcp.is_empty()) {
        obj.fail(
            "",
            "a rule without hosts is a delegate, which has only http",
        );
    }
    let tls = tls
        .iter()
        .filter_map(|v| tls_route::read(v, namespace, &hosts))
        .collect();
    let tcp = tcp
        .iter()
        .filter_map(|v| tcp_route::read(v, namespace))
        .collect();
    Some(VirtualService {
        tls,
        tcp,
        hosts,
        gateways,
        export_to: ExportTo::read(&obj),
        http,
    })
}

fn http_route(value: &Val<'_>, namespace: &str, in_delegate: bool) -> Option<HttpRoute> {
    let obj = value.object(&HTTP_ROUTE)?;
    let rewrite = obj.get("rewrite").and_then(|v| http_action::rewrite(&v));
    let headers = obj.get("headers").and_then(|v| header_ops::read(&v));
    if let (Some(rewrite), Some(headers)) = (&rewrite, &headers)
        && rewrite.authority.is_some()
        && headers.authority.is_some()
    {
        obj.fail(
            "headers",
            "sets the host, which `rewrite.authority` sets too",
        );
    }
    let matches = obj.list("match");
    Some(HttpRoute {
        at: obj.at(),
        name: obj.text("name").unwrap_or_else(|| Arc::from("")),
        matches: matches.iter().filter_map(http_match::read).collect(),
        timeout: timeout(&obj),
        retry: obj.get("retries").and_then(|v| retry::read(&v)),
        rewrite,
        headers,
        fault: obj.get("fault").and_then(|v| fault::read(&v)),
        cors: obj
            .get("corsPolicy")
            .and_then(|v| cors::read(&v))
            .map(Arc::new),
        mirror: mirror::read(&obj, namespace),
        action: action(&obj, namespace, in_delegate)?,
    })
}

/// Off by default. Istio's validation refuses `0s`, which can only mean the default.
fn timeout(obj: &Obj<'_>) -> Option<Duration> {
    let value = obj.get("timeout")?;
    let duration = value.duration()?;
    if duration.is_zero() {
        value.note(
            NoteKind::Warning,
            "0s is the default, no timeout; Istio refuses it",
        );
        return Some(duration);
    }
    value.positive_duration()
}

fn action(obj: &Obj<'_>, namespace: &str, in_delegate: bool) -> Option<Action> {
    let Some(kind) = obj.one_of(&["route", "redirect", "directResponse", "delegate"]) else {
        obj.fail(
            "",
            "must have a route, a redirect, a directResponse or a delegate",
        );
        return None;
    };
    if matches!(kind, "redirect" | "directResponse") {
        for field in ["rewrite", "fault"] {
            if obj.get(field).is_some() {
                obj.fail(field, format!("has no meaning beside `{kind}`"));
            }
        }
    }
    match kind {
        "route" => destinations(&obj.get("route")?, namespace, &HTTP_ROUTE_DESTINATION)
            .map(Action::Forward),
        "redirect" => http_action::redirect(&obj.get("redirect")?).map(Action::Redirect),
        "delegate" => {
            if in_delegate {
                obj.fail("delegate", "a delegate cannot delegate any further");
            }
            delegate(&obj.get("delegate")?, namespace).map(Action::Delegate)
        }
        _ => http_action::direct_response(&obj.get("directResponse")?).map(Action::DirectResponse),
    }
}

fn delegate(value: &Val<'_>, namespace: &str) -> Option<Delegate> {
    let obj = value.object(&DELEGATE)?;
    let own = obj.text("namespace").filter(|ns| !ns.is_empty());
    Some(Delegate {
        at: value.at(),
        name: obj.required("name")?.text()?,
        namespace: own.unwrap_or_else(|| namespace.into()),
    })
}

/// Reads a list of `schema`, which is that of one of the two.
pub(super) fn destinations(
    value: &Val<'_>,
    namespace: &str,
    schema: &'static Schema,
) -> Option<Arc<[WeightedDestination]>> {
    let items = value.list();
    let destinations: Vec<_> = items
        .iter()
        .filter_map(|v| weighted(v, namespace, schema, items.len() > 1))
        .collect();
    if items.is_empty() {
        value.fail("must have a destination");
    }
    // One destination ignores its weight. Of several, those of weight 0 get nothing, and something
    // must be left. A weight that could not be read is a problem by itself.
    let weights: Option<Vec<u32>> = destinations.iter().map(|(_, weight)| *weight).collect();
    if let Some(weights) = weights
        && items.len() > 1
        && destinations.len() == items.len()
    {
        match weights.iter().map(|w| u64::from(*w)).sum::<u64>() {
            0 => value.fail("all weights are 0"),
            sum if sum > u64::from(u32::MAX) => {
                value.fail(format!(
                    "the weights sum to {sum}, which is above {}",
                    u32::MAX
                ));
            }
            _ => {}
        }
    }
    let destinations: Arc<[_]> = destinations.into_iter().map(|(to, _)| to).collect();
    (!destinations.is_empty()).then_some(destinations)
}

/// A destination, and its weight unless that cannot be read or has a misspelt name.
fn weighted(
    value: &Val<'_>,
    namespace: &str,
    schema: &'static Schema,
    several: bool,
) -> Option<(WeightedDestination, Option<u32>)> {
    let obj = value.object(schema)?;
    let weight = match obj.get("weight") {
        Some(v) => v
            .integer(0, i64::from(i32::MAX))
            .and_then(|w| u32::try_from(w).ok()),
        None => (!obj.has_unknown_field()).then_some(0),
    };
    if !several
        && let Some(v) = obj.get("weight")
        && weight == Some(0)
    {
        v.note(
            NoteKind::Ignored,
            "a single destination gets everything, whatever its weight",
        );
    }
    let has_headers = schema.field("headers").is_some();
    let headers = has_headers.then(|| obj.get("headers")).flatten();
    let headers = headers.and_then(|v| header_ops::read(&v));
    let to = destination(&obj.required("destination")?, namespace)?;
    let destination = WeightedDestination {
        at: obj.at(),
        to,
        weight: weight.unwrap_or(0),
        headers: headers.unwrap_or_default(),
    };
    Some((destination, weight))
}
