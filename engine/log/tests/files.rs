//! The log in files: cut, damaged, trimmed, copied and read while it grows.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anaquel_cells::ids::{Seq, Timestamp};
use anaquel_log::{
    Batch, BatchBuilder, Journal, JournalReader, LogOptions, LogWriter, OpenError, ReadError, Recovered, StoreKind,
    mend, open,
};

/// Small files, so that a few batches take several.
fn options() -> LogOptions {
    LogOptions { reserve_bytes: 0, store: StoreKind::File, file_bytes: 6_000, ..LogOptions::default() }
}

/// The nth batch: between one and five records, every seventh of several parts.
fn batch(nth: u64, first_seq: Seq) -> Batch {
    let mut builder = BatchBuilder::new(first_seq, Timestamp(nth));
    for number in 0..=nth % 5 {
        let length = if nth.is_multiple_of(7) { 3_000 } else { 40 + nth % 30 };
        builder.push(&vec![(nth + number) as u8; length as usize]);
    }
    builder.batch().clone()
}

fn write(log: &mut dyn Journal, from: u64, count: u64, mut first_seq: Seq) -> Vec<Batch> {
    let mut written = Vec::new();
    for nth in from..from + count {
        let batch = batch(nth, first_seq);
        log.append(&batch).unwrap();
        first_seq = batch.last_seq() + 1;
        written.push(batch);
    }
    written
}

/// A log, what is known of it, and its batches.
type Started = (Box<dyn Journal>, Recovered, Vec<Batch>);

fn start(directory: &Path, from: Seq) -> Result<Started, OpenError> {
    let mut seen = Vec::new();
    let (log, recovered) = open(directory, options(), from, &mut |batch| {
        seen.push(batch);
        Ok(())
    })?;
    Ok((log, recovered, seen))
}

fn read(reader: &dyn JournalReader, from: Seq) -> Result<Vec<Batch>, ReadError> {
    let mut read = Vec::new();
    reader.read(from, &mut |batch| {
        read.push(batch);
        ControlFlow::Continue(())
    })?;
    Ok(read)
}

/// Fails with the numbers of the records, not with their bytes.
#[track_caller]
fn same(found: &[Batch], wanted: &[Batch], what: &str) {
    let spans = |all: &[Batch]| all.iter().map(|batch| (batch.first_seq, batch.last_seq())).collect::<Vec<_>>();
    assert_eq!(spans(found), spans(wanted), "{what}");
    assert!(found == wanted, "{what}: other bytes");
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(directory.join("files")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with("log-"));
    files.sort();
    files
}

/// The bytes of a file up to the zeros at its end.
fn written(path: &Path) -> Vec<u8> {
    let mut bytes = fs::read(path).unwrap();
    bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
    bytes
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() { copy(&path, &to) } else { assert!(fs::copy(&path, &to).is_ok()) }
    }
}

#[test]
fn what_is_written_is_read_from_any_record_on_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("journal");
    let (mut log, recovered, _) = start(&directory, 0).unwrap();
    assert_eq!((recovered.last_seq, recovered.oldest, log.reader().store()), (0, 1, Some(StoreKind::File)));
    assert!(log.append(&batch(1, 2)).is_err(), "the log continues at its end only");
    let mut all = write(log.as_mut(), 0, 60, 1);
    for restarted in [false, true] {
        if restarted {
            drop(log);
            let (again, recovered, seen) = start(&directory, 0).unwrap();
            assert_eq!(recovered.last_seq, all.last().unwrap().last_seq());
            same(&seen, &all, "after a restart");
            log = again;
        }
        let reader = log.reader();
        for seq in 1..=all.last().unwrap().last_seq() {
            let from = all.iter().position(|batch| batch.last_seq() >= seq).unwrap();
            same(&read(reader.as_ref(), seq).unwrap(), &all[from..], &format!("from {seq}"));
        }
        assert_eq!(read(reader.as_ref(), all.last().unwrap().last_seq() + 1).unwrap(), []);
    }
    assert!(files(&directory).len() > 5, "several files");
    all.extend(write(log.as_mut(), 60, 5, all.last().unwrap().last_seq() + 1));
    drop(log);
    let (log, recovered, seen) = start(&directory, Seq::MAX).unwrap();
    assert_eq!(recovered.batches, 1);
    same(&seen, &all[64..], "the last batch alone");
    same(&read(log.reader().as_ref(), 1).unwrap(), &all, "from the beginning");
}

