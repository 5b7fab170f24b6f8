//! `VirtualService`.

use std::{sync::Arc, time::Duration};

use http::HeaderValue;
use mesh_core::policy::{DirectResponse, Fault, PathRewrite, RetryPolicy};

use super::{
    common::ExportTo,
    fault,
    header_ops::{self, HeaderOps},
    http_action::{self, HttpRedirect},
    http_match::{self, HttpMatch},
    retry,
};
use crate::file::{
    host,
    problem::{At, NoteKind},
    reader::{Obj, Val},
    schema::{Schema, enforced, not_yet},
};

/// A `VirtualService`'s spec.
#[derive(Debug)]
pub(crate) struct VirtualService {
    /// As written, each with its line.
    pub(crate) hosts: Vec<(Arc<str>, At)>,
    pub(crate) gateways: Vec<Arc<str>>,
    pub(crate) export_to: ExportTo,
    pub(crate) http: Vec<HttpRoute>,
}

/// `HTTPRoute`.
#[derive(Debug)]
pub(crate) struct HttpRoute {
    pub(crate) at: At,
    pub(crate) name: Arc<str>,
    /// Any of them; none matches everything.
    pub(crate) matches: Vec<HttpMatch>,
    pub(crate) action: Action,
    pub(crate) timeout: Option<Duration>,
    /// `None`: retries are off.
    pub(crate) retry: Option<Arc<RetryPolicy>>,
    pub(crate) path_rewrite: Option<PathRewrite>,
    pub(crate) authority: Option<HeaderValue>,
    pub(crate) headers: HeaderOps,
    pub(crate) fault: Option<Fault>,
}

/// What an [`HttpRoute`] does.
#[derive(Debug)]
pub(crate) enum Action {
    Forward(Vec<Destination>),
    Redirect(HttpRedirect),
    DirectResponse(DirectResponse),
}

/// `HTTPRouteDestination`.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    pub(crate) at: At,
    /// As written.
    pub(crate) host: Arc<str>,
    pub(crate) subset: Option<(Arc<str>, At)>,
    pub(crate) port: Option<u16>,
    pub(crate) weight: u32,
    pub(crate) headers: HeaderOps,
}

pub(super) const SCHEMAS: &[&Schema] = &[
    &VIRTUAL_SERVICE,
    &HTTP_ROUTE,
    &HTTP_ROUTE_DESTINATION,
    &DESTINATION,
    &PORT_SELECTOR,
];

