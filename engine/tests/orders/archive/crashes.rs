//! A crash at any point of a step, copies at any point, files that lack what the log has, and damage.

use anaquel_engine::engine::archive::Reached;

use super::*;
use crate::common::{contents, copy, put_back};

/// Opens a copy, and checks that everything is there once; returns the orders in memory.
fn check_copy(directory: &Path, clock: &Arc<ManualClock>, before: &Reads) -> usize {
    let shop = open(directory, clock);
    assert_eq!(&reads(&shop), before);
    let here = in_memory(&shop).0;
    // It goes on from there.
    shop.engine.archive_now().unwrap();
    assert_eq!(in_memory(&shop), (0, 0, 0));
    assert_eq!(&reads(&shop), before);
    shop.engine.close().unwrap();
    drop(shop);
    verify::verify(directory, verify::Allowances::default()).unwrap();
    here
}

#[test]
fn a_crash_at_any_point_of_a_step_loses_nothing_and_doubles_nothing() {
    let (at, shop) = on_disk();
    (0..20).for_each(|nth| drop(sold(&shop, nth)));
    at.pass_days(MEMORY_DAYS + 1);
    let before = reads(&shop);
    let copies = tempfile::tempdir().unwrap();
    let mut taken = Vec::new();
    shop.engine
        .archive_watched(&mut |reached| {
            let to = copies.path().join(format!("copy-{}", taken.len()));
            copy(&at.directory, &to);
            taken.push((reached, to));
        })
        .unwrap();
    assert_eq!(reads(&shop), before);
    let points: Vec<_> = taken.iter().take(3).map(|(reached, _)| *reached).collect();
    assert_eq!(points, [Reached::Written, Reached::Indexed, Reached::Logged]);
    for (reached, directory) in &taken {
        let here = check_copy(directory, &at.clock, &before);
        assert!(*reached == Reached::Logged || here > 0, "{reached:?}: what is not logged has not left");
    }
}

#[test]
fn a_kill_at_any_point_of_a_step_is_mended_in_place() {
    for stop_at in [Reached::Written, Reached::Indexed, Reached::Logged] {
        let (at, shop) = on_disk();
        (0..3).for_each(|nth| drop(sold(&shop, nth)));
        at.pass_days(MEMORY_DAYS + 1);
        shop.engine.archive_now().unwrap();
        (3..6).for_each(|nth| drop(sold(&shop, nth)));
        at.pass_days(MEMORY_DAYS + 1);
        let before = reads(&shop);
        // What a kill leaves of the archive, put into the directory of a shop that was closed before the step.
        let kept = tempfile::tempdir().unwrap();
        let mut files = None;
        shop.engine
            .archive_watched(&mut |reached| {
                if reached == stop_at {
                    let to = kept.path().join(format!("{reached:?}"));
                    copy(&at.directory.join("archive"), &to);
                    files = Some(to);
                }
            })
            .unwrap();
        shop.engine.close().unwrap();
        drop(shop);
        // The log has the record here: a file that lacks its bytes gets them from there, the index catches up.
        std::fs::remove_dir_all(at.directory.join("archive")).unwrap();
        copy(&files.unwrap(), &at.directory.join("archive"));
        let shop = open(&at.directory, &at.clock);
        assert_eq!((in_memory(&shop), reads(&shop)), ((0, 0, 0), before), "{stop_at:?}");
        prove(&at, shop);
    }
}

#[test]
fn what_was_written_and_not_logged_is_taken_back_in_place() {
    let (at, shop) = on_disk();
    (0..3).for_each(|nth| drop(sold(&shop, nth)));
    at.pass_days(MEMORY_DAYS + 1);
    shop.engine.archive_now().unwrap();
    (3..9).for_each(|nth| drop(sold(&shop, nth)));
    at.pass_days(MEMORY_DAYS + 1);
    let (before, here) = (reads(&shop), in_memory(&shop));
    shop.engine.close().unwrap();
    drop(shop);
    let whole = contents(&at.directory);
    let shop = open(&at.directory, &at.clock);
    let steps = shop.engine.archive_now().unwrap().len();
    shop.engine.close().unwrap();
    drop(shop);
    let ahead = tempfile::tempdir().unwrap();
    copy(&at.directory.join("archive"), &ahead.path().join("archive"));
    // The log is as before the steps, and files and index are ahead of it.
    put_back(&at.directory, &whole);
    std::fs::remove_dir_all(at.directory.join("archive")).unwrap();
    copy(&ahead.path().join("archive"), &at.directory.join("archive"));
    let shop = open(&at.directory, &at.clock);
    assert_eq!((in_memory(&shop), reads(&shop)), (here, before.clone()));
    assert_eq!(shop.engine.archive_now().unwrap().len(), steps);
    assert_eq!((in_memory(&shop), reads(&shop)), ((0, 0, 0), before));
    prove(&at, shop);
}

