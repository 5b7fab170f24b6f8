//! MAGLEV: a table of a fixed prime size which endpoints fill in turns, each in an order of its own; a
//! request goes to the endpoint at its hash modulo the size (Eisenbud et al., "Maglev", §3.4).
//!
//! Same table as Envoy. Envoy asks in each round each endpoint whether it is its turn; here a queue
//! says whose turn is next, so that very unequal weights do not make building slow.

use std::{cmp::Reverse, collections::BinaryHeap};

use twox_hash::XxHash64;

use super::shares::Shares;
use crate::policy;

/// See the module.
#[derive(Debug)]
pub(crate) struct Maglev {
    /// Places of endpoints.
    table: Box<[u32]>,
}

/// An endpoint while the table is filled.
struct Filler {
    place: u32,
    share: f64,
    /// The next entry it wants, and how far apart those are.
    entry: u64,
    skip: u64,
    /// It places in the first round in which `round × share` is as much.
    target: f64,
}

impl Maglev {
    pub(super) fn new(policy: &policy::Maglev, shares: &Shares<'_>) -> Self {
        let size = u64::from(policy.table_size());
        let mut sorted: Vec<(&str, u32, f64)> = (0_u32..)
            .zip(shares.iter())
            .map(|(place, (key, share))| (key, place, share))
            .collect();
        sorted.sort_unstable_by_key(|(key, place, _)| (*key, *place));
        let mut fillers: Vec<Filler> = sorted
            .into_iter()
            .map(|(key, place, share)| Filler {
                place,
                share,
                entry: XxHash64::oneshot(0, key.as_bytes()) % size,
                // The largest size is far below 2³², and no sum of two overflows.
                skip: XxHash64::oneshot(1, key.as_bytes()) % (size - 1) + 1,
                target: 0.0,
            })
            .collect();
        Self {
            table: fill(size, shares.max(), &mut fillers),
        }
    }

    /// The place of the endpoint for `hash`. Each further attempt looks at another entry, which may
    /// be of the same endpoint, as in Envoy.
    pub(super) fn pick(&self, hash: u64, attempt: u32) -> usize {
        let hash = match attempt {
            0 => hash,
            // The more bits change, the less likely is the same endpoint.
            _ => hash ^ (u64::MAX - u64::from(attempt) + 1),
        };
        self.table[(hash % self.table.len() as u64) as usize] as usize
    }
}

fn fill(size: u64, max: f64, fillers: &mut [Filler]) -> Box<[u32]> {
    const FREE: u32 = u32::MAX;
    let mut table = vec![FREE; size as usize];
    let mut turns: BinaryHeap<Reverse<(u64, u32)>> = (0..fillers.len() as u32)
        .map(|at| Reverse((1, at)))
        .collect();
    for _ in 0..size {
        // The endpoint of the largest share has a turn in each round, so the queue is never empty.
        let Some(Reverse((round, at))) = turns.pop() else {
            break;
        };
        let filler = &mut fillers[at as usize];
        while table[filler.entry as usize] != FREE {
            filler.advance(size);
        }
        table[filler.entry as usize] = filler.place;
        filler.advance(size);
        filler.target += max;
        // Everybody stays: whatever rounding does, no entry is left free.
        turns.push(Reverse((filler.next_turn(round), at)));
    }
    table.into()
}

impl Filler {
    const fn advance(&mut self, size: u64) {
        self.entry += self.skip;
        if self.entry >= size {
            self.entry -= size;
        }
    }

