//! Copies of a directory that an engine writes to, backups of it, and what is left where either is cut off.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::{ManualClock, START_MS, Shop, copy, hash, log_options, store};
use anaquel_engine::backup::{self, Chain, Extra, RestoreError, Start, Until};
use anaquel_engine::journal::StoreKind;
use anaquel_engine::journal::memory::MemoryDisk;
use anaquel_engine::recovery::{Options, StartReport};
use anaquel_engine::settings::Settings;
use anaquel_engine::{Engine, verify};

fn options() -> Options {
    Options {
        settings: Settings { old_log_bytes_per_second: 1 << 40, ..Settings::default() },
        log: log_options(),
        entropy: 42,
        trust_clock: true,
        role: None,
    }
}

fn open(directory: &Path, clock: &Arc<ManualClock>) -> (Shop, StartReport) {
    let (engine, report) = Engine::open(directory, options(), clock.clone(), None).unwrap();
    (Shop { engine, clock: clock.clone(), disk: MemoryDisk::default() }, report)
}

fn some(shop: &Shop, from: u32, count: u32) {
    for n in from..from + count {
        let sku = format!("SKU-{}", n % 7);
        shop.receive(&sku, "s1", 10);
        shop.reserve(&[(&sku, "s1", 1)]);
    }
}

// The files of sled and the recent log beside them have tests that a log in files has no need of: they return at once then.
// `engine/log/tests/files.rs` has those of its own copies.

/// What the files of a copy are called, in the order in which a tool may come to them.
const PIECES: [&str; 4] = ["images", "journal/recent", "journal/high-water", "journal"];

/// Takes one file after the other, with writes in between: whichever order a tool takes them in, the copy opens at a record
/// that was there when the log was copied, and goes on with an epoch of its own.
#[test]
fn a_copy_in_any_order_opens_at_its_last_whole_record() {
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 3, 0, 1]] {
        let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
        let (original, copied) = (folder.path().join("original"), folder.path().join("copied"));
        let (shop, _) = open(&original, &clock);
        some(&shop, 0, 20);
        shop.engine.take_checkpoint().unwrap();
        some(&shop, 20, 20);
        let begun_at = hash(&shop.engine);
        fs::create_dir_all(copied.join("journal")).unwrap();
        for name in ["identity", "secret"] {
            fs::copy(original.join(name), copied.join(name)).unwrap();
        }
        for (at, piece) in order.iter().map(|piece| PIECES[*piece]).enumerate() {
            let (from, to) = (original.join(piece), copied.join(piece));
            match piece {
                "journal" if store() == StoreKind::File => copy(&from.join("files"), &to.join("files")),
                "journal" => {
                    for name in ["db", "conf"] {
                        fs::copy(from.join(name), to.join(name)).unwrap();
                    }
                    copy(&from.join("blobs"), &to.join("blobs"));
                }
                "journal/high-water" => drop(fs::copy(from, to).unwrap()),
                _ => copy(&from, &to),
            }
            some(&shop, 100 + 20 * at as u32, 20);
            if at == 1 {
                // One replaces another: the newest knows more than a log that was copied before it.
                shop.engine.take_checkpoint().unwrap();
            }
        }
        let epoch = shop.engine.epoch();
        let all = shop.engine.events(0, usize::MAX).unwrap();
        drop(shop);
        let proof = verify::verify(&copied, verify::Allowances::default()).unwrap();
        assert!(proof.seq >= begun_at.0, "{order:?}: {} is older than {}", proof.seq, begun_at.0);
        let (shop, report) = open(&copied, &clock);
        let new = report.new_epoch.unwrap();
        assert_eq!((new.before, new.after, hash(&shop.engine)), (epoch, proof.seq, (proof.seq, proof.state_hash)));
        // All of the log is there, not only what follows the checkpoint.
        assert_eq!(shop.engine.events(0, usize::MAX).unwrap(), all[..proof.seq as usize]);
        shop.receive("AFTERWARDS", "s1", 1);
        let live = hash(&shop.engine);
        drop(shop);
        let (shop, report) = open(&copied, &clock);
        assert_eq!((hash(&shop.engine), report.new_epoch, report.copied), (live, None, None), "and a restart is one");
        // The original is what it was.
        let (shop, report) = open(&original, &clock);
        assert_eq!((shop.engine.epoch(), report.new_epoch), (epoch, None));
    }
}

