//! The real files, cut, zeroed and flipped from end to end: what is not found to be whole is refused by name, and what
//! opens has everything that was acknowledged.
//!
//! `ANAQUEL_STEP=n` damages every nth byte; 1,999 if nothing is said.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use crate::common::{ManualClock, START_MS, Shop, contents, hash, log_options, put_back};
use anaquel_engine::Engine;
use anaquel_engine::journal::memory::MemoryDisk;
use anaquel_engine::recovery::Options;
use anaquel_engine::settings::Settings;

fn options() -> Options {
    Options { settings: Settings::default(), log: log_options(), entropy: 42, trust_clock: true, role: None }
}

/// Waits for the check of the log from before the checkpoint, then reads and writes: what is damaged there is named, by the
/// check and to whoever reads it, and takes no write away. True where something was found.
fn found_later(engine: &Engine, clock: &Arc<ManualClock>, what: &str) -> bool {
    let shop = Shop { engine: engine.clone(), clock: clock.clone(), disk: MemoryDisk::default() };
    shop.wait_until("the old log is checked", || shop.engine.old_log().is_over);
    let damage = shop.engine.old_log().damage;
    let events = shop.engine.events(0, usize::MAX);
    match (&damage, &events) {
        (None, Ok(_)) => {}
        (Some(damage), Err(error)) => {
            assert!(error.to_string().contains("damaged at record"), "{what}: {damage}: {error}");
        }
        (damage, events) => panic!("{what}: the check found {damage:?}, and a reader {:?}", events.is_err()),
    }
    shop.receive("AFTERWARDS", "s1", 1);
    damage.is_some()
}

/// Sixty records in as many batches; what is true at their end.
fn a_shop(directory: &Path, checkpoints: bool, clock: &Arc<ManualClock>) -> (u64, String) {
    let (engine, _) = Engine::open(directory, options(), clock.clone(), None).unwrap();
    let shop = Shop { engine, clock: clock.clone(), disk: MemoryDisk::default() };
    for n in 0..30 {
        let sku = format!("SKU-{}", n % 7);
        shop.receive(&sku, "s1", 10);
        shop.reserve(&[(&sku, "s1", 1)]);
        if checkpoints && n % 10 == 5 {
            shop.engine.take_checkpoint().unwrap();
        }
    }
    hash(&shop.engine)
}

#[derive(Debug, Clone, Copy)]
enum Damage {
    Cut,
    Zero,
    Flip,
}

impl Damage {
    /// Nothing where the bytes stay what they were.
    fn of(self, bytes: &[u8], at: usize) -> Option<Vec<u8>> {
        let mut damaged = bytes.to_owned();
        match self {
            Self::Cut => damaged.truncate(at),
            Self::Zero => damaged.iter_mut().skip(at).take(64).for_each(|byte| *byte = 0),
            Self::Flip => damaged[at] ^= 1 << (at % 8),
        }
        (damaged != bytes).then_some(damaged)
    }
}

fn damaged_everywhere(checkpoints: bool) {
    let step = anaquel_seeds::number("ANAQUEL_STEP").unwrap_or(1999) as usize;
    let (whole, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let true_state = a_shop(whole.path(), checkpoints, &clock);
    let (mut told, mut tried, mut later): (BTreeMap<String, u32>, u32, u32) = Default::default();
    let kept = contents(whole.path());
    for (file, bytes) in &kept {
        let name = file.strip_prefix(whole.path()).unwrap();
        // What lies behind the last byte that says something was never written.
        let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        for at in (0..written).step_by(step.min(written / 8 + 1)) {
            for damage in [Damage::Cut, Damage::Zero, Damage::Flip] {
                let Some(damaged) = damage.of(bytes, at) else { continue };
                tried += 1;
                put_back(whole.path(), &kept);
                fs::write(file, damaged).unwrap();
                let what = format!("{damage:?} {} at {at}", name.display());
                let opened = catch_unwind(AssertUnwindSafe(|| {
                    Engine::open(whole.path(), options(), clock.clone(), None)
                        .map(|(engine, _)| {
                            let state = hash(&engine);
                            later += u32::from(found_later(&engine, &clock, &what));
                            state
                        })
                        .map_err(|error| error.to_string())
                }));
                match opened.unwrap_or_else(|_| panic!("{what}: opening it panicked")) {
                    Ok(state) => assert_eq!(state, true_state, "{what}: it opened, and is something else"),
                    Err(reason) => {
                        assert!(reason.len() > 20, "{what}: {reason}");
                        *told.entry(reason.chars().filter(|c| !c.is_ascii_digit()).take(60).collect()).or_default() +=
                            1;
                    }
                }
            }
        }
    }
    println!(
        "{tried} times damaged, {} times refused, {later} times found while it served: {told:#?}",
        told.values().sum::<u32>()
    );
    assert!(!told.is_empty(), "no damage was found");
}

#[test]
fn a_log_alone() {
    damaged_everywhere(false);
}

#[test]
fn a_log_with_images() {
    damaged_everywhere(true);
}
