//! What a start reads, what it believes, and whose log it is.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::common::{ManualClock, START_MS, Shop, contents, copy, hash, hold, level, log_files, log_options, put_back};
use anaquel_engine::command::StepRequest;
use anaquel_engine::event::MovementKind;
use anaquel_engine::journal::memory::MemoryDisk;
use anaquel_engine::recovery::{Options, StartReport};
use anaquel_engine::reservation::ReservationState;
use anaquel_engine::settings::Settings;
use anaquel_engine::{Engine, verify};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

fn options() -> Options {
    Options {
        settings: Settings {
            log_retention_seconds: 60,
            idempotency_retention_seconds: 60,
            old_log_bytes_per_second: 1 << 40,
            ..Settings::default()
        },
        log: log_options(),
        entropy: 42,
        trust_clock: false,
        role: None,
    }
}

fn open_with(directory: &Path, clock: &Arc<ManualClock>, options: Options) -> (Shop, StartReport) {
    let (engine, report) = Engine::open(directory, options, clock.clone(), None).unwrap();
    (Shop { engine, clock: clock.clone(), disk: MemoryDisk::default() }, report)
}

fn open(directory: &Path, clock: &Arc<ManualClock>) -> (Shop, StartReport) {
    open_with(directory, clock, options())
}

/// Many records of some length, in batches of 100.
fn fill(shop: &Shop, batches: u32) {
    for batch in 0..batches {
        let rows = (0..100).map(|n| {
            let mut movement = shop.movement(MovementKind::Receipt, &format!("F{n}"), "s1", 1);
            movement.reference = Some(format!("delivery note number {batch}-{n} of a long name"));
            movement
        });
        shop.try_move(rows.collect()).unwrap();
    }
}

fn checked(shop: &Shop) {
    shop.wait_until("the old log is checked", || shop.engine.old_log().is_over);
}

#[test]
fn a_start_reads_the_image_and_what_came_after_it() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let (shop, _) = open(directory.path(), &clock);
    fill(&shop, 300);
    shop.engine.take_checkpoint().unwrap();
    for _ in 0..5 {
        shop.receive("TAIL", "s1", 1);
    }
    let live = hash(&shop.engine);
    drop(shop);
    let (shop, report) = open(directory.path(), &clock);
    assert_eq!(hash(&shop.engine), live);
    // One that adds a name, too.
    assert_eq!(report.replayed, 6);
    assert!(report.log.batches <= 8, "{:?}", report.log);
    assert!(report.log.bytes < 10_000, "{:?}", report.log);
    checked(&shop);
    let old_log = shop.engine.old_log();
    assert_eq!(
        (old_log.damage, old_log.checked + 1, old_log.until),
        (None, report.log.read_from, report.log.read_from)
    );
    assert!(old_log.until > 300);
    assert_eq!(shop.engine.events(0, usize::MAX).unwrap().len() as u64, live.0, "all of it can be read");
    assert_eq!(shop.engine.oldest(), 1);
    drop(shop);
    assert_eq!(
        verify::verify(directory.path(), verify::Allowances::default()).unwrap().records_checked,
        live.0,
        "and verify reads it"
    );
}

#[test]
fn a_bad_image_costs_a_longer_tail_and_nothing_else() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let (shop, _) = open(directory.path(), &clock);
    for _ in 0..2 {
        fill(&shop, 5);
        shop.engine.take_checkpoint().unwrap();
    }
    fill(&shop, 5);
    let live = hash(&shop.engine);
    drop(shop);
    let checkpoints = anaquel_engine::checkpoint::list(&directory.path().join("images")).unwrap();
    for (rest, (_, path)) in checkpoints.iter().enumerate() {
        let middle = fs::metadata(path).unwrap().len() as usize / 2;
        let mut bytes = fs::read(path).unwrap();
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
        let (shop, report) = open(directory.path(), &clock);
        assert_eq!(hash(&shop.engine), live);
        assert_eq!(report.bad_checkpoints.len(), 1, "after {rest} others were set aside");
        let from = report.checkpoint.map_or(1, |checkpoint| checkpoint.start_seq + 1);
        assert_eq!(report.replayed, live.0 + 1 - from);
        checked(&shop);
        assert_eq!(shop.engine.old_log().damage, None);
        drop(shop);
    }
}

