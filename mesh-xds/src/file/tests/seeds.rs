//! The three documents that the project started from load as they stand.

use mesh_core::policy::{HeaderMatch, HeaderMatcherName, Origin, StringMatch};

use super::*;
use crate::FileSource;

const V1: &str = "outbound|80|version-v1|recommendation.tutorial.svc.cluster.local";
const V2: &str = "outbound|80|version-v2|recommendation.tutorial.svc.cluster.local";
const HOST: &str = "recommendation.tutorial.svc.cluster.local";

/// Loads the seeds through real files, side by side.
fn load_files(names: &[&str]) -> Loaded {
    let dir = TempDir::new();
    for name in names {
        dir.write(name, &seed(name));
    }
    let source = FileSource::new(&dir.0);
    source.load().unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn the_weights_split_90_to_10() {
    let loaded = load_files(&["destination-rule.yaml", "virtual-service-weights.yaml"]);
    assert_eq!(notes(&loaded), [""; 0]);
    assert_eq!(loaded.config.listeners.len(), 1);
    assert_eq!(loaded.config.listeners[0].port, Some(80));
    let routes = loaded.routes(80, HOST);
    assert_eq!(routes.len(), 1);
    assert_eq!(
        targets(&routes[0]),
        [(V1.to_owned(), 90), (V2.to_owned(), 10)]
    );
    let Origin::File { path, line } = &routes[0].origin else {
        panic!("{:?}", routes[0].origin);
    };
    assert!(path.ends_with("virtual-service-weights.yaml"));
    assert_eq!(*line, 10);
    for (cluster, line) in [(V1, 9), (V2, 12)] {
        let origin = loaded.cluster(cluster).origin.to_string();
        assert!(
            origin.ends_with(&format!("destination-rule.yaml:{line}")),
            "{origin}"
        );
        // Nothing is registered yet, and nothing else is known.
        assert_eq!(loaded.endpoints(cluster), [""; 0]);
    }
}

#[test]
fn the_user_agent_chooses_the_version() {
    let loaded = load_files(&["destination-rule.yaml", "virtual-service-user-agent.yaml"]);
    let routes = loaded.routes(80, HOST);
    assert_eq!(targets(&routes[0]), [(V1.to_owned(), 0)]);
    assert_eq!(targets(&routes[1]), [(V2.to_owned(), 0)]);
    assert!(routes[1].matches.headers.is_empty());
    let [header] = &routes[0].matches.headers[..] else {
        panic!("{:?}", routes[0].matches);
    };
    let HeaderMatcherName::Header(name) = &header.name else {
        panic!("{header:?}");
    };
    assert_eq!(name, "baggage-user-agent");
    let HeaderMatch::String(matcher) = &header.kind else {
        panic!("{header:?}");
    };
    assert!(matches!(&matcher.kind, StringMatch::Regex(r) if r.as_str() == ".*Safari.*"));
}

#[test]
fn the_two_rules_for_one_host_are_one_resource_twice() {
    let text = [
        seed("virtual-service-weights.yaml"),
        seed("virtual-service-user-agent.yaml"),
    ]
    .join("\n---\n");
    let problems = problems(&text);
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0]
            .contains("VirtualService tutorial/recommendation is given twice; the first is at"),
        "{problems:?}"
    );
}

#[test]
fn registered_versions_join_their_subsets() {
    let registry = Registry::new();
    let text = [
        seed("destination-rule.yaml"),
        seed("virtual-service-weights.yaml"),
    ]
    .join("\n---\n");
    let version = |v: &str| [("version", v.to_owned())].into_iter().collect();
    let at = |port: u16| std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let _v1 = registry.register("recommendation.tutorial", 80, at(1001), version("v1"));
    let _v2 = registry.register("recommendation.tutorial.svc", 80, at(1002), version("v2"));
    let _other = registry.register("recommendation.tutorial", 80, at(1003), version("v3"));
    let loaded = load_as(&client(), &registry, &text);
    assert_eq!(loaded.endpoints(V1), ["127.0.0.1:1001"]);
    assert_eq!(loaded.endpoints(V2), ["127.0.0.1:1002"]);
    assert_eq!(loaded.endpoints(&format!("outbound|80||{HOST}")).len(), 3);
}
