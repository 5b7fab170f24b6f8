//! LEAST_REQUEST: the least loaded of a few random endpoints ("power of two choices").
//!
//! With equal weights this is Envoy's: `choice_count` draws with replacement, fewest requests in
//! flight, the first wins a tie. With unequal weights Envoy keeps an EDF queue in which an
//! endpoint's weight is `weight / (active + 1)`. Here the draws are by weight, and the endpoint with
//! the fewest requests *per unit of weight* wins, the first of a tie again: at low load shares are
//! the weights exactly, under load requests in flight settle in proportion to the weights, as with
//! Envoy's, and no queue is shared by all picks.

use super::{Hosts, random};
use crate::{Random, cluster::weights::Weights};

#[derive(Debug)]
pub(crate) struct LeastRequest {
    choices: u32,
    weights: Option<Weights>,
}

impl LeastRequest {
    /// More draws than there are endpoints tell nothing new, so `choice_count` is held to their
    /// number: a careless one costs no more than a full scan.
    pub(super) fn new(
        choice_count: u32,
        weights: impl ExactSizeIterator<Item = u32> + Clone,
    ) -> Self {
        let most = u32::try_from(weights.len()).unwrap_or(u32::MAX).max(2);
        Self {
            choices: choice_count.clamp(2, most),
            weights: Weights::new(weights),
        }
    }

    pub(super) fn pick(&self, hosts: Hosts<'_>, random: &dyn Random) -> usize {
        let (mut best, mut best_load) = (0, u64::MAX);
        for choice in 0..self.choices {
            let draw = random.next_u64();
            let (at, weight) = match &self.weights {
                None => (random::pick(hosts.rows.len(), draw), 1),
                Some(weights) => {
                    let at = weights.draw(draw);
                    (at, hosts.weight(at))
                }
            };
            let load = u64::from(hosts.in_flight(at));
            // `load / weight` of this one against the best one's, without dividing.
            let is_less = choice == 0
                || match &self.weights {
                    None => load < best_load,
                    Some(_) => load * u64::from(hosts.weight(best)) < best_load * u64::from(weight),
                };
            if is_less {
                (best, best_load) = (at, load);
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    };

    use super::{super::endpoints_with_load, *};
    use crate::Seeded;

    /// Draws that pick the given places of `len`, in order.
    #[derive(Debug)]
    struct Places(Mutex<Vec<u64>>, u64);

    impl Places {
        fn new(places: &[u64], len: u64) -> Self {
            Self(Mutex::new(places.iter().rev().copied().collect()), len)
        }
    }

    impl Random for Places {
        fn next_u64(&self) -> u64 {
            let place = self.0.lock().unwrap().pop().unwrap();
            (((u128::from(place) << 64) + (1 << 63)) / u128::from(self.1)) as u64
        }
    }

    #[derive(Debug)]
    struct Counting(Seeded, AtomicU64);

    impl Random for Counting {
        fn next_u64(&self) -> u64 {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.next_u64()
        }
    }

    #[test]
    fn fewest_in_flight_wins_and_the_first_of_a_tie() {
        let (endpoints, _requests) = endpoints_with_load(&[3, 1, 1]);
        let picker = LeastRequest::new(2, [1; 3].into_iter());
        let hosts = Hosts {
            rows: &[0, 1, 2],
            run: None,
            endpoints: &endpoints,
            weights: &[1; 3],
        };
        for (draws, expected) in [
            ([0, 1], 1),
            ([1, 0], 1),
            ([2, 1], 2),
            ([1, 2], 1),
            ([0, 0], 0),
        ] {
            assert_eq!(
                picker.pick(hosts, &Places::new(&draws, 3)),
                expected,
                "{draws:?}"
            );
        }
        let three = LeastRequest::new(3, [1; 3].into_iter());
        assert_eq!(three.pick(hosts, &Places::new(&[0, 0, 2], 3)), 2);
    }

    #[test]
    fn choice_count_is_held_to_the_number_of_endpoints() {
        let (endpoints, _requests) = endpoints_with_load(&[0, 0, 0]);
        let hosts = Hosts {
            rows: &[0, 1, 2],
            run: None,
            endpoints: &endpoints,
            weights: &[1; 3],
        };
        let random = Counting(Seeded::new(1), AtomicU64::new(0));
        LeastRequest::new(u32::MAX, [1; 3].into_iter()).pick(hosts, &random);
        assert_eq!(random.1.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn idle_shares_are_the_weights() {
        let (endpoints, _requests) = endpoints_with_load(&[0, 0]);
        let weights = [1, 3];
        let picker = LeastRequest::new(2, weights.into_iter());
        let hosts = Hosts {
            rows: &[0, 1],
            run: None,
            endpoints: &endpoints,
            weights: &weights,
        };
        let random = Seeded::new(5);
        let heavy = (0..10_000)
            .filter(|_| picker.pick(hosts, &random) == 1)
            .count();
        assert!((7_350..7_650).contains(&heavy), "{heavy}");
    }

    #[test]
    fn load_settles_in_proportion_to_the_weights() {
        let (endpoints, _none) = endpoints_with_load(&[0, 0]);
        let weights = [1, 3];
        let picker = LeastRequest::new(2, weights.into_iter());
        let hosts = Hosts {
            rows: &[0, 1],
            run: None,
            endpoints: &endpoints,
            weights: &weights,
        };
        let random = Seeded::new(5);
        let _requests: Vec<_> = (0..400)
            .map(|_| {
                let at = picker.pick(hosts, &random);
                crate::cluster::InFlight::new(endpoints[at].clone())
            })
            .collect();
        assert!(
            (98..=102).contains(&endpoints[0].in_flight()),
            "{endpoints:?}"
        );
    }
}