/// A copy of the store's file whose parts are of different moments: everything is found all the same, and where it is not,
/// the log begins later.
#[test]
fn what_the_store_does_not_find_in_a_copy_is_found() {
    if store() == StoreKind::File {
        return;
    }
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let original = folder.path().join("original");
    let (shop, _) = open(&original, &clock);
    some(&shop, 0, 200);
    shop.engine.take_checkpoint().unwrap();
    drop(shop);
    // Written anew from the checkpoint on, as it is once there is much.
    fs::remove_dir_all(original.join("journal/recent")).unwrap();
    let (shop, _) = open(&original, &clock);
    some(&shop, 200, 50);
    let live = hash(&shop.engine);
    let all = shop.engine.events(0, usize::MAX).unwrap();
    let whole = folder.path().join("whole");
    copy(&original, &whole);
    drop(shop);
    let length = fs::metadata(whole.join("journal/db")).unwrap().len() as usize;
    let mut found = Vec::new();
    for cut in [0, 1, length / 3, length / 2, length - 1] {
        let copied = folder.path().join(format!("copied-{cut}"));
        copy(&whole, &copied);
        let db = copied.join("journal/db");
        let mut bytes = fs::read(&db).unwrap();
        // What was there before it was written.
        bytes.iter_mut().skip(cut).for_each(|byte| *byte = 0);
        fs::write(&db, bytes).unwrap();
        let (shop, report) = open(&copied, &clock);
        assert_eq!(hash(&shop.engine), live, "cut at {cut}");
        let mended = report.copied.unwrap();
        assert_eq!((mended.last_seq, mended.oldest), (live.0, shop.engine.oldest()));
        let told = shop.engine.events(mended.oldest - 1, usize::MAX).unwrap();
        assert_eq!(told, all[mended.oldest as usize - 1..], "cut at {cut}");
        found.push(mended.oldest);
        drop(shop);
        verify::verify(&copied, verify::Allowances::default()).unwrap();
    }
    assert_eq!(found.last(), Some(&1), "the last byte is none of the log: {found:?}");
    assert!(found[0] > 1, "without the file there is what is recent: {found:?}");
}

/// The last record of a file that only grows may be cut anywhere; what stands before a whole one must be whole.
#[test]
fn a_cut_copy_ends_earlier_and_a_damaged_one_is_refused() {
    if store() == StoreKind::File {
        return;
    }
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let original = folder.path().join("original");
    let (shop, _) = open(&original, &clock);
    some(&shop, 0, 30);
    let live = hash(&shop.engine);
    let whole = folder.path().join("whole");
    copy(&original, &whole);
    drop(shop);
    // The store's file as of a moment at which nothing was in it yet.
    fs::write(whole.join("journal/db"), b"").unwrap();
    let recent = fs::read_dir(whole.join("journal/recent")).unwrap().next().unwrap().unwrap().path();
    let name = recent.strip_prefix(&whole).unwrap();
    let bytes = fs::read(&recent).unwrap();
    let mut before = 0;
    for at in (0..=bytes.len()).step_by(bytes.len() / 40) {
        let copied = folder.path().join(format!("cut-{at}"));
        copy(&whole, &copied);
        fs::write(copied.join(name), &bytes[..at]).unwrap();
        let (shop, report) = open(&copied, &clock);
        let (seq, _) = hash(&shop.engine);
        assert!(seq >= before && seq <= live.0, "cut at {at}");
        let copied = report.copied.unwrap();
        assert_eq!((copied.last_seq, copied.marked), (seq, live.0), "what is missing is told");
        before = seq;
    }
    assert!(before > live.0 / 2);
    for at in [100, bytes.len() / 2] {
        let copied = folder.path().join(format!("damaged-{at}"));
        copy(&whole, &copied);
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        fs::write(copied.join(name), damaged).unwrap();
        let refused = Engine::open(&copied, options(), clock.clone(), None).map(|_| ()).unwrap_err().to_string();
        assert!(refused.contains("damaged at record"), "{refused}");
    }
}