/// A file may end with fewer zeros than a length has bytes, or with none.
#[test]
fn a_file_may_be_full_to_any_byte() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let (mut log, ..) = start(&whole, 0).unwrap();
    let all = write(log.as_mut(), 0, 30, 1);
    drop(log);
    for zeros in 0..6 {
        let directory = folder.path().join(format!("journal-{zeros}"));
        copy(&whole, &directory);
        for path in files(&directory) {
            let mut bytes = written(&path);
            // The last bytes of a batch may be zeros too.
            let kept = fs::read(&path).unwrap();
            let mut ends = 0;
            while let Some(length) =
                kept.get(ends..ends + 4).map(|length| u32::from_le_bytes(length.try_into().unwrap()))
            {
                if length == 0 {
                    break;
                }
                ends += 4 + length as usize;
            }
            bytes.resize(ends + zeros, 0);
            fs::write(&path, bytes).unwrap();
        }
        let (mut log, recovered, seen) = start(&directory, 0).unwrap();
        same(&seen, &all, &format!("{zeros} zeros"));
        let more = write(log.as_mut(), 30, 5, recovered.last_seq + 1);
        same(&read(log.reader().as_ref(), 1).unwrap(), &[all.clone(), more].concat(), "and more");
        drop(log);
        let (log, recovered, _) = start(&directory, Seq::MAX).unwrap();
        assert_eq!(recovered.torn_parts, 0);
        assert_eq!(read(log.reader().as_ref(), 1).unwrap().len(), 35);
    }
}

#[test]
fn a_batch_of_several_megabytes_is_one_batch() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("journal");
    let (mut log, ..) = start(&directory, 0).unwrap();
    let mut builder = BatchBuilder::new(1, Timestamp(1));
    for number in 0..3_000 {
        builder.push(&vec![number as u8; 1_000]);
    }
    log.append(builder.batch()).unwrap();
    let more = write(log.as_mut(), 1, 1, 3_001);
    drop(log);
    let (log, _, seen) = start(&directory, 0).unwrap();
    same(&seen, &[builder.batch().clone(), more[0].clone()], "at a start");
    same(&read(log.reader().as_ref(), 3_001).unwrap(), &more, "behind it");
}

/// A power cut may leave any part of the last batch, or other bytes in its place: it was not acknowledged, and goes. The
/// same below the mark is a lost tail.
#[test]
fn a_torn_end_is_dropped_and_a_lost_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("journal");
    let (mut log, ..) = start(&directory, 0).unwrap();
    let kept = write(log.as_mut(), 0, 20, 1);
    drop(log);
    let mark = fs::read(directory.join("high-water")).unwrap();
    let before = files(&directory);
    let ends = written(before.last().unwrap()).len();
    let (mut log, ..) = start(&directory, Seq::MAX).unwrap();
    // One batch of several parts.
    let last = write(log.as_mut(), 21, 1, kept[19].last_seq() + 1);
    drop(log);
    let newest = files(&directory).last().unwrap().clone();
    let (bytes, begins) = (written(&newest), if Some(&newest) == before.last() { ends } else { 0 });
    let whole = folder.path().join("whole");
    copy(&directory, &whole);
    let mut tried = 0;
    for at in (begins..bytes.len()).step_by(197).chain([begins + 1, begins + 3, begins + 4, bytes.len() - 1]) {
        let zeroed = |at: usize| [&bytes[..at], &vec![0; bytes.len() - at]].concat();
        let flipped = |at: usize| {
            let mut bytes = bytes.clone();
            bytes[at] ^= 8;
            bytes
        };
        for torn in [bytes[..at].to_vec(), zeroed(at), flipped(at)] {
            if torn == bytes {
                continue;
            }
            for is_acknowledged in [false, true] {
                fs::remove_dir_all(&directory).unwrap();
                copy(&whole, &directory);
                fs::write(directory.join("files").join(newest.file_name().unwrap()), &torn).unwrap();
                if is_acknowledged {
                    let refused = start(&directory, 0).map(|_| ()).unwrap_err().to_string();
                    assert!(refused.contains(&format!("damaged at record {}", last[0].first_seq)), "{at}: {refused}");
                    continue;
                }
                fs::write(directory.join("high-water"), &mark).unwrap();
                let (mut log, recovered, seen) = start(&directory, 0).unwrap();
                assert_eq!(recovered.last_seq, kept[19].last_seq(), "{at}");
                same(&seen, &kept, "what is kept");
                let other = write(log.as_mut(), 8, 2, recovered.last_seq + 1);
                same(&read(log.reader().as_ref(), recovered.last_seq + 1).unwrap(), &other, "what follows");
                drop(log);
                let (_, recovered, seen) = start(&directory, 0).unwrap();
                assert_eq!(recovered.torn_parts, 0);
                same(&seen, &[kept.clone(), other].concat(), "at the next start");
                tried += 1;
            }
        }
    }
    assert!(tried > 40, "{tried}");
}

