//! The indexed router, the naive scan and the explanation agree, on every configuration.

use std::collections::HashSet;

use mesh_core::{
    policy::{PathMatcher, RouteAction, RouteConfiguration},
    routing::{
        Decision, RequestHead, RouteExplanation, Router, RuleOutcome, choose_cluster, explain,
        matches, redirect_location,
    },
};
use proptest::prelude::*;

use crate::generate::Bytes;

/// How many requests each configuration gets.
const REQUESTS: usize = 12;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_index_agrees_with_a_naive_scan(
        bytes in proptest::collection::vec(any::<u8>(), 0..2000),
    ) {
        check(&bytes);
    }
}

/// Under `cargo test` a short random run; `cargo bolero test` drives it by coverage.
#[test]
fn fuzz_the_router() {
    bolero::check!()
        .with_iterations(3000)
        .with_test_time(std::time::Duration::from_secs(5))
        .with_max_len(2000)
        .for_each(check);
}

fn check(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let config = bytes.config();
    let valid = is_valid(&config);
    let router = match Router::try_new(config.into()) {
        Ok(router) => router,
        Err(error) => {
            assert!(!valid, "{error}");
            return;
        }
    };
    assert!(valid, "accepted {:?}", router.config());
    for _ in 0..REQUESTS {
        let request = bytes.request();
        check_request(&router, &request.head(), bytes.draw());
    }
}

fn check_request(router: &Router, head: &RequestHead<'_>, draw: u64) {
    let config = router.config();
    let explanation = explain(router, head, draw);
    assert!(explanation.to_string().starts_with(head.method.as_str()));
    let host = router.virtual_host(head.authority);
    assert_eq!(
        host,
        naive_host(config, head.authority),
        "{head:?} {config:?}"
    );
    assert_eq!(
        explanation.virtual_host.as_ref().map(|h| h.index).ok(),
        host
    );
    let Some(host) = host else {
        return assert_eq!(explanation.decision, Decision::NoRoute);
    };
    let route = router.route(host, head, draw);
    let routes = &config.virtual_hosts[host].routes;
    let naive = routes
        .iter()
        .position(|route| matches(&route.matches, head, draw).is_ok());
    assert_eq!(route, naive, "{head:?} {draw} {routes:?}");
    check_explanation(&explanation, config, (host, route), head, draw);
}

fn check_explanation(
    explanation: &RouteExplanation,
    config: &RouteConfiguration,
    (host, route): (usize, Option<usize>),
    head: &RequestHead<'_>,
    draw: u64,
) {
    let matched = |rule: &&mesh_core::routing::RuleTried| rule.outcome == RuleOutcome::Matched;
    let explained = explanation.rules.iter().find(matched);
    assert_eq!(explained.map(|rule| rule.index), route, "{explanation}");
    let routes = &config.virtual_hosts[host].routes;
    let Some(route) = route.map(|index| &routes[index]) else {
        assert_eq!(explanation.rules.len(), routes.len());
        return assert_eq!(explanation.decision, Decision::NoRoute);
    };
    match (&route.action, &explanation.decision) {
        (RouteAction::Forward(action), Decision::Cluster(cluster)) => {
            let choice = choose_cluster(action, head, draw).map(|choice| choice.name);
            assert_eq!(choice, cluster.name.as_deref());
        }
        (RouteAction::Redirect(redirect), Decision::Redirect { location, .. }) => {
            let expected = redirect_location(redirect, &route.matches.path, head);
            assert_eq!(*location, expected);
        }
        (RouteAction::DirectResponse(_), Decision::DirectResponse { .. }) => {}
        other => panic!("{other:?}"),
    }
}

/// Written from the rules, with nothing of the router's.
fn naive_host(config: &RouteConfiguration, authority: &str) -> Option<usize> {
    let mut host = authority.to_ascii_lowercase();
    if config.ignore_port_in_host_matching
        && let Some(colon) = host.rfind(':')
        && host.rfind(']').is_none_or(|bracket| bracket < colon)
    {
        host.truncate(colon);
    }
    let mut best: Option<((u8, usize), usize)> = None;
    for (index, virtual_host) in config.virtual_hosts.iter().enumerate() {
        for domain in &virtual_host.domains {
            let domain = domain.to_ascii_lowercase();
            let kind = if domain == "*" {
                0
            } else if let Some(suffix) = domain.strip_prefix('*') {
                if !host.ends_with(suffix) || host.len() == suffix.len() {
                    continue;
                }
                2
            } else if let Some(prefix) = domain.strip_suffix('*') {
                if !host.starts_with(prefix) || host.len() == prefix.len() {
                    continue;
                }
                1
            } else if domain == host {
                3
            } else {
                continue;
            };
            let rank = (kind, domain.len());
            if best.is_none_or(|(known, _)| rank > known) {
                best = Some((rank, index));
            }
        }
    }
    best.map(|(_, index)| index)
}

fn is_valid(config: &RouteConfiguration) -> bool {
    let mut seen = HashSet::new();
    let mut domains = config.virtual_hosts.iter().flat_map(|host| &host.domains);
    let routes = config.virtual_hosts.iter().flat_map(|host| &host.routes);
    domains.all(|domain| {
        let inner = domain.get(1..domain.len().max(2) - 1).unwrap_or("");
        let both_ends = domain.len() > 1 && domain.starts_with('*') && domain.ends_with('*');
        seen.insert(domain.to_ascii_lowercase()) && !inner.contains('*') && !both_ends
    }) && config
        .virtual_hosts
        .iter()
        .all(|host| !host.domains.is_empty())
        && routes.into_iter().all(|route| match &route.matches.path {
            PathMatcher::SeparatedPrefix(prefix) => !prefix.ends_with('/'),
            _ => true,
        })
}