/// The move of a mended log into its place may be cut off at any point, and comes again.
#[test]
fn a_mended_copy_comes_up_wherever_mending_was_cut_off() {
    if store() == StoreKind::File {
        return;
    }
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let original = folder.path().join("original");
    let (shop, _) = open(&original, &clock);
    some(&shop, 0, 30);
    let live = hash(&shop.engine);
    let whole = folder.path().join("whole");
    copy(&original, &whole);
    drop(shop);
    // Mended, but no start has followed yet.
    let mended = folder.path().join("mended");
    copy(&whole, &mended);
    verify::verify(&mended, verify::Allowances::default()).unwrap();
    for state in 0..5 {
        let copied = folder.path().join(format!("copied-{state}"));
        copy(&whole, &copied);
        let (journal, fresh, old) = (copied.join("journal"), copied.join("journal.fresh"), copied.join("journal.old"));
        match state {
            // Half written.
            0 => {
                copy(&mended.join("journal"), &fresh);
                fs::write(fresh.join("db"), b"x").unwrap();
                copy(&mended.join("journal"), &copied.join("journal.carved"));
            }
            // Written, not moved.
            1 => copy(&mended.join("journal"), &fresh),
            // Between the two renames.
            2 => {
                copy(&mended.join("journal"), &fresh);
                fs::rename(&journal, &old).unwrap();
            }
            // Moved, the old one not taken away.
            3 => {
                fs::rename(&journal, &old).unwrap();
                copy(&mended.join("journal"), &journal);
            }
            // Moved.
            _ => {
                fs::remove_dir_all(&journal).unwrap();
                copy(&mended.join("journal"), &journal);
            }
        }
        let (shop, report) = open(&copied, &clock);
        assert_eq!(hash(&shop.engine), live, "state {state}");
        assert!(report.new_epoch.is_some());
        assert!(!fresh.exists() && !old.exists(), "state {state}: nothing is left over");
        drop(shop);
        verify::verify(&copied, verify::Allowances::default()).unwrap();
    }
}

/// An engine that was killed goes on with the files that copies are opened from, whatever became of them.
#[test]
fn what_copies_are_opened_from_is_mended_at_a_start() {
    if store() == StoreKind::File {
        return;
    }
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let original = folder.path().join("original");
    let (shop, _) = open(&original, &clock);
    some(&shop, 0, 20);
    drop(shop);
    let recent = |data: &Path| fs::read_dir(data.join("journal/recent")).unwrap().next().unwrap().unwrap().path();
    let harms: [&dyn Fn(); 6] = [
        &|| (),
        &|| fs::remove_dir_all(original.join("journal/recent")).unwrap(),
        // As after a power cut.
        &|| {
            let bytes = fs::read(recent(&original)).unwrap();
            fs::write(recent(&original), &bytes[..bytes.len() / 2]).unwrap();
        },
        &|| {
            let mut bytes = fs::read(recent(&original)).unwrap();
            let half = bytes.len() / 2;
            bytes[half..].fill(0);
            fs::write(recent(&original), bytes).unwrap();
        },
        &|| fs::write(recent(&original), b"").unwrap(),
        // A batch that was never acknowledged.
        &|| {
            let mut bytes = fs::read(recent(&original)).unwrap();
            bytes.extend_from_slice(&[200, 0, 0, 0, 5, 0, 0, 0]);
            fs::write(recent(&original), bytes).unwrap();
        },
    ];
    for (number, harm) in harms.iter().enumerate() {
        harm();
        let (shop, report) = open(&original, &clock);
        assert_eq!((report.copies_refused, report.new_epoch), (None, None), "{number}");
        some(&shop, 100, 3);
        let live = hash(&shop.engine);
        let copied = folder.path().join(format!("copied-{number}"));
        copy(&original, &copied);
        drop(shop);
        fs::write(copied.join("journal/db"), b"").unwrap();
        let (shop, _) = open(&copied, &clock);
        assert_eq!(hash(&shop.engine), live, "{number}");
    }
}

fn back_up(shop: &Shop, start: Start, path: &Path) -> backup::Head {
    let extra = [Extra { name: "keys.json".into(), bytes: b"{}".to_vec() }];
    let mut out = fs::File::create(path).unwrap();
    shop.engine.back_up(start, &extra, &mut |_| (), &mut out).unwrap()
}

fn follows(head: &backup::Head) -> Start {
    Start::After(head.epoch, head.seq)
}