/// Damage anywhere is named by a start or by a reader, and what comes before it can be read.
#[test]
fn damage_is_named_and_never_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("journal");
    let (mut log, ..) = start(&directory, 0).unwrap();
    let all = write(log.as_mut(), 0, 40, 1);
    drop(log);
    let (mut refused, mut named) = (0, 0);
    for path in files(&directory) {
        let (bytes, kept) = (written(&path), fs::read(&path).unwrap());
        for at in (0..bytes.len()).step_by(127) {
            let (cut, mut flipped, mut zeroed) = (bytes[..at].to_vec(), kept.clone(), kept.clone());
            flipped[at] ^= 1 << (at % 8);
            zeroed.iter_mut().skip(at).take(64).for_each(|byte| *byte = 0);
            for damaged in [cut, flipped, zeroed] {
                if damaged == kept {
                    continue;
                }
                fs::write(&path, damaged).unwrap();
                match start(&directory, Seq::MAX) {
                    Err(error) => {
                        assert!(error.to_string().contains("damaged at record"), "{error}");
                        refused += 1;
                    }
                    Ok((log, _, seen)) => {
                        same(&seen, &all[39..], "the last batch");
                        let mut read = Vec::new();
                        let error = log.reader().read(1, &mut |batch| {
                            read.push(batch);
                            ControlFlow::Continue(())
                        });
                        assert!(matches!(error, Err(ReadError::Damaged(_))), "{} at {at}", path.display());
                        same(&read, &all[..read.len()], "before the damage");
                        named += 1;
                    }
                }
            }
        }
        fs::write(&path, kept).unwrap();
    }
    assert!(refused > 20 && named > 50, "{refused} refused, {named} named");
    for path in files(&directory).split_last().unwrap().1 {
        let bytes = fs::read(path).unwrap();
        fs::remove_file(path).unwrap();
        let is_noticed = match start(&directory, 1) {
            Err(_) => true,
            Ok((log, recovered, _)) => recovered.oldest > 1 || read(log.reader().as_ref(), 1).is_err(),
        };
        assert!(is_noticed, "{}", path.display());
        fs::write(path, bytes).unwrap();
    }
}

/// A file that loses its end while the log is open, between two records.
#[test]
fn a_reader_notices_a_file_that_became_shorter() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("journal");
    let (mut log, ..) = start(&directory, 0).unwrap();
    write(log.as_mut(), 0, 5, 1);
    let newest = files(&directory).pop().unwrap();
    fs::File::options().write(true).open(newest).unwrap().set_len(0).unwrap();
    assert!(matches!(read(log.reader().as_ref(), 1), Err(ReadError::Damaged(_))));
}

