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
    // About a service whose port carries bytes.
    let connections = |protocol: &str, fields: &str| {
        let entry = format!(
            "{{hosts: [db.example.com], ports: [{{number: 443, protocol: {protocol}}}], resolution: \
             STATIC}}"
        );
        let spec = format!("{{hosts: [db.example.com], {fields}}}");
        resource("ServiceEntry", "db", &entry) + &resource("VirtualService", "db", &spec)
    };
    vec![
        probe("VirtualService", rule("@"), &[("hosts", "[a]")]),
        probe(
            "VirtualService",
            rule("hosts: [b], @"),
            &[("gateways", "[gw]"), ("exportTo", "[\"~\"]")],
        ),
        probe(
            "VirtualService",
            connections("TCP", "@"),
            &[("tcp", "[{route: [{destination: {host: b}}]}]")],
        ),
        probe(
            "VirtualService",
            connections("TLS", "@"),
            &[(
                "tls",
                "[{match: [{sniHosts: [db.example.com]}], route: [{destination: {host: b}}]}]",
            )],
        ),
        probe(
            "TCPRoute",
            connections("TCP", "tcp: [{route: [{destination: {host: b}}], @}]"),
            &[("match", "[{port: 1}]")],
        ),
        probe(
            "TCPRoute",
            connections("TCP", "tcp: [{@}]"),
            &[("route", "[{destination: {host: b}}]")],
        ),
        probe(
            "L4MatchAttributes",
            connections(
                "TCP",
                "tcp: [{match: [{@}], route: [{destination: {host: b}}]}]",
            ),
            &[
                ("destinationSubnets", "[10.0.0.0/8]"),
                ("port", "1"),
                ("sourceLabels", "{app: other}"),
                ("sourceNamespace", "other"),
                ("gateways", "[gw]"),
                ("sourceSubnet", "10.0.0.0/8"),
            ],
        ),
        probe(
            "RouteDestination",
            connections("TCP", "tcp: [{route: [{@}]}]"),
            &[("destination", "{host: b}")],
        ),
        probe(
            "RouteDestination",
            connections(
                "TCP",
                "tcp: [{route: [{destination: {host: a}, weight: 1}, {destination: {host: b}, @}]}]",
            ),
            &[("weight", "1")],
        ),
        probe(
            "TLSRoute",
            connections("TLS", "tls: [{route: [{destination: {host: b}}], @}]"),
            &[("match", "[{sniHosts: [db.example.com]}]")],
        ),
        probe(
            "TLSRoute",
            connections("TLS", "tls: [{match: [{sniHosts: [db.example.com]}], @}]"),
            &[("route", "[{destination: {host: b}}]")],
        ),
        probe(
            "TLSMatchAttributes",
            connections(
                "TLS",
                "tls: [{match: [{@}], route: [{destination: {host: b}}]}]",
            ),
            &[("sniHosts", "[db.example.com]")],
        ),
        probe(
            "TLSMatchAttributes",
            connections(
                "TLS",
                "tls: [{match: [{sniHosts: [db.example.com], @}], route: [{destination: {host: \
                 b}}]}]",
            ),
            &[
                ("destinationSubnets", "[10.0.0.0/8]"),
                ("port", "1"),
                ("sourceLabels", "{app: other}"),
                ("sourceNamespace", "other"),
                ("gateways", "[gw]"),
                ("sourceSubnet", "10.0.0.0/8"),
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
