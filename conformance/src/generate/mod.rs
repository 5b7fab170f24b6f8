//! Route configurations and requests aimed at them, from few words so that they collide often.
//!
//! One seed gives one sequence, so that a failure repeats. Only what Envoy accepts is made: what it
//! rejects is compared one by one, in a table.

mod action;
mod config;
mod matching;
mod request;

use mesh_core::{Random, Seeded, policy::Regex};

pub use self::{config::route_configuration, request::request};

/// The clusters that exist; routes also name one that does not.
pub const CLUSTERS: [&str; 3] = ["a", "b", "c"];

/// Draws from a seed.
#[derive(Debug)]
pub struct Draws(Seeded);

impl Draws {
    /// The sequence of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(Seeded::new(seed))
    }

    fn below(&self, limit: usize) -> usize {
        usize::try_from(self.0.next_u64() >> 33).unwrap_or_default() % limit
    }

    fn one_in(&self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Clone>(&self, options: &[T]) -> T {
        options[self.below(options.len())].clone()
    }

    fn several<T>(&self, counts: &[usize], make: impl Fn(&Self) -> T) -> Vec<T> {
        (0..self.pick(counts)).map(|_| make(self)).collect()
    }

    fn words(&self, words: &[&str], counts: &[usize], separator: &str) -> String {
        self.several(counts, |d| d.pick(words)).join(separator)
    }

    fn host(&self) -> String {
        self.words(&["a", "b", "ab", "a-b", "1"], &[1, 2, 2, 3], ".")
    }

    fn path(&self) -> String {
        let words = [
            "a", "b", "ab", "A", "aB", "a.b", "1", "22", "%61", "a;x", "", "..",
        ];
        format!("/{}", self.words(&words, &[0, 1, 2, 2, 3], "/"))
    }

    /// A word that header, query and cookie values are made of.
    fn value(&self) -> &'static str {
        self.pick(&[
            "", "a", "A", "b", "ab", "aB", "abc", "a,b", "1", "-1", "+1", "10", "2", "1.5", "a b",
            "%61",
        ])
    }

    fn regex(&self, patterns: &[&str]) -> Regex {
        // The patterns are constants, and tested to be valid.
        Regex::try_new(self.pick(patterns)).unwrap_or_else(|e| panic!("{e}"))
    }
}
