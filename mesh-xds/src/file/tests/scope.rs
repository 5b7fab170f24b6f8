//! `MeshConfig`, and rules for some workloads.

use std::time::Duration;

use mesh_core::policy::{Discovery, DnsTarget, HttpProtocol, LbPolicy, Locality, RouteAction};

use super::*;

const HOST: &str = "a.default.svc.cluster.local";

fn mesh(spec: &str) -> String {
    document("MeshConfig", "istio-system", "istio", spec)
        .replace("networking.istio.io/v1", "mesh.istio.io/v1alpha1")
}

#[test]
fn the_meshs_settings_are_defaults() {
    let text = service("default", HOST, 80)
        + &mesh(
            "connectTimeout: 3s\nh2UpgradePolicy: UPGRADE\ntcpKeepalive: {probes: \
             2}\ndefaultTrafficPolicy:\n  connectionPool: {tcp: {maxConnections: 5}}\n  \
             outlierDetection: {}\ndefaultHttpRetryPolicy: {attempts: 9, retryOn: 5xx}",
        );
    let loaded = load(&text);
    let cluster = loaded.cluster(&format!("outbound|80||{HOST}"));
    assert_eq!(cluster.connect_timeout, Duration::from_secs(3));
    assert_eq!(cluster.protocol, HttpProtocol::Http2);
    assert_eq!(cluster.circuit_breakers.default.max_connections, 5);
    assert_eq!(
        cluster.connection_pool.tcp_keepalive.unwrap().probes,
        Some(2)
    );
    assert!(cluster.outlier_detection.is_some());
    let retry = |loaded: &Loaded| {
        let policy = forward(&loaded.routes(80, HOST)[0]).retry_policy.clone();
        policy.map(|p| (p.num_retries, p.retry_on.to_string()))
    };
    assert_eq!(retry(&loaded), Some((9, "5xx".to_owned())));

    // A rule's own block takes the place of the mesh's, and a route's stanza likewise.
    let rule = document(
        "DestinationRule",
        "default",
        "a",
        "host: a\ntrafficPolicy: {connectionPool: {tcp: {connectTimeout: 1s}, http: \
         {h2UpgradePolicy: DO_NOT_UPGRADE}}}",
    );
    let route = document(
        "VirtualService",
        "default",
        "a",
        "hosts: [a]\nhttp: [{retries: {attempts: 1}, route: [{destination: {host: a}}]}]",
    );
    let loaded = load(&(text + &rule + &route));
    let cluster = loaded.cluster(&format!("outbound|80||{HOST}"));
    assert_eq!(cluster.connect_timeout, Duration::from_secs(1));
    assert_eq!(cluster.protocol, HttpProtocol::Http1);
    assert_eq!(cluster.circuit_breakers.default.max_connections, u32::MAX);
    assert!(cluster.outlier_detection.is_some());
    assert_eq!(retry(&loaded).unwrap().0, 1);

    let off = service("default", HOST, 80) + &mesh("defaultHttpRetryPolicy: {attempts: 0}");
    assert_eq!(retry(&load(&off)), None);
    let twice = mesh("{}") + &mesh("{}").replace("name: istio", "name: other");
    assert!(problems(&twice)[0].contains("the mesh has a MeshConfig already"));
}

#[test]
fn the_mesh_config_is_read_from_its_config_map_too() {
    let map = |mesh: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio, namespace: \
             istio-system}}\ndata:\n  meshNetworks: \"networks: {{}}\"\n  mesh: |\n    {mesh}\n---\n"
        )
    };
    let text =
        service("default", HOST, 80) + &map("accessLogFile: /dev/stdout\n    connectTimeout: 4s");
    let loaded = load(&text);
    let cluster = loaded.cluster(&format!("outbound|80||{HOST}"));
    assert_eq!(cluster.connect_timeout, Duration::from_secs(4));
    assert!(
        notes(&loaded)[0].starts_with("ignored: f.yaml:18: data.mesh.accessLogFile: "),
        "{:?}",
        notes(&loaded)
    );
    assert_eq!(
        problems(&map("rootNamespace: a\n    conectTimeout: 4s")),
        [
            "f.yaml:8: data.mesh.conectTimeout: unknown field `conectTimeout`, did you mean \
             `connectTimeout`?"
        ]
    );
    // Other ConfigMaps are nobody's business.
    let other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: b}\n";
    assert!(notes(&load(other))[0].starts_with("skipped: "));
}

