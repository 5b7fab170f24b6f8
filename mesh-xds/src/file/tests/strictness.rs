//! What is refused, and how it is said.

use super::*;

#[test]
fn an_unknown_field_names_file_line_path_and_what_was_meant() {
    let text = document(
        "VirtualService",
        "default",
        "a",
        "hosts: [a]\nhttp:\n- route:\n  - destination:\n      host: a\n  retries:\n    attempts: 2\n    \
         retyOn: 5xx",
    );
    assert_eq!(
        problems(&text),
        ["f.yaml:14: spec.http[0].retries.retyOn: unknown field `retyOn`, did you mean `retryOn`?"]
    );
}

#[test]
fn a_known_field_that_is_not_enforced_is_refused() {
    let text = document(
        "VirtualService",
        "default",
        "a",
        "hosts: [a]\nhttp: [{retries: {attempts: 1, retryRemoteLocalities: true}, route: \
         [{destination: {host: a}}]}]",
    );
    let problems = problems(&text);
    assert_eq!(problems.len(), 1, "{problems:?}");
    let refused = "retries.retryRemoteLocalities";
    assert!(problems[0].contains(refused), "{problems:?}");
    assert!(problems[0].contains("is not supported yet"), "{problems:?}");
    for block in [
        "tls: {mode: ISTIO_MUTUAL}",
        "loadBalancer: {localityLbSetting: {distribute: []}}",
        "loadBalancer: {warmup: {duration: 1s}}",
    ] {
        let spec = format!("host: a\ntrafficPolicy: {{{block}}}");
        let problems = super::problems(&document("DestinationRule", "default", "a", &spec));
        assert!(problems[0].contains("is not supported yet"), "{problems:?}");
    }
}

#[test]
fn all_problems_are_reported_at_once() {
    let text = document(
        "VirtualService",
        "default",
        "a",
        "hosts: [\"a b\"]\nhttp:\n- match: [{uri: {regex: \"(\"}}, {headers: {\"x y\": {exact: a}}}]\n  \
         timeout: soon\n  route: [{destination: {host: a}, weight: -1}]\n- {}",
    );
    let problems = problems(&text);
    for part in [
        "spec.hosts[0]: is no host name",
        "spec.http[0].match[0].uri: invalid regex `(`",
        "spec.http[0].match[1].headers[x y]: is no header name",
        "spec.http[0].timeout: `soon` is not a duration",
        "spec.http[0].route[0].weight: must be a whole number",
        "spec.http[1]: must have a route, a redirect, a directResponse or a delegate",
    ] {
        assert!(
            problems.iter().any(|p| p.contains(part)),
            "{part}: {problems:#?}"
        );
    }
    assert_eq!(problems.len(), 6, "{problems:#?}");
}

#[test]
fn yaml_faults_have_lines() {
    assert_eq!(
        problems("a: 1\nkind: x\napiVersion: y\n---\nb: [1\n---\nc: }\n")
            .iter()
            .filter(|p| p.starts_with("f.yaml:"))
            .count(),
        2
    );
    assert!(problems("just text")[0].contains("is no Kubernetes resource"));
    assert!(problems("- a\n")[0].starts_with("f.yaml:1: is no Kubernetes resource"));
}

#[test]
fn other_kinds_are_skipped_and_listed() {
    let loaded = load(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nspec: {anything: goes}\n---\n\
         apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n---\n\
         apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a}\nspec: {}\n",
    );
    assert_eq!(
        notes(&loaded),
        [
            "skipped: f.yaml:1: ConfigMap: is no Istio traffic rule",
            "skipped: f.yaml:6: Deployment: is no Istio traffic rule",
            "skipped: f.yaml:10: Gateway: configures gateways, not clients inside a process",
        ]
    );
}

