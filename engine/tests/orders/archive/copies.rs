//! Copies in any order, backups, and restores to any record.

use anaquel_engine::backup::{self, Chain, Start, Until};

use super::*;
use crate::common::{copy, hash, store};

/// Sells and archives, so that the archive grows.
fn a_season(at: &OnDisk, shop: &Shop, from: u64) {
    (from..from + 5).for_each(|nth| drop(sold(shop, nth)));
    at.pass_days(MEMORY_DAYS + 1);
    shop.engine.archive_now().unwrap();
}

#[test]
fn a_copy_that_takes_the_archive_before_or_after_the_log_has_all_of_it() {
    for archive_first in [true, false] {
        let (at, shop) = on_disk();
        a_season(&at, &shop, 0);
        let copied = at.directory.with_file_name("copied");
        let copy_archive = || copy(&at.directory.join("archive"), &copied.join("archive"));
        let copy_rest = || {
            for name in ["identity", "secret"] {
                std::fs::copy(at.directory.join(name), copied.join(name)).unwrap();
            }
            copy(&at.directory.join("journal"), &copied.join("journal"));
            copy(&at.directory.join("images"), &copied.join("images"));
        };
        std::fs::create_dir_all(&copied).unwrap();
        shop.engine.take_checkpoint().unwrap();
        if archive_first {
            copy_archive()
        } else {
            copy_rest()
        }
        let before = reads(&shop);
        a_season(&at, &shop, 5);
        let after = reads(&shop);
        if archive_first {
            copy_rest()
        } else {
            copy_archive()
        }
        drop(shop);
        let copy = open(&copied, &at.clock);
        assert_eq!(reads(&copy), if archive_first { after } else { before });
        copy.engine.close().unwrap();
        drop(copy);
        verify::verify(&copied, verify::Allowances::default()).unwrap();
    }
}

/// Takes a backup; returns its last record.
fn backed_up(shop: &Shop, path: &Path, start: Start) -> u64 {
    let mut file = std::fs::File::create(path).unwrap();
    shop.engine.back_up(start, &[], &mut |_| (), &mut file).unwrap().seq
}

#[test]
fn backups_carry_the_archive_and_a_restore_leads_to_any_record() {
    let (at, shop) = on_disk();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut moments = Vec::new();
    let mut note = |shop: &Shop| moments.push((hash(&shop.engine).0, reads(shop)));
    a_season(&at, &shop, 0);
    shop.engine.take_checkpoint().unwrap();
    let whole_at = backed_up(&shop, &path("whole"), Start::Whole);
    note(&shop);
    a_season(&at, &shop, 5);
    note(&shop);
    let needed = Needed { orders: vec![name("S-1")], ..Needed::default() };
    shop.engine.recall_needed(&needed).unwrap();
    note(&shop);
    backed_up(&shop, &path("later"), Start::After(shop.engine.epoch(), whole_at));
    // One of the files, that a server has open or not.
    let scratch = path("scratch");
    let mut file = std::fs::File::create(path("files")).unwrap();
    backup::of_directory(&at.directory, &scratch, Start::Whole, &[], &mut |_| (), &mut file).unwrap();
    let state = (hash(&shop.engine), reads(&shop));
    shop.engine.close().unwrap();
    drop(shop);
    for (nth, (seq, reads_then)) in moments.iter().enumerate() {
        let chain = Chain::find(&[path("whole"), path("later")], Until::Seq(*seq)).unwrap();
        backup::check(&chain).unwrap();
        let target = path(&format!("restored-{nth}"));
        backup::restore(&chain, &target, store(), 7).unwrap();
        verify::verify(&target, verify::Allowances::default()).unwrap();
        let shop = open(&target, &at.clock);
        assert_eq!(&reads(&shop), reads_then, "at {seq}");
        a_season(&at, &shop, 100);
        prove(&OnDisk { _folder: tempfile::tempdir().unwrap(), directory: target, clock: at.clock.clone() }, shop);
    }
    let chain = Chain::find(&[path("files")], Until::End).unwrap();
    let target = path("restored");
    backup::restore(&chain, &target, store(), 8).unwrap();
    let shop = open(&target, &at.clock);
    assert_eq!((hash(&shop.engine), reads(&shop)), state);
    // A backup that lost a byte of the archive is none.
    let mut bytes = std::fs::read(path("whole")).unwrap();
    let magic = bytes.windows(8).position(|window| window == b"ANQARCH\n").unwrap();
    bytes[magic + 40] ^= 1;
    std::fs::write(path("broken"), &bytes).unwrap();
    assert!(backup::read_through(&path("broken")).is_err());
}
