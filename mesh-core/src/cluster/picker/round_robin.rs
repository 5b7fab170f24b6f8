//! ROUND_ROBIN: turns, from a random start; by weight when weights differ.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};

use crate::{Random, cluster::weights::Weights};

#[derive(Debug)]
pub(crate) struct RoundRobin {
    /// Outlives this list: an update of endpoints or health goes on where the last list was.
    cursor: Arc<Cursor>,
    weights: Option<Weights>,
}

/// Written by every pick, so alone in its cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Cursor {
    turns: AtomicU64,
    /// Drawn by the first pick, so that many clients do not all begin with the same endpoint.
    start: OnceLock<u32>,
}

impl RoundRobin {
    pub(super) fn new(weights: impl Iterator<Item = u32> + Clone, previous: Option<&Self>) -> Self {
        Self {
            cursor: previous.map_or_else(Arc::default, |p| p.cursor.clone()),
            weights: Weights::new(weights),
        }
    }

    pub(super) fn pick(&self, len: usize, random: &dyn Random) -> usize {
        let start = *self
            .cursor
            .start
            .get_or_init(|| (random.next_u64() >> 32) as u32);
        let turn = self.cursor.turns.fetch_add(1, Ordering::Relaxed) + u64::from(start);
        match &self.weights {
            None => (turn % len as u64) as usize,
            Some(weights) => weights.turn(turn),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seeded;

    #[test]
    fn takes_turns_from_a_random_start() {
        let starts: std::collections::HashSet<_> = (0..20)
            .map(|seed| {
                let random = Seeded::new(seed);
                let picker = RoundRobin::new([1; 5].into_iter(), None);
                let picks: Vec<_> = (0..10).map(|_| picker.pick(5, &random)).collect();
                for pair in picks.windows(2) {
                    assert_eq!(pair[1], (pair[0] + 1) % 5);
                }
                picks[0]
            })
            .collect();
        assert!(starts.len() > 1, "the start depends on the draw");
    }

    #[test]
    fn an_update_goes_on_where_the_last_list_was() {
        let random = Seeded::new(3);
        let old = RoundRobin::new([1; 4].into_iter(), None);
        let first = old.pick(4, &random);
        let new = RoundRobin::new([1; 4].into_iter(), Some(&old));
        assert_eq!(new.pick(4, &random), (first + 1) % 4);
        assert_eq!(old.pick(4, &random), (first + 2) % 4);
    }

    #[test]
    fn a_cycle_is_weighted() {
        let random = Seeded::new(3);
        let picker = RoundRobin::new([5, 1, 2].into_iter(), None);
        let mut seen = [0; 3];
        for _ in 0..16 {
            seen[picker.pick(3, &random)] += 1;
        }
        assert_eq!(seen, [10, 2, 4]);
    }
}
