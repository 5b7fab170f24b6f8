//! The Gateway API: its routes into policy, its conditions, and what is refused.

mod filters;
mod kubernetes;
mod matching;
mod parents;
mod references;
mod strictness;

use mesh_core::{
    policy::Route,
    routing::{RequestHead, Router},
};

use super::*;
use mesh_core::{ConditionType, Reason, RouteStatus, policy::Origin};

/// A Service of `namespace` with HTTP ports and no endpoints.
fn kubernetes_service(namespace: &str, name: &str, ports: &[u16]) -> String {
    let ports: String = ports
        .iter()
        .map(|p| format!("{{name: http-{p}, port: {p}}}, "))
        .collect();
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: \
         {{ports: [{ports}]}}\n---\n"
    )
}

/// A resource of the API around a spec, whose lines are indented by two. The spec begins on line 5.
fn resource(kind: &str, namespace: &str, name: &str, spec: &str) -> String {
    let spec: String = spec.lines().map(|l| format!("  {l}\n")).collect();
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\nmetadata: {{name: {name}, \
         namespace: {namespace}}}\nspec:\n{spec}---\n"
    )
}

/// An HTTPRoute of Service `a` in `default`.
fn http_route(name: &str, rules: &str) -> String {
    let parent = "parentRefs: [{group: \"\", kind: Service, name: a}]";
    resource(
        "HTTPRoute",
        "default",
        name,
        &format!("{parent}\nrules:\n{rules}"),
    )
}

/// A bit of everything that an engine honours.
pub(super) fn seed() -> String {
    services()
        + &http_route(
            "r",
            "- matches:\n  - {path: {type: Exact, value: /a}, method: GET}\n  - {headers: [{name: x, \
             value: '1'}]}\n  filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: \
             [{name: x, value: y}]}}]\n  timeouts: {request: 1s}\n  retry: {codes: [500]}\n  \
             backendRefs:\n  - {name: b, port: 80, weight: 3}\n  - {name: c, port: 80, filters: \
             [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: \
             /x}}}]}\n- filters: [{type: RequestRedirect, requestRedirect: {port: 81}}]",
        )
        + &resource(
            "GRPCRoute",
            "default",
            "g",
            "parentRefs: [{group: '', kind: Service, name: b, sectionName: http-80}]\nrules: \
             [{matches: [{method: {service: s.S, method: M}}], backendRefs: [{name: gone, port: \
             80}]}]",
        )
}

/// The Services `a`, `b` and `c` of `default`.
fn services() -> String {
    ["a", "b", "c"]
        .map(|name| kubernetes_service("default", name, &[80]))
        .concat()
}

const A: &str = "outbound|80||a.default.svc.cluster.local";
const B: &str = "outbound|80||b.default.svc.cluster.local";
const C: &str = "outbound|80||c.default.svc.cluster.local";

impl Loaded {
    #[track_caller]
    fn status(&self, name: &str) -> &RouteStatus {
        let found = self.routes.iter().find(|r| *r.name == *name);
        found.unwrap_or_else(|| panic!("no `{name}` in {:?}", self.routes))
    }

    /// Status, reason and message of a condition of a route's only parent.
    #[track_caller]
    fn condition(&self, name: &str, kind: ConditionType) -> (bool, Reason, &str) {
        let status = self.status(name);
        assert_eq!(status.parents.len(), 1, "{status:?}");
        let condition = status.condition(kind);
        let condition = condition.unwrap_or_else(|| panic!("no {kind:?} in {status:?}"));
        (condition.status, condition.reason, &condition.message)
    }

    /// The route that a request to `host` on port 80 takes.
    #[track_caller]
    fn route_of(&self, host: &str, request: &http::Request<()>, random: u64) -> Option<&Route> {
        let config = self.config.routes.iter().find(|r| &*r.name == "80");
        let config = config.expect("port 80 has routes");
        let router = Router::try_new(config.clone()).unwrap();
        let virtual_host = router.virtual_host(host).expect("the host is known");
        let head = RequestHead {
            method: request.method(),
            scheme: "http",
            authority: host,
            path: request.uri().path_and_query().map_or("/", |p| p.as_str()),
            headers: request.headers(),
            source: "",
        };
        let index = router.route(virtual_host, &head, random)?;
        Some(&config.virtual_hosts[virtual_host].routes[index])
    }
}

/// The example of `docs/gateway-api.md`, and what `mesh check` is said to print of it.
#[test]
fn the_example_of_the_docs_is_as_they_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/gateway-api.md");
    let page = fs::read_to_string(path).unwrap();
    let yaml = page.split("```yaml\n").nth(1).unwrap();
    let yaml = yaml.split("```").next().unwrap();
    let loaded = load(yaml);
    assert_eq!(notes(&loaded), [""; 0]);
    let status = &loaded.routes[0];
    let Origin::File { line, .. } = status.origin else {
        panic!("{}", status.origin);
    };
    let line = format!(
        "status: shop/reviews.yaml:{line}: HTTPRoute shop/reviews at Service {}\n",
        status.parents[0]
    );
    assert!(page.contains(&line), "{line}");
    let cluster = "outbound|9080||reviews.shop.svc.cluster.local";
    assert_eq!(loaded.endpoints(cluster), ["127.0.0.1:40001"]);
}

/// A request in one line, as `GET /path name: value, name: value`.
fn request(line: &str) -> http::Request<()> {
    let mut words = line.splitn(3, ' ');
    let mut request = http::Request::builder()
        .method(words.next().unwrap())
        .uri(words.next().unwrap());
    for header in words.next().unwrap_or_default().split(", ") {
        if let Some((name, value)) = header.split_once(": ") {
            request = request.header(name, value);
        }
    }
    request.body(()).unwrap()
}
