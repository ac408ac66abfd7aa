//! No refusal, crash or retry uses a number.

use std::sync::mpsc;

use anaquel_seeds::{Numbers, seeds};

use super::super::receipt::{FiscalAnswer, FiscalState};
use super::*;
use crate::engine::verify::{Allowances, verify};
use crate::journal::memory::Fault;

/// Every number of every series is there once, in order.
fn assert_dense(house: &House) {
    let state = house.engine.state();
    for standing in state.own.receipts.all_series() {
        let series = standing.series.as_ref().expect("what is listed is there");
        for n in series.first..standing.next {
            let id = ReceiptId { series: standing.name.clone(), n };
            assert!(state.own.receipts.get(&id).is_some(), "{id} is missing");
        }
        let beyond = ReceiptId { series: standing.name.clone(), n: standing.next };
        assert!(state.own.receipts.get(&beyond).is_none());
    }
}

#[test]
fn a_batch_that_is_not_written_uses_no_number() {
    let disk = MemoryDisk::default();
    let house = House::on(disk.clone());
    house.furnish(Scheme::None);
    house.issue(house.sold("R", vec![line("1", 1, 1, 1)]));
    disk.inject(0, Fault::Full);
    assert!(house.try_issue(vec![house.sold("R", vec![line("1", 1, 1, 1)])]).is_err());
    assert_eq!(house.next("R"), 2);
    assert_eq!(house.issue(house.sold("R", vec![line("1", 1, 1, 1)])).issued.id, id("R:2"));
    house.audit();
}

#[test]
fn receipts_of_one_batch_get_numbers_in_order() {
    let house = House::open(Scheme::None);
    let (tell, told) = mpsc::channel();
    for at in 0..200 {
        let tell = tell.clone();
        // Every fourth is refused.
        let of = if at % 4 == 3 { "C" } else { "R" };
        let command = Command::Issue(vec![house.sold(of, vec![line("1", 1, 1, 1)])]);
        house.engine.submit(command, None, Box::new(move |outcome| drop(tell.send(outcome))));
    }
    drop(tell);
    let answered = told.iter().filter(Result::is_ok).count();
    assert_eq!((answered, house.next("R"), house.next("C")), (150, 151, 1));
    assert_dense(&house);
    house.audit();
}

/// A life of receipts on a disk, with checkpoints, restarts, refusals and repeated keys.
fn life(seed: u64) {
    let mut numbers = Numbers::new(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("data");
    let clock = Arc::new(Hand(AtomicU64::new(START_MS)));
    let mut house = House::on_disk(&directory, Arc::clone(&clock), 0);
    house.furnish(if seed.is_multiple_of(2) { Scheme::None } else { Scheme::Verifactu });
    let (mut issued, mut scope) = (Vec::<ReceiptId>::new(), 1_u128);
    for _ in 0..120 {
        clock.0.fetch_add(numbers.below(1500), Ordering::SeqCst);
        let amount = 1 + numbers.below(1000);
        let some = |numbers: &mut Numbers| issued.get(numbers.below(issued.len().max(1) as u64) as usize).cloned();
        match numbers.below(10) {
            0..=3 => {
                let lines = vec![line("1", 1, amount, amount), line("2", 3, amount, 2 * amount)];
                // Told again under its key, it is the receipt that it was.
                scope += 1;
                let asked = house.sold("R", lines);
                let next = house.next("R");
                let first = house.run(Command::Issue(vec![asked]), keyed(scope)).expect("a receipt");
                let done = house.engine.kept(scope).expect("readable").expect("kept");
                let again = house.engine.replay(&done).expect("readable").expect("an answer");
                let Outcome::Put { thing: Some(thing), .. } = again else { panic!("{again:?}") };
                assert_eq!(*thing, Thing::Receipts(Box::new(first.clone())));
                let ReceiptAnswer::Receipt(receipt) = first else { panic!("{first:?}") };
                assert_eq!(receipt.issued.id.n, next);
                issued.push(receipt.issued.id.clone());
            }
            4 | 5 => {
                let Some(of) = some(&mut numbers) else { continue };
                let asked = house.back("C", &of.to_string(), vec![line("2", 1, amount, amount)]);
                let before = house.next("C");
                let told = house.try_issue(vec![asked]);
                assert_eq!(house.next("C"), before + u64::from(told.is_ok()));
            }
            6 => {
                let Some(of) = some(&mut numbers) else { continue };
                let before = house.next("I");
                let told = house.invoice("I", &[&of.to_string()]);
                assert_eq!(house.next("I"), before + u64::from(told.is_ok()));
            }
            7 => {
                let Some(of) = some(&mut numbers) else { continue };
                let state = if numbers.below(2) == 0 { FiscalState::Accepted } else { FiscalState::Rejected };
                let (authority_id, signature, qr, errors) = (None, None, None, Vec::new());
                let told = FiscalAnswer { state, authority_id, signature, qr, errors };
                drop(house.run(Command::TellFiscal(of, Box::new(told)), None));
            }
            8 => drop(house.engine.take_checkpoint().expect("a checkpoint")),
            _ => {
                let before = house.engine.state().hash.show();
                let drawn = house.drawn.load(Ordering::SeqCst);
                house.engine.close().expect("closed");
                drop(house);
                house = House::on_disk(&directory, Arc::clone(&clock), drawn);
                assert_eq!(house.engine.state().hash.show(), before, "a restart changed something");
                assert_eq!(house.engine.state().hash_anew(), house.engine.state().hash.sums());
            }
        }
    }
    assert_dense(&house);
    house.audit();
    house.engine.close().expect("closed");
    drop(house);
    verify(&directory, Allowances::default()).expect("the log is proven");
}

#[test]
fn a_life_of_receipts_leaves_no_hole_and_one_chain() {
    seeds(&[1, 2], 4).for_each(|seed| life(seed.value()));
}

/// A checkpoint is written while the log goes on, so what is replayed on it may be older than what it holds.
#[test]
fn what_a_checkpoint_knows_of_receipts_counts_once() {
    let house = House::open(Scheme::Verifactu);
    house.issue(house.sold("R", vec![line("1", 3, 299, 598)]));
    let back = || house.back("C", "R:1", vec![line("1", 1, 299, 199)]);
    house.try_issue(vec![back(), back()]).expect("two notes of one record");
    house.issue(house.sold("R", vec![line("1", 1, 100, 100)]));
    house.invoice("I", &["R:1", "R:2"]).expect("an invoice");
    house.issue(house.back("C", "R:2", vec![line("1", 1, 100, 100)]));
    house.set_issuer("es", Some(Issuer { address: "Calle 9".into(), ..issuer(Scheme::Verifactu) })).expect("it moved");
    house.set_series("R", Some(Series { closed: true, ..series("es", ReceiptKind::Receipt, "R-") })).expect("closed");
    let records = house.engine.events(0, usize::MAX).expect("readable");
    for end in 0..=records.len() {
        for from in 0..=end {
            let (state, mut folder) = crate::engine::fold::Folder::of_new_state(&Settings::default());
            records.iter().take(end).for_each(|record| folder.fold(&state, record));
            let once = state.hash.sums();
            assert_eq!(state.hash_anew(), once, "up to {end}");
            let again = records.iter().skip(from).take(end - from);
            again.for_each(|record| folder.fold(&state, record));
            assert_eq!((state.hash.sums(), state.hash_anew()), (once, once), "up to {end}, again from {from}");
        }
    }
    house.audit();
}
