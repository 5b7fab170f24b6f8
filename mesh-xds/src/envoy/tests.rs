//! Envoy's files: what loads, and what is said of what does not.

use std::{net::SocketAddr, time::Duration};

use mesh_core::{
    Mesh,
    policy::{Discovery, HashFunction, LbPolicy, Maglev, RingHash, RouteAction},
};

use super::EnvoySource;
use crate::dns::{Resolve, ResolveFuture};

const BOOTSTRAP: &str = include_str!("../resource/tests/seeds/static.yaml");

fn problems(text: &str) -> String {
    EnvoySource::parse("envoy.yaml", text)
        .unwrap_err()
        .to_string()
}

const CLUSTER: &str = "\
'@type': type.googleapis.com/envoy.config.cluster.v3.Cluster
name: a
";

#[test]
fn a_bootstrap_loads_and_everything_knows_its_line() {
    let loaded = EnvoySource::parse("envoy.yaml", BOOTSTRAP).unwrap();
    let line = |text: &str| {
        1 + BOOTSTRAP
            .lines()
            .position(|l| l.trim_end().ends_with(text))
            .unwrap()
    };
    let config = &loaded.config;
    let route = &config.routes[0].virtual_hosts[0].routes[0];
    assert_eq!(
        route.origin.to_string(),
        format!("envoy.yaml:{}", line("name: everything"))
    );
    let cluster = &config.clusters[0];
    assert_eq!(
        cluster.origin.to_string(),
        format!(
            "envoy.yaml:{}",
            1 + BOOTSTRAP
                .lines()
                .position(|l| l == "  - name: static")
                .unwrap()
        )
    );
    assert_eq!(cluster.connect_timeout, Duration::from_millis(500));
    assert_eq!(
        cluster.lb_policy,
        LbPolicy::LeastRequest { choice_count: 3 }
    );
    assert_eq!(cluster.overprovisioning_factor, 150);
    assert_eq!(config.assignments["static"].len(), 2);
    let strict = config.clusters.iter().find(|c| &*c.name == "strict");
    assert!(
        matches!(&strict.unwrap().discovery, Discovery::StrictDns { targets }
        if &*targets[0].hostname == "localhost" && targets[0].weight == 2)
    );
    let notes: Vec<_> = loaded.notes.iter().map(ToString::to_string).collect();
    let stat_prefix = format!(
        "ignored: envoy.yaml:{}: static_resources.listeners[0].filter_chains[0].filters[0]\
         .typed_config.stat_prefix: statistics",
        line("stat_prefix: out")
    );
    assert!(notes.contains(&stat_prefix), "{notes:#?}");
}