static VIRTUAL_SERVICE: Schema = Schema::new(
    "VirtualService",
    &[
        enforced("hosts"),
        enforced("gateways"),
        enforced("http"),
        enforced("exportTo"),
        not_yet("tls"),
        not_yet("tcp"),
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
        enforced("rewrite"),
        enforced("timeout"),
        enforced("retries"),
        enforced("fault"),
        enforced("headers"),
        not_yet("delegate"),
        not_yet("mirror"),
        not_yet("mirrors"),
        not_yet("mirrorPercent"),
        not_yet("mirrorPercentage"),
        not_yet("corsPolicy"),
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

static DESTINATION: Schema = Schema::new(
    "Destination",
    &[enforced("host"), enforced("subset"), enforced("port")],
);

pub(super) static PORT_SELECTOR: Schema = Schema::new("PortSelector", &[enforced("number")]);

pub(super) fn read(value: &Val<'_>) -> Option<VirtualService> {
    let obj = value.object(&VIRTUAL_SERVICE)?;
    let gateways: Vec<_> = obj.list("gateways").iter().filter_map(Val::text).collect();
    let hosts: Vec<_> = obj
        .list("hosts")
        .iter()
        .filter_map(|v| Some((check_host(v)?, v.at())))
        .collect();
    if hosts.is_empty() {
        obj.fail("hosts", "is required (delegates are not supported yet)");
    }
    Some(VirtualService {
        hosts,
        gateways,
        export_to: ExportTo::read(&obj),
        http: obj.list("http").iter().filter_map(http_route).collect(),
    })
}

fn check_host(value: &Val<'_>) -> Option<Arc<str>> {
    let text = value.text()?;
    match host::check(&text) {
        Ok(()) => Some(text),
        Err(e) => {
            value.fail(e);
            None
        }
    }
}

fn http_route(value: &Val<'_>) -> Option<HttpRoute> {
    let obj = value.object(&HTTP_ROUTE)?;
    let (path_rewrite, authority) = http_action::rewrite(&obj);
    let headers = header_ops::read(&obj);
    if authority.is_some() && headers.authority.is_some() {
        obj.fail(
            "headers",
            "sets the host, which `rewrite.authority` sets too",
        );
    }
    let retry = match obj.get("retries") {
        Some(retries) => retry::read(&retries)?,
        None => Some(retry::default_policy()),
    };
    Some(HttpRoute {
        at: obj.at(),
        name: obj.text("name").unwrap_or_else(|| Arc::from("")),
        matches: obj
            .list("match")
            .iter()
            .filter_map(http_match::read)
            .collect(),
        timeout: timeout(&obj),
        retry: retry.map(Arc::new),
        path_rewrite,
        authority,
        headers,
        fault: obj.get("fault").and_then(|v| fault::read(&v)),
        action: action(&obj)?,
    })
}

/// Off by default. Istio's validation refuses `0s`, which can only mean the default.
fn timeout(obj: &Obj<'_>) -> Option<Duration> {
    let value = obj.get("timeout")?;
    if value.duration()?.is_zero() {
        value.note(
            NoteKind::Warning,
            "0s is the default, no timeout; Istio refuses it",
        );
        return None;
    }
    value.positive_duration()
}

fn action(obj: &Obj<'_>) -> Option<Action> {
    let Some(kind) = obj.one_of(&["route", "redirect", "directResponse"]) else {
        obj.fail("", "must have a route, a redirect or a directResponse");
        return None;
    };
    if kind != "route" {
        for field in ["rewrite", "fault"] {
            if obj.get(field).is_some() {
                obj.fail(field, format!("has no meaning beside `{kind}`"));
            }
        }
    }
    match kind {
        "route" => destinations(&obj.get("route")?).map(Action::Forward),
        "redirect" => http_action::redirect(&obj.get("redirect")?).map(Action::Redirect),
        _ => http_action::direct_response(&obj.get("directResponse")?).map(Action::DirectResponse),
    }
}

fn destinations(value: &Val<'_>) -> Option<Vec<Destination>> {
    let items = value.list();
    let destinations: Vec<_> = items.iter().filter_map(destination).collect();
    if items.is_empty() {
        value.fail("must have a destination");
    }
    // One destination ignores its weight. Of several, those of weight 0 get nothing, and something
    // must be left.
    if items.len() > 1 && destinations.len() == items.len() {
        match destinations
            .iter()
            .map(|d| u64::from(d.weight))
            .sum::<u64>()
        {
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
    (!destinations.is_empty()).then_some(destinations)
}

fn destination(value: &Val<'_>) -> Option<Destination> {
    let obj = value.object(&HTTP_ROUTE_DESTINATION)?;
    let to = obj.required("destination")?.object(&DESTINATION)?;
    let weight = obj
        .get("weight")
        .and_then(|v| v.integer(0, i64::from(i32::MAX)));
    Some(Destination {
        at: obj.at(),
        host: check_host(&to.required("host")?)?,
        subset: to
            .get("subset")
            .and_then(|v| Some((v.text().filter(|s| !s.is_empty())?, v.at()))),
        port: to
            .object("port", &PORT_SELECTOR)
            .and_then(|p| p.required("number")?.port()),
        weight: weight.and_then(|w| u32::try_from(w).ok()).unwrap_or(0),
        headers: header_ops::read(&obj),
    })
}
