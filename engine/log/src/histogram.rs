//! A histogram for metrics: one thread counts, any thread reads.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts values by the smallest bound that is not below them.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One for each bound, and one for larger values.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// The counts of a [`Histogram`]. Reading is safe while the other thread counts; `count` and `cumulative` agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Each bound, and the number of values up to it.
    pub cumulative: Vec<(u64, u64)>,
    /// The number of values.
    pub count: u64,
    /// The sum of all values.
    pub sum: u64,
}

impl Histogram {
    /// An empty histogram; `bounds` ascend.
    pub fn new(bounds: &'static [u64]) -> Self {
        Self { bounds, counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(), sum: AtomicU64::new(0) }
    }

    /// Counts a value.
    #[inline]
    pub fn record(&self, value: u64) {
        let nth = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(nth) {
            count.fetch_add(1, Relaxed);
        }
        self.sum.fetch_add(value, Relaxed);
    }

    /// The counts so far.
    pub fn read(&self) -> Counted {
        let sum = self.sum.load(Relaxed);
        let mut count = 0;
        let mut add = |more: &AtomicU64| {
            count += more.load(Relaxed);
            count
        };
        let below = self.bounds.iter().zip(&self.counts).map(|(bound, more)| (*bound, add(more))).collect();
        let count = self.counts.last().map_or(0, &mut add);
        Counted { cumulative: below, count, sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_at_the_smallest_bound_that_it_is_not_above() {
        let histogram = Histogram::new(&[1, 10, 100]);
        [0, 1, 2, 10, 11, 100, 101, 5000].into_iter().for_each(|value| histogram.record(value));
        let cumulative = vec![(1, 2), (10, 4), (100, 6)];
        assert_eq!(histogram.read(), Counted { cumulative, count: 8, sum: 5225 });
        assert_eq!(Histogram::new(&[]).read(), Counted { cumulative: Vec::new(), count: 0, sum: 0 });
    }
}