#[test]
fn only_known_services_may_be_called_under_registry_only() {
    let text =
        service("default", HOST, 8080) + &mesh("outboundTrafficPolicy: {mode: REGISTRY_ONLY}");
    let loaded = load(&text);
    for port in ["8080", "block_all"] {
        let routes = loaded.config.routes.iter().find(|r| *r.name == *port);
        let last = routes.unwrap().virtual_hosts.last().unwrap();
        assert_eq!(&*last.domains[0], "*");
        let RouteAction::DirectResponse(response) = &last.routes[0].action else {
            panic!("{last:?}");
        };
        assert_eq!(response.status.as_u16(), 502);
    }
    // Every other port, too.
    assert!(loaded.config.listeners.iter().any(|l| l.port.is_none()));
    let any = mesh("outboundTrafficPolicy: {mode: ALLOW_ANY}");
    assert!(problems(&any)[0].contains("that nothing describes is not supported yet"));
    let sidecar = document("Sidecar", "default", "s", "outboundTrafficPolicy: {}");
    assert!(
        load(&sidecar)
            .config
            .listeners
            .iter()
            .any(|l| l.port.is_none())
    );
}

#[test]
fn the_mesh_says_who_sees_what_exports_nothing_itself() {
    let foreign = service("other", "b.other.svc.cluster.local", 80);
    let text = format!("{foreign}{}", mesh("defaultServiceExportTo: [\".\"]"));
    assert!(load(&text).config.clusters.is_empty());
    let public = foreign.replace("spec:\n", "spec:\n  exportTo: [\"*\"]\n");
    let text = format!("{public}{}", mesh("defaultServiceExportTo: [\".\"]"));
    assert_eq!(load(&text).config.clusters.len(), 1);
    // Kubernetes' Services are no exception.
    let kubernetes = "apiVersion: v1\nkind: Service\nmetadata: {name: b, namespace: other}\nspec: \
                      {ports: [{name: http, port: 80}]}\n---\n";
    assert_eq!(load(kubernetes).config.clusters.len(), 1);
    let text = format!("{kubernetes}{}", mesh("defaultServiceExportTo: [\".\"]"));
    assert!(load(&text).config.clusters.is_empty());
}

#[test]
fn a_destination_rule_for_some_workloads_comes_first() {
    let rule = |name: &str, fields: &str, policy: &str| {
        let spec =
            format!("host: a\n{fields}trafficPolicy: {{loadBalancer: {{simple: {policy}}}}}");
        document("DestinationRule", "default", name, &spec)
    };
    let all = rule("a", "", "ROUND_ROBIN");
    let web = rule(
        "z",
        "workloadSelector: {matchLabels: {app: web}}\n",
        "RANDOM",
    );
    let labelled = |app: &str| Client {
        labels: [("app", app)].into_iter().collect(),
        ..client()
    };
    let policy = |client: &Client, text: &str| {
        let text = format!("{}{text}", service("default", HOST, 80));
        let loaded = load_as(client, &Registry::new(), &text);
        loaded
            .cluster(&format!("outbound|80||{HOST}"))
            .lb_policy
            .clone()
    };
    let both = format!("{all}{web}");
    assert_eq!(policy(&labelled("web"), &both), LbPolicy::Random);
    assert_eq!(policy(&labelled("db"), &both), LbPolicy::RoundRobin);
    assert_eq!(policy(&labelled("db"), &web), LbPolicy::default());
    // It stays in its namespace.
    let elsewhere = web
        .replace("namespace: default", "namespace: other")
        .replace("host: a", &format!("host: {HOST}"));
    assert_eq!(policy(&labelled("web"), &elsewhere), LbPolicy::default());
}

