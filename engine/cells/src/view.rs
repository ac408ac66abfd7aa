//! The durable view: which `seq` readers see, and a sequence lock that makes a read of many cells exact at one `seq`.
//!
//! ```text
//!  word = visible seq << 1 | folding
//! ```
//!
//! The journal thread folds durable records in groups of bounded size, so a reader that meets a fold waits
//! microseconds, and never for the disk. Readers take no lock. A long read that folds interrupt several times asks for
//! quiet, so that it also ends.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use crossbeam::utils::CachePadded;

use crate::ids::Seq;
use crate::sync::{AtomicU64, Mutex, Patience, fence};
use crate::writer::MatrixWriter;

/// The only place that states up to which record memory reflects the log.
#[derive(Debug, Default)]
pub struct DurableView {
    word: CachePadded<AtomicU64>,
    quiet: Mutex<()>,
}

/// Interrupted attempts before a reader asks for quiet.
const ATTEMPTS: usize = if cfg!(loom) { 2 } else { 16 };

impl DurableView {
    /// Acquire: a reader that sees this seq also sees the fold before it.
    #[inline]
    pub fn seq(&self) -> Seq {
        // Acquire: whoever learns this seq also sees the fold that came before it was published.
        self.word.load(Ordering::Acquire) >> 1
    }

    /// Runs `read` until no fold interrupts it, and returns the `seq` that it reflects. `read` may run several times
    /// and must have no side effects.
    pub fn read<T>(&self, mut read: impl FnMut() -> T) -> (Seq, T) {
        let patience = Patience::default();
        for _ in 0..ATTEMPTS {
            // Acquire: pairs with the Release at the end of a fold, so every store of that fold is visible.
            let before = self.word.load(Ordering::Acquire);
            if before & 1 == 0 {
                let value = read();
                // Pairs with the Release fence in `fold`: if a load above saw a store of a later fold, the load below
                // sees that fold's odd word, and the value is discarded.
                fence(Ordering::Acquire);
                if self.word.load(Ordering::Relaxed) == before {
                    return (before >> 1, value);
                }
            }
            patience.snooze();
        }
        let _quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        (self.word.load(Ordering::Acquire) >> 1, read())
    }

    /// Runs `fold` with `writer`, then publishes `seq`. Only the owner of the [`MatrixWriter`] can call it.
    pub fn fold<W: AsRef<MatrixWriter>, T>(&self, writer: &mut W, seq: Seq, fold: impl FnOnce(&mut W) -> T) -> T {
        let _quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.word.load(Ordering::Relaxed);
        debug_assert!(before & 1 == 0 && before >> 1 <= seq, "folds neither nest nor go back: {before} to {seq}");
        self.word.store(before | 1, Ordering::Relaxed);
        // Keeps the stores of the fold behind the odd word; pairs with the Acquire fence in `read`.
        fence(Ordering::Release);
        let value = fold(writer);
        // Release: pairs with the Acquire loads above; a reader that sees the new seq sees the whole fold.
        self.word.store(seq << 1, Ordering::Release);
        value
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn a_read_of_many_words_is_exact_at_one_seq() {
        let view = DurableView::default();
        let words: Vec<AtomicU64> = (0..64).map(|_| AtomicU64::new(0)).collect();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut writer = MatrixWriter::new();
                for seq in 1..=20_000 {
                    view.fold(&mut writer, seq, |_| words.iter().for_each(|word| word.store(seq, Ordering::Relaxed)));
                }
            });
            scope.spawn(|| {
                loop {
                    let (seq, seen) =
                        view.read(|| words.iter().map(|word| word.load(Ordering::Relaxed)).collect::<Vec<_>>());
                    assert!(seen.iter().all(|value| *value == seq), "{seen:?} at {seq}");
                    if seq == 20_000 {
                        break;
                    }
                }
            });
        });
    }
}
