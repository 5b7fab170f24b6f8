//! The Gateway API's routes and references, and Kubernetes' own kinds.

use super::{Probe, fields::probe};

/// The Services `a`, `b` and `c` with two ports.
pub(super) fn kubernetes_services() -> String {
    ["a", "b", "c"]
        .map(|name| {
            format!(
                "{{apiVersion: v1, kind: Service, metadata: {{name: {name}}}, spec: {{ports: \
                 [{{name: http, port: 80}}, {{name: http-alt, port: 81}}]}}}}\n---\n"
            )
        })
        .concat()
}

pub(super) fn document(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: gateway.networking.k8s.io/v1, kind: {kind}, metadata: {{name: {name}}}, \
         spec: {{{spec}}}}}\n---\n"
    )
}

const PARENT: &str = "parentRefs: [{group: '', kind: Service, name: a}]";
const TO_B: &str = "backendRefs: [{name: b, port: 80}]";

/// An HTTPRoute of `a` with this rule.
pub(super) fn rule(fields: &str) -> String {
    let spec = format!("{PARENT}, rules: [{{{fields}}}]");
    kubernetes_services() + &document("HTTPRoute", "r", &spec)
}

pub(super) fn grpc_rule(fields: &str) -> String {
    let spec = format!("{PARENT}, rules: [{{{fields}}}]");
    kubernetes_services() + &document("GRPCRoute", "r", &spec)
}

pub(super) fn routes() -> Vec<Probe> {
    let spec = |kind: &str, fields: &str| kubernetes_services() + &document(kind, "r", fields);
    let one_match = |fields: &str| rule(&format!("matches: [{{{fields}}}], {TO_B}"));
    let mut probes = Vec::new();
    for (kind, name) in [
        ("HTTPRoute", "HTTPRouteSpec"),
        ("GRPCRoute", "GRPCRouteSpec"),
    ] {
        probes.extend([
            probe(
                name,
                spec(kind, &format!("rules: [{{{TO_B}}}], @")),
                &[("parentRefs", "[{group: '', kind: Service, name: a}]")],
            ),
            probe(
                name,
                spec(kind, &format!("{PARENT}, @")),
                &[
                    ("rules", "[{backendRefs: [{name: b, port: 80}]}]"),
                    ("hostnames", "[a.example]"),
                    ("useDefaultGateways", "All"),
                ],
            ),
        ]);
    }
    probes.extend([
        probe(
            "HTTPRouteRule",
            rule(&format!("{TO_B}, @")),
            &[
                ("name", "n"),
                ("matches", "[{path: {value: /a}}]"),
                (
                    "filters",
                    "[{type: URLRewrite, urlRewrite: {hostname: h.example}}]",
                ),
                ("timeouts", "{request: 1s}"),
                ("retry", "{attempts: 5}"),
                ("sessionPersistence", "{}"),
            ],
        ),
        probe(
            "HTTPRouteRule",
            rule("@"),
            &[("backendRefs", "[{name: b, port: 80}]")],
        ),
        probe(
            "GRPCRouteRule",
            grpc_rule(&format!("{TO_B}, @")),
            &[
                ("name", "n"),
                ("matches", "[{method: {method: M}}]"),
                (
                    "filters",
                    "[{type: RequestHeaderModifier, requestHeaderModifier: {remove: [x]}}]",
                ),
                ("sessionPersistence", "{}"),
            ],
        ),
        probe(
            "GRPCRouteRule",
            grpc_rule("@"),
            &[("backendRefs", "[{name: b, port: 80}]")],
        ),
        probe(
            "HTTPRouteMatch",
            one_match("@"),
            &[
                ("path", "{value: /a}"),
                ("headers", "[{name: x, value: y}]"),
                ("queryParams", "[{name: x, value: y}]"),
                ("method", "GET"),
            ],
        ),
        probe("HTTPPathMatch", one_match("path: {@}"), &[("value", "/a")]),
        probe(
            "HTTPPathMatch",
            one_match("path: {value: /a, @}"),
            &[("type", "Exact")],
        ),
        probe(
            "HTTPHeaderMatch",
            one_match("headers: [{value: y, @}]"),
            &[("name", "x")],
        ),
        probe(
            "HTTPHeaderMatch",
            one_match("headers: [{name: x, @}]"),
            &[("value", "y")],
        ),
        probe(
            "HTTPHeaderMatch",
            one_match("headers: [{name: x, value: y, @}]"),
            &[("type", "RegularExpression")],
        ),
        probe(
            "HTTPQueryParamMatch",
            one_match("queryParams: [{value: y, @}]"),
            &[("name", "x")],
        ),
        probe(
            "HTTPQueryParamMatch",
            one_match("queryParams: [{name: x, @}]"),
            &[("value", "y")],
        ),
        probe(
            "HTTPQueryParamMatch",
            one_match("queryParams: [{name: x, value: y, @}]"),
            &[("type", "RegularExpression")],
        ),
        probe(
            "GRPCRouteMatch",
            grpc_rule(&format!("matches: [{{@}}], {TO_B}")),
            &[
                ("method", "{method: M}"),
                ("headers", "[{name: x, value: y}]"),
            ],
        ),
        probe(
            "GRPCMethodMatch",
            grpc_rule(&format!("matches: [{{method: {{@}}}}], {TO_B}")),
            &[("service", "s.S"), ("method", "M")],
        ),
        probe(
            "GRPCMethodMatch",
            grpc_rule(&format!(
                "matches: [{{method: {{service: s.S, @}}}}], {TO_B}"
            )),
            &[("type", "RegularExpression")],
        ),
        probe(
            "HTTPRouteTimeouts",
            rule(&format!("{TO_B}, timeouts: {{@}}")),
            &[("request", "1s"), ("backendRequest", "1s")],
        ),
        probe(
            "HTTPRouteRetry",
            rule(&format!("{TO_B}, retry: {{@}}")),
            &[("codes", "[500]"), ("attempts", "5"), ("backoff", "1s")],
        ),
    ]);
    probes
}

