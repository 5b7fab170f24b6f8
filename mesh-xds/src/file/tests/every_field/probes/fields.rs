//! What the documents are made of.

use super::Probe;

pub(super) const HOST: &str = "a.default.svc.cluster.local";

/// A resource on one line.
pub(super) fn resource(kind: &str, name: &str, spec: &str) -> String {
    let api = match kind {
        "MeshConfig" => "mesh.istio.io/v1alpha1",
        _ => "networking.istio.io/v1",
    };
    format!("{{apiVersion: {api}, kind: {kind}, metadata: {{name: {name}}}, spec: {spec}}}\n---\n")
}

/// A service with endpoints here and there.
pub(super) fn service() -> String {
    let spec = format!(
        "{{hosts: [{HOST}], ports: [{{number: 80, name: http, protocol: HTTP}}], resolution: \
         STATIC, endpoints: [{{address: 10.0.0.1, locality: r1/z1/s1, labels: {{v: one, tier: \
         gold}}}}, {{address: 10.0.0.2, locality: r2/z/s}}, {{address: 10.0.0.3, locality: r3}}]}}"
    );
    resource("ServiceEntry", "a", &spec)
}

/// A rule for `a` with these routes.
pub(super) fn http(routes: &str) -> String {
    let spec = format!("{{hosts: [a], http: [{routes}]}}");
    service() + &resource("VirtualService", "a", &spec)
}

pub(super) fn policy(fields: &str) -> String {
    let spec = format!("{{host: a, trafficPolicy: {{{fields}}}}}");
    service() + &resource("DestinationRule", "a", &spec)
}

pub(super) fn load_balancer(fields: &str) -> String {
    policy(&format!(
        "outlierDetection: {{}}, loadBalancer: {{{fields}}}"
    ))
}

pub(super) fn probe(
    schema: &'static str,
    document: impl Into<String>,
    fields: &'static [(&'static str, &'static str)],
) -> Probe {
    Probe {
        schema,
        document: document.into(),
        fields,
    }
}

pub(super) const TO_A: &str = "route: [{destination: {host: a}}]";