/// A whole backup, two that follow it, and every record in between: what is restored is what was true there.
#[test]
fn a_chain_of_backups_leads_to_every_record_of_it() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let (shop, _) = open(&folder.path().join("original"), &clock);
    some(&shop, 0, 10);
    shop.engine.take_checkpoint().unwrap();
    some(&shop, 10, 5);
    let paths: Vec<PathBuf> = (0..3).map(|n| folder.path().join(format!("{n}.backup"))).collect();
    let mut truths = vec![hash(&shop.engine)];
    let mut heads = vec![back_up(&shop, Start::Whole, &paths[0])];
    for (n, path) in paths.iter().enumerate().skip(1) {
        clock.advance(60_000);
        some(&shop, 20 * n as u32, 5);
        truths.push(hash(&shop.engine));
        heads.push(back_up(&shop, follows(&heads[n - 1]), path));
    }
    let told: Vec<_> = heads.iter().map(|head| (head.seq, head.hash.clone())).collect();
    assert_eq!(told, truths);
    let chain = Chain::find(&paths, Until::End).unwrap();
    assert_eq!(chain.files().count(), 3);
    let checked = backup::check(&chain).unwrap();
    assert_eq!((checked.seq, checked.hash.clone(), checked.is_same), (truths[2].0, truths[2].1.clone(), Some(true)));
    let target = folder.path().join("restored");
    let restored = backup::restore(&chain, &target, store(), 7).unwrap();
    assert_eq!((restored.checked.seq, &restored.checked.hash), (truths[2].0, &truths[2].1));
    assert_eq!((restored.oldest, restored.files.contains(&"keys.json".to_owned())), (1, true));
    let all = shop.engine.events(0, usize::MAX).unwrap();
    let id = shop.engine.reservation_id(shop.reserve(&[("SKU-1", "s1", 1)]).id);
    let (again, report) = open(&target, &clock);
    assert_eq!(report.new_epoch, None, "its epoch came with its identity");
    assert_eq!(again.engine.epoch(), restored.epoch);
    assert_ne!(again.engine.epoch(), shop.engine.epoch());
    assert_eq!(hash(&again.engine), truths[2]);
    assert_eq!(again.engine.events(0, usize::MAX).unwrap(), all);
    assert_eq!(again.engine.parse_reservation_id(&id), None, "what the original promised since is not its own");
    drop(again);
    // Every record; those before the checkpoint are had from the log alone, since it reaches back to the first.
    for seq in (1..=truths[2].0).step_by(3) {
        let target = folder.path().join(format!("at-{seq}"));
        let chain = Chain::find(&paths, Until::Seq(seq)).unwrap();
        let restored = backup::restore(&chain, &target, store(), 7).unwrap();
        assert_eq!(restored.checked.seq, seq);
        let proof = verify::verify(&target, verify::Allowances::default()).unwrap();
        assert_eq!((proof.seq, &proof.state_hash), (seq, &restored.checked.hash));
        if let Some((_, hash)) = truths.iter().find(|(at, _)| *at == seq) {
            assert_eq!(&proof.state_hash, hash);
        }
    }
    let at_time = Chain::find(&paths, Until::Time(anaquel_engine::ids::Timestamp(START_MS + 1000))).unwrap();
    assert_eq!(at_time.until(), truths[0].0, "what was true before the clock moved");
    let refused = |until| Chain::find(&paths, until).unwrap_err().to_string();
    assert!(refused(Until::Seq(truths[2].0 + 1)).contains("is beyond these backups"));
    assert!(Chain::find(&paths[1..], Until::End).unwrap_err().to_string().contains("no full backup"));
    let missing = [paths[0].clone(), paths[2].clone()];
    assert_eq!(Chain::find(&missing, Until::End).unwrap().until(), truths[0].0, "a gap is not stepped over");
    // What came since is of another history, or of none.
    let mut out = Vec::new();
    for start in [Start::After(restored.epoch, 5), Start::After(heads[0].epoch, 1 << 40)] {
        let gone = shop.engine.back_up(start, &[], &mut |_| (), &mut out).unwrap_err();
        assert!(matches!(gone, backup::BackupError::Gone(_)), "{gone}");
    }
}