/// Where the old log is damaged, it is found, named and told to whoever reads there; writes are taken, nothing up to the
/// damage's place is trimmed away unseen, and `verify` says the same.
#[test]
fn damage_before_the_image_is_named_while_the_engine_serves() {
    let (whole, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let (shop, _) = open(whole.path(), &clock);
    fill(&shop, 400);
    shop.engine.close().unwrap();
    drop(shop);
    // The store notes at an open what it has, and does not look into that again.
    let (shop, _) = open(whole.path(), &clock);
    fill(&shop, 2);
    shop.engine.close().unwrap();
    let live = hash(&shop.engine);
    drop(shop);
    let files = log_files(whole.path());
    let lengths: Vec<_> = files.iter().map(|path| fs::metadata(path).unwrap().len()).collect();
    let length: u64 = lengths.iter().sum();
    let (mut found, mut refused, mut untouched, mut wrote) = (0, 0, 0, 0);
    let (kept, directory) = (contents(whole.path()), whole);
    for at in (0..16).map(|n| length * n / 16 + 40_000) {
        put_back(directory.path(), &kept);
        let (mut rest, mut nth) = (at, 0);
        while lengths.get(nth).is_some_and(|length| rest >= *length) {
            rest -= lengths[nth];
            nth += 1;
        }
        let Some(file) = files.get(nth) else { continue };
        let mut bytes = fs::read(file).unwrap();
        bytes[rest as usize] ^= 0x10;
        fs::write(file, bytes).unwrap();
        let opened = Engine::open(directory.path(), options(), clock.clone(), None);
        let Ok((engine, _)) = opened else {
            refused += 1;
            continue;
        };
        let shop = Shop { engine, clock: clock.clone(), disk: MemoryDisk::default() };
        assert_eq!(hash(&shop.engine), live, "at {at}");
        checked(&shop);
        let Some(damage) = shop.engine.old_log().damage else {
            assert_eq!(shop.engine.events(0, usize::MAX).unwrap().len() as u64, live.0, "at {at}");
            untouched += 1;
            continue;
        };
        found += 1;
        assert!(damage.seq > 0 && damage.seq <= live.0, "{damage}");
        let told = shop.engine.events(0, usize::MAX).unwrap_err().to_string();
        assert!(told.contains("damaged at record"), "{told}");
        // It goes on, through checkpoints and a clean end, and still says so at the next start. The store may come to read the
        // damage by itself, and refuse a write for it: then that is told, and what was acknowledged is there.
        shop.clock.advance(2 * MINUTE);
        let mut gone_on = hash(&shop.engine);
        for _ in 0..3 {
            let movement = shop.movement(MovementKind::Receipt, "AFTERWARDS", "s1", 1);
            if shop.try_move(vec![movement]).is_err() {
                shop.wait_until("it says so", || shop.engine.health() != anaquel_engine::Health::Ready);
                break;
            }
            gone_on = hash(&shop.engine);
            shop.engine.take_checkpoint().unwrap();
            wrote += 1;
        }
        let _ = shop.engine.close();
        drop(shop);
        let Ok((engine, _)) = Engine::open(directory.path(), options(), clock.clone(), None) else { continue };
        let shop = Shop { engine, clock: clock.clone(), disk: MemoryDisk::default() };
        assert!(hash(&shop.engine).0 >= gone_on.0);
        checked(&shop);
        assert!(shop.engine.old_log().damage.is_some(), "what was not seen to be whole is not trimmed away");
        drop(shop);
        let proven = verify::verify(directory.path(), verify::Allowances::default())
            .map(|proof| proof.seq)
            .unwrap_err()
            .to_string();
        assert!(proven.contains("damaged at record"), "{proven}");
    }
    println!(
        "{found} found while it served ({wrote} writes went on), {refused} refused at the start, {untouched} where nothing was written"
    );
    assert!(found > 0 && wrote > 0);
}

#[test]
fn a_clean_stop_trims_so_a_log_that_is_restarted_daily_stays_what_it_is() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let (mut kept, mut per_round) = (Vec::new(), 0);
    for _ in 0..10 {
        let (shop, _) = open(directory.path(), &clock);
        checked(&shop);
        let before = shop.engine.state().view.seq();
        kept.push(before + 1 - shop.engine.oldest());
        fill(&shop, 20);
        per_round = shop.engine.state().view.seq() - before;
        shop.engine.close().unwrap();
        drop(shop);
        clock.advance(10 * MINUTE);
    }
    let most = kept.iter().max().copied().unwrap();
    assert!(most <= 4 * per_round, "{kept:?} records were kept at the starts, {per_round} were written in between");
    assert!(kept[9] >= per_round, "the older checkpoint needs what came after it: {kept:?}");
    verify::verify(directory.path(), verify::Allowances::default()).unwrap();
}

