//! Random lives of a shop from several threads, with crashes in between, against the auditor: a second and simpler
//! implementation that adds the log up by itself. The seed is printed; `ANAQUEL_SEED` runs one again.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]

mod common;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use anaquel_engine::admission::Place;
use anaquel_engine::command::{Failure, Rebind, StepRequest};
use anaquel_engine::event::{MovementKind, Purpose};
use anaquel_engine::ids::{ReservationId, Timestamp};
use anaquel_engine::settings::Settings;
use common::{Numbers, START_MS, Shop, audit, hold, name, some_rule};

const THREADS: u64 = 4;
const STEPS: u64 = 150;

/// An expected no, or a bug.
fn expected(outcome: Result<impl Sized, Failure>) {
    match outcome {
        Ok(_) | Err(Failure::Refused(_)) => {}
        Err(other) => panic!("{other}"),
    }
}

fn live(shop: &Shop, made: &Mutex<Vec<ReservationId>>, clock: &AtomicU64, mut numbers: Numbers) {
    for _ in 0..STEPS {
        let cell = |numbers: &mut Numbers| (format!("A{}", numbers.below(4)), format!("s{}", numbers.below(2)));
        let (sku, location) = cell(&mut numbers);
        let some = |numbers: &mut Numbers| {
            let made = made.lock().unwrap();
            made.get(numbers.below(made.len().max(1) as u64) as usize).copied()
        };
        match numbers.below(15) {
            0..=3 => {
                let (other_sku, other_location) = cell(&mut numbers);
                let mut request = hold(&[
                    (&sku, &location, 1 + numbers.below(3) as u32),
                    (&other_sku, &other_location, 1 + numbers.below(2) as u32),
                ]);
                for line in &mut request.lines {
                    if numbers.below(3) == 0 {
                        let now = START_MS + clock.load(Ordering::Relaxed);
                        line.latest = Some(Timestamp(now + 1000 * numbers.below(40)));
                    }
                    if numbers.below(3) == 0 {
                        line.place = Place::Group(name(&format!("g{}", numbers.below(2))));
                    }
                }
                request.ttl_seconds = 1 + numbers.below(5) as u32;
                request.allow_partial = numbers.below(3) == 0;
                request.confirm = numbers.below(6) == 0;
                request.purpose = if numbers.below(3) == 0 { Purpose::Pickup } else { Purpose::Cart };
                request.supersedes = some(&mut numbers).filter(|_| numbers.below(3) == 0);
                let outcome = shop.try_reserve(request);
                if let Ok(reservation) = &outcome {
                    made.lock().unwrap().push(reservation.id);
                }
                expected(outcome);
            }
            4 => shop.receive(&sku, &location, 1 + numbers.below(6) as i64),
            5 => drop(shop.sell(&sku, &location, 1 + numbers.below(2) as i64)),
            6 => {
                let at = START_MS + numbers.below(clock.load(Ordering::Relaxed) + 1);
                let time = Some(at).filter(|_| numbers.below(2) == 0);
                let safety = Some(numbers.below(3) as u32);
                expected(shop.try_count_with(&sku, &location, numbers.below(12) as i32, time, safety));
            }
            7 => expected(shop.try_move(vec![
                shop.movement(MovementKind::Adjustment, &sku, &location, numbers.below(5) as i64 - 7),
                shop.movement(MovementKind::Return, &sku, &location, 2),
            ])),
            8 => {
                clock.fetch_add(700, Ordering::Relaxed);
                shop.clock.advance(700);
                shop.engine.wake();
            }
            13 => {
                let name = format!("po-{}", numbers.below(3));
                let seconds = clock.load(Ordering::Relaxed) / 1000 + numbers.below(30);
                shop.supply(&name, &sku, &location, numbers.below(7) as u32, seconds);
            }
            14 => {
                let mut receipt = shop.movement(MovementKind::Receipt, &sku, &location, 1 + numbers.below(6) as i64);
                receipt.unplanned = numbers.below(2) == 0;
                let other = shop.movement(MovementKind::Receipt, &sku, &location, 2);
                expected(shop.try_move(vec![receipt, other]));
            }
            12 => {
                let fields = Some(some_rule(&mut numbers)).filter(|_| numbers.below(4) > 0);
                expected(shop.put_rule(&format!("r{}", numbers.below(3)), fields));
            }
            kind => {
                let Some(id) = some(&mut numbers) else { continue };
                let lines = Some(vec![shop.units(&sku, &location, 1)]).filter(|_| kind == 11);
                expected(match numbers.below(6) {
                    4 => shop.try_step(id, StepRequest::Bind { lines: None }),
                    5 => {
                        let to = shop.engine.state().catalogue.locations.id(&location);
                        let sku = shop.units(&sku, &location, 1).sku;
                        let quantity = Some(1).filter(|_| numbers.below(2) == 0);
                        let lines = vec![Rebind { sku, group: None, from: None, to, quantity }];
                        match numbers.below(2) {
                            0 => shop.try_step(id, StepRequest::Bind { lines: Some(lines) }),
                            _ => shop.try_step(id, StepRequest::Rebind { lines }),
                        }
                    }
                    0 => shop.confirm(id),
                    1 => shop.try_step(id, StepRequest::Ready { entropy: numbers.below(u64::MAX) }),
                    2 => shop.try_step(id, StepRequest::Collect { lines, pickup_code: None }),
                    _ => shop.try_step(id, StepRequest::Cancel { lines, reason: None }),
                });
            }
        }
    }
}

#[test]
fn no_interleaving_breaks_a_promise() {
    let given = std::env::var("ANAQUEL_SEED").ok().and_then(|seed| seed.parse().ok());
    let first: u64 = given.unwrap_or_else(|| u64::from(std::process::id()) * 7919);
    let rounds = if given.is_some() { 1 } else { 12 };
    for seed in first..first + rounds {
        println!("seed {seed}");
        let mut numbers = Numbers(seed | 1);
        let mut shop = Shop::open();
        let (made, clock) = (Mutex::default(), AtomicU64::new(0));
        for n in 0..4 {
            for location in ["s0", "s1"] {
                shop.receive(&format!("A{n}"), location, 8);
            }
        }
        shop.put_group("g0", &["s0", "s1"]);
        shop.put_group("g1", &["s1"]);
        for _ in 0..3 {
            std::thread::scope(|scope| {
                for _ in 0..THREADS {
                    let numbers = Numbers(numbers.below(u64::MAX) | 1);
                    scope.spawn(|| live(&shop, &made, &clock, numbers));
                }
            });
            shop.clock.advance(10_000);
            clock.fetch_add(10_000, Ordering::Relaxed);
            shop.sell("A0", "s0", 1);
            shop.wait_until("nothing is in flight", || shop.engine.in_flight() == 0);
            audit(&shop);
            // A crash: what is durable is replayed, and leads to the same.
            let before = shop.engine.state().view.read(|| shop.engine.state().hash.show());
            let (disk, manual) = (shop.disk.clone(), shop.clock.clone());
            drop(shop);
            disk.crash(0);
            shop = Shop::on(disk, manual, Settings::default());
            assert_eq!(shop.engine.state().view.read(|| shop.engine.state().hash.show()), before);
            audit(&shop);
        }
    }
}