pub(super) fn references() -> Vec<Probe> {
    let parent = |fields: &str| {
        let spec = format!("parentRefs: [{{{fields}}}], rules: [{{{TO_B}}}]");
        kubernetes_services() + &document("HTTPRoute", "r", &spec)
    };
    // A Service of another namespace, and a grant for its references.
    let far = |grant: &str, backend: &str| {
        kubernetes_services()
            + &kubernetes_services()
                .replace("{name: a}", "{name: a, namespace: far}")
                .replace("{name: b}", "{name: b, namespace: far}")
                .replace("{name: c}", "{name: c, namespace: far}")
            + &document("ReferenceGrant", "g", grant)
                .replace("{name: g}", "{name: g, namespace: far}")
            + &document(
                "HTTPRoute",
                "r",
                &format!("{PARENT}, rules: [{{backendRefs: [{{{backend}}}]}}]"),
            )
    };
    const FROM: &str =
        "from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}]";
    const TO: &str = "to: [{group: '', kind: Service}]";
    let to_far = "name: b, namespace: far, port: 80";
    let mut probes = vec![
        probe(
            "ParentReference",
            parent("kind: Service, name: a, @"),
            &[("group", "''")],
        ),
        probe(
            "ParentReference",
            parent("group: '', name: a, @"),
            &[("kind", "Service")],
        ),
        probe(
            "ParentReference",
            parent("group: '', kind: Service, @"),
            &[("name", "a")],
        ),
        probe(
            "ParentReference",
            parent("group: '', kind: Service, name: a, @"),
            &[
                ("namespace", "other"),
                ("sectionName", "http-alt"),
                ("port", "81"),
            ],
        ),
        probe(
            "ReferenceGrantSpec",
            far(&format!("{TO}, @"), to_far),
            &[(
                "from",
                "[{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}]",
            )],
        ),
        probe(
            "ReferenceGrantSpec",
            far(&format!("{FROM}, @"), to_far),
            &[("to", "[{group: '', kind: Service}]")],
        ),
        probe(
            "ReferenceGrantFrom",
            far(
                &format!("{TO}, from: [{{kind: HTTPRoute, namespace: default, @}}]"),
                to_far,
            ),
            &[("group", "gateway.networking.k8s.io")],
        ),
        probe(
            "ReferenceGrantFrom",
            far(
                &format!(
                    "{TO}, from: [{{group: gateway.networking.k8s.io, namespace: default, @}}]"
                ),
                to_far,
            ),
            &[("kind", "HTTPRoute")],
        ),
        probe(
            "ReferenceGrantFrom",
            far(
                &format!("{TO}, from: [{{group: gateway.networking.k8s.io, kind: HTTPRoute, @}}]"),
                to_far,
            ),
            &[("namespace", "default")],
        ),
        probe(
            "ReferenceGrantTo",
            far(&format!("{FROM}, to: [{{kind: Service, @}}]"), to_far),
            &[("group", "''")],
        ),
        probe(
            "ReferenceGrantTo",
            far(&format!("{FROM}, to: [{{group: '', @}}]"), to_far),
            &[("kind", "Service")],
        ),
        probe(
            "ReferenceGrantTo",
            far(
                &format!("{FROM}, to: [{{group: '', kind: Service, @}}]"),
                to_far,
            ),
            &[("name", "c")],
        ),
    ];
    // The fields of a reference, wherever it stands.
    let mirror: fn(&str) -> String = |fields| {
        rule(&format!(
            "{TO_B}, filters: [{{type: RequestMirror, requestMirror: {{backendRef: {{{fields}}}}}}}]"
        ))
    };
    let http: fn(&str) -> String = |fields| rule(&format!("backendRefs: [{{{fields}}}]"));
    let grpc: fn(&str) -> String = |fields| grpc_rule(&format!("backendRefs: [{{{fields}}}]"));
    for (name, document) in [
        ("HTTPBackendRef", http),
        ("GRPCBackendRef", grpc),
        ("BackendObjectReference", mirror),
    ] {
        probes.extend([
            probe(name, document("port: 80, @"), &[("name", "b")]),
            probe(name, document("name: b, @"), &[("port", "80")]),
            probe(
                name,
                document("name: b, port: 80, @"),
                &[
                    ("group", "x.example"),
                    ("kind", "Nope"),
                    ("namespace", "far"),
                ],
            ),
        ]);
    }
    for (name, document) in [("HTTPBackendRef", http), ("GRPCBackendRef", grpc)] {
        probes.push(probe(
            name,
            document("name: b, port: 80, @"),
            &[
                ("weight", "0"),
                (
                    "filters",
                    "[{type: RequestHeaderModifier, requestHeaderModifier: {remove: [x]}}]",
                ),
            ],
        ));
    }
    probes
}

