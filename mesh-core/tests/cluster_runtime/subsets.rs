//! Subsets and their fallbacks.

use mesh_core::{
    cluster::PickArgs,
    cluster::PickError,
    policy::{ClusterLoadAssignment, HealthStatus, LbPolicy, Percent, SubsetFallback, Subsets},
};

use crate::bed::{Bed, endpoint, flat, labels, number, policy, with_health};

fn subsets(fallback: SubsetFallback) -> Bed {
    let mut policy = policy(LbPolicy::RoundRobin);
    policy.subsets = Some(Subsets {
        selectors: vec![
            vec!["version".into()],
            vec!["version".into(), "stage".into()],
        ],
        fallback,
    });
    let endpoints = [
        (1, "version=v1,stage=prod"),
        (2, "version=v1,stage=test"),
        (3, "version=v2,stage=prod"),
        (4, "stage=prod"),
    ];
    let endpoints = endpoints.map(|(n, text)| endpoint(n).with_metadata(labels(text)));
    Bed::new(policy, endpoints.into_iter().collect())
}

/// The endpoints that picks with these criteria reach.
fn reached(bed: &Bed, route: &str, weighted: &str) -> Result<Vec<u16>, PickError> {
    let (route, weighted) = (labels(route), labels(weighted));
    let args = PickArgs {
        metadata_match: &route,
        weighted_metadata_match: &weighted,
        ..bed.args()
    };
    let picks = (0..8).map(|_| Ok(number(bed.cluster.pick(&args)?.endpoint())));
    let mut picks = picks.collect::<Result<Vec<_>, _>>()?;
    picks.sort_unstable();
    picks.dedup();
    let candidates = bed.cluster.candidates(&args)?.0;
    let candidates: Vec<_> = candidates
        .into_iter()
        .map(|status| status.address)
        .collect();
    let addresses: Vec<_> = picks.iter().map(|n| endpoint(*n).address).collect();
    assert_eq!(candidates, addresses, "candidates() says what pick() does");
    Ok(picks)
}

#[test]
fn subsets_choose_by_exact_keys() {
    let bed = subsets(SubsetFallback::NoFallback);
    assert_eq!(reached(&bed, "version=v1", ""), Ok(vec![1, 2]));
    assert_eq!(reached(&bed, "version=v1", "version=v2"), Ok(vec![3]));
    assert_eq!(reached(&bed, "version=v1", "stage=test"), Ok(vec![2]));
    for (criteria, message) in [
        ("stage=prod", "no subset stage=prod and no fallback"),
        ("version=v9", "no subset version=v9 and no fallback"),
        (
            "",
            "the route names no subset and the cluster has no fallback",
        ),
    ] {
        let error = reached(&bed, criteria, "").unwrap_err();
        assert!(error.to_string().ends_with(message), "{error}");
        assert!(matches!(error, PickError::NoSubset { criteria: c, .. } if c == labels(criteria)));
    }
}

#[test]
fn fallbacks_apply_when_no_subset_is_named() {
    let any = subsets(SubsetFallback::AnyEndpoint);
    let default = subsets(SubsetFallback::DefaultSubset(labels("stage=prod")));
    let nobody = subsets(SubsetFallback::DefaultSubset(labels("stage=gone")));
    for criteria in ["", "version=v9", "stage=prod"] {
        assert_eq!(reached(&any, criteria, ""), Ok(vec![1, 2, 3, 4]));
        assert_eq!(reached(&default, criteria, ""), Ok(vec![1, 3, 4]));
        assert!(reached(&nobody, criteria, "").is_err());
    }
    assert_eq!(reached(&default, "version=v2", ""), Ok(vec![3]));
}

#[test]
fn a_subset_of_unhealthy_endpoints_panics_by_itself_and_does_not_fall_back() {
    let mut policy = policy(LbPolicy::RoundRobin);
    policy.subsets = Some(Subsets {
        selectors: vec![vec!["version".into()]],
        fallback: SubsetFallback::AnyEndpoint,
    });
    let assignment: ClusterLoadAssignment = [
        with_health(1, HealthStatus::Unhealthy).with_metadata(labels("version=v1")),
        endpoint(2).with_metadata(labels("version=v2")),
        endpoint(3).with_metadata(labels("version=v2")),
    ]
    .into_iter()
    .collect();
    let bed = Bed::new(policy.clone(), assignment.clone());
    assert_eq!(
        reached(&bed, "version=v1", ""),
        Ok(vec![1]),
        "panic within the subset"
    );
    policy.healthy_panic_threshold = Percent::ZERO;
    let bed = Bed::new(policy, assignment);
    let error = reached(&bed, "version=v1", "").unwrap_err();
    assert!(
        matches!(
            error,
            PickError::AllUnhealthy {
                total: 1,
                unhealthy: 1,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_cluster_without_subsets_ignores_criteria() {
    let bed = Bed::new(policy(LbPolicy::RoundRobin), flat(2));
    assert_eq!(reached(&bed, "version=v1", "x=y"), Ok(vec![1, 2]));
}