#[test]
fn outlier_detection_alone_switches_on_failover_between_localities() {
    let near = Client {
        locality: Locality {
            region: "r1".into(),
            zone: "z1".into(),
            sub_zone: "s1".into(),
        },
        ..client()
    };
    let entry = document(
        "ServiceEntry",
        "default",
        "a",
        &format!(
            "hosts: [{HOST}]\nports: [{{number: 80}}]\nresolution: STATIC\nendpoints:\n- {{address: \
             10.0.0.1, locality: r1/z1/s1}}\n- {{address: 10.0.0.2, locality: r1/z1/s2}}\n- \
             {{address: 10.0.0.3, locality: r1/z2/s1}}\n- {{address: 10.0.0.4, locality: r2}}\n- \
             {{address: 10.0.0.5, locality: r3, labels: {{tier: gold}}}}"
        ),
    );
    let priorities = |policy: &str| -> Vec<u32> {
        let spec = format!("host: a\ntrafficPolicy: {{{policy}}}");
        let rule = document("DestinationRule", "default", "a", &spec);
        let loaded = load_as(&near, &Registry::new(), &format!("{entry}{rule}"));
        let assignment = &loaded.config.assignments[&*format!("outbound|80||{HOST}")];
        let mut found: Vec<(String, u32)> = assignment
            .localities
            .iter()
            .flat_map(|l| {
                l.endpoints
                    .iter()
                    .map(|e| (e.address.to_string(), l.priority))
            })
            .collect();
        found.sort();
        found.into_iter().map(|(_, priority)| priority).collect()
    };
    let locality = |setting: &str| {
        format!("outlierDetection: {{}}, loadBalancer: {{localityLbSetting: {{{setting}}}}}")
    };
    assert_eq!(priorities("outlierDetection: {}"), [0, 1, 2, 3, 3]);
    assert_eq!(priorities(""), [0, 0, 0, 0, 0]);
    assert_eq!(priorities(&locality("enabled: false")), [0, 0, 0, 0, 0]);
    assert_eq!(
        priorities(&locality("failover: [{from: r1, to: r3}]")),
        [0, 1, 2, 4, 3]
    );
    assert_eq!(
        priorities(&locality("failoverPriority: [tier=gold]")),
        [1, 1, 1, 1, 0]
    );
    assert_eq!(
        priorities(&locality(
            "failoverPriority: [topology.kubernetes.io/region]"
        )),
        [0, 0, 0, 1, 1]
    );
}

#[test]
fn names_to_look_up_have_their_locality_and_fail_over_by_it() {
    let near = Client {
        locality: Locality {
            region: "r1".into(),
            ..Locality::default()
        },
        ..client()
    };
    let targets = |policy: &str| -> Vec<(String, String, u32)> {
        let entry = format!(
            "hosts: [{HOST}]\nports: [{{number: 80}}]\nresolution: DNS\nendpoints: [{{address: \
             a.com, locality: r1}}, {{address: b.com, locality: r2}}, {{address: 10.0.0.1, locality: \
             r1}}]"
        );
        let rule = format!("host: a\ntrafficPolicy: {{{policy}}}");
        let text = document("ServiceEntry", "default", "a", &entry)
            + &document("DestinationRule", "default", "a", &rule);
        let loaded = load_as(&near, &Registry::new(), &text);
        let cluster = loaded.cluster(&format!("outbound|80||{HOST}"));
        let Discovery::StrictDns { targets } = &cluster.discovery else {
            panic!("{:?}", cluster.discovery);
        };
        let target = |t: &DnsTarget| {
            let region = t.locality.region.to_string();
            (t.hostname.to_string(), region, t.priority)
        };
        targets.iter().map(target).collect()
    };
    let expected = |priorities: [u32; 3]| {
        let names = [("a.com", "r1"), ("b.com", "r2"), ("10.0.0.1", "r1")];
        let names = names.map(|(name, region)| (name.to_owned(), region.to_owned()));
        let all = names.into_iter().zip(priorities);
        all.map(|((n, r), p)| (n, r, p)).collect::<Vec<_>>()
    };
    assert_eq!(targets(""), expected([0, 0, 0]));
    assert_eq!(targets("outlierDetection: {}"), expected([0, 1, 0]));
}
