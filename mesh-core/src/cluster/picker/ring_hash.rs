//! RING_HASH: each endpoint's key is hashed many times, onto a ring of 2⁶⁴ points; a request goes to
//! the first endpoint at its own hash or after it.
//!
//! Same hashes, as many of each endpoint, as Envoy. Finding the place on the ring takes Envoy a
//! binary search; here a guide says where each of as many equal parts of the ring begins as there
//! are hashes, and as hashes are spread evenly, one or two are left to look at.

use std::fmt::Write;

use twox_hash::XxHash64;

use super::{murmur, shares::Shares};
use crate::policy::{HashFunction, RingHash};

/// See the module.
#[derive(Debug)]
pub(crate) struct Ring {
    /// In order.
    hashes: Box<[u64]>,
    /// Whose they are.
    places: Box<[u32]>,
    /// The first hash in each part of `1 << shift` points, and the number of hashes.
    guide: Box<[u32]>,
    shift: u32,
}

impl Ring {
    pub(super) fn new(policy: &RingHash, shares: &Shares<'_>) -> Self {
        let (hashes, places): (Vec<u64>, Vec<u32>) = entries(policy, shares).into_iter().unzip();
        // At least one part, and no more than there are hashes.
        let bits = hashes.len().max(1).ilog2();
        let shift = u64::BITS - bits;
        let mut guide = Vec::with_capacity((1 << bits) + 1);
        let mut at = 0;
        for part in 0..1_u64 << bits {
            let begin = part.checked_shl(shift).unwrap_or(0);
            while hashes.get(at).is_some_and(|hash| *hash < begin) {
                at += 1;
            }
            guide.push(at as u32);
        }
        guide.push(hashes.len() as u32);
        Self {
            hashes: hashes.into(),
            places: places.into(),
            guide: guide.into(),
            shift,
        }
    }

    /// The place of the endpoint for `hash`. Each further attempt goes on by one on the ring, so that
    /// it may find the same endpoint again, as in Envoy.
    pub(super) fn pick(&self, hash: u64, attempt: u32) -> usize {
        let part = hash.checked_shr(self.shift).unwrap_or(0) as usize;
        let (first, last) = (self.guide[part] as usize, self.guide[part + 1] as usize);
        let at = first + self.hashes[first..last].partition_point(|other| *other < hash);
        // Past the last hash comes the first.
        let at = if at == self.hashes.len() { 0 } else { at };
        self.places[(at + attempt as usize) % self.places.len()] as usize
    }
}

