//! Decoding what the control plane encodes yields an equal policy.

use std::{fmt::Debug, fs, path::Path, sync::Arc};

use mesh_conformance::{
    Result,
    generate::{CLUSTERS, Draws, route_configuration},
};
use mesh_core::{
    Config, Mesh,
    policy::{Cluster, Endpoint, Listener},
};
use mesh_xds::{
    EnvoySource,
    resource::{self, Resource, Resources},
    server::{Dialect, Served},
};

use crate::{
    canonical::{canonical, text},
    sets,
};

/// What may be lost, by its field: what policy has of Gateway API, and xDS has not.
const LOST: [&str; 3] = [
    "redirect.strip_port",
    "retry_policy.retry_back_off",
    "fraction",
];

/// What a client makes of all that it is sent.
fn received(served: &Served) -> Config {
    let mut resources = Resources::default();
    let version = Arc::from("1");
    for any in &served.resources {
        let accepted = resource::decode(any, &version).unwrap_or_else(|error| panic!("{error}"));
        match accepted.resource {
            Resource::Listener(listener) => resources.listeners.push(*listener),
            Resource::RouteConfiguration(routes) => resources.routes.push(routes),
            Resource::Cluster(cluster) => resources.clusters.push(*cluster),
            Resource::ClusterLoadAssignment(of) => {
                resources.assignments.insert(accepted.name, of);
            }
            other => panic!("{other:?} is not served"),
        }
    }
    resources.config()
}

/// Whether it was said whole, and understood so.
fn round_trip(name: &str, config: Config) -> bool {
    let mesh = Mesh::new();
    mesh.publish(config.clone())
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let served = Served::of(&mesh, Dialect::Mesh);
    let mut whole = true;
    for note in &served.notes {
        let of_hosts = note.field.is_empty() && note.message.contains("its hosts alone");
        let is_lost = LOST.contains(&&*note.field);
        assert!(of_hosts || is_lost, "{name}: {note}");
        whole &= !is_lost;
    }
    if whole {
        // What no listener names is no more asked for.
        let (mut expected, mut received) = (canonical(config), canonical(received(&served)));
        let named = |config: &Config| {
            let chains = config.listeners.iter().flat_map(Listener::chains);
            let text: Vec<_> = chains.map(|chain| format!("{:?}", chain.filter)).collect();
            text.join("\n")
        };
        let named = named(&expected);
        for config in [&mut expected, &mut received] {
            config
                .routes
                .retain(|r| named.contains(&format!("{:?}", r.name)));
        }
        same(name, &received.listeners, &expected.listeners);
        same(name, &received.routes, &expected.routes);
        same(name, &received.clusters, &expected.clusters);
        let sorted = |config: &Config| {
            let mut all: Vec<_> = config.assignments.clone().into_iter().collect();
            all.sort_by(|a, b| a.0.cmp(&b.0));
            all
        };
        same(name, &sorted(&received), &sorted(&expected));
    }
    whole
}

/// Shows where two begin to differ, for they are long.
fn same<T: Debug>(name: &str, received: &T, expected: &T) {
    let (received, expected) = (text(received), text(expected));
    if received == expected {
        return;
    }
    let at = received.bytes().zip(expected.bytes());
    let at = at.take_while(|(a, b)| a == b).count();
    let around = |text: &str| text[at.saturating_sub(300)..(at + 200).min(text.len())].to_owned();
    panic!(
        "{name}:\nreceived …{}\nexpected …{}",
        around(&received),
        around(&expected)
    );
}

#[test]
fn all_yaml_of_the_project() -> Result {
    let (mut whole, mut lossy) = (0, Vec::new());
    for set in sets()? {
        let Some(config) = set.load()? else {
            continue;
        };
        match round_trip(&set.name, config) {
            true => whole += 1,
            false => lossy.push(set.name),
        }
    }
    assert!(whole > 100, "{whole}");
    // Only the Gateway API has what xDS has not.
    let others: Vec<_> = lossy
        .iter()
        .filter(|name| {
            let gateway = ["Route", "gateway", "HTTPRequestRedirectFilter", "Fraction"];
            !gateway.iter().any(|part| name.contains(part))
        })
        .collect();
    assert!(others.is_empty(), "{others:?}");
    Ok(())
}

#[test]
fn every_field_of_every_message_of_xds() -> Result {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mesh-xds/src/resource/tests/seeds");
    let text = fs::read_to_string(seeds.join("static.yaml"))?;
    let config = EnvoySource::parse("static.yaml", &text)?.config;
    assert!(round_trip("static.yaml", config));
    Ok(())
}

#[test]
fn generated_policies() {
    let draws = Draws::new(1);
    for n in 0..2_000 {
        let routes = route_configuration(&draws);
        let config = CLUSTERS.iter().fold(Config::default(), |config, name| {
            let endpoint = Endpoint::new(std::net::SocketAddr::from(([127, 0, 0, 1], 80)));
            config.cluster(Cluster::new(*name), [endpoint])
        });
        round_trip(&format!("policy {n}"), config.routing(routes));
    }
}
