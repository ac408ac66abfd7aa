//! A restart, a what-if replay and random lives lead to the same numbers.

use std::sync::atomic::AtomicBool;

use anaquel_engine::command::{Failure, PutWhat, SkuFields, StepRequest};
use anaquel_engine::event::MovementKind;
use anaquel_engine::journal::memory::MemoryDisk;
use anaquel_engine::settings::Settings;
use anaquel_engine::{verify, what_if};
use anaquel_seeds::seeds;

use super::{open, sku, track};
use crate::common::{ManualClock, Numbers, START_MS, Shop, audit, hash, hold, hold_in_group, name};

#[test]
fn an_image_and_the_log_behind_it_lead_to_the_same() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let mut shop = Shop::on_disk(directory.path(), &clock);
    shop.declare(&["s1", "s2"]);
    shop.count("CARD", "s1", 4);
    shop.count("CARD", "s1", 0);
    let counted = shop.engine.state().hash.sums();
    let mut held = None;
    for round in 0..8 {
        match round % 4 {
            0 => drop(track(&shop, "CARD", false).unwrap()),
            1 => held = Some(shop.reserve(&[("CARD", "s1", 2), ("CARD", "s2", 3)]).id),
            2 => drop(shop.cancel(held.unwrap()).unwrap()),
            _ => drop(track(&shop, "CARD", true).unwrap()),
        }
        let before = (shop.engine.state().hash.sums(), shop.level("CARD", "s1"));
        assert_eq!(shop.engine.state().hash_anew(), before.0, "round {round}");
        if round % 3 > 0 {
            shop.engine.take_checkpoint().unwrap();
        }
        if round % 2 == 1 {
            // What comes behind the checkpoint is replayed.
            shop.put(PutWhat::Sku(name(&format!("OTHER-{round}")), SkuFields::default())).unwrap();
        }
        let before = (shop.engine.state().hash.sums(), before.1);
        drop(shop);
        shop = Shop::on_disk(directory.path(), &clock);
        assert_eq!((shop.engine.state().hash.sums(), shop.level("CARD", "s1")), before, "round {round}");
        assert_eq!(shop.engine.state().hash_anew(), before.0, "round {round}");
    }
    assert_ne!(shop.engine.state().hash.sums().in_files(), counted.in_files(), "there are more SKUs");
    // It is retired as a thing that is counted, and comes back as one.
    track(&shop, "CARD", false).unwrap();
    shop.put(PutWhat::Retire(anaquel_engine::event::ThingKind::Sku, name("CARD"))).unwrap();
    assert_eq!(shop.engine.state().hash_anew(), shop.engine.state().hash.sums());
    shop.put(PutWhat::Sku(name("CARD"), SkuFields::default())).unwrap();
    assert!(shop.engine.state().catalogue.is_tracked(sku(&shop, "CARD")));
    let before = shop.engine.state().hash.sums();
    assert_eq!(shop.engine.state().hash_anew(), before);
    drop(shop);
    let shop = Shop::on_disk(directory.path(), &clock);
    assert_eq!(shop.engine.state().hash.sums(), before);
    drop(shop);
    verify::verify(directory.path(), verify::Allowances::default()).unwrap();
}

#[test]
fn a_replay_knows_since_when_it_is_counted() {
    let shop = Shop::on(
        MemoryDisk::default(),
        ManualClock::at(START_MS),
        Settings { lost_demand_seconds: 0, ..Settings::default() },
    );
    shop.declare(&["s1", "s2"]);
    shop.put_group("g", &["s1", "s2"]);
    shop.receive("CARD", "s1", 3);
    shop.receive("TEE", "s1", 9);
    let first = shop.reserve(&[("CARD", "s1", 2), ("TEE", "s1", 1)]);
    shop.confirm(first.id).unwrap();
    shop.collect(first.id).unwrap();
    shop.count("CARD", "s1", 0);
    track(&shop, "CARD", false).unwrap();
    let second = shop.reserve(&[("CARD", "s1", 50), ("TEE", "s1", 1)]);
    let mut third = hold_in_group(&[("CARD", "g", 7)]);
    third.supersedes = [second.id].into_iter().collect();
    let third = shop.try_reserve(third).unwrap();
    shop.sell("CARD", "s1", 4);
    shop.cancel(third.id).unwrap();
    track(&shop, "CARD", true).unwrap();
    shop.receive("CARD", "s1", 2);
    let last = shop.reserve(&[("CARD", "s1", 2)]);
    let last_seq = shop.engine.state().view.seq();
    let replayed = |after, until| {
        let question = what_if::Question { after, until: Some(until), ..what_if::Question::default() };
        let report = shop.engine.what_if(&question, &AtomicBool::new(false)).unwrap();
        let sum = |of| what_if::WhatIfReport::sum(of);
        assert_eq!(report.replayed, report.what_if);
        (sum(&report.actual), sum(&report.replayed))
    };
    for after in 0..last_seq {
        for until in after + 1..=last_seq {
            let (actual, told) = replayed(after, until);
            assert_eq!(actual, told, "{after} to {until}");
        }
    }
    assert!(last.id.0 <= last_seq);
    audit(&shop);
}

