//! RANDOM: uniform, whatever the weights, as in Envoy.

/// A place below `len` from one draw.
pub(super) fn pick(len: usize, draw: u64) -> usize {
    ((u128::from(draw) * len as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Random, Seeded};

    #[test]
    fn uniform() {
        let random = Seeded::new(1);
        let mut seen = [0_u32; 10];
        for _ in 0..100_000 {
            seen[pick(10, random.next_u64())] += 1;
        }
        assert!(seen.iter().all(|n| (9_500..10_500).contains(n)), "{seen:?}");
        assert_eq!((pick(10, 0), pick(10, u64::MAX)), (0, 9));
    }
}
