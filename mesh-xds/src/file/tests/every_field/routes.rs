//! `VirtualService`, its conditions and destinations.

use super::{
    Probe,
    fields::{TO_A, http, probe, resource, service},
};

pub(super) fn virtual_service() -> Vec<Probe> {
    let rule = |fields: &str| {
        let spec = format!("{{http: [{{{TO_A}}}], {fields}}}");
        service() + &resource("VirtualService", "a", &spec)
    };
    vec![
        probe("VirtualService", rule("@"), &[("hosts", "[a]")]),
        probe(
            "VirtualService",
            rule("hosts: [b], @"),
            &[
                ("gateways", "[gw]"),
                ("exportTo", "[\"~\"]"),
                ("tls", "[]"),
                ("tcp", "[]"),
            ],
        ),
        probe(
            "VirtualService",
            resource("VirtualService", "a", "{hosts: [a], @}"),
            &[("http", "[{route: [{destination: {host: a}}]}]")],
        ),
        probe(
            "HTTPMatchRequest",
            http(&format!("{{match: [{{@}}], {TO_A}}}")),
            &[
                ("name", "m"),
                ("uri", "{prefix: /a}"),
                ("scheme", "{exact: http}"),
                ("method", "{exact: GET}"),
                ("authority", "{regex: a.*}"),
                ("headers", "{x: {exact: y}}"),
                ("withoutHeaders", "{x: {exact: y}}"),
                ("queryParams", "{x: {exact: y}}"),
                ("ignoreUriCase", "true"),
                ("port", "81"),
                ("sourceLabels", "{app: other}"),
                ("sourceNamespace", "other"),
                ("gateways", "[gw]"),
                ("statPrefix", "p"),
            ],
        ),
        probe(
            "StringMatch",
            http(&format!("{{match: [{{uri: {{@}}}}], {TO_A}}}")),
            &[("exact", "/a"), ("prefix", "/a"), ("regex", "/a+")],
        ),
        probe(
            "HTTPRouteDestination",
            http("{route: [{@}]}"),
            &[("destination", "{host: a}")],
        ),
        probe(
            "HTTPRouteDestination",
            http("{route: [{destination: {host: b}, weight: 1}, {destination: {host: a}, @}]}"),
            &[("weight", "1")],
        ),
        probe(
            "HTTPRouteDestination",
            http("{route: [{destination: {host: b}, @}]}"),
            &[("headers", "{request: {set: {x: y}}}")],
        ),
        probe(
            "Destination",
            http("{route: [{destination: {@}}]}"),
            &[("host", "a")],
        ),
        probe(
            "Destination",
            http("{route: [{destination: {host: b, @}}]}"),
            &[("subset", "v1"), ("port", "{number: 81}")],
        ),
        probe(
            "PortSelector",
            http("{route: [{destination: {host: b, port: {@}}}]}"),
            &[("number", "81")],
        ),
    ]
}
