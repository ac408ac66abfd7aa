//! Whole cycles of the journal thread: from queued commands to the last answer, with the log in memory.

use anaquel_engine::supply;
use std::sync::atomic::Ordering::Relaxed;

use anaquel_bench::{Numbers, name, request};
use anaquel_engine::Engine;
use anaquel_engine::admission::{MovementRequest, ReserveRequest};
use anaquel_engine::command::{Command, Count, NameRef, Rows, StepRequest, SupplyFields};
use anaquel_engine::event::{Event, MovementKind, SupplyKind};
use anaquel_engine::ids::{ReservationId, Timestamp};
use anyhow::ensure;

use super::child::repeat;
use super::fixture::{BEGINNING, House, told, until};

/// As small as possible: loading the stock passes the counted function, and is subtracted.
const SKUS: u32 = 20;
const LOCATIONS: u32 = 10;
/// The number of locations that the 1,000 cells are in.
const MANY_SKUS: u32 = 100;
/// Commands in one batch.
const TOGETHER: u64 = 64;
/// The time to live of a hold.
const TTL_SECONDS: u64 = 900;

fn house(skus: u32, on_hand: i32) -> anyhow::Result<House> {
    House::new(skus, LOCATIONS, on_hand)
}

/// This many requests of one line for pseudo-random cells.
fn requests(times: u64) -> Vec<ReserveRequest> {
    let mut numbers = Numbers(5);
    (0..times).map(|_| request(numbers.pick(SKUS), numbers.pick(LOCATIONS))).collect()
}

/// A fixture in which the channel is known, and a reservation exists.
fn opened(skus: u32, on_hand: i32) -> anyhow::Result<House> {
    let house = house(skus, on_hand)?;
    reserve_together(&house, vec![request(0, 0)]);
    Ok(house)
}

/// One by one, each in a cycle of its own.
fn each<T>(house: &House, all: Vec<T>, submit: impl Fn(&Engine, T)) -> bool {
    counted(house, || {
        for one in all {
            submit(&house.engine, one);
            house.settle();
        }
    })
}

/// The counted work begins with all threads idle. Checks that it was done.
fn counted(house: &House, work: impl FnOnce()) -> bool {
    house.settle();
    let mut is_done = false;
    repeat(|| {
        work();
        is_done = true;
    });
    is_done
}

pub fn reservation(times: u64) -> anyhow::Result<()> {
    let house = opened(SKUS, 1_000_000)?;
    each(&house, requests(times), |engine, request| engine.reserve(request, None, told()));
    Ok(())
}

/// All commands of a batch are written together.
fn reserve_together(house: &House, requests: Vec<ReserveRequest>) {
    house.together(|engine| requests.into_iter().for_each(|request| engine.reserve(request, None, told())));
}

/// A multiple of the batch size.
fn groups(times: u64) -> Vec<Vec<ReserveRequest>> {
    (0..times).map(|_| requests(TOGETHER)).collect()
}

pub fn reservations_together(times: u64) -> anyhow::Result<()> {
    let house = opened(SKUS, 1_000_000)?;
    let (groups, before) = (groups(times), rounds(&house));
    let is_done = counted(&house, || groups.into_iter().for_each(|group| reserve_together(&house, group)));
    ensure!(!is_done || rounds(&house) - before == times, "the commands were not one batch");
    Ok(())
}

/// Cycles that wrote something.
fn rounds(house: &House) -> u64 {
    house.engine.counters().batches.load(Relaxed)
}

pub fn confirmation(times: u64) -> anyhow::Result<()> {
    let house = opened(SKUS, 1_000_000)?;
    let before = house.engine.state().view.seq();
    reserve_together(&house, requests(times));
    // A reservation's id is its record.
    let made = before + 1..=house.engine.state().view.seq();
    let steps = made.map(|seq| confirm(ReservationId(seq))).collect();
    each(&house, steps, |engine, step| engine.submit(step, None, told()));
    Ok(())
}

/// Confirms a hold.
pub fn confirm(id: ReservationId) -> Command {
    Command::step(id, StepRequest::Confirm { pickup_by: None, order: None })
}

