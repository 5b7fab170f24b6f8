//! `client.explain` agrees with where requests go, and names the lines that say so.

use http::Request;
use mesh_core::Seeded;
use mesh_http::Client;
use mesh_tests::{Bed, Reply, Server, document, line_of, within};
use tower::ServiceExt;

const YAML: &str = "\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a}
spec:
  host: a
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  hosts: [a]
  http:
  - name: jason
    match: [{headers: {user: {exact: jason}}}]
    route: [{destination: {host: a, subset: v2}}]
  - name: gone
    match: [{uri: {prefix: /gone}}]
    directResponse: {status: 410}
  - name: lost
    match: [{uri: {prefix: /lost}}]
    route: [{destination: {host: a, subset: v9}}]
  - name: split
    match: [{uri: {prefix: /split}}]
    route:
    - {destination: {host: a, subset: v1}, weight: 70}
    - {destination: {host: a, subset: v2}, weight: 30}
";

fn request(path: &str, user: &str) -> Request<String> {
    Request::get(format!("http://a{path}"))
        .header("user", user)
        .body(String::new())
        .unwrap()
}

#[tokio::test]
async fn it_tells_where_requests_go_and_which_line_says_so() {
    let servers = [Server::start("v1").await, Server::start("v2").await];
    let mut bed = Bed::new(0);
    bed.add("a", 80, "v1", servers[0].address);
    bed.add("a", 80, "v2", servers[1].address);
    bed.start(YAML).await;
    let file = bed.dir.path().join("mesh.yaml");
    let place = |needle: &str| format!("{}:{}", file.display(), line_of(YAML, needle));
    let mut split = [0, 0];
    for seed in 0..100 {
        for (path, user, rule) in [
            ("/", "jason", "name: jason"),
            ("/split", "anna", "name: split"),
            ("/gone", "anna", "name: gone"),
            ("/lost", "anna", "name: lost"),
            ("/else", "anna", ""),
        ] {
            // Two clients with the same draws: one explains what the other does.
            let client = || Client::builder(&bed.mesh).random(Seeded::new(seed)).build();
            let explanation = client().explain(&request(path, user)).unwrap();
            let sent = client().oneshot(request(path, user));
            let reply = within(async { Reply::of(sent.await).await }).await;
            let report = explanation.to_string();
            let origin = explanation.origin().unwrap().to_string();
            if !rule.is_empty() {
                // A rule begins where its list item does, or its match.
                let line: usize = origin.rsplit_once(':').unwrap().1.parse().unwrap();
                let first = line_of(YAML, rule);
                assert!((first..first + 2).contains(&line), "{origin} for {rule}");
                assert!(report.contains(&origin), "{report}");
            }
            match (path, explanation.cluster_name()) {
                ("/gone", None) => assert_eq!(reply.status, 410),
                ("/lost", Some(_)) => {
                    assert!(report.contains("does not exist: 503 (NC)"), "{report}");
                    assert_eq!(reply.outcome(), (503, "NC"));
                }
                ("/else", None) => {
                    assert!(report.contains("no route: 404"), "{report}");
                    assert_eq!(reply.outcome(), (404, "NR"));
                }
                (_, Some(cluster)) => {
                    assert_eq!(
                        cluster,
                        format!("outbound|80|{}|a.default.svc.cluster.local", reply.by)
                    );
                    let server = &servers[usize::from(reply.by == "v2")];
                    assert!(
                        report.contains(&format!("endpoint {}", server.address)),
                        "{report}"
                    );
                    if path == "/split" {
                        split[usize::from(reply.by == "v2")] += 1;
                        assert!(report.contains(&place("subset: v1}, weight")), "{report}");
                        assert!(report.contains(&place("subset: v2}, weight")), "{report}");
                    }
                }
                (path, None) => panic!("{path}: {report}"),
            }
        }
    }
    assert!(split[0] > split[1] && split[1] > 10, "{split:?}");
}

#[tokio::test]
async fn it_tells_who_is_ejected() {
    let servers = [Server::start("bad").await, Server::start("good").await];
    let bed = Bed::with(1, &[servers[0].address, servers[1].address]);
    let policy = "host: a\ntrafficPolicy:\n  loadBalancer: {simple: ROUND_ROBIN}\n  \
                  outlierDetection: {consecutive5xxErrors: 1}";
    let yaml = document("DestinationRule", "a", policy);
    bed.start(&yaml).await;
    servers[0].answer(500);
    for _ in 0..2 {
        bed.get("http://a/").await;
    }
    let report = bed.client.explain(&request("/", "")).unwrap().to_string();
    assert!(report.contains("round robin"), "{report}");
    let place = format!("mesh.yaml:{})", line_of(&yaml, "outlierDetection"));
    assert!(report.contains(&place), "{report} has no {place}");
    for (server, health) in servers.iter().zip(["ejected", "healthy"]) {
        let line = report
            .lines()
            .find(|l| l.contains(&server.address.to_string()));
        assert!(line.is_some_and(|l| l.contains(health)), "{report}");
    }
}