#[test]
fn what_a_file_lacks_is_written_again_from_the_log() {
    let (at, shop) = on_disk();
    (0..20).for_each(|nth| drop(sold(&shop, nth)));
    at.pass_days(MEMORY_DAYS + 1);
    let before = reads(&shop);
    shop.engine.archive_now().unwrap();
    let archive = at.directory.join("archive");
    let files: Vec<PathBuf> = (1..=shop.engine.state().own.archive.standing().ends.len())
        .map(|number| archive.join(format!("{number:06}.archive")))
        .collect();
    let shop = at.restart(shop);
    assert!(files.len() > 2);
    shop.engine.close().unwrap();
    drop(shop);
    let whole: Vec<Vec<u8>> = files.iter().map(|path| std::fs::read(path).unwrap()).collect();
    // A file at any length, without those after it; the index of before is ahead then, or goes with it.
    for (nth, path) in files.iter().enumerate() {
        for (length, has_index) in [(0, true), (14, false), (20, true), (whole[nth].len() - 1, false)] {
            std::fs::write(path, &whole[nth][..length]).unwrap();
            files[nth + 1..].iter().for_each(|path| drop(std::fs::remove_file(path)));
            if !has_index {
                std::fs::remove_dir_all(archive.join("index")).unwrap();
            }
            let shop = open(&at.directory, &at.clock);
            assert_eq!(reads(&shop), before, "{} at {length}", path.display());
            shop.engine.close().unwrap();
            drop(shop);
            assert!(files.iter().zip(&whole).all(|(path, whole)| std::fs::read(path).unwrap() == *whole));
        }
    }
    // Bytes that nobody logged are cut.
    let last = files.len() - 1;
    std::fs::write(&files[last], [&whole[last][..], b"never logged"].concat()).unwrap();
    std::fs::write(archive.join("000099.archive"), b"begun").unwrap();
    let shop = open(&at.directory, &at.clock);
    assert_eq!(reads(&shop), before);
    assert_eq!(std::fs::read(&files[last]).unwrap(), whole[last]);
    assert!(!archive.join("000099.archive").exists());
}

#[test]
fn damage_is_told_by_file_and_byte() {
    let (at, shop) = on_disk();
    (0..20).for_each(|nth| drop(sold(&shop, nth)));
    at.pass_days(MEMORY_DAYS + 1);
    shop.engine.archive_now().unwrap();
    shop.engine.close().unwrap();
    drop(shop);
    let path = at.directory.join("archive/000001.archive");
    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    std::fs::write(&path, &flipped).unwrap();
    let is_told = |text: &str| text.contains("000001.archive at byte") && text.contains("Restore");
    let proof = verify::verify(&at.directory, verify::Allowances::default()).unwrap_err().to_string();
    assert!(is_told(&proof), "{proof}");
    // A start does not read old files; whoever reads the frame is told.
    let shop = open(&at.directory, &at.clock);
    let errors: Vec<String> = (0..20)
        .filter_map(|nth| {
            shop.engine
                .order(&format!("S-{nth}"))
                .err()
                .or(shop.engine.receipt(&receipt_id(&format!("R:{}", nth + 1))).err())
        })
        .map(|error| error.to_string())
        .collect();
    assert!(errors.len() <= 1 && errors.iter().all(|error| is_told(error)), "{errors:?}");
    shop.engine.close().unwrap();
    drop(shop);
    // Without its index, the file has to be read.
    std::fs::remove_dir_all(at.directory.join("archive/index")).unwrap();
    let refused = try_open(&at.directory, &at.clock).err().unwrap();
    assert!(is_told(&refused), "{refused}");
    std::fs::write(&path, &whole).unwrap();
    open(&at.directory, &at.clock);
}
