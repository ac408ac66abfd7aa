//! How often something was how large, for metrics: one thread counts, anybody reads.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts values by the smallest of its bounds that each is not above.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One for each bound, and one for what is above all of them.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// What a [`Histogram`] has counted. It may be read while it is counted in; `count` and `cumulative` agree all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Each bound, and how many values were not above it.
    pub cumulative: Vec<(u64, u64)>,
    /// How many values there were.
    pub count: u64,
    /// All of them added up.
    pub sum: u64,
}

impl Histogram {
    /// Nothing counted yet; `bounds` ascend.
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

    /// What was counted so far.
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
