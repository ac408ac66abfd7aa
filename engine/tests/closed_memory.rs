//! What a closed reservation costs in memory, measured by what the process holds.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]

mod common;

use std::sync::mpsc;

use anaquel_engine::Engine;
use anaquel_engine::command::{Command, Completion, Outcome, StepRequest};
use anaquel_engine::event::Cause;
use anaquel_engine::ids::ReservationId;
use anaquel_engine::journal::memory::MemoryDisk;
use anaquel_engine::settings::Settings;
use common::*;

/// Resident bytes of this process.
fn resident() -> i64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: i64 = pages.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// Submits one command.
type Submit<'a> = &'a dyn Fn(&Engine, Completion);

/// Runs many commands at once, and tells the reservations in the order of the commands.
fn all(engine: &Engine, submit: &[Submit<'_>]) -> Vec<ReservationId> {
    let (tx, rx) = mpsc::channel();
    for (nth, submit) in submit.iter().enumerate() {
        let tx = tx.clone();
        let done = move |outcome| match outcome {
            Ok(Outcome::Reservation(reservation)) => drop(tx.send((nth, reservation.id))),
            other => panic!("{other:?}"),
        };
        submit(engine, Box::new(done));
    }
    drop(tx);
    let mut ids: Vec<_> = rx.iter().collect();
    assert_eq!(ids.len(), submit.len());
    ids.sort_unstable();
    ids.into_iter().map(|(_, id)| id).collect()
}

/// Resident bytes that come with `count` reservations collected, with customer, order and code, half of them with two lines.
fn held(count: u64, settings: Settings) -> (i64, Shop) {
    const AT_A_TIME: u64 = 4_000;
    let before = resident();
    let shop = Shop::on(MemoryDisk::default(), ManualClock::at(START_MS), settings);
    for place in 0..200 {
        shop.receive("A", &format!("s{place}"), 100_000_000);
    }
    let step = |id: ReservationId, request: StepRequest| {
        move |engine: &Engine, done: Completion| engine.submit(Command::step(id, request.clone()), None, done)
    };
    for first in (0..count).step_by(AT_A_TIME as usize) {
        let reserves: Vec<_> = (first..first + AT_A_TIME)
            .map(|nth| {
                let (one, other) = (format!("s{}", nth % 200), format!("s{}", (nth * 7 + 3) % 200));
                let lines = [("A", one.as_str(), 1), ("A", other.as_str(), 1)];
                let mut request = hold(&lines[..1 + (nth % 2) as usize]);
                request.customer = Some(format!("customer-{nth}").into());
                request.order = Some(format!("order-{nth}").into());
                request.confirm = true;
                let actor = Some(format!("caller-{}", nth % 50));
                move |engine: &Engine, done: Completion| {
                    let cause =
                        Some(Box::new(Cause { actor: actor.clone(), caller: nth % 50 + 1, ..Cause::default() }));
                    engine.reserve(request.clone(), cause, done);
                }
            })
            .collect();
        let ids = all(&shop.engine, &reserves.iter().map(|submit| submit as _).collect::<Vec<_>>());
        let readies: Vec<_> = ids.iter().map(|id| step(*id, StepRequest::Ready { entropy: id.0 })).collect();
        all(&shop.engine, &readies.iter().map(|submit| submit as _).collect::<Vec<_>>());
        let collect = StepRequest::Collect { lines: None, pickup_code: None };
        let collects: Vec<_> = ids.iter().map(|id| step(*id, collect.clone())).collect();
        all(&shop.engine, &collects.iter().map(|submit| submit as _).collect::<Vec<_>>());
    }
    let kept = if shop.engine.settings().closed_reservation_bytes == 0 { 0 } else { count as usize };
    shop.wait_until("all is left to the log", || {
        let reservations = &shop.engine.state().reservations;
        (reservations.entries(), reservations.len()) == (kept, kept)
    });
    let (counted, held) = (shop.engine.state().reservations.closed_bytes(), resident() - before);
    eprintln!("{count} closed, {kept} kept: {held} bytes, {counted} counted");
    assert!(kept == 0 || counted as i64 / count as i64 >= 120, "what is counted is about what is taken");
    (held, shop)
}

/// With `ANAQUEL_CLOSED` any number, such as 1,000,000.
#[test]
fn a_closed_reservation_costs_at_most_200_bytes() {
    let count = std::env::var("ANAQUEL_CLOSED").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let none = Settings { recent_reservation_bytes: 0, closed_reservation_bytes: 0, ..Settings::default() };
    let all = Settings { recent_reservation_bytes: 0, closed_reservation_bytes: 1 << 40, ..Settings::default() };
    // The log and all else is the same in all three, and nothing is given back in between; the first one warms up.
    let (_, _first) = held(count, none.clone());
    let (with, _second) = held(count, all);
    let (without, _third) = held(count, none);
    let each = (with - without) as f64 / count as f64;
    eprintln!("{each:.1} bytes a closed reservation");
    assert!(each <= 200.0, "{each} bytes");
}