#[test]
fn a_trim_deletes_whole_files_and_tells_readers() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("journal");
    let (mut log, ..) = start(&directory, 0).unwrap();
    let all = write(log.as_mut(), 0, 60, 1);
    let reader = log.reader();
    let before = files(&directory).len();
    assert!(log.trim(all[30].first_seq).unwrap());
    let oldest = reader.oldest();
    assert!(oldest > 1 && oldest <= all[30].first_seq);
    assert!(matches!(read(reader.as_ref(), oldest - 1), Err(ReadError::Trimmed { oldest: told }) if told == oldest));
    let from = all.iter().position(|batch| batch.first_seq == oldest).unwrap();
    same(&read(reader.as_ref(), oldest).unwrap(), &all[from..], "what is kept");
    assert!(log.trim(Seq::MAX).unwrap());
    assert!(reader.oldest() <= all[59].first_seq, "the newest file stays");
    drop((log, reader));
    assert!(files(&directory).len() < before);
    let (log, recovered, seen) = start(&directory, 0).unwrap();
    assert_eq!((recovered.oldest, seen[0].first_seq), (log.reader().oldest(), recovered.oldest));
}

#[test]
fn readers_see_whole_batches_while_files_come_and_go() {
    const BATCHES: u64 = 3_000;
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("journal");
    let (mut log, ..) = start(&directory, 0).unwrap();
    let (reader, visible) = (log.reader(), Arc::new(AtomicU64::new(0)));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let (reader, visible) = (Arc::clone(&reader), Arc::clone(&visible));
            scope.spawn(move || {
                let mut next = 1;
                loop {
                    let until = visible.load(Ordering::Acquire);
                    let told = reader.read(next, &mut |found| {
                        assert_eq!(found, batch(found.time.0, next));
                        next = found.last_seq() + 1;
                        ControlFlow::Continue(())
                    });
                    match told {
                        Ok(()) => assert!(next > until.min(Seq::MAX - 1) || until == Seq::MAX, "{next} of {until}"),
                        Err(ReadError::Trimmed { oldest }) => next = oldest,
                        Err(error) => panic!("{error}"),
                    }
                    if until == Seq::MAX {
                        return;
                    }
                }
            });
        }
        let mut first_seq = 1;
        for nth in 0..BATCHES {
            let batch = batch(nth, first_seq);
            log.append(&batch).unwrap();
            visible.store(batch.last_seq(), Ordering::Release);
            first_seq = batch.last_seq() + 1;
            if nth % 500 == 499 {
                log.trim(first_seq.saturating_sub(600)).unwrap();
            }
        }
        visible.store(Seq::MAX, Ordering::Release);
    });
}

/// In a copy that is taken while the log is written, a file may have zeros in place of records, and records behind them;
/// the recent log ends somewhere. What one lacks, the other has.
#[test]
fn a_copy_is_joined_from_the_files_and_the_recent_log() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("journal");
    let (mut log, ..) = start(&directory, 0).unwrap();
    let mut all = write(log.as_mut(), 0, 20, 1);
    let recent_from = all[15].first_seq;
    log.begin_recent(recent_from).unwrap();
    all.extend(write(log.as_mut(), 20, 20, all[19].last_seq() + 1));
    let last_seq = all[39].last_seq();
    let recent = directory.join("recent").join(format!("log-{recent_from:020}"));
    let (mut tried, mut later) = (0, 0);
    for path in files(&directory).into_iter().chain([recent.clone()]) {
        let (bytes, kept) = (written(&path), fs::read(&path).unwrap());
        let is_recent = path == recent;
        for at in (0..bytes.len()).step_by(bytes.len() / 9 + 1) {
            let (cut, mut hole, mut flipped) = (bytes[..at].to_vec(), kept.clone(), kept.clone());
            hole.iter_mut().skip(at).take(300).for_each(|byte| *byte = 0);
            flipped[at] ^= 1;
            for harmed in [cut, hole, flipped].into_iter().take(if is_recent { 1 } else { 3 }) {
                let copied = folder.path().join("copied");
                copy(&directory, &copied);
                fs::write(copied.join(path.strip_prefix(&directory).unwrap()), &harmed).unwrap();
                let mended = mend(&copied).unwrap().unwrap();
                assert_eq!((mended.last_seq, mended.marked), (last_seq, last_seq), "{} at {at}", path.display());
                assert!(mended.oldest == 1 || mended.oldest == recent_from, "{}", mended.oldest);
                later += u32::from(mended.oldest > 1);
                let (log, recovered, seen) = start(&copied, 0).unwrap();
                assert_eq!((recovered.last_seq, recovered.oldest), (last_seq, mended.oldest));
                let from = all.iter().position(|batch| batch.first_seq == mended.oldest).unwrap();
                same(&seen, &all[from..], &format!("{} at {at}", path.display()));
                drop(log);
                assert!(mend(&copied).unwrap().is_none(), "it was ended orderly");
                fs::remove_dir_all(copied).unwrap();
                tried += 1;
            }
        }
    }
    assert!(tried > 50 && later > 10 && later < tried / 2, "{later} of {tried} without what is older");
    // Neither has the end: what both lack is told.
    let copied = folder.path().join("copied");
    copy(&directory, &copied);
    let short = all[22].last_seq();
    for path in files(&copied) {
        let first_seq: Seq = path.to_str().unwrap()[path.to_str().unwrap().len() - 20..].parse().unwrap();
        if first_seq > short {
            fs::remove_file(path).unwrap();
        }
    }
    let bytes = fs::read(&recent).unwrap();
    fs::write(copied.join("recent").join(recent.file_name().unwrap()), &bytes[..bytes.len() / 3]).unwrap();
    let mended = mend(&copied).unwrap().unwrap();
    assert!(mended.last_seq >= short && mended.last_seq < last_seq && mended.marked == last_seq, "{mended:?}");
    let (_, recovered, seen) = start(&copied, 0).unwrap();
    assert_eq!(recovered.last_seq, mended.last_seq);
    same(&seen, &all[..seen.len()], "a shorter copy");
}

