//! `ServiceEntry`: a service, its ports and where its endpoints come from.

use std::{net::IpAddr, sync::Arc};

use mesh_core::policy::{HttpProtocol, Metadata};

use super::{
    common::ExportTo,
    workload_entry::{self, WorkloadAddress, WorkloadEntry},
};
use crate::file::{
    host,
    problem::NoteKind,
    reader::{Obj, Val, unknown},
    schema::{Schema, enforced, ignored, nearest, not_yet},
};

/// A `ServiceEntry`'s spec.
#[derive(Clone, Debug)]
pub(crate) struct ServiceEntry {
    /// Taken literally: short names are not expanded.
    pub(crate) hosts: Vec<Arc<str>>,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) ports: Vec<ServicePort>,
    pub(crate) resolution: Resolution,
    pub(crate) endpoints: Vec<Arc<WorkloadEntry>>,
    /// Selects the `WorkloadEntry`s of the same namespace.
    pub(crate) selector: Option<Metadata>,
    pub(crate) export_to: ExportTo,
}

/// `ServicePort`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServicePort {
    pub(crate) number: u16,
    pub(crate) name: Arc<str>,
    pub(crate) target: u16,
    pub(crate) protocol: Protocol,
}

/// What a port speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http(HttpProtocol),
    /// Bytes that nobody looks into. Istio's filters for MONGO, REDIS and MYSQL only count.
    Tcp,
    /// The same, which begin with a TLS handshake: TLS and HTTPS.
    Tls,
}

/// `ServiceEntry.Resolution`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolution {
    /// NONE and DYNAMIC_DNS: the host that the request names, which is looked up by that name.
    Host,
    Static,
    Dns,
    DnsRoundRobin,
}

pub(super) const SCHEMAS: &[&Schema] = &[&SERVICE_ENTRY, &SERVICE_PORT, &SELECTOR];

static SERVICE_ENTRY: Schema = Schema::new(
    "ServiceEntry",
    &[
        enforced("hosts"),
        enforced("addresses"),
        enforced("ports"),
        ignored("location", "only mutual TLS would tell them apart"),
        enforced("resolution"),
        enforced("endpoints"),
        enforced("workloadSelector"),
        enforced("exportTo"),
        not_yet("subjectAltNames"),
    ],
);

static SERVICE_PORT: Schema = Schema::new(
    "ServicePort",
    &[
        enforced("number"),
        enforced("name"),
        enforced("protocol"),
        enforced("targetPort"),
    ],
);

pub(super) static SELECTOR: Schema = Schema::new("WorkloadSelector", &[enforced("labels")]);

pub(super) fn read(value: &Val<'_>) -> Option<ServiceEntry> {
    let obj = value.object(&SERVICE_ENTRY)?;
    let mut hosts: Vec<Arc<str>> = Vec::new();
    for v in obj.list("hosts") {
        let Some(text) = v.text() else { continue };
        match host::check(&text) {
            Ok(()) if &*text == "*" => v.fail("must not be `*`"),
            Ok(()) => hosts.push(text.to_ascii_lowercase().into()),
            Err(e) => v.fail(e),
        }
    }
    if obj.list("hosts").is_empty() {
        obj.fail("hosts", "is required");
    }
    for name in obj
        .unenforced("subjectAltNames")
        .map_or(Vec::new(), |v| v.list())
    {
        let _ = name.text();
    }
    if let Some(location) = obj.unenforced("location") {
        let _ = location.choice(&[("MESH_EXTERNAL", 0, ()), ("MESH_INTERNAL", 1, ())]);
    }
    let resolution = resolution(&obj)?;
    let endpoints: Vec<_> = obj
        .list("endpoints")
        .iter()
        .filter_map(|v| endpoint(v, resolution))
        .collect();
    obj.one_of(&["endpoints", "workloadSelector"]);
    let wildcard = hosts.iter().any(|h| host::is_wildcard(h));
    match resolution {
        Resolution::Host => {
            for field in ["endpoints", "workloadSelector"] {
                if obj.get(field).is_some() {
                    obj.fail(field, "needs resolution STATIC or DNS");
                }
            }
            if wildcard {
                obj.fail(
                    "resolution",
                    "without STATIC or DNS endpoints a wildcard host is not supported yet: each \
                     name would be looked up as requests come",
                );
            }
        }
        Resolution::Dns | Resolution::DnsRoundRobin if endpoints.is_empty() && wildcard => {
            obj.fail(
                "endpoints",
                "is required: a wildcard host has no address to look up",
            );
        }
        _ => {}
    }
    if resolution == Resolution::DnsRoundRobin && endpoints.len() > 1 {
        obj.fail("endpoints", "DNS_ROUND_ROBIN takes one endpoint at most");
    }
    Some(ServiceEntry {
        hosts,
        addresses: addresses(&obj),
        ports: ports(&obj),
        resolution,
        endpoints,
        selector: obj
            .object("workloadSelector", &SELECTOR)
            .map(|s| s.string_map("labels").into_iter().collect()),
        export_to: ExportTo::read(&obj),
    })
}

