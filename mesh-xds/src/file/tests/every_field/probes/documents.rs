//! What is around a resource.

use super::{Probe, fields::probe};

pub(super) fn documents() -> Vec<Probe> {
    let two = |first: &str| {
        let rule = |meta: &str, to: &str| {
            format!(
                "{{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {{{meta}}}, \
                 spec: {{hosts: [a.com], http: [{{route: [{{destination: {{host: {to}}}}}]}}]}}}}\
                 \n---\n"
            )
        };
        rule(first, "b.com") + &rule("name: b", "c")
    };
    let entry = "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: a}, \
                 spec: {hosts: [a.com], ports: [{number: 80}], resolution: STATIC, \
                 workloadSelector: {labels: {app: a}}}}\n---\n{apiVersion: networking.istio.io/v1, \
                 kind: WorkloadEntry, metadata: {name: a, @}, spec: {address: 10.0.0.1}}";
    vec![
        probe(
            "Resource",
            "{kind: VirtualService, metadata: {name: a}, spec: {hosts: [a]}, @}",
            &[("apiVersion", "networking.istio.io/v1")],
        ),
        probe(
            "Resource",
            "{apiVersion: networking.istio.io/v1, metadata: {name: a}, spec: {hosts: [a]}, @}",
            &[("kind", "VirtualService")],
        ),
        probe(
            "Resource",
            "{apiVersion: networking.istio.io/v1, kind: VirtualService, spec: {hosts: [a]}, @}",
            &[("metadata", "{name: a}")],
        ),
        probe(
            "Resource",
            "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: a}, @}",
            &[("spec", "{hosts: [a]}")],
        ),
        probe(
            "List",
            "{kind: List, items: [], @}",
            &[("apiVersion", "v1")],
        ),
        probe(
            "List",
            "{apiVersion: v1, items: [], @}",
            &[("kind", "List")],
        ),
        probe(
            "List",
            "{apiVersion: v1, kind: List, @}",
            &[(
                "items",
                "[{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: a}, \
                 spec: {hosts: [a], http: [{directResponse: {status: 200}}]}}]",
            )],
        ),
        probe("ObjectMeta", two("@"), &[("name", "a")]),
        probe(
            "ObjectMeta",
            two("name: a, @"),
            &[
                ("namespace", "other"),
                ("creationTimestamp", "\"2026-01-01T00:00:00Z\""),
            ],
        ),
        probe("ObjectMeta", entry, &[("labels", "{app: a}")]),
    ]
}