#[test]
fn retired_and_unknown_kinds_name_their_successor() {
    let of = |api: &str, kind: &str| {
        let text = format!("apiVersion: {api}\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{}}\n");
        problems(&text).remove(0)
    };
    for (api, kind, part) in [
        (
            "config.istio.io/v1alpha2",
            "RouteRule",
            "successor is VirtualService",
        ),
        ("config.istio.io/v1alpha2", "rule", "belonged to Mixer"),
        (
            "rbac.istio.io/v1alpha1",
            "ServiceRole",
            "successor is AuthorizationPolicy",
        ),
        (
            "authentication.istio.io/v1alpha1",
            "Policy",
            "successor is PeerAuthentication",
        ),
        (
            "networking.istio.io/v1alpha3",
            "EgressRule",
            "successor is ServiceEntry",
        ),
        (
            "networking.istio.io/v1",
            "VirtualServices",
            "did you mean `VirtualService`?",
        ),
        (
            "networking.istio.io/v1beta2",
            "VirtualService",
            "did you mean `v1beta1`?",
        ),
        (
            "network.istio.io/v1",
            "VirtualService",
            "did you mean networking.istio.io",
        ),
        (
            "security.istio.io/v1",
            "AuthorizationPolicy",
            "is not supported yet",
        ),
        (
            "networking.istio.io/v1",
            "EnvoyFilter",
            "is not supported yet",
        ),
        (
            "gateway.networking.k8s.io/v1alpha2",
            "TCPRoute",
            "is not supported yet",
        ),
    ] {
        let said = of(api, kind);
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn labels_must_be_strings() {
    let spec = "host: a\nsubsets: [{name: v1, labels: {version: 1}}]";
    let said = problems(&document("DestinationRule", "default", "a", spec));
    assert_eq!(
        said,
        [
            "f.yaml:8: spec.subsets[0].labels[version]: must be a string (put it in quotes), is the \
          number 1"
        ]
    );
}

#[test]
fn contradictions_are_refused() {
    for (spec, part) in [
        ("hosts: [\"*\"]", "`*` is only allowed on gateways"),
        ("hosts: [a, a.default.svc.cluster.local]", "is given twice"),
        ("hosts: [\"*.com\", a.com]", "overlaps with `*.com`"),
        ("hosts: []\ngateways: [gw]", "is a delegate, which has none"),
        (
            "hosts: [a]\nhttp: [{route: [{destination: {host: a}, weight: 0}, {destination: {host: \
             b}, weight: 0}]}]",
            "all weights are 0",
        ),
        (
            "hosts: [a]\nhttp: [{retries: {attempts: 0, retryOn: 5xx}, route: [{destination: \
             {host: a}}]}]",
            "retries are off",
        ),
        (
            "hosts: [a]\nhttp: [{retries: {attempts: 1, retryOn: \"5xx,gatway-error\"}, route: \
             [{destination: {host: a}}]}]",
            "did you mean `gateway-error`?",
        ),
        (
            "hosts: [a]\nhttp: [{redirect: {uri: /}, rewrite: {uri: /}}]",
            "has no meaning beside `redirect`",
        ),
        (
            "hosts: [a]\nhttp: [{match: [{headers: {\"@request.auth.claims.a\": {exact: b}}}], \
             route: [{destination: {host: a}}]}]",
            "only be matched on gateways",
        ),
        (
            "hosts: [a]\nhttp: [{headers: {request: {set: {x: \"%TRAILER(y)%\"}}}, route: \
             [{destination: {host: a}}]}]",
            "%TRAILER% is not supported",
        ),
    ] {
        let said = problems(&document("VirtualService", "default", "a", spec));
        assert!(said.iter().any(|p| p.contains(part)), "{part}: {said:?}");
    }
    let twice = document("DestinationRule", "default", "a", "host: a").repeat(2);
    assert!(problems(&twice)[0].contains("DestinationRule default/a is given twice"));
}

#[test]
fn ignored_fields_are_listed() {
    let loaded = load(&document(
        "WorkloadEntry",
        "default",
        "a",
        "address: 10.0.0.1\nserviceAccount: a\nnetwork: n",
    ));
    assert_eq!(
        notes(&loaded),
        [
            "ignored: f.yaml:8: spec.serviceAccount: identities are not verified yet, so nothing \
             is encrypted for it",
            "ignored: f.yaml:9: spec.network: all endpoints are taken to be reachable directly",
        ]
    );
}

#[test]
fn a_misspelt_destination_is_told_and_a_sibling_is_not() {
    let route = |host: &str| {
        let spec = format!("hosts: [a]\nhttp: [{{route: [{{destination: {{host: {host}}}}}]}}]");
        let known = service("default", "reviews-v1.default.svc.cluster.local", 80)
            + &service("default", "ratings.default.svc.cluster.local", 80);
        load(&(known + &document("VirtualService", "default", "a", &spec))).notes
    };
    for (host, told) in [
        ("reveiws-v1", 1),
        ("ratngs", 1),
        ("reviews-v2", 0),
        ("details", 0),
    ] {
        let notes = route(host);
        let about = notes
            .iter()
            .filter(|n| n.to_string().contains("did you mean"));
        assert_eq!(about.count(), told, "{host}: {notes:?}");
    }
}

#[test]
fn a_port_80_that_a_service_does_not_have_is_no_warning() {
    let service = "hosts: [b.default.svc.cluster.local]\nresolution: STATIC\n\
                   endpoints: [{address: 10.0.0.1}]\n\
                   ports: [{number: 9080, name: http}, {number: 9090, name: http-admin}]";
    let rule = "hosts: [b]\nhttp: [{route: [{destination: {host: b}}]}]";
    let text = document("ServiceEntry", "default", "b", service)
        + &document("VirtualService", "default", "b", rule);
    let notes = load(&text).notes;
    let [note] = &notes[..] else {
        panic!("{notes:?}")
    };
    assert_eq!(note.kind, mesh_core::NoteKind::NotApplied);
    assert!(
        note.to_string().contains("on port 80, which service"),
        "{note}"
    );
    assert_eq!(note.missing_clusters.len(), 1);
}
