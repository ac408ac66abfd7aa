use super::callers::CallerDigest;
use super::fullness::KEY_BYTES;
use super::queue::{PIECE, RUN_MS};
use super::{Found, IdempotencyTable, Wake, tag_of};
use crate::ids::{Seq, Timestamp};
use crate::kernel::cause::IdempotencyKey;

const ANN: CallerDigest = 1;
const BEN: CallerDigest = 2;

fn key(scope: u128, fingerprint: u128) -> IdempotencyKey {
    IdempotencyKey { key: "k".into(), scope, fingerprint }
}

fn no_wake() -> Wake {
    Box::new(|| ())
}

fn table(keys: u64) -> IdempotencyTable {
    IdempotencyTable::new(keys * KEY_BYTES)
}

fn is_first(table: &IdempotencyTable, caller: CallerDigest, scope: u128) -> bool {
    matches!(table.begin(&key(scope, 7), caller, &[], no_wake), Found::First)
}

fn is_full(table: &IdempotencyTable, caller: CallerDigest, scope: u128) -> bool {
    matches!(table.begin(&key(scope, 7), caller, &[], no_wake), Found::Full(_))
}

#[test]
fn a_second_request_waits_for_the_first_and_is_told_where_it_stands() {
    let table = table(10);
    let (tx, rx) = std::sync::mpsc::channel();
    assert!(is_first(&table, ANN, 1));
    let wake: Wake = Box::new(move || tx.send(()).expect("the test listens"));
    assert!(matches!(table.begin(&key(1, 7), ANN, &[], || wake), Found::Wait));
    assert!(matches!(table.begin(&key(1, 8), ANN, &[], no_wake), Found::Mismatch));
    table.complete(1, ANN, 5, Timestamp(9));
    rx.recv().expect("woken");
    assert!(matches!(table.begin(&key(1, 7), ANN, &[], no_wake), Found::Kept(seqs) if seqs == [5]));
    assert_eq!(table.len(), 1);
}

#[test]
fn a_refused_request_is_decided_anew() {
    let table = table(10);
    assert!(is_first(&table, ANN, 1));
    table.abandon(1);
    assert!(is_first(&table, ANN, 1));
    assert_eq!(table.len(), 1);
}

#[test]
fn two_keys_of_one_tag_are_two() {
    let table = table(10);
    let (one, other) = (1_u128, 1_u128 << 64);
    assert_eq!(tag_of(one), tag_of(other));
    table.complete(one, ANN, 5, Timestamp(9));
    assert!(matches!(table.begin(&key(other, 7), BEN, &[], no_wake), Found::Kept(seqs) if seqs == [5]));
    assert!(
        matches!(table.begin(&key(other, 7), BEN, &[5], no_wake), Found::First),
        "the record belongs to another key"
    );
    table.complete(other, BEN, 6, Timestamp(RUN_MS * 2));
    assert_eq!(table.kept(one).len(), 2);
    table.forget(Timestamp(RUN_MS * 2));
    assert_eq!(table.kept(other), [6], "the older one is forgotten");
}

#[test]
fn whoever_fills_a_share_fills_no_other() {
    let table = table(100);
    for scope in 0..80 {
        assert!(is_first(&table, ANN, scope), "{scope}");
        table.complete(scope, ANN, scope as Seq, Timestamp(10));
    }
    assert!(is_full(&table, ANN, 80), "one caller gets four fifths of the room");
    assert!(table.fullness().is_near() && table.fullness().refused == 1);
    for scope in 100..116 {
        assert!(is_first(&table, BEN, scope), "{scope}");
    }
    assert!(is_full(&table, BEN, 116), "the next caller gets four fifths of the rest");
    assert!(is_first(&table, 3, 200), "later callers find room");
    table.forget(Timestamp(10));
    assert!(is_full(&table, ANN, 80), "kept for the whole retention");
    table.forget(Timestamp(RUN_MS));
    assert!(is_first(&table, ANN, 80));
    assert_eq!(table.len(), 18);
}

#[test]
fn keys_are_put_back_as_they_were() {
    let (table, count) = (table(1_000_000), 3 * PIECE as u64 + 17);
    for seq in 1..=count {
        table.complete(u128::from(seq) << 3, seq % 3, seq, Timestamp(seq * 100));
    }
    table.forget(Timestamp(RUN_MS * 5));
    let (again, mut from) = (IdempotencyTable::new(1_000_000 * KEY_BYTES), 0);
    while let Some((page, next)) = table.page(from) {
        again.restore_page(&page);
        again.restore_page(&page);
        from = next;
    }
    assert_eq!(again.len(), table.len());
    assert!(table.len() > 2 * PIECE && table.len() < count as usize);
    for table in [&table, &again] {
        table.forget(Timestamp(RUN_MS * 60));
    }
    assert_eq!(again.len(), table.len());
    let held = |table: &IdempotencyTable| {
        let callers = table.callers();
        let mut held: Vec<_> = callers.held.iter().map(|held| (held.caller, held.kept)).collect();
        held.sort_unstable();
        held
    };
    assert_eq!(held(&again), held(&table));
    for seq in 1..=count {
        assert_eq!(again.kept(u128::from(seq) << 3), table.kept(u128::from(seq) << 3), "{seq}");
    }
    table.forget(Timestamp(u64::MAX));
    (0..10).for_each(|_| table.forget(Timestamp(u64::MAX)));
    assert!(table.is_empty() && table.line().len() == 0);
}

/// Inserts the keys of a day, and measures at every hundredth that they never exceed the promised memory; then
/// inserts as many again while the oldest are forgotten; at the end the table is empty.
#[test]
fn a_key_never_costs_more_than_it_may() {
    let keys: u64 = std::env::var("ANAQUEL_KEYS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) << 10
    };
    let before = resident();
    let table = IdempotencyTable::new(u64::MAX);
    let (mut worst, mut worst_resident) = (0.0_f64, 0.0_f64);
    let mut weigh = |what: &str| {
        let kept = table.len() as f64;
        let each = table.allocated() as f64 / kept;
        if kept >= 200_000.0 {
            assert!(each <= KEY_BYTES as f64, "{each:.1} bytes a key at {kept}, {what}");
            worst = worst.max(each);
            worst_resident = worst_resident.max(resident().saturating_sub(before) as f64 / kept);
        }
    };
    // Scopes are digests: spread evenly.
    let scope = |seq: u64| u128::from(seq.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64 | u128::from(seq);
    let time = |seq: u64| Timestamp(seq * 4);
    for seq in 1..=keys {
        table.complete(scope(seq), seq % 7 + 1, seq, time(seq));
        if seq % (keys / 100) == 0 {
            weigh("growing");
        }
    }
    for seq in keys + 1..=2 * keys {
        table.complete(scope(seq), seq % 7 + 1, seq, time(seq));
        table.forget(time(seq - keys));
        if seq % (keys / 100) == 0 {
            weigh("coming and going");
        }
    }
    println!("{worst:.2} bytes a key at the most, {worst_resident:.2} of the process, of {keys} keys");
    while !table.is_empty() {
        table.forget(Timestamp(u64::MAX));
    }
    assert!(table.allocated() < 1 << 20, "{} bytes remain of an empty table", table.allocated());
}
