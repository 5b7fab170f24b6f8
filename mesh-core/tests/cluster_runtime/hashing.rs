//! RING_HASH and MAGLEV: a request's hash says where it goes.

use std::collections::HashMap;

use mesh_core::{
    cluster::{Cluster, PickArgs, PickError},
    policy::{
        ClusterLoadAssignment, HashFunction, HealthStatus, LbPolicy, Maglev, OutlierDetection,
        Percent, RingHash, SubsetFallback, Subsets,
    },
};

use crate::bed::{
    Bed, FAILED, by_priority, endpoint, flat, labels, number, percent, policy, with_health,
};

fn both() -> [LbPolicy; 2] {
    [
        LbPolicy::RingHash(RingHash::default()),
        LbPolicy::Maglev(Maglev::default()),
    ]
}

/// Hashes all over the range.
fn hashes() -> impl Iterator<Item = u64> {
    (1..=1000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn pick(bed: &Bed, hash: u64) -> Result<u16, PickError> {
    let args = PickArgs {
        hash: Some(hash),
        ..bed.args()
    };
    Ok(number(bed.cluster.pick(&args)?.endpoint()))
}

/// Where each of the hashes goes.
fn placed(bed: &Bed) -> HashMap<u64, u16> {
    hashes()
        .map(|hash| (hash, pick(bed, hash).unwrap()))
        .collect()
}

#[test]
fn a_hash_has_one_endpoint_and_none_goes_anywhere() {
    for lb in both() {
        let bed = Bed::new(policy(lb), flat(4));
        let before = placed(&bed);
        assert_eq!(before, placed(&bed));
        let shares = bed.shares(4000, 4);
        assert!(shares.iter().all(|n| (700..1300).contains(n)), "{shares:?}");
    }
}

#[test]
fn shares_are_the_weights() {
    for lb in both() {
        let weighted = (1..=2).map(|n| endpoint(n).with_weight(if n == 1 { 1 } else { 3 }));
        let bed = Bed::new(policy(lb), weighted.collect());
        let first = placed(&bed).values().filter(|n| **n == 1).count();
        assert!((200..300).contains(&first), "{first}");
    }
}

#[test]
fn an_ejected_endpoint_moves_its_own_requests_and_takes_them_back() {
    for lb in both() {
        let mut policy = policy(lb);
        policy.outlier_detection = Some(OutlierDetection {
            consecutive_5xx: 1,
            max_ejection_percent: Percent::HUNDRED,
            ..OutlierDetection::default()
        });
        let mut bed = Bed::new(policy, flat(5));
        let before = placed(&bed);
        bed.record(&bed.handle(2), FAILED, 1);
        let without = placed(&bed);
        let moved = |n: &u64| before[n] != without[n] && before[n] != 2;
        assert!(without.values().all(|n| *n != 2));
        // The others' shares of the ring or the table grow, which moves some of theirs as well.
        let others = before.keys().filter(|hash| moved(hash)).count();
        assert!(others < 200, "{others}");
        assert_eq!(placed(bed.at(60)), before);
    }
}

#[test]
fn a_priority_is_chosen_by_the_hash_too() {
    for lb in both() {
        let unhealthy = || with_health(1, HealthStatus::Unhealthy);
        let bed = Bed::new(
            policy(lb),
            by_priority(vec![vec![unhealthy(), endpoint(2)], vec![endpoint(3)]]),
        );
        // 70 % stay: the endpoint of a priority follows from the hash modulo 100.
        for (hash, place) in placed(&bed) {
            assert_eq!(place, if hash % 100 < 70 { 2 } else { 3 });
        }
    }
}

#[test]
fn only_healthy_endpoints_have_a_table_unless_all_is_lost() {
    for lb in both() {
        let degraded = || {
            (1..=2)
                .map(|n| with_health(n, HealthStatus::Degraded))
                .collect()
        };
        let bed = Bed::new(policy(lb.clone()), degraded());
        let error = pick(&bed, 1).unwrap_err();
        assert!(matches!(error, PickError::AllUnhealthy { .. }), "{error}");

        let one = || vec![with_health(1, HealthStatus::Unhealthy), endpoint(2)];
        let panic = Bed::new(
            {
                let mut policy = policy(lb.clone());
                policy.healthy_panic_threshold = percent(51);
                policy
            },
            one().into_iter().collect(),
        );
        assert!(placed(&panic).values().any(|n| *n == 1));
        let calm = Bed::new(policy(lb), one().into_iter().collect());
        assert!(placed(&calm).values().all(|n| *n == 2));
    }
}

#[test]
fn a_retry_that_avoids_hosts_moves_on_from_the_hash() {
    for lb in both() {
        let bed = Bed::new(policy(lb), flat(5));
        for hash in hashes().take(100) {
            let args = PickArgs {
                hash: Some(hash),
                ..bed.args()
            };
            let first = bed.cluster.pick(&args).unwrap().endpoint().clone();
            let tried = [first.clone()];
            let again = |host_attempts| {
                let args = PickArgs {
                    tried: &tried,
                    host_attempts,
                    ..args
                };
                bed.cluster.pick(&args).unwrap().endpoint().clone()
            };
            assert_eq!(again(0).address(), first.address());
            assert_ne!(again(50).address(), first.address());
            assert_eq!(again(50).address(), again(50).address());
        }
    }
}

#[test]
fn a_subset_has_a_table_of_its_own() {
    for lb in both() {
        let mut policy = policy(lb);
        policy.subsets = Some(Subsets {
            selectors: vec![vec!["version".into()]],
            fallback: SubsetFallback::NoFallback,
        });
        let version = |n| {
            if n % 2 == 0 {
                "version=v2"
            } else {
                "version=v1"
            }
        };
        let assignment: ClusterLoadAssignment = (1..=6)
            .map(|n| endpoint(n).with_metadata(labels(version(n))))
            .collect();
        let bed = Bed::new(policy.clone(), assignment);
        policy.subsets = None;
        let alone = Bed::new(policy, [2, 4, 6].into_iter().map(endpoint).collect());
        let v2 = labels("version=v2");
        for hash in hashes() {
            let args = PickArgs {
                hash: Some(hash),
                metadata_match: &v2,
                ..bed.args()
            };
            let picked = number(bed.cluster.pick(&args).unwrap().endpoint());
            assert_eq!(Ok(picked), pick(&alone, hash));
        }
    }
}

#[test]
fn keys_are_addresses_or_hostnames_or_given() {
    let by_hostname = |lb: &LbPolicy| match lb.clone() {
        LbPolicy::RingHash(mut ring) => {
            ring.use_hostname_for_hashing = true;
            LbPolicy::RingHash(ring)
        }
        LbPolicy::Maglev(mut maglev) => {
            maglev.use_hostname_for_hashing = true;
            LbPolicy::Maglev(maglev)
        }
        other => other,
    };
    for lb in both() {
        let plain = placed(&Bed::new(policy(lb.clone()), flat(4)));
        let other = |n: u16| {
            let mut moved = endpoint(n + 10);
            moved.hostname = format!("10.0.0.1:{n}").into();
            moved
        };
        let named = placed(&Bed::new(
            policy(by_hostname(&lb)),
            (1..=4).map(other).collect(),
        ));
        let keyed = (1..=4)
            .map(|n| endpoint(n + 10).with_metadata(labels(&format!("hash_key=10.0.0.1:{n}"))));
        let keyed = placed(&Bed::new(policy(by_hostname(&lb)), keyed.collect()));
        for (hash, place) in plain {
            assert_eq!((named[&hash], keyed[&hash]), (place + 10, place + 10));
        }
    }
}

#[test]
fn murmur_makes_another_ring() {
    let mut murmur = RingHash::default();
    murmur.hash_function = HashFunction::MurmurHash2;
    let [xx, _] = both();
    let xx = placed(&Bed::new(policy(xx), flat(4)));
    assert_ne!(
        placed(&Bed::new(policy(LbPolicy::RingHash(murmur)), flat(4))),
        xx
    );
}

#[test]
fn an_update_places_as_a_new_cluster_does() {
    for lb in both() {
        let bed = Bed::new(policy(lb.clone()), flat(3));
        bed.cluster.assign(flat(4).into());
        assert_eq!(placed(&bed), placed(&Bed::new(policy(lb.clone()), flat(4))));
        // And so does another policy's cluster that takes over.
        let [ring, maglev] = both();
        let next = if lb == ring { maglev } else { ring };
        let expected = placed(&Bed::new(policy(next.clone()), flat(4)));
        let next = Cluster::new(policy(next).into(), flat(4).into(), Some(&bed.cluster));
        assert_eq!(placed(&Bed::with(next)), expected);
    }
}