pub(super) fn services() -> Vec<Probe> {
    let service = |spec: &str| {
        format!("{{apiVersion: v1, kind: Service, metadata: {{name: a}}, spec: {{{spec}}}}}\n---\n")
    };
    let workload = "{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {name: w}, \
                    spec: {address: 10.0.0.1, labels: {app: a}}}\n---\n";
    let slice = |fields: &str| {
        service("ports: [{name: http, port: 80}]")
            + &format!("{{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, {fields}}}\n---\n")
    };
    const META: &str = "metadata: {name: s, labels: {kubernetes.io/service-name: a}}";
    let sliced = |fields: &str| slice(&format!("{META}, addressType: IPv4, {fields}"));
    let port =
        |fields: &str| service(&format!("selector: {{app: a}}, ports: [{{{fields}}}]")) + workload;
    vec![
        probe("ServiceSpec", service("@"), &[("ports", "[{port: 80}]")]),
        probe(
            "ServiceSpec",
            service("ports: [{port: 80}], @") + workload,
            &[
                ("selector", "{app: a}"),
                ("clusterIP", "10.0.0.1"),
                ("clusterIPs", "[10.0.0.1]"),
                ("type", "ExternalName"),
                ("externalName", "a.example"),
                ("sessionAffinity", "ClientIP"),
                ("internalTrafficPolicy", "Local"),
                ("trafficDistribution", "PreferClose"),
                ("publishNotReadyAddresses", "true"),
            ],
        ),
        probe("core/v1 ServicePort", port("@"), &[("port", "80")]),
        probe(
            "core/v1 ServicePort",
            port("port: 80, @"),
            &[
                ("name", "tcp"),
                ("targetPort", "8080"),
                ("protocol", "UDP"),
                ("appProtocol", "kubernetes.io/h2c"),
            ],
        ),
        probe(
            "EndpointSlice",
            format!("{{kind: EndpointSlice, {META}, addressType: IPv4, @}}"),
            &[("apiVersion", "discovery.k8s.io/v1")],
        ),
        probe(
            "EndpointSlice",
            format!("{{apiVersion: discovery.k8s.io/v1, {META}, addressType: IPv4, @}}"),
            &[("kind", "EndpointSlice")],
        ),
        probe(
            "EndpointSlice",
            slice("addressType: IPv4, @"),
            &[(
                "metadata",
                "{name: s, labels: {kubernetes.io/service-name: a}}",
            )],
        ),
        probe(
            "EndpointSlice",
            slice(&format!("{META}, @")),
            &[("addressType", "IPv4")],
        ),
        probe(
            "EndpointSlice",
            sliced("ports: [{name: http, port: 1}], @"),
            &[("endpoints", "[{addresses: [10.0.0.1]}]")],
        ),
        probe(
            "EndpointSlice",
            sliced("endpoints: [{addresses: [10.0.0.1]}], @"),
            &[("ports", "[{name: http, port: 1}]")],
        ),
        probe(
            "EndpointPort",
            sliced("endpoints: [{addresses: [10.0.0.1]}], ports: [{port: 1, @}]"),
            &[("name", "http")],
        ),
        probe(
            "EndpointPort",
            sliced("endpoints: [{addresses: [10.0.0.1]}], ports: [{name: http, @}]"),
            &[("port", "1")],
        ),
        probe(
            "Endpoint",
            sliced("ports: [{name: http, port: 1}], endpoints: [{@}]"),
            &[("addresses", "[10.0.0.1]")],
        ),
        probe(
            "Endpoint",
            sliced("ports: [{name: http, port: 1}], endpoints: [{addresses: [10.0.0.1], @}]"),
            &[("conditions", "{ready: false}"), ("zone", "z")],
        ),
        probe(
            "EndpointConditions",
            sliced(
                "ports: [{name: http, port: 1}], endpoints: [{addresses: [10.0.0.1], conditions: {@}}]",
            ),
            &[("ready", "false")],
        ),
    ]
}