/// Random lives of it alone, from several threads, cut off and started again.
#[test]
fn lives_lead_to_nothing_but_what_is_promised() {
    for seed in seeds(&[], 4) {
        let mut numbers = Numbers(seed.value() | 1);
        let mut shop = open();
        shop.put_group("g", &["s1", "s2"]);
        for _ in 0..2 {
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    let mut numbers = Numbers(numbers.below(u64::MAX) | 1);
                    let shop = &shop;
                    scope.spawn(move || live(shop, &mut numbers));
                }
            });
            // Whatever is due is over, so that nothing ends with the restart.
            shop.clock.advance(10_000);
            crate::common::life::settle(&shop);
            shop.wait_until("nothing is in flight", || shop.engine.in_flight() == 0);
            let state = shop.engine.state();
            for text in ["s1", "s2"] {
                let cell = shop.level("GIFT", text);
                let counted = state.catalogue.is_tracked(sku(&shop, "GIFT"));
                assert!(counted || cell.free() == 0, "{cell:?}");
            }
            shop.check_promises();
            audit(&shop);
            let before = hash(&shop.engine).1;
            let (disk, clock) = (shop.disk.clone(), shop.clock.clone());
            drop(shop);
            disk.crash(0);
            shop = Shop::on(disk, clock, Settings::default());
            assert_eq!(hash(&shop.engine).1, before);
            audit(&shop);
        }
    }
}

pub(super) fn live(shop: &Shop, numbers: &mut Numbers) {
    let mut made = Vec::new();
    for _ in 0..120 {
        let place = ["s1", "s2"][numbers.below(2) as usize];
        let some = made.get(numbers.below(made.len().max(1) as u64) as usize).copied();
        let done = match numbers.below(10) {
            0..=3 => {
                let units = 1 + numbers.below(4) as u32;
                let mut request = match numbers.below(3) {
                    0 => hold_in_group(&[("GIFT", "g", units)]),
                    _ => hold(&[("GIFT", place, units), ("TEE", "s1", 1)]),
                };
                request.allow_partial = true;
                request.ttl_seconds = 1 + numbers.below(3) as u32;
                request.supersedes = some.filter(|_| numbers.below(3) == 0).into_iter().collect();
                shop.try_reserve(request).map(|reservation| made.push(reservation.id))
            }
            4 => {
                let kind = [MovementKind::Sale, MovementKind::Receipt][numbers.below(2) as usize];
                let change = if kind == MovementKind::Sale { -1 } else { 1 };
                shop.try_move(vec![shop.movement(kind, "GIFT", place, change)]).map(drop)
            }
            5 => shop.try_count("GIFT", place, numbers.below(3) as i32, None).map(drop),
            6 => track(shop, "GIFT", numbers.below(3) == 0).map(drop),
            7 => {
                shop.clock.advance(700);
                Ok(())
            }
            _ => match some {
                Some(id) => match numbers.below(4) {
                    0 => shop.confirm(id),
                    1 => shop.try_step(id, StepRequest::Bind { lines: None }),
                    2 => shop.collect(id),
                    _ => shop.cancel(id),
                }
                .map(drop),
                None => Ok(()),
            },
        };
        match done {
            Ok(()) | Err(Failure::Refused(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
}