#[test]
fn a_trim_keeps_what_retentions_and_the_older_image_need() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let mut keeping = options();
    keeping.settings.log_retention_seconds = 3600;
    let (shop, _) = open_with(directory.path(), &clock, keeping);
    for _ in 0..4 {
        fill(&shop, 5);
        shop.engine.take_checkpoint().unwrap();
        clock.advance(10 * MINUTE);
    }
    shop.engine.close().unwrap();
    drop(shop);
    let (shop, _) = open(directory.path(), &clock);
    assert_eq!(shop.engine.oldest(), 1, "nothing is older than the retention");
    checked(&shop);
    shop.engine.close().unwrap();
    drop(shop);
    let (shop, _) = open(directory.path(), &clock);
    let checkpoints = anaquel_engine::checkpoint::list(&directory.path().join("images")).unwrap();
    assert!(
        shop.engine.oldest() > 1 && shop.engine.oldest() <= checkpoints[1].0 + 1,
        "the older checkpoint needs what follows it"
    );
}

#[test]
fn a_restart_and_a_move_keep_the_epoch_and_a_copy_gets_its_own() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let original = folder.path().join("original");
    let (shop, report) = open(&original, &clock);
    assert!(report.created && report.new_epoch.is_none());
    let epoch = shop.engine.epoch();
    shop.receive("A", "s1", 9);
    let before = shop.reserve(&[("A", "s1", 1)]);
    let told_before = shop.engine.reservation_id(before.id);
    shop.engine.take_checkpoint().unwrap();
    drop(shop);
    let moved = folder.path().join("moved");
    fs::rename(&original, &moved).unwrap();
    for _ in 0..2 {
        let (shop, report) = open(&moved, &clock);
        assert_eq!((shop.engine.epoch(), report.new_epoch, report.created), (epoch, None, false));
    }
    let copies = ["copy", "other"].map(|name| folder.path().join(name));
    copies.iter().for_each(|to| copy(&moved, to));

    let open_all = || [&moved, &copies[0], &copies[1]].map(|path| open(path, &clock));
    let shops = open_all();
    assert_eq!(shops[0].0.engine.epoch(), epoch, "the original is what it was");
    let mut epochs = vec![epoch];
    for (shop, report) in &shops[1..] {
        let new = report.new_epoch.unwrap();
        assert_eq!((new.before, new.after), (epoch, hash(&shop.engine).0));
        assert!(
            report.checkpoint.is_some() && report.bad_checkpoints.is_empty(),
            "the checkpoint of the era before is used"
        );
        epochs.push(shop.engine.epoch());
    }
    epochs.sort_unstable_by_key(|epoch| epoch.0);
    epochs.dedup();
    assert_eq!(epochs.len(), 3, "each of the three has its own");
    let told: Vec<_> = shops
        .iter()
        .map(|(shop, _)| {
            let id = shop.engine.parse_reservation_id(&told_before).expect("what was told before goes on working");
            shop.confirm(id).unwrap();
            shop.engine.reservation_id(shop.reserve(&[("A", "s1", 1)]).id)
        })
        .collect();
    for (own, (shop, _)) in told.iter().zip(&shops) {
        for id in &told {
            assert_eq!(shop.engine.parse_reservation_id(id).is_some(), id == own, "{id} of {told:?}");
        }
        shop.engine.take_checkpoint().unwrap();
    }
    let live = shops.each_ref().map(|(shop, _)| (shop.engine.epoch(), hash(&shop.engine)));
    drop(shops);
    // Nobody gets another one by a restart, and a copy of a copy has a longer history.
    let shops = open_all();
    for ((shop, report), (epoch, state)) in shops.iter().zip(live) {
        assert_eq!((shop.engine.epoch(), hash(&shop.engine), report.new_epoch), (epoch, state, None));
        assert!(shop.engine.parse_reservation_id(&told_before).is_some());
    }
    drop(shops);
    let again = folder.path().join("again");
    copy(&copies[0], &again);
    let (shop, report) = open(&again, &clock);
    assert!(report.new_epoch.is_some());
    assert_eq!(shop.engine.identity().eras().count(), 3);
    for id in [&told_before, &told[1]] {
        assert!(shop.engine.parse_reservation_id(id).is_some());
    }
    drop(shop);
    for path in [&moved, &copies[0], &copies[1], &again] {
        verify::verify(path, verify::Allowances::default()).unwrap();
    }
}

