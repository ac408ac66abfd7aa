//! A start: reads the log and folds it.

use std::sync::Arc;

use anaquel_bench::{Numbers, name, request, settings, stock};
use anaquel_engine::Engine;
use anaquel_engine::event::MovementKind;
use anaquel_engine::ids::Seq;
use anaquel_engine::journal::memory::MemoryDisk;
use anyhow::ensure;

use super::child::{beyond, here};
use super::fixture::{Held, House, told};
use super::writes::{confirm, moved};

const SKUS: u32 = 10;
const LOCATIONS: u32 = 10;
/// The batch size.
const TOGETHER: u64 = 64;
const ROUNDS: u64 = 20;
/// Reservations, then their confirmations, then as many movements: enough that the stock is small in comparison.
pub const RECORDS: u64 = 3 * TOGETHER * ROUNDS;

pub fn replay(records: u64) -> anyhow::Result<()> {
    let (disk, clock) = (MemoryDisk::default(), Arc::new(Held::default()));
    let open = || Engine::in_memory(disk.clone(), settings(), clock.clone(), None);
    let first = |engine: &Engine| engine.state().view.seq();
    let engine = open().map_err(|damage| anyhow::anyhow!("{damage:?}"))?;
    stock(&engine, SKUS, LOCATIONS, 1_000_000);
    engine.run(|engine, done| engine.reserve(request(0, 0), None, done))?;
    let house = House::of(engine, clock.clone())?;
    let (before, mut numbers) = (first(&house.engine), Numbers(5));
    let mut place = || (numbers.pick(SKUS), numbers.pick(LOCATIONS));
    for _ in 0..ROUNDS {
        let from = first(&house.engine);
        house.together(|engine| {
            for _ in 0..TOGETHER {
                let (sku, location) = place();
                engine.reserve(request(sku, location), None, told());
            }
        });
        let made: Vec<Seq> = (from + 1..=first(&house.engine)).collect();
        house.together(|engine| {
            for seq in &made {
                engine.submit(confirm(anaquel_engine::ids::ReservationId(*seq)), None, told());
            }
        });
        house.together(|engine| {
            for _ in 0..TOGETHER {
                let (sku, location) = place();
                engine.move_stock(vec![moved(sku, location, MovementKind::Sale, -1)], None, told());
            }
        });
    }
    let logged = first(&house.engine) - before;
    ensure!(logged == records, "{logged} records were made instead of {records}");
    drop(house);
    let (nothing, mut opened) = (MemoryDisk::default(), None);
    let empty = || Engine::in_memory(nothing, settings(), clock.clone(), None);
    // The fixed cost of a start is not part of a record's cost.
    beyond(|| drop(here(empty)), || opened = Some(here(open)));
    let Some(opened) = opened else { return Ok(()) };
    let engine = opened.map_err(|damage| anyhow::anyhow!("{damage:?}"))?;
    ensure!(engine.state().catalogue.skus.id(name("sku", 0).as_str()).is_some(), "the log was not read");
    ensure!(first(&engine) == before + records, "some of the log was not read");
    Ok(())
}