pub fn expiry(times: u64) -> anyhow::Result<()> {
    // A second apart, and all of them before the first is due.
    let house = house(SKUS, 1_000_000)?;
    for group in groups(times) {
        house.clock.pass(1);
        reserve_together(&house, group);
    }
    house.clock.pass(TTL_SECONDS - times);
    let expired = |house: &House| house.engine.counters().expired.load(Relaxed);
    ensure!(expired(&house) == 0, "some are due already");
    let before = rounds(&house);
    let is_done = counted(&house, || {
        for group in 1..=times {
            house.clock.pass(1);
            house.engine.wake();
            until(|| expired(&house) == group * TOGETHER);
            house.settle();
        }
    });
    ensure!(!is_done || rounds(&house) - before == times, "the expiries were not one batch");
    Ok(())
}

/// One unit arrives at a cell, or leaves it.
pub fn moved(sku: u32, location: u32, kind: MovementKind, change: i64) -> MovementRequest {
    let (sku, location) = (name("sku", sku), name("location", location));
    MovementRequest { kind, sku, location, change, occurred_at: None, reference: None, unplanned: false }
}

pub fn movement(times: u64) -> anyhow::Result<()> {
    let house = opened(SKUS, 1_000_000)?;
    let mut numbers = Numbers(5);
    let mut sold = || moved(numbers.pick(SKUS), numbers.pick(LOCATIONS), MovementKind::Sale, -1);
    let all: Vec<_> = (0..times).map(|_| vec![sold()]).collect();
    each(&house, all, |engine, rows| engine.move_stock(rows, None, told()));
    Ok(())
}

/// Each order has a backorder of one unit in its own cell.
pub fn receipt(times: u64) -> anyhow::Result<()> {
    let house = house(MANY_SKUS, 0)?;
    let places: Vec<_> = (0..times as u32).map(|nth| (nth % MANY_SKUS, nth / MANY_SKUS)).collect();
    let state = house.engine.state();
    let comes = |(sku, location): &(u32, u32)| SupplyFields {
        as_of: None,
        line: 0,
        name: name("po", 0),
        kind: SupplyKind::PurchaseOrder,
        sku: state.sku_ref(&name("sku", *sku)),
        location: state.location_ref(&name("location", *location)),
        quantity: 1,
        expected_at: Some(Timestamp(BEGINNING.0 + 86_400_000)),
    };
    let rows = places.iter().map(comes).collect();
    house.together(|engine| engine.submit(Command::supply(rows), None, told()));
    let order = |(sku, location): &(u32, u32)| {
        let mut request = request(*sku, *location);
        request.confirm = true;
        request.lines.iter_mut().for_each(|line| line.latest = Some(Timestamp::MAX));
        request
    };
    reserve_together(&house, places.iter().map(order).collect());
    let come = |(sku, location)| vec![moved(sku, location, MovementKind::Receipt, 1)];
    let before = state.view.seq();
    let is_done =
        each(&house, places.into_iter().map(come).collect(), |engine, rows| engine.move_stock(rows, None, told()));
    let records = house.engine.events(before, times as usize)?;
    ensure!(!is_done || records.len() == times as usize, "not every receipt is a record");
    for record in records {
        let filled = matches!(&record.event, Event::Supply(supply::event::Event::Received(received)) if received.fills.len() == 1);
        ensure!(filled, "{:?} fills no order", record.event);
    }
    Ok(())
}

/// A count of every cell, with the same units in each.
fn counts(engine: &Engine, on_hand: i32) -> Vec<Count> {
    let cells = (0..MANY_SKUS).flat_map(|sku| (0..LOCATIONS).map(move |location| (sku, location)));
    let (safety_stock, counted_at, as_of) = (Some(0), None, None);
    let known = cells.map(|(sku, location)| {
        let state = engine.state();
        (state.sku_ref(&name("sku", sku)), state.location_ref(&name("location", location)))
    });
    known.map(|(sku, location)| Count { line: 0, sku, location, on_hand, counted_at, safety_stock, as_of }).collect()
}

pub fn count(times: u64) -> anyhow::Result<()> {
    let house = opened(MANY_SKUS, 100)?;
    let all: Vec<_> = (1..=times as i32).map(|more| Command::count(counts(&house.engine, 100 + more))).collect();
    each(&house, all, |engine, command| engine.submit(command, None, told()));
    Ok(())
}

pub fn unchanged_import(times: u64) -> anyhow::Result<()> {
    let house = opened(MANY_SKUS, 100)?;
    let rows = counts(&house.engine, 100);
    ensure!(rows.iter().all(|row| matches!(row.sku, NameRef::Known(_))), "a row has an unknown SKU");
    let chunk = || Command::load(Rows::Stock { counts: rows.clone(), create: true }, false);
    each(&house, (0..times).map(|_| chunk()).collect(), |engine, command| engine.submit(command, None, told()));
    Ok(())
}
