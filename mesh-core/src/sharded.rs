//! State split by thread, so that writers on different cores do not share a cache line.

use std::{
    fmt,
    sync::atomic::{
        AtomicU64, AtomicUsize,
        Ordering::{self, Relaxed},
    },
    thread,
};

/// More shards cost memory and slow reading down; past this, threads share.
const MAX_SHARDS: usize = 32;

/// One `T` per shard, each on cache lines of its own. A thread always uses the same shard; two
/// threads share one only when there are more threads than shards, so `T` must be `Sync` still.
///
/// Writing is cheap and reading is a walk: made for counters, which are written on every request
/// and read by people.
pub struct Sharded<T>(Box<[Padded<T>]>);

/// 128 bytes: two lines, since x86 prefetches them in pairs and some ARM cores have lines this long.
#[repr(align(128))]
#[derive(Default)]
struct Padded<T>(T);

impl<T: Default> Sharded<T> {
    /// About one shard for each thread that can run at a time.
    pub fn new() -> Self {
        Self::with_shards(thread::available_parallelism().map_or(1, usize::from))
    }

    /// `shards`, rounded up to a power of two and bounded.
    pub fn with_shards(shards: usize) -> Self {
        let shards = shards.clamp(1, MAX_SHARDS).next_power_of_two();
        Self((0..shards).map(|_| Padded::default()).collect())
    }
}

impl<T> Sharded<T> {
    /// This thread's shard.
    pub fn local(&self) -> &T {
        self.at(thread_index())
    }

    /// The shard that [`local`](Self::local) was on the thread whose [`thread_index`] this is: for
    /// a count that is taken on one thread and given back on another.
    pub fn at(&self, thread: usize) -> &T {
        // The length is a power of two, at least 1.
        &self.0[thread & (self.0.len() - 1)].0
    }

    /// All shards.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|padded| &padded.0)
    }
}

impl<T: Default> Default for Sharded<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for Sharded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Counts that every request adds to: each of the first threads has a shard that it alone writes, so
/// that adding is a load and a store; all others share a few, and add atomically.
pub(crate) struct OwnedShards<T> {
    /// By [`thread_index`].
    owned: Box<[Padded<T>]>,
    shared: Sharded<T>,
}

/// One thread's place in [`OwnedShards`].
pub(crate) struct Shard<'a, T> {
    counts: &'a T,
    /// Nobody else writes here.
    owned: bool,
}

impl<T: Default> OwnedShards<T> {
    pub(crate) fn new() -> Self {
        // Threads are numbered in the order they first ask, and a runtime is seldom alone.
        let threads = 2 * thread::available_parallelism().map_or(1, usize::from) + 8;
        Self::with_owned(threads.min(4 * MAX_SHARDS))
    }

    fn with_owned(threads: usize) -> Self {
        Self {
            owned: (0..threads).map(|_| Padded::default()).collect(),
            shared: Sharded::new(),
        }
    }
}

impl<T> OwnedShards<T> {
    pub(crate) fn local(&self) -> Shard<'_, T> {
        match self.owned.get(thread_index()) {
            Some(Padded(counts)) => Shard {
                counts,
                owned: true,
            },
            None => Shard {
                counts: self.shared.local(),
                owned: false,
            },
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.owned.iter().map(|p| &p.0).chain(self.shared.iter())
    }
}

impl<T> Shard<'_, T> {
    /// One more of a count.
    pub(crate) fn count(&self, of: impl FnOnce(&T) -> &AtomicU64) {
        let count = of(self.counts);
        if self.owned {
            count.store(count.load(Relaxed).wrapping_add(1), Relaxed);
        } else {
            count.fetch_add(1, Relaxed);
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for OwnedShards<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A small number of this thread's own: threads are numbered in the order they first ask.
pub fn thread_index() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static INDEX: usize = NEXT.fetch_add(1, Ordering::Relaxed));
    INDEX.with(|index| *index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_may_be_given_back_on_another_thread() {
        let counts = Sharded::<AtomicUsize>::with_shards(4);
        let taken_on = thread_index();
        counts.at(taken_on).fetch_add(1, Ordering::Relaxed);
        thread::scope(|scope| {
            scope.spawn(|| counts.at(taken_on).fetch_sub(1, Ordering::Relaxed));
        });
        assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 0));
    }

    #[test]
    fn shards_are_a_bounded_power_of_two_and_stand_apart() {
        for (asked, got) in [(0, 1), (1, 1), (3, 4), (1000, MAX_SHARDS)] {
            assert_eq!(Sharded::<u8>::with_shards(asked).iter().count(), got);
        }
        assert_eq!(size_of::<Padded<u8>>(), 128);
    }

    #[test]
    fn counts_of_owners_and_of_all_other_threads_add_up() {
        let mine = thread_index();
        for owned in [0, 1, mine + 1, mine + 3, 200] {
            let counts = OwnedShards::<AtomicU64>::with_owned(owned);
            thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| (0..1000).for_each(|_| counts.local().count(|n| n)));
                }
            });
            (0..1000).for_each(|_| counts.local().count(|n| n));
            assert_eq!(counts.iter().map(|n| n.load(Relaxed)).sum::<u64>(), 9000);
        }
    }

    #[test]
    fn a_thread_keeps_its_index_and_shares_it_with_none() {
        let others = (0..8).map(|_| thread::spawn(thread_index));
        let mut indexes: Vec<usize> = others.map(|t| t.join().unwrap()).collect();
        indexes.push(thread_index());
        assert_eq!(indexes.last(), Some(&thread_index()));
        indexes.sort_unstable();
        indexes.dedup();
        assert_eq!(indexes.len(), 9);
    }
}
