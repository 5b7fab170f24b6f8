//! Clocks, counters and the few statistics that the drivers share.

use std::{fs, time::Duration};

use crate::Result;

pub use allocation_counter::AllocationInfo;
pub use cpu_time::{ProcessTime, ThreadTime};

/// The allocations that `run` makes on this thread.
pub fn allocations(run: impl FnOnce()) -> AllocationInfo {
    allocation_counter::measure(run)
}

/// CPU time that another process has used so far, all threads together. From the scheduler's own
/// account in nanoseconds, since `/proc/<pid>/stat` counts in hundredths of a second.
///
/// # Errors
/// When the process is gone, or the kernel keeps no such account.
pub fn cpu_of(pid: u32) -> Result<Duration> {
    let mut nanos = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the listing and the reading of it.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else {
            continue;
        };
        let first = text.split(' ').next().unwrap_or_default();
        nanos += first.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// The middle of `values`; for an even number of them the upper middle. 0 of none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The value that `share` (0 to 1) of the sorted `values` do not exceed. 0 of none.
pub fn percentile(sorted: &[u32], share: f64) -> u32 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    let index = rank.saturating_sub(1).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or_default()
}

/// Moves this thread, and the threads and processes it starts, to one core, so that rounds are
/// alike. Does nothing where the system has no such core.
pub fn pin(core: usize) {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    if let Some(id) = cores.get(core) {
        core_affinity::set_for_current(*id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([]), 0.0);
        let sorted: Vec<u32> = (1..=100).collect();
        assert_eq!(percentile(&sorted, 0.50), 50);
        assert_eq!(percentile(&sorted, 0.99), 99);
        assert_eq!(percentile(&sorted[..1], 0.99), 1);
        assert_eq!(percentile(&[], 0.99), 0);
    }

    #[test]
    fn allocations_are_counted() {
        let one = allocations(|| drop(std::hint::black_box(Box::new(1_u64))));
        assert_eq!((one.count_total, one.bytes_total), (1, 8));
        assert_eq!(allocations(|| ()).count_total, 0);
    }

    #[test]
    fn another_process_has_cpu_time() {
        let before = cpu_of(std::process::id()).unwrap();
        let start = ProcessTime::now();
        while start.elapsed() < Duration::from_millis(50) {}
        assert!(cpu_of(std::process::id()).unwrap() > before);
    }
}
