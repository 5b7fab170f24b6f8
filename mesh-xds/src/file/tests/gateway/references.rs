//! Backends that are there, that are not, and that must not be sent to.

use super::*;

/// A ReferenceGrant of namespace `far`.
fn grant(from: &str, to: &str) -> String {
    resource(
        "ReferenceGrant",
        "far",
        "g",
        &format!("from: [{{{from}}}]\nto: [{{{to}}}]"),
    )
}

const FROM: &str = "group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default";
const TO: &str = "group: \"\", kind: Service";

/// What a request gets: the cluster, or the status that answers it.
#[track_caller]
fn answer(loaded: &Loaded, random: u64) -> String {
    let request = request("POST / content-type: application/grpc");
    let route = loaded.route_of("a", &request, random).unwrap();
    match &route.action {
        RouteAction::DirectResponse(direct) => direct.status.as_u16().to_string(),
        _ => targets(route)[0].0.clone(),
    }
}

#[test]
fn a_reference_into_another_namespace_needs_a_grant_there() {
    let far = services() + &kubernetes_service("far", "b", &[80]);
    let route = http_route("r", "- backendRefs: [{name: b, namespace: far, port: 80}]");
    let there = "outbound|80||b.far.svc.cluster.local";
    for (grants, permitted) in [
        (String::new(), false),
        (grant(FROM, TO), true),
        (grant(FROM, "group: \"\", kind: Service, name: b"), true),
        (grant(FROM, "group: \"\", kind: Service, name: c"), false),
        (grant(FROM, "group: \"\", kind: Secret"), false),
        (grant(FROM, "group: x, kind: Service"), false),
        (grant(&FROM.replace("HTTPRoute", "GRPCRoute"), TO), false),
        (
            grant(&FROM.replace("namespace: default", "namespace: x"), TO),
            false,
        ),
        (
            grant(&FROM.replace("gateway.networking.k8s.io", "x"), TO),
            false,
        ),
        (
            grant(FROM, TO).replace("namespace: far", "namespace: default"),
            false,
        ),
    ] {
        let loaded = load(&(far.clone() + &grants + &route));
        let (status, reason, message) = loaded.condition("r", ConditionType::ResolvedRefs);
        let accepted = loaded.condition("r", ConditionType::Accepted);
        assert_eq!(accepted, (true, Reason::Accepted, ""));
        if permitted {
            assert_eq!((status, reason), (true, Reason::ResolvedRefs), "{grants}");
            assert_eq!(answer(&loaded, 0), there, "{grants}");
        } else {
            assert_eq!(
                (status, reason),
                (false, Reason::RefNotPermitted),
                "{grants}"
            );
            assert!(
                message.starts_with("no ReferenceGrant in far lets"),
                "{message}"
            );
            assert_eq!(answer(&loaded, 0), "500", "{grants}");
        }
    }
}

#[test]
fn an_invalid_backend_answers_for_its_share() {
    for (backend, reason, message) in [
        (
            "name: gone, port: 80",
            Reason::BackendNotFound,
            "there is no Service default/gone",
        ),
        (
            "name: b, port: 81",
            Reason::BackendNotFound,
            "`b.default.svc.cluster.local` has no port 81",
        ),
        (
            "group: x.example, kind: Nope, name: b, port: 80",
            Reason::InvalidKind,
            "Nope.x.example is no kind of backend here; Service is",
        ),
        (
            "name: tcp, port: 80",
            Reason::UnsupportedProtocol,
            "port 80 of `tcp.default.svc.cluster.local` cannot be routed by request",
        ),
    ] {
        let text = services()
            + &kubernetes_service("default", "tcp", &[80]).replace("name: http-80", "name: tcp")
            + &http_route(
                "r",
                &format!(
                    "- backendRefs: [{{name: b, port: 80, weight: 3}}, {{{backend}, weight: 1}}]"
                ),
            );
        let loaded = load(&text);
        let condition = loaded.condition("r", ConditionType::ResolvedRefs);
        assert_eq!(condition, (false, reason, message));
        let said = notes(&loaded).join("\n");
        assert!(
            said.contains("requests that fall to it are answered with 500"),
            "{said}"
        );
        let answers: Vec<String> = (0..4).map(|random| answer(&loaded, random)).collect();
        assert_eq!(answers, [B, B, B, "500"]);
    }
}

#[test]
fn without_a_backend_with_weight_there_is_nowhere_to_go() {
    for rule in [
        "- {}",
        "- {backendRefs: []}",
        "- {backendRefs: [{name: b, port: 80, weight: 0}, {name: c, port: 80, weight: 0}]}",
    ] {
        let loaded = load(&(services() + &http_route("r", rule)));
        assert_eq!(answer(&loaded, 0), "500", "{rule}");
        assert!(
            loaded.condition("r", ConditionType::ResolvedRefs).0,
            "{rule}"
        );
    }
    let nothing = "parentRefs: [{group: \"\", kind: Service, name: a}]";
    let loaded = load(&(services() + &resource("HTTPRoute", "default", "r", nothing)));
    assert_eq!(answer(&loaded, 0), "500");
}

/// 503 is what gRPC calls UNAVAILABLE.
#[test]
fn an_invalid_backend_of_grpc_is_unavailable() {
    let spec = "parentRefs: [{group: \"\", kind: Service, name: a}]\nrules: [{backendRefs: [{name: \
                gone, port: 80}]}]";
    let loaded = load(&(services() + &resource("GRPCRoute", "default", "g", spec)));
    assert_eq!(answer(&loaded, 0), "503");
}

#[test]
fn rules_whose_filters_do_not_go_together_are_dropped() {
    let redirect = "{type: RequestRedirect, requestRedirect: {hostname: o.com}}";
    let mirror = "{type: RequestMirror, requestMirror: {backendRef: {name: c, port: 80}}}";
    let rewrite = "{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: \
                   /x}}}";
    let good = "- {matches: [{path: {value: /good}}], backendRefs: [{name: b, port: 80}]}\n";
    for rule in [
        format!("- {{filters: [{redirect}, {mirror}]}}\n"),
        format!(
            "- {{filters: [{rewrite}], backendRefs: [{{name: b, port: 80, filters: [{redirect}]}}]}}\n"
        ),
        format!(
            "- {{filters: [{rewrite}], backendRefs: [{{name: b, port: 80, filters: [{rewrite}]}}]}}\n"
        ),
        format!("- {{backendRefs: [{{name: b, port: 80, filters: [{mirror}, {redirect}]}}]}}\n"),
    ] {
        let loaded = load(&(services() + &http_route("r", &format!("{good}{rule}"))));
        assert_eq!(loaded.routes(80, "a").len(), 1, "{rule}");
        assert!(loaded.condition("r", ConditionType::Accepted).0);
        let (status, reason, message) = loaded.condition("r", ConditionType::PartiallyInvalid);
        assert_eq!((status, reason), (true, Reason::UnsupportedValue));
        assert!(message.starts_with("Dropped Rule(s): line "), "{message}");

        // Without a rule it is attached to nothing.
        let loaded = load(&(services() + &http_route("r", &rule)));
        let (status, reason, _) = loaded.condition("r", ConditionType::Accepted);
        assert_eq!((status, reason), (false, Reason::IncompatibleFilters));
        assert_eq!(&*loaded.routes(80, "a")[0].name, "default");
    }
}
