//! When which reservation dies: buckets of a few milliseconds in time order.
//!
//! Entries are hints. A reservation that was extended, confirmed or cancelled leaves its old entry behind, and whoever
//! takes an entry out asks the reservation itself whether it is due.

use std::collections::BTreeMap;

use crate::ids::{ReservationId, Timestamp};

/// Width of a bucket: what a hold may outlive its deadline by, before the batch that ends it.
const BUCKET_MS: u64 = 8;

/// Deadlines in order.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    buckets: BTreeMap<u64, Vec<ReservationId>>,
}

impl Deadlines {
    pub fn insert(&mut self, deadline: Timestamp, id: ReservationId) {
        // Rounded up: by the end of its bucket every deadline in it has passed.
        self.buckets.entry(deadline.0.div_ceil(BUCKET_MS)).or_default().push(id);
    }

    /// The moment at which the first bucket is over, if there is any.
    pub fn next(&self) -> Option<Timestamp> {
        self.buckets.keys().next().map(|bucket| Timestamp(bucket * BUCKET_MS))
    }

    /// Takes out up to `limit` ids whose bucket is over at `now`, oldest first.
    pub fn take_due(&mut self, now: Timestamp, limit: usize) -> Vec<ReservationId> {
        let mut due = Vec::new();
        while due.len() < limit {
            let Some(mut first) = self.buckets.first_entry().filter(|first| first.key() * BUCKET_MS <= now.0) else {
                break;
            };
            let ids = first.get_mut();
            let taken = ids.len().min(limit - due.len());
            due.extend(ids.drain(..taken));
            if ids.is_empty() {
                first.remove();
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_oldest_first_and_never_early() {
        let mut deadlines = Deadlines::default();
        for ms in [50, 9, 8, 1000, 16] {
            deadlines.insert(Timestamp(ms), ReservationId(ms));
        }
        assert_eq!(deadlines.take_due(Timestamp(7), 10), vec![]);
        let due = deadlines.take_due(Timestamp(16), 10);
        assert_eq!(due, [8, 9, 16].map(ReservationId));
        assert_eq!(deadlines.next(), Some(Timestamp(56)));
        assert_eq!(deadlines.take_due(Timestamp(5000), 1), vec![ReservationId(50)]);
        assert_eq!(deadlines.take_due(Timestamp(5000), 1), vec![ReservationId(1000)]);
    }
}