    /// The first round after `round` that satisfies Envoy's comparison, which rounds.
    fn next_turn(&self, round: u64) -> u64 {
        let is_due = |round: u64| round as f64 * self.share >= self.target;
        let about = (self.target / self.share).ceil() as u64;
        let last = about.saturating_add(1).max(round + 1);
        (about.saturating_sub(1).max(round + 1)..=last)
            .find(|round| is_due(*round))
            .unwrap_or(last)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::{super::shares::of_weights, *};

    fn maglev(size: u32, weights: &[u32]) -> Maglev {
        Maglev::new(
            &policy::Maglev::try_new(size).unwrap(),
            &of_weights(weights),
        )
    }

    fn sizes(maglev: &Maglev, endpoints: usize) -> Vec<usize> {
        let of = |place| {
            maglev
                .table
                .iter()
                .filter(|p| **p as usize == place)
                .count()
        };
        (0..endpoints).map(of).collect()
    }

    /// Round by round, as the algorithm is written down.
    fn by_rounds(size: u64, shares: &Shares<'_>) -> Vec<u32> {
        let mut sorted: Vec<_> = (0_u32..).zip(shares.iter()).collect();
        sorted.sort_by_key(|(_, (key, _))| *key);
        let mut targets = vec![0.0; sorted.len()];
        let mut nexts = vec![0; sorted.len()];
        let mut table = vec![None; size as usize];
        let mut filled = 0;
        for round in 1_u64.. {
            for (at, (place, (key, share))) in sorted.iter().enumerate() {
                if filled == size {
                    return table.into_iter().flatten().collect();
                }
                if round as f64 * share < targets[at] {
                    continue;
                }
                targets[at] += shares.max();
                let offset = XxHash64::oneshot(0, key.as_bytes()) % size;
                let skip = XxHash64::oneshot(1, key.as_bytes()) % (size - 1) + 1;
                loop {
                    let entry = &mut table[((offset + skip * nexts[at]) % size) as usize];
                    nexts[at] += 1;
                    if entry.is_none() {
                        *entry = Some(*place);
                        break;
                    }
                }
                filled += 1;
            }
        }
        unreachable!()
    }

    #[test]
    fn envoys_table() {
        // As Envoy 1.40 answered.
        let ports = 43_901..=43_904;
        let keys = ports.map(|port| Cow::from(format!("127.0.0.1:{port}")));
        let shares = Shares::new(keys.collect(), [1; 4].into_iter());
        let maglev = Maglev::new(&policy::Maglev::default(), &shares);
        let picks = (0..12).map(|n| {
            let hash = XxHash64::oneshot(0, format!("user{n}").as_bytes());
            char::from(b'1' + maglev.pick(hash, 0) as u8)
        });
        assert_eq!(picks.collect::<String>(), "341431323412");
    }

    #[test]
    fn shares_are_the_weights() {
        assert_eq!(sizes(&maglev(65_537, &[1, 1]), 2), [32_769, 32_768]);
        let weighted = sizes(&maglev(65_537, &[1, 3]), 2);
        assert!((16_383..=16_386).contains(&weighted[0]), "{weighted:?}");
        // More endpoints than entries: some have none.
        assert_eq!(sizes(&maglev(2, &[1; 3]), 3).iter().sum::<usize>(), 2);
    }

    #[test]
    fn another_attempt_looks_elsewhere() {
        let maglev = maglev(65_537, &[1; 3]);
        let hashes = (0..1000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let elsewhere = hashes.filter(|hash| maglev.pick(*hash, 0) != maglev.pick(*hash, 1));
        let elsewhere = elsewhere.count();
        assert!(elsewhere > 500, "{elsewhere}");
    }

    #[test]
    fn an_endpoint_that_leaves_moves_few_others() {
        let (all, fewer) = (maglev(65_537, &[1; 10]), maglev(65_537, &[1; 9]));
        let moved = (0..65_537).filter(|hash| {
            let old = all.pick(*hash, 0);
            old != 9 && fewer.pick(*hash, 0) != old
        });
        let moved = moved.count();
        assert!(moved < 65_537 / 20, "{moved}");
    }

    proptest! {
        #[test]
        fn the_queue_fills_the_table_as_rounds_do(
            weights in prop::collection::vec(prop_oneof![1_u32..10, 1_u32..100_000], 1..40),
            size in prop::sample::select(&[2_u32, 3, 31, 251, 1021][..]),
        ) {
            let shares = of_weights(&weights);
            let expected = by_rounds(size.into(), &shares);
            prop_assert_eq!(&*maglev(size, &weights).table, &*expected);
        }
    }
}
