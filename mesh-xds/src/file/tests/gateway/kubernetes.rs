//! `Service` and `EndpointSlice`.

use mesh_core::policy::HttpProtocol;

use super::*;

fn slice(name: &str, service: &str, body: &str) -> String {
    format!(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: {name}, namespace: \
         default, labels: {{kubernetes.io/service-name: {service}}}}}\naddressType: IPv4\n{body}\n\
         ---\n"
    )
}

#[test]
fn endpoints_come_from_slices_by_the_ports_name() {
    let text = kubernetes_service("default", "a", &[80, 81])
        + &slice(
            "one",
            "a",
            "ports: [{name: http-80, port: 8080}, {name: http-81, port: 8081}]\nendpoints:\n- \
             {addresses: [10.0.0.1], zone: z1}\n- {addresses: [10.0.0.2], conditions: {ready: \
             false}}\n- {addresses: [10.0.0.3], conditions: {ready: true}}",
        )
        + &slice(
            "two",
            "a",
            "ports: [{name: http-80, port: 9090}]\nendpoints: [{addresses: [10.0.0.4]}]",
        );
    let loaded = load(&text);
    assert_eq!(notes(&loaded), [""; 0]);
    let mut endpoints = loaded.endpoints(A);
    endpoints.sort();
    assert_eq!(
        endpoints,
        ["10.0.0.1:8080", "10.0.0.3:8080", "10.0.0.4:9090"]
    );
    let mut endpoints = loaded.endpoints("outbound|81||a.default.svc.cluster.local");
    endpoints.sort();
    assert_eq!(endpoints, ["10.0.0.1:8081", "10.0.0.3:8081"]);
    let localities = &loaded.config.assignments[A].localities;
    assert!(localities.iter().any(|l| &*l.locality.zone == "z1"));
}

#[test]
fn a_selector_selects_workload_entries() {
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: default}\nspec:\n  \
                selector: {app: a}\n  clusterIP: 10.1.0.1\n  clusterIPs: [10.1.0.1, 'fd00::1']\n  \
                ports: [{port: 80, targetPort: 8080}]\n---\n"
        .to_owned()
        + &document(
            "WorkloadEntry",
            "default",
            "w",
            "address: 10.0.0.1\nlabels: {app: a}",
        )
        + &document(
            "WorkloadEntry",
            "default",
            "x",
            "address: 10.0.0.2\nlabels: {app: x}",
        );
    let loaded = load(&text);
    assert_eq!(loaded.endpoints(A), ["10.0.0.1:8080"]);
    let domains = &loaded.virtual_host(80, "a").domains;
    for name in [
        "a.default",
        "a.default.svc.cluster.local",
        "10.1.0.1",
        "[fd00::1]",
    ] {
        assert!(domains.iter().any(|d| **d == *name), "{domains:?}");
    }
}

#[test]
fn a_ports_protocol_is_its_app_protocol_or_its_names_first_word() {
    let port = |fields: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec: {{ports: [{{port: 80, \
             {fields}}}]}}\n"
        );
        let loaded = load(&text);
        let by_request = !loaded.virtual_hosts(80).is_empty();
        by_request.then(|| loaded.cluster(A).protocol)
    };
    for (fields, protocol) in [
        ("name: x", Some(HttpProtocol::Downstream)),
        ("name: http", Some(HttpProtocol::Http1)),
        ("name: http-web", Some(HttpProtocol::Http1)),
        ("name: grpc-x", Some(HttpProtocol::Http2)),
        (
            "name: http, appProtocol: kubernetes.io/h2c",
            Some(HttpProtocol::Http2),
        ),
        ("name: tcp, appProtocol: http", Some(HttpProtocol::Http1)),
        ("name: tcp", None),
        ("name: https", None),
        ("name: http, protocol: UDP", None),
    ] {
        assert_eq!(port(fields), protocol, "{fields}");
    }
}

#[test]
fn what_has_no_meaning_here_is_told() {
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  sessionAffinity: \
                ClientIP\n  internalTrafficPolicy: Local\n  trafficDistribution: PreferClose\n  \
                ports: [{port: 80, targetPort: web}]\n---\n"
        .to_owned()
        + &slice("s", "nobody", "ports: []\nendpoints: []");
    let said = notes(&load(&text));
    for part in [
        "spec.sessionAffinity: every request is balanced",
        "spec.internalTrafficPolicy: endpoints of all nodes are used",
        "spec.trafficDistribution: endpoints of all zones are used",
        "spec.ports[0].targetPort: a name is looked up in Pods",
        "its label kubernetes.io/service-name names no Service of default",
    ] {
        assert!(said.iter().any(|n| n.contains(part)), "{part}: {said:#?}");
    }
    assert_eq!(said.len(), 5, "{said:#?}");
}