/// After a failed sync only what was durable is kept, in a fresh directory.
#[test]
fn after_a_failed_sync_what_was_durable_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("journal");
    let (mut log, ..) = start(&directory, 0).unwrap();
    let kept = write(log.as_mut(), 0, 30, 1);
    let mark = fs::read(directory.join("high-water")).unwrap();
    write(log.as_mut(), 30, 3, kept[29].last_seq() + 1);
    drop(log);
    fs::write(directory.join("high-water"), mark).unwrap();
    fs::write(directory.join("failed"), "").unwrap();
    let (mut log, recovered, seen) = start(&directory, 0).unwrap();
    assert_eq!(recovered.last_seq, kept[29].last_seq());
    same(&seen, &kept, "what was durable");
    write(log.as_mut(), 50, 2, recovered.last_seq + 1);
    drop(log);
    assert!(!directory.join("failed").exists() && !folder.path().join("journal.old").exists());
    assert_eq!(start(&directory, 0).unwrap().2.len(), 32);
}

/// A log stays in the store that it is in, whatever the setting.
#[test]
fn a_log_is_opened_as_what_it_is() {
    for (made, set) in [(StoreKind::Sled, StoreKind::File), (StoreKind::File, StoreKind::Sled)] {
        for is_restored in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let directory = folder.path().join("journal");
            let (of, other) = (LogOptions { store: made, ..options() }, LogOptions { store: set, ..options() });
            let mut all: Vec<_> = Vec::new();
            if is_restored {
                let mut log = LogWriter::create(&directory, &of).unwrap();
                let mut first_seq = 7;
                for nth in 0..20 {
                    all.push(batch(nth, first_seq));
                    log.push(&all[nth as usize]).unwrap();
                    first_seq = all[nth as usize].last_seq() + 1;
                }
                log.finish().unwrap();
            } else {
                let (mut log, _) = open(&directory, of, 0, &mut |_| Ok(())).unwrap();
                all = write(log.as_mut(), 0, 20, 1);
            }
            let (mut log, recovered) = open(&directory, other, 0, &mut |_| Ok(())).unwrap();
            assert_eq!((log.reader().store(), recovered.oldest), (Some(made), all[0].first_seq));
            all.extend(write(log.as_mut(), 20, 3, recovered.last_seq + 1));
            same(&read(log.reader().as_ref(), all[0].first_seq).unwrap(), &all, made.as_str());
        }
    }
}