fn resolution(obj: &Obj<'_>) -> Option<Resolution> {
    let Some(value) = obj.get("resolution") else {
        return Some(Resolution::Host);
    };
    value.choice(&[
        ("NONE", 0, Resolution::Host),
        ("STATIC", 1, Resolution::Static),
        ("DNS", 2, Resolution::Dns),
        ("DNS_ROUND_ROBIN", 3, Resolution::DnsRoundRobin),
        ("DYNAMIC_DNS", 4, Resolution::Host),
    ])
}

fn endpoint(value: &Val<'_>, resolution: Resolution) -> Option<Arc<WorkloadEntry>> {
    let entry = workload_entry::read(value)?;
    match (&entry.address, resolution) {
        (WorkloadAddress::Name(_), Resolution::Static) => {
            value.fail("a host name needs resolution DNS; STATIC takes IP addresses");
        }
        (WorkloadAddress::Unix(_), Resolution::Dns | Resolution::DnsRoundRobin) => {
            value.fail("a Unix socket needs resolution STATIC");
        }
        _ => {}
    }
    Some(Arc::new(entry))
}

/// The virtual IPs by which the service may be dialled.
fn addresses(obj: &Obj<'_>) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for value in obj.list("addresses") {
        let Some(text) = value.text() else { continue };
        let (ip, length) = text.split_once('/').unwrap_or((&text, ""));
        match ip.parse() {
            Ok(ip) if length.is_empty() => addresses.push(ip),
            Ok(_) => value.note(
                NoteKind::Ignored,
                "a request names one host; a range of addresses matches none",
            ),
            Err(_) => value.fail("must be an IP address"),
        }
    }
    addresses
}

fn ports(obj: &Obj<'_>) -> Vec<ServicePort> {
    let mut ports: Vec<ServicePort> = Vec::new();
    for value in obj.list("ports") {
        let Some(port) = port(&value) else { continue };
        if ports.iter().any(|p| p.number == port.number) {
            value.fail(format!("port {} is defined already", port.number));
        } else if !port.name.is_empty() && ports.iter().any(|p| p.name == port.name) {
            value.fail(format!("port name `{}` is used already", port.name));
        }
        ports.push(port);
    }
    if ports.is_empty() {
        obj.fail("ports", "is required");
    }
    ports
}

fn port(value: &Val<'_>) -> Option<ServicePort> {
    let obj = value.object(&SERVICE_PORT)?;
    let number = obj.required("number")?.port()?;
    let protocol = match obj.get("protocol") {
        Some(v) => protocol(&v)?,
        // Istio would look at the first bytes; here the request says what it speaks.
        None => Protocol::Http(HttpProtocol::Downstream),
    };
    let target = obj.get("targetPort").and_then(|v| v.integer(0, 65535));
    Some(ServicePort {
        number,
        name: obj.text("name").unwrap_or_else(|| Arc::from("")),
        target: target
            .and_then(|t| u16::try_from(t).ok())
            .filter(|t| *t > 0)
            .unwrap_or(number),
        protocol,
    })
}

fn protocol(value: &Val<'_>) -> Option<Protocol> {
    const PROTOCOLS: [(&str, Protocol); 10] = [
        ("HTTP", Protocol::Http(HttpProtocol::Http1)),
        ("HTTP2", Protocol::Http(HttpProtocol::Http2)),
        ("GRPC", Protocol::Http(HttpProtocol::Http2)),
        ("GRPC-Web", Protocol::Http(HttpProtocol::Http2)),
        ("HTTPS", Protocol::Tls),
        ("TLS", Protocol::Tls),
        ("TCP", Protocol::Tcp),
        ("MONGO", Protocol::Tcp),
        ("REDIS", Protocol::Tcp),
        ("MYSQL", Protocol::Tcp),
    ];
    let text = value.text()?;
    let found = PROTOCOLS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(&text));
    match found {
        Some((_, protocol)) => Some(*protocol),
        None => {
            let names = PROTOCOLS.iter().map(|(name, _)| *name);
            value.fail(unknown("protocol", &text, nearest(&text, names)));
            None
        }
    }
}