/// Defaults are Envoy's, not the policy model's.
#[test]
fn what_is_left_out_has_envoys_default() {
    let loaded = EnvoySource::parse("envoy.yaml", CLUSTER).unwrap();
    let cluster = &loaded.config.clusters[0];
    assert_eq!(cluster.lb_policy, LbPolicy::RoundRobin);
    assert_eq!(cluster.connect_timeout, Duration::from_secs(5));
    assert_eq!(cluster.circuit_breakers.default.max_retries, 3);

    let routes = "\
'@type': type.googleapis.com/envoy.config.listener.v3.Listener
name: l
api_listener:
  api_listener:
    '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
    http_filters:
    - name: router
      typed_config: { '@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
    route_config:
      virtual_hosts:
      - name: v
        domains: ['*']
        routes:
        - { match: { prefix: / }, route: { cluster: a } }
        - { match: { prefix: / }, route: { cluster: a, timeout: 0s } }
        - { match: { prefix: / }, route: { cluster: a, max_stream_duration: {} } }
";
    let loaded = EnvoySource::parse("envoy.yaml", routes).unwrap();
    let host = &loaded.config.routes[0].virtual_hosts[0];
    let timeouts = host.routes.iter().map(|route| match &route.action {
        RouteAction::Forward(action) => action.timeouts.timeout,
        other => panic!("{other:?}"),
    });
    assert_eq!(
        timeouts.collect::<Vec<_>>(),
        [Some(Duration::from_secs(15)), None, None]
    );
}

#[test]
fn unknown_unsupported_and_rejected_fields_are_told_with_their_lines() {
    let text = format!(
        "{CLUSTER}conect_timeout: 1s\nhealth_checks: []\ntransport_socket_matches: []\n\
         lb_policy: CLUSTER_PROVIDED\nload_assignment: {{ cluster_name: a, endpoints: [{{ priority: 999 }}] }}\n"
    );
    assert_eq!(
        problems(&text),
        "\
envoy.yaml:3: conect_timeout: unknown field, did you mean `connect_timeout`?
envoy.yaml:4: health_checks: is not supported (active health checking)
envoy.yaml:5: transport_socket_matches: is not supported (TLS is not supported yet)
envoy.yaml:6: lb_policy: CLUSTER_PROVIDED is not supported
envoy.yaml:7: load_assignment.endpoints[0].priority: must be from 0 to 128"
    );
}

#[test]
fn values_are_checked_by_protobufs_rules() {
    for (field, says) in [
        (
            "connect_timeout: 1m",
            "connect_timeout: must be a duration in seconds, such as 1.5s",
        ),
        ("connectTimeout: 0s", "connect_timeout: must be above 0"),
        (
            "lb_policy: LEAST_REQUESTS",
            "lb_policy: unknown value `LEAST_REQUESTS`, did you mean `LEAST_REQUEST`?",
        ),
        (
            "lb_policy: ROUND_ROBIN\nlbPolicy: RANDOM",
            "lb_policy: is given twice",
        ),
        (
            "type: EDS\ncluster_type: {}",
            "cluster_type: excludes `type`",
        ),
        (
            "eds_cluster_config: {}",
            "eds_cluster_config: needs type EDS",
        ),
        (
            "circuit_breakers: []",
            "circuit_breakers: must be a mapping (envoy.config.cluster.v3.CircuitBreakers)",
        ),
        (
            "circuit_breakers: { thresholds: {} }",
            "circuit_breakers.thresholds: must be a list",
        ),
        (
            "circuit_breakers: { thresholds: [{ max_requests: -1 }] }",
            "circuit_breakers.thresholds[0].max_requests: must be a whole number from 0 to 4294967295",
        ),
        (
            "typed_extension_protocol_options: { a: { b: 1 } }",
            "typed_extension_protocol_options[a]: needs an `@type`",
        ),
    ] {
        let said = problems(&format!("{CLUSTER}{field}\n"));
        let said: Vec<_> = said
            .lines()
            .filter_map(|l| Some(l.splitn(3, ':').nth(2)?.trim()))
            .collect();
        assert!(said.contains(&says), "{field}: {said:#?}");
    }
}

#[test]
fn tables_are_read_alike_from_lb_policy_and_from_extensions() {
    let of = |text: &str| {
        let loaded = EnvoySource::parse("envoy.yaml", &format!("{CLUSTER}{text}\n")).unwrap();
        let notes: Vec<_> = loaded.notes.iter().map(ToString::to_string).collect();
        (loaded.config.clusters[0].lb_policy.clone(), notes)
    };
    let extension = |package: &str, name: &str, fields: &str| {
        of(&format!(
            "load_balancing_policy: {{ policies: [{{ typed_extension_config: {{ name: a, typed_config: \
             {{ '@type': a/envoy.extensions.load_balancing_policies.{package}.v3.{name}, {fields} }} }} }}] }}"
        ))
    };
    let dns = "type: STRICT_DNS\nload_assignment: { cluster_name: a, endpoints: [{ lb_endpoints: [{ \
               endpoint: { address: { socket_address: { address: b, port_value: 1 } } } }] }] }";
    let by_hostname = "consistent_hashing_lb_config: { use_hostname_for_hashing: true }";

    let mut ring = RingHash::try_new(10, 20).unwrap();
    ring.hash_function = HashFunction::MurmurHash2;
    ring.use_hostname_for_hashing = true;
    let ring = (LbPolicy::RingHash(ring), vec![]);
    let sizes = "minimum_ring_size: 10, maximum_ring_size: 20, hash_function: MURMUR_HASH_2";
    let legacy = format!(
        "{dns}\nlb_policy: RING_HASH\nring_hash_lb_config: {{ {sizes} }}\ncommon_lb_config: {{ {by_hostname} }}"
    );
    assert_eq!(of(&legacy), ring);
    let deprecated = format!("{sizes}, use_hostname_for_hashing: true");
    assert_eq!(extension("ring_hash", "RingHash", &deprecated), ring);
    let new = format!("{sizes}, {by_hostname}");
    assert_eq!(extension("ring_hash", "RingHash", &new), ring);
    let defaults = (LbPolicy::RingHash(RingHash::default()), vec![]);
    assert_eq!(of("lb_policy: RING_HASH"), defaults);
    assert_eq!(extension("ring_hash", "RingHash", ""), defaults);

    let mut table = Maglev::try_new(251).unwrap();
    table.use_hostname_for_hashing = true;
    let table = (LbPolicy::Maglev(table), vec![]);
    let legacy = format!(
        "{dns}\nlb_policy: MAGLEV\nmaglev_lb_config: {{ table_size: 251 }}\ncommon_lb_config: {{ {by_hostname} }}"
    );
    assert_eq!(of(&legacy), table);
    let new = format!("table_size: 251, {by_hostname}");
    assert_eq!(extension("maglev", "Maglev", &new), table);
    let defaults = (LbPolicy::Maglev(Maglev::default()), vec![]);
    assert_eq!(of("lb_policy: MAGLEV"), defaults);

    let unread = of(&format!("{dns}\ncommon_lb_config: {{ {by_hostname} }}"));
    assert_eq!(unread.0, LbPolicy::RoundRobin);
    assert!(
        unread.1[0].contains("only RING_HASH and MAGLEV read it"),
        "{unread:?}"
    );
}

#[test]
fn tables_that_cannot_be_made_are_refused_by_place() {
    for (text, says) in [
        (
            "lb_policy: RING_HASH\nring_hash_lb_config: { minimum_ring_size: 3, maximum_ring_size: 2 }",
            "envoy.yaml:4: ring_hash_lb_config.minimum_ring_size: a ring has from 1 to 8388608 hashes \
             and minimum_ring_size is at most maximum_ring_size, not 3 and 2",
        ),
        (
            "lb_policy: RING_HASH\nring_hash_lb_config: { maximum_ring_size: 8388609 }",
            "envoy.yaml:4: ring_hash_lb_config.maximum_ring_size: must be at most 8388608",
        ),
        (
            "lb_policy: MAGLEV\nmaglev_lb_config: { table_size: 65536 }",
            "envoy.yaml:4: maglev_lb_config.table_size: must be a prime number of at most 5000011, not 65536",
        ),
        (
            "lb_policy: MAGLEV\ncommon_lb_config: { consistent_hashing_lb_config: { use_hostname_for_hashing: true } }",
            "envoy.yaml:4: common_lb_config.consistent_hashing_lb_config.use_hostname_for_hashing: \
             excludes type STATIC",
        ),
        (
            "lb_policy: MAGLEV\nring_hash_lb_config: {}",
            "envoy.yaml:4: ring_hash_lb_config: needs lb_policy RING_HASH",
        ),
        (
            "lb_policy: RING_HASH\ncommon_lb_config: { consistent_hashing_lb_config: { hash_balance_factor: 150 } }",
            "envoy.yaml:4: common_lb_config.consistent_hashing_lb_config.hash_balance_factor: is not \
             supported (bounded loads)",
        ),
    ] {
        assert_eq!(problems(&format!("{CLUSTER}{text}\n")), says);
    }
}

#[test]
fn documents_of_other_kinds_are_told() {
    assert!(problems("a: 1").contains("unknown field of envoy.config.bootstrap.v3.Bootstrap"));
    assert!(problems("- 1").contains("must be a mapping"));
    assert!(problems("'@type': a/b.C").contains("`b.C` is no resource that is known"));
    assert!(problems("node: {}").contains("static_resources: is required"));
    let twice = format!("{CLUSTER}---\n{CLUSTER}");
    assert!(
        problems(&twice).contains("envoy.yaml:4: cluster `a` is already given at envoy.yaml:1")
    );
}

#[derive(Debug)]
struct Two;

impl Resolve for Two {
    fn resolve<'a>(&'a self, host: &'a str) -> ResolveFuture<'a> {
        let known = host == "two.example";
        Box::pin(async move {
            match known {
                true => Ok(vec![[10, 0, 0, 1].into(), [10, 0, 0, 2].into()]),
                false => Err(std::io::ErrorKind::NotFound.into()),
            }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_started_source_publishes_and_resolves() {
    let dir = std::env::temp_dir().join(format!("mesh-envoy-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let cluster = r#"{"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "name": "dns", "type": "STRICT_DNS", "loadAssignment": {"clusterName": "dns", "endpoints":
        [{"lbEndpoints": [{"endpoint": {"address": {"socketAddress":
        {"address": "two.example", "portValue": 80}}}}]}]}}"#;
    std::fs::write(dir.join("dns.json"), cluster).unwrap();
    let mesh = Mesh::new();
    EnvoySource::new(&dir)
        .with_resolver(Two)
        .start(&mesh)
        .await
        .unwrap();
    let snapshot = mesh.load();
    let assigned = snapshot.cluster("dns").unwrap().assignment();
    let addresses: Vec<_> = assigned
        .endpoints()
        .map(|e| e.address.to_string())
        .collect();
    let expected: [SocketAddr; 2] = [([10, 0, 0, 1], 80).into(), ([10, 0, 0, 2], 80).into()];
    assert_eq!(addresses, expected.map(|a| a.to_string()));
    std::fs::remove_dir_all(&dir).unwrap();
}

#[tokio::test]
async fn an_edit_takes_effect_and_a_broken_one_keeps_the_last_good() {
    let dir = std::env::temp_dir().join(format!("mesh-envoy-edit-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let file = dir.join("envoy.yaml");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    let until = async |mesh: &Mesh, what: &str, is: &dyn Fn(&Mesh) -> bool| {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        while !is(mesh) {
            assert!(
                tokio::time::Instant::now() < deadline,
                "not in time: {what}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    write(CLUSTER);
    let mesh = Mesh::new();
    EnvoySource::new(&dir).start(&mesh).await.unwrap();
    assert!(mesh.load().cluster("a").is_some());
    assert_eq!(mesh.status().notes, []);

    write(&format!("{CLUSTER}alt_stat_name: x\n").replace("name: a", "name: b"));
    until(&mesh, "edit", &|mesh| mesh.load().cluster("b").is_some()).await;
    assert!(mesh.load().cluster("a").is_none());
    let notes = mesh.status().notes;
    assert_eq!(notes.len(), 1);
    assert_eq!(notes[0].field, "alt_stat_name");
    assert_eq!(notes[0].origin.to_string(), format!("{}:3", file.display()));

    write("'@type': nothing");
    until(&mesh, "error", &|mesh| mesh.status().last_error.is_some()).await;
    assert!(mesh.load().cluster("b").is_some());
    assert_eq!(mesh.status().notes, notes);
    let error = mesh.status().last_error.unwrap();
    assert!(error.contains("envoy.yaml:1: "), "{error}");

    write(CLUSTER);
    until(&mesh, "repair", &|mesh| mesh.status().last_error.is_none()).await;
    assert!(mesh.load().cluster("a").is_some());
    std::fs::remove_dir_all(&dir).unwrap();
}

/// As Envoy, which answers 503 UH then.
#[test]
fn a_cluster_may_have_no_names_to_look_up() {
    let cluster = |kind: &str| {
        let text = format!(
            "'@type': type.googleapis.com/envoy.config.cluster.v3.Cluster\nname: a\ntype: {kind}\n\
             load_assignment: {{cluster_name: a}}\n"
        );
        EnvoySource::parse("a.yaml", &text)
    };
    assert_eq!(cluster("STRICT_DNS").unwrap().config.clusters.len(), 1);
    let error = cluster("LOGICAL_DNS").unwrap_err();
    assert!(error.to_string().contains("must have exactly one endpoint"));
}
