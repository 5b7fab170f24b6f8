//! Which rule a request takes.

use crate::echo::{Echo, http_route};

/// MeshHTTPRouteMatching and HTTPRouteMatching.
#[tokio::test]
async fn mesh_http_route_matching() {
    let echo = Echo::new().await;
    echo.apply(&http_route(
        "mesh-matching",
        "- matches:
  - path: {type: PathPrefix, value: /}
  - headers: [{name: version, value: one}]
  backendRefs: [{name: echo-v1, port: 80}]
- matches:
  - path: {type: PathPrefix, value: /v2}
  - headers: [{name: version, value: two}]
  backendRefs: [{name: echo-v2, port: 80}]",
    ));
    echo.expect(&[
        ("GET /", "echo-v1"),
        ("GET /example", "echo-v1"),
        ("GET / Version: one", "echo-v1"),
        ("GET /v2", "echo-v2"),
        ("GET /v2/example", "echo-v2"),
        ("GET / Version: two", "echo-v2"),
        ("GET /v2/", "echo-v2"),
        // No prefix of whole segments.
        ("GET /v2example", "echo-v1"),
        ("GET /foo/v2/example", "echo-v1"),
    ])
    .await;
}

/// HTTPRouteMatchingAcrossRoutes. The hostnames that keep the second route from one of two names in
/// the published case have no meaning in a mesh.
#[tokio::test]
async fn http_route_matching_across_routes() {
    let echo = Echo::new().await;
    let one = "- matches:
  - path: {type: PathPrefix, value: /}
  - headers: [{name: version, value: one}]
  backendRefs: [{name: echo-v1, port: 80}]";
    let two = "- matches:
  - path: {type: PathPrefix, value: /v2}
  - headers: [{name: version, value: two}]
  backendRefs: [{name: echo-v2, port: 80}]";
    echo.apply(&(http_route("matching-part1", one) + &http_route("matching-part2", two)));
    echo.expect(&[
        ("GET /", "echo-v1"),
        ("GET /example", "echo-v1"),
        ("GET /example Version: one", "echo-v1"),
        ("GET /v2", "echo-v2"),
        ("GET /v2/example", "echo-v2"),
        ("GET / Version: two", "echo-v2"),
    ])
    .await;
}

/// HTTPRouteExactPathMatching.
#[tokio::test]
async fn http_route_exact_path_matching() {
    let echo = Echo::new().await;
    echo.apply(&http_route(
        "exact-matching",
        "- matches: [{path: {type: Exact, value: /one}}]
  backendRefs: [{name: echo-v1, port: 8080}]
- matches: [{path: {type: Exact, value: /two}}]
  backendRefs: [{name: echo-v2, port: 8080}]",
    ));
    echo.expect(&[
        ("GET /one", "echo-v1"),
        ("GET /two", "echo-v2"),
        ("GET /", "404"),
        ("GET /one/example", "404"),
        ("GET /two/", "404"),
        ("GET /Two", "404"),
    ])
    .await;
}

/// HTTPRoutePathMatchOrder.
#[tokio::test]
async fn http_route_path_match_order() {
    let echo = Echo::new().await;
    let rules: String = [
        ("Exact", "/match", "echo-v1"),
        ("Exact", "/match/exact", "echo-v2"),
        ("Exact", "/match/exact/one", "echo-v3"),
        ("PathPrefix", "/match/", "echo-v3"),
        ("PathPrefix", "/match/prefix/", "echo-v1"),
        ("PathPrefix", "/match/prefix/one", "echo-v2"),
    ]
    .iter()
    .map(|(kind, path, backend)| {
        format!(
            "- matches: [{{path: {{type: {kind}, value: {path}}}}}]\n  backendRefs: [{{name: \
             {backend}, port: 8080}}]\n"
        )
    })
    .collect();
    echo.apply(&http_route("path-matching-order", &rules));
    echo.expect(&[
        ("GET /match/exact/one", "echo-v3"),
        ("GET /match/exact", "echo-v2"),
        ("GET /match", "echo-v1"),
        ("GET /match/prefix/one/any", "echo-v2"),
        ("GET /match/prefix/any", "echo-v1"),
        ("GET /match/any", "echo-v3"),
    ])
    .await;
}

/// HTTPRouteHeaderMatching.
#[tokio::test]
async fn http_route_header_matching() {
    let echo = Echo::new().await;
    echo.apply(&http_route("header-matching", HEADERS));
    echo.expect(&[
        ("GET / Version: one", "echo-v1"),
        ("GET / Version: two", "echo-v2"),
        ("GET / Version: two; Color: orange", "echo-v1"),
        ("GET / Version: two; Color: blue", "echo-v2"),
        ("GET / Color: orange", "404"),
        ("GET / Some-Other-Header: one", "404"),
        ("GET / Color: blue", "echo-v1"),
        ("GET / Color: green", "echo-v1"),
        ("GET / Color: red", "echo-v2"),
        ("GET / Color: yellow", "echo-v2"),
        ("GET / Color: purple", "404"),
    ])
    .await;
}

const HEADERS: &str = "- matches: [{headers: [{name: version, value: one}]}]
  backendRefs: [{name: echo-v1, port: 8080}]
- matches: [{headers: [{name: version, value: two}]}]
  backendRefs: [{name: echo-v2, port: 8080}]
- matches: [{headers: [{name: version, value: two}, {name: color, value: orange}]}]
  backendRefs: [{name: echo-v1, port: 8080}]