/// The ring's hashes and whose they are, in order. One at least.
fn entries(policy: &RingHash, shares: &Shares<'_>) -> Vec<(u64, u32)> {
    let (least, minimum) = (shares.min(), f64::from(policy.minimum_ring_size()));
    // So that the endpoint of the least weight has a whole number of hashes. What others are short of
    // a whole one is carried on to the next.
    let scale = ((least * minimum).ceil() / least).min(f64::from(policy.maximum_ring_size()));
    let mut entries = Vec::with_capacity(scale.ceil() as usize);
    let mut wanted = 0.0;
    let mut key = String::new();
    for (place, (name, share)) in (0_u32..).zip(shares.iter()) {
        key.clear();
        key.push_str(name);
        key.push('_');
        let stem = key.len();
        wanted += scale * share;
        let mut nth = 0_u32;
        while (entries.len() as f64) < wanted {
            key.truncate(stem);
            // Writing to a string does not fail.
            let _ = write!(key, "{nth}");
            let hash = match policy.hash_function {
                HashFunction::XxHash => XxHash64::oneshot(0, key.as_bytes()),
                HashFunction::MurmurHash2 => murmur::hash(key.as_bytes()),
            };
            entries.push((hash, place));
            nth += 1;
        }
    }
    // Equal hashes, of endpoints of one key, in the order of the list.
    entries.sort_unstable();
    entries
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::{super::shares::of_weights, *};

    fn ring(minimum: u32, maximum: u32, weights: &[u32]) -> Ring {
        let policy = RingHash::try_new(minimum, maximum).unwrap();
        Ring::new(&policy, &of_weights(weights))
    }

    fn sizes(ring: &Ring, endpoints: usize) -> Vec<usize> {
        let of = |place| ring.places.iter().filter(|p| **p as usize == place).count();
        (0..endpoints).map(of).collect()
    }

    #[test]
    fn envoys_ring() {
        // As Envoy 1.40 answered.
        let ports = 43_901..=43_904;
        let keys = ports.map(|port| Cow::from(format!("127.0.0.1:{port}")));
        let shares = Shares::new(keys.collect(), [1; 4].into_iter());
        let ring = Ring::new(&RingHash::default(), &shares);
        let picks = (0..12).map(|n| {
            let hash = XxHash64::oneshot(0, format!("user{n}").as_bytes());
            char::from(b'1' + ring.pick(hash, 0) as u8)
        });
        assert_eq!(picks.collect::<String>(), "131133224441");
    }

    #[test]
    fn endpoints_have_as_many_hashes_as_envoy_gives_them() {
        assert_eq!(sizes(&ring(1024, 8 << 20, &[1; 3]), 3), [342; 3]);
        assert_eq!(sizes(&ring(8, 8 << 20, &[1, 3]), 2), [2, 6]);
        // The maximum halves an endpoint's 1.5; the running sum evens it out.
        assert_eq!(sizes(&ring(6, 6, &[1; 4]), 4), [2, 1, 2, 1]);
        assert_eq!(sizes(&ring(1, 1, &[1; 2]), 2), [1, 0]);
    }

    #[test]
    fn another_attempt_goes_on_along_the_ring() {
        let ring = ring(1024, 8 << 20, &[1; 3]);
        for attempt in 0..3000_u32 {
            let at = (attempt as usize + 7) % ring.places.len();
            assert_eq!(ring.pick(ring.hashes[7], attempt), ring.places[at] as usize);
        }
        assert_eq!(ring.pick(u64::MAX, 0), ring.places[0] as usize);
        assert_eq!(ring.pick(0, 0), ring.places[0] as usize);
    }

    proptest! {
        #[test]
        fn the_guide_finds_what_a_walk_finds(
            weights in prop::collection::vec(1_u32..20, 1..30),
            minimum in 1_u32..200,
            random: u64,
            nth: prop::sample::Index,
        ) {
            let ring = ring(minimum, 4096, &weights);
            let exact = ring.hashes[nth.index(ring.hashes.len())];
            for hash in [random, exact, exact.wrapping_add(1), exact.wrapping_sub(1)] {
                let walked = ring.hashes.iter().position(|other| *other >= hash).unwrap_or(0);
                prop_assert_eq!(ring.pick(hash, 0), ring.places[walked] as usize);
            }
        }

        /// Taking an endpoint away moves the requests that it had, and no others.
        #[test]
        fn an_endpoint_that_leaves_moves_only_its_own(
            endpoints in 2_usize..20,
            gone: prop::sample::Index,
            hashes in prop::collection::vec(any::<u64>(), 50),
        ) {
            let gone = gone.index(endpoints);
            let all: Vec<_> = (1..=endpoints).map(|n| Cow::from(format!("10.0.0.1:{n}"))).collect();
            let mut fewer = all.clone();
            fewer.remove(gone);
            // As many hashes an endpoint: 100.
            let of = |keys: &[Cow<'static, str>]| {
                let size = 100 * keys.len() as u32;
                let policy = RingHash::try_new(size, size).unwrap();
                Ring::new(&policy, &Shares::new(keys.to_vec(), std::iter::repeat_n(1, keys.len())))
            };
            let (before, after) = (of(&all), of(&fewer));
            for hash in hashes {
                let old = before.pick(hash, 0);
                if old != gone {
                    prop_assert_eq!(&fewer[after.pick(hash, 0)], &all[old]);
                }
            }
        }
    }
}
