//! `ServiceEntry`, and the kinds without effect.

use super::{
    Probe,
    fields::{probe, resource},
};

pub(super) fn registry() -> Vec<Probe> {
    let entry = |fields: &str| resource("ServiceEntry", "a", &format!("{{{fields}}}"));
    let one = "ports: [{number: 80, name: http}], resolution: STATIC";
    let workload =
        |fields: &str| entry(&format!("hosts: [a.com], {one}, endpoints: [{{{fields}}}]"));
    vec![
        probe(
            "ServiceEntry",
            entry(&format!("{one}, @")),
            &[("hosts", "[a.com]")],
        ),
        probe(
            "ServiceEntry",
            entry("hosts: [a.com], resolution: STATIC, @"),
            &[("ports", "[{number: 80}]")],
        ),
        probe(
            "ServiceEntry",
            entry("hosts: [a.com], ports: [{number: 80}], @"),
            &[("resolution", "STATIC")],
        ),
        probe(
            "ServiceEntry",
            entry(&format!("hosts: [a.com], {one}, @"))
                + &resource("WorkloadEntry", "w", "{address: 10.0.0.1, labels: {a: b}}"),
            &[
                ("addresses", "[10.9.9.9]"),
                ("location", "MESH_INTERNAL"),
                ("endpoints", "[{address: 10.0.0.2}]"),
                ("workloadSelector", "{labels: {a: b}}"),
                ("exportTo", "[\"~\"]"),
                ("subjectAltNames", "[a]"),
            ],
        ),
        probe(
            "WorkloadSelector",
            entry(&format!("hosts: [a.com], {one}, workloadSelector: {{@}}"))
                + &resource("WorkloadEntry", "w", "{address: 10.0.0.1, labels: {a: b}}"),
            &[("labels", "{a: c}")],
        ),
        probe(
            "ServicePort",
            entry("hosts: [a.com], resolution: STATIC, ports: [{@}]"),
            &[("number", "80")],
        ),
        probe(
            "ServicePort",
            entry(
                "hosts: [a.com], resolution: STATIC, endpoints: [{address: 10.0.0.1, ports: {p: \
                 1}}], ports: [{number: 80, @}]",
            ),
            &[("name", "p"), ("protocol", "HTTP"), ("targetPort", "81")],
        ),
        probe("WorkloadEntry", workload("@"), &[("address", "10.0.0.1")]),
        probe(
            "WorkloadEntry",
            workload("address: 10.0.0.1, @"),
            &[
                ("ports", "{http: 1}"),
                ("labels", "{a: b}"),
                ("locality", "r1"),
                ("weight", "2"),
                ("network", "n"),
                ("serviceAccount", "s"),
            ],
        ),
        probe(
            "WorkloadGroup",
            resource("WorkloadGroup", "a", "{@}"),
            &[
                ("metadata", "{labels: {a: b}}"),
                ("template", "{serviceAccount: a}"),
                ("probe", "{}"),
            ],
        ),
        probe(
            "ProxyConfig",
            resource("ProxyConfig", "a", "{@}"),
            &[
                ("selector", "{matchLabels: {a: b}}"),
                ("concurrency", "2"),
                ("environmentVariables", "{A: b}"),
                ("image", "{imageType: debug}"),
            ],
        ),
    ]
}