/// Backups and what they are restored to go on from each other, and a mix of two histories is refused.
#[test]
fn a_restored_shop_is_backed_up_on_and_two_histories_are_not_mixed() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let (shop, _) = open(&folder.path().join("original"), &clock);
    some(&shop, 0, 10);
    let paths: Vec<PathBuf> = (0..3).map(|n| folder.path().join(format!("{n}.backup"))).collect();
    let whole = back_up(&shop, Start::Whole, &paths[0]);
    let target = folder.path().join("restored");
    backup::restore(&Chain::find(&paths[..1], Until::End).unwrap(), &target, store(), 7).unwrap();
    let (again, _) = open(&target, &clock);
    some(&shop, 50, 3);
    some(&again, 70, 9);
    back_up(&again, follows(&whole), &paths[1]);
    let theirs = back_up(&shop, follows(&whole), &paths[2]);
    let both = Chain::find(&paths[..2], Until::End).unwrap();
    assert_eq!(backup::check(&both).unwrap().hash, hash(&again.engine).1);
    let gone = again.engine.back_up(follows(&theirs), &[], &mut |_| (), &mut Vec::new()).unwrap_err();
    assert!(matches!(gone, backup::BackupError::Gone(_)), "{gone}");
    // Behind the original's second one, the log of the restored one is not what came next.
    some(&again, 90, 9);
    back_up(&again, follows(&backup::read_head(&paths[1]).unwrap()), &folder.path().join("3.backup"));
    let mixed = [paths[0].clone(), paths[2].clone(), folder.path().join("3.backup")];
    let chain = Chain::find(&mixed, Until::End).unwrap();
    if chain.files().count() > 2 {
        assert!(matches!(backup::check(&chain), Err(RestoreError::NoWay(_))));
    }
}

/// A backup with a byte less, or another one, is none; and nothing is restored of it.
#[test]
fn a_damaged_backup_is_refused_and_leaves_no_directory() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let (shop, _) = open(&folder.path().join("original"), &clock);
    some(&shop, 0, 10);
    shop.engine.take_checkpoint().unwrap();
    some(&shop, 10, 3);
    let path = folder.path().join("0.backup");
    back_up(&shop, Start::Whole, &path);
    let bytes = fs::read(&path).unwrap();
    let (bad, target) = (folder.path().join("bad.backup"), folder.path().join("restored"));
    for at in (0..bytes.len()).step_by(bytes.len() / 60) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        for damaged in [&bytes[..at], &flipped] {
            fs::write(&bad, damaged).unwrap();
            assert!(backup::read_through(&bad).is_err(), "at {at}");
            let refused = Chain::find(std::slice::from_ref(&bad), Until::End)
                .and_then(|chain| backup::restore(&chain, &target, store(), 7));
            assert!(refused.is_err(), "at {at}");
            assert!(!target.join("identity").exists());
            if target.exists() {
                let refused =
                    Engine::open(&target, options(), clock.clone(), None).map(|_| ()).unwrap_err().to_string();
                assert!(refused.contains("was interrupted"), "{refused}");
            }
        }
    }
    // What was cut off is begun anew; what is whole, and what was never one, is left alone.
    let chain = Chain::find(&[path], Until::End).unwrap();
    backup::restore(&chain, &target, store(), 7).unwrap();
    assert!(matches!(backup::restore(&chain, &target, store(), 7), Err(RestoreError::NotEmpty(_))));
    let other = folder.path().join("other");
    fs::create_dir_all(&other).unwrap();
    fs::write(other.join("mine"), "x").unwrap();
    assert!(matches!(backup::restore(&chain, &other, store(), 7), Err(RestoreError::NotEmpty(_))));
    assert_eq!(fs::read_dir(&other).unwrap().count(), 1);
}

