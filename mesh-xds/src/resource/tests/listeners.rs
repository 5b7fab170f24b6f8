//! Listeners with several filter chains, and those for connections.

use std::time::Duration;

use mesh_core::policy::{Listener, NetworkFilter, TransportProtocol};

use crate::EnvoySource;

const TCP: &str = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";

/// A listener on port 9 with these fields.
fn parse(fields: &str) -> Result<Listener, Vec<String>> {
    let text = format!(
        "{{\"@type\": type.googleapis.com/envoy.config.listener.v3.Listener, name: l, address: \
         {{socket_address: {{address: 127.0.0.1, port_value: 9}}}}, {fields}}}"
    );
    match EnvoySource::parse("f.yaml", &text) {
        Ok(mut loaded) => Ok(loaded.config.listeners.remove(0)),
        Err(error) => Err(error.problems().iter().map(ToString::to_string).collect()),
    }
}

fn chain(matches: &str, proxy: &str) -> String {
    format!(
        "{{filter_chain_match: {{{matches}}}, filters: [{{name: tcp, typed_config: {{\"@type\": {TCP}, \
         stat_prefix: s, {proxy}}}}}]}}"
    )
}

#[test]
fn chains_for_connections_are_read_whole() {
    let first = chain(
        "destination_port: 9, prefix_ranges: [{address_prefix: 10.1.2.3, prefix_len: 8}, \
         {address_prefix: \"::\"}], server_names: [a.com, \"*.B.com\"], transport_protocol: tls, \
         application_protocols: [h2]",
        "weighted_clusters: {clusters: [{name: a, weight: 3}, {name: b, weight: 1, metadata_match: \
         {filter_metadata: {envoy.lb: {v: one}}}}]}, metadata_match: {filter_metadata: {envoy.lb: \
         {tier: gold}}}, idle_timeout: 0s, max_downstream_connection_duration: 5s, \
         max_connect_attempts: 3",
    );
    let default = chain("", "cluster: c");
    let listener = parse(&format!(
        "filter_chains: [{first}], default_filter_chain: {default}"
    ))
    .unwrap();
    assert_eq!(listener.port, Some(9));
    let chain = &listener.filter_chains[0];
    let matches = &chain.matches;
    assert_eq!(matches.destination_port, Some(9));
    let ranges = matches.prefix_ranges.iter().map(ToString::to_string);
    assert_eq!(ranges.collect::<Vec<_>>(), ["10.0.0.0/8", "::/0"]);
    let names = matches.server_names.iter().map(ToString::to_string);
    assert_eq!(names.collect::<Vec<_>>(), ["a.com", "*.b.com"]);
    assert_eq!(matches.transport_protocol, Some(TransportProtocol::Tls));
    assert_eq!(matches.application_protocols, ["h2".into()]);
    let NetworkFilter::Tcp(proxy) = &chain.filter else {
        panic!("{chain:?}");
    };
    let entries = proxy.clusters.entries().iter();
    let entries: Vec<_> = entries
        .map(|e| (&*e.name, e.weight, e.metadata_match.to_string()))
        .collect();
    assert_eq!(
        entries,
        [("a", 3, String::new()), ("b", 1, "v=one".to_owned())]
    );
    assert_eq!(proxy.metadata_match.to_string(), "tier=gold");
    assert_eq!(proxy.idle_timeout, None);
    assert_eq!(proxy.max_connection_duration, Some(Duration::from_secs(5)));
    assert_eq!(proxy.max_connect_attempts.get(), 3);

    let default = listener.default_filter_chain.unwrap();
    let NetworkFilter::Tcp(proxy) = &default.filter else {
        panic!("{default:?}");
    };
    assert_eq!(&*proxy.clusters.entries()[0].name, "c");
    assert_eq!(proxy.idle_timeout, Some(Duration::from_secs(3600)));
    assert_eq!(proxy.max_connect_attempts.get(), 1);
}

#[test]
fn what_cannot_be_honoured_is_rejected_by_name() {
    let one = |matches: &str, proxy: &str| format!("filter_chains: [{}]", chain(matches, proxy));
    let to = "cluster: c";
    for (fields, problem) in [
        (one("source_ports: [1]", to), "source_ports"),
        (one("source_type: EXTERNAL", to), "source_type"),
        (
            one("source_prefix_ranges: [{address_prefix: 10.0.0.0}]", to),
            "source_prefix_ranges",
        ),
        (one("destination_port: 0", to), "0 is no port"),
        (
            one("transport_protocol: quic", to),
            "neither raw_buffer nor tls",
        ),
        (one("server_names: [\"a.*\"]", to), "a server name is full"),
        (
            one(
                "prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 33}]",
                to,
            ),
            "neither an IP address nor",
        ),
        (
            one("", "cluster: c, hash_policy: [{source_ip: {}}]"),
            "hash_policy",
        ),
        (
            one("", "cluster: c, tunneling_config: {hostname: a}"),
            "tunneling_config",
        ),
        (
            one("", "idle_timeout: 1s"),
            "cluster_specifier: is required",
        ),
        (
            one("", "weighted_clusters: {clusters: [{name: a, weight: 0}]}"),
            "weight: must be above 0",
        ),
        (
            one("", "cluster: c, max_connect_attempts: 0"),
            "max_connect_attempts: must be above 0",
        ),
        (
            one("", "cluster: c, max_downstream_connection_duration: 0s"),
            "must be at least 1 ms",
        ),
        (
            format!("traffic_direction: INBOUND, {}", one("", to)),
            "inbound listeners are not supported yet",
        ),
        (
            format!(
                "filter_chains: [{0}, {0}]",
                chain("server_names: [a.com]", to)
            ),
            "filter chains 0 and 1 overlap",
        ),
        (
            "traffic_direction: OUTBOUND".to_owned(),
            "it has no filter chain",
        ),
    ] {
        let problems = parse(&fields).unwrap_err();
        assert!(
            problems.iter().any(|p| p.contains(problem)),
            "{fields}: {problems:#?}"
        );
    }
}
