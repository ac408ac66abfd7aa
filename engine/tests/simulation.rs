//! Lives of a shop on a disk that fails: writes that are torn, syncs that fail, no room, power that is cut at any moment
//! with any part of what was not synced kept. After each failure the log is added up again by the auditor, every write
//! that was acknowledged is in it, where it was, and the engine's state is what the log says.
//!
//! One client, one seed. `ANAQUEL_SEED=n` lives one life again, `ANAQUEL_SEEDS=n` so many of 2,000 steps.

use crate::common::life::{Life, settle};
use crate::common::{Numbers, Shop, audit};
use anaquel_engine::command::Failure;
use anaquel_engine::engine::Health;
use anaquel_engine::event::Record;
use anaquel_engine::ids::Seq;
use anaquel_engine::journal::memory::Fault;
use anaquel_engine::settings::Settings;
use anaquel_seeds::seeds;

/// Steps of one life.
const STEPS: u64 = 2_000;

/// What a run came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Acknowledged {
    steps: u64,
    refused: u64,
    faults: u64,
    crashes: u64,
    /// Parts that were written, not synced, and kept all the same.
    kept: u64,
}

#[test]
fn what_was_acknowledged_survives_every_failure_of_the_disk() {
    let mut told = Acknowledged::default();
    for seed in seeds(&[], 20_000 / STEPS) {
        live(seed.value(), &mut told);
    }
    println!("{told:?}");
    assert!(told.crashes > 0 && told.faults > 0 && told.refused > 0, "nothing failed: {told:?}");
}

/// Lives in which a build sold what a buffer held back, as the log alone showed (2, 4 and 6), or moved a lorry of units one
/// by one (1 and 8).
#[test]
fn lives_that_found_a_fault_are_lived_again() {
    let mut told = Acknowledged::default();
    for seed in [1, 2, 4, 6, 8] {
        println!("seed {seed}");
        live(seed, &mut told);
    }
}

#[test]
fn a_seed_is_one_life() {
    let lives = [(); 2].map(|()| {
        let mut told = Acknowledged::default();
        (live(4711, &mut told), told)
    });
    let [(one, told), (other, told_again)] = lives;
    let differ = one.iter().zip(&other).position(|(one, other)| one != other);
    assert_eq!(differ.map(|at| (&one[at], &other[at])), None);
    assert_eq!((one.len(), told), (other.len(), told_again));
}

/// One life from its first step to its last; the log that it leaves.
fn live(seed: u64, told: &mut Acknowledged) -> Vec<Record> {
    let mut numbers = Numbers(seed | 1);
    let mut shop = Shop::open();
    // What was found before several holds could be replaced is lived as it was.
    let mut life = Life::begin(&shop);
    life.one_at_a_time = seed < 10;
    if seed >= 10 {
        life.give(&shop);
    }
    for _ in 0..STEPS {
        if numbers.below(150) == 0 {
            let fault = match numbers.below(3) {
                0 => Fault::Full,
                1 => Fault::TornWrite(numbers.below(2) as usize),
                _ => Fault::FailedSync,
            };
            shop.disk.inject(numbers.below(3), fault);
            told.faults += 1;
        }
        told.steps += 1;
        let outcome = life.step(&shop, &mut numbers);
        // What is visible is durable: the engine shows nothing before.
        let acknowledged = shop.engine.state().view.seq();
        match outcome {
            Ok(()) => {}
            Err(Failure::Refused(_)) => told.refused += 1,
            Err(Failure::ReadOnly(_) | Failure::Unknown(_)) => {
                let is_full = matches!(shop.engine.health(), Health::Full(_));
                if is_full && numbers.below(2) == 0 {
                    shop.wait_until("there is room again", || shop.engine.health() == Health::Ready);
                } else {
                    shop = crash(shop, acknowledged, &mut numbers, told);
                }
            }
            Err(other) => panic!("{other}"),
        }
        if numbers.below(400) == 0 {
            let acknowledged = shop.engine.state().view.seq();
            shop = crash(shop, acknowledged, &mut numbers, told);
        }
    }
    let acknowledged = shop.engine.state().view.seq();
    crash(shop, acknowledged, &mut numbers, told).engine.events(0, usize::MAX).unwrap()
}

/// Cuts the power and starts again.
fn crash(shop: Shop, acknowledged: Seq, numbers: &mut Numbers, told: &mut Acknowledged) -> Shop {
    told.crashes += 1;
    let before = shop.engine.events(0, acknowledged as usize).unwrap();
    assert_eq!(before.len() as u64, acknowledged, "the log has what is visible");
    let (disk, clock) = (shop.disk.clone(), shop.clock.clone());
    drop(shop);
    let kept = numbers.below(disk.unsynced() as u64 + 1);
    told.kept += kept;
    disk.crash(kept as usize);
    let shop = Shop::on(disk, clock, Settings::default());
    settle(&shop);
    assert!(shop.engine.state().view.seq() >= acknowledged, "an acknowledged write was lost");
    assert_eq!(shop.engine.events(0, before.len()).unwrap(), before, "an acknowledged write was changed");
    audit(&shop);
    shop
}