#[test]
fn an_image_of_the_other_history_is_not_taken_for_an_own_one() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let [original, copied] = ["original", "copied"].map(|name| folder.path().join(name));
    let (shop, _) = open(&original, &clock);
    shop.receive("A", "s1", 9);
    drop(shop);
    copy(&original, &copied);
    let (shop, _) = open(&original, &clock);
    shop.receive("B", "s1", 9);
    shop.engine.take_checkpoint().unwrap();
    drop(shop);
    let (shop, _) = open(&copied, &clock);
    for _ in 0..5 {
        shop.receive("C", "s1", 1);
    }
    let live = hash(&shop.engine);
    drop(shop);
    let (_, checkpoint) = anaquel_engine::checkpoint::list(&original.join("images")).unwrap().remove(0);
    fs::create_dir_all(copied.join("images")).unwrap();
    fs::copy(&checkpoint, copied.join("images").join(checkpoint.file_name().unwrap())).unwrap();
    let (shop, report) = open(&copied, &clock);
    assert_eq!(hash(&shop.engine), live);
    assert_eq!(report.bad_checkpoints.len(), 1);
}

#[test]
fn a_copy_that_keeps_everything_is_told_by_its_operator() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let (shop, _) = open(directory.path(), &clock);
    let epoch = shop.engine.epoch();
    drop(shop);
    fs::write(directory.path().join(anaquel_engine::RESTORED), "").unwrap();
    let (shop, report) = open(directory.path(), &clock);
    assert_eq!(report.new_epoch.map(|new| new.before), Some(epoch));
    let epoch = shop.engine.epoch();
    drop(shop);
    let (shop, report) = open(directory.path(), &clock);
    assert_eq!((shop.engine.epoch(), report.new_epoch), (epoch, None), "once");
}

/// As builds before format 2 of `identity` left it.
fn make_old(directory: &Path) {
    let text = fs::read_to_string(directory.join("identity")).unwrap();
    let epoch = text.lines().find_map(|line| line.strip_prefix("epoch ")?.split(' ').next()).unwrap();
    fs::write(directory.join("identity"), format!("anaquel data directory\nformat 1\nepoch {epoch}\n")).unwrap();
    fs::remove_file(directory.join("secret")).unwrap();
}

#[test]
fn a_directory_of_before_keeps_its_epoch_and_the_ids_that_it_told() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let (shop, _) = open(directory.path(), &clock);
    shop.receive("A", "s1", 9);
    let before = shop.reserve(&[("A", "s1", 1)]);
    let epoch = shop.engine.epoch();
    drop(shop);
    make_old(directory.path());
    let told = format!("r-{}-{}", epoch.tag(), before.id.0);
    let mut later: Option<(anaquel_engine::ids::ReservationId, String)> = None;
    for _ in 0..3 {
        let (shop, report) = open(directory.path(), &clock);
        assert_eq!((shop.engine.epoch(), report.new_epoch), (epoch, None));
        assert_eq!(shop.engine.reservation_id(before.id), told);
        assert_eq!(shop.engine.parse_reservation_id(&told), Some(before.id));
        if let Some((id, text)) = &later {
            assert_eq!(shop.engine.reservation_id(*id), *text);
            assert_eq!(shop.engine.parse_reservation_id(text), Some(*id));
        }
        let made = shop.reserve(&[("A", "s1", 1)]);
        let text = shop.engine.reservation_id(made.id);
        assert!(!text.ends_with(&format!("-{}", made.id.0)));
        assert_eq!(shop.engine.parse_reservation_id(&format!("r-{}-{}", epoch.tag(), made.id.0)), None, "guessed");
        later = Some((made.id, text));
    }
}

