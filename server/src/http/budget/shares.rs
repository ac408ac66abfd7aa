//! Fair shares of limited resources.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::time::Duration;

use tokio::sync::oneshot;

/// Whether a caller that has `mine` units may take `wanted` more: if the result is at most `patience` times what is
/// left for the others. Up to `floor` units are always allowed.
pub fn fair(mine: usize, wanted: usize, free: usize, patience: usize, floor: usize) -> bool {
    let (mine, left) = (mine.saturating_add(wanted), free.saturating_sub(wanted));
    mine <= floor || mine <= left.saturating_mul(patience)
}

/// How much of a resource each holder has; a holder with nothing takes no memory.
pub struct Shares<K, S = RandomState>(HashMap<K, usize, S>);

impl<K: fmt::Debug, S> fmt::Debug for Shares<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&self.0).finish()
    }
}

impl<K, S: Default> Default for Shares<K, S> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<K: Hash + Eq + Copy, S: BuildHasher> Shares<K, S> {
    pub fn of(&self, who: K) -> usize {
        self.0.get(&who).copied().unwrap_or(0)
    }

    pub fn add(&mut self, who: K, units: usize) {
        *self.0.entry(who).or_default() += units;
    }

    pub fn take(&mut self, who: K, units: usize) {
        if let Some(has) = self.0.get_mut(&who) {
            *has = has.saturating_sub(units);
            if *has == 0 {
                self.0.remove(&who);
            }
        }
    }
}

/// Waits for a value that is handed over to `place`; `None` on a timeout.
pub(crate) async fn handed<T, P>(waits: oneshot::Receiver<T>, place: P, wait: Duration) -> Option<T> {
    // On cancellation, the receiver is dropped first, then the place.
    let place = place;
    let mut waits = waits;
    let got = tokio::time::timeout(wait, &mut waits).await;
    // Closes first, so that no value is handed to an abandoned place.
    waits.close();
    drop(place);
    match got {
        Ok(Ok(got)) => Some(got),
        _ => waits.try_recv().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_alone_never_has_everything() {
        let most = |others: usize, patience: usize| {
            (0..100).take_while(|mine| fair(*mine, 1, 100 - others - mine, patience, 0)).count()
        };
        assert_eq!(most(0, 1), 50, "half");
        assert_eq!(most(50, 1), 25, "half of the rest");
        assert_eq!(most(0, 4), 80);
        assert!(fair(1, 1, 1, 1, 2), "the floor is always allowed");
    }

    #[test]
    fn who_has_nothing_takes_no_room() {
        let mut shares = Shares::<u8>::default();
        shares.add(1_u8, 3);
        shares.take(1_u8, 2);
        assert_eq!((shares.of(1_u8), shares.of(2_u8)), (1, 0));
        shares.take(1_u8, 1);
        assert!(shares.0.is_empty());
    }
}