- matches: [{headers: [{name: color, value: blue}]}, {headers: [{name: color, value: green}]}]
  backendRefs: [{name: echo-v1, port: 8080}]
- matches: [{headers: [{name: color, value: red}]}, {headers: [{name: color, value: yellow}]}]
  backendRefs: [{name: echo-v2, port: 8080}]";

/// HTTPRouteMethodMatching.
#[tokio::test]
async fn http_route_method_matching() {
    let echo = Echo::new().await;
    echo.apply(&http_route(
        "method-matching",
        "- matches: [{method: POST}]
  backendRefs: [{name: echo-v1, port: 8080}]
- matches: [{method: GET}]
  backendRefs: [{name: echo-v2, port: 8080}]
- matches: [{path: {value: /path1}, method: GET}]
  backendRefs: [{name: echo-v1, port: 8080}]
- matches: [{headers: [{name: version, value: one}], method: PUT}]
  backendRefs: [{name: echo-v2, port: 8080}]
- matches: [{path: {value: /path2}, headers: [{name: version, value: two}], method: POST}]
  backendRefs: [{name: echo-v3, port: 8080}]
- matches:
  - {path: {value: /path3}, method: PATCH}
  - {path: {value: /path4}, headers: [{name: version, value: three}], method: DELETE}
  backendRefs: [{name: echo-v1, port: 8080}]
- matches: [{path: {value: /path5}}]
  backendRefs: [{name: echo-v1, port: 8080}]
- matches: [{method: PATCH}]
  backendRefs: [{name: echo-v2, port: 8080}]
- matches: [{headers: [{name: version, value: four}]}]
  backendRefs: [{name: echo-v3, port: 8080}]",
    ));
    echo.expect(&[
        ("POST /", "echo-v1"),
        ("GET /", "echo-v2"),
        ("HEAD /", "404"),
        ("GET /path1", "echo-v1"),
        ("PUT / version: one", "echo-v2"),
        ("POST /path2 version: two", "echo-v3"),
        ("PATCH /path3", "echo-v1"),
        ("DELETE /path4 version: three", "echo-v1"),
        ("PUT /", "404"),
        ("DELETE /path4", "404"),
        // Precedence.
        ("PATCH /path5", "echo-v1"),
        ("PATCH / version: four", "echo-v2"),
    ])
    .await;
}

/// MeshHTTPRouteQueryParamMatching and HTTPRouteQueryParamMatching.
#[tokio::test]
async fn mesh_http_route_query_param_matching() {
    let echo = Echo::new().await;
    echo.apply(&http_route(
        "query-param-matching",
        "- matches: [{queryParams: [{name: animal, value: whale}]}]
  backendRefs: [{name: echo-v1, port: 8080}]
- matches: [{queryParams: [{name: animal, value: dolphin}]}]
  backendRefs: [{name: echo-v2, port: 8080}]
- matches:
  - queryParams: [{name: animal, value: dolphin}, {name: color, value: blue}]
  - queryParams: [{name: ANIMAL, value: Whale}]
  backendRefs: [{name: echo-v3, port: 8080}]
- matches: [{path: {value: /path1}, queryParams: [{name: animal, value: whale}]}]
  backendRefs: [{name: echo-v1, port: 8080}]
- matches: [{headers: [{name: version, value: one}], queryParams: [{name: animal, value: whale}]}]
  backendRefs: [{name: echo-v2, port: 8080}]
- matches:
  - path: {value: /path2}
    headers: [{name: version, value: two}]
    queryParams: [{name: animal, value: whale}]
  backendRefs: [{name: echo-v3, port: 8080}]
- matches:
  - {path: {value: /path3}, queryParams: [{name: animal, value: shark}]}
  - path: {value: /path4}
    headers: [{name: version, value: three}]
    queryParams: [{name: animal, value: kraken}]
  backendRefs: [{name: echo-v1, port: 8080}]
- matches: [{path: {value: /path5}}]
  backendRefs: [{name: echo-v1, port: 8080}]
- matches: [{queryParams: [{name: animal, value: hydra}]}]
  backendRefs: [{name: echo-v2, port: 8080}]
- matches: [{headers: [{name: version, value: four}]}]
  backendRefs: [{name: echo-v3, port: 8080}]",
    ));
    echo.expect(&[
        ("GET /?animal=whale", "echo-v1"),
        ("GET /?animal=dolphin", "echo-v2"),
        ("GET /?animal=whale&otherparam=irrelevant", "echo-v1"),
        ("GET /?animal=dolphin&color=yellow", "echo-v2"),
        ("GET /?color=blue", "404"),
        ("GET /?animal=dog", "404"),
        ("GET /?animal=whaledolphin", "404"),
        ("GET /", "404"),
        // Names and values are case-sensitive; all parameters must match.
        ("GET /?ANIMAL=Whale", "echo-v3"),
        ("GET /?ANIMAL=whale", "404"),
        ("GET /?animal=dolphin&color=blue", "echo-v3"),
        ("GET /path1?animal=whale", "echo-v1"),
        ("GET /?animal=whale version: one", "echo-v2"),
        ("GET /path2?animal=whale version: two", "echo-v3"),
        ("GET /path3?animal=shark", "echo-v1"),
        ("GET /path4?animal=kraken version: three", "echo-v1"),
        ("GET /?animal=shark", "404"),
        ("GET /path4?animal=kraken", "404"),
        // Precedence.
        ("GET /path5?animal=hydra", "echo-v1"),
        ("GET /?animal=hydra version: four", "echo-v3"),
    ])
    .await;
}