#[test]
fn a_directory_without_its_secret_says_so() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let (shop, _) = open(directory.path(), &clock);
    shop.receive("A", "s1", 9);
    let told = shop.engine.reservation_id(shop.reserve(&[("A", "s1", 1)]).id);
    drop(shop);
    fs::remove_file(directory.path().join("secret")).unwrap();
    let refused = Engine::open(directory.path(), options(), clock.clone(), None).unwrap_err().to_string();
    assert!(refused.contains("`secret` is missing") && refused.contains("--restored"), "{refused}");
    fs::write(directory.path().join(anaquel_engine::RESTORED), "").unwrap();
    let (shop, _) = open(directory.path(), &clock);
    assert_eq!(shop.engine.parse_reservation_id(&told), None);
}

fn modes(directory: &Path, found: &mut Vec<(PathBuf, u32)>) {
    found.push((directory.to_owned(), fs::metadata(directory).unwrap().permissions().mode() & 0o777));
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            modes(&path, found);
        } else {
            found.push((path.clone(), fs::metadata(&path).unwrap().permissions().mode() & 0o777));
        }
    }
}

#[test]
fn whatever_is_in_the_directory_is_for_its_owner_only() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let directory = folder.path().join("data");
    for was_open in [false, true] {
        if was_open {
            fs::write(directory.join("keys.json"), "{}").unwrap();
            let mut found = Vec::new();
            modes(&directory, &mut found);
            for (path, _) in found {
                let mode = if path.is_dir() { 0o755 } else { 0o644 };
                fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            }
        }
        let (shop, report) = open(&directory, &clock);
        shop.receive("A", "s1", 1);
        shop.engine.take_checkpoint().unwrap();
        let mut found = Vec::new();
        modes(&directory, &mut found);
        assert!(found.len() > 8, "{found:?}");
        for (path, mode) in found {
            assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        }
        assert_eq!(report.open_to_others, Vec::<PathBuf>::new());
    }
}

#[test]
fn an_hour_is_the_limit_of_belief() {
    for (ahead, is_believed) in [(59 * MINUTE, true), (61 * MINUTE, false), (23 * HOUR, false)] {
        let (directory, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
        let (shop, _) = open(directory.path(), &clock);
        shop.receive("A", "s1", 2);
        let held = shop.reserve(&[("A", "s1", 1)]);
        drop(shop);
        clock.advance(ahead);
        let (shop, report) = open(directory.path(), &clock);
        assert_eq!(report.clock_ahead_seconds, (!is_believed).then_some(ahead / 1000));
        if is_believed {
            shop.wait_until("it is over", || shop.level("A", "s1") == level(2, 0));
            continue;
        }
        assert_eq!(shop.engine.clock().offset_ms, -(ahead as i64), "what it comes to is told");
        assert!(shop.engine.clock().held_back && shop.engine.expiry_frozen());
        // What was there is kept alive, longer than it would have lived; what is new dies in its time.
        let new = shop.reserve(&[("A", "s1", 1)]);
        clock.advance(16 * MINUTE);
        shop.wait_until("the new one is over", || {
            shop.engine.state().reservations.get(new.id).unwrap().state == ReservationState::Expired
        });
        let kept = shop.engine.state().reservations.get(held.id).unwrap();
        assert_eq!(kept.state, ReservationState::Held);
        // A caller whose clock is the right one may say when something happened, whichever that is.
        let happened = START_MS + 16 * MINUTE + ahead;
        assert_eq!(shop.sell_at("A", "s1", 1, happened).cell.level.on_hand, 1);
        // The clock was wrong: with the right one back, nothing is ahead of anything.
        drop(shop);
        clock.set(START_MS + 17 * MINUTE);
        let (shop, report) = open(directory.path(), &clock);
        assert_eq!((report.clock_ahead_seconds, report.clock_behind_seconds), (None, None));
        assert_eq!((shop.engine.clock().offset_ms, shop.engine.clock().held_back), (0, false));
        shop.wait_until("it is over", || {
            shop.engine.state().reservations.get(held.id).unwrap().state == ReservationState::Expired
        });
    }
}

#[test]
fn a_clock_that_is_trusted_is_caught_up_with_and_frozen_holds_end() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let (shop, _) = open(directory.path(), &clock);
    shop.receive("A", "s1", 5);
    for _ in 0..5 {
        shop.reserve(&[("A", "s1", 1)]);
    }
    drop(shop);
    clock.advance(40 * HOUR);
    let (shop, _) = open(directory.path(), &clock);
    clock.advance(HOUR);
    shop.receive("B", "s1", 1);
    assert_eq!(shop.level("A", "s1"), level(5, 5));
    shop.engine.trust_clock();
    shop.wait_until("they end", || shop.level("A", "s1") == level(5, 0));
    assert_eq!((shop.engine.clock().offset_ms, shop.engine.clock().held_back), (0, false));
}