/// Beside an engine that writes: the state hash is the one of the `seq`, each time, from inside and from beside it.
#[test]
fn backups_beside_writers_are_exact_at_one_seq() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let data = folder.path().join("original");
    let (shop, _) = open(&data, &clock);
    some(&shop, 0, 5);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let (shop, stop) = (&shop, &stop);
            scope.spawn(move || {
                let mut n = writer * 10_000;
                while !stop.load(Ordering::Relaxed) {
                    some(shop, n, 1);
                    n += 1;
                }
            });
        }
        let mut paths = Vec::new();
        let mut last: Option<backup::Head> = None;
        for round in 0..8 {
            let path = folder.path().join(format!("{round}.backup"));
            let start = last.as_ref().map_or(Start::Whole, follows);
            let before = shop.engine.state().view.seq();
            let head = if round % 2 == 0 {
                back_up(&shop, start, &path)
            } else {
                let mut out = fs::File::create(&path).unwrap();
                let scratch = folder.path().join("scratch");
                let taken = backup::of_directory(&data, &scratch, start, &[], &mut |_| (), &mut out).unwrap();
                assert!(taken.was_open && !scratch.exists());
                taken.head
            };
            assert!(head.seq >= before, "{round}: {} is older than {before}", head.seq);
            paths.push(path);
            if round == 3 {
                shop.engine.take_checkpoint().unwrap();
            }
            let checked = backup::check(&Chain::find(&paths, Until::End).unwrap()).unwrap();
            assert_eq!((checked.seq, &checked.hash, checked.is_same), (head.seq, &head.hash, Some(true)), "{round}");
            last = Some(head);
        }
        stop.store(true, Ordering::Relaxed);
    });
}

/// What a backup has yet to read stays in the log, however long its reader takes; and goes afterwards.
#[test]
fn a_slow_reader_of_a_backup_loses_nothing_to_a_trim() {
    struct Slow<'a> {
        shop: &'a Shop,
        clock: &'a ManualClock,
        taken: Vec<u8>,
        trims: u32,
    }
    impl std::io::Write for Slow<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if self.trims < 3 && self.taken.len() > 1000 {
                self.trims += 1;
                self.clock.advance(3_600_000);
                some(self.shop, 1000, 5);
                self.shop.engine.take_checkpoint().unwrap();
            }
            self.taken.extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let mut short = options();
    (short.settings.log_retention_seconds, short.settings.idempotency_retention_seconds) = (60, 60);
    let (engine, _) = Engine::open(&folder.path().join("original"), short, clock.clone(), None).unwrap();
    let shop = Shop { engine, clock: clock.clone(), disk: MemoryDisk::default() };
    some(&shop, 0, 400);
    let truth = hash(&shop.engine);
    let mut slow = Slow { shop: &shop, clock: &clock, taken: Vec::new(), trims: 0 };
    let head = shop.engine.back_up(Start::Whole, &[], &mut |_| (), &mut slow).unwrap();
    assert_eq!(((head.seq, head.hash.clone()), head.oldest, slow.trims), (truth, 1, 3));
    let path = folder.path().join("0.backup");
    fs::write(&path, &slow.taken).unwrap();
    assert_eq!(backup::check(&Chain::find(&[path], Until::End).unwrap()).unwrap().hash, head.hash);
    clock.advance(3_600_000);
    shop.engine.take_checkpoint().unwrap();
    shop.wait_until("the log is trimmed", || shop.engine.oldest() > 1);
}

/// Two logs of one epoch: the one that was written anew after its end was lost has other records under the same numbers.
#[test]
fn a_later_backup_continues_only_the_record_that_the_earlier_one_ends_with() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let [(one, _), (other, _)] = ["one", "other"].map(|name| open(&folder.path().join(name), &clock));
    assert_eq!(one.engine.epoch(), other.engine.epoch());
    let backup = |shop: &Shop, name: &str, start: Start| {
        let path = folder.path().join(name);
        shop.engine.back_up(start, &[], &mut |_| (), &mut fs::File::create(&path).unwrap()).unwrap();
        path
    };
    some(&one, 0, 10);
    some(&other, 0, 9);
    // The same number of records as the other, of which the last is another one.
    other.receive("SKU-2", "s1", 11);
    other.reserve(&[("SKU-2", "s1", 1)]);
    let seq = one.engine.state().view.seq();
    assert_eq!(other.engine.state().view.seq(), seq);
    let whole = backup(&one, "1.backup", Start::Whole);
    some(&one, 10, 3);
    some(&other, 10, 3);
    let epoch = one.engine.epoch();
    let (own, foreign) =
        (backup(&one, "2.backup", Start::After(epoch, seq)), backup(&other, "3.backup", Start::After(epoch, seq)));
    let checked = backup::check(&Chain::find(&[whole.clone(), own], Until::End).unwrap()).unwrap();
    assert_eq!((checked.seq, checked.is_same), (one.engine.state().view.seq(), Some(true)));
    let refused = backup::check(&Chain::find(&[whole, foreign], Until::End).unwrap()).unwrap_err();
    assert!(refused.to_string().contains(&format!("follows another record {seq}")), "{refused}");
}
