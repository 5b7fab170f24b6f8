//! Choosing by weight in constant time, without a lock.
//!
//! The endpoints' weights, divided by their greatest common divisor, are laid end to end on a line
//! of length `total`; a point on the line is an endpoint. A table cuts the line into about as many
//! equal parts as there are endpoints and says where each part begins, so that finding a point's
//! endpoint looks at two neighbours on average (and never more than a binary search).
//!
//! - *Drawing*: a random point.
//! - *Taking turns*: turn `n` is the point `n × stride mod total`. The stride has no divisor in
//!   common with the total, so `total` turns visit every point once: each endpoint gets exactly its
//!   weight. Of the strides near the golden ratio's share of the total it is the one with the most
//!   even spread, so that any run of turns, too, is close to the weights.
//!
//! Envoy keeps a queue ordered by deadline (EDF) instead, behind a lock of each worker. Both give
//! exact shares; the order within a cycle differs, except in small cases (1:3 is `1222` in both).

/// Weights that are not all equal.
#[derive(Debug)]
pub(super) struct Weights {
    /// Where each endpoint's part of the line ends, exclusive.
    ends: Box<[u64]>,
    /// The endpoint at the beginning of each part of `1 << shift` points, and the last endpoint.
    guide: Box<[u32]>,
    shift: u32,
    stride: u64,
    total: u64,
}

impl Weights {
    /// `None` when all weights are equal, so that there is nothing to weigh. 0 counts as 1.
    pub(super) fn new(weights: impl Iterator<Item = u32> + Clone) -> Option<Self> {
        let weights = weights.map(|w| u64::from(w.max(1)));
        let first = weights.clone().next()?;
        if weights.clone().all(|w| w == first) {
            return None;
        }
        let divisor = weights.clone().fold(0, gcd);
        let ends: Box<[u64]> = weights
            .scan(0_u64, |end, w| {
                *end += w / divisor;
                Some(*end)
            })
            .collect();
        let total = ends.last().copied()?;

        let mut shift = 0;
        while total >> shift > 2 * ends.len() as u64 {
            shift += 1;
        }
        let mut guide = Vec::new();
        let mut at = 0_u32;
        for part in 0..=(total - 1) >> shift {
            while ends
                .get(at as usize)
                .is_some_and(|end| *end <= part << shift)
            {
                at += 1;
            }
            guide.push(at);
        }
        guide.push(u32::try_from(ends.len() - 1).ok()?);

        Some(Self {
            ends,
            guide: guide.into(),
            shift,
            stride: golden_stride(total),
            total,
        })
    }

    /// The endpoint whose turn `n` is.
    pub(super) fn turn(&self, n: u64) -> usize {
        let total = u128::from(self.total);
        let point = u128::from(n % self.total) * u128::from(self.stride) % total;
        self.at(point as u64)
    }

    /// The endpoint a uniform draw falls on.
    pub(super) fn draw(&self, random: u64) -> usize {
        self.at(((u128::from(random) * u128::from(self.total)) >> 64) as u64)
    }

    fn at(&self, point: u64) -> usize {
        let part = (point >> self.shift) as usize;
        let (first, last) = (self.guide[part] as usize, self.guide[part + 1] as usize);
        first + self.ends[first..=last].partition_point(|end| *end <= point)
    }
}

const fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Of the numbers near `total / φ` that have no divisor in common with `total`, the one that
/// spreads turns most evenly: a large quotient in Euclid's algorithm means that turns come back
/// almost to where they were, and creep along the line from there.
fn golden_stride(total: u64) -> u64 {
    /// 2⁶⁴ / φ.
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    const NEAR: u64 = 64;
    let ideal = ((u128::from(total) * u128::from(GOLDEN)) >> 64) as u64;
    (ideal.saturating_sub(NEAR).max(1)..total.min(ideal + NEAR))
        .filter_map(|stride| Some((largest_quotient(total, stride)?, stride)))
        .min()
        .map_or(1, |(_, stride)| stride)
}

/// `None` when `a` and `b` have a divisor in common.
const fn largest_quotient(mut a: u64, mut b: u64) -> Option<u64> {
    let mut largest = 0;
    while b != 0 {
        if a / b > largest {
            largest = a / b;
        }
        (a, b) = (b, a % b);
    }
    if a == 1 { Some(largest) } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn turns(weights: &[u32], start: u64, n: u64) -> Vec<u64> {
        let line = Weights::new(weights.iter().copied()).unwrap();
        let mut seen = vec![0; weights.len()];
        for turn in start..start + n {
            seen[line.turn(turn)] += 1;
        }
        seen
    }

    #[test]
    fn one_to_three_is_envoys_cycle() {
        let line = Weights::new([1, 3].into_iter()).unwrap();
        let cycle: Vec<_> = (0..8).map(|n| line.turn(n)).collect();
        assert_eq!(cycle, [0, 1, 1, 1, 0, 1, 1, 1]);
    }

    #[test]
    fn equal_weights_need_no_line() {
        assert!(Weights::new([7, 7, 7].into_iter()).is_none());
        assert!(
            Weights::new([0, 1].into_iter()).is_none(),
            "0 counts as Envoy's minimum 1"
        );
        assert!(Weights::new([].into_iter()).is_none());
    }

    #[test]
    fn huge_weights_do_not_overflow() {
        let line = Weights::new([u32::MAX, 1, u32::MAX - 1].into_iter()).unwrap();
        for n in [0, 1, u64::MAX] {
            assert!(line.turn(n) < 3 && line.draw(n) < 3);
        }
        assert_eq!((line.draw(0), line.draw(u64::MAX)), (0, 2));
    }

    proptest! {
        #[test]
        fn a_cycle_is_exactly_weighted(
            weights in prop::collection::vec(1_u32..60, 2..40),
            start in 0..u64::MAX / 2,
        ) {
            prop_assume!(weights.iter().any(|w| *w != weights[0]));
            let divisor = weights.iter().fold(0, |a, w| gcd(a, u64::from(*w)));
            let expected: Vec<u64> = weights.iter().map(|w| u64::from(*w) / divisor).collect();
            let cycle = expected.iter().sum();
            prop_assert_eq!(turns(&weights, start, cycle), expected);
        }

        #[test]
        fn any_run_of_turns_is_close_to_the_weights(
            weights in prop::collection::vec(1_u32..100, 2..40),
            run in 1_u64..5_000,
        ) {
            prop_assume!(weights.iter().any(|w| *w != weights[0]));
            let total: f64 = weights.iter().map(|w| f64::from(*w)).sum();
            for (seen, weight) in turns(&weights, 0, run).into_iter().zip(&weights) {
                let ideal = run as f64 * f64::from(*weight) / total;
                prop_assert!((seen as f64 - ideal).abs() <= 4.0, "{} of {}", seen, ideal);
            }
        }

        #[test]
        fn every_point_belongs_to_the_endpoint_a_walk_finds(
            weights in prop::collection::vec(1_u32..1_000_000, 2..50),
            random: u64,
        ) {
            prop_assume!(weights.iter().any(|w| *w != weights[0]));
            let line = Weights::new(weights.iter().copied()).unwrap();
            let point = ((u128::from(random) * u128::from(line.total)) >> 64) as u64;
            let walked = line.ends.iter().position(|end| point < *end).unwrap();
            prop_assert_eq!(line.draw(random), walked);
        }
    }
}
