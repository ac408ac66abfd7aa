//! Models of the lock-free parts. Loom tests them in every interleaving; the crate's documentation has the command.

use std::sync::atomic::Ordering::{Acquire, Release};

use loom::sync::Arc;
use loom::thread;

use crate::ids::{LocationId, SkuId};
use crate::level::{Floor, StockChange, StockLevel};
use crate::matrix::{MatrixWriter, StockCell};
use crate::sync::AtomicU32;
use crate::view::DurableView;

/// Two threads want the last unit: exactly one gets it.
#[test]
fn the_last_unit_goes_to_one() {
    loom::model(|| {
        let cell = Arc::new(StockCell::default());
        cell.adjust_promise(StockChange::bring(1));
        let other = Arc::clone(&cell);
        let taker = thread::spawn(move || other.admit(1, Floor::default()).is_ok());
        let (mine, theirs) = (cell.admit(1, Floor::default()).is_ok(), taker.join().unwrap());
        assert!(mine != theirs);
        assert_eq!(cell.promised(), StockLevel { on_hand: 1, reserved: 1 });
    });
}

/// A promise, an unconditional sale and a credit at the same time: both halves of the word add up, and no absent unit
/// is promised.
#[test]
fn promises_sales_and_credits_add_up() {
    loom::model(|| {
        let cell = Arc::new(StockCell::default());
        cell.adjust_promise(StockChange::bring(1));
        let (till, journal) = (Arc::clone(&cell), Arc::clone(&cell));
        let sale = thread::spawn(move || till.adjust_promise(StockChange::bring(-1)));
        let credit = thread::spawn(move || journal.adjust_promise(StockChange::bring(2)));
        let granted = u32::from(cell.admit(2, Floor::default()).is_ok()) * 2;
        sale.join().unwrap();
        credit.join().unwrap();
        assert_eq!(cell.promised(), StockLevel { on_hand: 2, reserved: granted });
    });
}

/// A released unit is available again for the next caller, exactly once.
#[test]
fn what_is_given_back_can_be_taken_once() {
    loom::model(|| {
        let cell = Arc::new(StockCell::default());
        cell.adjust_promise(StockChange { on_hand: 1, reserved: 1 });
        let journal = Arc::clone(&cell);
        let back = thread::spawn(move || journal.adjust_promise(StockChange::reserve(1).inverse()));
        let early = cell.admit(1, Floor::default()).is_ok();
        back.join().unwrap();
        let late = cell.admit(1, Floor::default()).is_ok();
        assert!(early != late);
        assert_eq!(cell.promised(), StockLevel { on_hand: 1, reserved: 1 });
    });
}

/// A reader of two cells sees both before a fold or both after it, with the matching `seq`.
#[test]
fn a_read_of_two_cells_is_of_one_seq() {
    let seen = Seen::default();
    loom::model(move || {
        let shared = Arc::new((DurableView::default(), [StockCell::default(), StockCell::default()]));
        let (theirs, seen) = (Arc::clone(&shared), seen.clone());
        let reader = thread::spawn(move || {
            let (view, cells) = &*theirs;
            let (seq, levels) = view.read(|| [cells[0].durable().on_hand, cells[1].durable().on_hand]);
            assert_eq!(levels.map(i64::from), [seq as i64; 2]);
            seen.note(seq);
        });
        let ((view, cells), mut writer) = (&*shared, MatrixWriter::new());
        for seq in 1..=2_u64 {
            let level = StockLevel { on_hand: seq as i32, reserved: 0 };
            view.fold(&mut writer, seq, |writer| cells.iter().for_each(|cell| cell.fold_level(writer, level)));
        }
        reader.join().unwrap();
    });
}

/// A reader that sees a `seq` sees the fold before it.
#[test]
fn a_seq_that_is_seen_brings_its_fold() {
    let seen = Seen::default();
    loom::model(move || {
        let shared = Arc::new((DurableView::default(), StockCell::default()));
        let (theirs, seen) = (Arc::clone(&shared), seen.clone());
        let reader = thread::spawn(move || {
            let seq = theirs.0.seq();
            if seq == 2 {
                assert_eq!(theirs.1.durable().on_hand, 2);
            }
            seen.note(seq);
        });
        let level = StockLevel { on_hand: 2, reserved: 0 };
        shared.0.fold(&mut MatrixWriter::new(), 2, |writer| shared.1.fold_level(writer, level));
        reader.join().unwrap();
    });
}

/// A reader that finds a cell through a published entry sees its SKU and location.
#[test]
fn a_cell_that_is_found_knows_its_place() {
    let seen = Seen::default();
    loom::model(move || {
        let shared = Arc::new((AtomicU32::new(0), StockCell::default()));
        let (theirs, seen) = (Arc::clone(&shared), seen.clone());
        let reader = thread::spawn(move || {
            let entry = theirs.0.load(Acquire);
            if entry == 2 {
                assert_eq!((theirs.1.sku(), theirs.1.location()), (SkuId(7), LocationId(9)));
            }
            seen.note(entry.into());
        });
        shared.1.place(SkuId(7), LocationId(9));
        shared.0.store(2, Release);
        reader.join().unwrap();
    });
}

/// What readers saw over all interleavings: both the beginning and the end, otherwise the model proves nothing.
#[derive(Clone, Default)]
struct Seen(std::sync::Arc<std::sync::Mutex<Vec<u64>>>);

impl Seen {
    fn note(&self, seq: u64) {
        self.0.lock().unwrap().push(seq);
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        // The last one belongs to the test.
        if std::sync::Arc::strong_count(&self.0) == 1 && !std::thread::panicking() {
            let seen = self.0.lock().unwrap();
            assert!(seen.contains(&0) && seen.contains(&2), "readers saw only {seen:?}");
        }
    }
}
