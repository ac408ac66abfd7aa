//! How long requests take, counted by each thread for itself, so that no two threads share a cache line.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::lock::lock;

/// Buckets: four for each power of two, from a microsecond to some twenty minutes.
const BUCKETS: usize = 4 * 31;

/// The counts of one thread.
type Own = Arc<[AtomicU64]>;

/// The counts of all threads.
static ALL: Mutex<Vec<Own>> = Mutex::new(Vec::new());

thread_local! {
    static OWN: Own = register();
}

fn register() -> Own {
    let own: Own = (0..BUCKETS).map(|_| AtomicU64::new(0)).collect();
    lock(&ALL).push(Arc::clone(&own));
    own
}

/// How long a request was to wait before it was answered, as its caller asked: in the extensions of a response. It is no
/// latency.
#[derive(Debug, Clone, Copy)]
pub struct Waited(pub Duration);

/// Counts an answered request.
pub fn note(took: Duration) {
    let bucket = bucket_of(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    OWN.with(|own| own.get(bucket).map(|count| count.fetch_add(1, Relaxed)));
}

fn bucket_of(micros: u64) -> usize {
    let micros = micros.max(4);
    let power = micros.ilog2();
    let quarter = (micros >> (power - 2)) & 3;
    (power as usize * 4 + quarter as usize).min(BUCKETS - 1)
}

/// The longest time of a bucket, in milliseconds.
fn longest_ms(bucket: usize) -> f64 {
    let (power, quarter) = (bucket / 4, bucket % 4);
    (1_u64 << power) as f64 * (1.0 + (quarter as f64 + 1.0) / 4.0) / 1000.0
}

/// The counts of all threads since the start.
#[derive(Debug, Clone)]
pub struct Counts(Vec<u64>);

impl Default for Counts {
    fn default() -> Self {
        Self(vec![0; BUCKETS])
    }
}

impl Counts {
    /// Reads the counts.
    pub fn read() -> Self {
        let mut counts = Self::default();
        for own in lock(&ALL).iter() {
            counts.0.iter_mut().zip(own.iter()).for_each(|(all, own)| *all += own.load(Relaxed));
        }
        counts
    }

    /// The requests since `before`.
    pub fn since(&self, before: &Self) -> Self {
        Self(self.0.iter().zip(&before.0).map(|(now, then)| now.saturating_sub(*then)).collect())
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The time within which this share of them was answered, in milliseconds; `None` if there are none.
    pub fn within_ms(&self, share: f64) -> Option<f64> {
        let wanted = (self.count() as f64 * share).ceil() as u64;
        let mut sum = 0;
        let found = self.0.iter().position(|count| {
            sum += count;
            sum >= wanted && sum > 0
        });
        found.map(longest_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_found_within_a_quarter() {
        let before = Counts::read();
        for micros in 1..=1000 {
            note(Duration::from_micros(micros));
        }
        let counts = Counts::read().since(&before);
        assert!(counts.count() >= 1000, "other tests may count, too");
        for micros in [4, 100, 990, 5000, u64::MAX] {
            let bucket = bucket_of(micros);
            assert!(longest_ms(bucket) * 1000.0 >= micros as f64 || bucket == BUCKETS - 1, "{micros}");
            assert!(longest_ms(bucket) * 800.0 <= micros as f64 * 1.25, "{micros}");
        }
        assert_eq!(Counts::default().within_ms(0.99), None);
    }
}