/// 23 hours ahead for a while, trusted, and back: the log is ahead, and nobody's times are wrong for it.
#[test]
fn a_log_that_is_ahead_is_caught_up_with_and_deadlines_are_real_time() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let (shop, _) = open(directory.path(), &clock);
    shop.receive("A", "s1", 9);
    drop(shop);
    clock.advance(23 * HOUR);
    let (shop, _) = open_with(directory.path(), &clock, Options { trust_clock: true, ..options() });
    shop.receive("A", "s1", 1);
    shop.count("A", "s1", 10);
    drop(shop);
    let back = START_MS + MINUTE;
    clock.set(back);
    let (shop, report) = open(directory.path(), &clock);
    assert_eq!(report.clock_behind_seconds, Some(23 * 3600 - 60));
    assert_eq!(shop.engine.clock().offset_ms, (23 * HOUR - MINUTE) as i64);
    let anchors = shop.engine.anchors().clone();
    let told = |at| anchors.told(at).0;
    let meant = |ms| anchors.meant(anaquel_engine::ids::Timestamp(ms));
    // A hold of fifteen minutes is told to end in fifteen minutes, and does.
    let hold_made = shop.reserve(&[("A", "s1", 1)]);
    assert_eq!((told(hold_made.created_at), told(hold_made.expires_at)), (back, back + 15 * MINUTE));
    // An order that is to be fetched within two hours of the real clock is taken, and kept for as long.
    let order = shop.try_reserve(hold(&[("A", "s1", 2)])).unwrap();
    let pickup_by = Some(meant(back + 2 * HOUR));
    shop.try_step(order.id, StepRequest::Confirm { pickup_by, order: None }).unwrap();
    // A sale of this moment counts, although the count before it was ahead.
    clock.set(back + 2000);
    assert!(!shop.sell_at("A", "s1", 1, meant(back + 1000).0).absorbed);
    clock.set(back + 15 * MINUTE - 2000);
    shop.receive("B", "s1", 1);
    assert_eq!(shop.level("A", "s1"), level(9, 3));
    clock.set(back + 15 * MINUTE + 20);
    shop.wait_until("the hold is over", || shop.level("A", "s1") == level(9, 2));
    // A restart in between changes nothing of it.
    drop(shop);
    clock.set(back + HOUR);
    let (shop, report) = open(directory.path(), &clock);
    assert!(report.clock_behind_seconds.is_some());
    assert_eq!(shop.engine.anchors(), &anchors);
    clock.set(back + 2 * HOUR - 2000);
    shop.receive("B", "s1", 1);
    assert_eq!(shop.level("A", "s1"), level(9, 2));
    clock.set(back + 2 * HOUR + 20);
    shop.wait_until("the order is over", || shop.level("A", "s1") == level(9, 0));
    // Time never stands still, and is the clock's again in the end.
    clock.set(back + 47 * HOUR);
    shop.receive("B", "s1", 1);
    assert_eq!(shop.engine.clock().offset_ms, 0);
    let times: Vec<_> = shop.engine.events(0, 1000).unwrap().into_iter().map(|record| record.time).collect();
    assert!(times.is_sorted());
    assert_eq!(times.last().map(|time| time.0), Some(back + 47 * HOUR));
    drop(shop);
    verify::verify(directory.path(), verify::Allowances::default()).unwrap();
}
