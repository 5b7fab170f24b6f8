//! The documents that this project started from, as they stand.

use std::collections::BTreeMap;

use mesh_tests::{Bed, Server, get};

const RULE: &str = include_str!("../../../mesh-xds/tests/seeds/destination-rule.yaml");
const WEIGHTS: &str = include_str!("../../../mesh-xds/tests/seeds/virtual-service-weights.yaml");
const USER_AGENT: &str =
    include_str!("../../../mesh-xds/tests/seeds/virtual-service-user-agent.yaml");
const URL: &str = "http://recommendation:8080/";

/// Two versions of `recommendation`, under the rule and one of the VirtualServices.
async fn recommendation(virtual_service: &str) -> (Bed, [Server; 2]) {
    let servers = [Server::start("v1").await, Server::start("v2").await];
    let mut bed = Bed::new(7);
    for (server, version) in servers.iter().zip(["v1", "v2"]) {
        bed.add("recommendation", 8080, version, server.address);
    }
    bed.dir.write("destination-rule.yaml", RULE);
    bed.dir.write("virtual-service.yaml", virtual_service);
    let source = bed.source().with_namespace("tutorial");
    source.start(&bed.mesh).await.unwrap();
    (bed, servers)
}

#[tokio::test]
async fn ninety_to_ten() {
    let (bed, servers) = recommendation(WEIGHTS).await;
    let mut answers = BTreeMap::new();
    for _ in 0..2_000 {
        let reply = bed.get(URL).await;
        assert_eq!(reply.outcome(), (200, ""), "{}", reply.text);
        *answers.entry(reply.by).or_insert(0_usize) += 1;
    }
    // Binomial: 200 expected, standard deviation 13.4; five of them are 67.
    assert!((133..=267).contains(&answers["v2"]), "{answers:?}");
    // Each caller heard from the server that was asked.
    assert_eq!(servers.map(|s| s.hits()), [answers["v1"], answers["v2"]]);
}

#[tokio::test]
async fn safari_goes_to_v1_and_the_rest_to_v2() {
    let (bed, _servers) = recommendation(USER_AGENT).await;
    let safari = "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Version/17.4 Safari/605.1.15";
    for (agent, version) in [(safari, "v1"), ("Firefox/128.0", "v2"), ("safari", "v2")] {
        let reply = get(&bed.client, URL, &[("baggage-user-agent", agent)]).await;
        assert_eq!((reply.status, &*reply.by), (200, version), "{agent}");
    }
    assert_eq!(bed.get(URL).await.by, "v2", "without the header");
}
